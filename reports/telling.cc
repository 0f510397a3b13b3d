#include "reports/telling.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace assay::reports {
namespace {

using golden::Alignment;
using golden::IntDifference;
using golden::LayerAlignment;
using golden::Verdict;

// The length of the UTF-8 sequence at `at`, 0 where it is broken (overlong forms and surrogates included).
size_t sequence_at(const std::string& text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(at);
  const size_t length = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : (first & 0xf0) == 0xe0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  }
  if ((first == 0xe0 && byte(at + 1) < 0xa0) || (first == 0xed && byte(at + 1) >= 0xa0) || (first == 0xf0 && byte(at + 1) < 0x90) || (first == 0xf4 && byte(at + 1) >= 0x90))
    return 0;
  return length;
}

// Byte offsets at which characters begin, and the end.
std::vector<size_t> character_starts(const std::string& text) {
  std::vector<size_t> starts;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) starts.push_back(i);
  }
  starts.push_back(text.size());
  return starts;
}

std::string index_text(const std::vector<int64_t>& index) {
  std::string text = "(";
  for (size_t i = 0; i < index.size(); ++i) text += (i == 0 ? "" : ",") + std::to_string(index[i]);
  return text + ")";
}

const LayerAlignment* first_differing(const Alignment& alignment) {
  for (const LayerAlignment& layer : alignment.layers) {
    if (layer.emu_vs_ppq.first) return &layer;
  }
  return nullptr;
}

// Shares of very few elements need digits; a share that is not zero is never shown as zero.
std::string share_text(uint64_t part, uint64_t whole) {
  const double percent = whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  return fmt::format("{:.4g} %", percent);
}

std::string quantization_error(const Alignment& alignment) {
  const LayerAlignment* lowest = nullptr;
  const LayerAlignment* first = nullptr;
  for (const LayerAlignment& layer : alignment.layers) {
    if (lowest == nullptr || layer.ppq_fp32.cosine() < lowest->ppq_fp32.cosine()) lowest = &layer;
    if (first == nullptr && !(layer.ppq_fp32.cosine() > golden::kAlignedCosine)) first = &layer;
  }
  if (lowest == nullptr) return "nothing was compared";
  std::string text = "lowest layer '" + printable(lowest->name) + "' at cos(ppq, fp32) = " + cosine_text(lowest->ppq_fp32.cosine());
  if (first != nullptr && first != lowest) text += "; first layer not above 0.99 '" + printable(first->name) + "' at " + cosine_text(first->ppq_fp32.cosine());
  return text;
}

std::string emulation_difference(const Alignment& alignment) {
  std::array<uint64_t, 4> layers{};
  uint64_t differing = 0;
  uint64_t elements = 0;
  for (const LayerAlignment& layer : alignment.layers) {
    ++layers[static_cast<size_t>(layer.emu_vs_ppq.verdict)];
    differing += layer.emu_vs_ppq.differing;
    elements += layer.emu_vs_ppq.elements;
  }
  std::string text;
  for (size_t i = 0; i < 3; ++i) text += (i == 0 ? "" : ", ") + counted(layers[i], i == 0 ? "layer" : "") + " " + std::string(to_string(static_cast<Verdict>(i)));
  return text + fmt::format("; {} of {} differ ({})", differing, counted(elements, "element"), share_text(differing, elements));
}

std::string not_comparable(const Alignment& alignment) {
  std::string text;
  for (const LayerAlignment& layer : alignment.layers) {
    if (layer.emu_vs_ppq.verdict == Verdict::NOT_COMPARABLE) text += (text.empty() ? "'" : "; '") + printable(layer.name) + "': " + printable(layer.emu_vs_ppq.why);
  }
  return text.empty() ? "none" : text;
}

}  // namespace

std::string printable(const std::string& text) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const size_t length = sequence_at(text, at);
    const auto first = static_cast<unsigned char>(text[at]);
    // C0, DEL and C1 (U+0080 to U+009F) steer terminals and are not allowed in XML.
    const bool control = length == 0 || first < 0x20 || first == 0x7f || (first == 0xc2 && static_cast<unsigned char>(text[at + 1]) < 0xa0);
    const bool no_character = length == 3 && first == 0xef && static_cast<unsigned char>(text[at + 1]) == 0xbf && static_cast<unsigned char>(text[at + 2]) >= 0xbe;
    result += control || no_character ? "?" : text.substr(at, length);
    at += std::max<size_t>(length, 1);
  }
  return result;
}

std::string xml_escaped(const std::string& text) {
  std::string result;
  for (const char c : printable(text)) {
    switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      case '\'': result += "&#39;"; break;
      default: result += c;
    }
  }
  return result;
}

size_t width_of(const std::string& text) {
  return character_starts(text).size() - 1;
}

std::string beginning(const std::string& text, size_t width) {
  const std::vector<size_t> starts = character_starts(text);
  return text.substr(0, starts[std::min(width, starts.size() - 1)]);
}

std::string shortened(const std::string& text, size_t width) {
  const std::vector<size_t> starts = character_starts(text);
  const size_t length = starts.size() - 1;
  if (length <= width) return text;
  if (width < 5) return beginning(text, width);
  const size_t tail = (width - 2) / 2;  // the end of a layer's name tells more than its middle
  const size_t head = width - 2 - tail;
  return text.substr(0, starts[head]) + ".." + text.substr(starts[length - tail]);
}

std::string cosine_text(double cosine) {
  if (cosine == 1) return "1";
  const std::string text = fmt::format("{:.6f}", cosine);
  return cosine < 1 && text == "1.000000" ? "0.999999" : text;
}

std::string percent_text(uint64_t part, uint64_t whole) {
  const double percent = whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  std::string text = fmt::format("{:.1f}", percent);
  if (part < whole && text == "100.0") text = "99.9";
  if (part > 0 && text == "0.0") text = "0.1";
  return text + " %";
}

namespace {

// " (+1:7 -1:5)": the smallest steps first, as many as fit into `width`, then ".."; "" where none does.
std::string steps_text(const IntDifference& difference, size_t width = 1000) {
  std::vector<std::pair<int64_t, uint64_t>> steps(difference.off_by.begin(), difference.off_by.end());
  std::sort(steps.begin(), steps.end(), [](const auto& a, const auto& b) { return std::pair(std::abs(a.first), -a.first) < std::pair(std::abs(b.first), -b.first); });
  std::string list;
  for (size_t i = 0; i < steps.size(); ++i) {
    const std::string step = fmt::format("{}{:+}:{}", i == 0 ? "" : " ", steps[i].first, steps[i].second);
    const size_t room_after = i + 1 == steps.size() ? 0 : 3;  // " .."
    if (3 + list.size() + step.size() + room_after > width) {
      if (!list.empty()) list += " ..";
      break;
    }
    list += step;
  }
  return list.empty() ? "" : " (" + list + ")";
}

}  // namespace

std::string difference_text(const IntDifference& difference, size_t width) {
  const std::string word(to_string(difference.verdict));
  if (difference.verdict == Verdict::EQUAL) return word;
  if (difference.verdict == Verdict::NOT_COMPARABLE) {
    const std::string reason = word + " " + printable(difference.why);
    return width_of(reason) <= width ? reason : shortened(word, width);
  }
  const std::string steps = steps_text(difference);
  const std::string whole = fmt::format("{} {} of {}{}", word, difference.differing, difference.elements, steps);
  if (whole.size() <= width) return whole;
  const std::string count = fmt::format("{} {}", word, difference.differing);
  if (count.size() > width) return shortened(word, width);
  return count + steps_text(difference, width - count.size());
}

std::string overflow_text(const emu::OverflowCounts& counts) {
  const auto sum = [](const std::vector<uint64_t>& channels) {
    uint64_t total = 0;
    for (const uint64_t count : channels) total += count;
    return total;
  };
  const uint64_t accumulator = sum(counts.accumulator);
  const uint64_t intermediate = sum(counts.intermediate);
  const uint64_t output = sum(counts.output);
  return accumulator + intermediate + output == 0 ? "-" : fmt::format("{}/{}/{}", accumulator, intermediate, output);
}

std::string counted(uint64_t count, const std::string& noun) {
  if (noun.empty()) return std::to_string(count);
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string accuracy_text(const golden::Accuracy& a) {
  return fmt::format("accuracy  fp32 {}  ppq {}  emulated {}  ({})", percent_text(a.fp32_correct, a.labelled), percent_text(a.ppq_correct, a.labelled),
                     percent_text(a.emu_correct, a.labelled), counted(a.labelled, "labelled input"));
}

std::vector<VerdictLine> verdict_lines(const Alignment& alignment) {
  const golden::Verdicts v = alignment.verdicts();
  std::vector<VerdictLine> lines{{"simulation", "cos(ppq, fp32)", v.ppq_fp32, v.simulation_good, v.simulation_good ? "good" : "NOT GOOD", ""},
                                 {"alignment", "cos(emu, ppq)", v.emu_ppq, v.aligned, v.aligned ? "aligned" : "NOT ALIGNED", ""},
                                 {"precision", "cos(emu, fp32)", v.emu_fp32, v.precision_normal, v.precision_normal ? "normal" : "NOT NORMAL", ""}};
  lines[0].meaning = v.simulation_good
                         ? "The quantized model still means what the FP32 model means."
                         : "The quantization itself is at fault, on any device. Next: more or better calibration inputs, another observer, per-channel weights, equalization, or "
                           "a wider type for the lowest layers.";
  lines[1].meaning =
      v.aligned ? "The target's arithmetic and the simulator agree."
                : "The target does not compute what the simulator says. Next: start at the first differing layer below and compare rounding, zero points, clipping, accumulator "
                  "and requantization of the target with the quantization that the simulator was given.";
  if (v.precision_normal) {
    lines[2].meaning = "What the target computes is close to FP32.";
  } else if (!v.simulation_good) {
    lines[2].meaning = "What the target computes is far from FP32; the quantization already is. Next: mend the simulation first.";
  } else {
    lines[2].meaning =
        "What the target computes is far from FP32, although the simulation is good: the target's arithmetic loses it. Next: see the overflows and the first differing layer.";
  }
  return lines;
}

std::vector<ErrorKind> error_kinds(const Alignment& alignment) {
  return {{"quantization error", quantization_error(alignment)}, {"emulation difference", emulation_difference(alignment)}, {"not comparable", not_comparable(alignment)}};
}

std::string first_difference(const Alignment& alignment) {
  const LayerAlignment* layer = first_differing(alignment);
  if (layer == nullptr) return "";
  const golden::FirstMismatch& first = *layer->emu_vs_ppq.first;
  return fmt::format("first difference: layer '{}', sample {}, at {}: ppq {}, emulator {}", printable(layer->name), printable(first.sample), index_text(first.index),
                     first.expected, first.got);
}

std::vector<std::string> note_lines(const Alignment& alignment) {
  std::vector<std::string> lines;
  for (const std::string& note : alignment.notes) lines.push_back(printable(note));
  std::vector<std::pair<std::string, uint64_t>> reasons;
  for (const LayerAlignment& layer : alignment.layers) {
    if (layer.engine_note.empty()) continue;
    const auto found = std::find_if(reasons.begin(), reasons.end(), [&](const auto& reason) { return reason.first == layer.engine_note; });
    if (found == reasons.end()) {
      reasons.emplace_back(layer.engine_note, 1);
    } else {
      ++found->second;
    }
  }
  for (const auto& [reason, count] : reasons) lines.push_back(counted(count, "layer") + " ran by the reference definition: " + printable(reason));
  return lines;
}

}  // namespace assay::reports

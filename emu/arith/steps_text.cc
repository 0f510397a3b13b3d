#include <algorithm>
#include <array>
#include <charconv>

#include "emu/arith/requant.h"
#include "emu/base/error.h"
#include "emu/base/nearest.h"
#include "emu/base/overloaded.h"

namespace assay::emu {
namespace {

constexpr std::array<std::string_view, 5> kFp32Names = {"scale", "bias", "output", "slope", "zero_point"};  // in the order of Fp32Name

template <class Amount>
std::string amount_text(const std::optional<Amount>& amount) {
  return amount ? std::to_string(amount->bits) : "scale";
}

std::string width_text(const std::optional<uint8_t>& bits) {
  return bits ? std::to_string(*bits) : "output";
}

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  for (size_t i = 0; i < text.size();) {
    const size_t start = text.find_first_not_of(' ', i);
    if (start == std::string_view::npos) break;
    const size_t end = std::min(text.find(' ', start), text.size());
    words.push_back(text.substr(start, end - start));
    i = end;
  }
  return words;
}

[[noreturn]] void bad_step(std::string_view text, const std::string& why) {
  throw InputError("step '" + std::string(text) + "': " + why);
}

// A decimal number in [low, high], or `name` for none.
std::optional<uint8_t> number_or(std::string_view word, std::string_view name, int low, int high, std::string_view step) {
  if (word == name) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size() || value < low || value > high) {
    bad_step(step, "expected '" + std::string(name) + "' or a number from " + std::to_string(low) + " to " + std::to_string(high) + ", found '" + std::string(word) + "'");
  }
  return static_cast<uint8_t>(value);
}

std::string operand_text(const Fp32Operand& operand) {
  if (const auto* number = std::get_if<Fp32>(&operand)) return to_string(*number);
  return std::string(kFp32Names[static_cast<size_t>(std::get<Fp32Name>(operand))]);
}

std::string bounds_text(const ClampFp32& step) {
  if (const auto* bounds = std::get_if<std::pair<Fp32, Fp32>>(&step.bounds)) return to_string(bounds->first) + " " + to_string(bounds->second);
  return std::get<Fp32Bounds>(step.bounds) == Fp32Bounds::output ? "output" : "clamp";
}

using Words = std::vector<std::string_view>;

int64_t integer(std::string_view word, int64_t low, int64_t high, std::string_view step) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size() || value < low || value > high) {
    bad_step(step, "expected a number from " + std::to_string(low) + " to " + std::to_string(high) + ", found '" + std::string(word) + "'");
  }
  return value;
}

Round mode(std::string_view word, std::string_view step) {
  const auto round = parse_round(word);
  if (!round) bad_step(step, "'" + std::string(word) + "' is no rounding mode");
  return *round;
}

// A number that is no NaN.
Fp32 fp32_word(std::string_view word, std::string_view step) {
  const auto value = parse_fp32(word);
  if (!value || value->is_nan()) bad_step(step, "expected a binary32 word such as 0x3f000000, found '" + std::string(word) + "'");
  return *value;
}

Fp32Operand parse_operand(std::string_view word, std::string_view step) {
  const auto name = std::find(kFp32Names.begin(), kFp32Names.end(), word);
  if (name != kFp32Names.end()) return static_cast<Fp32Name>(name - kFp32Names.begin());
  if (word.substr(0, 2) == "0x") return fp32_word(word, step);
  bad_step(step, "expected scale, bias, output, slope, zero_point or a binary32 word such as 0x3f000000, found '" + std::string(word) + "'");
}

Step parse_clamp(const Words& words, std::string_view step) {
  if (words.size() == 1) return Clamp{};
  constexpr int64_t kLimit = int64_t{1} << 62;
  const Clamp::Bounds bounds{integer(words[1], -kLimit, kLimit, step), integer(words[2], -kLimit, kLimit, step)};
  if (bounds.low > bounds.high) bad_step(step, "the bounds are in the wrong order");
  return Clamp{bounds};
}

Step parse_clamp_fp32(const Words& words, std::string_view step) {
  if (words.size() == 2 && words[1] == "output") return ClampFp32{Fp32Bounds::output};
  if (words.size() == 2 && words[1] == "clamp") return ClampFp32{Fp32Bounds::clamp};
  if (words.size() == 2) bad_step(step, "expected 'output', 'clamp' or two binary32 words, found '" + std::string(words[1]) + "'");
  const std::pair bounds{fp32_word(words[1], step), fp32_word(words[2], step)};
  if (less(bounds.second, bounds.first)) bad_step(step, "the bounds are in the wrong order");
  return ClampFp32{bounds};
}

Step parse_round_fp32(const Words& words, std::string_view step) {
  const auto format = parse_float_format(words[1]);
  if (!format || *format == kFp32) bad_step(step, "'" + std::string(words[1]) + "' is no narrower format; expected tf32, bf16, fp16, e5m2 or e4m3");
  return RoundFp32{*format, mode(words[2], step)};
}

template <class Amount>
std::optional<Amount> amount(std::string_view word, std::string_view step) {
  const auto bits = number_or(word, "scale", 0, kMaxShiftBits, step);
  return bits ? std::optional(Amount{*bits}) : std::nullopt;
}

// The words that begin a step, how many words may follow each, and what they make.
struct StepWord {
  std::string_view name;
  size_t least, most;
  Step (*parse)(const Words& words, std::string_view step);
};
constexpr int64_t kFactorLimit = (int64_t{1} << 32) - 1;
constexpr std::array kWords = {
    StepWord{"add_bias", 0, 0, [](const Words&, std::string_view) -> Step { return AddBias{}; }},
    StepWord{"add", 1, 1, [](const Words& w, std::string_view s) -> Step { return AddNumber{integer(w[1], -(int64_t{1} << 62), int64_t{1} << 62, s)}; }},
    StepWord{"shift_left", 1, 1, [](const Words& w, std::string_view s) -> Step { return ShiftLeft{amount<LeftShift>(w[1], s)}; }},
    StepWord{"multiply", 0, 1, [](const Words& w, std::string_view s) -> Step { return w.size() == 1 ? Multiply{} : Multiply{integer(w[1], -kFactorLimit, kFactorLimit, s)}; }},
    StepWord{"shift_right", 2, 2,
             [](const Words& w, std::string_view s) -> Step {
               if (w[1] == "first") return ShiftRight{std::nullopt, mode(w[2], s), true};
               return ShiftRight{amount<RightShift>(w[1], s), mode(w[2], s)};
             }},
    StepWord{"saturate", 1, 1, [](const Words& w, std::string_view s) -> Step { return Saturate{number_or(w[1], "output", 1, 64, s)}; }},
    StepWord{"wrap", 1, 1, [](const Words& w, std::string_view s) -> Step { return Wrap{number_or(w[1], "output", 1, 64, s)}; }},
    StepWord{"add_zero_point", 0, 0, [](const Words&, std::string_view) -> Step { return AddZeroPoint{}; }},
    StepWord{"clamp", 0, 2, parse_clamp},
    StepWord{"to_fp32", 0, 0, [](const Words&, std::string_view) -> Step { return ToFp32{}; }},
    StepWord{"mul_fp32", 1, 1, [](const Words& w, std::string_view s) -> Step { return MulFp32{parse_operand(w[1], s)}; }},
    StepWord{"add_fp32", 1, 1, [](const Words& w, std::string_view s) -> Step { return AddFp32{parse_operand(w[1], s)}; }},
    StepWord{"div_fp32", 1, 1, [](const Words& w, std::string_view s) -> Step { return DivFp32{parse_operand(w[1], s)}; }},
    StepWord{"fma_fp32", 2, 2, [](const Words& w, std::string_view s) -> Step { return FmaFp32{parse_operand(w[1], s), parse_operand(w[2], s)}; }},
    StepWord{"leaky_fp32", 1, 1, [](const Words& w, std::string_view s) -> Step { return LeakyFp32{parse_operand(w[1], s)}; }},
    StepWord{"clamp_fp32", 1, 2, parse_clamp_fp32},
    StepWord{"add_half_fp32", 0, 0, [](const Words&, std::string_view) -> Step { return AddHalfFp32{}; }},
    StepWord{"round_fp32", 2, 2, parse_round_fp32},
    StepWord{"to_int", 1, 1, [](const Words& w, std::string_view s) -> Step { return ToInt{mode(w[1], s)}; }},
    StepWord{"store_fp32", 1, 1, [](const Words& w, std::string_view s) -> Step { return StoreFp32{mode(w[1], s)}; }},
};

std::string count_text(const StepWord& word) {
  if (word.name == "clamp") return "no words or 2";
  return word.least == word.most ? std::to_string(word.least) + " words" : std::to_string(word.least) + " or " + std::to_string(word.most) + " words";
}

}  // namespace

std::string to_string(const Step& step) {
  return std::visit(Overloaded{
                        [](const AddBias&) -> std::string { return "add_bias"; },
                        [](const AddNumber& s) { return "add " + std::to_string(s.amount); },
                        [](const ShiftLeft& s) { return "shift_left " + amount_text(s.amount); },
                        [](const Multiply& s) { return s.factor ? "multiply " + std::to_string(*s.factor) : "multiply"; },
                        [](const ShiftRight& s) { return "shift_right " + (s.is_first ? "first" : amount_text(s.amount)) + " " + std::string(to_string(s.round)); },
                        [](const Saturate& s) { return "saturate " + width_text(s.bits); },
                        [](const Wrap& s) { return "wrap " + width_text(s.bits); },
                        [](const AddZeroPoint&) -> std::string { return "add_zero_point"; },
                        [](const Clamp& s) { return s.bounds ? "clamp " + std::to_string(s.bounds->low) + " " + std::to_string(s.bounds->high) : "clamp"; },
                        [](const ToFp32&) -> std::string { return "to_fp32"; },
                        [](const MulFp32& s) { return "mul_fp32 " + operand_text(s.factor); },
                        [](const AddFp32& s) { return "add_fp32 " + operand_text(s.term); },
                        [](const DivFp32& s) { return "div_fp32 " + operand_text(s.divisor); },
                        [](const FmaFp32& s) { return "fma_fp32 " + operand_text(s.factor) + " " + operand_text(s.term); },
                        [](const LeakyFp32& s) { return "leaky_fp32 " + operand_text(s.slope); },
                        [](const ClampFp32& s) { return "clamp_fp32 " + bounds_text(s); },
                        [](const AddHalfFp32&) -> std::string { return "add_half_fp32"; },
                        [](const RoundFp32& s) { return "round_fp32 " + std::string(to_string(s.format)) + " " + std::string(to_string(s.round)); },
                        [](const ToInt& s) { return "to_int " + std::string(to_string(s.round)); },
                        [](const StoreFp32& s) { return "store_fp32 " + std::string(to_string(s.round)); },
                    },
                    step);
}

std::string to_string(const Steps& steps) {
  std::string text;
  for (const Step& step : steps) text += (text.empty() ? "" : "; ") + to_string(step);
  return text;
}

Step parse_step(std::string_view text) {
  const auto words = split_words(text);
  if (words.empty()) bad_step(text, "is empty");
  for (const StepWord& word : kWords) {
    if (word.name != words[0]) continue;
    const size_t count = words.size() - 1;
    if (count < word.least || count > word.most || (word.name == "clamp" && count == 1)) {
      bad_step(text, "'" + std::string(word.name) + "' takes " + count_text(word) + " after it");
    }
    return word.parse(words, text);
  }
  std::vector<std::string> names;
  std::string all;
  for (const StepWord& word : kWords) {
    names.emplace_back(word.name);
    all += (all.empty() ? "" : ", ") + names.back();
  }
  const std::string near = nearest_name(words[0], names);
  bad_step(text, "unknown" + (near.empty() ? "" : ", perhaps '" + near + "'") + "; the steps are " + all);
}

Steps parse_steps(std::string_view text) {
  Steps steps;
  if (split_words(text).empty()) return steps;
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find(';', start), text.size());
    steps.push_back(parse_step(text.substr(start, end - start)));
    start = end + 1;
  }
  return steps;
}

}  // namespace assay::emu

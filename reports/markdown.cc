#include <fmt/format.h>

#include "reports/report.h"
#include "reports/telling.h"

namespace assay::reports {
namespace {

// Names stand as they are: every character that Markdown reads as more than itself is escaped.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : printable(text)) {
    if (std::string_view("\\`*_{}[]<>|#~").find(c) != std::string_view::npos) result += '\\';
    result += c;
  }
  return result;
}

}  // namespace

std::string markdown(const golden::Alignment& alignment) {
  std::string text = fmt::format("# {} on {}\n\n{}, {}. Model SHA-256: {}\n\n", escaped(alignment.model), escaped(alignment.target), counted(alignment.samples, "input"),
                                 counted(alignment.layers.size(), "layer"), alignment.model_sha256.empty() ? "unknown" : escaped(alignment.model_sha256));
  if (!alignment.assumed.empty()) {
    text += "## Assumed, not documented by the target's maker\n\n";
    for (const emu::Claim& claim : alignment.assumed) text += "- **" + escaped(claim.key) + "**: " + escaped(claim.note) + "\n";
    text += "\n";
  }
  text += "## Verdicts\n\nOf the worst output; a cosine must be above 0.99.\n\n| | cosine | | |\n|---|---|---|---|\n";
  for (const VerdictLine& line : verdict_lines(alignment)) {
    text += fmt::format("| {}: {} | {} | **{}** | {} |\n", line.question, line.formula, cosine_text(line.cosine), line.word, line.meaning);
  }
  text += "\n";
  for (const ErrorKind& kind : error_kinds(alignment)) text += "- " + kind.name + ": " + escaped(kind.text) + "\n";
  if (const std::string first = first_difference(alignment); !first.empty()) text += "- " + escaped(first) + "\n";
  if (alignment.accuracy) text += "- " + accuracy_text(*alignment.accuracy) + "\n";
  for (const std::string& note : note_lines(alignment)) text += "- note: " + escaped(note) + "\n";
  text += "\n## Layers\n\n| # | layer | op | shape | cos(ppq,fp32) | cos(emu,fp32) | emulator against ppq | overflows acc/step/out |\n|--:|---|---|---|--:|--:|---|---|\n";
  for (size_t i = 0; i < alignment.layers.size(); ++i) {
    const golden::LayerAlignment& layer = alignment.layers[i];
    text += fmt::format("| {} | {}{} | {} | {} | {} | {} | {} | {} |\n", i, escaped(layer.name), layer.is_output ? " (output)" : "", escaped(layer.operation),
                        escaped(to_string(layer.shape)), cosine_text(layer.ppq_fp32.cosine()), cosine_text(layer.emu_fp32.cosine()),
                        escaped(difference_text(layer.emu_vs_ppq, 200)), overflow_text(layer.overflows));
  }
  return text;
}

}  // namespace assay::reports

// One file, no scripts, nothing fetched: it opens from a mail attachment as well as from a build server.
#include <fmt/format.h>

#include "reports/report.h"
#include "reports/telling.h"

namespace assay::reports {
namespace {

constexpr const char* kStyle = R"(:root { color-scheme: light dark; --line: #8884; --dim: #888; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 80em; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .25em .6em; border-bottom: 1px solid var(--line); vertical-align: top; }
th { position: sticky; top: 0; background: Canvas; } .n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.dim { color: var(--dim); } .name { overflow-wrap: anywhere; }
.EQUAL, .good { color: #0a7d33; } .CLOSE { color: #9a6b00; } .NOT_EQUAL, .bad { color: #c5221f; font-weight: 600; } .NOT_COMPARABLE { color: #8a2be2; font-weight: 600; }
.output td { background: #8881; }
@media (prefers-color-scheme: dark) { .EQUAL, .good { color: #5fd38d; } .CLOSE { color: #e3b341; } .NOT_EQUAL, .bad { color: #ff7b72; } .NOT_COMPARABLE { color: #c69cff; } }
)";

std::string cosine_cell(double cosine) {
  return fmt::format("<td class=\"n{}\">{}</td>", cosine > golden::kAlignedCosine ? "" : " bad", cosine_text(cosine));
}

std::string layer_row(size_t number, const golden::LayerAlignment& layer) {
  const std::string remark =
      (layer.is_output ? " <span class=\"dim\">output</span>" : "") + (layer.node.empty() ? std::string() : "<br><span class=\"dim\">" + xml_escaped(layer.node) + "</span>");
  return fmt::format("<tr{}><td class=\"n\">{}</td><td class=\"name\">{}{}</td><td>{}</td><td>{}</td>{}{}<td class=\"{}\">{}</td><td class=\"n\">{}</td></tr>\n",
                     layer.is_output ? " class=\"output\"" : "", number, xml_escaped(layer.name), remark, xml_escaped(layer.operation), to_string(layer.shape),
                     cosine_cell(layer.ppq_fp32.cosine()), cosine_cell(layer.emu_fp32.cosine()), to_string(layer.emu_vs_ppq.verdict),
                     xml_escaped(difference_text(layer.emu_vs_ppq, 200)), overflow_text(layer.overflows));
}

}  // namespace

std::string html(const golden::Alignment& alignment) {
  const std::string title = xml_escaped(alignment.model) + " on " + xml_escaped(alignment.target);
  std::string text = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width\">\n<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n",
      title, kStyle);
  text += fmt::format("<p>{}, {}. <span class=\"dim\">Model SHA-256 {}</span></p>\n", counted(alignment.samples, "input"), counted(alignment.layers.size(), "layer"),
                      alignment.model_sha256.empty() ? "unknown" : xml_escaped(alignment.model_sha256));
  if (!alignment.assumed.empty()) {
    text += "<h2>Assumed, not documented by the target's maker</h2>\n<ul>\n";
    for (const emu::Claim& claim : alignment.assumed) text += "<li><b>" + xml_escaped(claim.key) + "</b>: " + xml_escaped(claim.note) + "</li>\n";
    text += "</ul>\n";
  }
  text += "<h2>Verdicts</h2>\n<p>Of the worst output; a cosine must be above 0.99.</p>\n<table>\n";
  for (const VerdictLine& line : verdict_lines(alignment)) {
    text += fmt::format("<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"{}\">{}</td><td>{}</td></tr>\n", line.question, line.formula, cosine_text(line.cosine),
                        line.good ? "good" : "bad", line.word, xml_escaped(line.meaning));
  }
  text += "</table>\n<ul>\n";
  for (const ErrorKind& kind : error_kinds(alignment)) text += "<li><b>" + kind.name + "</b>: " + xml_escaped(kind.text) + "</li>\n";
  if (const std::string first = first_difference(alignment); !first.empty()) text += "<li>" + xml_escaped(first) + "</li>\n";
  if (alignment.accuracy) text += "<li>" + accuracy_text(*alignment.accuracy) + "</li>\n";
  for (const std::string& note : note_lines(alignment)) text += "<li>note: " + xml_escaped(note) + "</li>\n";
  text +=
      "</ul>\n<h2>Layers</h2>\n<table>\n<thead><tr><th class=\"n\">#</th><th>layer</th><th>op</th><th>shape</th><th class=\"n\">cos(ppq, fp32)</th><th class=\"n\">cos(emu, "
      "fp32)</th><th>emulator against ppq</th><th class=\"n\">overflows<br>acc/step/out</th></tr></thead>\n<tbody>\n";
  for (size_t i = 0; i < alignment.layers.size(); ++i) text += layer_row(i, alignment.layers[i]);
  return text + "</tbody>\n</table>\n</body>\n</html>\n";
}

}  // namespace assay::reports

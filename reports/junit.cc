// One test case per layer, for build servers. A case fails where the emulator and the simulator differ by more than one step or cannot be compared, and at an output whose cosines
// are not above 0.99.
#include <fmt/format.h>

#include "reports/report.h"
#include "reports/telling.h"

namespace assay::reports {
namespace {

using golden::LayerAlignment;
using golden::Verdict;

// Why the layer's case fails; "" where it passes.
std::string failure_of(const LayerAlignment& layer) {
  std::string why;
  const Verdict verdict = layer.emu_vs_ppq.verdict;
  if (verdict == Verdict::NOT_EQUAL || verdict == Verdict::NOT_COMPARABLE) why = "emulator against ppq: " + difference_text(layer.emu_vs_ppq, 200);
  if (!layer.is_output) return why;
  for (const auto& [name, difference] : {std::pair{"cos(ppq, fp32)", &layer.ppq_fp32}, std::pair{"cos(emu, ppq)", &layer.emu_ppq}, std::pair{"cos(emu, fp32)", &layer.emu_fp32}}) {
    if (!(difference->cosine() > golden::kAlignedCosine)) why += fmt::format("{}{} = {}", why.empty() ? "" : "; ", name, cosine_text(difference->cosine()));
  }
  return why;
}

}  // namespace

std::string junit(const golden::Alignment& alignment) {
  const std::string suite = xml_escaped(alignment.model + " on " + alignment.target);
  std::string cases;
  uint64_t failures = 0;
  for (size_t i = 0; i < alignment.layers.size(); ++i) {
    const LayerAlignment& layer = alignment.layers[i];
    const std::string why = failure_of(layer);
    cases += fmt::format("    <testcase classname=\"{}\" name=\"{} {} {}\"", suite, i, xml_escaped(layer.operation), xml_escaped(layer.name));
    if (why.empty()) {
      cases += "/>\n";
      continue;
    }
    ++failures;
    std::string place;
    if (const auto& first = layer.emu_vs_ppq.first) {
      place = fmt::format("sample {}, index ({}): ppq {}, emulator {}", first->sample, fmt::join(first->index, ","), first->expected, first->got);
    }
    cases += fmt::format(">\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n", xml_escaped(why), xml_escaped(place));
  }
  const size_t tests = alignment.layers.size();
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"assay align\" tests=\"{0}\" failures=\"{1}\">\n  <testsuite name=\"{2}\" tests=\"{0}\" "
      "failures=\"{1}\">\n{3}  "
      "</testsuite>\n</testsuites>\n",
      tests, failures, suite, cases);
}

}  // namespace assay::reports

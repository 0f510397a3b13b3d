#include "emu/target/review.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <sstream>

#include "emu/target/values.h"

namespace assay::emu {
namespace {

constexpr size_t kReviewColumns = 120;

bool begins_with(const std::string& text, const std::string& start) {
  return text.compare(0, start.size(), start) == 0;
}

// Words by which an author says that no document was found.
bool admits_no_document(std::string source) {
  std::transform(source.begin(), source.end(), source.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const char* words : {"not published", "unpublished", "not documented", "undocumented", "no document", "not known", "unknown", "assumed", "guess"}) {
    if (source.find(words) != std::string::npos) return true;
  }
  return false;
}

// "ops.conv.steps", "ops.conv.*" and "ops.*" speak of "ops.conv".
bool speaks_of(const Claim& claim, const std::string& section) {
  if (begins_with(claim.key, section + ".")) return true;
  return claim.key.ends_with(".*") && begins_with(section + ".", claim.key.substr(0, claim.key.size() - 1));
}

void without_effect(const Target& t, Review& review) {
  const auto add = [&](const char* key, const char* why) { review.without_effect.push_back({key, why}); };
  if (t.multiplier.bits == 1) add("multiplier.round", "multiplier.bits is 1: ratios are powers of two, and nothing is rounded");
  const Accumulator& sum = t.accumulate.accumulator;
  if (sum.is_plain() && sum.overflow == Overflow::wrap) add("accumulate.order", "the accumulator wraps, so that every order gives the same sum");
  if (t.average_pool && t.average_pool->form == AverageForm::reciprocal) add("ops.average_pool.round", "the form is reciprocal, whose steps round");
  if (t.table && !interpolates(t.storage.activation.type, t.table->form)) add("ops.table.interpolation_round", "every word has its own entry");
}

// Whether another section serves a model that needs this one, so that it is not refused.
bool is_served(const Target& t, const std::string& section) {
  if (section == "ops.depthwise_conv") return t.conv.has_value();
  if (section == "ops.leaky_relu" || section == "ops.requantize") return t.table.has_value();
  if (section == "ops.softmax") return t.softmax_fixed_point;
  return section == "ops.softmax_fixed_point" && t.softmax.has_value();
}

// Words wrapped at blanks; further lines hang under the first.
void paragraph(std::ostringstream& text, const std::string& first, const std::string& words) {
  std::string line = first;
  bool filled = false;
  std::istringstream in(words);
  for (std::string word; in >> word;) {
    if (filled && line.size() + 1 + word.size() > kReviewColumns) {
      text << line << "\n";
      line = std::string(first.size(), ' ');
      filled = false;
    }
    line += (filled ? " " : "") + word;
    filled = true;
  }
  text << line << "\n";
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

Review review(const Target& target) {
  Review result;
  constexpr std::string_view kSupported = ".supported";
  std::vector<std::string> unsupported;  // sections; those that are no operators too
  for (const KeyValue& value : values_of(target)) {
    if (value.key.ends_with(kSupported) && value.text == "false") unsupported.push_back(value.key.substr(0, value.key.size() - kSupported.size()));
  }
  std::copy_if(unsupported.begin(), unsupported.end(), std::back_inserter(result.lacking),
               [&](const std::string& section) { return begins_with(section, "ops.") && !is_served(target, section); });
  for (const Source& source : target.sources) {
    if (std::any_of(target.claims.begin(), target.claims.end(), [&](const Claim& claim) { return speaks_of(claim, source.section); })) continue;
    if (std::count(unsupported.begin(), unsupported.end(), source.section) > 0) continue;  // decides no bit
    auto& list = admits_no_document(source.text) ? result.unclaimed : result.resting_on_source;
    list.push_back({source.section, source.text});
  }
  without_effect(target, result);
  for (const Claim& claim : target.claims) {
    auto& list = claim.evidence == Evidence::assumed ? result.assumed : claim.evidence == Evidence::measured ? result.measured : result.documented;
    list.push_back(claim.key);
  }
  return result;
}

std::string review_text(const Target& target, const Review& review) {
  std::ostringstream text;
  text << "'" << target.name << "' is a complete target: " << review.documented.size() << " documented, " << review.measured.size() << " measured, " << review.assumed.size()
       << " assumed claims\n";
  text << "\nWhat the rules cannot see\n";
  if (!review.lacking.empty()) paragraph(text, "  it lacks   ", joined(review.lacking) + " (a model that needs one of them is refused, by name)");
  for (const auto& remark : review.unclaimed) {
    paragraph(text, "  no claim   ",
              "[" + remark.key + "] admits that there is no document (\"" + remark.text + "\"), and no [[claim]] says what is known and what would settle it");
  }
  if (!review.assumed.empty()) {
    paragraph(text, "  assumed    ", joined(review.assumed) + ". A device settles them: assay vectors writes the inputs, assay verify --dut asks it");
  }
  if (!review.resting_on_source.empty()) {
    std::vector<std::string> sections;
    for (const auto& remark : review.resting_on_source) sections.push_back(remark.key);
    paragraph(text, "  on trust   ", joined(sections) + ": no claim, so their source is taken to be the maker's document. What it does not say should carry a claim");
  }
  for (const auto& remark : review.without_effect) paragraph(text, "  no effect  ", remark.key + ": " + remark.text);
  text << "\nWhat only a run can see\n";
  paragraph(text, "  arithmetic ", "whether kernels, definitions and exact rationals agree on it: assay verify --self -t " + target.file);
  paragraph(text, "  a model    ",
            "whether its ratios of scales fit, its accumulators hold and its operators are there: assay align MODEL -t " + target.file + " -c INPUTS -o OUT");
  return text.str();
}

}  // namespace assay::emu

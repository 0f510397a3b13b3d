// assay targets diff: two targets side by side, and inputs that tell them apart.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/example_target.h"
#include "cli/pipeline.h"
#include "cli/targets.h"
#include "emu/target/diff.h"
#include "emu/target/load_target.h"
#include "verify/comparison_text.h"
#include "verify/discriminate.h"

namespace assay::cli {
namespace {

struct DiffOptions {
  std::string a, b, dir;
  bool json = false, vectors = false;
  uint64_t seed = 1;
  size_t limit = 3;
};

nlohmann::json json_of(const emu::TargetDiff& diff) {
  nlohmann::json differences = nlohmann::json::array();
  const auto word = [](const std::string& text) { return text.empty() ? nlohmann::json(nullptr) : nlohmann::json(text); };
  for (const emu::KeyDifference& difference : diff.differences) {
    nlohmann::json entry{{"key", difference.key}, {"a", word(difference.a)}, {"b", word(difference.b)}};
    for (const emu::StepPair& pair : difference.steps) entry["steps"].push_back({{"a", word(pair.a)}, {"b", word(pair.b)}});
    differences.push_back(std::move(entry));
  }
  return differences;
}

nlohmann::json json_of(const verify::Comparison& comparison) {
  nlohmann::json pairs = nlohmann::json::array();
  for (const vectors::Pair& pair : comparison.pairs) {
    pairs.push_back({{"op", std::string(to_string(pair.op))},
                     {"asked", pair.asked},
                     {"reason", pair.reason},
                     {"a", {{"operands", pair.a}, {"result", pair.of_a.result}, {"less_zero_point", verify::relative_answer(pair, true)}}},
                     {"b", {{"operands", pair.b}, {"result", pair.of_b.result}, {"less_zero_point", verify::relative_answer(pair, false)}}}});
  }
  return {{"statements", comparison.statements}, {"pairs", pairs}};
}

int run_diff(const DiffOptions& options) {
  const std::string dir = targets_dir_or_default(options.dir);
  const emu::Target a = emu::load_target(emu::find_target(options.a, dir)), b = emu::load_target(emu::find_target(options.b, dir));
  const emu::TargetDiff diff = emu::diff(a, b);
  verify::Comparison comparison;
  if (options.vectors) comparison = verify::discriminate(a, b, vectors::kAllArithOps, options.seed, options.limit);
  if (options.json) {
    nlohmann::json all{{"a", a.name}, {"b", b.name}, {"equal", diff.differences.empty()}, {"compared", diff.compared}, {"differences", json_of(diff)}};
    if (options.vectors) all["vectors"] = json_of(comparison);
    fmt::print("{}\n", all.dump(1, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    fmt::print("{}", emu::diff_text(a, b, diff));
    if (options.vectors) fmt::print("\n{}", verify::comparison_text(a, b, comparison));
  }
  return diff.differences.empty() ? 0 : 1;
}

}  // namespace

void add_targets_diff(CLI::App& targets, int& exit_code) {
  const auto options = std::make_shared<DiffOptions>();
  auto* command = targets.add_subcommand("diff", "Two targets side by side: every key that decides a bit and differs, steps aligned");
  command->add_option("a", options->a, "A target's name or a path ending in .toml")->required();
  command->add_option("b", options->b, "The other")->required();
  add_targets_dir_option(*command, options->dir);
  command->add_flag("--vectors", options->vectors, "Also inputs on which the two answer differently, each with its reason, or what was asked and found equal");
  command->add_option("--limit", options->limit, "With --vectors: at most so many inputs per operation")->check(CLI::Range(1, 1000))->capture_default_str();
  command->add_option("--seed", options->seed, "With --vectors: of the random scales")->capture_default_str();
  command->add_flag("--json", options->json, "As JSON");
  command->footer([] {
    return with_examples(
        "Exit codes: 0 the same arithmetic, 1 different, 2 bad input, 4 a bug in assay.\n"
        "Examples:\n"
        "  assay targets diff {target} {other}\n"
        "  assay targets diff {target} {other} --vectors\n"
        "  assay targets diff my_chip.toml {target} --json");
  });
  command->callback([options, &exit_code] { exit_code = run_diff(*options); });
}

}  // namespace assay::cli

// assay targets check: a user's own file. Every problem with its line; and what no rule can see.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "cli/example_target.h"
#include "cli/pipeline.h"
#include "cli/targets.h"
#include "emu/base/error.h"
#include "emu/target/diff.h"
#include "emu/target/load_target.h"
#include "emu/target/review.h"

namespace assay::cli {
namespace {

struct CheckOptions {
  std::string file, dir;
  bool json = false;
};

struct Nearest {
  std::string name;
  size_t keys = 0;
};

// The built-in target with the fewest keys that differ; the file itself does not count.
std::optional<Nearest> nearest_target(const emu::Target& target, const std::string& dir) {
  std::optional<Nearest> nearest;
  std::vector<std::string> paths;
  try {
    paths = emu::list_targets(dir);
  } catch (const InputError&) {  // checking a file needs no folder
  }
  for (const std::string& path : paths) {
    try {
      const emu::Target other = emu::load_target(path);
      if (other.name == target.name) continue;
      const size_t keys = emu::diff(target, other).differences.size();
      if (!nearest || keys < nearest->keys) nearest = Nearest{other.name, keys};
    } catch (const InputError&) {  // another file's problems are not this one's
    }
  }
  return nearest;
}

nlohmann::json json_of(const std::vector<emu::Review::Remark>& remarks, const char* key, const char* text) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& remark : remarks) list.push_back({{key, remark.key}, {text, remark.text}});
  return list;
}

void print_json(const nlohmann::json& value) {
  fmt::print("{}\n", value.dump(1, ' ', false, nlohmann::json::error_handler_t::replace));
}

int run_check(const CheckOptions& options) {
  if (!options.json) {
    const emu::Target target = emu::load_target(options.file);
    fmt::print("{}: {}", options.file, emu::review_text(target, emu::review(target)));
    if (const auto nearest = nearest_target(target, targets_dir_or_default(options.dir))) {
      fmt::print("\nThe nearest built-in target is {}; keys that decide a bit and differ: {} (assay targets diff {} {})\n", nearest->name, nearest->keys, options.file,
                 nearest->name);
    }
    return 0;
  }
  std::optional<emu::Target> target;
  try {
    target = emu::load_target(options.file);
  } catch (const InputError& error) {
    print_json({{"file", options.file}, {"legal", false}, {"problems", error.problems()}});
    return 2;
  }
  const emu::Review review = emu::review(*target);
  nlohmann::json all{{"file", options.file},
                     {"legal", true},
                     {"name", target->name},
                     {"documented", review.documented},
                     {"measured", review.measured},
                     {"assumed", review.assumed},
                     {"lacking", review.lacking},
                     {"unclaimed", json_of(review.unclaimed, "section", "source")},
                     {"resting_on_source", json_of(review.resting_on_source, "section", "source")},
                     {"without_effect", json_of(review.without_effect, "key", "why")}};
  if (const auto nearest = nearest_target(*target, targets_dir_or_default(options.dir))) all["nearest"] = {{"name", nearest->name}, {"differing_keys", nearest->keys}};
  print_json(all);
  return 0;
}

}  // namespace

void add_targets_check(CLI::App& targets, int& exit_code) {
  const auto options = std::make_shared<CheckOptions>();
  auto* command = targets.add_subcommand("check", "Check a target file: every problem with its line; and what no rule can see, such as claims that are missing");
  command->add_option("file", options->file, "Path of the .toml file")->required();
  add_targets_dir_option(*command, options->dir);
  command->add_flag("--json", options->json, "As JSON");
  command->footer("Exit codes: 0 a complete target, 2 not.\nExamples:\n  assay targets check my_chip.toml\n  assay targets check my_chip.toml --json");
  command->callback([options, &exit_code] { exit_code = run_check(*options); });
}

}  // namespace assay::cli

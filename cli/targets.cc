// assay targets: the chips that are known. Comparing two and checking a user's own are in files of their own.
#include "cli/targets.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/example_target.h"
#include "cli/pipeline.h"
#include "emu/base/error.h"
#include "emu/target/load_target.h"

namespace assay::cli {
namespace {

constexpr size_t kColumns = 120;

int64_t claims_of(const emu::Target& target, emu::Evidence evidence) {
  return std::count_if(target.claims.begin(), target.claims.end(), [evidence](const auto& claim) { return claim.evidence == evidence; });
}

void print_table(const std::vector<emu::Target>& targets) {
  size_t width = 6;
  for (const emu::Target& target : targets) width = std::max(width, target.name.size());
  fmt::print("{:<{}}  documented  measured  assumed  what\n", "target", width);
  for (const emu::Target& target : targets) {
    std::string line = fmt::format("{:<{}}  {:>10}  {:>8}  {:>7}  {}", target.name, width, claims_of(target, emu::Evidence::documented), claims_of(target, emu::Evidence::measured),
                                   claims_of(target, emu::Evidence::assumed), target.summary);
    if (line.size() > kColumns) {
      const size_t blank = line.rfind(' ', kColumns - 4);
      line = line.substr(0, blank == std::string::npos ? kColumns - 4 : blank) + " ...";
    }
    fmt::print("{}\n", line);
  }
}

void print_json(const std::vector<emu::Target>& targets) {
  nlohmann::json all = nlohmann::json::array();
  for (const emu::Target& target : targets) {
    all.push_back({{"name", target.name},
                   {"summary", target.summary},
                   {"documented", claims_of(target, emu::Evidence::documented)},
                   {"measured", claims_of(target, emu::Evidence::measured)},
                   {"assumed", claims_of(target, emu::Evidence::assumed)}});
  }
  fmt::print("{}\n", all.dump(1, ' ', false, nlohmann::json::error_handler_t::replace));
}

// A file that is no target does not hide the others: they are listed, and then the problems.
int list(const std::string& dir, bool json) {
  std::vector<emu::Target> targets;
  std::vector<std::string> problems;
  for (const auto& path : emu::list_targets(dir)) {
    try {
      targets.push_back(emu::load_target(path));
    } catch (const InputError& error) {
      problems.emplace_back(error.what());
    }
  }
  if (targets.empty() && problems.empty()) throw InputError("no target files (*.toml) in " + dir + "; give another folder with --targets");
  std::sort(targets.begin(), targets.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  json ? print_json(targets) : print_table(targets);
  std::fflush(stdout);  // before the problems, which go to standard error
  if (!problems.empty()) throw InputError("some files of " + dir + " are no targets:", problems);
  return 0;
}

}  // namespace

void add_targets(CLI::App& app, int& exit_code) {
  struct TargetsOptions {
    std::string dir;
    std::string target;
    bool json = false;
  };
  const auto options = std::make_shared<TargetsOptions>();
  auto* command = app.add_subcommand("targets", "The chips: list them, explain one, compare two, check your own file");
  command->require_subcommand(1);
  command->footer([] {
    return with_examples(
        "Examples:\n"
        "  assay targets list\n"
        "  assay targets explain {target}\n"
        "  assay targets diff {target} {other}\n"
        "  assay targets check my_chip.toml");
  });

  auto* list_command = command->add_subcommand("list", "Every target, one line each, with how much of it is documented, measured or assumed");
  add_targets_dir_option(*list_command, options->dir);
  list_command->add_flag("--json", options->json, "As JSON, summaries in full");
  list_command->footer("Examples:\n  assay targets list\n  assay targets list --targets my_chips/ --json");
  list_command->callback([options, &exit_code] { exit_code = list(targets_dir_or_default(options->dir), options->json); });

  auto* explain_command = command->add_subcommand("explain", "A target in words");
  explain_command->add_option("target", options->target, "A target's name or a path ending in .toml")->required();
  add_targets_dir_option(*explain_command, options->dir);
  explain_command->footer([] { return with_examples("Examples:\n  assay targets explain {target}\n  assay targets explain my_chip.toml"); });
  explain_command->callback([options, &exit_code] {
    fmt::print("{}", emu::explain(emu::load_target(emu::find_target(options->target, targets_dir_or_default(options->dir)))));
    exit_code = 0;
  });

  add_targets_diff(*command, exit_code);
  add_targets_check(*command, exit_code);
}

}  // namespace assay::cli

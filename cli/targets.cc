// assay targets: the chips that are known, and checking a user's own.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/pipeline.h"
#include "emu/base/error.h"
#include "emu/target/load_target.h"

namespace assay::cli {
namespace {

int64_t claims_of(const emu::Target& target, emu::Evidence evidence) {
  return std::count_if(target.claims.begin(), target.claims.end(), [evidence](const auto& claim) { return claim.evidence == evidence; });
}

int list(const std::string& dir, bool json) {
  nlohmann::json all = nlohmann::json::array();
  for (const auto& path : emu::list_targets(dir)) {
    const emu::Target target = emu::load_target(path);
    all.push_back({{"name", target.name},
                   {"summary", target.summary},
                   {"documented", claims_of(target, emu::Evidence::documented)},
                   {"measured", claims_of(target, emu::Evidence::measured)},
                   {"assumed", claims_of(target, emu::Evidence::assumed)}});
  }
  if (all.empty()) throw InputError("no target files (*.toml) in " + dir + "; give another folder with --targets");
  if (json) {
    fmt::print("{}\n", all.dump(1));
    return 0;
  }
  fmt::print("{:<16} {:>10} {:>8} {:>7}  {}\n", "target", "documented", "measured", "assumed", "what");
  for (const auto& row : all) {
    fmt::print("{:<16} {:>10} {:>8} {:>7}  {}\n", row["name"].get<std::string>(), row["documented"].get<int64_t>(), row["measured"].get<int64_t>(), row["assumed"].get<int64_t>(),
               row["summary"].get<std::string>());
  }
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
  auto* command = app.add_subcommand("targets", "The chips: list them, explain one, check your own file");
  command->require_subcommand(1);
  command->footer("Examples:\n  assay targets list\n  assay targets explain nxp_int8\n  assay targets check my_chip.toml");

  auto* list_command = command->add_subcommand("list", "Every target, one line each, with how much of it is documented, measured or assumed");
  add_targets_dir_option(*list_command, options->dir);
  list_command->add_flag("--json", options->json, "As JSON");
  list_command->footer("Example:\n  assay targets list --targets my_chips/");
  list_command->callback([options, &exit_code] { exit_code = list(targets_dir_or_default(options->dir), options->json); });

  auto* explain_command = command->add_subcommand("explain", "A target in words");
  explain_command->add_option("target", options->target, "A target's name or a path ending in .toml")->required();
  add_targets_dir_option(*explain_command, options->dir);
  explain_command->footer("Example:\n  assay targets explain dsp_int8");
  explain_command->callback([options, &exit_code] {
    fmt::print("{}", emu::explain(emu::load_target(emu::find_target(options->target, targets_dir_or_default(options->dir)))));
    exit_code = 0;
  });

  auto* check_command = command->add_subcommand("check", "Check a target file: every problem, with line and text");
  check_command->add_option("file", options->target, "Path of the .toml file")->required();
  check_command->footer("Example:\n  assay targets check my_chip.toml");
  check_command->callback([options, &exit_code] {
    const emu::Target target = emu::load_target(options->target);
    fmt::print("{}: '{}' is a complete target ({} documented, {} measured, {} assumed claims)\n", options->target, target.name, claims_of(target, emu::Evidence::documented),
               claims_of(target, emu::Evidence::measured), claims_of(target, emu::Evidence::assumed));
    exit_code = 0;
  });
}

}  // namespace assay::cli

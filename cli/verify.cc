// assay verify: other people's arithmetic held against ours.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/example_target.h"
#include "cli/verify_device.h"
#include "emu/base/error.h"
#include "verify/examples/run_examples.h"

namespace assay::cli {
namespace {

struct VerifyOptions {
  std::string examples;
  bool json = false;
};

const char* word(verify::ExampleStatus status) {
  switch (status) {
    case verify::ExampleStatus::passed: return "passed";
    case verify::ExampleStatus::failed: return "failed";
    case verify::ExampleStatus::not_supported: return "not supported";
  }
  return "";
}

void print_json(const std::string& path, const verify::ExampleReport& report) {
  nlohmann::json results = nlohmann::json::array();
  for (const auto& result : report.results) {
    results.push_back({{"id", result.id}, {"op", result.op}, {"result", word(result.status)}});
    if (!result.message.empty()) results.back()["message"] = result.message;
  }
  const nlohmann::json all = {{"file", path},
                              {"passed", report.count(verify::ExampleStatus::passed)},
                              {"failed", report.count(verify::ExampleStatus::failed)},
                              {"not_supported", report.count(verify::ExampleStatus::not_supported)},
                              {"results", results}};
  fmt::print("{}\n", all.dump(1, ' ', false, nlohmann::json::error_handler_t::replace));
}

// 0: all passed; 1: one failed; 3: none failed, but some are of kinds that we do not have.
int verify_examples(const std::string& path, bool json) {
  const verify::ExampleReport report = verify::run_examples(path);
  const auto failed = report.count(verify::ExampleStatus::failed);
  const auto unsupported = report.count(verify::ExampleStatus::not_supported);
  if (json) {
    print_json(path, report);
  } else {
    for (const auto& result : report.results) fmt::print("{:<14} {}{}{}\n", word(result.status), result.id, result.message.empty() ? "" : ": ", result.message);
    fmt::print("{} examples: {} passed, {} failed, {} not supported\n", report.results.size(), report.count(verify::ExampleStatus::passed), failed, unsupported);
  }
  if (failed > 0) return 1;
  return unsupported > 0 ? 3 : 0;
}

}  // namespace

void add_verify(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<VerifyOptions>();
  auto* command = app.add_subcommand("verify", "Hold other people's arithmetic against ours: a device under test, published arithmetic examples");
  const auto device = add_device_options(*command);
  command->add_option("--examples", options->examples, "A JSON file of arithmetic examples: compute each, compare with what it expects")->type_name("FILE");
  command->add_flag("--json", options->json, "As JSON");
  command->footer([] {
    return with_examples(
        std::string(
            "Exit codes: 0 all equal, 1 a mismatch (or a device that crashed), 2 bad input, 3 nothing failed, but nothing that was asked could be tested, 4 a bug in assay.\n"
            "Examples:\n") +
        kDeviceExamples +
        "  assay verify --examples arithmetic_examples.json\n"
        "  assay verify --examples arithmetic_examples.json --json");
  });
  command->callback([options, device, &exit_code] {
    if (wants_device(*device)) {
      exit_code = verify_device(*device, options->json);
    } else if (!options->examples.empty()) {
      exit_code = verify_examples(options->examples, options->json);
    } else {
      throw InputError("give what to hold against ours: --dut FILE or --pipe COMMAND with --target, or --examples FILE");
    }
  });
}

}  // namespace assay::cli

#include "cli/verify_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "cli/pipeline.h"
#include "cli/progress.h"
#include "emu/base/error.h"
#include "emu/target/load_target.h"
#include "verify/check/report_text.h"
#include "verify/corpus.h"
#include "verify/device/library.h"
#include "verify/device/pipe.h"
#include "verify/exhaustive/exhaustive.h"
#include "verify/self/self.h"

namespace assay::cli {

struct DeviceOptions {
  std::string library;
  std::string pipe;
  std::string pipe_format = "text";
  std::string target;
  std::string targets_dir;
  std::vector<std::string> ops;
  int timeout_seconds = 10;
  int level = 1;
  uint64_t seed = 1;
  size_t random_cases = 4096;
  bool quiet = false;
  std::string exhaustive;
  std::string scale;
  int64_t bias = 0;
  int threads = 1;
  bool self = false;
  std::string corpus;
  std::string save_corpus;
};

namespace {

std::vector<vectors::ArithOp> ops_of(const std::vector<std::string>& names) {
  std::vector<vectors::ArithOp> ops;
  for (const auto& name : names) {
    const auto op = vectors::parse_arith_op(name);
    if (!op) {
      std::string known;
      for (const auto each : vectors::kAllArithOps) known += (known.empty() ? "" : ", ") + std::string(vectors::to_string(each));
      throw InputError("--op: '" + name + "' is no operation; there are " + known);
    }
    ops.push_back(*op);
  }
  return ops;
}

verify::Device open(const DeviceOptions& options) {
  if (!options.library.empty()) return verify::open_library(options.library, options.timeout_seconds);
  const auto format = options.pipe_format == "binary" ? verify::PipeFormat::binary : verify::PipeFormat::text;
  return verify::open_pipe(options.pipe, format, options.timeout_seconds);
}

verify::ExhaustiveSettings exhaustive_settings(const DeviceOptions& options) {
  verify::ExhaustiveSettings settings;
  settings.direct = options.exhaustive == "direct";
  settings.threads = options.threads;
  settings.seed = options.seed;
  settings.channel.bias = options.bias;
  if (options.scale.empty()) return settings;
  int64_t multiplier = 0, left = 0, right = 0;
  char end = 0;
  if (std::sscanf(options.scale.c_str(), "%" SCNd64 "/%" SCNd64 "/%" SCNd64 "%c", &multiplier, &left, &right, &end) != 3) {
    throw InputError("--scale: '" + options.scale + "' is not MULTIPLIER/LEFT/RIGHT, as 1518500250/0/38");
  }
  settings.channel.multiplier = multiplier, settings.channel.left_shift = left, settings.channel.right_shift = right;
  return settings;
}

// Each operation's domain; what differs is judged on a sample of it.
int verify_exhaustively(const emu::Target& target, const DeviceOptions& options, bool json) {
  verify::ExhaustiveSettings settings = exhaustive_settings(options);
  std::vector<verify::Device> devices;
  for (int i = 0; i < options.threads; ++i) devices.push_back(open(options));
  bool equal = false, differs = false;
  std::string reports;
  const auto asked = ops_of(options.ops);
  for (const auto op : vectors::kAllArithOps) {
    if (!asked.empty() && std::find(asked.begin(), asked.end(), op) == asked.end()) continue;
    verify::ExhaustiveReport report;
    if (const auto lacking = vectors::lacks(target, op)) {
      report.untested = *lacking;
    } else if (!devices[0].has(op)) {
      report.untested = "the device has no function for it";
    } else {
      Progress progress(std::string(vectors::to_string(op)), options.quiet || json);
      settings.progress = [&](size_t done, size_t total) { progress.update(done, total); };
      report = op == vectors::ArithOp::requantize ? verify::exhaust_requantize(target, devices, settings) : verify::exhaust_words(target, devices[0], op, settings);
    }
    if (json) {
      reports += (reports.empty() ? "" : ",\n") + verify::exhaustive_json(op, report);
    } else {
      fmt::print("{}", verify::exhaustive_text(op, report));
    }
    if (!json && !report.sample.empty() && (report.different > 0 || !report.untested.empty()))
      fmt::print("of a sample:\n{}", verify::op_text(target, verify::judge(target, devices[0], op, report.sample)));
    differs |= report.different > 0 || report.untested.find("crashed") != std::string::npos || report.untested.find("did not answer") != std::string::npos;
    equal |= report.untested.empty() && report.different == 0;
  }
  if (json) fmt::print("[\n{}\n]\n", reports);
  return differs ? 1 : equal ? 0 : 3;
}

void print_lines(const std::vector<verify::SelfLine>& lines) {
  for (const auto& line : lines) {
    if (line.cases == 0) {
      fmt::print("{:<30} not tested: no drawn constants are legal for it\n", line.what);
      continue;
    }
    fmt::print("{:<30} {:<9}  {} cases: {}{}\n", line.what, line.different == 0 ? "EQUAL" : "NOT_EQUAL", line.cases, line.judges,
               line.different == 0 ? "" : fmt::format("; {} differ, first: {}", line.different, line.first));
  }
}

// Every list of steps and operation that the target has; with --exhaustive the kernel over all accumulators too.
int verify_ourselves(const emu::Target& target, const DeviceOptions& options, bool json) {
  std::vector<verify::SelfLine> lines;
  {
    Progress progress("self", options.quiet || json);
    verify::SelfSettings settings{options.level, options.seed, [&](size_t done, size_t total) { progress.update(done, total); }};
    lines = verify::check_self(target, settings);
  }
  const bool differs = std::any_of(lines.begin(), lines.end(), [](const verify::SelfLine& line) { return line.different > 0; });
  if (!json) print_lines(lines);
  if (options.exhaustive.empty()) {
    if (json) fmt::print("{}\n", verify::self_json(lines));
    return differs ? 1 : 0;
  }
  verify::ExhaustiveReport report;
  if (const auto lacking = vectors::lacks(target, vectors::ArithOp::requantize)) {
    report.untested = *lacking;
  } else {
    Progress progress("kernel", options.quiet || json);
    verify::ExhaustiveSettings settings = exhaustive_settings(options);
    settings.progress = [&](size_t done, size_t total) { progress.update(done, total); };
    report = verify::exhaust_kernel(target, settings);
  }
  if (json) {
    fmt::print("{{\"self\": {},\n\"exhaustive\": {}}}\n", verify::self_json(lines), verify::exhaustive_json(vectors::ArithOp::requantize, report));
  } else {
    fmt::print("{}", verify::exhaustive_text(vectors::ArithOp::requantize, report));
  }
  return differs || report.different > 0 ? 1 : 0;
}

int exit_code(const verify::DeviceReport& report) {
  if (report.count(verify::OpVerdict::differs) + report.count(verify::OpVerdict::crashed) > 0) return 1;
  return report.count(verify::OpVerdict::equal) > 0 ? 0 : 3;
}

}  // namespace

std::shared_ptr<DeviceOptions> add_device_options(CLI::App& command) {
  const auto options = std::make_shared<DeviceOptions>();
  const auto group = command.add_option_group("A device under test");
  auto* library = group->add_option("--dut", options->library, "A shared library with the functions of verify/device/assay_dut.h")->type_name("FILE");
  auto* pipe = group->add_option("--pipe", options->pipe, "A program that reads cases and writes results, with its arguments")->type_name("COMMAND")->excludes(library);
  group->add_option("--pipe-format", options->pipe_format, "text: a line per case; binary: int64 words")
      ->check(CLI::IsMember({"text", "binary"}))
      ->needs(pipe)
      ->capture_default_str();
  group->add_option("-t,--target", options->target, "The target: a name, or a file ending in .toml")->type_name("NAME|FILE");
  group->add_option("--targets", options->targets_dir, "Folder of target files")->type_name("DIR");
  auto* op = group->add_option("--op", options->ops, "Only these operations: rounding, quantize, requantize, add, mul, average_pool, table, dot")->delimiter(',');
  group->add_option("--timeout", options->timeout_seconds, "Seconds that the device may be silent")->check(CLI::Range(1, 3600))->capture_default_str();
  group->add_option("--level", options->level, "1: seconds; 2: minutes")->check(CLI::Range(1, 2))->capture_default_str();
  group->add_option("--seed", options->seed, "Of the random cases")->capture_default_str();
  group->add_option("--random", options->random_cases, "Random cases per operation")->check(CLI::Range(1, 100000000))->capture_default_str();
  group
      ->add_option("--exhaustive", options->exhaustive,
                   "Every operand there is: all 2^32 accumulators of a channel against the target's staircase, or (direct) against its definition")
      ->expected(0, 1)
      ->default_str("staircase")
      ->check(CLI::IsMember({"staircase", "direct"}));
  group->add_option("--scale", options->scale, "The channel's scale, for --exhaustive; without it one is drawn from the seed")->type_name("MULT/LEFT/RIGHT");
  group->add_option("--bias", options->bias, "The channel's bias, for --exhaustive")->capture_default_str();
  group->add_option("--threads", options->threads, "For --exhaustive")->check(CLI::Range(1, 256))->capture_default_str();
  group->add_option("--corpus", options->corpus, "Ask the counter-examples of this folder first")->type_name("DIR");
  group->add_option("--save-corpus", options->save_corpus, "Keep the counter-examples that are found, one JSON file each")->type_name("DIR");
  group->add_flag("--self", options->self, "Instead of a device: our own kernels and reference, against exact rationals; of all operations")->excludes(op);
  group->add_flag("--quiet", options->quiet, "No progress");
  return options;
}

bool wants_device(const DeviceOptions& options) {
  return !options.library.empty() || !options.pipe.empty() || options.self;
}

int verify_device(const DeviceOptions& options, bool json) {
  if (options.target.empty()) throw InputError("--target is missing: which target's arithmetic the device should have (assay targets lists them)");
  const emu::Target target = emu::load_target(emu::find_target(options.target, targets_dir_or_default(options.targets_dir)));
  if (options.self) return verify_ourselves(target, options, json);
  if (!options.exhaustive.empty()) return verify_exhaustively(target, options, json);
  verify::CheckSettings settings;
  settings.ops = ops_of(options.ops);
  settings.level = options.level;
  settings.seed = options.seed;
  settings.random_cases = options.random_cases;
  if (!options.corpus.empty()) settings.first = verify::cases_of(verify::load_corpus(options.corpus), target);
  const verify::Device device = open(options);
  verify::DeviceReport report;
  {
    Progress progress("verify", options.quiet || json);
    settings.progress = [&](size_t done, size_t total) { progress.update(done, total); };
    report = verify::check_device(target, device, settings);
  }
  fmt::print("{}", json ? verify::report_json(target, report) : verify::report_text(target, report));
  if (!options.save_corpus.empty()) {
    for (const auto& path : verify::save_corpus(options.save_corpus, verify::corpus_of(report))) fmt::print(stderr, "kept {}\n", path);
  }
  return exit_code(report);
}

}  // namespace assay::cli

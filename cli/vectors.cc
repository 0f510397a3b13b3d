// assay vectors: stimuli with what the target answers, for other people's test benches; and the inputs on which two targets differ.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "cli/commands.h"
#include "cli/example_target.h"
#include "cli/pipeline.h"
#include "emu/base/error.h"
#include "emu/target/change.h"
#include "emu/target/load_target.h"
#include "vectors/arithmetic/stimuli.h"
#include "vectors/arithmetic/write_cases.h"
#include "verify/discriminate.h"

namespace assay::cli {
namespace {

struct VectorsOptions {
  std::string target, targets_dir, op = "all", against, output, format = "json";
  int level = 1;
  uint64_t seed = 1;
  uint64_t limit = 0;
};

constexpr uint64_t kDefaultPairs = 20;

// A file that appears whole or not at all; standard output where no path is given.
class Output {
 public:
  explicit Output(const std::string& path) : path_(path), partial_(path.empty() ? "" : path + ".partial") {
    file_ = path.empty() ? stdout : std::fopen(partial_.c_str(), "wb");
    if (file_ == nullptr) throw InputError("cannot write '" + partial_ + "'; does its folder exist, and may you write there?");
  }
  ~Output() {
    if (file_ == nullptr || path_.empty()) return;
    std::fclose(file_);
    std::error_code ignored;
    std::filesystem::remove(partial_, ignored);
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void write(std::string_view bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) fail();
  }
  void finish() {
    if (std::fflush(file_) != 0) fail();
    if (path_.empty()) return;
    const bool closed = std::fclose(file_) == 0;
    file_ = nullptr;
    std::error_code error;
    if (closed) std::filesystem::rename(partial_, path_, error);
    if (!closed || error) {
      std::error_code ignored;
      std::filesystem::remove(partial_, ignored);
      fail();
    }
  }

 private:
  [[noreturn]] void fail() const { throw InputError(path_.empty() ? "cannot write to standard output" : "cannot write '" + path_ + "'; is the disk full?"); }

  std::string path_, partial_;
  FILE* file_;
};

std::vector<vectors::ArithOp> ops_of(const std::string& name) {
  if (name == "all") return {vectors::kAllArithOps.begin(), vectors::kAllArithOps.end()};
  const auto op = vectors::parse_arith_op(name);
  if (!op) throw InputError("--op: '" + name + "' is no operation; expected requantize, quantize, rounding, lut (or table), add, mul, average_pool, dot or all");
  return {*op};
}

// A target by name or path, or the first one with one word changed.
emu::Target against_of(const VectorsOptions& options, const std::string& dir) {
  if (options.against.find('=') != std::string::npos) return emu::load_changed_target(emu::find_target(options.target, dir), options.against);
  return emu::load_target(emu::find_target(options.against, dir));
}

int write_pairs(const VectorsOptions& options, vectors::CaseFormat format, vectors::CaseHeader header, const emu::Target& against) {
  const uint64_t limit = options.limit > 0 ? options.limit : kDefaultPairs;
  const verify::Comparison comparison = verify::discriminate(*header.target, against, header.ops, options.seed, limit);
  header.against = &against;
  header.statements = comparison.statements;
  Output output(options.output);
  vectors::CaseWriter writer(format, std::move(header), [&](std::string_view bytes) { output.write(bytes); });
  uint64_t number = 0;
  for (const vectors::Pair& pair : comparison.pairs) writer.add(pair, number++);
  writer.finish(), output.finish();
  for (const std::string& statement : comparison.statements) fmt::print(stderr, "{}\n", statement);
  fmt::print(stderr, "{}\n", comparison.pairs.empty() ? "no difference was found" : fmt::format("{} discriminating vectors", comparison.pairs.size()));
  return 0;
}

// The operations that the target has; a single one that it lacks is refused, among all it becomes a statement.
void leave_out_lacking(vectors::CaseHeader& header) {
  std::erase_if(header.ops, [&](vectors::ArithOp op) {
    const auto problem = lacks(*header.target, op);
    if (problem) header.statements.push_back(std::string(to_string(op)) + ": left out, " + *problem);
    return problem.has_value();
  });
  if (header.ops.empty()) throw Unsupported("target '" + header.target->name + "' cannot be asked:", header.statements);
}

int write_stimuli(const VectorsOptions& options, vectors::CaseFormat format, vectors::CaseHeader header) {
  leave_out_lacking(header);
  const std::vector<vectors::ArithOp> ops = header.ops;
  const emu::Target& target = *header.target;
  const bool shows_progress = options.level >= 2 && isatty(STDERR_FILENO) != 0;
  constexpr uint64_t kShown = 50000;
  Output output(options.output);
  vectors::CaseWriter writer(format, std::move(header), [&](std::string_view bytes) { output.write(bytes); });
  for (const vectors::ArithOp op : ops) {
    uint64_t made = 0;
    make_cases(target, op, {options.level, options.seed}, [&](const vectors::Case& one) {
      writer.add(one);
      if (++made % kShown == 0 && shows_progress) fmt::print(stderr, "\r{:<14} {} cases", to_string(op), made);
      return options.limit == 0 || made < options.limit;
    });
    if (shows_progress) fmt::print(stderr, "\r{:<14} {} cases\n", to_string(op), made);
  }
  writer.finish(), output.finish();
  return 0;
}

int run_vectors(const VectorsOptions& options) {
  const auto format = vectors::parse_case_format(options.format);
  if (!format) throw InputError("--format: '" + options.format + "' is unknown; expected json, csv, hex or bin");
  const std::string dir = targets_dir_or_default(options.targets_dir);
  const emu::Target target = emu::load_target(emu::find_target(options.target, dir));
  vectors::CaseHeader header{"assay " ASSAY_VERSION, &target, nullptr, options.level, options.seed, ops_of(options.op), {}};
  if (options.against.empty()) return write_stimuli(options, *format, std::move(header));
  return write_pairs(options, *format, std::move(header), against_of(options, dir));
}

}  // namespace

void add_vectors(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<VectorsOptions>();
  auto* command = app.add_subcommand("vectors", "Stimuli for other people's test benches, with what the target answers; inputs that tell two targets apart");
  command->add_option("-t,--target", options->target, "A target's name or a path ending in .toml")->required();
  add_targets_dir_option(*command, options->targets_dir);
  command->add_option("--op", options->op, "requantize, quantize, rounding, lut, add, mul, average_pool, dot or all")->capture_default_str();
  command->add_option("--against", options->against,
                      "Only inputs on which this one answers differently: a target's name, a path ending in .toml, or KEY=VALUE, one word of --target's file changed");
  command->add_option("--level", options->level, "1: tens of thousands of cases per operation; 2: millions")->check(CLI::Range(1, 2))->capture_default_str();
  command->add_option("--seed", options->seed, "Of the random cases and scales")->capture_default_str();
  command->add_option("--limit", options->limit, "At most so many vectors per operation (0: all; with --against 20)")->capture_default_str();
  command->add_option("-o,--output", options->output, "A file; without it, standard output")->type_name("FILE");
  command->add_option("--format", options->format, "json, csv, hex ($readmemh) or bin (int64, little-endian)")->capture_default_str();
  command->footer([] {
    return with_examples(
        "Exit codes: 0 done (also where two targets are found equal), 2 bad input, 3 the target lacks the operation, 4 a bug in assay.\n"
        "Examples:\n"
        "  assay vectors --target {target} --op requantize --format hex -o requantize.hex\n"
        "  assay vectors --target {target} --op all --level 2 --format bin -o all.bin\n"
        "  assay vectors --target {target} --against {other} --format csv\n"
        "  assay vectors --target {target} --against '{change}' --op requantize");
  });
  command->callback([options, &exit_code] { exit_code = run_vectors(*options); });
}

}  // namespace assay::cli

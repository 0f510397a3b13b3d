// The `assay` program: chooses the sub-command, and turns what it throws into a message and an exit code.
#include <fmt/format.h>

#include <cstdio>
#include <new>

#include "cli/commands.h"
#include "cli/example_target.h"
#include "emu/base/error.h"

namespace {

constexpr int kBadInput = 2;
constexpr int kUnsupported = 3;
constexpr int kOurBug = 4;

std::string footer() {
  return assay::cli::with_examples(
      "Exit codes: 0 aligned or done, 1 mismatch, 2 bad input, 3 unsupported by the target, 4 a bug in assay.\n"
      "Example:\n"
      "  assay align model.onnx --target {target} --calibration images/ --inputs test/ --labels labels.json -o out");
}

int report(int code, const char* kind, const std::string& message) {
  fmt::print(stderr, "assay: {}: {}\n", kind, message);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  int exit_code = 0;
  CLI::App app{"assay: bit-exact emulation of quantized networks, and the verdict on who agrees with whom", "assay"};
  app.set_version_flag("--version", "assay " ASSAY_VERSION);
  app.require_subcommand(1);
  app.footer(footer);
  assay::cli::add_align(app, exit_code);
  assay::cli::add_quantize(app, exit_code);
  assay::cli::add_run(app, exit_code);
  assay::cli::add_ppq(app, exit_code);
  assay::cli::add_inspect(app, exit_code);
  assay::cli::add_targets(app, exit_code);
  assay::cli::add_verify(app, exit_code);
  assay::cli::add_vectors(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return kBadInput;
  } catch (const assay::InputError& error) {
    return report(kBadInput, "bad input", error.what());
  } catch (const assay::Unsupported& error) {
    return report(kUnsupported, "unsupported", error.what());
  } catch (const std::bad_alloc&) {
    return report(kBadInput, "bad input", "not enough memory for a model of this size");
  } catch (const std::exception& error) {
    return report(kOurBug, "internal error, please report it", error.what());
  }
  return exit_code;
}

// The example devices, as the tests use them.
#pragma once

#include <string>

#include "emu/target/load_target.h"
#include "verify/check/check_device.h"
#include "verify/device/library.h"
#include "verify/device/pipe.h"

namespace assay::verify {

inline emu::Target target_named(const std::string& name) {
  return emu::load_target(emu::find_target(name, std::string(ASSAY_SOURCE_DIR) + "/emu/targets"));
}

// A library of docs/examples/dut; 0 is the correct one.
inline std::string library_of(const std::string& target, int bug) {
  return std::string(ASSAY_DUT_DIR) + "/dut_" + target + "_" + std::to_string(bug) + ".so";
}

inline std::string python_device(const std::string& arguments = "") {
  return std::string("'" ASSAY_PYTHON "' '" ASSAY_SOURCE_DIR "/docs/examples/dut/pipe_dut.py' ") + arguments;
}

inline CheckSettings quick(std::vector<ArithOp> ops = {}) {
  CheckSettings settings;
  settings.ops = std::move(ops);
  settings.level = 0;
  settings.random_cases = 2000;
  return settings;
}

inline DeviceReport check_library(const std::string& target, int bug, std::vector<ArithOp> ops = {}) {
  return check_device(target_named(target), open_library(library_of(target, bug), 10), quick(std::move(ops)));
}

}  // namespace assay::verify

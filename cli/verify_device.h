// The options of `assay verify` that concern a device under test, and what they do.
#pragma once

#include <CLI/CLI.hpp>

#include <memory>

namespace assay::cli {

struct DeviceOptions;
std::shared_ptr<DeviceOptions> add_device_options(CLI::App& command);

// Whether a device (or our own kernels) is to be tested.
bool wants_device(const DeviceOptions& options);

// 0 all tested equal, 1 a mismatch or a crash, 3 where none of the operations asked for could be tested.
int verify_device(const DeviceOptions& options, bool json);

// Examples for the help; {target} stands for a target's name.
inline constexpr const char* kDeviceExamples =
    "  assay verify --target {target} --dut ./my_dut.so\n"
    "  assay verify --target {target} --dut ./my_dut.so --op requantize,add --seed 7 --json\n"
    "  assay verify --target my_chip.toml --pipe \"python3 my_dut.py\" --timeout 30\n"
    "  assay verify --target {target} --dut ./my_dut.so --exhaustive --op requantize --bias 1000\n"
    "  assay verify --target {target} --dut ./my_dut.so --corpus vectors/corpus --save-corpus found\n"
    "  assay verify --target my_chip.toml --self --exhaustive\n";

}  // namespace assay::cli

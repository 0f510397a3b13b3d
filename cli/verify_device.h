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

// Examples for the help.
extern const char* const kDeviceExamples;

}  // namespace assay::cli

// A device in a shared library (assay_dut.h). The library is loaded and called in a child process that shares memory with ours: if it crashes, hangs or scribbles, we are still
// there to say on which case.
#pragma once

#include <string>

#include "verify/device/device.h"

namespace assay::verify {

// InputError: no such file, not a library, without assay_dut_abi_version, or of another version. `timeout_seconds`: how long one call may take.
Device open_library(const std::string& path, int timeout_seconds);

}  // namespace assay::verify

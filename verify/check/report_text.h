// A device's report for people and for machines.
#pragma once

#include <string>

#include "verify/check/check_device.h"

namespace assay::verify {

// Lines of text: a verdict per operation, and for what differs the law, the simplest case with the value of every step under both rules, how many differ by how much, and the
// explanation.
std::string report_text(const emu::Target& target, const DeviceReport& report);

// One operation's part of it.
std::string op_text(const emu::Target& target, const OpReport& report);

// JSON with the same content.
std::string report_json(const emu::Target& target, const DeviceReport& report);

// The values of every step side by side: the target's, and (where not null) the variation's.
std::string side_by_side(const emu::Target& target, ArithOp op, const Operands& operands, const Variation* variation);

// A binary32 word with its value: "0x3f800000 (1)"; other numbers as they are.
std::string shown(Wide value, bool is_fp32);

}  // namespace assay::verify

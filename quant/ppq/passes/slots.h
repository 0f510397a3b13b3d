// What the passes share: names of slots for reports ("conv0:in1", "conv0:out0"), and the moves of dominance that PPQ refuses.
#pragma once

#include <map>
#include <string>

#include "quant/ppq/network.h"
#include "quant/ppq/pass.h"

namespace assay::ppq {

std::string input_name(const Operation& operation, size_t slot);
std::string output_name(const Operation& operation, size_t slot);
// The first slot that has this configuration.
std::string config_name(const Network& network, ConfigId id);
// "0.25" or "0.25 ... 0.5 (8 channels)"; "none".
std::string text_of(const ScaleOffset& scale);

// configurations.dominate(a, b) with a line in the report. Nothing where both are of one group already; Unsupported where a is b's root, which PPQ refuses.
void dominate(Network& network, ConfigId a, ConfigId b, PassReport& report);
// configurations.master(a, m) with a line in the report. Unsupported where m follows a: PPQ recurses without end there.
void master(Network& network, ConfigId a, ConfigId m, PassReport& report);

// Everything that decides how a value is quantized but scale and offset (ppq.md 6.4).
bool same_scheme(const Configuration& a, const Configuration& b);

}  // namespace assay::ppq

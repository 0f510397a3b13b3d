// Which operations a platform's quantizer may touch (ppq.md 6.1): each gets "UNSPECIFIED" (quantized if the quantizer knows its type), "FP32" or "SOI" (shapes and indices).
#pragma once

#include <string>
#include <vector>

#include "quant/ppq/network.h"
#include "quant/ppq/platform.h"
#include "quant/ppq/settings.h"

namespace assay::ppq {

// By settings.dispatcher: "conservative", "pplnn", "allin" or "perseus"; then settings.dispatching_table overrides, by operation, with "FP32", "SOI", "UNSPECIFIED" or the
// platform's name. Returns what the user should know: names in the table that no operation has, which PPQ passes over in silence. InputError: a dispatcher that there is not, or
// that PPQ itself cannot run ("aggresive", "pointwise"), or a platform in the table that is none of those.
std::vector<std::string> dispatch(Network& network, const Platform& platform, const Settings& settings);

}  // namespace assay::ppq

// Passes that PPQ runs only where its setting says so, on the bare graph or before fusion (ppq.md 6.8). What each does, and its source, stands at the head of its file.
#pragma once

#include "quant/ppq/pass.h"

namespace assay::ppq {

PassReport layerwise_equalization(Network& network, const Context& context);
PassReport channel_split(Network& network, const Context& context);
PassReport weight_split(Network& network, const Context& context);
PassReport ssd_equalization(Network& network, const Context& context);

}  // namespace assay::ppq

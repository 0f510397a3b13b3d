// The way back: quantization from a file of PPQ's formats into a network (README.md: which file carries what). The network is one that a platform's quantizer has prepared, before
// or after calibration; what the file cannot say stays as it is there.
#pragma once

#include <string>
#include <vector>

#include "quant/ppq/network.h"

namespace assay::ppq {

struct ImportReport {
  std::string format;  // "native json", "calibration table" ...
  size_t given = 0;    // configurations that got their scale from the file
  // What the file says and the network does not follow to the letter, each a sentence that names the slot.
  std::vector<std::string> notes;
};

// The format is told by the content. PPQ's json restores every configuration: state, policy, bits, limits, dominator, scale and offset; parameters whose state is BAKED are baked.
// A QDQ model gives each slot its pair, parameters their words, and what has no pair in it becomes FP32. The others give scales and offsets by name; INITIAL becomes ACTIVATED, a
// PASSIVE configuration that the file moves away from its master follows it no longer. InputError with every problem at once (file, key, found, remedy): unknown names, missing or
// doubled keys, wrong lengths, numbers that are no scale. The network is then unchanged.
ImportReport import_quantization(Network& network, const std::string& path);

}  // namespace assay::ppq

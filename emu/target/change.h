// One word of a target file changed: the same chip but for one rule. What comes out has passed the loader like any file.
#pragma once

#include <string>

#include "emu/target/target.h"

namespace assay::emu {

// `change` is KEY=VALUE, KEY as in the dictionary (targets/README.md): "quantize.activation.round=half_even", "ops.conv.steps[2]=shift_right scale half_even" (steps count from
// 0). VALUE is written without quotes. InputError where the key isn't in the file (with the nearest that is), where VALUE is not of its type, or where the loader refuses the
// result. The new target is named after the file's, with the change in brackets.
Target load_changed_target(const std::string& path, const std::string& change);

}  // namespace assay::emu

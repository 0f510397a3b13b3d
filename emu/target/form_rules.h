// The cross-field rules of tables, of slopes within lists of steps, and of 1 / count beside fixed shifts.
#pragma once

#include <vector>

#include "emu/target/schema.h"

namespace assay::emu::schema {

std::vector<Broken> broken_forms(const Target& target);

}  // namespace assay::emu::schema

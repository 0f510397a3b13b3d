// The cross-field rules of floating-point words, and of the straight lines that stand for functions.
#pragma once

#include <vector>

#include "emu/target/schema.h"

namespace assay::emu::schema {

std::vector<Broken> broken_numbers(const Target& target);

}  // namespace assay::emu::schema

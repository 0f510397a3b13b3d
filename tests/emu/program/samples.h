// Programs for tests: one valid program that uses every operation, and random ones whose fields may hold anything that can be written.
#pragma once

#include <rapidcheck.h>

#include <string>

#include "emu/program/program.h"

namespace assay::emu::samples {

// The text of a valid program with every operation of ops.def at least once.
std::string every_operation();

// Any operation of that name, any values, constants, scales and steps: well formed, hardly ever valid.
Program arbitrary_program(std::string_view operation);

}  // namespace assay::emu::samples

// The text form of a Program, and back. print and parse are inverse: parse_program(print(p)) == p.
#pragma once

#include <string>
#include <string_view>

#include "emu/program/program.h"

namespace assay::emu {

// `with_constants` false: constants show name, type, shape and a hash instead of their elements (for reading; such a text does not parse).
std::string print(const Program& program, bool with_constants = true);

// Throws InputError with line numbers and the lines' text. The result is verified.
Program parse_program(std::string_view text);

// The same without verify: for looking at a Program that is not valid.
Program parse_program_unverified(std::string_view text);

}  // namespace assay::emu

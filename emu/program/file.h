// The binary form of a Program (*.qprog): magic "ASSAYQP5", little-endian, lengths before contents, no padding, no timestamps: the same Program gives the same bytes.
#pragma once

#include <string>

#include "emu/program/program.h"

namespace assay::emu {

std::string serialize(const Program& program);

// Checks every length against what is left before taking memory. `origin` names the file in errors (InputError). The result is verified.
Program deserialize(const std::string& bytes, const std::string& origin);

// The same without verify: for looking at a Program that is not valid.
Program deserialize_unverified(const std::string& bytes, const std::string& origin);

}  // namespace assay::emu

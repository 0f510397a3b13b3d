// A Comparison for people, at most 120 columns.
#pragma once

#include <string>

#include "verify/discriminate.h"

namespace assay::verify {

// Per operation its statement, then its pairs: the real question, both answers less their zero points, the reason. Ends with how many there are, or that there are none.
std::string comparison_text(const emu::Target& a, const emu::Target& b, const Comparison& comparison);

// What a target answers to its side of the pair, less the output's zero point.
int64_t relative_answer(const vectors::Pair& pair, bool of_a);

}  // namespace assay::verify

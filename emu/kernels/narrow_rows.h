// narrow() of arith/soft_float.h for rows, in 32-bit integer lanes: equal to it on every binary32 word by every rule (tests/oracle/soft_float_all_words_test.cc).
//
// With the exponent re-biased, a binary32 word without its sign is the result's word followed by the fraction bits that are to be dropped, so rounding is a rounded shift of
// the word and a carry moves on into the exponent by itself. Below the smallest normal number of the format the significand is shifted instead, the further the smaller it is.
#pragma once

#include <cstddef>
#include <cstdint>

#include "emu/arith/soft_float.h"

namespace assay::emu {

// The words of `numbers` (binary32 words) by the rule; its format has fewer fraction bits than binary32.
void narrow_row(const uint32_t* numbers, size_t size, const FloatRule& rule, uint32_t* words);

}  // namespace assay::emu

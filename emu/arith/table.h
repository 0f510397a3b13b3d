// Lookup tables: the stored word of an input selects an entry, directly (fraction_bits 0) or with linear interpolation between two entries.
//
//   i = (x - min(type)) >> fraction_bits        0 .. 2^(bits - fraction_bits) - 1
//   f = (x - min(type)) mod 2^fraction_bits
//   y = t[i] + round((t[i+1] - t[i]) * f / 2^fraction_bits)
//
// Entries: 2^bits (direct), or 2^(bits - fraction_bits) + 1. 8-bit direct: 256; 16-bit with 7 fraction bits: 513. With s16 entries |(t[i+1]-t[i]) * f| < 2^(17+7).
#pragma once

#include <cstdint>
#include <span>

#include "emu/arith/int_type.h"
#include "emu/arith/rounding.h"

namespace assay::emu {

// The widest word that selects an entry: 19 bits is a word of tf32.
inline constexpr int kMaxTableBits = 19;

struct TableForm {
  uint8_t fraction_bits = 0;
  Round round = Round::half_up;  // of the interpolation; unused where fraction_bits is 0
  friend bool operator==(const TableForm&, const TableForm&) = default;
};

int64_t table_entries(IntType input, TableForm form);

// x must be representable in `input`; entries.size() == table_entries(input, form).
int64_t look_up(std::span<const int64_t> entries, IntType input, TableForm form, int64_t x);

}  // namespace assay::emu

// Lookup tables: the stored word of an input selects an entry, directly (fraction_bits 0) or two entries with a line between them.
//
//   i = (x - min(type)) >> fraction_bits        0 .. 2^(bits - fraction_bits) - 1
//   f = (x - min(type)) mod 2^fraction_bits
//   y = t[i] + round((t[i+1] - t[i]) * f / 2^fraction_bits)                        interpolation difference
//   y = round((t[i] * (2^fraction_bits - f) + t[i+1] * f) / 2^fraction_bits)       interpolation value
//
// Entries: 2^bits (direct), or 2^(bits - fraction_bits) + 1. 8-bit direct: 256; 16-bit with 7 fraction bits: 513. With s16 entries |(t[i+1]-t[i]) * f| < 2^(17+7).
//
// A second, finer grid may lie over the middle of the words: fine_entries = n + 1 points, 2^fine_fraction_bits words apart, the first of them n / 2 intervals below the middle
// word. Words from its first point to before its last one are looked up there, by the same formulas with i and f counted from the first point; its entries follow the others.
// Source of both grids and of the interpolated value: nvdla/hw cmod/hls/sdp/sdp_y_idx.cpp and sdp_y_inp.cpp (65 and 257 entries; fractions of 35 bits, which hold all of f).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "emu/arith/int_type.h"
#include "emu/arith/rounding.h"

namespace assay::emu {

// The widest word that selects an entry: 19 bits is a word of tf32.
inline constexpr int kMaxTableBits = 19;

// What is rounded: the way from the lower entry, or the number between both. They differ where a tie goes by its sign or by the parity of what it belongs to.
enum class Interpolation : uint8_t { difference, value };
std::string_view to_string(Interpolation);

struct TableForm {
  uint8_t fraction_bits = 0;
  Round round = Round::half_up;  // of the interpolation; unused where nothing is interpolated
  Interpolation interpolation = Interpolation::difference;
  uint16_t fine_entries = 0;  // 0: there is no second grid
  uint8_t fine_fraction_bits = 0;
  friend bool operator==(const TableForm&, const TableForm&) = default;
};

// Whether the second grid, if there is one, has 2^k + 1 points, is finer than the first and fits among the words. fraction_bits must be fewer than the bits of a word.
bool has_sound_grids(IntType input, TableForm form);

int64_t table_entries(IntType input, TableForm form);
// The word of the second grid's first point.
int64_t first_fine_word(IntType input, TableForm form);
// Whether there are words without an entry of their own.
bool interpolates(IntType input, TableForm form);

// Where a word falls: on entry `left`, or `fraction` / 2^fraction_bits of the way to the next.
struct TablePlace {
  size_t left = 0;
  int64_t fraction = 0;
  uint8_t fraction_bits = 0;
};
TablePlace place_of(IntType input, TableForm form, int64_t x);

// x must be representable in `input`; entries.size() == table_entries(input, form).
int64_t look_up(std::span<const int64_t> entries, IntType input, TableForm form, int64_t x);

}  // namespace assay::emu

// Tables of functions that a chip fits by straight lines: what its unit gives for every word.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "emu/arith/piecewise.h"
#include "quant/exact/tables.h"

namespace assay::quant {

// Whether far from 0 the function is nearly a straight line on both sides, so that lines can stand for it everywhere: not exp, log, sqrt, reciprocal and square.
bool has_straight_ends(const Operator& op);

// Lines through the function's values at segments - 1 breakpoints, evenly from low to high; the two outer ones are what the function tends to.
// Breakpoints, slopes and intercepts are rounded half_even to the format. segments: 3 or more; low < high.
emu::PiecewiseLinear fitted(const Operator& op, double low, double high, int64_t segments, emu::FloatFormat format);

// Entry i of integers: x = the real number of the word, rounded to the format; y = evaluate(lines, x), rounded to it too; then round(y / output_scale) + output_zero_point within
// low..high. The lines are fitted to the range of the input's words.
std::vector<int64_t> fitted_table(const Operator& op, const TableSpec& spec, int64_t segments, emu::FloatFormat format);

// Entry i of floating-point words: y = evaluate(lines, the number of the word, of an infinity the largest), rounded to the output's format. The lines are fitted to -8..8.
std::vector<int64_t> fitted_table_of_words(const Operator& op, emu::IntType input, const emu::Storage& output, int64_t segments, emu::FloatFormat format, emu::Round round);

}  // namespace assay::quant

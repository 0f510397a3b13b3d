// The contents of lookup tables, calculated with more than 300 bits and rounded once: no libm, so the same bytes on every machine.
#pragma once

#include <cstdint>
#include <vector>

#include "emu/arith/table.h"
#include "emu/target/target.h"
#include "quant/graph/operators.h"

namespace assay::quant {

// How the words on both sides of a table stand for real numbers: real = scale * (q - zero_point).
struct TableSpec {
  emu::IntType input;
  emu::TableForm form;
  float input_scale = 1;
  int64_t input_zero_point = 0;
  float output_scale = 1;
  int64_t output_zero_point = 0;
  int64_t low = 0;  // of the output's storage
  int64_t high = 0;
  emu::Round round = emu::Round::half_even;
  emu::TableCorrection correction = emu::TableCorrection::none;
  emu::IntType output = emu::kS8;  // what a correction spreads the output's range over
};

// Entry i: clamp(round(f(x) / output_scale) + output_zero_point, low, high), x = the real value of the word min + i * 2^fraction_bits (one beyond the type's last word for
// the last entry of an interpolated table); then those of a second grid, from its first word on in its own steps. Where f has no value, the value at the nearest end of its domain:
// log at 0 or below is `low`, sqrt below 0 is 0; 1 / 0 is `high`. `op`: Unary, Relu, Clip or LeakyRelu.
//
// correction midpoint: n = 2^(bits - fraction_bits) intervals between the first and the last word's reals, u = 2^bits / (the output's reals from its first to its last word):
//   x_i = x_first + i (x_last - x_first) / n;   e = round((f(x_i+1) u + round(f(x_i) u)) / 2) - round(f(x_i + half an interval) u);   entry i = round(f(x_i) u) - round(e / 2)
// and the last one round(f(x_last) u), each + output_zero_point and clamped. Here every stage is exact before it is rounded; the source computes in floating point.
// Source: LUTPopulateInt16 in tensorflow/tflite-micro tensorflow/lite/kernels/internal/common.h.
std::vector<int64_t> function_table(const Operator& op, const TableSpec& spec);

// f(x) in binary64.
double function_at(const Operator& op, double x);

// The same for floating-point words on both sides: entry i is f(the number of the word i), rounded to the output's format. NaN stays NaN; f of an infinity is f of the largest
// number.
std::vector<int64_t> function_of_words(const Operator& op, emu::IntType input, const emu::Storage& output, emu::Round round);

// exp(-d) as binary32 words, rounded half_even to the type's format first, for the number d of every word without a sign; 0 from infinity on.
std::vector<int64_t> exponentials_of_words(emu::IntType type);

// Entry d of `count`: round((2^exponent_bits - 1) * exp(-d * scale)).
std::vector<int64_t> exponential_table(float scale, int64_t count, uint8_t exponent_bits, emu::Round round);

// The 256 words of 16 bits that emu::logistic_16_from_table and tanh_16_from_table interpolate: with S(i) = 2^16 * logistic(i / 24),
//   t[i] = round(S(i) + (S(i + 1/2) - (S(i) + S(i+1)) / 2) / 2),  t[255] = 2^16 - 1
// that is, S raised by half of what a straight line misses in the middle of the interval. Reproduces the table sigmoid_table_uint16 of tensorflow/tflite-micro
// tensorflow/lite/kernels/internal/common.cc. No entry is a tie.
std::vector<int64_t> logistic_table_16();

}  // namespace assay::quant

// The operations that other people's arithmetic is held against, as cases of plain integers: what a test bench, a text line, a JSON record and a device under test exchange.
// This file decides the operations, the names and legal values of their operands, and what a target makes of them. Which cases are worth asking is stimuli.h's.
//
//   operation      operands                                                                                         result
//   rounding       value shift mode                                                                                 value / 2^shift rounded (mode: index into kAllRounds)
//   quantize       x_fp32 scale_fp32 zero_point low high                                                            clamp(round(x / scale) + zero_point), x / scale in binary32
//   requantize     accumulator bias <scale> <fp32> zero_point low high first_shift                                  the target's conv steps
//   add            a b zero_point_a zero_point_b <scale_a> <scale_b> <scale> zero_point low high                    the target's add rule
//   mul            a b zero_point_a zero_point_b <scale> <fp32> zero_point low high                                 the target's mul steps on (a - za) * (b - zb)
//   average_pool   sum count zero_point_x <scale> zero_point low high                                               the target's average rule; sum: of the window's stored words
//   table          x, then the table's entries                                                                      emu::look_up in the target's form
//   dot            zero_point_x zero_point_w, then x0 w0 x1 w1 ...                                                  the accumulator after sum (x - zx) * (w - zw), in this order
//
// first_shift is the amount of `shift_right first`, 0 on targets without it. <scale> is multiplier left_shift right_shift; <scale_a> is multiplier_a left_shift_a right_shift_a;
// <fp32> is scale_fp32 bias_fp32 output_fp32 slope_fp32. A name that ends in _fp32 is a binary32 word, 0 .. 2^32 - 1. low..high are the clamp bounds of a fused activation; the
// results' type is the target's activation type. Words, biases, accumulators, multipliers and shifts lie within the target's types and limits; a zero point is 0 where the target
// quantizes symmetrically.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "emu/target/target.h"

namespace assay::vectors {

enum class ArithOp : uint8_t { rounding, quantize, requantize, add, mul, average_pool, table, dot };
inline constexpr std::array<ArithOp, 8> kAllArithOps = {ArithOp::rounding, ArithOp::quantize,     ArithOp::requantize, ArithOp::add,
                                                        ArithOp::mul,      ArithOp::average_pool, ArithOp::table,      ArithOp::dot};
std::string_view to_string(ArithOp op);
std::optional<ArithOp> parse_arith_op(std::string_view name);  // "lut" is table too

using Operands = std::vector<int64_t>;

// Products in a dot, words in a window.
inline constexpr int64_t kMaxDotTerms = 65536;
inline constexpr int64_t kMaxPoolCount = 65536;

// The names of the fixed operands, in order. table and dot have more numbers after these: entries; pairs of x and w.
std::span<const std::string_view> operand_names(ArithOp op);
// The place of an operand's name; the name must exist.
size_t operand_index(ArithOp op, std::string_view name);

// What is wrong with the operands of a case for this target (their number, a shift of 63, a zero point outside the type, low above high ...); none where evaluate() may be
// called. Throws nothing.
std::optional<std::string> illegal(const emu::Target& target, ArithOp op, std::span<const int64_t> operands);

// Why the target cannot be asked for this operation; none where it can.
std::optional<std::string> lacks(const emu::Target& target, ArithOp op);

// One value on the way to the result, for people: "accumulator", "step 2: shift_right 31 half_up".
struct TracePoint {
  std::string name;
  Wide value = 0;
  bool is_fp32 = false;  // `value` is a binary32 word
};

// What happened on the way.
struct Flags {
  bool tie = false;           // a rounding had to choose between two equally near integers
  bool inexact = false;       // a rounding discarded something
  bool intermediate = false;  // a saturate or wrap before the last one changed the value
  bool output = false;        // the one to the output's type did
  bool beyond_32 = false;     // a value on the way needed more than 32 signed bits; a product does not count before it is shifted right
  bool beyond_24 = false;     // an integer that binary32 cannot hold came to a to_fp32
  bool overflowed = false;    // a sum left its accumulator
};
// "tie,inexact"
std::string to_string(const Flags& flags);

struct Outcome {
  int64_t result = 0;
  Flags flags;
};

// What the target gives. illegal() and lacks() must have found nothing. The arithmetic is emu/arith's, step by step; the machine's reference bodies give the same (tested).
Outcome evaluate(const emu::Target& target, ArithOp op, std::span<const int64_t> operands);
// The same, with every value on the way.
std::vector<TracePoint> trace(const emu::Target& target, ArithOp op, std::span<const int64_t> operands);

// The rule of the multipliers that cases of this operation carry: that of conv for requantize.
const emu::MultiplierRule& multiplier_of(const emu::Target& target, ArithOp op);

// What the steps of a requantize, add, mul or average_pool case refer to: <scale>, <fp32> and bias where the operation has them, zero_point, low, high, and the target's
// activation type.
emu::StepOperands step_operands(const emu::Target& target, ArithOp op, std::span<const int64_t> operands);

// A case as it is written and exchanged.
struct Case {
  std::string id;  // "requantize-000123": unique in one set, the same for the same target, level and seed
  ArithOp op = ArithOp::requantize;
  Operands operands;
  std::string reason;  // why this case is worth asking, in words: "tie at step 2", "largest accumulator"
  Outcome expected;
};

}  // namespace assay::vectors

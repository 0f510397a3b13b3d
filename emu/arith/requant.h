// Requantization: accumulator -> narrower integer, by a straight list of steps from one closed vocabulary. A chip's requantizer *is* its list (see targets/README.md).
// An operand is a name (what it stands for is in StepOperands) or a number in the list itself.
//
//   step                        effect on the integer v                      range
//   add_bias                    v + bias[c]                                  |bias| < 2^63
//   add N                       v + N
//   shift_left N | scale        v * 2^N, N immediate or the scale's left     |v| < 2^126 afterwards (asserted)
//   multiply [N]                v * multiplier[c], or v * N                  |v| < 2^95 before, |N| < 2^32, |v| < 2^126 after (asserted)
//   shift_right N | scale | first  R   v / 2^N rounded with mode R           exact input; N immediate, the scale's right shift or its first one
//   saturate N | output         to signed N bits, or to the output's type
//   wrap N | output             modulo 2^N, signed; or into the output's type
//   add_zero_point              v + the output's zero point
//   clamp [LOW HIGH]            to the instruction's clamp bounds (a fused activation), in output steps; or to LOW..HIGH
//
// Steps in binary32 (soft_float.h defines each), between to_fp32 and to_int. X is `scale`, `bias`, `output` or `slope` (Fp32Constants), `zero_point`, or a
// word such as 0x3f000000.
//   to_fp32                     the integer as binary32, rounded half_even
//   mul_fp32 X, add_fp32 X, div_fp32 X     v * X, v + X, v / X, rounded half_even
//   fma_fp32 X Y                v * X + Y with one rounding, half_even
//   leaky_fp32 X                v < 0 ? v * X : v
//   clamp_fp32 output | clamp | X Y        to the output type's bounds or the clamp bounds, each less the zero point; or to X..Y. NaN stays NaN
//   add_half_fp32               v + 0.5 or v - 0.5 by v's sign bit, rounded half_even: with to_int toward_zero, the usual approximation of half_away
//   round_fp32 FORMAT R         to the nearest numbers of tf32, bf16, fp16, e5m2 or e4m3 (mode R, subnormals kept, overflow to infinity), as binary32
//   to_int R                    rounded with mode R, saturated to 32 signed bits; NaN gives 0
//   store_fp32 R                the word of the output's floating-point format, rounded with mode R, subnormals kept, overflow to infinity: the last step of a list whose output is
//                               one. Operands in such a format begin in binary32 (they are decoded exactly); clamp bounds are words of the output's format there
// Between these two, a value of type Wide is the 32-bit word of the number, 0 .. 2^32 - 1.
//
// Every step list is given as text in TOML and in Programs: "multiply; shift_right 31 half_up; saturate 32; shift_right scale half_away; add_zero_point; saturate output".
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "emu/arith/int_type.h"
#include "emu/arith/rounding.h"
#include "emu/arith/scale.h"
#include "emu/arith/shift.h"
#include "emu/arith/soft_float.h"

namespace assay::emu {

struct AddBias {
  friend bool operator==(const AddBias&, const AddBias&) = default;
};
struct AddNumber {
  int64_t amount = 0;
  friend bool operator==(const AddNumber&, const AddNumber&) = default;
};
struct ShiftLeft {
  std::optional<LeftShift> amount;  // none: the scale's left shift
  friend bool operator==(const ShiftLeft&, const ShiftLeft&) = default;
};
struct Multiply {
  std::optional<int64_t> factor;  // none: the scale's multiplier
  friend bool operator==(const Multiply&, const Multiply&) = default;
};
struct ShiftRight {
  std::optional<RightShift> amount;  // none: the scale's right shift, or its first
  Round round;
  bool is_first = false;  // of the scale's two
  RightShift amount_in(const QScale& scale) const { return amount.value_or(is_first ? scale.first : scale.right); }
  friend bool operator==(const ShiftRight&, const ShiftRight&) = default;
};
struct Saturate {
  std::optional<uint8_t> bits;  // signed; none: the output's type
  friend bool operator==(const Saturate&, const Saturate&) = default;
};
struct Wrap {
  std::optional<uint8_t> bits;  // signed; none: the output's type
  friend bool operator==(const Wrap&, const Wrap&) = default;
};
struct AddZeroPoint {
  friend bool operator==(const AddZeroPoint&, const AddZeroPoint&) = default;
};
struct Clamp {
  struct Bounds {
    int64_t low = 0, high = 0;  // low <= high
    friend bool operator==(const Bounds&, const Bounds&) = default;
  };
  std::optional<Bounds> bounds;  // none: the instruction's
  friend bool operator==(const Clamp&, const Clamp&) = default;
};

// One of Fp32Constants or the output's zero point (rounded half_even) by name, or a number.
enum class Fp32Name : uint8_t { scale, bias, output, slope, zero_point };
using Fp32Operand = std::variant<Fp32Name, Fp32>;

struct ToFp32 {
  friend bool operator==(const ToFp32&, const ToFp32&) = default;
};
struct MulFp32 {
  Fp32Operand factor;
  friend bool operator==(const MulFp32&, const MulFp32&) = default;
};
struct AddFp32 {
  Fp32Operand term;
  friend bool operator==(const AddFp32&, const AddFp32&) = default;
};
struct DivFp32 {
  Fp32Operand divisor;
  friend bool operator==(const DivFp32&, const DivFp32&) = default;
};
struct FmaFp32 {
  Fp32Operand factor, term;
  friend bool operator==(const FmaFp32&, const FmaFp32&) = default;
};
struct LeakyFp32 {
  Fp32Operand slope;
  friend bool operator==(const LeakyFp32&, const LeakyFp32&) = default;
};
enum class Fp32Bounds : uint8_t { output, clamp };
struct ClampFp32 {
  std::variant<Fp32Bounds, std::pair<Fp32, Fp32>> bounds;
  friend bool operator==(const ClampFp32&, const ClampFp32&) = default;
};
struct AddHalfFp32 {
  friend bool operator==(const AddHalfFp32&, const AddHalfFp32&) = default;
};
struct RoundFp32 {
  FloatFormat format;
  Round round;
  friend bool operator==(const RoundFp32&, const RoundFp32&) = default;
};
struct ToInt {
  Round round;
  friend bool operator==(const ToInt&, const ToInt&) = default;
};
struct StoreFp32 {
  Round round;
  friend bool operator==(const StoreFp32&, const StoreFp32&) = default;
};

using Step = std::variant<AddBias, AddNumber, ShiftLeft, Multiply, ShiftRight, Saturate, Wrap, AddZeroPoint, Clamp,  //
                          ToFp32, MulFp32, AddFp32, DivFp32, FmaFp32, LeakyFp32, ClampFp32, AddHalfFp32, RoundFp32, ToInt, StoreFp32>;
using Steps = std::vector<Step>;

std::string to_string(const Step& step);
// Steps joined by "; ".
std::string to_string(const Steps& steps);
// Parses one step; throws InputError that names the word and what is legal.
Step parse_step(std::string_view text);
// The inverse of to_string(Steps).
Steps parse_steps(std::string_view text);

// Whether the step works on a binary32 number (all _fp32 steps but to_fp32, and to_int).
bool takes_fp32(const Step& step);
// A list begins and ends with an integer, but: the operands of a sum may be left in binary32, and then the list on the sum begins there; so does every list on operands in a
// floating-point format.
enum class Begins : uint8_t { as_integer, in_fp32 };
inline Begins begins_with(IntType operand) {
  return operand.is_float() ? Begins::in_fp32 : Begins::as_integer;
}
// Whether the value after the first `count` steps is a binary32 word.
bool is_fp32_after(const Steps& steps, size_t count, Begins begins = Begins::as_integer);
// Whether a list leaves a binary32 number: such lists bring the operands of a sum to it.
inline bool ends_in_fp32(const Steps& steps, Begins begins = Begins::as_integer) {
  return is_fp32_after(steps, steps.size(), begins);
}
// What is wrong where integer and binary32 steps do not follow each other as they must (to_fp32 ... to_int, or ... store_fp32 at the end); none where the list is sound.
enum class Ends : uint8_t { as_integer, either };
std::optional<std::string> mixed_up(const Steps& steps, Begins begins, Ends ends);
inline std::optional<std::string> mixed_up(const Steps& steps) {
  return mixed_up(steps, Begins::as_integer, Ends::as_integer);
}

// What the steps refer to by name, for one element.
struct StepOperands {
  Wide bias = 0;
  QScale scale;
  IntType output = kS8;
  int64_t zero_point = 0;
  int64_t clamp_low = 0;
  int64_t clamp_high = 0;
};

// What the hardware did besides computing: a saturate or wrap before the last one that changed the value (`intermediate`), and the one to the output's type (`output`).
struct StepEvents {
  bool intermediate = false;
  bool output = false;
};

// The value after one step. mixed_up() must have found nothing in the list that it belongs to.
Wide apply(const Step& step, Wide value, const StepOperands& operands, StepEvents& events);

// All steps in order.
Wide requantize(Wide accumulator, const Steps& steps, const StepOperands& operands, StepEvents& events);

// The value after each step, first step first: what `explain`, golden vectors and tests show.
std::vector<Wide> requantize_traced(Wide accumulator, const Steps& steps, const StepOperands& operands);

// The form shared by average pooling and softmax, one rounding: value * multiplier * 2^left / (divisor * 2^right). divisor > 0; divisor * 2^right < 2^126.
Wide divide_scaled(Wide value, Wide divisor, const QScale& scale, Round round);

}  // namespace assay::emu

// Requantization: accumulator -> narrower integer, by a straight list of steps from one closed vocabulary. A chip's requantizer *is* its list (see targets/README.md).
//
//   step                       effect on v                                  range
//   add_bias                   v + bias[c]                                  |bias| < 2^63
//   shift_left N | scale       v * 2^N, N immediate or the scale's left     |v| < 2^126 afterwards (asserted)
//   multiply                   v * multiplier[c]                            |v| < 2^95 before, < 2^126 after (asserted)
//   shift_right N | scale  R   v / 2^N rounded with mode R                  exact input
//   saturate N | output        to signed N bits, or to the output's type
//   wrap N | output            modulo 2^N, signed; or into the output's type
//   add_zero_point             v + the output's zero point
//   clamp                      to the instruction's clamp bounds (a fused activation), in output steps
//
// Every step list is given as text in TOML and in Programs: "multiply; shift_right 31 half_up; saturate 32; shift_right scale half_away; add_zero_point; saturate output".
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "emu/arith/int_type.h"
#include "emu/arith/rounding.h"
#include "emu/arith/scale.h"
#include "emu/arith/shift.h"

namespace assay::emu {

struct AddBias {
  friend bool operator==(const AddBias&, const AddBias&) = default;
};
struct ShiftLeft {
  std::optional<LeftShift> amount;  // none: the scale's left shift
  friend bool operator==(const ShiftLeft&, const ShiftLeft&) = default;
};
struct Multiply {
  friend bool operator==(const Multiply&, const Multiply&) = default;
};
struct ShiftRight {
  std::optional<RightShift> amount;  // none: the scale's right shift
  Round round;
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
  friend bool operator==(const Clamp&, const Clamp&) = default;
};

using Step = std::variant<AddBias, ShiftLeft, Multiply, ShiftRight, Saturate, Wrap, AddZeroPoint, Clamp>;
using Steps = std::vector<Step>;

std::string to_string(const Step& step);
// Steps joined by "; ".
std::string to_string(const Steps& steps);
// Parses one step; throws InputError that names the word and what is legal.
Step parse_step(std::string_view text);
// The inverse of to_string(Steps).
Steps parse_steps(std::string_view text);

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

// The value after one step.
Wide apply(const Step& step, Wide value, const StepOperands& operands, StepEvents& events);

// All steps in order.
Wide requantize(Wide accumulator, const Steps& steps, const StepOperands& operands, StepEvents& events);

// The value after each step, first step first: what `explain`, golden vectors and tests show.
std::vector<Wide> requantize_traced(Wide accumulator, const Steps& steps, const StepOperands& operands);

// The form shared by average pooling and softmax, one rounding: value * multiplier * 2^left / (divisor * 2^right). divisor > 0; divisor * 2^right < 2^126.
Wide divide_scaled(Wide value, Wide divisor, const QScale& scale, Round round);

}  // namespace assay::emu

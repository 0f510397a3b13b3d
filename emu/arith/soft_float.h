// Binary floating point in integers: the definition of every float step of a requantizer and of every narrow format, with no FPU involved. A kernel on the FPU
// (kernels/fpu.h) is proven equal to it. IEEE 754-2019 where it speaks; what it leaves to the implementer is decided here:
//   NaN        every result that is NaN is the one quiet NaN, positive, fraction 100...0; there are no signalling NaNs and no flags
//   underflow  tiny results are subnormal numbers (Subnormals::keep), or the conversion to another format flushes them to a zero of their sign (flush): those that are
//              subnormal after rounding as with `keep`; what rounds up to the smallest normal number stays
//   overflow   the format's infinity, NaN where it has none (E4M3), or its largest number (FloatOverflow)
// Each operation computes the exact result as sign * significand * 2^exponent, then rounds it once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "emu/arith/float_format.h"
#include "emu/arith/int_type.h"
#include "emu/arith/rounding.h"
#include "emu/base/wide.h"

namespace assay::emu {

// A binary32 number as its 32-bit word.
struct Fp32 {
  uint32_t bits = 0;
  bool is_nan() const { return (bits & 0x7fffffffU) > 0x7f800000U; }
  bool is_infinite() const { return (bits & 0x7fffffffU) == 0x7f800000U; }
  bool is_negative() const { return (bits >> 31) != 0; }
  friend bool operator==(const Fp32&, const Fp32&) = default;  // of words: -0 differs from +0, a NaN equals itself
};

inline constexpr Fp32 kNan32{0x7fc00000U};

enum class Subnormals : uint8_t { keep, flush };
std::string_view to_string(Subnormals rule);
std::optional<Subnormals> parse_subnormals(std::string_view name);

// `infinity` is IEEE's rule: modes that round toward zero there stop at the largest number. `saturate` also brings an infinite input to the largest number.
enum class FloatOverflow : uint8_t { infinity, saturate };
std::string_view to_string(FloatOverflow rule);
std::optional<FloatOverflow> parse_float_overflow(std::string_view name);

struct FloatRule {
  FloatFormat format = kFp32;
  Round round = Round::half_even;
  Subnormals subnormals = Subnormals::keep;
  FloatOverflow overflow = FloatOverflow::infinity;
  friend bool operator==(const FloatRule&, const FloatRule&) = default;
};

// One operation, rounded half_even to binary32, subnormals kept. mul_add is fused: a * b + c with one rounding.
Fp32 add(Fp32 a, Fp32 b);
Fp32 multiply(Fp32 a, Fp32 b);
Fp32 divide(Fp32 a, Fp32 b);
Fp32 mul_add(Fp32 a, Fp32 b, Fp32 c);

// IEEE's order: -0 equals +0, NaN is below nothing.
bool less(Fp32 a, Fp32 b);

// An integer, |value| < 2^126, rounded to binary32.
Fp32 fp32_of(Wide value, Round mode);

// The rounded number, saturated to `type`; NaN gives 0.
Wide to_int(Fp32 value, Round mode, IntType type);

// The word of `value` in another format (right-aligned), and the binary32 number that such a word stands for (exact: binary32 holds all five).
uint32_t narrow(Fp32 value, const FloatRule& rule);
Fp32 widen(uint32_t word, FloatFormat format);

// The number that a word of a type stands for: widen(word) where the type is a floating-point format, else word - zero_point rounded half_even.
Fp32 number_of(Wide word, IntType type, int64_t zero_point);

// An integer that grows with the word's number, neighbouring numbers by 1 (-0 is one below +0): what differences between words are counted in.
int64_t ordered(int64_t word, IntType type);

// Whether a word stands for a smaller number than another of its type.
bool is_smaller(Wide a, Wide b, IntType type);

// |significand| * 2^exponent with the given sign, rounded by the rule to a word of its format; `sticky`: the exact number lies a little above the magnitude (less than one
// unit of the significand, which then has at least 64 significant bits or lies below the result's last place).
uint32_t round_to_word(bool negative, UnsignedWide significand, int exponent, bool sticky, const FloatRule& rule);

// "0x3c4985f0", and back.
std::string to_string(Fp32 value);
std::optional<Fp32> parse_fp32(std::string_view text);

}  // namespace assay::emu

// The types of words: integers of 1 to 64 bits, and the two things that a value outside a type can become: the nearest representable one (saturate) or itself modulo 2^bits
// (wrap). A word may also be a floating-point number (format): then it is held as the unsigned integer of its bits, and what computes with it decodes it (soft_float.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "emu/arith/float_format.h"
#include "emu/base/wide.h"

namespace assay::emu {

struct IntType {
  uint8_t bits;  // 1..64, the sign bit included
  bool is_signed;
  FloatFormat format{0, 0, false};  // exponent_bits 0: an integer; else bits are the format's and is_signed is false

  bool is_float() const { return format.exponent_bits != 0; }
  Wide min() const { return is_signed ? -(Wide{1} << (bits - 1)) : Wide{0}; }
  Wide max() const { return (Wide{1} << (is_signed ? bits - 1 : bits)) - 1; }
  Wide largest_magnitude() const { return is_signed ? -min() : max(); }
  bool holds(Wide value) const { return value >= min() && value <= max(); }

  friend bool operator==(const IntType&, const IntType&) = default;
};

inline constexpr IntType kS8{8, true};
inline constexpr IntType kU8{8, false};
inline constexpr IntType kS16{16, true};
inline constexpr IntType kU16{16, false};
inline constexpr IntType kS32{32, true};
inline constexpr IntType kS64{64, true};

// The type of a format's words.
constexpr IntType word_type(FloatFormat format) {
  return {static_cast<uint8_t>(format.bits()), false, format};
}

// What a register does with a value that it cannot hold. `saturate` and `wrap` are both results, never errors; whoever stores counts them.
enum class Overflow : uint8_t { saturate, wrap };

std::string_view to_string(Overflow rule);
std::optional<Overflow> parse_overflow(std::string_view name);

// "s8", "u16", "s32", "bf16"
std::string to_string(IntType type);
std::optional<IntType> parse_int_type(std::string_view name);

Wide saturate(Wide value, IntType type);
Wide wrap(Wide value, IntType type);
Wide store(Wide value, IntType type, Overflow rule);

}  // namespace assay::emu

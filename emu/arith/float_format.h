// The layouts of binary floating-point words: sign | exponent | fraction, exponent bias 2^(exponent_bits - 1) - 1. What is computed on them is in soft_float.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace assay::emu {

struct FloatFormat {
  uint8_t exponent_bits;
  uint8_t fraction_bits;
  bool has_infinity;  // false: the largest exponent holds numbers, and NaN only where the fraction is all ones too (E4M3)
  constexpr int bits() const { return 1 + exponent_bits + fraction_bits; }
  friend bool operator==(const FloatFormat&, const FloatFormat&) = default;
};

inline constexpr FloatFormat kFp32{8, 23, true};
inline constexpr FloatFormat kTf32{8, 10, true};  // 19 bits
inline constexpr FloatFormat kBf16{8, 7, true};
inline constexpr FloatFormat kFp16{5, 10, true};
inline constexpr FloatFormat kE5m2{5, 2, true};
inline constexpr FloatFormat kE4m3{4, 3, false};

inline constexpr std::array<FloatFormat, 6> kAllFloatFormats = {kFp32, kTf32, kBf16, kFp16, kE5m2, kE4m3};

std::string_view to_string(FloatFormat format);  // "fp32", "tf32", "bf16", "fp16", "e5m2", "e4m3"
std::optional<FloatFormat> parse_float_format(std::string_view name);

}  // namespace assay::emu

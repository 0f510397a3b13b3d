#include "emu/kernels/fpu.h"

#include <bit>
#include <cfloat>
#include <cmath>
#include <limits>
#include <type_traits>

#include "emu/kernels/rounded_shift.h"
#include "emu/kernels/vectorize.h"

static_assert(FLT_EVAL_METHOD == 0, "a binary32 operation must be rounded to binary32 at once");
static_assert(std::numeric_limits<float>::is_iec559);

namespace assay::emu::fpu {
namespace {

// quiet_NaN() is kNan32.
inline float canonical(float value) {
  return value != value ? std::numeric_limits<float>::quiet_NaN() : value;
}

inline float at(float one, size_t) {
  return one;
}
inline float at(const float* row, size_t i) {
  return row[i];
}

template <class Operand>
ASSAY_VECTORIZE void add_all(float* values, size_t size, Operand terms) {
  for (size_t i = 0; i < size; ++i) values[i] = canonical(values[i] + at(terms, i));
}

template <class Operand>
ASSAY_VECTORIZE void mul_all(float* values, size_t size, Operand factors) {
  for (size_t i = 0; i < size; ++i) values[i] = canonical(values[i] * at(factors, i));
}

template <class Operand>
ASSAY_VECTORIZE void div_all(float* values, size_t size, Operand divisors) {
  for (size_t i = 0; i < size; ++i) values[i] = canonical(values[i] / at(divisors, i));
}

// Where the instruction set has no fused operation, the C library's calculates the same exactly.
template <class Operand>
ASSAY_VECTORIZE void fma_all(float* values, size_t size, Operand factors, Operand terms) {
  for (size_t i = 0; i < size; ++i) values[i] = canonical(std::fma(values[i], at(factors, i), at(terms, i)));
}

// What is added to the number cut toward zero. `rest` is what was cut off, with the number's sign and below 1; exact.
template <Round kMode>
inline int32_t correction(float rest, int32_t cut) {
  const bool odd = (cut & 1) != 0;
  const int32_t over = rest > 0.5F, under = rest < -0.5F, tie_over = rest == 0.5F, tie_under = rest == -0.5F;
  switch (kMode) {
    case Round::floor: return -static_cast<int32_t>(rest < 0);
    case Round::ceil: return rest > 0;
    case Round::toward_zero: return 0;
    case Round::away_from_zero: return static_cast<int32_t>(rest > 0) - static_cast<int32_t>(rest < 0);
    case Round::half_up: return over + tie_over - under;
    case Round::half_down: return over - under - tie_under;
    case Round::half_even: return over - under + (tie_over - tie_under) * odd;
    case Round::half_odd: return over - under + (tie_over - tie_under) * !odd;
    case Round::half_away: return over + tie_over - under - tie_under;
    case Round::half_toward_zero: return over - under;
  }
  ASSAY_ASSERT(!"a Round outside its enumeration");
}

template <Round kMode>
ASSAY_VECTORIZE void round_all(const float* values, size_t size, int32_t* integers) {
  constexpr float kLimit = 2147483648.0F;
  for (size_t i = 0; i < size; ++i) {
    const float value = values[i];
    // Masks instead of choices, which compilers leave as branches where a comparison may set a flag. NaN is on neither side of a limit, nor between them.
    const int32_t inside = -static_cast<int32_t>((value >= -kLimit) & (value < kLimit));
    const int32_t above = -static_cast<int32_t>(value >= kLimit), below = -static_cast<int32_t>(value < -kLimit);
    const float held = std::bit_cast<float>(std::bit_cast<int32_t>(value) & inside);
    const auto cut = static_cast<int32_t>(held);
    // From 2^24 on numbers are integers, so the correction is zero there and the cut one is always a binary32 number.
    const int32_t rounded = cut + correction<kMode>(held - static_cast<float>(cut), cut);
    integers[i] = rounded | (above & std::numeric_limits<int32_t>::max()) | (below & std::numeric_limits<int32_t>::min());
  }
}

}  // namespace

bool is_ieee() {
  // volatile: calculated now, in this environment.
  const volatile float one = 1.0F, half_ulp = FLT_EPSILON / 2, ulp = FLT_EPSILON, smallest_normal = FLT_MIN, half = 0.5F, smallest = FLT_TRUE_MIN, large = 8388608.0F;
  const volatile float tie_down = one + half_ulp;  // up: not toward +infinity
  const volatile float odd = one + ulp;
  const volatile float tie_up = odd + half_ulp;             // down: not toward zero or -infinity
  const volatile float subnormal = smallest_normal * half;  // 0: results are flushed
  const volatile float scaled = smallest * large;           // 0: operands are read as zero
  return tie_down == 1.0F && tie_up == 1.0F + 2 * FLT_EPSILON && subnormal != 0 && scaled == FLT_MIN;
}

void add_fp32(float* values, size_t size, float term) {
  add_all(values, size, term);
}
void add_fp32(float* values, size_t size, const float* terms) {
  add_all(values, size, terms);
}
void mul_fp32(float* values, size_t size, float factor) {
  mul_all(values, size, factor);
}
void mul_fp32(float* values, size_t size, const float* factors) {
  mul_all(values, size, factors);
}
void div_fp32(float* values, size_t size, float divisor) {
  div_all(values, size, divisor);
}
void div_fp32(float* values, size_t size, const float* divisors) {
  div_all(values, size, divisors);
}
void fma_fp32(float* values, size_t size, float factor, float term) {
  fma_all(values, size, factor, term);
}
void fma_fp32(float* values, size_t size, const float* factors, const float* terms) {
  fma_all(values, size, factors, terms);
}

ASSAY_VECTORIZE void leaky_fp32(float* values, size_t size, float slope) {
  for (size_t i = 0; i < size; ++i) {
    const float sloped = values[i] * slope;
    values[i] = canonical(values[i] < 0 ? sloped : values[i]);
  }
}

ASSAY_VECTORIZE void clamp_fp32(float* values, size_t size, float low, float high) {
  for (size_t i = 0; i < size; ++i) {
    const float value = values[i];
    const float not_above = high < value ? high : value;
    values[i] = canonical(value < low ? low : not_above);
  }
}

ASSAY_VECTORIZE void fp32_of_int32(const int32_t* integers, size_t size, float* values) {
  for (size_t i = 0; i < size; ++i) values[i] = static_cast<float>(integers[i]);
}

void int32_of_fp32(const float* values, size_t size, Round mode, int32_t* integers) {
  with_round(mode, [&](auto constant) { round_all<constant.value>(values, size, integers); });
}

}  // namespace assay::emu::fpu

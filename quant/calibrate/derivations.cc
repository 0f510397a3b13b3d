#include "quant/calibrate/derivations.h"

#include <algorithm>
#include <array>

#include "emu/arith/fixed_point.h"
#include "emu/base/error.h"

namespace assay::quant {
namespace {

using emu::Fp32;
using emu::Round;

emu::QScale shifted_right(int64_t multiplier, int right) {
  return {multiplier, emu::LeftShift{0}, emu::RightShift{static_cast<uint8_t>(right)}};
}

// The range with 0 in it, and not narrower than the least.
std::pair<Rational, Rational> widened(const Rational& low, const Rational& high, const Rational& least_range) {
  const Rational bottom = std::min(low, Rational(0));
  const Rational top = std::max(high, Rational(0));
  return {bottom, std::max(top, Rational(bottom + least_range))};
}

}  // namespace

Rational symmetric_scale(const Rational& low, const Rational& high, int64_t qmin, int64_t qmax) {
  ASSAY_ASSERT(qmin < qmax);
  return 2 * std::max(Rational(abs(low)), Rational(abs(high))) / (qmax - qmin);
}

Rational power_of_two_above(const Rational& scale) {
  const Rational below = power_of_two(floor_log2(scale));
  return below == scale ? below : Rational(2 * below);
}

Rational power_of_two_near(const Rational& scale) {
  const Rational below = power_of_two(floor_log2(scale));
  // log2 s >= e + 1/2, squared.
  return scale * scale >= 2 * below * below ? Rational(2 * below) : below;
}

Encoding asymmetric_encoding(const Rational& low, const Rational& high, int bits, const Rational& least_range) {
  ASSAY_ASSERT(bits >= 2 && bits <= 32);
  const auto [bottom, top] = widened(low, high, least_range);
  const int64_t steps = (int64_t{1} << bits) - 1;
  const Rational delta = (top - bottom) / steps;
  const int64_t offset = delta == 0 ? 0 : -static_cast<int64_t>(round_to_integer(-bottom / delta, Round::half_away));
  const Rational min = delta * offset;
  return {delta, offset, min, min + top - bottom};
}

Encoding symmetric_encoding(const Rational& low, const Rational& high, int bits, bool strict, const Rational& least_range) {
  ASSAY_ASSERT(bits >= 2 && bits <= 32);
  const auto [bottom, top] = widened(low, high, least_range);
  const int64_t steps = (int64_t{1} << bits) - (strict ? 2 : 1);
  const int64_t positive = steps / 2;
  const Rational delta = std::max(Rational(abs(bottom)), top) / positive;
  const int64_t offset = -(steps - positive);
  return {delta, offset, delta * offset, delta * positive};
}

NudgedRange nudge_range(Fp32 low, Fp32 high, int steps) {
  ASSAY_ASSERT(steps == 255 || steps == 65536);
  const auto number = [](int64_t value) { return emu::fp32_of(value, Round::half_even); };
  const auto negated = [](Fp32 value) { return Fp32{value.bits ^ 0x80000000U}; };
  const auto minus = [&](Fp32 a, Fp32 b) { return emu::add(a, negated(b)); };
  const auto not_below = [](Fp32 a, Fp32 b) { return !a.is_nan() && !b.is_nan() && !emu::less(a, b); };
  const Fp32 zero{0};
  const Fp32 one{0x3F800000};
  const Fp32 least_range{0x358637BD};  // 1e-6
  const Fp32 tolerance{steps == 255 ? 0x38800000U : 0x3C800000U};
  const Fp32 range = minus(high, low);
  if (!not_below(range, least_range)) return {-1, low, high};
  if (!emu::less(low, zero) && !emu::less(zero, low)) return {0, low, high};
  const Fp32 z = emu::divide(emu::multiply(number(-steps), low), range);
  const Fp32 whole = emu::fp32_of(emu::to_int(z, Round::floor, emu::kS64), Round::half_even);
  const Fp32 rest = minus(z, whole);
  if (not_below(tolerance, rest) || not_below(rest, minus(one, tolerance))) return {0, low, high};
  const bool at_the_top = emu::less(number(steps - 2), whole);
  if (emu::less(zero, whole) && (at_the_top || not_below(emu::multiply(minus(rest, one), low), emu::multiply(rest, high)))) {
    return {2, low, minus(low, emu::divide(emu::multiply(number(steps), low), whole))};
  }
  return {1, emu::divide(emu::multiply(high, emu::add(whole, one)), minus(whole, number(steps - 1))), high};
}

PositionScale position_scale(const Rational& greatest, int bits) {
  ASSAY_ASSERT(bits >= 2 && bits <= 32 && greatest >= 0);
  if (greatest == 0) return {0, 1};
  const int position = floor_log2(greatest) - (bits - 2);
  return {position, power_of_two(position) * ((int64_t{1} << (bits - 1)) - 1) / greatest};
}

Rational normalisation_ratio(const Rational& saturation, int bits) {
  ASSAY_ASSERT(bits >= 2 && bits <= 32);
  const Rational ratio = saturation / ((int64_t{1} << (bits - 1)) - 1);
  const Rational least = 1 / Rational(boost::multiprecision::pow(BigInt(10), 20));
  return ratio < least ? Rational(1) : ratio;
}

emu::QScale nearest_scale(const Rational& scale, int bits, int low, int high) {
  ASSAY_ASSERT(bits >= 1 && bits <= 32 && low >= 0 && low <= high && high <= emu::kMaxShiftBits);
  const int64_t greatest = (int64_t{1} << bits) - 1;
  emu::QScale best;
  Rational least_error;
  for (int right = low; right <= high; ++right) {
    const int64_t multiplier = round_and_clamp(scale * power_of_two(right), Round::half_down, 0, greatest);
    const Rational error = abs(multiplier * power_of_two(-right) - scale);
    if (right == low || error < least_error) {
      best = shifted_right(multiplier, right);
      least_error = error;
    }
  }
  return best;
}

std::vector<std::pair<int64_t, int64_t>> equal_first_shift(std::vector<std::pair<int64_t, int64_t>> exponents, int64_t least) {
  int64_t greatest = INT64_MIN;
  for (const auto& [weight, bias] : exponents) greatest = std::max(greatest, weight - bias);
  for (auto& [weight, bias] : exponents) {
    bias -= greatest - (weight - bias);
    if (bias < least) {
      weight += least - bias;
      bias = least;
    }
  }
  return exponents;
}

emu::QScale pool_reciprocal_31(int64_t count) {
  ASSAY_ASSERT(count >= 1 && count <= int64_t{1} << 24);
  int k = 0;
  while (count - 1 >= int64_t{1} << k) ++k;
  return shifted_right(((int64_t{1} << (31 + k)) + (int64_t{1} << k)) / count, 31 + k);
}

emu::QScale average_with_first_cut(int64_t count) {
  ASSAY_ASSERT(count >= 1 && count <= 65536);
  uint8_t first = 1;
  while ((int64_t{1} << (first - 1)) < count) ++first;
  emu::QScale scale{((int64_t{16384} << first) / count + 1) / 2, emu::LeftShift{0}, emu::RightShift{13}};
  scale.first = {first};
  return scale;
}

emu::QScale average_factor_of_kernel(int height, int width) {
  ASSAY_ASSERT(height >= 1 && width >= 1 && height <= 1024 && width <= 1024);
  struct Fixed {
    int side, factor, right;
  };
  static constexpr std::array<Fixed, 5> kFixed = {{{3, 7, 6}, {5, 10, 8}, {6, 7, 8}, {7, 21, 10}, {14, 21, 12}}};
  for (const Fixed& fixed : kFixed) {
    if (height == fixed.side && width == fixed.side) return shifted_right(fixed.factor, fixed.right);
  }
  const int64_t area = int64_t{height} * width;
  int bits = 0;
  while ((int64_t{1} << bits) < 128 * area) ++bits;
  return nearest_scale(Rational(1) / area, 31, 0, bits - 1);
}

namespace {

emu::QScale reciprocal(emu::CountScale form, int64_t count, int height, int width) {
  switch (form) {
    case emu::CountScale::ratio: break;
    case emu::CountScale::reciprocal_30: return emu::reciprocal_scale(count);
    case emu::CountScale::reciprocal_31: return pool_reciprocal_31(count);
    case emu::CountScale::floor_24: return {(int64_t{1} << 24) / count, emu::LeftShift{0}, emu::RightShift{24}};
    case emu::CountScale::factor: return average_factor_of_kernel(height, width);
    case emu::CountScale::first_cut_15: return average_with_first_cut(count);
  }
  ASSAY_ASSERT(!"a CountScale without a scale of its own");
}

}  // namespace

std::optional<emu::QScale> count_reciprocal(emu::CountScale form, int64_t count, int height, int width, const emu::Steps& steps) {
  emu::QScale scale = reciprocal(form, count, height, width);
  int places = scale.right.bits;
  for (const emu::Step& step : steps) {
    if (const auto* right = std::get_if<emu::ShiftRight>(&step); right != nullptr && right->amount) places -= right->amount->bits;
    if (const auto* left = std::get_if<emu::ShiftLeft>(&step); left != nullptr && left->amount) places += left->amount->bits;
  }
  if (places < 0 || places > emu::kMaxShiftBits) return std::nullopt;
  scale.right.bits = static_cast<uint8_t>(places);
  return scale;
}

}  // namespace assay::quant

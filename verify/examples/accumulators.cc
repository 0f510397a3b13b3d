// Sums of products in registers of some width.
#include "emu/arith/accumulator.h"

#include <cstdio>

#include "verify/examples/operations.h"

namespace assay::verify {
namespace {

using emu::Overflow;

// The products' two factors, whatever their types are called.
struct Factors {
  std::vector<Wide> a;
  std::vector<Wide> b;
};
Factors factors_of(const Entry& entry) {
  Factors factors;
  factors.a = entry.integers({"u8", "x_u8", "u7", "x", "a", "act", "s8_a"});
  factors.b = entry.integers({"s8", "w_u8", "w_s8", "w", "b", "wgt", "s8_b"}, factors.a.size());
  return factors;
}

Wide held(Wide value, int bits, Overflow rule) {
  return emu::store(value, {static_cast<uint8_t>(bits), true}, rule);
}

emu::IntType signed_type(int bits) {
  return {static_cast<uint8_t>(bits), true};
}

// sum + addend in a register.
Value register_add(const Entry& entry) {
  const std::string named = lower_case(entry.text({"overflow", "mode"})) + entry.op;
  const Overflow rule = contains(named, "wrap") ? Overflow::wrap : Overflow::saturate;
  int bits = 32;
  if (std::sscanf(entry.op.c_str(), "acc_int%2d", &bits) != 1 || bits < 1 || bits > 64) bits = 32;
  const emu::Accumulator accumulator{signed_type(entry.small({"bits", "acc_bits", "width"}, 1, 64, bits)), rule};
  const auto sums = entry.integers({"acc", "sum", "x"});
  const auto addends = entry.integers({"addend", "add", "b", "y"}, sums.size());
  Value::List list;
  for (size_t i = 0; i < sums.size(); ++i) list.push_back(held(sums[i] + addends[i], accumulator.type.bits, accumulator.overflow));
  return list;
}

int64_t summed(const Factors& factors, const emu::Accumulator& accumulator) {
  emu::Sum sum(accumulator);
  for (size_t i = 0; i < factors.a.size(); ++i) sum.add(narrow(factors.a[i] * factors.b[i], 62, "a product"));
  return sum.value();
}

// Products in pairs, each pair's sum saturated to some bits, then summed in a wide register.
Value pairs(const Entry& entry) {
  const Factors factors = factors_of(entry);
  emu::Accumulator accumulator{signed_type(entry.small({"then_accumulate", "acc_bits"}, 1, 64, 32)), Overflow::wrap};
  accumulator.pairs = emu::Stored{signed_type(entry.small({"pair_sum_saturates_to", "pair_bits", "group_sat_bits"}, 1, 64, 16)), Overflow::saturate};
  return by_key(entry, "sum", [&](const std::string& key) -> Value {
    if (!contains(key, "exact")) return summed(factors, accumulator);
    return summed(factors, {emu::kS64, Overflow::wrap});
  });
}

// The running sum of the pairs saturates to 16 bits too, and is spilled into 32 bits after so many pairs.
Value spilled(const Entry& entry) {
  const Factors factors = factors_of(entry);
  emu::Accumulator accumulator{emu::kS16, Overflow::saturate};
  if (!entry.flag({"running_sat16"}, true)) accumulator = {emu::kS32, Overflow::wrap};
  if (entry.flag({"pair_sat16"}, true)) accumulator.pairs = emu::Stored{emu::kS16, Overflow::saturate};
  const Names period = {"spill", "spill_period", "brow", "spill_every"};
  if (entry.has(period)) accumulator.spill = emu::Spill{static_cast<uint32_t>(2 * entry.small(period, 1, 1 << 20)), {emu::kS32, Overflow::wrap}};
  return summed(factors, accumulator);
}

// sum (x - zx)(w - zw) = sum xw - zx sum w - zw sum x + n zx zw, in 32 bits.
Value both_zero_points(const Entry& entry) {
  const Factors factors = factors_of(entry);
  const Wide zx = entry.integer({"za", "zx", "z_x"}, 0);
  const Wide zw = entry.integer({"zw", "zb", "z_w"}, 0);
  Wide sum = 0;
  Wide products = 0;
  Wide of_x = 0;
  Wide of_w = 0;
  for (size_t i = 0; i < factors.a.size(); ++i) {
    sum = held(sum + narrow(times(factors.a[i] - zx, factors.b[i] - zw), 62, "a product"), 32, Overflow::wrap);
    products += narrow(factors.a[i] * factors.b[i], 62, "a product");
    of_x += factors.a[i];
    of_w += factors.b[i];
  }
  return by_key(entry, "acc", [&](const std::string& key) -> Value {
    const std::string lower = lower_case(key);
    if (contains(lower, "xw")) return products;
    if (contains(lower, "row")) return of_x;
    if (contains(lower, "col")) return of_w;
    return sum;
  });
}

// round(bias / (sx * sw)) in so many bits.
Value whole_bias(const Entry& entry) {
  const Rational scale = entry.rational({"s_x", "sx"}, 1) * entry.rational({"s_w", "sw"}, 1);
  if (scale == 0) throw EntryError("a scale is 0");
  const Limits limits = entry.clamp(kS32Limits);
  const emu::Round mode = entry.round(emu::Round::half_even);
  return map_list(entry.rationals({"bias", "b"}), [&](const Rational& bias) -> Value {
    return Value(quant::round_and_clamp(bias / scale, mode, static_cast<int64_t>(limits.low), static_cast<int64_t>(limits.high)));
  });
}

}  // namespace

void add_accumulators(Operations& table) {
  table["acc_*"] = register_add;
  table["maddubs*"] = pairs;
  table["acc16_spill*"] = spilled;
  table["asym_both*"] = both_zero_points;
  table["bias_int*"] = whole_bias;
}

}  // namespace assay::verify

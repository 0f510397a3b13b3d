// Sums of products in registers of some width.
#include "emu/arith/accumulator.h"

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

// sum + addend in a register.
Value register_add(const Entry& entry) {
  const std::string named = lower_case(entry.text({"overflow", "mode"})) + entry.op;
  const Overflow rule = contains(named, "wrap") ? Overflow::wrap : Overflow::saturate;
  const emu::Accumulator accumulator{{static_cast<uint8_t>(entry.small({"bits", "acc_bits", "width"}, 1, 64, 32)), true}, rule};
  const auto sums = entry.integers({"acc", "sum", "x"});
  const auto addends = entry.integers({"addend", "add", "b", "y"}, sums.size());
  Value::List list;
  for (size_t i = 0; i < sums.size(); ++i) list.push_back(held(sums[i] + addends[i], accumulator.type.bits, accumulator.overflow));
  return list;
}

// Products in pairs, each pair's sum saturated to some bits, then summed in a wide register.
Value pairs(const Entry& entry) {
  const Factors factors = factors_of(entry);
  const int pair_bits = entry.small({"pair_sum_saturates_to", "pair_bits", "group_sat_bits"}, 1, 64, 16);
  const int bits = entry.small({"then_accumulate", "acc_bits"}, 1, 64, 32);
  Wide sum = 0;
  for (size_t i = 0; i < factors.a.size(); i += 2) {
    const Wide second = i + 1 < factors.a.size() ? factors.a[i + 1] * factors.b[i + 1] : Wide{0};
    sum = held(sum + held(factors.a[i] * factors.b[i] + second, pair_bits, Overflow::saturate), bits, Overflow::wrap);
  }
  return by_key(entry, "sum", [&](const std::string& key) -> Value {
    if (!contains(key, "exact")) return sum;
    Wide exact = 0;
    for (size_t i = 0; i < factors.a.size(); ++i) exact += factors.a[i] * factors.b[i];
    return exact;
  });
}

// The running sum of the pairs saturates to 16 bits too, and is spilled into 32 bits after so many pairs.
Value spilled(const Entry& entry) {
  const Factors factors = factors_of(entry);
  const bool pair_saturates = entry.flag({"pair_sat16"}, true);
  const bool running_saturates = entry.flag({"running_sat16"}, true);
  const int period = entry.small({"spill", "spill_period", "brow", "spill_every"}, 1, 1 << 20, 1 << 20);
  const int pair_bits = pair_saturates ? 16 : 32;
  Wide spilled_sum = 0;
  Wide running = 0;
  int steps = 0;
  for (size_t i = 0; i < factors.a.size(); i += 2) {
    const Wide second = i + 1 < factors.a.size() ? factors.a[i + 1] * factors.b[i + 1] : Wide{0};
    running = held(running + held(factors.a[i] * factors.b[i] + second, pair_bits, Overflow::saturate), running_saturates ? 16 : 32,
                   running_saturates ? Overflow::saturate : Overflow::wrap);
    if (++steps % period == 0) {
      spilled_sum = held(spilled_sum + running, 32, Overflow::wrap);
      running = 0;
    }
  }
  return held(spilled_sum + running, 32, Overflow::wrap);
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
    sum = held(sum + (factors.a[i] - zx) * (factors.b[i] - zw), 32, Overflow::wrap);
    products += factors.a[i] * factors.b[i];
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

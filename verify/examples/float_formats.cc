// Numbers in narrower floating-point formats, and sums whose order shows.
#include "emu/arith/soft_float.h"

#include <algorithm>

#include "verify/examples/operations.h"

namespace assay::verify {
namespace {

using emu::Fp32;
using emu::Round;

// By name, or by the bits of the significand (the hidden one included) and the largest exponent.
emu::FloatFormat format_of(const Entry& entry) {
  std::string name = lower_case(entry.text({"format", "to", "type"}));
  if (name.empty()) name = entry.op;
  for (const emu::FloatFormat format : emu::kAllFloatFormats) {
    if (contains(name, emu::to_string(format))) return format;
  }
  if (contains(name, "half") || contains(name, "float16")) return contains(name, "bfloat16") ? emu::kBf16 : emu::kFp16;
  if (!entry.has({"precision_bits"}) || !entry.has({"emax"})) throw NotSupported("the format '" + name + "' of operation '" + entry.op + "' is none that Assay has");
  const int emax = entry.small({"emax"}, 1, 127);
  int exponent_bits = 2;
  while ((1 << (exponent_bits - 1)) - 1 < emax) ++exponent_bits;
  if ((1 << (exponent_bits - 1)) - 1 != emax) throw NotSupported("an emax of " + std::to_string(emax) + " is that of no IEEE format");
  return {static_cast<uint8_t>(exponent_bits), static_cast<uint8_t>(entry.small({"precision_bits"}, 2, 24) - 1), true};
}

Value convert(const Entry& entry) {
  emu::FloatRule rule{format_of(entry)};
  rule.round = entry.round(Round::half_even);
  const std::string overflow = lower_case(entry.text({"overflow"}));
  if (entry.flag({"saturate", "saturating", "sat"}, contains(overflow, "sat") || contains(overflow, "max"))) rule.overflow = emu::FloatOverflow::saturate;
  const std::string subnormals = lower_case(entry.text({"subnormals", "subnormal", "denormals"}));
  const bool flush = contains(subnormals, "flush") || contains(subnormals, "ftz") || contains(entry.op, "flush") || entry.flag({"ftz", "flush_to_zero"}, false);
  if (flush) rule.subnormals = emu::Subnormals::flush;
  return map_list(entry.reals32({"x", "v"}), [&](Fp32 x) -> Value { return emu::widen(emu::narrow(x, rule), rule.format); });
}

using Terms = std::vector<Fp32>;

Fp32 sequentially(const Terms& terms) {
  if (terms.empty()) return {0};
  Fp32 sum = terms[0];
  for (size_t i = 1; i < terms.size(); ++i) sum = emu::add(sum, terms[i]);
  return sum;
}

// Neighbours first; an odd one out waits for the next round.
Fp32 pairwise(Terms terms) {
  while (terms.size() > 1) {
    Terms sums;
    for (size_t i = 0; i + 1 < terms.size(); i += 2) sums.push_back(emu::add(terms[i], terms[i + 1]));
    if (terms.size() % 2 != 0) sums.push_back(terms.back());
    terms = std::move(sums);
  }
  return sequentially(terms);
}

Fp32 exactly_then_rounded(const Terms& terms) {
  Rational sum = 0;
  for (const Fp32 term : terms) sum += exactly(term);
  return nearest_float(sum);
}

// Blocks of so many terms each, then their sums; all one after the other.
Fp32 in_blocks(const Terms& terms, size_t size) {
  Terms sums;
  for (size_t i = 0; i < terms.size(); i += size) {
    sums.push_back(sequentially(Terms(terms.begin() + static_cast<std::ptrdiff_t>(i), terms.begin() + static_cast<std::ptrdiff_t>(std::min(terms.size(), i + size)))));
  }
  return sequentially(sums);
}

size_t number_in(const std::string& text) {
  size_t number = 0;
  for (const char c : text) {
    if (c >= '0' && c <= '9' && number < 1000000) number = number * 10 + static_cast<size_t>(c - '0');
  }
  return number;
}

bool smaller_magnitude(Fp32 a, Fp32 b) {
  return emu::less({a.bits & 0x7FFFFFFFU}, {b.bits & 0x7FFFFFFFU});
}

Value sum_in_order(const Entry& entry) {
  const Terms terms = entry.reals32({"terms", "x"});
  return by_key(entry, entry.text({"order"}), [&](const std::string& key) -> Value {
    const std::string order = lower_case(key);
    Terms sorted = terms;
    if (contains(order, "right_to_left") || contains(order, "reverse")) {
      std::reverse(sorted.begin(), sorted.end());
      return sequentially(sorted);
    }
    if (contains(order, "ones_first") || contains(order, "small") || contains(order, "ascending")) {
      std::stable_sort(sorted.begin(), sorted.end(), smaller_magnitude);
      return sequentially(sorted);
    }
    if (contains(order, "large") || contains(order, "descending")) {
      std::stable_sort(sorted.begin(), sorted.end(), [](Fp32 a, Fp32 b) { return smaller_magnitude(b, a); });
      return sequentially(sorted);
    }
    if (contains(order, "pair") || contains(order, "tree")) return pairwise(terms);
    if (contains(order, "exact")) return exactly_then_rounded(terms);
    if (contains(order, "block") && number_in(order) > 0) return in_blocks(terms, number_in(order));
    if (contains(order, "left") || contains(order, "sequential")) return sequentially(terms);
    throw NotSupported("the order '" + key + "' of operation '" + entry.op + "' is none that Assay has");
  });
}

// Straight pieces: the slope and intercept of the last piece that begins at or before x, one fused multiply-add, the result in a narrower format.
Value piecewise_linear(const Entry& entry) {
  const auto breaks = entry.reals32({"breakpoints", "breaks", "knots"});
  const auto slopes = entry.reals32({"slopes", "k"});
  const auto intercepts = entry.reals32({"intercepts", "b", "offsets"});
  if (slopes.size() != breaks.size() + 1 || intercepts.size() != slopes.size()) throw EntryError("needs one slope and one intercept more than breakpoints");
  const std::string rule = entry.text({"segment_rule"});
  const bool includes = !contains(rule, ">") || contains(rule, ">=");
  const std::string arithmetic = lower_case(entry.text({"arith", "arithmetic"}));
  const bool fused = !contains(arithmetic, "mul") || contains(arithmetic, "fma");
  emu::FloatRule out{emu::kFp32};
  for (const emu::FloatFormat format : {emu::kBf16, emu::kFp16, emu::kTf32}) {
    if (contains(arithmetic, "to " + std::string(emu::to_string(format)))) out.format = format;
  }
  return map_list(entry.reals32({"x_bf16", "x", "x_fp16", "x_fp32", "x_tf32"}), [&](Fp32 x) -> Value {
    size_t piece = 0;
    while (piece < breaks.size() && (includes ? !emu::less(x, breaks[piece]) : emu::less(breaks[piece], x))) ++piece;
    const Fp32 y = fused ? emu::mul_add(slopes[piece], x, intercepts[piece]) : emu::add(emu::multiply(slopes[piece], x), intercepts[piece]);
    return emu::widen(emu::narrow(y, out), out.format);
  });
}

}  // namespace

void add_float_formats(Operations& table) {
  table["cvt_*"] = convert;
  table["convert_*"] = convert;
  table["fp32_accumulate*"] = sum_in_order;
  table["pwl_*"] = piecewise_linear;
}

}  // namespace assay::verify

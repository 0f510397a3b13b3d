#include "emu/arith/accumulator.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "emu/base/error.h"

namespace assay::emu {
namespace {

constexpr std::array<std::string_view, 4> kOrderNames = {"sequential", "pairwise", "blocks", "exact"};  // in the order of Fp32Order

std::string stored_text(Stored stored) {
  return to_string(stored.type) + "." + std::string(to_string(stored.overflow));
}

std::optional<Stored> parse_stored(std::string_view text) {
  const size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto type = parse_int_type(text.substr(0, dot));
  const auto overflow = parse_overflow(text.substr(dot + 1));
  return type && !type->is_float() && overflow ? std::optional(Stored{*type, *overflow}) : std::nullopt;
}

std::optional<uint32_t> parse_count(std::string_view text) {
  uint32_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  return error == std::errc{} && end == text.data() + text.size() && count >= 1 && count < (uint32_t{1} << 31) ? std::optional(count) : std::nullopt;
}

std::optional<Fp32Sum> parse_fp32_sum(std::string_view text) {
  for (size_t i = 0; i < kOrderNames.size(); ++i) {
    const auto order = static_cast<Fp32Order>(i);
    if (order != Fp32Order::blocks && text == kOrderNames[i]) return Fp32Sum{order, 0};
  }
  constexpr std::string_view kBlocks = "blocks:";
  if (text.substr(0, kBlocks.size()) != kBlocks) return std::nullopt;
  const auto block = parse_count(text.substr(kBlocks.size()));
  return block ? std::optional(Fp32Sum{Fp32Order::blocks, *block}) : std::nullopt;
}

// "pairs:s16.saturate" or "spill:64:s32.wrap", in this order.
bool parse_part(std::string_view text, Accumulator& accumulator) {
  constexpr std::string_view kPairs = "pairs:", kSpill = "spill:";
  if (text.substr(0, kPairs.size()) == kPairs && !accumulator.pairs && !accumulator.spill) {
    accumulator.pairs = parse_stored(text.substr(kPairs.size()));
    return accumulator.pairs.has_value();
  }
  if (text.substr(0, kSpill.size()) != kSpill || accumulator.spill) return false;
  text.remove_prefix(kSpill.size());
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return false;
  const auto terms = parse_count(text.substr(0, colon));
  const auto into = parse_stored(text.substr(colon + 1));
  if (accumulator.pairs && terms && *terms % 2 != 0) return false;
  if (terms && into) accumulator.spill = Spill{*terms, *into};
  return accumulator.spill.has_value();
}

// The orders of summing; plus(a, b) is one addition.
template <class Plus>
Fp32 sequential(const Fp32* values, size_t count, const Plus& plus) {
  Fp32 sum{0};
  for (size_t i = 0; i < count; ++i) sum = plus(sum, values[i]);
  return sum;
}

template <class Plus>
Fp32 pairwise(std::vector<Fp32> values, const Plus& plus) {
  while (values.size() > 1) {
    const size_t half = values.size() / 2, odd = values.size() % 2;
    for (size_t i = 0; i < half; ++i) values[i] = plus(values[2 * i], values[2 * i + 1]);
    if (odd != 0) values[half] = values.back();
    values.resize(half + odd);
  }
  return values.empty() ? Fp32{0} : values[0];
}

template <class Plus>
Fp32 summed(const std::vector<Fp32>& values, const Fp32Sum& how, const Plus& plus) {
  switch (how.order) {
    case Fp32Order::sequential: return sequential(values.data(), values.size(), plus);
    case Fp32Order::pairwise: return pairwise(values, plus);
    case Fp32Order::blocks: {
      std::vector<Fp32> sums;
      for (size_t i = 0; i < values.size(); i += how.block) sums.push_back(sequential(values.data() + i, std::min<size_t>(how.block, values.size() - i), plus));
      return sequential(sums.data(), sums.size(), plus);
    }
    case Fp32Order::exact: break;
  }
  ASSAY_ASSERT(!"an order that adds numbers of binary32");
}

// An addition of integers that binary32 holds, and whether it was inexact.
Fp32 add_integers(Fp32 a, Fp32 b, bool& inexact) {
  const Fp32 sum = add(a, b);
  inexact |= to_int(a, Round::half_even, kS64) + to_int(b, Round::half_even, kS64) != to_int(sum, Round::half_even, kS64);
  return sum;
}

}  // namespace

std::string to_string(const Accumulator& accumulator) {
  if (accumulator.fp32) {
    const std::string text = "fp32." + std::string(kOrderNames[static_cast<size_t>(accumulator.fp32->order)]);
    return accumulator.fp32->order == Fp32Order::blocks ? text + ":" + std::to_string(accumulator.fp32->block) : text;
  }
  std::string text = stored_text({accumulator.type, accumulator.overflow});
  if (accumulator.pairs) text += "+pairs:" + stored_text(*accumulator.pairs);
  if (accumulator.spill) text += "+spill:" + std::to_string(accumulator.spill->terms) + ":" + stored_text(accumulator.spill->into);
  return text;
}

std::optional<Accumulator> parse_accumulator(std::string_view text) {
  constexpr std::string_view kFp32Prefix = "fp32.";
  if (text.substr(0, kFp32Prefix.size()) == kFp32Prefix) {
    const auto sum = parse_fp32_sum(text.substr(kFp32Prefix.size()));
    return sum ? std::optional(Accumulator{kS64, Overflow::saturate, {}, {}, sum}) : std::nullopt;
  }
  size_t plus = std::min(text.find('+'), text.size());
  const auto first = parse_stored(text.substr(0, plus));
  if (!first) return std::nullopt;
  Accumulator accumulator{first->type, first->overflow, {}, {}, {}};
  while (plus < text.size()) {
    text.remove_prefix(plus + 1);
    plus = std::min(text.find('+'), text.size());
    if (!parse_part(text.substr(0, plus), accumulator)) return std::nullopt;
  }
  return accumulator;
}

void Sum::keep(int64_t& into, Wide exact, IntType type, Overflow overflow) {
  overflowed_ |= !type.holds(exact);
  into = static_cast<int64_t>(store(exact, type, overflow));
}

void Sum::add_to_register(int64_t term) {
  keep(register_, Wide{register_} + term, accumulator_.type, accumulator_.overflow);
}

void Sum::add(int64_t term) {
  ++terms_;
  if (accumulator_.fp32) return fp32_terms_.push_back(term);
  if (accumulator_.pairs && terms_ % 2 == 1) {
    first_of_pair_ = term;
  } else if (accumulator_.pairs) {
    int64_t pair = 0;
    keep(pair, Wide{first_of_pair_} + term, accumulator_.pairs->type, accumulator_.pairs->overflow);
    add_to_register(pair);
  } else {
    add_to_register(term);
  }
  if (accumulator_.spill && terms_ % accumulator_.spill->terms == 0) {
    const Finished so_far = finished();
    spilled_ = so_far.value, overflowed_ = so_far.overflowed;
    register_ = 0;
  }
}

Sum::Finished Sum::finished() const {
  if (accumulator_.fp32) return finished_fp32();
  Sum end = *this;
  // A pair that the end cuts is stored alone; a spill cuts none.
  if (accumulator_.pairs && terms_ % 2 == 1) {
    int64_t pair = 0;
    end.keep(pair, first_of_pair_, accumulator_.pairs->type, accumulator_.pairs->overflow);
    end.add_to_register(pair);
  }
  if (accumulator_.spill) end.keep(end.spilled_, Wide{end.spilled_} + end.register_, accumulator_.spill->into.type, accumulator_.spill->into.overflow);
  return {accumulator_.spill ? end.spilled_ : end.register_, end.overflowed_};
}

Sum::Finished Sum::finished_fp32() const {
  bool inexact = false;
  Wide exact = 0;
  std::vector<Fp32> values;
  for (const int64_t term : fp32_terms_) {
    exact += term;
    if (accumulator_.fp32->order == Fp32Order::exact) continue;
    values.push_back(fp32_of(term, Round::half_even));
    inexact |= to_int(values.back(), Round::half_even, kS64) != term;
  }
  const auto plus = [&](Fp32 a, Fp32 b) { return add_integers(a, b, inexact); };
  const Fp32 sum = accumulator_.fp32->order == Fp32Order::exact ? fp32_of(exact, Round::half_even) : summed(values, *accumulator_.fp32, plus);
  const Wide value = to_int(sum, Round::half_even, kS64);
  return {static_cast<int64_t>(value), inexact || value != exact};
}

Fp32 sum_of_numbers(const std::vector<Fp32>& terms, const Fp32Sum& how) {
  return summed(terms, how, [](Fp32 a, Fp32 b) { return emu::add(a, b); });
}

int64_t Sum::value() const {
  return finished().value;
}

bool Sum::overflowed() const {
  return finished().overflowed;
}

bool fits(const Accumulator& accumulator, Wide worst_magnitude) {
  const auto holds = [&](IntType type) { return worst_magnitude <= type.max() && -worst_magnitude >= type.min(); };
  if (accumulator.fp32) return worst_magnitude <= Wide{1} << 24;
  return holds(accumulator.type) && (!accumulator.pairs || holds(accumulator.pairs->type)) && (!accumulator.spill || holds(accumulator.spill->into.type));
}

std::string_view to_string(SumOrder order) {
  switch (order) {
    case SumOrder::ky_kx_ic: return "ky,kx,ic";
    case SumOrder::ic_ky_kx: return "ic,ky,kx";
  }
  ASSAY_ASSERT(!"a SumOrder outside its enumeration");
}

std::optional<SumOrder> parse_sum_order(std::string_view text) {
  if (text == "ky,kx,ic") return SumOrder::ky_kx_ic;
  if (text == "ic,ky,kx") return SumOrder::ic_ky_kx;
  return std::nullopt;
}

}  // namespace assay::emu

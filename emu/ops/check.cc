#include "emu/ops/check.h"

#include <algorithm>

namespace assay::emu {
namespace {

std::string digits(int64_t value) {
  return std::to_string(value);
}
std::string quoted_key(std::string_view key) {
  return "'" + std::string(key) + "'";
}

}  // namespace

bool Check::that(bool holds, const std::string& problem) {
  if (!holds) problems_.push_back(problem);
  return holds;
}

bool Check::rank_is(Ref ref, std::string_view key, size_t rank) {
  const Shape& shape = context_.shape(ref);
  return that(shape.size() == rank, quoted_key(key) + " must have " + std::to_string(rank) + " axes, its shape is " + to_string(shape));
}

bool Check::attribute(const std::vector<int64_t>& values, std::string_view key, size_t count, int64_t low, int64_t high) {
  if (!that(values.size() == count, quoted_key(key) + " must have " + std::to_string(count) + " values, it has " + std::to_string(values.size()))) return false;
  const auto bad = std::find_if(values.begin(), values.end(), [&](int64_t value) { return value < low || value > high; });
  return bad == values.end() || that(false, quoted_key(key) + " must lie between " + digits(low) + " and " + digits(high) + ", found " + digits(*bad));
}

bool Check::is_result_shape(const Shape& expected) {
  const Shape& found = context_.result().shape;
  return that(found == expected, "the result must have shape " + to_string(expected) + ", it has " + to_string(found));
}

bool Check::few_axes(const Shape& shape, const std::string& name) {
  return that(shape.size() <= kMaxRank, name + " has " + std::to_string(shape.size()) + " axes; at most " + std::to_string(kMaxRank) + " are possible");
}

bool Check::operand(Ref ref, std::string_view key) {
  const IntType type = context_.type(ref);
  const bool few = few_axes(context_.shape(ref), quoted_key(key));
  return that(type.bits <= 32, quoted_key(key) + " is " + to_string(type) + "; arithmetic takes operands of at most 32 bits") && few;
}

bool Check::same_kind(Ref a, Ref b) {
  return that(context_.type(a).is_float() == context_.type(b).is_float(),
              "operands of " + to_string(context_.type(a)) + " and " + to_string(context_.type(b)) + " do not go together: both must be integers, or floating-point words");
}

bool Check::sums(Ref x, const Accumulator& accumulator) {
  if (context_.type(x).is_float()) {
    return that(accumulator.fp32 && accumulator.fp32->order != Fp32Order::exact,
                "the accumulator " + to_string(accumulator) + " sums integers; floating-point words need fp32.sequential, fp32.pairwise or fp32.blocks:N");
  }
  return that(accumulator.is_plain(), "the accumulator " + to_string(accumulator) + " groups products or sums in binary32; here it must be one register");
}

bool Check::products(Ref a, Ref b, const std::optional<Accumulator>& accumulator) {
  if (!same_kind(a, b)) return false;
  if (context_.type(a).is_float() && accumulator && !sums(a, *accumulator)) return false;
  const int bits = context_.type(a).bits + context_.type(b).bits;
  return that(bits <= 62, "a product of " + to_string(context_.type(a)) + " and " + to_string(context_.type(b)) + " may need more than 62 bits; use narrower operands");
}

bool Check::bias(const std::optional<Ref>& bias, int64_t channels) {
  if (!bias) return true;
  const Shape expected{channels};
  const Shape& found = context_.shape(*bias);
  return that(bias->is_constant, "'b' must be a constant") && that(found == expected, "'b' must have shape " + to_string(expected) + ", it has " + to_string(found));
}

bool Check::carries_scale(const ValueInfo& x, std::string_view key, const std::optional<ChannelWalk>& channels) {
  const ValueInfo& result = context_.result();
  const auto differs = [&](const std::string& of, const Dyadic& own, const Dyadic& results) {
    return quoted_key(key) + " has scale " + to_string(own) + of + ", the result " + to_string(results) + "; elements only move here, so they must be equal";
  };
  if (x.scale.size() == 1 && result.scale.size() == 1) return that(x.scale == result.scale, differs("", x.scale[0], result.scale[0]));
  if (!channels) {
    return that(false, "the channels of " + quoted_key(x.scale.size() == 1 ? "the result" : key) +
                           " have scales of their own, but the result's channels are mixed from several of " + quoted_key(key));
  }
  if (channels->step == 0) return true;  // told elsewhere
  for (int64_t k = 0; k < channels->count; ++k) {
    const int64_t from = channels->x_first + k * channels->step, to = channels->result_first + k;
    const auto outside = [](const ValueInfo& value, int64_t channel) { return value.scale.size() > 1 && (channel < 0 || channel >= static_cast<int64_t>(value.scale.size())); };
    if (outside(x, from) || outside(result, to)) return that(false, "channel " + digits(to) + " of the result has no channel " + digits(from) + " of " + quoted_key(key));
    if (x.scale_at(from) != result.scale_at(to)) return that(false, differs(" in channel " + digits(from), x.scale_at(from), result.scale_at(to)));
  }
  return true;
}

bool Check::moves(Ref x, std::string_view key, const std::optional<ChannelWalk>& channels) {
  const ValueInfo& result = context_.result();
  const auto differs = [&](const std::string& what, const std::string& own, const std::string& results) {
    return quoted_key(key) + " has " + what + " " + own + ", the result " + results + "; elements only move here, so they must be equal";
  };
  bool good = few_axes(context_.shape(x), quoted_key(key)) && few_axes(result.shape, "the result");
  good &= that(context_.type(x) == result.type, differs("type", to_string(context_.type(x)), to_string(result.type)));
  if (x.is_constant) return good;
  const ValueInfo& value = context_.value(x.index);
  good &= that(value.zero_point == result.zero_point, differs("zero point", digits(value.zero_point), digits(result.zero_point)));
  return carries_scale(value, key, channels) && good;
}

}  // namespace assay::emu

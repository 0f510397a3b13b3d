// The questions that every operator's check() asks: each adds one sentence per problem and says whether it found none. verify() names the instruction in front of them,
// and asks itself what all operators share: types, references, zero points that agree with the values', and what the step lists can make of every value.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "emu/ops/op.h"

namespace assay::emu {

// No tensor of an operator has more axes; what walks over axes may rely on it.
inline constexpr size_t kMaxRank = 16;

// Where the channels (axis 1) of a result come from: the result's result_first + k is x's x_first + k * step, for k = 0 .. count - 1.
struct ChannelWalk {
  int64_t result_first = 0;
  int64_t x_first = 0;
  int64_t step = 1;
  int64_t count = 0;
};
// Every channel from the one with its own index.
inline ChannelWalk kept_channels(const Shape& result) {
  return {0, 0, 1, result.size() < 2 ? 0 : result[1]};
}

class Check {
 public:
  Check(const OpContext& context, Problems& problems) : context_(context), problems_(problems) {}

  // Adds `problem` unless `holds`.
  bool that(bool holds, const std::string& problem);

  bool rank_is(Ref ref, std::string_view key, size_t rank);
  // `count` values, each in [low, high].
  bool attribute(const std::vector<int64_t>& values, std::string_view key, size_t count, int64_t low, int64_t high);
  bool is_result_shape(const Shape& expected);

  // An operand that arithmetic reads: at most 32 bits, so that no difference from a zero point leaves 64.
  bool operand(Ref ref, std::string_view key);
  // |a - za| < 2^bits of a, so the product lies below 2^62: it and a narrow register's sum fit 64 bits. Floating-point words: summed in `accumulator` (none: no sum), which must be
  // binary32's.
  bool products(Ref a, Ref b, const std::optional<Accumulator>& accumulator);
  // Both integers, or both floating-point words.
  bool same_kind(Ref a, Ref b);
  // What sums operands without products: one register; of floating-point words a sum in binary32.
  bool sums(Ref x, const Accumulator& accumulator);
  // A constant with one entry per output channel.
  bool bias(const std::optional<Ref>& bias, int64_t channels);
  // Elements move and none changes: the result has the type and zero point of x, and each of its channels the scale of the one that it comes from. Without `channels` they are
  // mixed, so that both have one scale.
  bool moves(Ref x, std::string_view key, const std::optional<ChannelWalk>& channels);

 private:
  bool few_axes(const Shape& shape, const std::string& name);
  bool carries_scale(const ValueInfo& x, std::string_view key, const std::optional<ChannelWalk>& channels);

  const OpContext& context_;
  Problems& problems_;
};

}  // namespace assay::emu

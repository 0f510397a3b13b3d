#include "vectors/arithmetic/discriminate.h"

#include <algorithm>

#include "emu/arith/step_words.h"
#include "emu/base/error.h"

namespace assay::vectors {
namespace {

const emu::Steps* steps_of(const emu::Target& target, ArithOp op) {
  switch (op) {
    case ArithOp::requantize: return target.conv ? &target.conv->steps : nullptr;
    case ArithOp::add: return target.add ? &target.add->steps : nullptr;
    case ArithOp::mul: return target.mul ? &target.mul->steps : nullptr;
    case ArithOp::average_pool: return target.average_pool ? &target.average_pool->steps : nullptr;
    default: return nullptr;
  }
}

int roundings(const emu::Steps* steps) {
  if (steps == nullptr) return 0;
  return static_cast<int>(
      std::count_if(steps->begin(), steps->end(), [](const emu::Step& step) { return std::holds_alternative<emu::ShiftRight>(step) || std::holds_alternative<emu::ToInt>(step); }));
}

bool in_fp32(const emu::Steps* steps) {
  return steps != nullptr && emu::holds<emu::ToFp32>(*steps);
}

bool same_multiplier(const Pair& pair) {
  if (pair.op == ArithOp::rounding || pair.op == ArithOp::quantize || pair.op == ArithOp::table || pair.op == ArithOp::dot) return true;
  const size_t at = operand_index(pair.op, "multiplier");
  const auto odd = [](int64_t number) {
    while (number != 0 && number % 2 == 0) number /= 2;
    return number;
  };
  return odd(pair.a[at]) == odd(pair.b[at]);
}

// Where both lists round once, but one of them after the zero point was added, or by another mode.
std::string of_ties(const Flags& a, const Flags& b) {
  if (a.tie && b.tie) return "tie: the two round it to different neighbours";
  return "tie in one of the two only: what comes to the rounding differs by less than one unit of the other's last place";
}

}  // namespace

std::string why(const emu::Target& a, const emu::Target& b, const Pair& pair) {
  const Flags& fa = pair.of_a.flags;
  const Flags& fb = pair.of_b.flags;
  const emu::Steps* steps_a = steps_of(a, pair.op);
  const emu::Steps* steps_b = steps_of(b, pair.op);
  if (pair.op == ArithOp::dot) {
    if (fa.overflowed != fb.overflowed) return "the sum leaves the accumulator of one of the two";
    return "the two accumulators keep different sums";
  }
  if (pair.op == ArithOp::average_pool && a.average_pool->form != b.average_pool->form) {
    return fa.tie != fb.tie ? "tie of the exact quotient in one of the two: the other multiplies by a rounded reciprocal"
                            : "one of the two divides, the other multiplies by a rounded reciprocal";
  }
  if (fa.beyond_24 || fb.beyond_24) return "2^24 crossing: binary32 cannot hold the integer that comes to it";
  if (fa.beyond_32 != fb.beyond_32) return "33-bit intermediate: a value on the way needs more than 32 bits in one of the two";
  if (fa.intermediate != fb.intermediate || fa.overflowed != fb.overflowed) return "a register on the way saturates or wraps in one of the two";
  if (fa.output != fb.output) return "the output is saturated by one of the two only";
  if (pair.op == ArithOp::quantize || pair.op == ArithOp::table) return fa.tie && fb.tie ? of_ties(fa, fb) : "the two rounding modes send it to different integers";
  if (fa.tie && fb.tie && roundings(steps_a) == roundings(steps_b)) return of_ties(fa, fb);
  if (roundings(steps_a) != roundings(steps_b)) return "double rounding: one of the two rounds a value that has been rounded";
  if (in_fp32(steps_a) != in_fp32(steps_b)) {
    return fa.tie || fb.tie ? "tie in one of the two: binary32's product is rounded, the integer product is exact" : "binary32's product is rounded, the integer product is exact";
  }
  if (!same_multiplier(pair)) return "the multipliers differ: one of the two keeps fewer bits of the ratio";
  return fa.tie || fb.tie ? of_ties(fa, fb) : "the rounding modes differ";
}

int64_t nearest_to_zero(const std::vector<Differing>& differing) {
  ASSAY_ASSERT(!differing.empty());
  const auto nearest = [](const Differing& part) { return part.first > 0 ? part.first : (part.last < 0 ? part.last : 0); };
  int64_t best = nearest(differing[0]);
  const auto magnitude = [](int64_t value) { return value < 0 ? -Wide{value} : Wide{value}; };
  for (const Differing& part : differing) {
    if (magnitude(nearest(part)) < magnitude(best)) best = nearest(part);
  }
  return best;
}

}  // namespace assay::vectors

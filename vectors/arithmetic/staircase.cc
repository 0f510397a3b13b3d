#include "vectors/arithmetic/staircase.h"

#include <algorithm>

#include "emu/base/error.h"

namespace assay::vectors {
namespace {

using emu::Fp32;
using emu::StepOperands;
using emu::Steps;

// Binary32 words in the order of their numbers, -0 just below +0.
Wide ordered(Fp32 word) {
  const Wide magnitude = word.bits & 0x7fffffffU;
  return word.is_negative() ? -magnitude - 1 : magnitude;
}

bool is_finite(Fp32 word) {
  return !word.is_nan() && !word.is_infinite();
}

Fp32 constant_of(const emu::Fp32Operand& operand, const StepOperands& operands) {
  if (const auto* word = std::get_if<Fp32>(&operand)) return *word;
  const emu::Fp32Constants& constants = operands.scale.fp32;
  switch (std::get<emu::Fp32Name>(operand)) {
    case emu::Fp32Name::scale: return constants.scale;
    case emu::Fp32Name::bias: return constants.bias;
    case emu::Fp32Name::output: return constants.output;
    case emu::Fp32Name::slope: return constants.slope;
    case emu::Fp32Name::zero_point: return emu::fp32_of(operands.zero_point, emu::Round::half_even);
  }
  ASSAY_ASSERT(!"an Fp32Name outside its enumeration");
}

// Whether the premise holds for the step's constants.
bool is_sound(const emu::Step& step, const StepOperands& operands) {
  const auto finite = [&](const emu::Fp32Operand& operand) { return is_finite(constant_of(operand, operands)); };
  if (const auto* s = std::get_if<emu::MulFp32>(&step)) return finite(s->factor);
  if (const auto* s = std::get_if<emu::AddFp32>(&step)) return finite(s->term);
  if (const auto* s = std::get_if<emu::DivFp32>(&step)) return finite(s->divisor) && (constant_of(s->divisor, operands).bits << 1) != 0;
  if (const auto* s = std::get_if<emu::FmaFp32>(&step)) return finite(s->factor) && finite(s->term);
  if (const auto* s = std::get_if<emu::LeakyFp32>(&step)) return finite(s->slope);
  if (const auto* s = std::get_if<emu::ClampFp32>(&step)) {
    const auto* bounds = std::get_if<std::pair<Fp32, Fp32>>(&s->bounds);
    return bounds == nullptr || (is_finite(bounds->first) && is_finite(bounds->second));
  }
  return true;
}

struct Piece {
  int64_t first, last;
};

class Climb {
 public:
  Climb(const Steps& steps, const StepOperands& operands, size_t most, std::string& refusal) : steps_(steps), operands_(operands), most_(most), refusal_(refusal) {
    for (size_t i = 0; i <= steps.size(); ++i) is_fp32_.push_back(is_fp32_after(steps, i));
  }

  std::optional<Staircase> climb(int64_t low, int64_t high) {
    std::vector<Piece> pieces{{low, high}};
    for (size_t i = 0; i < steps_.size(); ++i) {
      if (!is_sound(steps_[i], operands_))
        return refuse("step " + std::to_string(i + 1) + ", '" + to_string(steps_[i]) + "', has a constant that is not finite or divides by zero");
      if (!cut(i, pieces)) return std::nullopt;
      if (!free_of_nan(i + 1, pieces)) return refuse("step " + std::to_string(i + 1) + ", '" + to_string(steps_[i]) + "', makes a NaN");
    }
    Staircase found{low, high, {}};
    for (const Piece& piece : pieces) {
      if (!follow(piece, found.stairs)) return refuse("there are more than " + std::to_string(most_) + " different results");
    }
    return found;
  }

 private:
  std::nullopt_t refuse(const std::string& why) {
    refusal_ = why;
    return std::nullopt;
  }

  Wide after(size_t count, int64_t accumulator) const {
    emu::StepEvents events;
    Wide value = accumulator;
    for (size_t i = 0; i < count; ++i) value = apply(steps_[i], value, operands_, events);
    return value;
  }

  // The class of the value before step i, within which the step is monotone. Monotone in the value itself.
  Wide class_of(size_t i, Wide value) const {
    const emu::Step& step = steps_[i];
    if (const auto* wrap = std::get_if<emu::Wrap>(&step)) {
      const emu::IntType type = wrap->bits ? emu::IntType{*wrap->bits, true} : operands_.output;
      return (value - type.min()) >> type.bits;  // floor
    }
    const Wide order = ordered(Fp32{static_cast<uint32_t>(value)});
    return order < -1 ? 0 : (order == -1 ? 1 : (order == 0 ? 2 : 3));
  }

  static bool has_classes(const emu::Step& step) {
    return std::holds_alternative<emu::Wrap>(step) || std::holds_alternative<emu::LeakyFp32>(step) || std::holds_alternative<emu::ClampFp32>(step);
  }

  // The first accumulator of (first, last] where `of` differs from what it is at `first`; it does at `last`. `of` is monotone.
  template <class F>
  static int64_t first_change(int64_t first, int64_t last, const F& of) {
    const auto from = of(first);
    while (last - 1 > first) {
      const auto middle = static_cast<int64_t>((Wide{first} + last) >> 1);
      (of(middle) == from ? first : last) = middle;
    }
    return last;
  }

  bool cut(size_t i, std::vector<Piece>& pieces) {
    if (!has_classes(steps_[i])) return true;
    const auto of = [&](int64_t accumulator) { return class_of(i, after(i, accumulator)); };
    std::vector<Piece> finer;
    for (Piece piece : pieces) {
      const Wide last_class = of(piece.last);
      while (of(piece.first) != last_class) {
        const int64_t next = first_change(piece.first, piece.last, of);
        finer.push_back({piece.first, next - 1});
        piece.first = next;
        if (finer.size() >= most_) {
          refusal_ = "step " + std::to_string(i + 1) + ", '" + to_string(steps_[i]) + "', cuts the accumulators into more than " + std::to_string(most_) + " pieces";
          return false;
        }
      }
      finer.push_back(piece);
    }
    pieces = std::move(finer);
    return true;
  }

  bool free_of_nan(size_t count, const std::vector<Piece>& pieces) const {
    if (!is_fp32_[count]) return true;
    const auto is_nan = [&](int64_t accumulator) { return Fp32{static_cast<uint32_t>(after(count, accumulator))}.is_nan(); };
    return std::none_of(pieces.begin(), pieces.end(), [&](const Piece& piece) { return is_nan(piece.first) || is_nan(piece.last); });
  }

  bool push(std::vector<Stair>& stairs, int64_t first, int64_t value) const {
    if (!stairs.empty() && stairs.back().value == value) return true;
    stairs.push_back({first, value});
    return stairs.size() <= most_;
  }

  bool follow(const Piece& piece, std::vector<Stair>& stairs) const {
    const auto of = [&](int64_t accumulator) { return static_cast<int64_t>(after(steps_.size(), accumulator)); };
    const int64_t value = of(piece.first);
    return push(stairs, piece.first, value) && between(piece.first, value, piece.last, of(piece.last), of, stairs);
  }

  // The stairs of (first, last].
  template <class F>
  bool between(int64_t first, int64_t first_value, int64_t last, int64_t last_value, const F& of, std::vector<Stair>& stairs) const {
    if (first_value == last_value) return true;
    if (last - 1 == first) return push(stairs, last, last_value);
    const auto middle = static_cast<int64_t>((Wide{first} + last) >> 1);
    const int64_t value = of(middle);
    return between(first, first_value, middle, value, of, stairs) && between(middle, value, last, last_value, of, stairs);
  }

  const Steps& steps_;
  const StepOperands& operands_;
  size_t most_;
  std::string& refusal_;
  std::vector<bool> is_fp32_;
};

}  // namespace

int64_t Staircase::at(int64_t accumulator) const {
  ASSAY_ASSERT(accumulator >= low && accumulator <= high);
  const auto next = std::upper_bound(stairs.begin(), stairs.end(), accumulator, [](int64_t a, const Stair& stair) { return a < stair.first; });
  return (next - 1)->value;
}

std::optional<Staircase> stairs_of(const Steps& steps, const StepOperands& operands, int64_t low, int64_t high, std::string& refusal, size_t most_stairs) {
  ASSAY_ASSERT(low <= high && !mixed_up(steps));
  return Climb(steps, operands, most_stairs, refusal).climb(low, high);
}

std::vector<Differing> differences(const Staircase& a, const Staircase& b, int64_t offset_a, int64_t offset_b) {
  ASSAY_ASSERT(a.low == b.low && a.high == b.high);
  std::vector<Differing> found;
  size_t in_a = 0, in_b = 0;
  for (int64_t first = a.low;;) {
    const bool last_a = in_a + 1 == a.stairs.size(), last_b = in_b + 1 == b.stairs.size();
    const int64_t end_a = last_a ? a.high : a.stairs[in_a + 1].first - 1, end_b = last_b ? b.high : b.stairs[in_b + 1].first - 1;
    const int64_t last = std::min(end_a, end_b), value_a = a.stairs[in_a].value, value_b = b.stairs[in_b].value;
    if (value_a - offset_a != value_b - offset_b) found.push_back({first, last, value_a, value_b});
    if (last == a.high) return found;
    first = last + 1;
    if (end_a == last) ++in_a;
    if (end_b == last) ++in_b;
  }
}

Wide count(const std::vector<Differing>& differing) {
  Wide sum = 0;
  for (const Differing& part : differing) sum += Wide{part.last} - part.first + 1;
  return sum;
}

}  // namespace assay::vectors

#include "verify/check/shrink.h"

#include <algorithm>
#include <chrono>

#include "verify/check/random_cases.h"

namespace assay::verify {
namespace {

constexpr Wide kSmall = 16;  // all numbers up to this are tried
constexpr size_t kMostCandidates = 20000;
constexpr auto kLongest = std::chrono::seconds(60);

// What is simplest for this operand: 0, an open clamp, a multiplier of one bit, the number 1.0.
int64_t simplest(const emu::Target& target, ArithOp op, size_t index) {
  const auto names = vectors::operand_names(op);
  const std::string_view name = index < names.size() ? names[index] : "";
  if (name == "low") return static_cast<int64_t>(target.storage.activation.type.min());
  if (name == "high") return static_cast<int64_t>(target.storage.activation.type.max());
  if (name.starts_with("multiplier")) return int64_t{1} << (std::max<int>(vectors::multiplier_of(target, op).bits, 1) - 1);
  if ((name == "scale_fp32" || name == "output_fp32") && uses_fp32(target, op)) return 0x3f800000;
  if (name == "count") return 1;
  return 0;
}

bool is_mode(ArithOp op, size_t index) {
  return op == ArithOp::rounding && index == vectors::operand_index(op, "mode");
}

// Values between the simplest and the current one, simplest first; each is nearer to the simplest than the current one, or as near and positive.
std::vector<int64_t> simpler_values(int64_t simple, int64_t current) {
  std::vector<int64_t> values;
  if (current == simple) return values;
  const Wide distance = Wide{current} - simple;
  const auto add = [&](Wide step) {
    const Wide value = simple + step;
    if (value >= INT64_MIN && value <= INT64_MAX && value != current) values.push_back(static_cast<int64_t>(value));
  };
  const Wide size = distance < 0 ? -distance : distance;
  add(0);
  for (Wide step = 1; step < size; step < kSmall ? step += 1 : step *= 2) add(step), add(-step);
  if (distance < 0) add(size);  // the same, positive
  for (Wide step = size / 2; step > 0; step /= 2) add(distance < 0 ? -(size - step) : size - step);
  return values;
}

class Shrinker {
 public:
  Shrinker(const emu::Target& target, const Device& device, ArithOp op, const std::function<bool(const Tested&)>& fails)
      : target_(target), device_(device), op_(op), fails_(fails) {}

  Shrunk run(Tested best) {
    for (bool better = true; better && !exhausted();) {
      better = shorten(best) || level(best) || merge(best) || shift_less(best);
      for (size_t i = 0; i < std::min(best.operands.size(), fixed()) && !exhausted(); ++i) better |= simplify(best, i);
      for (size_t i = fixed(); i < best.operands.size() && varies() && !exhausted(); ++i) better |= simplify(best, i);
    }
    return {best, asked_};
  }

 private:
  size_t fixed() const { return vectors::operand_names(op_).size(); }
  // The entries of a table are the device's own subject: they are made level, not shrunk one by one.
  bool varies() const { return op_ == ArithOp::dot; }
  bool exhausted() const { return asked_ >= kMostCandidates || std::chrono::steady_clock::now() - start_ > kLongest; }

  // Takes the first candidate that fails.
  bool take_first(Tested& best, std::vector<Operands> candidates) {
    std::erase_if(candidates, [&](const Operands& o) { return vectors::illegal(target_, op_, o).has_value(); });
    if (candidates.empty()) return false;
    asked_ += candidates.size();
    for (Tested& tested : test_cases(target_, device_, op_, std::move(candidates))) {
      if (!fails_(tested)) continue;
      best = std::move(tested);
      return true;
    }
    return false;
  }

  bool simplify(Tested& best, size_t index) {
    if (is_mode(op_, index)) return false;
    std::vector<Operands> candidates;
    for (const int64_t value : simpler_values(simplest(target_, op_, index), best.operands[index])) {
      candidates.push_back(best.operands);
      candidates.back()[index] = value;
    }
    return take_first(best, std::move(candidates));
  }

  bool has(std::string_view name) const {
    const auto names = vectors::operand_names(op_);
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  // Two operands become one: the bias goes into the accumulator, b of a sum or product into a.
  bool merge(Tested& best) {
    Operands merged = best.operands;
    const Wide first = merged[0], second = merged[1];
    if (second == 0 || (op_ == ArithOp::mul && (first == 0 || second == 1))) return false;  // nothing to gain, and no way round in circles
    switch (op_) {
      case ArithOp::requantize: merged[0] = static_cast<int64_t>(saturate(first + second, target_.accumulate.accumulator.result())); break;
      case ArithOp::add: merged[0] = static_cast<int64_t>(first + second); break;
      case ArithOp::mul: merged[0] = static_cast<int64_t>(first * second); break;
      default: return false;
    }
    merged[1] = op_ == ArithOp::mul ? 1 : 0;
    return take_first(best, {std::move(merged)});
  }

  // Fewer bits to shift away, and as many fewer in the value: keeps what lies below the point.
  bool shift_less(Tested& best) {
    const std::string_view name = has("shift") ? "shift" : "right_shift";
    if (!has(name)) return false;
    const size_t place = vectors::operand_index(op_, name);
    std::vector<Operands> candidates;
    for (int bits = 32; bits > 0; bits /= 2) {
      if (best.operands[place] < bits) continue;
      candidates.push_back(best.operands);
      candidates.back()[place] -= bits;
      candidates.back()[0] >>= bits;
      if (op_ == ArithOp::requantize || op_ == ArithOp::add) candidates.back()[1] >>= bits;
    }
    return take_first(best, std::move(candidates));
  }

  // Drops pairs of a dot: halves, quarters ... single ones.
  bool shorten(Tested& best) {
    if (op_ != ArithOp::dot) return false;
    bool better = false;
    for (size_t size = (best.operands.size() - fixed()) / 2; size > 0 && !exhausted(); size /= 2) {
      std::vector<Operands> candidates;
      for (size_t at = fixed(); at + 2 * size <= best.operands.size(); at += 2 * size) {
        candidates.push_back(best.operands);
        const auto from = candidates.back().begin() + static_cast<std::ptrdiff_t>(at);
        candidates.back().erase(from, from + static_cast<std::ptrdiff_t>(2 * size));
      }
      if (take_first(best, std::move(candidates))) {
        better = true;
        size = std::min(size * 2, (best.operands.size() - fixed()) / 2 + 1);
      }
    }
    return better;
  }

  // All entries of a table 0; else all but one 0.
  bool level(Tested& best) {
    if (op_ != ArithOp::table) return false;
    std::vector<Operands> candidates;
    const auto zeroed = [&] { return Operands(best.operands.size(), 0); };
    const auto count = std::count_if(best.operands.begin() + 1, best.operands.end(), [](int64_t entry) { return entry != 0; });
    if (count == 0) return false;
    candidates.push_back(zeroed());
    candidates.back()[0] = best.operands[0];
    if (count > 1) {
      for (size_t i = 1; i < best.operands.size(); ++i) {
        candidates.push_back(zeroed());
        candidates.back()[0] = best.operands[0];
        candidates.back()[i] = best.operands[i];
      }
    }
    return take_first(best, std::move(candidates));
  }

  const emu::Target& target_;
  const Device& device_;
  ArithOp op_;
  const std::function<bool(const Tested&)>& fails_;
  size_t asked_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

Shrunk shrink(const emu::Target& target, const Device& device, ArithOp op, const Tested& failing, const std::function<bool(const Tested&)>& fails) {
  return Shrinker(target, device, op, fails).run(failing);
}

}  // namespace assay::verify

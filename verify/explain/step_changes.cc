#include "verify/explain/step_changes.h"

#include <array>

namespace assay::verify {
namespace {

using emu::Round;
using emu::Step;
using emu::Steps;

constexpr std::array<uint8_t, 9> kWidths = {8, 16, 24, 31, 32, 33, 40, 48, 64};
constexpr std::array<uint8_t, 2> kUsualRegisters = {32, 16};

class Changes {
 public:
  Changes(const Steps& steps, emu::IntType output, const std::string& where) : steps_(steps), output_(output), where_(where) {}

  std::vector<StepChange> all() {
    for (size_t i = 0; i < steps_.size(); ++i) std::visit([&](const auto& step) { change(i, step); }, steps_[i]);
    for (size_t i = 0; i < steps_.size(); ++i) move(i);
    for (size_t i = 0; i < steps_.size(); ++i) remove(i);
    for (size_t i = 0; i <= steps_.size(); ++i) insert(i);
    return std::move(changes_);
  }

 private:
  std::string name(size_t i) const { return where_ + "step " + std::to_string(i + 1) + " (" + to_string(steps_[i]) + ")"; }

  void add(std::string words, Steps steps) {
    if (!mixed_up(steps)) changes_.push_back({std::move(words), std::move(steps)});
  }
  void replace(size_t i, const std::string& words, const Step& step) {
    Steps steps = steps_;
    steps[i] = step;
    add(words + " at " + name(i), std::move(steps));
  }

  template <class S>
  void other_roundings(size_t i, S step) {
    const Round own = step.round;
    for (const Round mode : emu::kAllRounds) {
      if (mode == own) continue;
      step.round = mode;
      replace(i, std::string(to_string(mode)) + " instead of " + std::string(to_string(own)), step);
    }
  }

  void change(size_t i, const emu::ShiftRight& step) {
    other_roundings(i, step);
    if (!step.amount) return;
    for (const int by : {-1, 1}) {
      const int bits = step.amount->bits + by;
      if (bits < 0 || bits > emu::kMaxShiftBits) continue;
      replace(i, "a shift of " + std::to_string(bits), emu::ShiftRight{emu::RightShift{static_cast<uint8_t>(bits)}, step.round});
    }
  }
  void change(size_t i, const emu::ToInt& step) { other_roundings(i, step); }
  void change(size_t i, const emu::RoundFp32& step) { other_roundings(i, step); }
  void change(size_t i, const emu::StoreFp32& step) { other_roundings(i, step); }

  void change(size_t i, const emu::Saturate& step) {
    other_limits(i, step, Step(emu::Wrap{step.bits}));
    if (step.bits) return;
    const auto low = static_cast<int64_t>(output_.min()), high = static_cast<int64_t>(output_.max());
    const auto text = [](int64_t from, int64_t to) { return std::to_string(from) + ".." + std::to_string(to); };
    for (const auto& [from, to] : {std::pair{low + 1, high}, std::pair{low, high - 1}, std::pair{low + 1, high - 1}}) {
      replace(i, "limits " + text(from, to) + " instead of " + text(low, high), emu::Clamp{emu::Clamp::Bounds{from, to}});
    }
  }
  void change(size_t i, const emu::Wrap& step) { other_limits(i, step, Step(emu::Saturate{step.bits})); }
  template <class S>
  void other_limits(size_t i, S step, const Step& opposite) {
    replace(i, to_string(opposite) + " instead of " + to_string(Step(step)), opposite);
    if (!step.bits) return;
    const auto own = to_string(Step(step));
    for (const uint8_t width : kWidths) {
      if (width == step.bits) continue;
      step.bits = width;
      replace(i, to_string(Step(step)) + " instead of " + own, step);
    }
  }
  void change(size_t, const auto&) {}

  void remove(size_t i) {
    Steps steps = steps_;
    steps.erase(steps.begin() + static_cast<std::ptrdiff_t>(i));
    add("without " + name(i), std::move(steps));
  }

  // Step i before each earlier one and after each later one; neighbours once.
  void move(size_t i) {
    for (size_t to = 0; to < steps_.size(); ++to) {
      if (to == i || to + 1 == i) continue;
      Steps steps = steps_;
      steps.erase(steps.begin() + static_cast<std::ptrdiff_t>(i));
      steps.insert(steps.begin() + static_cast<std::ptrdiff_t>(to), steps_[i]);
      const bool neighbours = to == i + 1;
      add(neighbours ? name(to) + " before " + name(i) : name(i) + (to < i ? " before " : " after ") + name(to), std::move(steps));
    }
  }

  // A register of a usual width between two steps.
  void insert(size_t at) {
    for (const uint8_t width : kUsualRegisters) {
      for (const Step& step : {Step(emu::Wrap{width}), Step(emu::Saturate{width})}) {
        Steps steps = steps_;
        steps.insert(steps.begin() + static_cast<std::ptrdiff_t>(at), step);
        const std::string verb = std::holds_alternative<emu::Wrap>(step) ? "wraps to " : "is saturated to ";
        add("the value " + verb + std::to_string(width) + " bits " + (at == 0 ? "before " + where_ + "step 1" : "after " + name(at - 1)), std::move(steps));
      }
    }
  }

  const Steps& steps_;
  emu::IntType output_;
  std::string where_;
  std::vector<StepChange> changes_;
};

}  // namespace

std::vector<StepChange> step_changes(const Steps& steps, emu::IntType output, const std::string& where) {
  return Changes(steps, output, where).all();
}

}  // namespace assay::verify

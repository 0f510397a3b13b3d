// All accumulators of one channel.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <mutex>

#include "emu/base/error.h"
#include "emu/base/parallel.h"
#include "emu/kernels/fast_steps.h"
#include "vectors/arithmetic/staircase.h"
#include "verify/check/random_cases.h"
#include "verify/exhaustive/exhaustive.h"

namespace assay::verify {
namespace {

using vectors::operand_index;

constexpr size_t kAccumulatorsAtOnce = size_t{1} << 14;  // accumulators at a time: they and their results stay in the first caches
constexpr size_t kMostDifferentKept = 1000;              // of those that differ
constexpr size_t kOthers = 4096;

struct Domain {
  int64_t low = 0, high = 0;
  uint64_t size() const { return static_cast<uint64_t>(high - low) + 1; }
};

// The register's values, at most 2^32 of them.
Domain domain_of(const emu::Target& target) {
  const emu::IntType type = target.accumulate.accumulator.result();
  if (type.bits <= 32) return {static_cast<int64_t>(type.min()), static_cast<int64_t>(type.max())};
  return {INT32_MIN, INT32_MAX};
}

// What is expected of a row of consecutive accumulators.
class Expected {
 public:
  Expected(const emu::Target& target, const Operands& operands, Domain domain, bool direct) : target_(target), operands_(operands) {
    std::string refusal = "asked for";
    if (!direct) stairs_ = vectors::stairs_of(target.conv->steps, step_operands(target, ArithOp::requantize, operands), domain.low, domain.high, refusal);
    by_ = stairs_ ? fmt::format("the staircase of the target's steps ({} stairs)", stairs_->stairs.size()) : fmt::format("the definition, each ({})", refusal);
  }
  const std::string& by() const { return by_; }

  int64_t at(int64_t accumulator) const {
    Operands operands = operands_;
    operands[0] = accumulator;
    return vectors::evaluate(target_, ArithOp::requantize, operands).result;
  }

  // Calls wrong(i) for each result that differs.
  template <class Result, class Wrong>
  void compare(int64_t first, const Result* results, size_t size, Wrong wrong) const {
    if (!stairs_) {
      for (size_t i = 0; i < size; ++i) {
        if (at(first + static_cast<int64_t>(i)) != static_cast<int64_t>(results[i])) wrong(i);
      }
      return;
    }
    const auto& stairs = stairs_->stairs;
    auto stair = std::upper_bound(stairs.begin(), stairs.end(), first, [](int64_t a, const vectors::Stair& s) { return a < s.first; }) - 1;
    for (size_t from = 0; from < size; ++stair) {
      const bool is_last = stair + 1 == stairs.end() || (stair + 1)->first >= first + static_cast<int64_t>(size);
      const size_t to = is_last ? size : static_cast<size_t>((stair + 1)->first - first);
      // Most rows are all right: count first, then look.
      size_t differing = 0;
      for (size_t i = from; i < to; ++i) differing += static_cast<int64_t>(results[i]) != stair->value ? 1 : 0;
      for (size_t i = from; i < to && differing > 0; ++i) {
        if (static_cast<int64_t>(results[i]) != stair->value) wrong(i);
      }
      from = to;
    }
  }

 private:
  const emu::Target& target_;
  const Operands& operands_;
  std::optional<vectors::Staircase> stairs_;
  std::string by_;
};

// Runs `row(thread, first, size, results)` over the whole domain and compares. False from it: the device cannot, or died.
template <class Result, class Row>
ExhaustiveReport exhaust(const emu::Target& target, const Operands& operands, const ExhaustiveSettings& settings, Row row) {
  const Domain domain = domain_of(target);
  const Expected expected(target, operands, domain, settings.direct);
  ExhaustiveReport report;
  report.what = fmt::format("all {} accumulators {}..{} of: {}", domain.size(), domain.low, domain.high, describe(ArithOp::requantize, operands));
  report.by = expected.by();
  const auto start = std::chrono::steady_clock::now();
  const uint64_t blocks = (domain.size() + kAccumulatorsAtOnce - 1) / kAccumulatorsAtOnce;
  const auto threads = static_cast<size_t>(std::max(settings.threads, 1));
  std::atomic<uint64_t> next{0}, cases{0}, different{0};
  std::atomic<bool> stopped{false};
  std::mutex mutex;
  parallel_for(threads, static_cast<int>(threads), [&](size_t thread) {
    std::vector<Result> results(kAccumulatorsAtOnce);
    for (uint64_t block = next++; block < blocks && !stopped; block = next++) {
      const int64_t first = domain.low + static_cast<int64_t>(block * kAccumulatorsAtOnce);
      const auto size = static_cast<size_t>(std::min<uint64_t>(kAccumulatorsAtOnce, domain.size() - block * kAccumulatorsAtOnce));
      if (!row(thread, first, size, results.data())) {
        stopped = true;
        const std::lock_guard lock(mutex);
        report.stopped_at = first;
        report.untested = fmt::format("the device did not answer a row of accumulators from {} on", first);
        break;
      }
      expected.compare(first, results.data(), size, [&](size_t i) {
        if (different++ >= kMostDifferentKept) return;
        Tested tested;
        tested.operands = operands;
        tested.operands[0] = first + static_cast<int64_t>(i);
        tested.expected = vectors::evaluate(target, ArithOp::requantize, tested.operands);
        tested.got = {AnswerKind::value, static_cast<int64_t>(results[i])};
        const std::lock_guard lock(mutex);
        report.sample.push_back(std::move(tested));
      });
      cases += size;
      if (settings.progress && block % 64 == 0) settings.progress(cases, domain.size());
    }
  });
  report.cases = cases;
  report.different = different;
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (settings.progress) settings.progress(cases, domain.size());
  return report;
}

}  // namespace

Operands channel_operands(const emu::Target& target, const ChannelChoice& choice, uint64_t seed) {
  const auto place = [](const char* name) { return operand_index(ArithOp::requantize, name); };
  Operands found;
  const emu::IntType word = target.storage.activation.type;
  // A drawn case whose results are spread over the word: 2^26 of accumulators or so from end to end.
  for (const Operands& drawn : random_cases(target, ArithOp::requantize, seed, 256)) {
    if (found.empty()) found = drawn;
    const int64_t shift = drawn[place("right_shift")] - drawn[place("left_shift")] - (std::max<int>(target.multiplier.bits, 1) - 1);
    if (shift >= 12 && shift <= 20) {
      found = drawn;
      break;
    }
  }
  if (found.empty()) throw InputError("target " + target.name + ": no legal channel was found for seed " + std::to_string(seed));
  found[0] = 0;
  found[place("bias")] = choice.bias;
  // Five significant bits, the last one set: neither a power of two, nor without ties among the accumulators that give different results.
  const int bits = target.multiplier.bits;
  if (bits >= 5) found[place("multiplier")] = (16 + static_cast<int64_t>(seed % 8) * 2 + 1) << (bits - 5);
  if (choice.multiplier) found[place("multiplier")] = *choice.multiplier;
  if (choice.left_shift) found[place("left_shift")] = *choice.left_shift;
  if (choice.right_shift) found[place("right_shift")] = *choice.right_shift;
  found[place("low")] = static_cast<int64_t>(word.min());
  found[place("high")] = static_cast<int64_t>(word.max());
  if (const auto problem = vectors::illegal(target, ArithOp::requantize, found)) throw InputError("--scale, --bias: not legal for target " + target.name + ": " + *problem);
  return found;
}

ExhaustiveReport exhaust_requantize(const emu::Target& target, const std::vector<Device>& devices, const ExhaustiveSettings& settings) {
  const Operands operands = channel_operands(target, settings.channel, settings.seed);
  const Operands rest(operands.begin() + 1, operands.end());
  std::vector<std::vector<int64_t>> columns(devices.size(), std::vector<int64_t>(kAccumulatorsAtOnce));
  ExhaustiveSettings own = settings;
  own.threads = static_cast<int>(devices.size());
  ExhaustiveReport report = exhaust<int64_t>(target, operands, own, [&](size_t thread, int64_t first, size_t size, int64_t* results) {
    auto& column = columns[thread];
    for (size_t i = 0; i < size; ++i) column[i] = first + static_cast<int64_t>(i);
    return devices[thread].ask_row(ArithOp::requantize, rest, {column.data(), size}, {results, size});
  });
  if (report.different == 0 && !report.stopped_at) return report;
  // Asked one by one: the row that stopped it; else random cases, so that an explanation cannot be one that breaks everything else.
  std::vector<Operands> others;
  if (report.stopped_at) {
    const auto row = static_cast<int64_t>(std::min<uint64_t>(kAccumulatorsAtOnce, domain_of(target).size()));
    for (int64_t i = 0; i < row; ++i) {
      others.push_back(operands);
      others.back()[0] = *report.stopped_at + i;
    }
  } else {
    others = random_cases(target, ArithOp::requantize, settings.seed, kOthers);
  }
  for (Tested& tested : test_cases(target, devices[0], ArithOp::requantize, std::move(others))) report.sample.push_back(std::move(tested));
  return report;
}

ExhaustiveReport exhaust_kernel(const emu::Target& target, const ExhaustiveSettings& settings) {
  const Operands operands = channel_operands(target, settings.channel, settings.seed);
  const emu::StepOperands constants = step_operands(target, ArithOp::requantize, operands);
  emu::ValueInfo result;
  result.type = constants.output;
  result.zero_point = constants.zero_point;
  const auto fast =
      emu::FastSteps::prepare(target.conv->steps, Wide{1} << 31, {{static_cast<int64_t>(constants.bias), constants.scale}}, result, {constants.clamp_low, constants.clamp_high});
  if (!fast || target.accumulate.accumulator.result().bits > 32) {
    ExhaustiveReport report;
    report.untested = "no kernel runs these steps over such accumulators: the reference bodies do";
    return report;
  }
  return exhaust<int32_t>(target, operands, settings, [&](size_t, int64_t first, size_t size, int32_t* results) {
    thread_local std::array<int32_t, kAccumulatorsAtOnce> accumulators;
    for (size_t i = 0; i < size; ++i) accumulators[i] = static_cast<int32_t>(first + static_cast<int64_t>(i));
    emu::FastSteps::RowCounts counts;
    fast->run(accumulators.data(), size, 0, results, counts);
    return true;
  });
}

std::string exhaustive_text(ArithOp op, const ExhaustiveReport& report) {
  const auto name = vectors::to_string(op);
  if (!report.untested.empty()) return fmt::format("{:<14} not tested: {}\n", name, report.untested);
  const double rate = report.seconds > 0 ? static_cast<double>(report.cases) / report.seconds / 1e6 : 0;
  return fmt::format("{:<14} {}  {}\n               against {}: {} of {} differ, {:.1f} s, {:.1f} million per second\n", name, report.different == 0 ? "EQUAL    " : "NOT_EQUAL",
                     report.what, report.by, report.different, report.cases, report.seconds, rate);
}

}  // namespace assay::verify

// All stored words, for the operations whose operands are words.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "verify/check/random_cases.h"
#include "verify/exhaustive/exhaustive.h"

namespace assay::verify {
namespace {

constexpr size_t kWordsAtOnce = size_t{1} << 15;
constexpr size_t kMostOfSample = 2000;
constexpr int64_t kMostWords = 256;  // of each operand of a pair

class Words {
 public:
  Words(const emu::Target& target, const Device& device, ArithOp op, const ExhaustiveSettings& settings) : t_(target), device_(device), op_(op), settings_(settings) {}

  ExhaustiveReport run() {
    const auto start = std::chrono::steady_clock::now();
    report_.by = "the definition, each";
    switch (op_) {
      case ArithOp::rounding: rounding(); break;
      case ArithOp::quantize: quantize(); break;
      case ArithOp::average_pool: average_pool(); break;
      case ArithOp::table: table(); break;
      case ArithOp::dot: dot(); break;
      default: pairs(); break;
    }
    flush();
    if (report_.different > 0) {
      // So that an explanation cannot be one that breaks everything else.
      for (Tested& tested : test_cases(t_, device_, op_, random_cases(t_, op_, settings_.seed, kMostOfSample))) report_.sample.push_back(std::move(tested));
    }
    report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (report_.cases == 0 && report_.untested.empty()) report_.untested = "the device answered none of the cases";
    return std::move(report_);
  }

 private:
  emu::IntType word() const { return t_.storage.activation.type; }

  void put(const Operands& operands) {
    if (!report_.untested.empty() || vectors::illegal(t_, op_, operands)) return;
    block_.push_back(operands);
    if (block_.size() == kWordsAtOnce) flush();
  }
  void flush() {
    if (block_.empty() || !report_.untested.empty()) return;
    for (Tested& tested : test_cases(t_, device_, op_, std::move(block_))) {
      if (tested.crashed()) report_.untested = "the device crashed (" + device_.last_crash() + ") on " + describe(op_, tested.operands);
      if (tested.crashed()) report_.sample.push_back(tested);
      if (!tested.answered()) continue;
      ++report_.cases;
      const bool keep = tested.differs() ? report_.different++ < kMostOfSample : report_.cases % 1024 == 0 && report_.sample.size() < 2 * kMostOfSample;
      if (keep) report_.sample.push_back(std::move(tested));
    }
    block_.clear();
    if (settings_.progress) settings_.progress(report_.cases, std::max<size_t>(expected_, report_.cases));
  }

  void rounding() {
    report_.what = "all 16-bit values, shifts of 0 to 15, ten modes";
    expected_ = 65536 * 16 * 10;
    for (int64_t mode = 0; mode < 10; ++mode) {
      for (int64_t shift = 0; shift < 16; ++shift) {
        for (int64_t value = INT16_MIN; value <= INT16_MAX; ++value) put({value, shift, mode});
      }
    }
  }

  // Parameters of drawn cases, one per group.
  std::vector<Operands> groups(uint64_t seed) const {
    std::vector<Operands> chosen;
    const auto drawn = random_cases(t_, op_, seed, settings_.groups * 8);
    for (size_t i = 0; i < drawn.size() && chosen.size() < settings_.groups; i += 8) chosen.push_back(drawn[i]);
    return chosen;
  }

  void quantize() {
    report_.what = fmt::format("all binary32 words of 12 significant bits, {} scales", settings_.groups);
    expected_ = (size_t{1} << 20) * settings_.groups;
    for (Operands& group : groups(settings_.seed)) {
      for (int64_t high = 0; high < int64_t{1} << 20; ++high) {
        group[0] = high << 12;
        put(group);
      }
    }
  }

  void average_pool() {
    report_.what = fmt::format("all sums of 1 to 16 and of 49 words, {} scales", settings_.groups);
    for (Operands& group : groups(settings_.seed)) {
      for (const int64_t count : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 49}) {
        group[1] = count;
        if (word().bits > 12) continue;
        for (int64_t sum = count * static_cast<int64_t>(word().min()); sum <= count * static_cast<int64_t>(word().max()); ++sum) {
          group[0] = sum;
          put(group);
        }
      }
    }
    if (word().bits > 12) report_.untested = "sums of words of " + to_string(word()) + " are too many; the staircase of requantize covers the steps";
  }

  void table() {
    report_.what = fmt::format("all words, {} tables", settings_.groups);
    for (uint64_t i = 0; i < settings_.groups; ++i) {
      auto drawn = random_cases(t_, op_, settings_.seed + i, 1);
      for (auto x = static_cast<int64_t>(word().min()); x <= static_cast<int64_t>(word().max()) && !drawn.empty(); ++x) {
        drawn[0][0] = x;
        put(drawn[0]);
      }
    }
  }

  static std::vector<int64_t> words_of(emu::IntType type) {
    std::vector<int64_t> words;
    const auto low = static_cast<int64_t>(type.min()), high = static_cast<int64_t>(type.max());
    const int64_t stride = std::max<int64_t>(1, (high - low + 1) / kMostWords);
    for (int64_t value = low; value <= high; value += stride) words.push_back(value);
    if (words.back() != high) words.push_back(high);
    return words;
  }

  void pairs() {
    const auto words = words_of(word());
    report_.what = fmt::format("{} pairs of words, {} scales", word().bits <= 8 ? "all" : "65536", settings_.groups);
    expected_ = words.size() * words.size() * settings_.groups;
    for (Operands& group : groups(settings_.seed)) {
      for (const int64_t a : words) {
        for (const int64_t b : words) {
          group[0] = a, group[1] = b;
          put(group);
        }
      }
    }
  }

  void dot() {
    report_.what = "all products of two words, alone and twice";
    const bool asymmetric = t_.quantize.activation.symmetry == emu::Symmetry::asymmetric;
    const bool asymmetric_w = t_.quantize.weight.symmetry == emu::Symmetry::asymmetric;
    for (const int64_t zero_x : words_of(word())) {
      if (asymmetric ? zero_x % 85 != 0 : zero_x != 0) continue;
      for (const int64_t x : words_of(word())) {
        for (const int64_t w : words_of(t_.storage.weight.type)) {
          put({zero_x, asymmetric_w ? 128 : 0, x, w});
          put({zero_x, asymmetric_w ? 128 : 0, x, w, x, w});
        }
      }
    }
  }

  const emu::Target& t_;
  const Device& device_;
  ArithOp op_;
  const ExhaustiveSettings& settings_;
  std::vector<Operands> block_;
  size_t expected_ = 0;
  ExhaustiveReport report_;
};

}  // namespace

ExhaustiveReport exhaust_words(const emu::Target& target, const Device& device, ArithOp op, const ExhaustiveSettings& settings) {
  return Words(target, device, op, settings).run();
}

}  // namespace assay::verify

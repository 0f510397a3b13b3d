// Running one operator of XNNPACK through its public interface (google/XNNPACK, Debian package libxnnpack-dev with libpthreadpool-dev), single-threaded, and the binary32
// requantization that its 8-bit kernels share, as our step list.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "emu/arith/requant.h"
#include "emu/arith/soft_float.h"
#include "tests/witness/cases.h"

#ifdef ASSAY_HAS_XNNPACK
#include <xnnpack.h>

namespace assay::witness {

// Kernels read up to XNN_EXTRA_BYTES beyond an array's end.
template <class Word>
class Padded {
 public:
  explicit Padded(size_t size) : words_(size + XNN_EXTRA_BYTES), size_(size) {}
  Word* data() { return words_.data(); }
  size_t size() const { return size_; }
  Word& operator[](size_t i) { return words_[i]; }
  const Word& operator[](size_t i) const { return words_[i]; }
  Word* begin() { return words_.data(); }
  Word* end() { return words_.data() + size_; }

 private:
  std::vector<Word> words_;
  size_t size_;
};

class Operator {
 public:
  Operator() = default;
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;
  ~Operator() {
    if (handle != nullptr) xnn_delete_operator(handle);
  }
  void run() const { ASSERT_EQ(xnn_run_operator(handle, nullptr), xnn_status_success); }

  xnn_operator_t handle = nullptr;
};

// Null where this machine can't run the library: the test then skips with that word.
inline bool initialized() {
  static const bool done = xnn_initialize(nullptr) == xnn_status_success;
  return done;
}

#define ASSAY_NEEDS_XNNPACK() \
  if (!initialized()) GTEST_SKIP() << "xnn_initialize fails on this machine"

inline emu::Fp32 fp32(float value) {
  return {std::bit_cast<uint32_t>(value)};
}

// A positive float32 between 2^low and 2^(high+1): every fourth a power of two (which makes ties), else with every fraction equally likely.
inline float random_scale(Random& random, int low, int high) {
  const uint32_t fraction = random.next() % 4 == 0 ? 0 : static_cast<uint32_t>(random.next() >> 41);
  return std::bit_cast<float>((static_cast<uint32_t>(random.between(low, high) + 127) << 23) | fraction);
}

// Zero points and output bounds of one operator; low < high.
struct Bounds {
  int zero_point, low, high;
};
template <class Word>
Bounds random_bounds(Random& random) {
  const int least = std::numeric_limits<Word>::min(), most = std::numeric_limits<Word>::max();
  const bool whole = random.next() % 2 == 0;
  return {static_cast<int>(random.between(least, most)), whole ? least : static_cast<int>(random.between(least, least + 100)),
          whole ? most : static_cast<int>(random.between(most - 100, most))};
}

inline int64_t clamped(int64_t value, const Bounds& bounds) {
  return value < bounds.low ? bounds.low : (value > bounds.high ? bounds.high : value);
}

// clamp(half_even(value) + zero point).
inline int64_t stored(emu::Fp32 value, const Bounds& bounds) {
  return clamped(static_cast<int64_t>(emu::to_int(value, emu::Round::half_even, emu::kS32)) + bounds.zero_point, bounds);
}

// The operands that every step list here needs.
inline emu::StepOperands operands_of(const Bounds& bounds) {
  emu::StepOperands o;
  o.zero_point = bounds.zero_point, o.clamp_low = bounds.low, o.clamp_high = bounds.high;
  return o;
}

// A step list, applied.
class Steps {
 public:
  Steps(const std::string& text, const Bounds& bounds) : steps_(emu::parse_steps(text)), operands_(operands_of(bounds)) {}
  int64_t operator()(Wide value) const {
    emu::StepEvents events;
    return static_cast<int64_t>(emu::requantize(value, steps_, operands_, events));
  }

 private:
  emu::Steps steps_;
  emu::StepOperands operands_;
};

// What the kernels of 8-bit products do with an accumulator: one rounding to binary32, one product, bounds, one rounding to an integer.
inline Steps requantized_by_float(float scale, const Bounds& bounds) {
  return {"to_fp32; mul_fp32 " + to_string(fp32(scale)) + "; clamp_fp32 clamp; to_int half_even; add_zero_point", bounds};
}

// A comparison whose outputs all lie at the bounds would prove nothing: at least one in ten must not.
class Compared {
 public:
  template <class Describe>
  void check(int64_t ours, int64_t theirs, const Bounds& bounds, const Describe& describe) {
    ++all_;
    inside_ += ours > bounds.low && ours < bounds.high ? 1 : 0;
    tally_.check(ours == theirs, [&](auto& out) { describe(out), out << ": theirs " << theirs << ", ours " << ours; });
  }
  void expect_all_equal(int64_t at_least) const {
    tally_.expect_all_right(at_least);
    EXPECT_GE(inside_ * 10, all_) << "nearly all outputs are saturated";
  }

 private:
  Tally tally_;
  int64_t all_ = 0;
  int64_t inside_ = 0;
};

// The range of the exponents from which scales are drawn.
struct Exponents {
  int low, high;
};
// What one operation of two tensors is made with.
struct PairCase {
  Bounds bounds;
  int zero_a, zero_b;
  float scale_a, scale_b, scale_y;
};

// An operation of two tensors on all 2^16 pairs of words; zero points, bounds and scales at random. make(case) gives our definition: int64_t(a - zero_a, b - zero_b).
template <class Word, class Create, class Setup, class Make>
void check_all_pairs(uint64_t seed, Exponents inputs, Exponents output, const Create& create, const Setup& setup, const Make& make) {
  Random random(seed);
  Compared compared;
  constexpr size_t kPairs = 65536;
  const int least = std::numeric_limits<Word>::min(), most = std::numeric_limits<Word>::max();
  Padded<Word> a(kPairs), b(kPairs), y(kPairs);
  for (size_t i = 0; i < kPairs; ++i) a[i] = static_cast<Word>(i), b[i] = static_cast<Word>(i >> 8);
  const size_t shape[] = {kPairs};
  for (int round = 0; round < 40; ++round) {
    PairCase one;
    one.bounds = random_bounds<Word>(random);
    one.zero_a = static_cast<int>(random.between(least, most)), one.zero_b = static_cast<int>(random.between(least, most));
    one.scale_a = random_scale(random, inputs.low, inputs.high), one.scale_b = random_scale(random, inputs.low, inputs.high);
    one.scale_y = random_scale(random, output.low, output.high);
    Operator op;
    ASSERT_EQ(create(static_cast<Word>(one.zero_a), one.scale_a, static_cast<Word>(one.zero_b), one.scale_b, static_cast<Word>(one.bounds.zero_point), one.scale_y,
                     static_cast<Word>(one.bounds.low), static_cast<Word>(one.bounds.high), 0, &op.handle),
              xnn_status_success);
    ASSERT_EQ(setup(op.handle, 1, shape, 1, shape, a.data(), b.data(), y.data(), nullptr), xnn_status_success);
    op.run();
    const auto ours = make(one);
    for (size_t i = 0; i < kPairs; i += kStride) {
      compared.check(ours(a[i] - one.zero_a, b[i] - one.zero_b), y[i], one.bounds, [&](auto& out) { out << int{a[i]} << " and " << int{b[i]}; });
    }
  }
  compared.expect_all_equal(40 * kPairs);
}

template <class Word>
void fill(Padded<Word>& words, Random& random) {
  for (Word& word : words) word = static_cast<Word>(random.next());
}

}  // namespace assay::witness
#endif

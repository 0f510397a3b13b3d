// emu/kernels/fpu.h equals arith/soft_float.h, bit for bit.
#include "emu/kernels/fpu.h"

#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <cfenv>
#include <functional>
#include <random>
#include <thread>

#include "emu/arith/soft_float.h"
#include "tests/oracle/float_corners.h"
#include "tests/oracle/float_random.h"
#include "tests/oracle/level.h"
#include "tests/oracle/tally.h"

namespace assay::emu {
namespace {

using oracle::float_corners;
using oracle::FloatTriple;
using oracle::RandomFloats;

constexpr size_t kRow = 256;
const int64_t kRandomWords = (oracle::thorough() ? 100000000 : 1000000) / oracle::kStride;

float float_of(uint32_t bits) {
  return std::bit_cast<float>(bits);
}
uint32_t bits_of(float number) {
  return std::bit_cast<uint32_t>(number);
}

struct Rows {
  std::vector<float> a, b, c;
  void push_back(FloatTriple t) { a.push_back(float_of(t.a)), b.push_back(float_of(t.b)), c.push_back(float_of(t.c)); }
};

struct FpuOperation {
  const char* name;
  std::function<void(float*values, const Rows&rows)> row, scalar;  // scalar: with b[0] and c[0]
  std::function<Fp32(Fp32 a, Fp32 b, Fp32 c)> definition;
};

const std::vector<FpuOperation>& operations() {
  static const std::vector<FpuOperation> all = {
      {"add", [](float* v, const Rows& r) { fpu::add_fp32(v, r.a.size(), r.b.data()); }, [](float* v, const Rows& r) { fpu::add_fp32(v, r.a.size(), r.b[0]); },
       [](Fp32 a, Fp32 b, Fp32) { return add(a, b); }},
      {"mul", [](float* v, const Rows& r) { fpu::mul_fp32(v, r.a.size(), r.b.data()); }, [](float* v, const Rows& r) { fpu::mul_fp32(v, r.a.size(), r.b[0]); },
       [](Fp32 a, Fp32 b, Fp32) { return multiply(a, b); }},
      {"div", [](float* v, const Rows& r) { fpu::div_fp32(v, r.a.size(), r.b.data()); }, [](float* v, const Rows& r) { fpu::div_fp32(v, r.a.size(), r.b[0]); },
       [](Fp32 a, Fp32 b, Fp32) { return divide(a, b); }},
      {"fma", [](float* v, const Rows& r) { fpu::fma_fp32(v, r.a.size(), r.b.data(), r.c.data()); }, [](float* v, const Rows& r) { fpu::fma_fp32(v, r.a.size(), r.b[0], r.c[0]); },
       [](Fp32 a, Fp32 b, Fp32 c) { return mul_add(a, b, c); }},
      {"leaky", nullptr, [](float* v, const Rows& r) { fpu::leaky_fp32(v, r.a.size(), r.b[0]); },
       [](Fp32 a, Fp32 b, Fp32) { return a.is_nan() ? kNan32 : (less(a, Fp32{0}) ? multiply(a, b) : a); }},
      {"clamp", nullptr, [](float* v, const Rows& r) { fpu::clamp_fp32(v, r.a.size(), r.b[0], r.c[0]); },
       [](Fp32 a, Fp32 b, Fp32 c) {
         const Fp32 result = less(a, b) ? b : (less(c, a) ? c : a);
         return result.is_nan() ? kNan32 : result;
       }},
  };
  return all;
}

// Every operation on these rows; the number of wrong elements, the first in `first`.
int64_t wrong_elements(const FpuOperation& operation, const Rows& rows, std::string& first) {
  int64_t wrong = 0;
  for (const bool scalar : {false, true}) {
    if (!scalar && !operation.row) continue;
    std::vector<float> found = rows.a;
    (scalar ? operation.scalar : operation.row)(found.data(), rows);
    for (size_t i = 0; i < found.size(); ++i) {
      const Fp32 a{bits_of(rows.a[i])}, b{bits_of(rows.b[scalar ? 0 : i])}, c{bits_of(rows.c[scalar ? 0 : i])};
      const Fp32 expected = operation.definition(a, b, c);
      if (bits_of(found[i]) == expected.bits) continue;
      if (wrong++ == 0)
        first =
            operation.name + (" " + to_string(a)) + " " + to_string(b) + " " + to_string(c) + ": " + to_string(Fp32{bits_of(found[i])}) + ", by definition " + to_string(expected);
    }
  }
  return wrong;
}

// The same work on two threads with two seeds.
void on_two_threads(const std::function<void(uint64_t seed)>& work) {
  std::thread other(work, 22);
  work(21);
  other.join();
}

TEST(Fpu, RowsEqualTheDefinitionOnAllPairsOfCorners) {
  const auto corners = float_corners();
  std::string first;
  for (const FpuOperation& operation : operations()) {
    int64_t wrong = 0;
    for (const uint32_t b : corners) {
      for (const uint32_t c : {0x00000000U, 0x80000000U, 0x00000001U, 0xb3800000U, 0x3f800000U, 0xff7fffffU, 0x7f800000U, 0x7f800001U, b, b ^ 0x80000000U}) {
        Rows rows;
        for (const uint32_t a : corners) rows.push_back({a, b, c});
        wrong += wrong_elements(operation, rows, first);
      }
    }
    EXPECT_EQ(wrong, 0) << first;
  }
}

TEST(Fpu, RowsEqualTheDefinitionOnRandomNumbers) {
  for (const FpuOperation& operation : operations()) {
    std::atomic<int64_t> wrong = 0, checked = 0;
    std::string first[2];
    on_two_threads([&](uint64_t seed) {
      RandomFloats random(seed);
      for (int64_t done = 0; done < kRandomWords / 2; done += kRow) {
        Rows rows;
        for (size_t i = 0; i < kRow; ++i) rows.push_back(random.next());
        wrong += wrong_elements(operation, rows, first[seed % 2]);
        checked += kRow;
      }
    });
    EXPECT_EQ(wrong, 0) << first[0] << "; " << first[1];
    EXPECT_GE(checked, kRandomWords);
  }
}

TEST(Fpu, RowsOfEverySizeTouchNothingBehindTheirEnd) {
  RandomFloats random(23);
  for (const FpuOperation& operation : operations()) {
    for (size_t size = 1; size <= 70; ++size) {
      Rows rows;
      for (size_t i = 0; i < size; ++i) rows.push_back(random.next());
      std::vector<float> found = rows.a;
      found.resize(size + 32, 42.0F);
      operation.scalar(found.data(), rows);
      for (size_t i = 0; i < size; ++i) {
        ASSERT_EQ(bits_of(found[i]), operation.definition({bits_of(rows.a[i])}, {bits_of(rows.b[0])}, {bits_of(rows.c[0])}).bits) << operation.name << " " << i << " of " << size;
      }
      for (size_t i = size; i < found.size(); ++i) ASSERT_EQ(found[i], 42.0F) << operation.name << " " << size;
    }
  }
}

TEST(Fpu, IntegersToBinary32EqualTheDefinition) {
  std::vector<int32_t> integers;
  for (int bit = 0; bit < 31; ++bit) {
    for (int nearby = -3; nearby <= 3; ++nearby) {
      const int64_t value = (int64_t{1} << bit) + nearby;
      integers.push_back(static_cast<int32_t>(value)), integers.push_back(static_cast<int32_t>(-value));
    }
  }
  integers.push_back(std::numeric_limits<int32_t>::max()), integers.push_back(std::numeric_limits<int32_t>::min());
  std::mt19937_64 random(24);
  for (int64_t i = 0; i < std::min<int64_t>(kRandomWords, 10000000); ++i) {
    const uint64_t word = random();
    integers.push_back(static_cast<int32_t>(static_cast<uint32_t>(word)) >> (word >> 60));
  }
  std::vector<float> found(integers.size());
  fpu::fp32_of_int32(integers.data(), integers.size(), found.data());
  for (size_t i = 0; i < integers.size(); ++i) ASSERT_EQ(bits_of(found[i]), fp32_of(integers[i], Round::half_even).bits) << integers[i];
}

TEST(Fpu, Binary32ToIntegersEqualsTheDefinitionInAllModes) {
  std::vector<float> values;
  for (const uint32_t corner : float_corners()) values.push_back(float_of(corner));
  for (int quarters = -60; quarters <= 60; ++quarters) values.push_back(static_cast<float>(quarters) / 4);
  RandomFloats random(25);
  for (int64_t i = 0; i < std::min<int64_t>(kRandomWords, 10000000); ++i) {
    const uint32_t word = random.any();
    values.push_back(float_of(i % 8 == 0 ? word : (word & 0x807fffffU & ~((1U << (word >> 8) % 24) - 1)) | ((118U + random.any() % 44U) << 23)));
  }
  std::vector<int32_t> found(values.size());
  for (const Round mode : kAllRounds) {
    fpu::int32_of_fp32(values.data(), values.size(), mode, found.data());
    for (size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(found[i], static_cast<int32_t>(to_int({bits_of(values[i])}, mode, kS32))) << to_string(mode) << " " << to_string(Fp32{bits_of(values[i])});
    }
  }
}

TEST(Fpu, KnowsWhetherItsEnvironmentIsTheAssumedOne) {
  EXPECT_TRUE(fpu::is_ieee());
  for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    ASSERT_EQ(std::fesetround(mode), 0);
    const bool ieee = fpu::is_ieee();
    std::fesetround(FE_TONEAREST);
    EXPECT_FALSE(ieee) << mode;
  }
#if defined(__SSE__)
  for (const unsigned flag : {0x8000U, 0x0040U}) {  // flush to zero; denormals are zero
    const unsigned before = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(before | flag);
    const bool ieee = fpu::is_ieee();
    __builtin_ia32_ldmxcsr(before);
    EXPECT_FALSE(ieee) << flag;
  }
#endif
  EXPECT_TRUE(fpu::is_ieee());
}

}  // namespace
}  // namespace assay::emu

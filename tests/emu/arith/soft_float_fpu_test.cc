// The host's FPU as an outside witness of soft_float.h: one IEEE implementation that nobody here wrote. Any NaN equals any NaN.
#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <cfenv>
#include <cmath>
#include <thread>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

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

const int64_t kRandomTriples = (oracle::thorough() ? 100000000 : 2000000) / oracle::kStride;

float host_float(uint32_t bits) {
  return std::bit_cast<float>(bits);
}

bool same(Fp32 soft, float host) {
  return host != host ? soft == kNan32 : soft.bits == std::bit_cast<uint32_t>(host);
}

// `right(triple)` on all pairs of corners with a few third operands, and on random triples in two threads with two seeds.
template <class Right>
void witness(const Right& right) {
  std::atomic<int64_t> wrong = 0, checked = 0;
  std::atomic<uint32_t> a = 0, b = 0, c = 0;
  const auto check = [&](FloatTriple t) {
    if (!right(t) && wrong++ == 0) a = t.a, b = t.b, c = t.c;
  };
  const auto corners = float_corners();
  for (const uint32_t x : corners) {
    for (const uint32_t y : corners) {
      for (const uint32_t z : {0x00000000U, 0x80000000U, 0x00000001U, 0xb3800000U, 0x3f800000U, 0xff7fffffU, 0xff800000U, x, y ^ 0x80000000U}) check({x, y, z});
    }
  }
  const auto work = [&](uint64_t seed) {
    RandomFloats random(seed);
    for (int64_t i = 0; i < kRandomTriples / 2; ++i) check(random.next());
    checked += kRandomTriples / 2;
  };
  std::thread other(work, 32);
  work(31);
  other.join();
  EXPECT_EQ(wrong, 0) << "the first: " << to_string(Fp32{a}) << " " << to_string(Fp32{b}) << " " << to_string(Fp32{c});
  EXPECT_EQ(checked, kRandomTriples / 2 * 2);
}

TEST(SoftFloatAndFpu, AddAlike) {
  witness([](FloatTriple t) { return same(add({t.a}, {t.b}), host_float(t.a) + host_float(t.b)); });
}

TEST(SoftFloatAndFpu, MultiplyAlike) {
  witness([](FloatTriple t) { return same(multiply({t.a}, {t.b}), host_float(t.a) * host_float(t.b)); });
}

TEST(SoftFloatAndFpu, DivideAlike) {
  witness([](FloatTriple t) { return same(divide({t.a}, {t.b}), host_float(t.a) / host_float(t.b)); });
}

TEST(SoftFloatAndFpu, MulAddAlike) {
  witness([](FloatTriple t) { return same(mul_add({t.a}, {t.b}, {t.c}), std::fma(host_float(t.a), host_float(t.b), host_float(t.c))); });
}

TEST(SoftFloatAndFpu, CompareAlike) {
  witness([](FloatTriple t) { return less({t.a}, {t.b}) == (host_float(t.a) < host_float(t.b)); });
}

TEST(SoftFloatAndFpu, ConvertIntegersAlike) {
  witness([](FloatTriple t) {
    const auto narrow_integer = static_cast<int32_t>(t.a);
    const auto wide = static_cast<int64_t>((uint64_t{t.a} << 32 | t.b) >> (t.c % 40)) * (t.c % 2 == 0 ? 1 : -1);
    return same(fp32_of(narrow_integer, Round::half_even), static_cast<float>(narrow_integer)) && same(fp32_of(wide, Round::half_even), static_cast<float>(wide));
  });
}

// C converts toward zero, and has no answer beyond the type.
TEST(SoftFloatAndFpu, ConvertToIntegersAlike) {
  witness([](FloatTriple t) {
    // Half of them where integers and fractions are.
    const uint32_t word = t.c % 2 == 0 ? t.a : (t.a & 0x807fffffU) | ((118U + t.b % 44U) << 23);
    const float host = host_float(word);
    if (!(std::abs(host) < 2147483648.0F)) return true;
    return to_int({word}, Round::toward_zero, kS32) == static_cast<int32_t>(host);
  });
}

#if defined(__x86_64__) && !defined(__clang__)
// Four modes of the host's rounding control. volatile keeps the conversion behind the switch.
TEST(SoftFloatAndFpu, RoundToIntegersAlikeInFourModes) {
  const auto corners = float_corners();
  for (const auto& [mode, host_mode] : {std::pair{Round::half_even, FE_TONEAREST}, {Round::floor, FE_DOWNWARD}, {Round::ceil, FE_UPWARD}, {Round::toward_zero, FE_TOWARDZERO}}) {
    RandomFloats random(33);
    int64_t wrong = 0;
    std::fesetround(host_mode);
    for (int64_t i = 0; i < static_cast<int64_t>(corners.size()) + kRandomTriples / 4; ++i) {
      const uint32_t word = i < static_cast<int64_t>(corners.size()) ? corners[static_cast<size_t>(i)] : (random.any() & 0x807fffffU) | ((118U + random.any() % 70U) << 23);
      const volatile float host = host_float(word);
      if (!(std::abs(host) < 9223372036854775808.0F)) continue;
      wrong += to_int({word}, mode, kS64) != _mm_cvtss_si64(_mm_set_ss(host));
    }
    std::fesetround(FE_TONEAREST);
    EXPECT_EQ(wrong, 0) << to_string(mode);
  }
}

__attribute__((target("f16c"))) uint16_t host_fp16(float value, Round mode) {
  switch (mode) {
    case Round::floor: return static_cast<uint16_t>(_cvtss_sh(value, _MM_FROUND_TO_NEG_INF));
    case Round::ceil: return static_cast<uint16_t>(_cvtss_sh(value, _MM_FROUND_TO_POS_INF));
    case Round::toward_zero: return static_cast<uint16_t>(_cvtss_sh(value, _MM_FROUND_TO_ZERO));
    default: return static_cast<uint16_t>(_cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT));
  }
}

__attribute__((target("f16c"))) float host_fp32(uint16_t word) {
  return _cvtsh_ss(word);
}

TEST(SoftFloatAndFpu, NarrowToFp16AlikeInFourModes) {
  if (!__builtin_cpu_supports("f16c")) GTEST_SKIP() << "this processor has no F16C";
  for (const Round mode : {Round::half_even, Round::floor, Round::ceil, Round::toward_zero}) {
    witness([&](FloatTriple t) {
      // Half of them in fp16's range and a little around it.
      const uint32_t word = t.c % 2 == 0 ? t.a : (t.a & 0x807fffffU) | ((98U + t.b % 48U) << 23);
      const uint32_t found = narrow({word}, FloatRule{kFp16, mode, Subnormals::keep, FloatOverflow::infinity});
      return Fp32{word}.is_nan() ? found == 0x7e00U : found == host_fp16(host_float(word), mode);
    });
  }
}

TEST(SoftFloatAndFpu, WidenAllWordsOfFp16Alike) {
  if (!__builtin_cpu_supports("f16c")) GTEST_SKIP() << "this processor has no F16C";
  for (uint32_t word = 0; word < 65536; ++word) ASSERT_TRUE(same(widen(word, kFp16), host_fp32(static_cast<uint16_t>(word)))) << word;
}
#endif

}  // namespace
}  // namespace assay::emu

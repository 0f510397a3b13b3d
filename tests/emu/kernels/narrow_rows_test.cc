// The row kernel against narrow() where numbers end: NaN of both signs, infinities, zeros, subnormal numbers and the neighbours of each.
#include "emu/kernels/narrow_rows.h"

#include <gtest/gtest.h>

namespace assay::emu {
namespace {

TEST(NarrowRow, EqualsTheDefinitionAtTheEndsOfBinary32ByAllRules) {
  std::vector<uint32_t> numbers;
  for (const uint32_t corner : {0x00000000U, 0x00000001U, 0x007fffffU, 0x00800000U, 0x3f800000U, 0x7f7fffffU, 0x7f800000U, 0x7f800001U, 0x7fbfffffU, 0x7fc00000U, 0x7fffffffU}) {
    for (const uint32_t sign : {0U, 0x80000000U}) numbers.push_back(corner | sign);
  }
  for (const FloatFormat format : {kTf32, kBf16, kFp16, kE5m2, kE4m3}) {
    for (const Round round : kAllRounds) {
      for (const Subnormals subnormals : {Subnormals::keep, Subnormals::flush}) {
        for (const FloatOverflow overflow : {FloatOverflow::infinity, FloatOverflow::saturate}) {
          const FloatRule rule{format, round, subnormals, overflow};
          std::vector<uint32_t> words(numbers.size());
          narrow_row(numbers.data(), numbers.size(), rule, words.data());
          for (size_t i = 0; i < numbers.size(); ++i) {
            EXPECT_EQ(words[i], narrow({numbers[i]}, rule)) << to_string(Fp32{numbers[i]}) << " to " << to_string(format) << " " << to_string(round);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace assay::emu

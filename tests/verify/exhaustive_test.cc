// The exhaustive tests on registers small enough to be seconds under the sanitizers; all 2^32 accumulators behind ASSAY_LEVEL=2.
#include "verify/exhaustive/exhaustive.h"

#include <gtest/gtest.h>

#include "emu/base/error.h"
#include "tests/oracle/level.h"
#include "tests/verify/devices.h"

namespace assay::verify {
namespace {

// The same chip with a register of 20 bits.
emu::Target small(const std::string& name) {
  emu::Target target = target_named(name);
  target.accumulate.accumulator.type.bits = 20;
  return target;
}

TEST(Exhaustive, TheKernelIsEqualForEveryAccumulatorOfASmallRegister) {
  for (const char* name : {"nxp_int8", "dsp_int8"}) {
    for (const bool direct : {false, true}) {
      ExhaustiveSettings settings;
      settings.direct = direct;
      settings.threads = 2;
      const auto report = exhaust_kernel(small(name), settings);
      EXPECT_EQ(report.cases, uint64_t{1} << 20);
      EXPECT_EQ(report.different, 0U) << name;
    }
  }
}

TEST(Exhaustive, ADeviceWithWrongTiesDiffersOnExactlyTheTies) {
  const emu::Target target = small("dsp_int8");
  ExhaustiveSettings settings;
  const auto right = exhaust_requantize(target, {open_library(library_of("dsp_int8", 0), 10)}, settings);
  EXPECT_EQ(right.different, 0U);
  const auto wrong = exhaust_requantize(target, {open_library(library_of("dsp_int8", 1), 10)}, settings);
  settings.direct = true;
  const auto again = exhaust_requantize(target, {open_library(library_of("dsp_int8", 1), 10)}, settings);
  EXPECT_GT(wrong.different, 0U);
  EXPECT_EQ(wrong.different, again.different);
  for (const Tested& tested : wrong.sample) EXPECT_TRUE(!tested.differs() || tested.expected.flags.tie);
}

TEST(Exhaustive, ACrashIsFoundInItsRow) {
  const auto report = exhaust_requantize(small("nxp_int8"), {open_library(library_of("nxp_int8", 8), 10)}, {});
  EXPECT_TRUE(report.stopped_at.has_value());
  EXPECT_TRUE(std::any_of(report.sample.begin(), report.sample.end(), [](const Tested& t) { return t.crashed(); }));
}

TEST(Exhaustive, AWrongTableEntryIsFoundInEveryTable) {
  const auto report = exhaust_words(target_named("nxp_int8"), open_library(library_of("nxp_int8", 6), 10), ArithOp::table, {});
  EXPECT_EQ(report.cases, 256U * 16);
  EXPECT_EQ(report.different, 16U);
}

TEST(Exhaustive, AnIllegalChannelIsRefused) {
  ChannelChoice choice;
  choice.right_shift = 90;
  EXPECT_THROW(channel_operands(target_named("nxp_int8"), choice, 1), InputError);
}

TEST(Exhaustive, TheKernelIsEqualForAll32BitAccumulators) {
  if (!oracle::thorough()) GTEST_SKIP() << "all 2^32 accumulators: set ASSAY_LEVEL=2";
  for (const char* name : {"nxp_int8", "dsp_int8"}) {
    const auto report = exhaust_kernel(target_named(name), {});
    EXPECT_EQ(report.cases, uint64_t{1} << 32);
    EXPECT_EQ(report.different, 0U) << name;
    EXPECT_LT(report.seconds, 60) << name;
  }
}

}  // namespace
}  // namespace assay::verify

// Where the recorded runs of PPQ began: every operation is sent where PPQ sent it, and every configuration begins as PPQ's did.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "emu/base/error.h"
#include "quant/ppq/dispatch.h"
#include "quant/ppq/passes/platform_steps.h"
#include "quant/ppq/quantizer.h"
#include "tests/ppq/recorded.h"
#include "tests/ppq/recorded_start.h"
#include "vectors/npy.h"

namespace assay::ppq {
namespace {

using test::RecordedRun;
using test::RecordedStart;

std::map<std::string, std::string> platforms_of(const Network& network) {
  std::map<std::string, std::string> found;
  for (const OperationId id : network.order) found[network.operation(id).name] = network.operation(id).platform;
  return found;
}

class Start : public testing::TestWithParam<RecordedStart> {
 protected:
  RecordedRun run_{GetParam().model, GetParam().run};
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Start);

TEST_P(Start, DispatchesAsRecorded) {
  const auto recorded = nlohmann::json::parse(vectors::read_file(run_.folder() + "dispatch.json"));
  using Platforms = std::map<std::string, std::string>;
  EXPECT_EQ(platforms_of(test::dispatched(GetParam())), recorded.at("after_dispatch").get<Platforms>());
  EXPECT_EQ(platforms_of(test::configured(GetParam())), recorded.at("final").get<Platforms>());
}

TEST_P(Start, ConfiguresAsRecorded) {
  EXPECT_EQ(test::configuration_differences(test::configured(GetParam()), run_.after("INIT")), std::vector<std::string>{});
}

// The steps of the platform's own that come first among the passes.
TEST_P(Start, RefinesAsRecorded) {
  const Platform platform = GetParam().platform();
  Network ours = test::configured(GetParam());
  const Settings settings;
  const InputSet none;
  for (const PlatformStep& step : platform.refine) {
    const PassReport report = run_step(step, ours, {platform, settings, none, 1, {}, {}});
    EXPECT_EQ(report.name, step.name);
    EXPECT_EQ(test::configuration_differences(ours, run_.after(step.name)), std::vector<std::string>{}) << step.name;
  }
}

// Rewritten parameters, bit for bit, and the variables in every slot.
TEST_P(Start, RewritesAsRecorded) {
  if (GetParam().run == "PPL_DSP_INT8_dspsetting") GTEST_SKIP() << "its parameters are recorded after equalization";
  const Network ours = test::rewritten(GetParam()), theirs = run_.after("INIT");
  ASSERT_EQ(ours.order.size(), theirs.order.size());
  size_t compared = 0;
  for (size_t i = 0; i < ours.order.size(); ++i) {
    const Operation &is = ours.operation(ours.order[i]), &should = theirs.operation(theirs.order[i]);
    ASSERT_EQ(is.inputs.size(), should.inputs.size());
    for (size_t k = 0; k < is.inputs.size(); ++k) {
      if (is.inputs[k] == kNone || should.inputs[k] == kNone || theirs.variable(should.inputs[k]).fp32 == nullptr) continue;
      const quant::Constant &a = *ours.variable(is.inputs[k]).value, &b = *theirs.variable(should.inputs[k]).fp32;
      if (a.kind != quant::Kind::real) continue;
      EXPECT_EQ(a.shape, b.shape) << is.name << k;
      EXPECT_EQ(a.reals, b.reals) << is.name << k;
      compared += a.reals.size();
    }
  }
  EXPECT_GT(compared, 0U);
}

INSTANTIATE_TEST_SUITE_P(Recorded, Start, testing::ValuesIn(test::recorded_starts()), [](const auto& param) { return param.param.name(); });

}  // namespace
}  // namespace assay::ppq

// States and dominance of configurations, and that the recorded runs can be read at all.
#include "quant/ppq/configuration.h"

#include <gtest/gtest.h>

#include "emu/base/error.h"
#include "tests/ppq/recorded.h"

namespace assay::ppq {
namespace {

const ScaleOffset kQuarter{{0.25F}, {0.0F}, false};

TEST(Configurations, DominationJoinsWholeGroups) {
  Configurations all;
  const ConfigId a = all.add({}), b = all.add({}), c = all.add({});
  all.dominate(a, b);
  all.dominate(a, c);
  EXPECT_EQ(all.root(a), c);
  EXPECT_EQ(all.root(b), c);
  EXPECT_EQ(all[a].state, State::overlapped);
  EXPECT_EQ(all[b].state, State::overlapped);
  EXPECT_EQ(all[c].state, State::initial);
}

TEST(Configurations, AMasterTakesOneNodeOnly) {
  Configurations all;
  const ConfigId a = all.add({}), b = all.add({}), follower = all.add({}), m = all.add({});
  all.dominate(follower, a);
  all.dominate(a, b);  // follower still points to a, until it is read
  all.set_state(m, State::activated);
  all.set_scale(m, kQuarter);
  all.master(a, m);
  EXPECT_EQ(all.root(a), m);
  EXPECT_EQ(all[a].state, State::passive);
  EXPECT_EQ(all.root(b), b);
  EXPECT_EQ(all.root(follower), m);
}

TEST(Configurations, AReadShortensThePathSoThatAFollowerStays) {
  Configurations all;
  const ConfigId a = all.add({}), b = all.add({}), follower = all.add({}), m = all.add({});
  all.dominate(follower, a);
  all.dominate(a, b);
  EXPECT_EQ(all.root(follower), b);
  all.master(a, m);
  EXPECT_EQ(all.root(follower), b);
  EXPECT_EQ(all[a].state, State::passive_init);  // m has no scale
}

TEST(Configurations, AnIllegalTransitionIsOurBugAndSaysSo) {
  Configurations all;
  const ConfigId a = all.add({});
  all.set_state(a, State::activated);
  all.set_state(a, State::baked);
  try {
    all.set_state(a, State::activated);
    FAIL();
  } catch (const InternalError& error) {
    EXPECT_NE(std::string(error.what()).find("from BAKED to ACTIVATED"), std::string::npos) << error.what();
  }
}

TEST(Configurations, ScalesAreSetOnRootsOnly) {
  Configurations all;
  const ConfigId a = all.add({}), b = all.add({});
  all.dominate(a, b);
  EXPECT_THROW(all.set_scale(a, kQuarter), InternalError);
  all.set_scale(b, kQuarter);
  EXPECT_EQ(all.scale(a), kQuarter);
  EXPECT_FALSE(all.own_scale(a).set());
}

TEST(RecordedRuns, AreReadAfterEveryPass) {
  const test::RecordedRun run("cnn_core", "NXP_INT8");
  if (!run.exists()) GTEST_SKIP() << run.missing();
  const auto slots = run.slots();
  EXPECT_EQ(slots.size(), 87U);
  for (const std::string& pass : run.passes()) {
    const Network network = run.after(pass);
    EXPECT_TRUE(test::differences(network, network, slots, true).empty());
    EXPECT_EQ(network.order.size(), 30U);
    EXPECT_EQ(execution_order(network).size(), 30U);
  }
  EXPECT_FALSE(test::differences(run.after("INIT"), run.after("ParameterBakingPass"), slots, true).empty());
}

TEST(RecordedRuns, RunInTheRecordedOrder) {
  const test::RecordedRun run("cnn_core", "NXP_INT8");
  if (!run.exists()) GTEST_SKIP() << run.missing();
  const Network network = run.after("INIT");
  std::string names;
  for (const OperationId id : execution_order(network)) names += network.operation(id).name + " ";
  EXPECT_EQ(
      names,
      "conv0 relu0 pw1 relu1 dw1 clip1 pw2 add1 conv2 relu2 conv3 add2 relu3 convp convl convs prelu lrelu sigmoid concat maxpool conv4 relu4 avgpool conv5 relu5 gap flatten gemm "
      "softmax ");
}

}  // namespace
}  // namespace assay::ppq

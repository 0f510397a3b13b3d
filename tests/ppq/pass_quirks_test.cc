// What the recorded runs do not show of PPQ's passes, on networks of a few operations (ppq.md 5.3, 6.3 to 6.7, 9).
#include <gtest/gtest.h>

#include "emu/base/error.h"
#include "quant/ppq/linear.h"
#include "quant/ppq/passes/passes.h"
#include "quant/ppq/passes/stale_scales.h"
#include "tests/ppq/small_network.h"

namespace assay::ppq {
namespace {

using test::SmallContext;
using test::SmallNetwork;

float scale_at(const SmallNetwork& small, ConfigId id) {
  return small.network.configurations.scale(id).scale.at(0);
}
State state_at(const SmallNetwork& small, ConfigId id) {
  return small.network.configurations[id].state;
}
bool mentions(const std::vector<std::string>& lines, const std::string& words) {
  for (const std::string& line : lines) {
    if (line.find(words) != std::string::npos) return true;
  }
  return false;
}
template <class Error, class Run>
std::string refusal(Run run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "not refused";
}

// conv -> sigmoid -> mul, conv -> mul.
SmallNetwork swish() {
  SmallNetwork small;
  small.add("conv", "Conv", {"x", "w"}, {"a"});
  small.add("sigmoid", "Sigmoid", {"a"}, {"b"});
  small.add("mul", "Mul", {"a", "b"}, {"c"});
  return small;
}

TEST(QuantizeFusionPass, FusesSwishOnlyWhereThePlatformDoes) {
  SmallNetwork small = swish();
  quantize_fusion(small.network, SmallContext({"Relu"}).context);
  EXPECT_EQ(state_at(small, small.out("conv")), State::initial);
  quantize_fusion(small.network, SmallContext({"Swish"}).context);
  for (const ConfigId id : {small.out("conv"), small.in("sigmoid", 0), small.out("sigmoid"), small.in("mul", 0), small.in("mul", 1)}) {
    EXPECT_EQ(small.network.configurations.root(id), small.out("mul"));
    EXPECT_EQ(state_at(small, id), State::overlapped);
  }
  EXPECT_EQ(state_at(small, small.in("conv", 0)), State::initial);
}

TEST(QuantizeFusionPass, LeavesASwishThatSomethingElseReads) {
  for (const std::string read : {"a", "b"}) {
    SmallNetwork small = swish();
    small.add("other", "Tanh", {read}, {"d"});
    quantize_fusion(small.network, SmallContext({"Swish"}).context);
    EXPECT_EQ(state_at(small, small.out("conv")), State::initial) << read;
  }
}

TEST(QuantizeFusionPass, FusesMish) {
  SmallNetwork small;
  small.add("conv", "Conv", {"x", "w"}, {"a"});
  small.add("softplus", "Softplus", {"a"}, {"b"});
  small.add("tanh", "Tanh", {"b"}, {"c"});
  small.add("mul", "Mul", {"a", "c"}, {"d"});
  quantize_fusion(small.network, SmallContext({"Mish"}).context);
  for (const ConfigId id : {small.out("conv"), small.in("softplus", 0), small.out("softplus"), small.in("tanh", 0), small.out("tanh"), small.in("mul", 0), small.in("mul", 1)}) {
    EXPECT_EQ(small.network.configurations.root(id), small.out("mul"));
  }
}

TEST(QuantizeFusionPass, FusesOneActivationOfOneConsumerOnOnePlatform) {
  SmallNetwork small;
  small.add("conv", "Conv", {"x", "w"}, {"a"});
  small.add("first", "Relu", {"a"}, {"b"});
  small.add("second", "Relu", {"a"}, {"c"});
  quantize_fusion(small.network, SmallContext({"Relu"}).context);
  EXPECT_EQ(state_at(small, small.out("conv")), State::initial);

  SmallNetwork apart;
  apart.add("conv", "Conv", {"x", "w"}, {"a"});
  apart.network.operation(apart.add("relu", "Relu", {"a"}, {"b"})).platform = "ELSEWHERE";
  const PassReport report = quantize_fusion(apart.network, SmallContext({"Relu"}).context);
  EXPECT_EQ(state_at(apart, apart.out("conv")), State::initial);
  EXPECT_TRUE(mentions(report.warnings, "conv (SMALL_INT8) and relu (ELSEWHERE)"));
}

TEST(QuantizeFusionPass, PassiveOperationsFollowTheirInputButSliceDoesNot) {
  SmallNetwork small;
  small.add("conv", "Conv", {"x", "w"}, {"a"});
  small.add("pool", "MaxPool", {"a"}, {"b"});
  small.add("slice", "Slice", {"b"}, {"c"});
  quantize_fusion(small.network, SmallContext({"Relu"}).context);
  EXPECT_EQ(small.network.configurations.root(small.out("pool")), small.in("pool", 0));
  EXPECT_EQ(state_at(small, small.out("slice")), State::initial);
  Settings off;
  off.fuse_passive_op = false;
  SmallNetwork again;
  again.add("conv", "Conv", {"x", "w"}, {"a"});
  again.add("pool", "MaxPool", {"a"}, {"b"});
  quantize_fusion(again.network, SmallContext({"Relu"}, off).context);
  EXPECT_EQ(state_at(again, again.out("pool")), State::initial);
}

TEST(QuantizeSimplifyPass, OfTheSecondReadOfOneVariableNothingIsSimplified) {
  SmallNetwork small;
  small.add("conv", "Conv", {"x", "w"}, {"a"});
  small.add("square", "Mul", {"a", "a"}, {"b"});
  quantize_simplify(small.network, SmallContext({}).context);
  EXPECT_EQ(small.network.configurations.root(small.in("square", 0)), small.out("conv"));
  EXPECT_EQ(state_at(small, small.in("square", 1)), State::initial);
}

TEST(QuantizeSimplifyPass, AnotherRoundingOrAnFp32ProducerKeepsTheConsumersOwn) {
  SmallNetwork small;
  small.add("conv", "Conv", {"x", "w"}, {"a"});
  small.add("relu", "Relu", {"a"}, {"b"});
  small.at(small.in("relu", 0)).rounding = Rounding::half_up;
  quantize_simplify(small.network, SmallContext({}).context);
  EXPECT_EQ(state_at(small, small.in("relu", 0)), State::initial);
  small.at(small.in("relu", 0)).rounding = Rounding::half_even;
  small.at(small.out("conv")).state = State::fp32;
  quantize_simplify(small.network, SmallContext({}).context);
  EXPECT_EQ(state_at(small, small.in("relu", 0)), State::initial);
}

// left -> add <- right, each with its own calibrated scale.
SmallNetwork sum(float left, float right) {
  SmallNetwork small;
  small.add("left", "Conv", {"x", "w"}, {"a"});
  small.add("right", "Conv", {"y", "v"}, {"b"});
  small.add("add", "Add", {"a", "b"}, {"c"});
  for (const ConfigId id : {small.out("left"), small.in("add", 0)}) small.calibrate(id, left);
  for (const ConfigId id : {small.out("right"), small.in("add", 1)}) small.calibrate(id, right);
  return small;
}

TEST(QuantAlignmentPass, ToLargeWidensALopsidedGridAndDoublesPowersOfTwo) {
  SmallNetwork plain = sum(0.5F, 0.25F), power = sum(0.5F, 0.25F), even = sum(0.5F, 0.25F);
  quant_alignment(plain.network, SmallContext({}).context);
  EXPECT_EQ(scale_at(plain, plain.in("add", 0)), static_cast<float>(128.0 / 255));
  power.at(power.in("add", 0)).policy.power_of_two = true;
  quant_alignment(power.network, SmallContext({}).context);
  EXPECT_EQ(scale_at(power, power.in("add", 0)), 1.0F);
  for (const ConfigId id : {even.in("add", 0), even.in("add", 1)}) even.at(id).quant_min = -127;
  quant_alignment(even.network, SmallContext({}).context);
  EXPECT_EQ(scale_at(even, even.in("add", 0)), 0.5F);
  for (const ConfigId id : {power.in("add", 0), power.in("add", 1), power.out("left"), power.out("right")}) {
    EXPECT_EQ(power.network.configurations.root(id), power.in("add", 0));
    EXPECT_EQ(state_at(power, id), State::passive);
  }
  EXPECT_NE(power.network.configurations.root(power.out("add")), power.in("add", 0));
}

TEST(QuantAlignmentPass, AnFp32LastInputKeepsTheOthersFromFollowing) {
  SmallNetwork small = sum(0.5F, 0.25F);
  small.at(small.in("add", 1)).state = State::fp32;
  quant_alignment(small.network, SmallContext({}).context);
  EXPECT_EQ(state_at(small, small.in("add", 1)), State::fp32);
  EXPECT_EQ(scale_at(small, small.in("add", 0)), static_cast<float>(128.0 / 255));
}

TEST(QuantAlignmentPass, AnFp32OutputOfAProducerBecomesQuantized) {
  SmallNetwork small = sum(0.5F, 0.25F);
  small.at(small.out("right")).state = State::fp32;
  quant_alignment(small.network, SmallContext({}).context);
  EXPECT_EQ(state_at(small, small.out("right")), State::passive);
}

// conv reads what the addition reads too, and feeds it: so its input follows, beside its output.
TEST(QuantAlignmentPass, AProducersInputThatTheOperationReadsTooFollows) {
  SmallNetwork small;
  small.add("pool", "AveragePool", {"x"}, {"a"});
  small.add("conv", "Conv", {"a", "w"}, {"b"});
  small.add("add", "Add", {"b", "a"}, {"c"});
  for (const ConfigId id : {small.out("pool"), small.in("conv", 0), small.in("add", 1)}) small.calibrate(id, 0.25F);
  for (const ConfigId id : {small.out("conv"), small.in("add", 0)}) small.calibrate(id, 0.5F);
  quant_alignment(small.network, SmallContext({}).context);
  EXPECT_EQ(small.network.configurations.root(small.in("conv", 0)), small.in("add", 0));
  EXPECT_EQ(state_at(small, small.in("conv", 0)), State::passive);
  EXPECT_EQ(state_at(small, small.in("conv", 1)), State::initial);
}

TEST(QuantAlignmentPass, WithoutOverlapProducersWithOtherConsumersKeepTheirScale) {
  SmallNetwork small = sum(0.5F, 0.25F);
  small.add("other", "Conv", {"b", "u"}, {"d"});
  Settings settings;
  settings.force_alignment_overlap = false;
  quant_alignment(small.network, SmallContext({}, settings).context);
  EXPECT_EQ(scale_at(small, small.out("right")), 0.25F);
  EXPECT_EQ(scale_at(small, small.out("left")), static_cast<float>(128.0 / 255));
}

TEST(QuantAlignmentPass, ToOutputAndToInputFollowThatSide) {
  SmallNetwork small = sum(0.5F, 0.25F);
  small.calibrate(small.out("add"), 2.0F);
  Settings settings;
  settings.align_elementwise = AlignTo::output;
  quant_alignment(small.network, SmallContext({}, settings).context);
  EXPECT_EQ(scale_at(small, small.in("add", 0)), 2.0F);
  EXPECT_EQ(scale_at(small, small.out("right")), 2.0F);

  SmallNetwork pool;
  pool.add("conv", "Conv", {"x", "w"}, {"a"});
  pool.add("pool", "AveragePool", {"a"}, {"b"});
  pool.calibrate(pool.out("conv"), 0.5F), pool.calibrate(pool.in("pool", 0), 0.5F), pool.calibrate(pool.out("pool"), 0.25F);
  settings.align_average_pool = AlignTo::input;
  quant_alignment(pool.network, SmallContext({}, settings).context);
  EXPECT_EQ(scale_at(pool, pool.out("pool")), 0.5F);
}

TEST(QuantAlignmentPass, RefusesWhatPpqRefusesAndCyclesByName) {
  Settings settings;
  settings.align_resize = AlignTo::large, settings.align_concat = AlignTo::input;
  SmallNetwork small = sum(0.5F, 0.25F);
  const std::string both = refusal<InputError>([&] { quant_alignment(small.network, SmallContext({}, settings).context); });
  EXPECT_NE(both.find("align_resize"), std::string::npos);
  EXPECT_NE(both.find("align_concat"), std::string::npos);

  SmallNetwork uncalibrated;
  uncalibrated.add("add", "Add", {"a", "b"}, {"c"});
  EXPECT_NE(refusal<InputError>([&] { quant_alignment(uncalibrated.network, SmallContext({}).context); }).find("add:in0 has no scale"), std::string::npos);

  SmallNetwork cycle;
  cycle.add("conv", "Conv", {"x", "w"}, {"a"});
  cycle.add("resize", "Resize", {"a"}, {"b"});
  cycle.network.configurations.dominate(cycle.out("resize"), cycle.in("resize", 0));
  EXPECT_NE(refusal<Unsupported>([&] { quant_alignment(cycle.network, SmallContext({}).context); }).find("resize:in0 cannot follow resize:out0"), std::string::npos);
}

// relu -> pool -> {conv -> last -> add, add}: the tensor behind the pool is aligned with the other input of the addition, and the convolution's record still follows the
// activation.
SmallNetwork stale() {
  SmallNetwork small;
  small.parameter("w", {1, 1, 1, 1}, {1});
  small.parameter("b", {1}, {1});
  small.add("first", "Conv", {"x", "v"}, {"p"});
  small.add("relu", "Relu", {"p"}, {"q"});
  small.add("pool", "MaxPool", {"q"}, {"r"});
  small.add("conv", "Conv", {"r", "w", "b"}, {"s"});
  small.add("last", "Conv", {"s", "u"}, {"a"});
  small.add("add", "Add", {"a", "r"}, {"t"});
  const SmallContext context({"Relu"});
  small.at(small.in("conv", 2)).state = State::passive_init;
  quantize_fusion(small.network, context.context);
  quantize_simplify(small.network, context.context);
  for (const ConfigId id : {small.in("first", 0), small.in("first", 1), small.in("conv", 1), small.in("last", 1), small.out("conv")}) small.calibrate(id, 0.5F);
  small.calibrate(small.out("relu"), 0.25F), small.calibrate(small.out("last"), 4.0F), small.calibrate(small.out("add"), 8.0F);
  // Reading shortens paths: as PPQ's calibration, which quantizes with these.
  for (ConfigId id = 0; id < small.network.configurations.size(); ++id) small.network.configurations.root(id);
  return small;
}

TEST(StaleScales, AreWarnedOfAndKeptAsPpqHasThem) {
  SmallNetwork small = stale();
  const PassReport aligned = quant_alignment(small.network, SmallContext({}).context);
  ASSERT_FALSE(aligned.warnings.empty());
  EXPECT_TRUE(mentions(aligned.warnings, "tensor r is quantized with scale")) << aligned.warnings[0];
  EXPECT_TRUE(mentions(aligned.warnings, "conv:in0 records 0.25"));
  const PassReport passive = passive_parameter_quantize(small.network, SmallContext({}).context);
  EXPECT_TRUE(mentions(passive.warnings, "conv:in0"));
  EXPECT_EQ(scale_at(small, small.in("conv", 2)), 0.125F);
}

TEST(StaleScales, AreReplacedByTheTrueOnesWhereExactIsOff) {
  Settings settings;
  settings.exact = false;
  SmallNetwork small = stale();
  quant_alignment(small.network, SmallContext({}, settings).context);
  const PassReport passive = passive_parameter_quantize(small.network, SmallContext({}, settings).context);
  EXPECT_TRUE(passive.warnings.empty());
  const float real = scale_at(small, small.out("pool"));
  EXPECT_GT(real, 4.0F);
  EXPECT_EQ(scale_at(small, small.in("conv", 0)), real);
  EXPECT_EQ(scale_at(small, small.in("conv", 2)), 0.5F * real);
  EXPECT_TRUE(stale_scales(small.network).empty());
}

// One pool more before the convolution: its own record and the convolution's are both stale, and the truth lies one operation further up.
TEST(StaleScales, AreSeenThroughOperationsThatPassValuesOn) {
  SmallNetwork small = stale();
  const OperationId conv = small.network.find_operation("conv").value();
  small.add("second_pool", "MaxPool", {"r"}, {"r2"});
  small.network.set_input(conv, 0, small.network.find_variable("r2").value());
  Configurations& all = small.network.configurations;
  all.dominate(small.in("second_pool", 0), small.out("relu"));
  all.dominate(small.out("second_pool"), small.out("relu"));
  const PassReport aligned = quant_alignment(small.network, SmallContext({}).context);
  EXPECT_TRUE(mentions(aligned.warnings, "tensor r is quantized with scale"));
  EXPECT_TRUE(mentions(aligned.warnings, "tensor r2 is quantized with scale"));
  EXPECT_EQ(quantized_by(small.network, conv, 0), small.out("pool"));
  EXPECT_EQ(quantized_by(small.network, conv, 1), small.in("conv", 1));
  EXPECT_EQ(quantized_by(small.network, small.network.find_operation("relu").value(), 0), std::nullopt);
}

TEST(PassiveParameterQuantizePass, GivesLimitsOfClipAndValuesOfPadTheScaleOfTheInputUnexported) {
  SmallNetwork small;
  small.add("clip", "Clip", {"x", "low", "high"}, {"a"});
  small.add("pad", "Pad", {"a", "amounts", "value"}, {"b"});
  small.calibrate(small.in("clip", 0), 0.5F, 3.0F), small.calibrate(small.in("pad", 0), 0.25F);
  for (const ConfigId id : {small.in("clip", 1), small.in("clip", 2), small.in("pad", 1), small.in("pad", 2)}) small.at(id).state = State::fp32;
  passive_parameter_quantize(small.network, SmallContext({}).context);
  EXPECT_EQ(scale_at(small, small.in("clip", 2)), 0.5F);
  EXPECT_EQ(small.network.configurations.scale(small.in("clip", 1)).offset, std::vector<float>{3.0F});
  EXPECT_EQ(scale_at(small, small.in("pad", 2)), 0.25F);
  EXPECT_EQ(state_at(small, small.in("pad", 1)), State::fp32);
  EXPECT_EQ(small.at(small.in("clip", 1)).visibility, Visibility::internal);
  EXPECT_EQ(small.at(small.in("pad", 2)).visibility, Visibility::internal);
}

SmallNetwork biased(std::vector<int64_t> bias_shape, std::vector<float> bias) {
  SmallNetwork small;
  small.parameter("w", {2, 1, 1, 1}, {1, 2});
  small.parameter("b", std::move(bias_shape), std::move(bias));
  small.add("conv", "Conv", {"x", "w", "b"}, {"y"});
  small.calibrate(small.in("conv", 0), 0.1F), small.calibrate(small.in("conv", 1), 0.3F);
  small.at(small.in("conv", 2)).state = State::passive_init;
  return small;
}

TEST(PassiveParameterQuantizePass, SqueezesABiasAndMultipliesInFloat32) {
  SmallNetwork small = biased({1, 2}, {5, 6});
  passive_parameter_quantize(small.network, SmallContext({}).context);
  EXPECT_EQ(scale_at(small, small.in("conv", 2)), 0.1F * 0.3F);
  EXPECT_EQ(small.network.variable(small.network.find_variable("b").value()).value->shape, (Shape{2}));
}

TEST(PassiveParameterQuantizePass, RefusesByNameWhatItCannotQuantize) {
  const auto run = [](SmallNetwork& small) { return refusal<InputError>([&] { passive_parameter_quantize(small.network, SmallContext({}).context); }); };
  SmallNetwork shape = biased({2, 1}, {5, 6});
  EXPECT_NE(run(shape).find("2 elements, but 1 on its last axis"), std::string::npos);
  SmallNetwork input = biased({2}, {5, 6});
  input.at(input.in("conv", 0)).state = State::fp32;
  EXPECT_NE(run(input).find("conv:in0, which is FP32"), std::string::npos);
  SmallNetwork weight = biased({2}, {5, 6});
  weight.at(weight.in("conv", 1)).state = State::initial;
  EXPECT_NE(run(weight).find("conv:in1, which is INITIAL"), std::string::npos);
  SmallNetwork asymmetric = biased({2}, {5, 6});
  asymmetric.at(asymmetric.in("conv", 2)).policy.asymmetric = true;
  EXPECT_NE(run(asymmetric).find("ASYMMETRICAL"), std::string::npos);
}

TEST(ParameterBakingPass, KeepsTheFp32ValueAndTellsStatesApart) {
  SmallNetwork small = biased({2}, {0.071F, -0.2F});
  passive_parameter_quantize(small.network, SmallContext({}).context);
  parameter_baking(small.network, SmallContext({}).context);
  EXPECT_EQ(state_at(small, small.in("conv", 1)), State::baked);
  EXPECT_EQ(state_at(small, small.in("conv", 2)), State::passive_baked);
  EXPECT_EQ(state_at(small, small.in("conv", 0)), State::activated);
  const Variable& bias = small.network.variable(small.network.find_variable("b").value());
  EXPECT_EQ(bias.fp32->reals, (std::vector<float>{0.071F, -0.2F}));
  EXPECT_EQ(bias.value->reals, (std::vector<float>{2 * (0.1F * 0.3F), -7 * (0.1F * 0.3F)}));
}

TEST(ParameterBakingPass, NamesAParameterWhoseChannelsDoNotFitItsScales) {
  SmallNetwork small;
  small.parameter("w", {2, 3}, {1, 2, 3, 4, 5, 6});
  small.add("gemm", "Gemm", {"x", "w"}, {"y"});
  small.at(small.in("gemm", 1)).policy.per_channel = true, small.at(small.in("gemm", 1)).channel_axis = 0;
  small.network.configurations.set_scale(small.in("gemm", 1), {{1, 1, 1}, {0, 0, 0}, true});
  small.network.configurations.set_state(small.in("gemm", 1), State::activated);
  const std::string words = refusal<InputError>([&] { parameter_baking(small.network, SmallContext({}).context); });
  EXPECT_NE(words.find("parameter w of Gemm gemm"), std::string::npos) << words;
}

}  // namespace
}  // namespace assay::ppq

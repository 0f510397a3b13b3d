#include "quant/calibrate/calibrate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "emu/base/error.h"
#include "emu/target/load_target.h"
#include "quant/execute/simulate.h"
#include "quant/fake_quantize.h"
#include "quant/lower.h"
#include "tests/quant/execute/small_graph.h"

namespace assay::quant {
namespace {

using test::random_tensor;
using test::SmallGraph;

emu::Target symmetric_target() {
  emu::Target target;
  target.name = "small";
  target.storage.input = target.storage.activation = target.storage.weight = {emu::kS8, -128, 127};
  target.storage.bias = {emu::kS32, -(int64_t{1} << 30), int64_t{1} << 30};
  target.quantize.input = target.quantize.activation = {emu::Symmetry::symmetric, emu::Granularity::per_tensor, emu::ScaleKind::real, emu::Round::half_even, "minmax"};
  target.quantize.weight = {emu::Symmetry::symmetric, emu::Granularity::per_channel, emu::ScaleKind::real, emu::Round::half_down, "minmax"};
  target.add = emu::AddRule{};
  target.concat = emu::ConcatRule{};
  return target;
}

emu::Target asymmetric_target() {
  emu::Target target = symmetric_target();
  target.storage.input = target.storage.activation = target.storage.weight = {emu::kU8, 0, 255};
  target.quantize.input.symmetry = target.quantize.activation.symmetry = target.quantize.weight.symmetry = emu::Symmetry::asymmetric;
  target.quantize.weight.granularity = emu::Granularity::per_tensor;
  return target;
}

emu::Target joint(emu::Target target) {
  target.add->inputs = emu::InputScales::joint;
  target.concat->inputs = emu::ConcatScales::joint;
  return target;
}

// x [1,2,4,4] -> conv -> pool; conv + x -> sum; concat(pool, pool of sum) -> cat.
struct CalibratedNet {
  SmallGraph small;
  ValueId x, w, b, conv, pool, k, scaled, sum, pool2, cat;

  CalibratedNet() {
    x = small.input("x", {1, 2, 4, 4});
    w = small.constant("w", random_tensor({2, 2, 1, 1}, 3));
    b = small.constant("b", {{2}, {0.25F, -0.5F}});
    conv = small.node("conv", Conv{}, {x, w, b}, {1, 2, 4, 4}, {Relu{}});
    pool = small.node("pool", MaxPool{{2, 2}, {2, 2}}, {conv}, {1, 2, 2, 2});
    k = small.constant("k", {{1, 2, 1, 1}, {0.5F, 4.0F}});
    scaled = small.node("scaled", Binary{Arithmetic::mul}, {conv, k}, {1, 2, 4, 4});
    sum = small.node("sum", Binary{Arithmetic::add}, {scaled, x}, {1, 2, 4, 4});
    pool2 = small.node("pool2", MaxPool{{2, 2}, {2, 2}}, {sum}, {1, 2, 2, 2});
    cat = small.node("cat", Concat{1}, {pool, pool2}, {1, 4, 2, 2});
    small.output(cat);
  }
};

InputSet random_inputs(size_t count) {
  return {count, [](size_t i) { return std::vector<FloatTensor>{random_tensor({1, 2, 4, 4}, static_cast<uint32_t>(i) + 50)}; }};
}

const TensorQuantization& quantization_at(const Quantized& quantized, ValueId id) {
  return quantized.tensors[id].value();
}

float largest(const std::vector<float>& values) {
  float result = 0;
  for (const float value : values) result = std::max(result, std::fabs(value));
  return result;
}

TEST(Calibrate, MeasuresTheInputWithItsOwnRule) {
  const CalibratedNet net;
  const Quantized quantized = calibrate(net.small.graph, symmetric_target(), random_inputs(5), {});
  float range = 0;
  for (size_t i = 0; i < 5; ++i) range = std::max(range, largest(random_tensor({1, 2, 4, 4}, static_cast<uint32_t>(i) + 50).data));
  EXPECT_EQ(quantization_at(quantized, net.x).scale, (std::vector<float>{static_cast<float>(2.0 * static_cast<double>(range) / 255)}));
  EXPECT_EQ(quantization_at(quantized, net.x).state, State::activated);
  EXPECT_EQ(quantization_at(quantized, net.x).provenance, "minmax over 5 inputs");
}

TEST(Calibrate, GivesWeightsAScalePerOutputChannelAndBiasesTheProduct) {
  const CalibratedNet net;
  const Quantized quantized = calibrate(net.small.graph, symmetric_target(), random_inputs(3), {});
  const TensorQuantization& w = quantization_at(quantized, net.w);
  const std::vector<float>& values = net.small.graph.value(net.w).constant->data;
  ASSERT_EQ(w.scale.size(), 2U);
  for (size_t o = 0; o < 2; ++o) EXPECT_EQ(w.scale[o], static_cast<float>(2.0 * static_cast<double>(largest({values[2 * o], values[2 * o + 1]})) / 255));
  EXPECT_EQ(w.axis, 0);
  EXPECT_EQ(w.round, emu::Round::half_down);
  const TensorQuantization& b = quantization_at(quantized, net.b);
  EXPECT_EQ(b.scale, (std::vector<float>{quantization_at(quantized, net.x).scale[0] * w.scale[0], quantization_at(quantized, net.x).scale[0] * w.scale[1]}));
  EXPECT_EQ(b.state, State::passive);
  EXPECT_EQ(b.storage.high, int64_t{1} << 30);
}

TEST(Calibrate, MovedWordsTakeTheQuantizationOfTheirSource) {
  const CalibratedNet net;
  const Quantized quantized = calibrate(net.small.graph, symmetric_target(), random_inputs(3), {});
  EXPECT_EQ(quantization_at(quantized, net.pool).scale, quantization_at(quantized, net.conv).scale);
  EXPECT_EQ(quantization_at(quantized, net.pool).state, State::overlapped);
  EXPECT_EQ(quantization_at(quantized, net.pool).root, net.conv);
  EXPECT_EQ(quantization_at(quantized, net.pool).provenance, "shared with 'conv' (max_pool)");
  EXPECT_NE(quantization_at(quantized, net.cat).scale, quantization_at(quantized, net.pool).scale) << "concat requantizes on this target";
}

TEST(Calibrate, JointInputsTakeTheLargestScaleOfTheirGroup) {
  const CalibratedNet net;
  const Quantized apart = calibrate(net.small.graph, symmetric_target(), random_inputs(3), {});
  const Quantized together = calibrate(net.small.graph, joint(symmetric_target()), random_inputs(3), {});
  EXPECT_EQ(quantization_at(together, net.x).scale[0], std::max(quantization_at(apart, net.x).scale[0], quantization_at(apart, net.scaled).scale[0]));
  EXPECT_EQ(quantization_at(together, net.x).scale, quantization_at(together, net.scaled).scale);
  // conv -> pool -> cat <- pool2 <- sum: one group through the chains.
  const float expected = std::max({quantization_at(apart, net.conv).scale[0], quantization_at(apart, net.sum).scale[0], quantization_at(apart, net.cat).scale[0]});
  for (const ValueId id : {net.conv, net.pool, net.sum, net.pool2, net.cat}) EXPECT_EQ(quantization_at(together, id).scale[0], expected) << net.small.graph.value(id).name;
  size_t roots = 0;
  for (const ValueId id : {net.conv, net.pool, net.sum, net.pool2, net.cat}) roots += quantization_at(together, id).state == State::activated ? 1 : 0;
  EXPECT_EQ(roots, 1U);
}

TEST(Calibrate, JointAsymmetricInputsTakeTheUnionOfTheRanges) {
  const CalibratedNet net;
  const Quantized apart = calibrate(net.small.graph, asymmetric_target(), random_inputs(3), {});
  const Quantized together = calibrate(net.small.graph, joint(asymmetric_target()), random_inputs(3), {});
  const auto range = [](const TensorQuantization& own) {
    return std::pair(own.scale[0] * static_cast<float>(own.storage.low - own.zero_point), own.scale[0] * static_cast<float>(own.storage.high - own.zero_point));
  };
  const auto x = range(quantization_at(apart, net.x)), scaled = range(quantization_at(apart, net.scaled)), both = range(quantization_at(together, net.x));
  EXPECT_NEAR(both.first, std::min(x.first, scaled.first), quantization_at(together, net.x).scale[0]);
  EXPECT_NEAR(both.second, std::max(x.second, scaled.second), quantization_at(together, net.x).scale[0]);
  EXPECT_EQ(quantization_at(together, net.x).zero_point, quantization_at(together, net.scaled).zero_point);
}

TEST(Calibrate, ZeroPointsOfSignedGridsCountFromTheLowestCode) {
  emu::Target target = asymmetric_target();
  target.storage.input = target.storage.activation = {emu::kS8, -128, 127};
  const CalibratedNet net;
  const Quantized unsigned_words = calibrate(net.small.graph, asymmetric_target(), random_inputs(3), {});
  const Quantized signed_words = calibrate(net.small.graph, target, random_inputs(3), {});
  EXPECT_EQ(quantization_at(signed_words, net.x).zero_point, quantization_at(unsigned_words, net.x).zero_point - 128);
  EXPECT_EQ(quantization_at(signed_words, net.conv).zero_point, -128);  // behind a Relu
}

TEST(Calibrate, DoesNotDependOnTheNumberOfThreads) {
  const CalibratedNet net;
  for (const char* observer : {"minmax", "percentile", "kl", "mse"}) {
    CalibrateOptions one, four;
    one.observer = four.observer = observer;
    four.threads = 4;
    std::atomic<size_t> reports{0};
    size_t last = 0;
    four.progress = [&](size_t done, size_t total) {
      EXPECT_EQ(done, last + 1);
      EXPECT_LE(done, total);
      last = done;
      ++reports;
    };
    EXPECT_EQ(to_json(calibrate(net.small.graph, symmetric_target(), random_inputs(37), one)), to_json(calibrate(net.small.graph, symmetric_target(), random_inputs(37), four)));
    const bool two_phases = observer == std::string("kl") || observer == std::string("mse");
    EXPECT_EQ(reports, two_phases ? 74U : 37U);
  }
}

TEST(Calibrate, NamesTheTensorAndTheInputThatIsNotFinite) {
  const CalibratedNet net;
  const InputSet inputs = {4, [](size_t i) {
                             std::vector<FloatTensor> tensors = {random_tensor({1, 2, 4, 4}, 7)};
                             if (i == 2) tensors[0].data[5] = std::numeric_limits<float>::infinity();
                             return tensors;
                           }};
  try {
    calibrate(net.small.graph, symmetric_target(), inputs, {});
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("calibration input 2: tensor 'x' holds Inf at element 5"), std::string::npos) << error.what();
  }
}

TEST(Calibrate, NamesTheActivationThatOverflows) {
  SmallGraph small;
  const ValueId x = small.input("x", {1, 4});
  small.output(small.node("grown", Unary{Function::exp}, {x}, {1, 4}));
  const InputSet inputs = {1, [](size_t) { return std::vector<FloatTensor>{{{1, 4}, {0, 1, 100, 2}}}; }};
  try {
    calibrate(small.graph, symmetric_target(), inputs, {});
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("'grown'"), std::string::npos) << error.what();
  }
}

TEST(Calibrate, RefusesMissingAndMisshapenInputs) {
  const CalibratedNet net;
  EXPECT_THROW(calibrate(net.small.graph, symmetric_target(), random_inputs(0), {}), InputError);
  const InputSet wrong = {1, [](size_t) { return std::vector<FloatTensor>{random_tensor({1, 2, 4, 5}, 1)}; }};
  EXPECT_THROW(calibrate(net.small.graph, symmetric_target(), wrong, {}), InputError);
  CalibrateOptions unknown;
  unknown.observer = "entropy";
  EXPECT_THROW(calibrate(net.small.graph, symmetric_target(), random_inputs(1), unknown), InputError);
  unknown.observer = "kl";
  EXPECT_THROW(calibrate(net.small.graph, asymmetric_target(), random_inputs(1), unknown), InputError);
}

TEST(Calibrate, SaysWhereABiasLeavesItsStorage) {
  CalibratedNet net;
  net.small.graph.values[net.w].constant->data = {0, 0, 0.5F, 0.25F};  // a dead channel: the least scale, so its bias is far outside
  net.small.graph.values[net.b].constant->data = {1000.0F, -0.5F};
  const Quantized quantized = calibrate(net.small.graph, symmetric_target(), random_inputs(2), {});
  EXPECT_NE(quantization_at(quantized, net.b).provenance.find("warning: 1 of 2 values saturate"), std::string::npos) << quantization_at(quantized, net.b).provenance;
  EXPECT_EQ(quantize(*quantized.graph.value(net.b).constant, quantization_at(quantized, net.b))[0], int64_t{1} << 30);
}

TEST(Calibrate, AStatedScaleIsNeitherMeasuredNorLostAndWordsBeyondTheStorageAreCounted) {
  CalibratedNet net;
  net.small.graph.values[net.w].constant->data = {-1.0F, 0.25F, 0.5F, 1.0F};
  emu::Target target = symmetric_target();
  target.storage.weight.low = -127;
  CalibrateOptions options;
  options.stated["conv"] = {{0.125F}, 0, "from outside"};
  options.stated["w"] = {{1.0F / 128, 1.0F / 64}, 0, std::nullopt};  // words -128 32 | 32 64
  const Quantized quantized = calibrate(net.small.graph, target, random_inputs(2), options);
  EXPECT_EQ(quantization_at(quantized, net.conv).scale, std::vector<float>{0.125F});
  EXPECT_EQ(quantization_at(quantized, net.conv).provenance, "from outside");
  EXPECT_EQ(quantization_at(quantized, net.w).scale, (std::vector<float>{1.0F / 128, 1.0F / 64}));
  EXPECT_EQ(quantization_at(quantized, net.w).provenance, "stated from outside; warning: 1 of 4 values saturate at [-127, 127]");
  EXPECT_EQ(quantization_at(quantized, net.b).scale[0], quantization_at(quantized, net.x).scale[0] / 128);
  options.stated["conv"].scale = {1, 2};
  EXPECT_THROW(calibrate(net.small.graph, target, random_inputs(2), options), InputError);
  options.stated.erase("conv");
  options.stated["w"].scale = {1, 2, 3};
  EXPECT_THROW(calibrate(net.small.graph, target, random_inputs(2), options), InputError);
}

TEST(Calibrate, AStatedOffsetCountsFromTheLowestWord) {
  CalibratedNet net;
  emu::Target target = asymmetric_target();
  target.storage.input = target.storage.activation = {emu::kS8, -128, 127};
  CalibrateOptions options;
  options.stated["conv"] = {{0.125F}, 3, std::nullopt};
  EXPECT_EQ(quantization_at(calibrate(net.small.graph, target, random_inputs(2), options), net.conv).zero_point, -125);
}

TEST(Calibrate, ActivationsThatAreAlwaysZeroHaveTheLeastScale) {
  const CalibratedNet net;
  const InputSet zeros = {2, [](size_t) { return std::vector<FloatTensor>{FloatTensor(Shape{1, 2, 4, 4})}; }};
  for (const char* observer : {"minmax", "percentile", "kl", "mse"}) {
    CalibrateOptions options;
    options.observer = observer;
    const Quantized quantized = calibrate(net.small.graph, symmetric_target(), zeros, options);
    EXPECT_EQ(quantization_at(quantized, net.x).scale[0], 1e-8F) << observer;
  }
}

TEST(Calibrate, GivesEveryReaderOfAConstantItsOwn) {
  SmallGraph small;
  const ValueId x = small.input("x", {1, 2});
  const ValueId w = small.constant("w", {{2, 2}, {1, 2, 3, 4}});
  const ValueId b = small.constant("b", {{2}, {1, 2}});
  const ValueId first = small.node("first", MatMul{}, {x, w, b}, {1, 2});
  small.output(small.node("second", MatMul{}, {first, w, b}, {1, 2}));
  const InputSet inputs = {1, [](size_t) { return std::vector<FloatTensor>{{{1, 2}, {1, -1}}}; }};
  const Quantized quantized = calibrate(small.graph, symmetric_target(), inputs, {});
  const Node& second = quantized.graph.nodes[1];
  EXPECT_NE(second.inputs[2], b);
  EXPECT_EQ(quantization_at(quantized, second.inputs[2]).scale[0], quantization_at(quantized, first).scale[0] * quantization_at(quantized, second.inputs[1]).scale[0]);
  EXPECT_EQ(quantization_at(quantized, b).scale[0], quantization_at(quantized, x).scale[0] * quantization_at(quantized, w).scale[0]);
  EXPECT_EQ(quantization_at(quantized, w).axis, 1);
}

// A chip that cuts twice stores its bias after the first cut. In the accumulator's own steps this one would saturate at 32767 of them.
TEST(Calibrate, BiasesBehindAFirstCutAreInTheStepsThatItLeaves) {
  SmallGraph small;
  const ValueId x = small.input("x", {1, 1, 1, 2});
  const ValueId w = small.constant("w", {{2, 1, 1, 1}, {0.01F, -0.02F}}), b = small.constant("b", {{2}, {0.4F, -1.0F}});
  small.output(small.node("y", Conv{}, {x, w, b}, {1, 2, 1, 2}));
  const std::vector<FloatTensor> input{{{1, 1, 1, 2}, {1, -1}}};
  const emu::Target target = emu::load_target(std::string(ASSAY_SOURCE_DIR) + "/emu/targets/icraft_buyi_int16.toml");
  const Quantized quantized = calibrate(small.graph, target, {1, [&](size_t) { return input; }}, {});
  const TensorQuantization& own = quantization_at(quantized, b);
  const emu::Program program = lower(quantized).program;
  const int first = program.scales.at(0).at(0).first.bits;
  EXPECT_GT(first, 0);
  for (size_t c = 0; c < 2; ++c) EXPECT_EQ(own.scale[c], std::ldexp(quantization_at(quantized, x).scale[0] * quantization_at(quantized, w).scale[c], first));
  EXPECT_EQ(own.provenance.find("saturate"), std::string::npos) << own.provenance;
  const std::vector<float> simulated = Simulator(quantized).run(input)[0].data, real = Executor(small.graph).run(input)[0].data;
  for (size_t i = 0; i < real.size(); ++i) EXPECT_NEAR(simulated[i], real[i], 1e-3) << i;
}

TEST(Calibrate, GroupedTransposedWeightsHaveOneScale) {
  SmallGraph small;
  const ValueId x = small.input("x", {1, 4, 2, 2});
  ConvTranspose op;
  op.groups = 2;
  const ValueId w = small.constant("w", random_tensor({4, 3, 1, 1}, 8));
  small.output(small.node("y", op, {x, w}, {1, 6, 2, 2}));
  const InputSet inputs = {1, [](size_t) { return std::vector<FloatTensor>{random_tensor({1, 4, 2, 2}, 2)}; }};
  const Quantized quantized = calibrate(small.graph, symmetric_target(), inputs, {});
  EXPECT_EQ(quantization_at(quantized, w).scale.size(), 1U);
  EXPECT_FALSE(quantization_at(quantized, w).axis.has_value());
}

TEST(ToJson, IsSortedAndWritesTheShortestDecimals) {
  const CalibratedNet net;
  Quantized quantized = calibrate(net.small.graph, symmetric_target(), random_inputs(2), {});
  quantized.tensors[net.x]->scale = {0.1F};
  const std::string text = to_json(quantized);
  EXPECT_NE(text.find("0.1\n"), std::string::npos);
  const nlohmann::json parsed = nlohmann::json::parse(text);
  EXPECT_EQ(parsed.dump(2) + "\n", text);
  EXPECT_EQ(parsed.at("tensors").size(), 10U);
  for (const auto& [name, entry] : parsed.at("tensors").items()) {
    EXPECT_TRUE(entry.contains("state") && entry.contains("scale") && entry.contains("zero_point") && !entry.at("provenance").get<std::string>().empty()) << name;
  }
  EXPECT_EQ(parsed.at("tensors").at("pool").at("root"), "conv");
  for (size_t id = 0; id < quantized.tensors.size(); ++id) {
    const auto& own = quantized.tensors[id];
    const auto& scales = parsed.at("tensors").at(quantized.graph.values[id].name).at("scale");
    for (size_t i = 0; i < own->scale.size(); ++i) EXPECT_EQ(static_cast<float>(scales[i].get<double>()), own->scale[i]);
  }
}

}  // namespace
}  // namespace assay::quant

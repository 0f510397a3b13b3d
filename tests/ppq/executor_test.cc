// The executor against what PPQ computed: whole FP32 runs, each operation on PPQ's own inputs, and whole simulations.
#include "quant/ppq/executor.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <filesystem>
#include <thread>

#include "emu/base/error.h"
#include "tests/ppq/recorded.h"

namespace assay::ppq {
namespace {

using test::RecordedRun;

Network network_after(const RecordedRun& run, const std::string& pass) {
  Network network = run.after(pass);
  network.variable(network.inputs.at(0)).shape = {1, 3, 32, 32};
  return network;
}

// PPQ's tensors of a folder by variable, the network's input too.
std::map<VariableId, FloatTensor> recorded_tensors(const RecordedRun& run, const Network& network, const std::string& folder) {
  std::map<VariableId, FloatTensor> tensors;
  tensors[network.inputs.at(0)] = test::read_tensor(run.model_folder() + "input.npy");
  for (const std::string& path : test::npy_files(run.folder() + folder)) {
    const std::string stem = std::filesystem::path(path).stem().string();  // 000_conv0_out0
    const size_t end = stem.rfind("_out");
    const auto id = network.find_operation(stem.substr(4, end - 4));
    if (id) tensors[network.operation(*id).outputs.at(std::stoul(stem.substr(end + 4)))] = test::read_tensor(path);
  }
  return tensors;
}

bool equal_bits(const FloatTensor& a, const FloatTensor& b) {
  return a.shape == b.shape && a.data == b.data;  // no NaN here; -0 and +0 are one value
}

double largest_difference(const FloatTensor& a, const FloatTensor& b) {
  EXPECT_EQ(a.shape, b.shape);
  double largest = 0, most = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, static_cast<double>(std::fabs(a.data[i] - b.data[i])));
    most = std::max(most, static_cast<double>(std::fabs(b.data[i])));
  }
  return most == 0 ? largest : largest / most;
}

// The step of an output's codes; 0 where it is not quantized.
float step_of(const Network& network, const Operation& operation, size_t output) {
  if (!operation.quantized) return 0;
  const ConfigId id = operation.output_configs[output];
  return quantizes(network.configurations[id].state) ? network.configurations.scale(id).scale.at(0) : 0;
}

struct Codes {
  size_t all = 0, differ = 0;
  double most = 0;  // steps
};

Codes compare_codes(const FloatTensor& ours, const FloatTensor& theirs, float step) {
  EXPECT_EQ(ours.shape, theirs.shape);
  Codes codes{ours.size()};
  for (size_t i = 0; i < ours.size(); ++i) {
    const double steps = static_cast<double>(std::fabs(ours.data[i] - theirs.data[i])) / static_cast<double>(step);
    codes.differ += steps > 0.5 ? 1 : 0;
    codes.most = std::max(codes.most, steps);
  }
  return codes;
}

class Executing : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!run.exists()) GTEST_SKIP() << run.missing();
    network = network_after(run, "ParameterBakingPass");
  }
  RecordedRun run{"cnn_core", GetParam()};
  Network network;
};

TEST_P(Executing, EachOperationOnPpqsOwnInputsGivesPpqsCodes) {
  const auto simulated = recorded_tensors(run, network, "sim");
  const Executor executor(network);
  const bool exact = std::string(GetParam()) == "NXP_INT8";
  Codes total;
  for (const OperationId id : network.order) {
    const Operation& operation = network.operation(id);
    std::vector<const FloatTensor*> inputs;
    for (const VariableId input : operation.inputs) inputs.push_back(input != kNone && simulated.count(input) != 0 ? &simulated.at(input) : nullptr);
    const Tensors outputs = executor.run_operation(id, inputs);
    for (size_t i = 0; i < outputs.size(); ++i) {
      const FloatTensor& wanted = simulated.at(operation.outputs[i]);
      const float step = step_of(network, operation, i);
      if (step == 0) {
        EXPECT_LT(largest_difference(outputs[i], wanted), 1e-6) << operation.name;
        EXPECT_TRUE(!exact || operation.type == "Softmax" || equal_bits(outputs[i], wanted)) << operation.name;
        continue;
      }
      const Codes codes = compare_codes(outputs[i], wanted, step);
      total.all += codes.all, total.differ += codes.differ;
      EXPECT_LT(codes.most, 1.5) << operation.name;
      EXPECT_TRUE(!exact || equal_bits(outputs[i], wanted)) << operation.name;
    }
  }
  RecordProperty("codes", std::to_string(total.all));
  RecordProperty("differ", std::to_string(total.differ));
  std::cout << GetParam() << ": " << total.differ << " of " << total.all << " codes differ\n";
  EXPECT_EQ(total.differ, 0U);
  EXPECT_TRUE(total.all > 100000 || std::string(GetParam()) == "NCNN_INT8");  // whose outputs are not quantized
}

TEST_P(Executing, AWholeSimulationGivesPpqsCodes) {
  const auto simulated = recorded_tensors(run, network, "sim");
  const Executor executor(network);
  Codes total;
  Executor::Hooks hooks;
  hooks.after = [&](OperationId id, const Tensors& outputs) {
    const Operation& operation = network.operation(id);
    for (size_t i = 0; i < outputs.size(); ++i) {
      const FloatTensor& wanted = simulated.at(operation.outputs[i]);
      const float step = step_of(network, operation, i);
      if (step == 0) continue;
      const Codes codes = compare_codes(outputs[i], wanted, step);
      total.all += codes.all, total.differ += codes.differ;
      EXPECT_LT(codes.most, 1.5) << operation.name;
    }
  };
  const Tensors outputs = executor.run({simulated.at(network.inputs[0])}, Executor::Mode::quantized, hooks);
  std::cout << GetParam() << ": " << total.differ << " of " << total.all << " codes differ\n";
  EXPECT_EQ(total.differ, 0U);
  EXPECT_LT(largest_difference(outputs.at(0), simulated.at(network.outputs.at(0))), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(CnnCore, Executing, testing::Values("NXP_INT8", "PPL_DSP_INT8", "PPL_CUDA_INT8", "TRT_INT8", "NCNN_INT8"),
                         [](const auto& platform) { return std::string(platform.param); });

TEST(Executor, RunsInFp32AsPpq) {
  const RecordedRun run("cnn_core", "NXP_INT8");
  if (!run.exists()) GTEST_SKIP() << run.missing();
  const Network network = network_after(run, "ParameterBakingPass");
  auto wanted = recorded_tensors(run, network, "../fp32");
  // The FP32 dump is of a graph whose Gemm was split: its "gemm" is the product alone, the sum that follows is what a whole Gemm gives.
  const OperationId gemm = network.find_operation("gemm").value();
  wanted[network.operation(gemm).outputs.at(0)] = test::read_tensor(run.model_folder() + "fp32/029_PPQ_Operation_0_out0.npy");
  double largest = 0;
  Executor::Hooks hooks;
  hooks.after = [&](OperationId id, const Tensors& outputs) {
    const Operation& operation = network.operation(id);
    const double difference = largest_difference(outputs.at(0), wanted.at(operation.outputs.at(0)));
    EXPECT_LT(difference, 1e-5) << operation.name;
    largest = std::max(largest, difference);
  };
  Executor(network).run({wanted.at(network.inputs[0])}, Executor::Mode::fp32, hooks);
  std::cout << "largest difference, of the largest value: " << largest << "\n";
  EXPECT_GT(wanted.size(), 25U);
}

TEST(Executor, PowerOfTwoProductsAreEqualBeforeQuantization) {
  const RecordedRun run("cnn_core", "NXP_INT8");
  if (!run.exists()) GTEST_SKIP() << run.missing();
  const Network network = network_after(run, "ParameterBakingPass");
  const auto simulated = recorded_tensors(run, network, "sim"), raw = recorded_tensors(run, network, "raw");
  const Executor executor(network);
  size_t products = 0;
  for (const OperationId id : network.order) {
    const Operation& operation = network.operation(id);
    std::vector<const FloatTensor*> inputs;
    for (const VariableId input : operation.inputs) inputs.push_back(simulated.count(input) != 0 ? &simulated.at(input) : nullptr);
    Executor::Hooks hooks;
    hooks.computed = [&](OperationId, const Tensors& outputs) {
      if (operation.type == "Softmax" || operation.type == "Sigmoid") return;
      EXPECT_TRUE(equal_bits(outputs.at(0), raw.at(operation.outputs.at(0)))) << operation.name;
      products += is_computing(operation.type) ? 1 : 0;
    };
    executor.run_operation(id, inputs, hooks);
  }
  EXPECT_GT(products, 10U);
}

TEST(Executor, SeveralThreadsGiveTheSameBitsAsOne) {
  const RecordedRun run("cnn_core", "PPL_DSP_INT8");
  if (!run.exists()) GTEST_SKIP() << run.missing();
  const Network network = network_after(run, "ParameterBakingPass");
  const FloatTensor input = test::read_tensor(run.model_folder() + "input.npy");
  const Executor executor(network);
  const Tensors alone = executor.run({input}, Executor::Mode::quantized);
  std::vector<Tensors> together(4);
  std::vector<std::thread> threads;
  for (Tensors& result : together) threads.emplace_back([&] { result = executor.run({input}, Executor::Mode::quantized); });
  for (std::thread& thread : threads) thread.join();
  for (const Tensors& result : together) EXPECT_EQ(result, alone);
}

// A network of one operation over inputs of the given shapes; parameters have values.
struct Small {
  Network network;
  OperationId id = 0;

  Small(const std::string& type, std::map<std::string, quant::Attribute> attributes, const std::vector<Shape>& inputs, std::vector<quant::Constant> parameters = {}) {
    network.opset = 11;
    Operation operation;
    operation.name = "only", operation.type = type, operation.attributes = std::move(attributes);
    for (size_t i = 0; i < inputs.size(); ++i) {
      operation.inputs.push_back(network.add_variable("x" + std::to_string(i)));
      network.variable(operation.inputs.back()).shape = inputs[i];
      network.inputs.push_back(operation.inputs.back());
    }
    for (quant::Constant& parameter : parameters) {
      operation.inputs.push_back(network.add_variable("p" + std::to_string(operation.inputs.size())));
      Variable& variable = network.variable(operation.inputs.back());
      variable.is_parameter = true;
      variable.value = std::make_shared<const quant::Constant>(std::move(parameter));
    }
    operation.outputs = {network.add_variable("y")};
    network.outputs = operation.outputs;
    id = network.add_operation(std::move(operation));
  }
  FloatTensor run(const Tensors& inputs) const { return Executor(network).run(inputs, Executor::Mode::quantized).at(0); }
};

std::vector<int64_t> ints(std::initializer_list<int64_t> values) {
  return values;
}

TEST(PpqReading, AveragePoolCountsItsPadding) {
  const Small pool("AveragePool", {{"kernel_shape", ints({2, 2})}, {"pads", ints({1, 1, 0, 0})}, {"strides", ints({1, 1})}}, {{1, 1, 2, 2}});
  const FloatTensor y = pool.run({{{1, 1, 2, 2}, {4, 8, 12, 16}}});
  EXPECT_EQ(y.data, (std::vector<float>{1, 3, 4, 10}));
}

TEST(PpqReading, APoolWithoutStridesMovesByItsKernel) {
  const Small pool("MaxPool", {{"kernel_shape", ints({1, 2})}}, {{1, 1, 1, 6}});
  EXPECT_EQ(pool.run({{{1, 1, 1, 6}, {1, 2, 3, 4, 5, 6}}}).data, (std::vector<float>{2, 4, 6}));
}

TEST(PpqReading, SoftmaxIsOverOneAxisInEveryOpset) {
  const Small softmax("Softmax", {}, {{1, 2, 2}});
  const FloatTensor y = softmax.run({{{1, 2, 2}, {0, 100, 0, 100}}});
  EXPECT_EQ(y.data, (std::vector<float>{0.5, 0.5, 0.5, 0.5}));
}

TEST(PpqReading, NearestResizeFloorsWhateverTheModeOfCoordinates) {
  const Small resize("Resize", {{"mode", std::string("nearest")}, {"coordinate_transformation_mode", std::string("half_pixel")}}, {{1, 1, 1, 2}},
                     {quant::Constant::of_reals({0}, {}), quant::Constant::of_reals({4}, {1, 1, 1, 1.5})});
  EXPECT_EQ(resize.run({{{1, 1, 1, 2}, {1, 2}}}).data, (std::vector<float>{1, 1, 2}));
}

TEST(PpqReading, LinearResizeIsAtHalfPixels) {
  const Small resize("Resize", {{"mode", std::string("linear")}}, {{1, 1, 1, 2}}, {quant::Constant::of_reals({0}, {}), quant::Constant::of_reals({4}, {1, 1, 1, 2})});
  EXPECT_EQ(resize.run({{{1, 1, 1, 2}, {0, 4}}}).data, (std::vector<float>{0, 1, 3, 4}));
}

TEST(PpqReading, GemmIsAlphaTimesTheProductPlusBetaTimesC) {
  const Small gemm("Gemm", {{"alpha", 0.5F}, {"beta", 2.0F}, {"transB", int64_t{1}}}, {{1, 2}},
                   {quant::Constant::of_reals({2, 2}, {1, 2, 3, 4}), quant::Constant::of_reals({2}, {10, 20})});
  EXPECT_EQ(gemm.run({{{1, 2}, {2, 4}}}).data, (std::vector<float>{25, 51}));
}

TEST(PpqReading, ADivisionIsADivision) {
  const Small div("Div", {}, {{1, 2}}, {quant::Constant::of_reals({1}, {41})});
  EXPECT_EQ(div.run({{{1, 2}, {41, 82}}}).data, (std::vector<float>{1, 2}));
  const float reciprocal = 1.0F / 41.0F;
  EXPECT_NE(41.0F * reciprocal, 1.0F);
}

TEST(PpqReading, SoftplusOverflowsAsPpqs) {
  const Small softplus("Softplus", {}, {{2}});
  const FloatTensor y = softplus.run({{{2}, {0, 1000}}});
  EXPECT_EQ(y.data[0], std::log(2.0F));
  EXPECT_TRUE(std::isinf(y.data[1]));
}

TEST(PpqReading, PadReflectsWithoutItsEdge) {
  const Small pad("Pad", {{"mode", std::string("reflect")}, {"pads", ints({0, 2, 0, 1})}}, {{1, 3}});
  EXPECT_EQ(pad.run({{{1, 3}, {1, 2, 3}}}).data, (std::vector<float>{3, 2, 1, 2, 3, 2}));
}

TEST(Executor, SaysWhichOperationItLacksAndWhichInputIsWrong) {
  EXPECT_THROW(Executor(Small("NonMaxSuppression", {}, {{1, 2}}).network), Unsupported);
  try {
    Small("Conv", {}, {{1, 3, 4, 4}}, {quant::Constant::of_reals({1, 2, 1, 1}, {1, 2})}).run({FloatTensor(Shape{1, 3, 4, 4})});
    FAIL() << "a weight of 2 channels on 3";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("'only' (Conv)"), std::string::npos) << error.what();
  }
  const Small relu("Relu", {}, {{1, 2}});
  EXPECT_THROW(relu.run({FloatTensor(Shape{1, 3})}), InputError);
  EXPECT_THROW(relu.run({}), InputError);
}

}  // namespace
}  // namespace assay::ppq

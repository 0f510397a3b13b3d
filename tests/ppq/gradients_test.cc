// Each derivative against finite differences, along random directions.
#include "quant/ppq/gradients.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "quant/execute/products.h"
#include "quant/ppq/linear.h"

namespace assay::ppq {
namespace {

using quant::Constant;
using quant::FloatTensor;
using Attributes = std::map<std::string, quant::Attribute>;

std::vector<int64_t> int_list(std::initializer_list<int64_t> values) {
  return values;
}

// All values differ by 0.05 at least and none is near 0, so that no kink is crossed.
FloatTensor spread(const Shape& shape, uint64_t seed) {
  FloatTensor tensor(shape);
  std::mt19937_64 bits(seed);
  std::vector<size_t> places(tensor.size());
  for (size_t i = 0; i < places.size(); ++i) places[i] = i;
  for (size_t i = places.size(); i > 1; --i) std::swap(places[i - 1], places[bits() % i]);
  for (size_t i = 0; i < places.size(); ++i) tensor.data[places[i]] = 0.05F * (static_cast<float>(i) - static_cast<float>(places.size()) / 2.0F + 0.25F);
  return tensor;
}

FloatTensor random_tensor(const Shape& shape, uint64_t seed) {
  FloatTensor tensor(shape);
  std::mt19937_64 bits(seed);
  for (float& value : tensor.data) value = static_cast<float>(static_cast<double>(bits() >> 11) / 4503599627370496.0 - 1.0);
  return tensor;
}

double inner(const FloatTensor& a, const FloatTensor& b) {
  EXPECT_EQ(a.shape, b.shape);
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a.data[i]) * static_cast<double>(b.data[i]);
  return sum;
}

// One operation, its inputs (those from `activations` on are parameters) and a gradient of its outputs.
struct Checked {
  std::unique_ptr<Differentiable> function;
  std::vector<FloatTensor> inputs;
  size_t activations = 1;

  Checked(const std::string& type, Attributes attributes, std::vector<FloatTensor> given, size_t count, std::vector<Constant> others = {}, size_t outputs = 1)
      : inputs(std::move(given)), activations(count) {
    Operation operation;
    operation.name = "only", operation.type = type, operation.attributes = std::move(attributes);
    std::vector<KernelInput> known;
    for (size_t i = 0; i < inputs.size(); ++i) {
      known.push_back({true, inputs[i].shape, nullptr});
      if (i >= activations) known[i].constant = std::make_shared<const Constant>(Constant::of_reals(inputs[i].shape, inputs[i].data));
    }
    for (Constant& other : others) {
      known.push_back({true, other.shape, std::make_shared<const Constant>(other)});
      inputs.emplace_back(other.shape);
      for (size_t k = 0; k < other.size(); ++k) inputs.back().data[k] = other.real(k);
    }
    for (size_t i = 0; i < known.size(); ++i) operation.inputs.push_back(static_cast<VariableId>(i));
    for (size_t i = 0; i < outputs; ++i) operation.outputs.push_back(static_cast<VariableId>(known.size() + i));
    function = make_differentiable(operation, 13, known);
  }

  std::vector<FloatTensor> run() const {
    TensorPointers pointers;
    for (const FloatTensor& input : inputs) pointers.push_back(&input);
    return function->run(pointers);
  }

  // <dy, (f(x + hv) - f(x - hv)) / 2h> must be <dx, v>.
  void check_slot(size_t slot, double tolerance) {
    const quant::SingleThread single;
    const std::vector<FloatTensor> y = run();
    std::vector<FloatTensor> dy;
    TensorPointers pointers, gradients;
    for (size_t i = 0; i < y.size(); ++i) dy.push_back(random_tensor(y[i].shape, 100 + i));
    for (const FloatTensor& one : dy) gradients.push_back(&one);
    for (const FloatTensor& input : inputs) pointers.push_back(&input);
    std::vector<char> wanted(inputs.size(), 0);
    wanted[slot] = 1;
    ASSERT_TRUE(function->has_pull_back());
    const FloatTensor dx = function->pull_back(pointers, y, gradients, wanted).at(slot);
    ASSERT_EQ(dx.shape, inputs[slot].shape);
    const FloatTensor middle = inputs[slot];
    for (uint64_t trial = 0; trial < 5; ++trial) {
      const FloatTensor v = random_tensor(middle.shape, 200 + trial);
      const float h = 0.01F;
      double difference = 0, size = 0;
      for (const float sign : {1.0F, -1.0F}) {
        for (size_t i = 0; i < v.size(); ++i) inputs[slot].data[i] = middle.data[i] + sign * h * v.data[i];
        const std::vector<FloatTensor> moved = run();
        for (size_t k = 0; k < moved.size(); ++k) difference += static_cast<double>(sign) * inner(dy[k], moved[k]) / (2.0 * static_cast<double>(h));
      }
      inputs[slot] = middle;
      for (size_t i = 0; i < dx.size(); ++i) size += std::fabs(static_cast<double>(dx.data[i] * v.data[i]));
      EXPECT_GT(size, 0.0);
      EXPECT_NEAR(inner(dx, v), difference, tolerance * size + 1e-6) << "slot " << slot;
    }
  }
  void check(double tolerance = 2e-3) {
    for (size_t slot = 0; slot < inputs.size(); ++slot) {
      if (slot < activations || function->takes_parameter(slot)) check_slot(slot, tolerance);
    }
  }
};

TEST(Gradients, OfConvolutions) {
  const FloatTensor x = random_tensor({2, 4, 7, 6}, 1), b = random_tensor({6}, 3);
  Checked("Conv", {{"kernel_shape", int_list({3, 2})}}, {x, random_tensor({6, 4, 3, 2}, 2), b}, 1).check();
  Checked("Conv", {{"pads", int_list({1, 0, 2, 1})}, {"strides", int_list({2, 1})}, {"dilations", int_list({1, 2})}}, {x, random_tensor({6, 4, 3, 2}, 2), b}, 1).check();
  Checked("Conv", {{"group", int64_t{2}}, {"pads", int_list({1, 1, 1, 1})}}, {x, random_tensor({6, 2, 3, 3}, 2), b}, 1).check();
  Checked("Conv", {{"group", int64_t{4}}, {"pads", int_list({1, 1, 1, 1})}}, {x, random_tensor({4, 1, 3, 3}, 2)}, 1).check();
  Checked("Conv", {{"auto_pad", std::string("SAME_UPPER")}, {"strides", int_list({2, 2})}}, {x, random_tensor({6, 4, 3, 3}, 2), b}, 1).check();
  Checked("Conv", {}, {x, random_tensor({6, 4, 1, 1}, 2), b}, 1).check();
  Checked("Conv", {{"pads", int_list({2, 1})}, {"strides", int_list({2})}}, {random_tensor({2, 4, 9}, 1), random_tensor({6, 4, 3}, 2), b}, 1).check();
}

TEST(Gradients, OfTransposedConvolutions) {
  const FloatTensor x = random_tensor({2, 4, 3, 4}, 1);
  Checked("ConvTranspose", {{"strides", int_list({2, 2})}, {"pads", int_list({1, 0, 1, 1})}}, {x, random_tensor({4, 3, 3, 2}, 2), random_tensor({3}, 3)}, 1).check();
  Checked("ConvTranspose", {{"strides", int_list({2, 2})}, {"group", int64_t{2}}, {"output_padding", int_list({1, 1})}}, {x, random_tensor({4, 3, 2, 2}, 2), random_tensor({6}, 3)},
          1)
      .check();
}

TEST(Gradients, OfMatrixProducts) {
  const FloatTensor a = random_tensor({3, 5}, 1), c = random_tensor({4}, 3);
  Checked("Gemm", {{"transB", int64_t{1}}, {"alpha", 0.5F}, {"beta", 2.0F}}, {a, random_tensor({4, 5}, 2), c}, 1).check();
  Checked("Gemm", {{"transA", int64_t{1}}}, {random_tensor({5, 3}, 1), random_tensor({5, 4}, 2), random_tensor({3, 1}, 3)}, 1).check();
  Checked("Gemm", {{"transA", int64_t{1}}, {"transB", int64_t{1}}}, {random_tensor({5, 3}, 1), random_tensor({4, 5}, 2)}, 1).check();
  Checked("MatMul", {}, {random_tensor({2, 3, 5}, 1), random_tensor({5, 4}, 2)}, 1).check();
  Checked("MatMul", {}, {random_tensor({2, 3, 5}, 1), random_tensor({2, 5, 4}, 2)}, 2).check();
}

TEST(Gradients, OfFunctionsOfOneElement) {
  const FloatTensor x = spread({2, 3, 4, 5}, 1);
  for (const char* type : {"Relu", "LeakyRelu", "HardSigmoid", "HardSwish"}) Checked(type, {}, {x}, 1).check(0.01);
  for (const char* type : {"Sigmoid", "Tanh", "Softplus", "Exp"}) Checked(type, {}, {random_tensor({2, 3, 4}, 1)}, 1).check(0.01);
  Checked("Clip", {}, {x}, 1, {Constant::of_reals({}, {-1.0F}), Constant::of_reals({}, {1.01F})}).check(0.01);
  Checked("PRelu", {}, {x, random_tensor({3, 1, 1}, 2)}, 1).check(0.01);
  Checked("PRelu", {}, {x, random_tensor({1}, 2)}, 1).check(0.01);
}

TEST(Gradients, OfArithmeticWithBroadcasting) {
  const FloatTensor a = random_tensor({2, 3, 4}, 1);
  for (const char* type : {"Add", "Sub", "Mul"}) {
    Checked(type, {}, {a, random_tensor({2, 3, 4}, 2)}, 2).check();
    Checked(type, {}, {a, random_tensor({3, 1}, 2)}, 2).check();
    Checked(type, {}, {random_tensor({1, 4}, 2), a}, 2).check();
  }
  FloatTensor divisor = random_tensor({3, 1}, 2);
  for (float& value : divisor.data) value += 3.0F;
  Checked("Div", {}, {a, divisor}, 2).check();
}

TEST(Gradients, OfAnOperandThatIsReadTwiceAreTheSumOfBoth) {
  Checked square("Mul", {}, {random_tensor({2, 3}, 1), random_tensor({2, 3}, 1)}, 2);
  const FloatTensor &x = square.inputs[0], dy = random_tensor({2, 3}, 2);
  const std::vector<FloatTensor> made = square.function->pull_back({&x, &x}, square.run(), {&dy}, {1, 1});
  for (size_t i = 0; i < x.size(); ++i) EXPECT_FLOAT_EQ(made[0].data[i] + made[1].data[i], 2.0F * x.data[i] * dy.data[i]);
}

TEST(Gradients, OfPools) {
  const FloatTensor x = spread({2, 3, 7, 6}, 1);
  const Attributes window = {{"kernel_shape", int_list({3, 2})}, {"strides", int_list({2, 2})}, {"pads", int_list({1, 0, 1, 1})}};
  for (const char* type : {"MaxPool", "AveragePool"}) {
    Checked(type, window, {x}, 1).check();
    Checked(type, {{"kernel_shape", int_list({2, 2})}}, {x}, 1).check();  // moves by its kernel
  }
  for (const char* type : {"GlobalAveragePool", "GlobalMaxPool"}) Checked(type, {}, {x}, 1).check();
  Checked("ReduceMean", {{"axes", int_list({2, 3})}, {"keepdims", int64_t{0}}}, {x}, 1).check();
  Checked("ReduceMean", {{"axes", int_list({-1})}}, {x}, 1).check();
}

TEST(Gradients, OfOperationsThatMoveElements) {
  const FloatTensor x = random_tensor({2, 4, 3, 2}, 1);
  Checked("Concat", {{"axis", int64_t{1}}}, {x, random_tensor({2, 1, 3, 2}, 2)}, 2).check();
  Checked("Flatten", {}, {x}, 1).check();
  Checked("Transpose", {{"perm", int_list({0, 2, 3, 1})}}, {x}, 1).check();
  Checked("Reshape", {}, {x}, 1, {Constant::of_integers({2}, {2, -1})}).check();
  Checked("Pad", {}, {x}, 1, {Constant::of_integers({8}, {0, 0, 1, 0, 0, 1, 0, 2}), Constant::of_reals({}, {0.5F})}).check();
  Checked("Slice", {}, {x}, 1, {Constant::of_integers({1}, {1}), Constant::of_integers({1}, {4}), Constant::of_integers({1}, {1}), Constant::of_integers({1}, {2})}).check();
  Checked("Split", {{"axis", int64_t{1}}}, {x}, 1, {}, 2).check();
  Checked("Resize", {{"mode", std::string("nearest")}}, {x}, 1, {Constant::of_reals({0}, {}), Constant::of_reals({4}, {1, 1, 2, 1.5})}).check();
  Checked("DepthToSpace", {{"blocksize", int64_t{2}}}, {x}, 1).check();
}

TEST(Gradients, AnOperationWithoutOneSaysSo) {
  EXPECT_FALSE(Checked("Softmax", {}, {random_tensor({2, 3}, 1)}, 1).function->has_pull_back());
  EXPECT_FALSE(Checked("Resize", {{"mode", std::string("linear")}}, {random_tensor({1, 1, 2, 2}, 1)}, 1, {Constant::of_reals({0}, {}), Constant::of_reals({4}, {1, 1, 2, 2})})
                   .function->has_pull_back());
}

// The products of this file and the executor's are the same functions.
TEST(Gradients, ProductsAreThoseOfTheExecutor) {
  const quant::SingleThread single;
  const FloatTensor x = random_tensor({2, 4, 7, 6}, 1), w = random_tensor({6, 2, 3, 3}, 2), b = random_tensor({6}, 3);
  const Attributes attributes = {{"group", int64_t{2}}, {"pads", int_list({1, 2, 1, 0})}, {"strides", int_list({2, 1})}, {"dilations", int_list({2, 1})}};
  const Checked ours("Conv", attributes, {x, w, b}, 1);
  Operation operation;
  operation.name = "only", operation.type = "Conv", operation.attributes = attributes, operation.inputs = {0, 1, 2}, operation.outputs = {3};
  const auto constant = [](const FloatTensor& tensor) { return std::make_shared<const Constant>(Constant::of_reals(tensor.shape, tensor.data)); };
  const auto kernel = make_kernel(operation, 13, {{true, x.shape, nullptr}, {true, w.shape, constant(w)}, {true, b.shape, constant(b)}});
  const FloatTensor y = ours.run().at(0), wanted = kernel->run({&x, &w, &b}).at(0);
  ASSERT_EQ(y.shape, wanted.shape);
  for (size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y.data[i], wanted.data[i], 1e-5);
}

TEST(Gradients, FakeQuantizationLetsThroughWhatItDoesNotClip) {
  Configuration configuration;
  configuration.policy.asymmetric = true, configuration.quant_min = 0, configuration.quant_max = 255;
  const ScaleOffset scale{{0.5F}, {10.0F}, false};  // reals from -5 to 122.5
  const FloatTensor x({4}, {-7.0F, -5.1F, 1.1F, 123.0F});
  FloatTensor gradient({4}, {1, 2, 3, 4});
  std::vector<double> by_scale(1, 0.0);
  pull_back_fake_quantize(x, configuration, scale, gradient, &by_scale);
  EXPECT_EQ(gradient.data, (std::vector<float>{0, 2, 3, 0}));
  EXPECT_NEAR(by_scale[0], -10.0 + 2 * (-10.0 + 10.2) + 3 * (2.0 - 2.2) + 4 * 245.0, 1e-4);
}

// Between the places where a code changes, fake quantization is s * code: its own derivative by s is the code, and the estimator adds what x - s * t would be.
TEST(Gradients, OfAScalePerChannelIsTheSumOverItsChannel) {
  Configuration configuration;
  configuration.policy.per_channel = true, configuration.channel_axis = 1;
  const ScaleOffset scale{{0.1F, 0.3F}, {0.0F, 0.0F}, true};
  const FloatTensor x = random_tensor({3, 2, 5}, 1), dy = random_tensor({3, 2, 5}, 2);
  FloatTensor gradient = dy;
  std::vector<double> by_scale(2, 0.0);
  pull_back_fake_quantize(x, configuration, scale, gradient, &by_scale);
  EXPECT_EQ(gradient.data, dy.data);
  FloatTensor y = x;
  fake_quantize(y, configuration, scale);
  std::vector<double> wanted(2, 0.0);
  for (size_t i = 0; i < x.size(); ++i) wanted[i / 5 % 2] += static_cast<double>(dy.data[i] * (y.data[i] - x.data[i]) / scale.scale[i / 5 % 2]);
  for (size_t c = 0; c < 2; ++c) EXPECT_NEAR(by_scale[c], wanted[c], 1e-4);
}

}  // namespace
}  // namespace assay::ppq

// The kernels of floating-point words against the reference bodies, on whole operators: windows, strides, padding, both orders, rows of matrices, differences.
#include <gtest/gtest.h>

#include <random>

#include "emu/arith/soft_float.h"
#include "emu/machine.h"

namespace assay::emu {
namespace {

constexpr IntType kWord = word_type(kBf16);

struct Maker {
  std::mt19937_64 random{11};
  Program program;
  std::vector<Tensor> inputs;

  Tensor words(const Shape& shape) {
    Tensor tensor(kWord, shape);
    for (size_t i = 0; i < tensor.size(); ++i) tensor.set(i, static_cast<int64_t>((random() & 0x8000U) | ((120 + random() % 12) << 7) | (random() & 0x7fU)));
    return tensor;
  }
  Ref input(const Shape& shape) {
    const auto index = static_cast<uint32_t>(program.values.size());
    ValueInfo info;
    info.name = "x" + std::to_string(index), info.shape = shape, info.type = kWord;
    program.values.push_back(info);
    program.inputs.push_back({index, Round::half_even, 0xff80, 0x7f80});
    inputs.push_back(words(shape));
    return {false, index};
  }
  Ref constant(const Shape& shape) {
    program.constants.push_back({"w", words(shape)});
    return {true, 0};
  }
  Requant requant() {
    program.scales = {{QScale{}}};
    program.step_lists = {parse_steps("store_fp32 half_even"), Steps{}};
    return {{0}, {0}, {0xff80, 0x7f80}};
  }
  void expect_equal(const Operation& op, const Shape& shape) {
    const auto result = static_cast<uint32_t>(program.values.size());
    ValueInfo info;
    info.name = "y", info.shape = shape, info.type = kWord;
    program.values.push_back(info);
    program.instructions.push_back({result, op});
    program.outputs = {result};
    verify(program);
    Observer nobody;
    const Machine machine(program, Engine::fast);
    EXPECT_EQ(machine.why_reference(0), "");
    EXPECT_EQ(machine.run(inputs, nobody)[0].values(), run(program, inputs, nobody, Engine::reference)[0].values());
  }
};

TEST(NumbersKernels, ConvEqualsTheReferenceWithStridesPaddingAndBothOrders) {
  for (const SumOrder order : {SumOrder::ky_kx_ic, SumOrder::ic_ky_kx}) {
    for (const int64_t stride : {1, 2, 3}) {
      for (const std::vector<int64_t>& pads : {std::vector<int64_t>{0, 0, 0, 0}, {1, 2, 2, 1}, {2, 2, 2, 2}}) {
        Maker make;
        Conv op;
        op.x = make.input({1, 4, 9, 11}), op.w = make.constant({6, 2, 3, 3}), op.groups = 2, op.stride = {stride, stride}, op.pads = pads, op.order = order;
        op.acc = *parse_accumulator("fp32.sequential"), op.requant = make.requant();
        make.expect_equal(op, {1, 6, (9 + pads[0] + pads[2] - 3) / stride + 1, (11 + pads[1] + pads[3] - 3) / stride + 1});
      }
    }
  }
}

TEST(NumbersKernels, MatMulAndSubEqualTheReference) {
  Maker matrices;
  MatMul product;
  product.a = matrices.input({2, 3, 37}), product.b = matrices.input({37, 70}), product.acc = *parse_accumulator("fp32.sequential"), product.requant = matrices.requant();
  matrices.expect_equal(product, {2, 3, 70});
  Maker pair;
  Sub difference;
  difference.a = pair.input({1, 3, 5}), difference.b = pair.input({3, 1}), difference.acc = *parse_accumulator("s32.wrap"), difference.requant = pair.requant();
  difference.operand_steps = {1};
  pair.expect_equal(difference, {1, 3, 5});
}

TEST(NumbersKernels, AveragesTakeTheScaleOfTheirCount) {
  Maker make;
  AveragePool op;
  op.x = make.input({1, 2, 6, 6}), op.kernel = {3, 3}, op.stride = {2, 2}, op.pads = {1, 1, 1, 1}, op.acc = *parse_accumulator("fp32.sequential");
  op.requant = make.requant();
  make.program.step_lists[0] = parse_steps("mul_fp32 scale; store_fp32 half_even");
  make.program.scales[0].clear();
  for (uint32_t count = 1; count <= 9; ++count) {
    QScale scale;
    scale.fp32.scale = divide({0x3f800000}, fp32_of(count, Round::half_even));
    make.program.scales[0].push_back(scale);
  }
  make.expect_equal(op, {1, 2, 3, 3});
}

TEST(NumbersKernels, SlopesAndMaximaEqualTheReferenceOnZerosToo) {
  Maker slopes;
  LeakyRelu leaky;
  leaky.x = slopes.input({1, 3, 8});
  slopes.inputs[0].set(3, 0x8000), slopes.inputs[0].set(4, 0);
  leaky.requant = slopes.requant();
  slopes.program.step_lists[0] = parse_steps("mul_fp32 scale; store_fp32 half_even");
  slopes.program.scales[0][0].fp32.scale = {0x3f800000};
  QScale negative;
  negative.fp32.scale = {0xbe4ccccd};
  slopes.program.scales.push_back({negative}), leaky.negative = {1};
  slopes.expect_equal(leaky, {1, 3, 8});
  Maker largest;
  MaxPool pool;
  pool.x = largest.input({1, 1, 4, 6}), pool.kernel = {2, 2}, pool.stride = {2, 2};
  for (const size_t at : {0U, 1U, 6U, 7U}) largest.inputs[0].set(at, at % 2 == 0 ? 0x8000 : 0);
  largest.program.step_lists = {Steps{}}, largest.program.scales = {{QScale{}}};
  largest.expect_equal(pool, {1, 1, 2, 3});
}

struct Counts : Observer {
  void on_output(size_t, const Tensor&, const OverflowCounts& counts) override { seen = counts; }
  OverflowCounts seen;
};

TEST(NumbersKernels, CountFiniteNumbersThatBecomeInfinite) {
  Maker make;
  Requantize op;
  op.x = make.input({1, 4});
  const int64_t words[] = {0x7f80, 0x7f7f, 0x3f80, 0xff7f};  // infinite, the largest, 1, the least
  for (size_t i = 0; i < 4; ++i) make.inputs[0].set(i, words[i]);
  op.requant = make.requant();
  ValueInfo info;
  info.name = "y", info.shape = {1, 4}, info.type = word_type(kFp16);
  make.program.values.push_back(info);
  op.requant.clamp = {0xfc00, 0x7c00};
  make.program.instructions.push_back({1, op});
  make.program.outputs = {1};
  for (const Engine engine : {Engine::fast, Engine::reference}) {
    Counts counts;
    run(make.program, make.inputs, counts, engine);
    EXPECT_EQ(counts.seen.output, (std::vector<uint64_t>{0, 1, 0, 1}));
  }
}

}  // namespace
}  // namespace assay::emu

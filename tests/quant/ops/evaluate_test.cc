// The operators' meaning in reals, on examples small enough to work out by hand.
#include <gtest/gtest.h>

#include <cmath>

#include "quant/ops/op.h"

namespace assay::quant {
namespace {

FloatTensor iota(const Shape& shape, float first = 0) {
  FloatTensor t(shape);
  for (float& v : t.data) v = first++;
  return t;
}

std::vector<float> data_of(const Operator& op, const std::vector<FloatTensor>& inputs, const Shape& shape) {
  Inputs pointers;
  for (const FloatTensor& t : inputs) pointers.push_back(&t);
  const FloatTensor y = std::visit([&](const auto& o) { return evaluate(o, pointers, shape); }, op);
  EXPECT_EQ(y.shape, shape);
  EXPECT_EQ(y.size(), static_cast<size_t>(element_count(shape)));
  return y.data;
}

using V = std::vector<float>;

TEST(EvaluateConv, SumsTheWindowAndAddsTheBias) {
  // 3x3 image 0..8, 2x2 kernel of ones: 0+1+3+4 = 8.
  EXPECT_EQ(data_of(Conv{}, {iota({1, 1, 3, 3}), {{1, 1, 2, 2}, V(4, 1)}, {{1}, {10}}}, {1, 1, 2, 2}), (V{18, 22, 30, 34}));
}
TEST(EvaluateConv, PadsWithZeroAndKeepsTopAndLeftApart) {
  const Conv op{{2, 2}, {1, 0, 0, 0}, {1, 1}, 1};
  EXPECT_EQ(data_of(op, {iota({1, 1, 3, 2}), {{1, 1, 2, 2}, {1, 10, 100, 1000}}}, {1, 1, 2, 1}), (V{1000, 5432}));
}
TEST(EvaluateConv, GroupsSeeOnlyTheirChannels) {
  const Conv op{{1, 1}, {0, 0, 0, 0}, {1, 1}, 2};
  EXPECT_EQ(data_of(op, {{{1, 2, 1, 1}, {3, 5}}, {{2, 1, 1, 1}, {10, 100}}}, {1, 2, 1, 1}), (V{30, 500}));
}
TEST(EvaluateConvTranspose, SpreadsEachPixelOverItsWindow) {
  const ConvTranspose op{{2, 2}, {0, 0, 0, 0}, {1, 1}, {0, 0}, 1};
  EXPECT_EQ(data_of(op, {{{1, 1, 1, 2}, {1, 2}}, {{1, 1, 2, 2}, {1, 10, 100, 1000}}, {{1}, {5}}}, {1, 1, 2, 4}), (V{6, 15, 7, 25, 105, 1005, 205, 2005}));
}
TEST(EvaluateConvTranspose, CropsAndKeepsGroupsApart) {
  const ConvTranspose op{{1, 1}, {0, 1, 0, 0}, {1, 1}, {0, 0}, 2};
  // kernel 1x2 over one pixel: columns -1 and 0; only the second survives.
  EXPECT_EQ(data_of(op, {{{1, 2, 1, 1}, {3, 5}}, {{2, 1, 1, 2}, {1, 10, 100, 1000}}}, {1, 2, 1, 1}), (V{30, 5000}));
}
TEST(EvaluateMatMul, BroadcastsLeadingAxes) {
  EXPECT_EQ(data_of(MatMul{}, {iota({2, 1, 2}), {{2, 2}, {1, 2, 3, 4}}, {{2}, {10, 20}}}, {2, 1, 2}), (V{13, 24, 21, 36}));
}
TEST(EvaluateBinary, BroadcastsBothOperands) {
  EXPECT_EQ(data_of(Binary{Arithmetic::sub}, {{{2, 1}, {10, 20}}, {{3}, {1, 2, 3}}}, {2, 3}), (V{9, 8, 7, 19, 18, 17}));
  EXPECT_EQ(data_of(Binary{Arithmetic::mul}, {{{1, 2, 1, 1}, {2, 3}}, {{1, 1, 1, 2}, {5, 7}}}, {1, 2, 1, 2}), (V{10, 14, 15, 21}));
  EXPECT_EQ(data_of(Binary{Arithmetic::add}, {{{}, {2}}, {{2}, {5, 7}}}, {2}), (V{7, 9}));
}
TEST(EvaluateRelu, CutsAtZeroAndClipAtItsLimits) {
  EXPECT_EQ(data_of(Relu{}, {{{3}, {-1, 0, 2}}}, {3}), (V{0, 0, 2}));
  EXPECT_EQ(data_of(Clip{0, 6}, {{{3}, {-1, 3, 9}}}, {3}), (V{0, 3, 6}));
  EXPECT_EQ(data_of(Clip{5, 1}, {{{1}, {3}}}, {1}), (V{1})) << "low above high gives high";
}
TEST(EvaluateLeakyRelu, ScalesNegativesOnlyAndPReluByChannel) {
  EXPECT_EQ(data_of(LeakyRelu{0.5F}, {{{3}, {-2, 0, 2}}}, {3}), (V{-1, 0, 2}));
  EXPECT_EQ(data_of(PRelu{}, {{{1, 2, 1, 2}, {-2, 2, -2, 2}}, {{2}, {0.5F, 2}}}, {1, 2, 1, 2}), (V{-1, 2, -4, 2}));
  EXPECT_EQ(data_of(PRelu{}, {{{1, 2, 1, 1}, {-2, -4}}, {{1}, {0.5F}}}, {1, 2, 1, 1}), (V{-1, -2}));
}
TEST(EvaluatePools, PaddingNeverWinsAndIsCountedOnlyWhenAsked) {
  const FloatTensor x{{1, 1, 2, 2}, {-1, -2, -3, -4}};
  EXPECT_EQ(data_of(MaxPool{{2, 2}, {2, 2}, {1, 1, 1, 1}, {1, 1}}, {x}, {1, 1, 2, 2}), (V{-1, -2, -3, -4}));
  EXPECT_EQ(data_of(AveragePool{{2, 2}, {2, 2}, {1, 1, 1, 1}, false}, {x}, {1, 1, 2, 2}), (V{-1, -2, -3, -4}));
  EXPECT_EQ(data_of(AveragePool{{2, 2}, {2, 2}, {1, 1, 1, 1}, true}, {x}, {1, 1, 2, 2}), (V{-0.25F, -0.5F, -0.75F, -1}));
  EXPECT_EQ(data_of(AveragePool{{2, 2}}, {x}, {1, 1, 1, 1}), (V{-2.5F}));
}
TEST(EvaluateMoves, PutEachElementWhereItBelongs) {
  EXPECT_EQ(data_of(Concat{1}, {{{2, 1}, {1, 2}}, {{2, 2}, {3, 4, 5, 6}}}, {2, 3}), (V{1, 3, 4, 2, 5, 6}));
  EXPECT_EQ(data_of(Slice{{1, 2}, {1, -2}}, {iota({2, 3})}, {1, 2}), (V{5, 3}));
  EXPECT_EQ(data_of(Pad{{1, -1}, {0, 1}, 9}, {iota({1, 2})}, {2, 2}), (V{9, 9, 1, 9}));
  EXPECT_EQ(data_of(Reshape{}, {iota({2, 2})}, {4}), (V{0, 1, 2, 3}));
  EXPECT_EQ(data_of(Transpose{{2, 0, 1}}, {iota({1, 2, 3})}, {3, 1, 2}), (V{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(data_of(ResizeNearest{{0, 1, 1}, {1, 0}}, {iota({1, 1, 2, 2})}, {1, 1, 3, 2}), (V{1, 0, 3, 2, 3, 2}));
}
TEST(EvaluateSoftmax, SumsToOneAlongItsAxis) {
  const V y = data_of(Softmax{1}, {{{1, 2, 2}, {0, 100, 0, -100}}}, {1, 2, 2});
  EXPECT_EQ(y, (V{0.5F, 1, 0.5F, 0}));
}
TEST(EvaluateBatchNorm, NormalizesByChannel) {
  EXPECT_EQ(data_of(BatchNorm{0}, {{{1, 2, 1, 1}, {3, 5}}, {{2}, {2, 1}}, {{2}, {10, 20}}, {{2}, {1, 1}}, {{2}, {4, 16}}}, {1, 2, 1, 1}), (V{12, 21}));
}
TEST(FunctionValue, HasTheTextbookValues) {
  const auto f = [](Function function, float x, float alpha = 0, float beta = 0) { return function_value({function, alpha, beta}, x); };
  EXPECT_EQ(f(Function::sigmoid, 0), 0.5F);
  EXPECT_EQ(f(Function::hard_sigmoid, 1, 0.2F, 0.5F), 0.7F);
  EXPECT_EQ(f(Function::hard_sigmoid, -9, 0.2F, 0.5F), 0);
  EXPECT_EQ(f(Function::hard_swish, 3), 3);
  EXPECT_EQ(f(Function::hard_swish, -3), 0);
  EXPECT_FLOAT_EQ(f(Function::hard_swish, 1), 2.0F / 3);
  EXPECT_FLOAT_EQ(f(Function::silu, 1), 0.73105858F);
  EXPECT_FLOAT_EQ(f(Function::gelu, 1), 0.84134475F);
  EXPECT_FLOAT_EQ(f(Function::erf, 1), 0.84270079F);
  EXPECT_FLOAT_EQ(f(Function::mish, 1), 0.86509839F);
  EXPECT_FLOAT_EQ(f(Function::softplus, 0), 0.69314718F);
  EXPECT_EQ(f(Function::softplus, 1000), 1000) << "no overflow";
  EXPECT_FLOAT_EQ(f(Function::elu, -1, 2), -1.2642411F);
  EXPECT_EQ(f(Function::elu, 3, 2), 3);
  EXPECT_FLOAT_EQ(f(Function::selu, 2, 1.5F, 1.25F), 2.5F);
  EXPECT_FLOAT_EQ(f(Function::selu, -1, 1.5F, 1.25F), -1.1852260F);
  EXPECT_EQ(f(Function::exp, 0), 1);
  EXPECT_EQ(f(Function::log, 1), 0);
  EXPECT_EQ(f(Function::sqrt, 9), 3);
  EXPECT_EQ(f(Function::reciprocal, 4), 0.25F);
  EXPECT_EQ(f(Function::abs, -4), 4);
  EXPECT_EQ(f(Function::neg, -4), 4);
  EXPECT_EQ(f(Function::square, -4), 16);
  EXPECT_FLOAT_EQ(f(Function::tanh, 1), 0.76159416F);
}

}  // namespace
}  // namespace assay::quant

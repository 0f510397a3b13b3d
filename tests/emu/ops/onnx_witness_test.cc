// The operators against ONNX's own node tests (Debian's libonnx-testdata): numbers that others computed. Those with integers throughout must be equal; the quantized ones
// (QLinearConv, QLinearMatMul) go through a 31-bit multiplier for their real ratio of scales. Attributes are those of each test's model.
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/emu/ops/one_op.h"

namespace assay::emu::one_op {
namespace {

const std::string kFolder = "/usr/share/libonnx-testdata/data/node/";

struct OnnxTensor {
  Shape shape;
  std::vector<double> values;
  // The values times `factor`, which must be integers.
  Values integers(double factor = 1) const {
    Values result;
    for (const double value : values) {
      const double scaled_value = value * factor;
      EXPECT_LT(std::abs(scaled_value - std::nearbyint(scaled_value)), 1e-3);
      result.push_back(static_cast<int64_t>(std::nearbyint(scaled_value)));
    }
    return result;
  }
};

// What these files hold of protobuf's wire format: TensorProto's dims (1), data_type (2) and raw_data (9).
class TensorReader {
 public:
  explicit TensorReader(std::string bytes) : bytes_(std::move(bytes)) {}

  OnnxTensor read() {
    OnnxTensor tensor;
    uint64_t type = 0;
    std::string raw;
    while (at_ < bytes_.size()) {
      const uint64_t tag = varint();
      if (tag % 8 == 0) {
        const uint64_t value = varint();
        if (tag / 8 == 1) tensor.shape.push_back(static_cast<int64_t>(value));
        if (tag / 8 == 2) type = value;
      } else if (tag % 8 == 2) {
        const uint64_t length = varint();
        const size_t end = at_ + length;
        if (tag / 8 == 9) raw = bytes_.substr(at_, length);
        while (tag / 8 == 1 && at_ < end) tensor.shape.push_back(static_cast<int64_t>(varint()));
        at_ = end;
      } else {
        throw std::runtime_error("a field of a kind that these files do not have");
      }
    }
    switch (type) {
      case 1: convert<float>(raw, tensor.values); break;
      case 2: convert<uint8_t>(raw, tensor.values); break;
      case 6: convert<int32_t>(raw, tensor.values); break;
      default: throw std::runtime_error("an element type that these files do not have");
    }
    if (tensor.values.size() != static_cast<size_t>(element_count(tensor.shape))) throw std::runtime_error("raw data of another size than the shape");
    return tensor;
  }

 private:
  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<uint8_t>(bytes_.at(at_++));
      value |= uint64_t{byte & 127U} << shift;
      if (byte < 128) break;
    }
    return value;
  }

  template <class Element>
  static void convert(const std::string& raw, std::vector<double>& values) {
    for (size_t at = 0; at + sizeof(Element) <= raw.size(); at += sizeof(Element)) {
      Element element;
      std::memcpy(&element, raw.data() + at, sizeof element);
      values.push_back(static_cast<double>(element));
    }
  }

  std::string bytes_;
  size_t at_ = 0;
};

OnnxTensor read(const std::string& test, const std::string& name) {
  std::ifstream file(kFolder + test + "/test_data_set_0/" + name + ".pb", std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  if (!file) throw std::runtime_error("cannot read " + test + "/" + name);
  return TensorReader(bytes.str()).read();
}
OnnxTensor input(const std::string& test, int index) {
  return read(test, "input_" + std::to_string(index));
}
OnnxTensor output(const std::string& test) {
  return read(test, "output_0");
}

class OnnxWitness : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kFolder)) GTEST_SKIP() << "install libonnx-testdata to compare with ONNX's node tests";
  }
};

using Attributes = std::vector<int64_t>;
struct WindowTest {
  const char* name;
  Attributes stride{1, 1};
  Attributes pads{0, 0, 0, 0};
  Attributes dilation{1, 1};
  Attributes kernel{};
  bool include_pad = false;
};

template <class Op>
void expect_products(const WindowTest& test) {
  SCOPED_TRACE(test.name);
  const OnnxTensor x = input(test.name, 0);
  const OnnxTensor w = input(test.name, 1);
  const OnnxTensor y = output(test.name);
  OneOp one;
  Op op;
  if (std::string(test.name).find("convinteger") != std::string::npos) op.zx = input(test.name, 2).integers().at(0);
  op.x = one.value(kU8, x.shape, x.integers(), op.zx);
  op.w = one.constant(kU8, w.shape, w.integers());
  op.stride = test.stride;
  op.pads = test.pads;
  op.dilation = test.dilation;
  op.requant = one.requant("saturate output");
  EXPECT_EQ(one.result(kS32, y.shape).run(op).values, y.integers());
}

TEST_F(OnnxWitness, Conv) {
  const std::vector<WindowTest> tests{
      {.name = "test_basic_conv_with_padding", .pads = {1, 1, 1, 1}},
      {.name = "test_basic_conv_without_padding"},
      {.name = "test_basic_convinteger"},
      {.name = "test_convinteger_with_padding", .pads = {1, 1, 1, 1}},
      {.name = "test_convinteger_without_padding"},
      {.name = "test_conv_with_strides_no_padding", .stride = {2, 2}},
      {.name = "test_conv_with_strides_padding", .stride = {2, 2}, .pads = {1, 1, 1, 1}},
      {.name = "test_conv_with_strides_and_asymmetric_padding", .stride = {2, 2}, .pads = {1, 0, 1, 0}},
      {.name = "test_conv_with_autopad_same", .stride = {2, 2}, .pads = {1, 1, 1, 1}},
  };
  for (const WindowTest& test : tests) expect_products<emu::Conv>(test);
}

TEST_F(OnnxWitness, ConvTranspose) {
  const std::vector<WindowTest> tests{
      {.name = "test_convtranspose"},
      {.name = "test_convtranspose_dilations", .dilation = {2, 2}},
      {.name = "test_convtranspose_pad", .stride = {3, 2}},  // output_padding 1, 1: read from the result's shape
      {.name = "test_convtranspose_pads", .stride = {3, 2}, .pads = {1, 2, 1, 2}},
      {.name = "test_convtranspose_kernel_shape", .stride = {3, 2}},
      {.name = "test_convtranspose_output_shape", .stride = {3, 2}},
      {.name = "test_convtranspose_autopad_same", .stride = {2, 2}, .pads = {0, 0, 1, 1}},
  };
  for (const WindowTest& test : tests) expect_products<emu::ConvTranspose>(test);
}

TEST_F(OnnxWitness, MaxPool) {
  const std::vector<WindowTest> tests{
      {.name = "test_maxpool_2d_ceil", .stride = {2, 2}, .pads = {0, 0, 1, 1}, .kernel = {3, 3}},
      {.name = "test_maxpool_2d_dilations", .dilation = {2, 2}, .kernel = {2, 2}},
      {.name = "test_maxpool_2d_precomputed_pads", .pads = {2, 2, 2, 2}, .kernel = {5, 5}},
      {.name = "test_maxpool_2d_precomputed_same_upper", .stride = {2, 2}, .pads = {1, 1, 1, 1}, .kernel = {3, 3}},
      {.name = "test_maxpool_2d_precomputed_strides", .stride = {2, 2}, .kernel = {2, 2}},
      {.name = "test_maxpool_2d_uint8", .pads = {2, 2, 2, 2}, .kernel = {5, 5}},
  };
  for (const WindowTest& test : tests) {
    SCOPED_TRACE(test.name);
    const OnnxTensor x = input(test.name, 0);
    const OnnxTensor y = output(test.name);
    OneOp one;
    emu::MaxPool op;
    op.x = one.value(kU8, x.shape, x.integers());
    op.kernel = test.kernel;
    op.stride = test.stride;
    op.pads = test.pads;
    op.dilation = test.dilation;
    EXPECT_EQ(one.result(kU8, y.shape).run(op).values, y.integers());
  }
}

TEST_F(OnnxWitness, AveragePool) {
  const std::vector<WindowTest> tests{
      {.name = "test_averagepool_2d_ceil", .stride = {2, 2}, .pads = {0, 0, 1, 1}, .kernel = {3, 3}},
      {.name = "test_averagepool_2d_precomputed_pads", .pads = {2, 2, 2, 2}, .kernel = {5, 5}},
      {.name = "test_averagepool_2d_precomputed_pads_count_include_pad", .pads = {2, 2, 2, 2}, .kernel = {5, 5}, .include_pad = true},
      {.name = "test_averagepool_2d_precomputed_same_upper", .stride = {2, 2}, .pads = {1, 1, 1, 1}, .kernel = {3, 3}},
      {.name = "test_averagepool_2d_precomputed_strides", .stride = {2, 2}, .kernel = {2, 2}},
  };
  for (const WindowTest& test : tests) {
    SCOPED_TRACE(test.name);
    const OnnxTensor x = input(test.name, 0);
    const OnnxTensor y = output(test.name);
    OneOp one;
    emu::AveragePool op;
    op.x = one.value(kU8, x.shape, x.integers());
    op.kernel = test.kernel;
    op.stride = test.stride;
    op.pads = test.pads;
    op.include_pad = test.include_pad;
    op.divide = Round::half_even;
    op.requant = one.requant("saturate output", {scaled(100, 0)});  // all of these means are whole hundredths
    EXPECT_EQ(one.result(kS32, y.shape).run(op).values, y.integers(100));
  }
}

TEST_F(OnnxWitness, MatMulInteger) {
  const std::string test = "test_matmulinteger";
  const OnnxTensor a = input(test, 0);
  const OnnxTensor b = input(test, 1);
  const OnnxTensor y = output(test);
  OneOp one;
  MatMul op;
  op.za = input(test, 2).integers().at(0);
  op.zb = input(test, 3).integers().at(0);
  op.a = one.value(kU8, a.shape, a.integers(), op.za);
  op.b = one.constant(kU8, b.shape, b.integers());
  op.requant = one.requant("saturate output");
  EXPECT_EQ(one.result(kS32, y.shape).run(op).values, y.integers());
}

// a, scale, zero point; b, scale, zero point; scale and zero point of y.
template <class Op, class Bind>
void expect_quantized(const std::string& test, const Bind& bind) {
  SCOPED_TRACE(test);
  const OnnxTensor a = input(test, 0);
  const OnnxTensor b = input(test, 3);
  const OnnxTensor y = output(test);
  const double ratio = input(test, 1).values.at(0) * input(test, 4).values.at(0) / input(test, 6).values.at(0);
  int exponent = 0;
  const auto multiplier = static_cast<int64_t>(std::nearbyint(std::ldexp(std::frexp(ratio, &exponent), 31)));
  OneOp one;
  Op op;
  const int64_t za = input(test, 2).integers().at(0);
  bind(op, one.value(kU8, a.shape, a.integers(), za), za, one.constant(kU8, b.shape, b.integers()), input(test, 5).integers().at(0));
  op.requant = one.requant("multiply; shift_right scale half_even; add_zero_point; saturate output", {scaled(multiplier, 31 - exponent)});
  EXPECT_EQ(one.result(kU8, y.shape, input(test, 7).integers().at(0)).run(op).values, y.integers());
}

TEST_F(OnnxWitness, QLinearConv) {
  expect_quantized<emu::Conv>("test_qlinearconv", [](emu::Conv& op, Ref x, int64_t zx, Ref w, int64_t zw) {
    op.x = x;
    op.zx = zx;
    op.w = w;
    op.zw = zw;
  });
}

TEST_F(OnnxWitness, QLinearMatMul) {
  for (const char* test : {"test_qlinearmatmul_2D", "test_qlinearmatmul_3D"}) {
    expect_quantized<MatMul>(test, [](MatMul& op, Ref a, int64_t za, Ref b, int64_t zb) {
      op.a = a;
      op.za = za;
      op.b = b;
      op.zb = zb;
    });
  }
}

}  // namespace
}  // namespace assay::emu::one_op

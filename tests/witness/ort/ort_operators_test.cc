// Single operators on all words or all pairs of words, with scales drawn at random: where the emulator and ONNX Runtime give the same bits, and where ONNX Runtime's own vector
// bodies do not compute what its plain definition says, the differences are ties and nothing else.
#include <cmath>
#include <random>

#include "emu/machine.h"
#include "emu/target/load_target.h"
#include "quant/calibrate/calibrate.h"
#include "quant/lower.h"
#include "tests/quant/onnx/small_model.h"
#include "tests/witness/ort/ort.h"

namespace assay::testing {
namespace {

using quant::FloatTensor;
using quant::testing_onnx::SmallModel;

struct Quantization {
  float scale;
  int zero_point;
};

class Draw {
 public:
  explicit Draw(uint64_t seed) : bits_(seed) {}
  // Scales over three orders of magnitude, any zero point.
  Quantization operator()() { return {std::ldexp(1.0F + static_cast<float>(bits_() >> 40) * 0x1p-24F, -static_cast<int>(bits_() % 10)), static_cast<int>(bits_() % 256)}; }

 private:
  std::mt19937_64 bits_;
};

void add_quantization(SmallModel& model, const std::string& name, const Quantization& q) {
  model.floats(name + "_s", {}, {q.scale});
  model.tensor(name + "_z", {}, onnx::TensorProto::UINT8).add_int32_data(q.zero_point);
}

void add_input(SmallModel& model, const std::string& name, const Shape& shape, const Quantization& q) {
  model.input(name, shape);
  add_quantization(model, name, q);
  model.node("QuantizeLinear", {name, name + "_s", name + "_z"}, {name + "_q"});
}

void add_output(SmallModel& model, const Quantization& q) {
  add_quantization(model, "y", q);
  model.node("DequantizeLinear", {"y_q", "y_s", "y_z"}, {"y"});
  model.output("y");
}

// Real numbers that quantize to the given words.
template <class Word>
FloatTensor reals(const Shape& shape, const Quantization& q, Word word) {
  FloatTensor tensor(shape);
  for (size_t i = 0; i < tensor.size(); ++i) tensor.data[i] = q.scale * static_cast<float>(word(i) - q.zero_point);
  return tensor;
}
int high_byte(size_t i) {
  return static_cast<int>(i / 256 % 256);
}
int low_byte(size_t i) {
  return static_cast<int>(i % 256);
}

struct Both {
  std::vector<int64_t> ours, theirs;
};

Both run_both(const SmallModel& model, const std::vector<std::pair<std::string, FloatTensor>>& inputs, const std::string& level = "disabled") {
  quant::Graph graph = model.import();
  quant::simplify(graph);
  const auto target = emu::load_target(std::string(ASSAY_SOURCE_DIR) + "/emu/targets/onnxruntime_cpu.toml");
  const emu::Program program = quant::lower(quant::calibrate(std::move(graph), target, {}, {})).program;
  std::vector<FloatTensor> ordered;
  for (const auto& [name, tensor] : inputs) ordered.push_back(tensor);
  emu::Observer nobody;
  Both both;
  both.ours = emu::Machine(program).run(quant::quantize_inputs(program, ordered), nobody).at(0).values();
  SmallModel shown = model;
  auto& output = *shown.proto.mutable_graph()->add_output();
  output.set_name("y_q");
  output.mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::UINT8);
  auto& microsoft = *shown.proto.add_opset_import();
  microsoft.set_domain("com.microsoft");
  microsoft.set_version(1);
  const OrtRun run = run_ort(shown.proto.SerializeAsString(), level, {inputs.begin(), inputs.end()});
  for (const char byte : run.outputs.at("y_q").bytes) both.theirs.push_back(static_cast<uint8_t>(byte));
  return both;
}

size_t count_differing(const Both& both) {
  EXPECT_EQ(both.ours.size(), both.theirs.size());
  size_t count = 0;
  for (size_t i = 0; i < both.ours.size(); ++i) count += both.ours[i] != both.theirs.at(i) ? 1 : 0;
  return count;
}

// Each difference is of one step, and there the exact result (before rounding) lies at a tie as closely as binary32 can tell.
template <class Exact>
void expect_only_ties(const Both& both, Exact exact) {
  for (size_t i = 0; i < both.ours.size(); ++i) {
    if (both.ours[i] == both.theirs.at(i)) continue;
    EXPECT_EQ(std::llabs(both.ours[i] - both.theirs[i]), 1) << "element " << i;
    const double value = exact(i);
    EXPECT_LT(std::fabs(value - std::floor(value) - 0.5), 1e-4) << "element " << i << ": " << value;
  }
}

const Shape kPairs = {256, 256};
constexpr int kDraws = 6;

TEST(OnnxRuntimeOperators, MultiplyAllPairsOfWordsAsTheEmulatorDoes) {
  ASSAY_NEEDS_ORT();
  Draw draw(1);
  for (int n = 0; n < kDraws; ++n) {
    const Quantization a = draw(), b = draw();
    const Quantization y{a.scale * b.scale * 97.0F, draw().zero_point};
    SmallModel model;
    add_input(model, "a", kPairs, a);
    add_input(model, "b", kPairs, b);
    model.node("QLinearMul", {"a_q", "a_s", "a_z", "b_q", "b_s", "b_z", "y_s", "y_z"}, {"y_q"}).domain("com.microsoft");
    add_output(model, y);
    EXPECT_EQ(count_differing(run_both(model, {{"a", reals(kPairs, a, high_byte)}, {"b", reals(kPairs, b, low_byte)}})), 0U) << "draw " << n;
  }
}

// Its x86-64 body computes fma(a, s_a / s_y, fma(b, s_b / s_y, constant)) on the words themselves.
TEST(OnnxRuntimeOperators, AddAllPairsOfWordsAsTheEmulatorDoesUpToTies) {
  ASSAY_NEEDS_ORT();
  Draw draw(2);
  size_t differing = 0;
  for (int n = 0; n < kDraws; ++n) {
    const Quantization a = draw(), b = draw();
    const Quantization y{(a.scale + b.scale) * 0.9F, draw().zero_point};
    SmallModel model;
    add_input(model, "a", kPairs, a);
    add_input(model, "b", kPairs, b);
    model.node("QLinearAdd", {"a_q", "a_s", "a_z", "b_q", "b_s", "b_z", "y_s", "y_z"}, {"y_q"}).domain("com.microsoft");
    add_output(model, y);
    const Both both = run_both(model, {{"a", reals(kPairs, a, high_byte)}, {"b", reals(kPairs, b, low_byte)}});
    expect_only_ties(both, [&](size_t i) {
      const auto term = [](const Quantization& q, int word) { return static_cast<double>(q.scale) * (word - q.zero_point); };
      return (term(a, high_byte(i)) + term(b, low_byte(i))) / static_cast<double>(y.scale) + y.zero_point;
    });
    differing += count_differing(both);
  }
  RecordProperty("differing", static_cast<int>(differing));
  EXPECT_LT(differing, 100U);
}

// With powers of two for scales binary32 is exact and a quarter of the sums are ties: these tell the roundings apart.
TEST(OnnxRuntimeOperators, RoundSumsAndProductsThatAreTiesAsTheEmulatorDoes) {
  ASSAY_NEEDS_ORT();
  const Quantization a{0.5F, 100}, b{0.25F, 31}, y{1.0F, 77};
  for (const std::string& type : {std::string("QLinearAdd"), std::string("QLinearMul")}) {
    SmallModel model;
    add_input(model, "a", kPairs, a);
    add_input(model, "b", kPairs, b);
    model.node(type, {"a_q", "a_s", "a_z", "b_q", "b_s", "b_z", "y_s", "y_z"}, {"y_q"}).domain("com.microsoft");
    add_output(model, y);
    EXPECT_EQ(count_differing(run_both(model, {{"a", reals(kPairs, a, high_byte)}, {"b", reals(kPairs, b, low_byte)}})), 0U) << type;
  }
}

TEST(OnnxRuntimeOperators, JoinInputsOfAnyScaleAsTheEmulatorDoesUpToTies) {
  ASSAY_NEEDS_ORT();
  Draw draw(3);
  const Shape all = {256};
  size_t differing = 0;
  for (int n = 0; n < kDraws; ++n) {
    const Quantization a = draw(), b = draw(), y = draw();
    SmallModel model;
    add_input(model, "a", all, a);
    add_input(model, "b", all, b);
    model.node("QLinearConcat", {"y_s", "y_z", "a_q", "a_s", "a_z", "b_q", "b_s", "b_z"}, {"y_q"}).domain("com.microsoft").i("axis", 0);
    add_output(model, y);
    const Both both = run_both(model, {{"a", reals(all, a, low_byte)}, {"b", reals(all, b, low_byte)}});
    expect_only_ties(both, [&](size_t i) {
      const Quantization& x = i < 256 ? a : b;
      return static_cast<double>(x.scale) * (low_byte(i) - x.zero_point) / static_cast<double>(y.scale);
    });
    differing += count_differing(both);
  }
  EXPECT_LT(differing, 10U);
}

TEST(OnnxRuntimeOperators, LookUpSigmoidsAsTheEmulatorDoes) {
  ASSAY_NEEDS_ORT();
  Draw draw(4);
  const Shape all = {256};
  for (int n = 0; n < kDraws; ++n) {
    const Quantization x = draw();
    SmallModel model;
    add_input(model, "x", all, x);
    model.node("QLinearSigmoid", {"x_q", "x_s", "x_z", "y_s", "y_z"}, {"y_q"}).domain("com.microsoft");
    add_output(model, {1.0F / 255, 0});
    EXPECT_EQ(count_differing(run_both(model, {{"x", reals(all, x, low_byte)}})), 0U) << "draw " << n;
  }
}

TEST(OnnxRuntimeOperators, AverageWholeImagesAsTheEmulatorDoes) {
  ASSAY_NEEDS_ORT();
  Draw draw(5);
  const Shape image = {1, 512, 7, 5};
  std::mt19937_64 bits(6);
  for (int n = 0; n < kDraws; ++n) {
    const Quantization x = draw();
    const Quantization y{x.scale * 0.17F, draw().zero_point};
    SmallModel model;
    add_input(model, "x", image, x);
    model.node("QLinearGlobalAveragePool", {"x_q", "x_s", "x_z", "y_s", "y_z"}, {"y_q"}).domain("com.microsoft").i("channels_last", 0);
    add_output(model, y);
    EXPECT_EQ(count_differing(run_both(model, {{"x", reals(image, x, [&](size_t) { return static_cast<int>(bits() % 256); })}})), 0U) << "draw " << n;
  }
}

// Its table of exponentials and its division are in binary32, and it multiplies by floor(1 / y_scale): never more than one step away for the usual output scale.
TEST(OnnxRuntimeOperators, AreWithinOneStepOfTheEmulatorsSoftmax) {
  ASSAY_NEEDS_ORT();
  const Shape rows = {64, 10};
  std::mt19937_64 bits(7);
  for (int n = 0; n < kDraws; ++n) {
    const Quantization x{0.03F * static_cast<float>(n + 1), 128};
    SmallModel model;
    add_input(model, "x", rows, x);
    model.node("QLinearSoftmax", {"x_q", "x_s", "x_z", "y_s", "y_z"}, {"y_q"}).domain("com.microsoft").i("axis", 1).i("opset", 13);
    add_output(model, {1.0F / 256, 0});
    const Both both = run_both(model, {{"x", reals(rows, x, [&](size_t) { return static_cast<int>(bits() % 256); })}});
    for (size_t i = 0; i < both.ours.size(); ++i) EXPECT_LE(std::llabs(both.ours[i] - both.theirs.at(i)), 1) << "draw " << n << " element " << i;
  }
}

}  // namespace
}  // namespace assay::testing

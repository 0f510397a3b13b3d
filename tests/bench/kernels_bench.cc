// Each kernel beside its reference body, on the shapes of MobileNetV2 and ResNet. Items per second are multiply-additions for conv and matmul, output elements elsewhere.
// `to_onednn_fp32`: how many times as fast as oneDNN's binary32 convolution of the same shape, timed in turns with the kernel.
#include <benchmark/benchmark.h>

#include <chrono>

#include "emu/machine.h"
#include "tests/bench/onednn_peer.h"

namespace assay::emu {
namespace {

// A program of one instruction, its operands filled with numbers that leave no product trivial.
class OneInstruction {
 public:
  Ref value(IntType type, const Shape& shape) {
    program_.inputs.emplace_back().value = static_cast<uint32_t>(program_.values.size());
    program_.values.push_back({"x" + std::to_string(program_.values.size()), shape, type, 0});
    inputs_.push_back(filled(type, shape));
    return {false, static_cast<uint32_t>(program_.values.size() - 1)};
  }

  Ref constant(IntType type, const Shape& shape) {
    program_.constants.push_back({"k" + std::to_string(program_.constants.size()), filled(type, shape)});
    return {true, static_cast<uint32_t>(program_.constants.size() - 1)};
  }

  // One entry per channel, each a shift (a power-of-two target) or a 31-bit multiplier.
  ScaleRef scale(size_t entries, bool multiplier) {
    const int64_t mantissa = multiplier ? (int64_t{1} << 30) + 123457 : 1;
    program_.scales.push_back(
        std::vector<QScale>(entries, QScale{mantissa, LeftShift{0}, RightShift{static_cast<uint8_t>(multiplier ? 38 : 8)}, {{0x3c000000U}, {0}, {0x3f000000U}, {0}}}));
    return {static_cast<uint32_t>(program_.scales.size() - 1)};
  }

  StepsRef steps(const std::string& text) {
    program_.step_lists.push_back(parse_steps(text));
    return {static_cast<uint32_t>(program_.step_lists.size() - 1)};
  }

  Requant requant(size_t channels, bool bias, bool multiplier) {
    const std::string scaled = multiplier ? "multiply; shift_right scale half_up" : "shift_left scale; shift_right scale half_up";
    return {scale(channels, multiplier), steps((bias ? "add_bias; " : "") + scaled + "; saturate output; clamp"), {-128, 127}};
  }

  // `peer` (may be null) takes turns with the machine.
  void run(benchmark::State& state, Operation operation, IntType type, const Shape& result, Engine engine, int64_t items, bench::OnednnFp32Conv* peer = nullptr) {
    program_.values.push_back({"y", result, type, 0});
    program_.outputs = {static_cast<uint32_t>(program_.values.size() - 1)};
    program_.instructions.push_back({program_.outputs[0], std::move(operation)});
    const Machine machine(program_, engine);
    if (engine == Engine::fast && !machine.why_reference(0).empty()) return state.SkipWithError(machine.why_reference(0).c_str());
    Observer nobody;
    double own = 0, others = 0;
    for (auto _ : state) {
      const double start = seconds();
      benchmark::DoNotOptimize(machine.run(inputs_, nobody));
      own += seconds() - start;
      if (peer == nullptr) continue;
      state.PauseTiming();
      const double peers_start = seconds();
      peer->run();
      others += seconds() - peers_start;
      state.ResumeTiming();
    }
    if (peer != nullptr) state.counters["to_onednn_fp32"] = others / own;
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * items);
  }

 private:
  static double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

  static Tensor filled(IntType type, const Shape& shape) {
    Tensor tensor(type, shape);
    uint64_t state = 1;
    for (size_t i = 0; i < tensor.size(); ++i) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      tensor.set(i, static_cast<int64_t>(type.min()) + static_cast<int64_t>((state >> 33) % static_cast<uint64_t>(type.max() - type.min() + 1)));
    }
    return tensor;
  }

  Program program_;
  std::vector<Tensor> inputs_;
};

using bench::ConvShape;

// What kind of target: its operands, accumulator and steps.
struct Kind {
  const char* name;
  IntType x, w;
  const char* accumulator;
  const char* steps;  // after add_bias
  bool multiplier, zero_points;
};
constexpr const char* kInBinary32 = "to_fp32; mul_fp32 scale; mul_fp32 output; to_int half_even; add_zero_point; saturate output; clamp";
constexpr const char* kMultiplied = "multiply; shift_right scale half_up; saturate output; clamp";
const Kind kKinds[] = {{"s8_shift", kS8, kS8, "s32.wrap", "shift_left scale; shift_right scale half_up; saturate output; clamp", false, false},
                       {"u8_multiplier", kU8, kU8, "s32.wrap", kMultiplied, true, true},
                       {"s8_fp32", kS8, kS8, "s32.wrap", kInBinary32, false, false},
                       {"s16xs8", kS16, kS8, "s64.wrap", kMultiplied, true, false},
                       {"u16xs8", kU16, kS8, "s32.wrap", kMultiplied, true, true},
                       {"u8_pairs", kU8, kS8, "s32.wrap+pairs:s16.saturate", kInBinary32, false, false}};

void conv(benchmark::State& state, ConvShape s, const Kind& kind, Engine engine) {
  OneInstruction one;
  Conv op;
  op.x = one.value(kind.x, {1, s.channels, s.size, s.size});
  op.w = one.constant(kind.w, {s.outputs, s.channels / s.groups, s.kernel, s.kernel});
  op.bias = one.constant(kS16, {s.outputs});
  op.stride = {s.stride, s.stride};
  op.pads = std::vector<int64_t>(4, s.kernel / 2);
  op.groups = s.groups;
  op.acc = parse_accumulator(kind.accumulator).value();
  if (kind.zero_points) op.zx = 7, op.zw = kind.w.is_signed ? 3 : 131;
  op.requant = {one.scale(kind.zero_points ? 1 : static_cast<size_t>(s.outputs), kind.multiplier), one.steps(std::string("add_bias; ") + kind.steps), {-128, 127}};
  bench::OnednnFp32Conv peer(s);
  one.run(state, op, kS8, {1, s.outputs, s.out(), s.out()}, engine, s.outputs * s.out() * s.out() * s.channels / s.groups * s.kernel * s.kernel,
          engine == Engine::fast ? &peer : nullptr);
}

void add(benchmark::State& state, bool multiplier, Engine engine) {
  OneInstruction one;
  const Shape shape{1, 32, 56, 56};
  Add op;
  op.a = one.value(kS8, shape), op.b = one.value(kS8, shape);
  op.scale_a = op.scale_b = one.scale(1, multiplier);
  op.operand_steps = one.steps(multiplier ? "shift_left 16; multiply; shift_right scale half_up" : "");
  op.requant = one.requant(1, false, multiplier);
  one.run(state, op, kS8, shape, engine, element_count(shape));
}

void max_pool(benchmark::State& state, int64_t kernel, int64_t stride, Engine engine) {
  OneInstruction one;
  MaxPool op;
  op.x = one.value(kS8, {1, 64, 112, 112});
  op.kernel = {kernel, kernel}, op.stride = {stride, stride};
  const int64_t out = (112 - kernel) / stride + 1;
  one.run(state, op, kS8, {1, 64, out, out}, engine, 64 * out * out);
}

void average_pool(benchmark::State& state, bool divide, int64_t size, int64_t kernel, Engine engine) {
  OneInstruction one;
  AveragePool op;
  op.x = one.value(kS8, {1, 320, size, size});
  op.kernel = {kernel, kernel}, op.stride = {kernel, kernel};
  if (divide) op.divide = Round::half_up;
  op.requant = one.requant(1, false, !divide);
  if (divide) op.requant.steps = one.steps("saturate output; clamp");
  one.run(state, op, kS8, {1, 320, size / kernel, size / kernel}, engine, 320 * (size / kernel) * (size / kernel));
}

void softmax(benchmark::State& state, Engine engine) {
  OneInstruction one;
  Softmax op;
  op.x = one.value(kS8, {64, 1000});
  op.table = one.constant(IntType{16, false}, {256});
  op.requant = one.requant(1, false, false);
  op.requant.steps = one.steps("saturate output; clamp");
  one.run(state, op, kS8, {64, 1000}, engine, 64000);
}

void transpose(benchmark::State& state, Engine engine) {
  OneInstruction one;
  Transpose op{one.value(kS8, {1, 64, 56, 56}), {0, 2, 3, 1}};
  one.run(state, op, kS8, {1, 56, 56, 64}, engine, 64 * 56 * 56);
}

void register_all() {
  const struct {
    const char* name;
    ConvShape shape;
  } convs[] = {{"conv_3x3_3x32", {3, 32, 3, 2, 224, 1}},        {"conv_1x1_16x96", {16, 96, 1, 1, 112, 1}},    {"conv_1x1_96x24", {96, 24, 1, 1, 56, 1}},
               {"conv_1x1_320x1280", {320, 1280, 1, 1, 7, 1}},  {"depthwise_3x3_96", {96, 96, 3, 2, 112, 96}}, {"depthwise_3x3_144", {144, 144, 3, 1, 56, 144}},
               {"depthwise_3x3_960", {960, 960, 3, 1, 7, 960}}, {"conv_3x3_64x64", {64, 64, 3, 1, 56, 1}}};
  for (const Engine engine : {Engine::fast, Engine::reference}) {
    const std::string which = engine == Engine::fast ? "/kernel" : "/reference";
    const auto add_benchmark = [&](const std::string& name, auto&& body) { benchmark::RegisterBenchmark((name + which).c_str(), body)->Unit(benchmark::kMicrosecond); };
    for (const auto& [name, shape] : convs) {
      for (const Kind& kind : kKinds) {
        add_benchmark(std::string(name) + "/" + kind.name, [shape = shape, &kind, engine](benchmark::State& s) { conv(s, shape, kind, engine); });
      }
    }
    add_benchmark("add/shift", [engine](benchmark::State& s) { add(s, false, engine); });
    add_benchmark("add/multiplier", [engine](benchmark::State& s) { add(s, true, engine); });
    add_benchmark("max_pool_2x2", [engine](benchmark::State& s) { max_pool(s, 2, 2, engine); });
    add_benchmark("max_pool_3x3", [engine](benchmark::State& s) { max_pool(s, 3, 1, engine); });
    add_benchmark("average_pool_global/divide", [engine](benchmark::State& s) { average_pool(s, true, 7, 7, engine); });
    add_benchmark("average_pool_2x2/divide", [engine](benchmark::State& s) { average_pool(s, true, 56, 2, engine); });
    add_benchmark("average_pool_2x2/reciprocal", [engine](benchmark::State& s) { average_pool(s, false, 56, 2, engine); });
    add_benchmark("softmax", [engine](benchmark::State& s) { softmax(s, engine); });
    add_benchmark("transpose_nchw_nhwc", [engine](benchmark::State& s) { transpose(s, engine); });
  }
}

}  // namespace
}  // namespace assay::emu

int main(int argc, char** argv) {
  assay::emu::register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

// On a power-of-two chip the float simulation is exact while accumulators stay under 2^24: each layer, fed the simulator's own integers, must give the simulator's output
// bit for bit. Table lookups, softmax and averages are left out (the simulator computes those in float32); every other difference must be explained by an accumulator.
#include <cmath>

#include "emu/kernels/kernels.h"
#include "emu/machine.h"
#include "quant/fake_quantize.h"
#include "tests/models/real_models.h"

namespace assay {
namespace {

constexpr double kExactBelow = 16777216.0;  // 2^24

// The largest |accumulator| of one instruction.
int64_t largest_accumulator(const emu::Instruction& instruction, const emu::Program& program, const std::vector<const emu::Tensor*>& values) {
  int64_t largest = 0;
  emu::OpRun run([&](const std::string& stage, const emu::Tensor& tensor) {
    if (stage != "accumulator") return;
    for (size_t i = 0; i < tensor.size(); ++i) largest = std::max(largest, std::abs(tensor.at(i)));
  });
  const emu::OpContext context(program, instruction.result, values);
  std::visit(
      [&](const auto& operation) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(operation)>, std::monostate>) execute(operation, context, run);
      },
      instruction.operation);
  return largest;
}

class SimulatorParity : public ::testing::TestWithParam<testing::RealModel> {};

TEST_P(SimulatorParity, EveryLayerBelow2To24IsBitExact) {
  if (!testing::have_shared()) GTEST_SKIP() << "the shared models are not here: " << testing::shared_dir();
  const auto model = testing::quantize_real(GetParam(), testing::targets_dir() + "/nxp_int8.toml");
  const emu::Program& program = model.lowered.program;
  const quant::Simulator simulator(model.quantized);

  // The simulator's integers of every value of the program.
  std::vector<emu::Tensor> codes(program.values.size());
  std::vector<const emu::Tensor*> values(program.values.size(), nullptr);
  simulator.run(model.inputs.at(0), [&](quant::ValueId id, quant::FloatTensor& tensor) {
    const int64_t value = model.lowered.program_value[id];
    if (value < 0) return;
    const auto& info = program.values[static_cast<size_t>(value)];
    codes[static_cast<size_t>(value)] = emu::Tensor(info.type, info.shape, quant::quantize(tensor, *model.quantized.tensors[id]));
    values[static_cast<size_t>(value)] = &codes[static_cast<size_t>(value)];
  });

  size_t compared = 0;
  for (const emu::Instruction& instruction : program.instructions) {
    const std::string name = program.values[instruction.result].name;
    const auto kind = emu::operation_name(instruction.operation);
    const emu::Tensor* expected = values[instruction.result];
    const emu::OpContext context(program, instruction.result, values);
    emu::OpRun run;
    const auto kernel = emu::prepare_kernel(instruction.operation, context).kernel;
    std::optional<emu::Tensor> result;
    if (kernel) {
      result = kernel(context, run);
    } else {
      result = std::visit(
          [&](const auto& operation) -> emu::Tensor {
            if constexpr (std::is_same_v<std::decay_t<decltype(operation)>, std::monostate>) {
              return {};
            } else {
              return execute(operation, context, run);
            }
          },
          instruction.operation);
    }
    if (expected == nullptr) {  // a value that only the program has: the next instruction needs it
      codes[instruction.result] = *result;
      values[instruction.result] = &codes[instruction.result];
      continue;
    }
    if (kind == "table_lookup" || kind == "softmax" || kind == "average_pool") continue;
    ++compared;
    if (*result == *expected) continue;
    const int64_t largest = largest_accumulator(instruction, program, values);
    size_t differing = 0;
    for (size_t i = 0; i < result->size(); ++i) differing += result->at(i) != expected->at(i) ? 1 : 0;
    EXPECT_GE(static_cast<double>(largest), kExactBelow) << kind << " '" << name << "': " << differing << " of " << result->size() << " differ";
    std::printf("exception: %s '%s': %zu of %zu differ; its largest accumulator is %lld\n", std::string(kind).c_str(), name.c_str(), differing, result->size(),
                static_cast<long long>(largest));
  }
  EXPECT_GT(compared, 3U);
}

INSTANTIATE_TEST_SUITE_P(RealNetworks, SimulatorParity, ::testing::ValuesIn(testing::real_models()), [](const auto& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace assay

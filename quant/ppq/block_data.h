// What the learning passes share: the data that a block learns from, its loss, and the walk over all blocks.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "quant/ppq/block_function.h"

namespace assay::ppq {

// The quantized inputs of a block and its FP32 outputs, of each calibration input.
struct BlockData {
  std::vector<Tensors> inputs, targets;
};
// As many calibration inputs as fit in kBlockBytes, at most kBlockSamples; a warning says how many were left out. Empty where the user has cancelled.
inline constexpr size_t kBlockBytes = size_t{512} << 20;
inline constexpr size_t kBlockSamples = 1024;
// FP32 outputs do not change while blocks learn: of these variables they are known, one for each calibration input.
using Fp32Outputs = std::map<VariableId, std::vector<quant::FloatTensor>>;
BlockData collect(const Network& network, const Executor& executor, const Context& context, const BlockFunction& block, const Facts& facts, const Fp32Outputs& known,
                  PassReport& report);
// Of the last operations of the blocks, where all of them together fit in kBlockBytes; else nothing. One FP32 run of each input instead of one for each block.
Fp32Outputs collect_fp32(const Network& network, const Executor& executor, const Context& context, const std::vector<Block>& blocks, const Facts& facts);

// PPQ's loss: of each output the mean squared difference, the sum over outputs, the mean over the data.
double block_error(const BlockFunction& block, const BlockData& data, int threads);
// dL/dy of that loss for one input.
Tensors error_gradient(const Tensors& outputs, const Tensors& targets);

// A parameter's new value; what it was as loaded is kept for FP32 runs.
void set_value(Network& network, VariableId variable, quant::FloatTensor value);

// Runs `learn` on each block of the network in turn, with an executor of the network as it is by then.
struct Lesson {
  size_t index = 0, count = 0;  // among the blocks
  Network& network;
  const Context& context;
  const Block& block;
  const Facts& facts;
  const Executor& executor;
  const Fp32Outputs& fp32;
  PassReport& report;

  BlockData data(const BlockFunction& function) const { return collect(network, executor, context, function, facts, fp32, report); }
  bool cancelled() const { return context.cancelled && context.cancelled(); }
  void show(size_t step, size_t steps) const;
  // "block conv0 -> relu0: mean squared error 0.1 -> 0.05"
  std::string line(double before, double after) const;
};
void for_each_block(Network& network, const Context& context, int64_t block_size, const std::vector<std::string>& interested, bool derivatives, PassReport& report,
                    const std::function<void(const Lesson&)>& learn);

// Adam (Kingma and Ba) with torch's defaults: beta 0.9 and 0.999, epsilon 1e-8.
class Adam {
 public:
  explicit Adam(size_t count) : first_(count, 0.0F), second_(count, 0.0F) {}
  void step(std::vector<float>& values, const std::vector<float>& gradient, double learning_rate);

 private:
  std::vector<float> first_, second_;
  double power_first_ = 1, power_second_ = 1;
};

}  // namespace assay::ppq

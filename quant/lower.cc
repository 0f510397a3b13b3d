#include "quant/lower.h"

#include <cmath>

#include "emu/base/error.h"
#include "quant/exact/ratio.h"
#include "quant/fake_quantize.h"
#include "quant/ops/lowering.h"
#include "quant/ops/op.h"

namespace assay::quant {
namespace {

// The scale of each element: of its channel, where axis 1 has scales of its own.
class Scales {
 public:
  explicit Scales(const emu::ValueInfo& info) {
    for (const emu::Dyadic& scale : info.scale) scales_.push_back(to_float(scale));
    if (scales_.size() > 1) inner_ = static_cast<size_t>(strides_of(info.shape)[1]);
  }
  float of(size_t element) const { return scales_.size() == 1 ? scales_[0] : scales_[element / inner_ % scales_.size()]; }

 private:
  std::vector<float> scales_;
  size_t inner_ = 1;
};

emu::Tensor quantize_input(const emu::ProgramInput& input, const emu::ValueInfo& info, const FloatTensor& real) {
  if (real.shape != info.shape) throw InputError("input '" + info.name + "' has shape " + assay::to_string(info.shape) + ", found " + assay::to_string(real.shape));
  const Scales scales(info);
  const emu::Storage storage{info.type, input.low, input.high};
  std::vector<int64_t> words(real.size());
  for (size_t i = 0; i < words.size(); ++i) {
    if (!std::isfinite(real.data[i])) throw InputError("input '" + info.name + "': element " + std::to_string(i) + " is not a finite number");
    words[i] =
        info.type.is_float() ? float_word(real.data[i], storage, input.round) : quantize_value(real.data[i], scales.of(i), info.zero_point, input.low, input.high, input.round);
  }
  return emu::Tensor(info.type, info.shape, words);
}

}  // namespace

Lowered lower(const Quantized& quantized) {
  Lowering lowering(quantized);
  for (const Node& node : quantized.graph.nodes) {
    std::visit([&](const auto& op) { lower(op, node, lowering); }, node.op);
  }
  Lowered lowered = lowering.finish();
  emu::verify(lowered.program);
  return lowered;
}

std::vector<emu::Tensor> quantize_inputs(const emu::Program& program, const std::vector<FloatTensor>& inputs) {
  if (inputs.size() != program.inputs.size()) {
    throw InputError("the program takes " + std::to_string(program.inputs.size()) + " inputs, found " + std::to_string(inputs.size()));
  }
  std::vector<emu::Tensor> words;
  for (size_t i = 0; i < inputs.size(); ++i) words.push_back(quantize_input(program.inputs[i], program.values[program.inputs[i].value], inputs[i]));
  return words;
}

FloatTensor dequantize(const emu::Tensor& tensor, const emu::ValueInfo& info) {
  const Scales scales(info);
  FloatTensor real(tensor.shape());
  if (info.type.is_float()) {
    for (size_t i = 0; i < real.size(); ++i) real.data[i] = number_of_word(tensor.at(i), info.type);
    return real;
  }
  for (size_t i = 0; i < real.size(); ++i) real.data[i] = static_cast<float>(tensor.at(i) - info.zero_point) * scales.of(i);
  return real;
}

}  // namespace assay::quant

#include "quant/execute/simulate.h"

#include <algorithm>

#include "quant/calibrate/sharing.h"
#include "quant/channels.h"
#include "quant/execute/bake.h"
#include "quant/fake_quantize.h"

namespace assay::quant {
namespace {

bool same_storage(const std::optional<TensorQuantization>& a, const std::optional<TensorQuantization>& b) {
  return a && b && a->storage.type == b->storage.type && a->storage.low == b->storage.low && a->storage.high == b->storage.high;
}

// By value: whether it is only moved, from values that are on its own grid already. PPQ does not quantize such a value again, and under floor or ceil that would move it by one.
std::vector<bool> moved_values(const Quantized& quantized) {
  std::vector<bool> moved(quantized.graph.values.size(), false);
  for (const Node& node : quantized.graph.nodes) {
    if (!node.fused.empty() || !(moves_words(node.op) || std::holds_alternative<Concat>(node.op))) continue;
    const bool stored = std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId id) { return same_storage(quantized.tensors[id], quantized.tensors[node.output]); });
    moved[node.output] = stored && same_meaning(node, quantized);
  }
  return moved;
}

}  // namespace

Simulator::Simulator(const Quantized& quantized) : quantized_(quantized), baked_(bake(quantized)), executor_(baked_), moved_(moved_values(quantized)) {}

std::vector<FloatTensor> Simulator::run(const std::vector<FloatTensor>& inputs, const Executor::OnValue& on_value) const {
  return executor_.run(inputs, [&](ValueId id, FloatTensor& tensor) {
    if (quantized_.tensors[id] && !moved_[id]) fake_quantize(tensor, *quantized_.tensors[id]);
    if (on_value) on_value(id, tensor);
  });
}

}  // namespace assay::quant

#include "quant/execute/bake.h"

#include "quant/fake_quantize.h"

namespace assay::quant {

Graph bake(const Quantized& quantized) {
  Graph baked = quantized.graph;
  for (size_t id = 0; id < baked.values.size(); ++id) {
    if (baked.values[id].constant && quantized.tensors[id]) fake_quantize(*baked.values[id].constant, *quantized.tensors[id]);
  }
  for (Node& node : baked.nodes) {
    auto* pad = std::get_if<Pad>(&node.op);
    if (pad == nullptr || pad->value == 0 || !quantized.tensors[node.output] || quantized.tensors[node.output]->scale.empty()) continue;
    FloatTensor value({1}, {pad->value});
    fake_quantize(value, *quantized.tensors[node.output]);
    pad->value = value.data[0];
  }
  return baked;
}

}  // namespace assay::quant

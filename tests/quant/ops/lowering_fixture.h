// Tiny quantized graphs and a hand-built target for the tests of lowering.
#pragma once

#include <string>
#include <vector>

#include "quant/lower.h"
#include "quant/quantized.h"

namespace assay::quant {

// A chip with real scales in TFLite's manner: s8 asymmetric, q31 multipliers, two roundings. Every operator is supported.
emu::Target real_target();
// A chip with power-of-two scales: s8 symmetric, one rounded shift.
emu::Target shift_target();

TensorQuantization quantization(float scale, int64_t zero_point = 0, emu::IntType type = emu::kS8, int64_t low = -128, int64_t high = 127);
TensorQuantization per_channel(std::vector<float> scales, int64_t axis);

// Builds a graph value by value.
struct Net {
  Quantized q;

  explicit Net(emu::Target target) {
    q.target = std::move(target);
    q.graph.name = "tiny";
  }
  ValueId input(const std::string& name, const Shape& shape, const TensorQuantization& own);
  ValueId constant(const std::string& name, const FloatTensor& tensor, std::optional<TensorQuantization> own = std::nullopt);
  ValueId node(const std::string& type, const Operator& op, const std::vector<ValueId>& inputs, const Shape& shape, const TensorQuantization& own,
               std::vector<Operator> fused = {});
  void output(ValueId id) { q.graph.outputs.push_back(id); }
  Lowered lowered() const { return lower(q); }
};

// The only instruction of that type.
template <class T>
const T& only(const emu::Program& program) {
  const T* found = nullptr;
  for (const emu::Instruction& instruction : program.instructions) {
    if (const T* op = std::get_if<T>(&instruction.operation)) {
      ASSAY_ASSERT(found == nullptr);
      found = op;
    }
  }
  ASSAY_ASSERT(found != nullptr);
  return *found;
}

}  // namespace assay::quant

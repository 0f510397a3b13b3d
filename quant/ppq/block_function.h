// A block of a network as a function of its inputs, its parameters and its scales, with the gradients of all three: what the learning passes run thousands of times.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "quant/ppq/blocks.h"
#include "quant/ppq/executor.h"
#include "quant/ppq/gradients.h"
#include "quant/ppq/pass.h"

namespace assay::ppq {

// What one run of the network shows: the shape of each variable, and those that follow from shapes and parameters alone.
struct Facts {
  std::vector<Shape> shapes;
  std::vector<std::shared_ptr<const quant::Constant>> known;
};
Facts observe(const Network& network, const Executor& executor, const Tensors& sample);

class BlockFunction {
 public:
  // As the network is now. In mode fp32 nothing is quantized and parameters are as loaded.
  BlockFunction(const Network& network, const Block& block, const Facts& facts, Executor::Mode mode);

  // What the block reads and does not make, and what its last operation makes.
  const std::vector<VariableId>& inputs() const { return inputs_; }
  const std::vector<VariableId>& outputs() const { return outputs_; }

  // Weights, biases and slopes: parameters that an operation takes at run time.
  struct Parameter {
    OperationId operation = kNone;
    size_t slot = 0;
    VariableId variable = kNone;
    ConfigId configuration = kNone;  // where it is quantized
    quant::FloatTensor value;        // before quantization
    quant::FloatTensor used;         // what the operation gets
  };
  std::vector<Parameter> parameters;
  // By root, of all slots that quantize: the scales that run() takes.
  std::map<ConfigId, ScaleOffset> scales;
  // value, fake-quantized with the scales above, is used from now on.
  void quantize(Parameter& parameter) const;
  const ScaleOffset& scale_of(const Parameter& parameter) const { return scales.at(network_.configurations.root(parameter.configuration)); }

  // All that pull_back() needs of one run. Of each operation in the block's order.
  struct Step {
    Tensors quantized;  // inputs, where their slot quantizes
    Tensors computed;   // outputs before quantization, where one of them is quantized
    Tensors outputs;
  };
  using Tape = std::vector<Step>;
  // Safe to call from several threads at once.
  Tensors run(const Tensors& inputs, Tape* tape = nullptr) const;

  struct Gradients {
    Tensors parameters;                              // dL/d used, one per parameter
    std::map<ConfigId, std::vector<double>> scales;  // dL/ds of the roots that are in here, times 1 / sqrt(elements * quant_max); filled from the root's own slot only
  };
  void pull_back(const Tensors& inputs, const Tape& tape, const Tensors& output_gradients, Gradients& gradients) const;

  // Roots that are ACTIVATED, not powers of two and belong to an activation of the block.
  const std::vector<ConfigId>& activation_scales() const { return activation_scales_; }
  // The first operation of which we know no derivative; kNone: none.
  OperationId without_derivative() const;

 private:
  struct Rule {
    ConfigId root = kNone;
    const Configuration* configuration = nullptr;
    bool own = false;  // the slot's configuration is the root itself
    explicit operator bool() const { return configuration != nullptr; }
  };
  struct Node {
    OperationId id = kNone;
    std::unique_ptr<Differentiable> function;
    std::vector<Rule> input_rules, output_rules;
    Tensors constants;                     // by slot; empty where it is an activation or a parameter
    std::vector<int> parameter;            // by slot, an index of `parameters`; -1: none
    std::vector<char> is_constant, inner;  // by slot; inner: made within the block
  };

  void add(OperationId id, const Facts& facts, Executor::Mode mode);
  std::vector<Rule> rules(const std::vector<ConfigId>& ids, size_t slots, bool quantized);
  TensorPointers operands(const Node& node, const Step& step, const std::vector<const quant::FloatTensor*>& values) const;
  std::vector<const quant::FloatTensor*> values_of(const Tensors& inputs) const;

  const Network& network_;
  std::vector<VariableId> inputs_, outputs_;
  std::vector<Node> nodes_;
  std::vector<ConfigId> activation_scales_;
};

// True where a scale may be learned: ACTIVATED, its own root, linear, no power of two, not dynamic.
bool is_trainable_scale(const Configurations& configurations, ConfigId id);

// The block as far as we know derivatives: up to the last operation in which all paths meet before one without. A warning names that operation; nothing is left: nullopt.
std::optional<Block> derivable_part(const Network& network, const Block& block, const Facts& facts, PassReport& report);

}  // namespace assay::ppq

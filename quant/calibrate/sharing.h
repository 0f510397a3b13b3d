// Which tensors must have one quantization. An operator that only moves words (MaxPool, Reshape, Transpose, Slice, Pad, ResizeNearest) gives its output the quantization of its
// input: such a chain is measured at its source; so does AveragePool where the target says so. Where the target joins the inputs of Add and Sub, or the inputs and the output of
// Concat, those chains form a group.
//
// Where the target concatenates the scales of a Concat's inputs, its output's channels come from several sources. Operators that move words without mixing channels hand that on,
// and so does Relu; weights of Conv, ConvTranspose and MatMul can be normalised to it. Whatever else mixes or reads such channels makes their sources one group.
#pragma once

#include <string>
#include <vector>

#include "quant/quantized.h"

namespace assay::quant {

struct Sharing {
  std::vector<std::vector<ValueId>> sources;  // by value: the first of its chain, itself where it begins one; or one for each channel
  std::vector<ValueId> group;                 // by value: the least source of its (first channel's) group
  std::vector<bool> shares;                   // by value: whether it has the quantization of its producer's inputs
  std::vector<bool> beside;                   // by source: whether its words lie beside another's in one tensor
  std::vector<std::string> by;                // by value: the operator through which it first came to share ("max_pool", "concat"); empty where it shares nothing

  bool begins(ValueId id) const { return sources[id].size() == 1 && sources[id][0] == id; }
};

Sharing find_sharing(const Graph& graph, const emu::Target& target);

// Whether the operator only moves words, one input's to the output.
bool moves_words(const Operator& op);

}  // namespace assay::quant

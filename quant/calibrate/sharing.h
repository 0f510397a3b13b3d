// Which tensors must have one quantization. An operator that only moves words (MaxPool, Reshape, Transpose, Slice, Pad, ResizeNearest) gives its output the quantization of its
// input: such a chain is measured at its source; so does AveragePool where the target says so. Where the target joins the inputs of Add and Sub, or the inputs and the output of
// Concat, those chains form a group.
#pragma once

#include <string>
#include <vector>

#include "quant/quantized.h"

namespace assay::quant {

struct Sharing {
  std::vector<ValueId> source;  // by value: the first of its chain, itself where it begins one
  std::vector<ValueId> group;   // by value: the least source of its group
  std::vector<bool> shares;     // by value: whether it has the quantization of its producer's first input
  std::vector<std::string> by;  // by value: the operator through which it first came to share ("max_pool", "concat"); empty where it shares nothing
};

Sharing find_sharing(const Graph& graph, const emu::Target& target);

// Whether the operator only moves words, one input's to the output.
bool moves_words(const Operator& op);

}  // namespace assay::quant

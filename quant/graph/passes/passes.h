// Rewrites that do not change what the graph computes in reals. Each is one file here; each leaves a graph that check() accepts.
#pragma once

#include "quant/graph/graph.h"

namespace assay::emu {
struct Target;
}

namespace assay::quant {

// Conv/ConvTranspose/MatMul followed by Add of a constant bias (per output channel, only consumer): the constant becomes, or is added to, the bias.
void fold_bias_add(Graph& graph);

// Conv/ConvTranspose/MatMul followed by BatchNorm (only consumer): PPQ's float32 formula (ppq.md 6.0.5). Other BatchNorms become depthwise 1x1 Convs.
void fold_batch_norm(Graph& graph);

// Relu or Clip that is the only consumer of a computing node (Conv, ConvTranspose, MatMul, Binary, AveragePool) moves into it.
void fuse_activations(Graph& graph);

// LeakyRelu that is the only consumer of a Conv, ConvTranspose or MatMul without an activation moves into it where the target's steps of that operator hold `leaky_fp32 slope`, and
// Relu and Clip behind it follow. Calibration begins with it.
void fuse_leaky_relu(Graph& graph, const emu::Target& target);

// Values and nodes that no output needs are removed.
void remove_dead(Graph& graph);

// All of the above that ask for no target, in their order: what every model goes through after import.
void simplify(Graph& graph);

}  // namespace assay::quant

// PPQ's two analyses of a quantized network (ppq.md 8): how far each computing operation's output is from FP32 when everything is quantized (graphwise), and how far the network's
// outputs are when only that operation is (layerwise). Only quantized computing operations have rows, in the order of network.order.
#pragma once

#include <string>
#include <vector>

#include "quant/ppq/executor.h"
#include "quant/ppq/pass.h"

namespace assay::ppq {

// Of a quantized tensor y and its reference r, by rows of the first axis (a tensor of one axis is one row), the mean over the rows:
//   snr     sum((y - r)^2) / (sum(r^2) + 1e-7): noise over signal, larger is worse
//   mse     mean((y - r)^2)
//   cosine  sum(y r) / max(|y| |r|, 1e-8)
// PPQ sums in float32, in no specified order; here in double.
struct Errors {
  double snr = 0, mse = 0, cosine = 1;
};
Errors errors_of(const FloatTensor& quantized, const FloatTensor& reference);

struct OperationErrors {
  OperationId operation = kNone;
  std::string name;
  Errors errors;  // over the batches: the mean weighted with their sizes
};

inline constexpr size_t kAnalysisSteps = 8;

// Both run steps + 1 batches, as PPQ does, or as many as there are inputs. Of `context` they use inputs, threads, progress and cancelled (then with the batches seen so far).
// Graphwise looks at 4096 elements of each sample of output 0, drawn with repetition by PPQ's own sequence, after quantization there.
std::vector<OperationErrors> graphwise_analysis(const Network& network, const Context& context, size_t steps = kAnalysisSteps);
// The mean of the errors of all network outputs.
std::vector<OperationErrors> layerwise_analysis(const Network& network, const Context& context, size_t steps = kAnalysisSteps);

// i_0 = seed mod n, seed = (0x343FD seed + 0x269EC3) mod 2^32 from seed 10086.
std::vector<size_t> sampled_indices(size_t elements, size_t fetches);

// The worst first, with a bar of 20 blocks from the least to the greatest, as PPQ's log has them:
//   Layer   | NOISE:SIGNAL POWER RATIO
//   conv0:  | ████████████████████ | 4.9690%
enum class Measure : uint8_t { snr, mse, cosine };
std::string table_of(const std::vector<OperationErrors>& rows, Measure measure);

}  // namespace assay::ppq

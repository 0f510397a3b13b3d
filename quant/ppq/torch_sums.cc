#include "quant/ppq/torch_sums.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "emu/base/error.h"
#include "emu/kernels/vectorize.h"

namespace assay::ppq {
namespace {

using quant::FloatTensor;
using Operands = std::vector<const FloatTensor*>;

constexpr size_t kSumLanes = 16, kSumVectors = 4, kSumBlock = kSumLanes * kSumVectors;  // sums side by side
constexpr size_t kSumRows = 4;                                                          // outputs at once
constexpr int64_t kNativeElements = 20480;

using Vector __attribute__((vector_size(kSumLanes * sizeof(float)))) = float;

// sums[r][p] over k = 0, 1 ...: + f32(columns[k][p] * weights[r][k]), or fused with one rounding.
template <bool kFused>
ASSAY_VECTORIZE void add_chain(const float* columns, const float* const* weights, size_t depth, float* const* sums) {
  Vector held[kSumRows][kSumVectors];
  for (size_t r = 0; r < kSumRows; ++r) std::memcpy(&held[r], sums[r], sizeof held[r]);
  for (size_t k = 0; k < depth; ++k) {
    Vector x[kSumVectors];
    std::memcpy(&x, columns + k * kSumBlock, sizeof x);
    for (size_t r = 0; r < kSumRows; ++r) {
      const float w = weights[r][k];
      for (size_t v = 0; v < kSumVectors; ++v) {
        if constexpr (kFused) {
          for (size_t lane = 0; lane < kSumLanes; ++lane) held[r][v][lane] = __builtin_fmaf(x[v][lane], w, held[r][v][lane]);
        } else {
          held[r][v] += x[v] * w;
        }
      }
    }
  }
  for (size_t r = 0; r < kSumRows; ++r) std::memcpy(sums[r], &held[r], sizeof held[r]);
}

// `count` outputs of one block of kSumBlock places: out[r * stride + p] begins with start[r] (0 where null).
struct BlockSums {
  const float* columns;  // [depth][kSumBlock]
  const float* weights;  // [count][depth]
  const float* start;
  size_t count, depth;
  bool fused;

  void run(float* out, size_t stride, size_t places) const {
    std::vector<float> held(kSumRows * kSumBlock);
    for (size_t first = 0; first < count; first += kSumRows) {
      const float* rows[kSumRows];
      float* sums[kSumRows];
      for (size_t r = 0; r < kSumRows; ++r) {
        const size_t row = std::min(first + r, count - 1);  // the last one again where there are fewer
        rows[r] = weights + row * depth;
        sums[r] = held.data() + r * kSumBlock;
        std::fill_n(sums[r], kSumBlock, start == nullptr ? 0.0F : start[row]);
      }
      fused ? add_chain<true>(columns, rows, depth, sums) : add_chain<false>(columns, rows, depth, sums);
      for (size_t r = 0; r < kSumRows && first + r < count; ++r) std::copy_n(sums[r], places, out + (first + r) * stride);
    }
  }
};

struct Tap {
  int64_t channel, row, column;
};

class TorchConv final : public quant::Product {
 public:
  TorchConv(const quant::Conv& op, const Shape& x, const Shape& w, Shape y, bool channels_last) : op_(op), x_(x), w_(w), y_(std::move(y)) {
    const bool is_1x1 = w[2] == 1 && w[3] == 1;
    const bool moves = op.stride != std::vector<int64_t>{1, 1} || op.dilation != std::vector<int64_t>{1, 1};
    fused_ = (moves || x[0] >= 16 || !is_1x1) && (op.groups > 1 || (w[2] > 3 && w[3] > 3) || x[0] > 1 || element_count(x) > kNativeElements);
    // oneDNN's depthwise bodies begin with the bias, BLAS does where its operands are not transposed.
    const bool channels_first = !fused_ && !channels_last;
    bias_last_ = fused_ ? op.groups == 1 : channels_last;
    const int64_t block = channels_first ? 1 : w[1];
    for (int64_t first = 0; first < w[1]; first += block) {
      for (int64_t row = 0; row < w[2]; ++row) {
        for (int64_t column = 0; column < w[3]; ++column) {
          for (int64_t channel = first; channel < first + block; ++channel) taps_.push_back({channel, row, column});
        }
      }
    }
  }

  FloatTensor run(const Operands& inputs) const override {
    FloatTensor result(y_);
    const std::vector<float> weights = in_order(*inputs[1]);
    const auto places = static_cast<size_t>(y_[2] * y_[3]);
    const auto outputs = static_cast<size_t>(y_[1] / op_.groups);
    std::vector<float> columns(taps_.size() * kSumBlock);
    for (int64_t image = 0; image < y_[0]; ++image) {
      for (int64_t group = 0; group < op_.groups; ++group) {
        const size_t first_output = static_cast<size_t>(group) * outputs;
        const float* bias = inputs.size() > 2 && inputs[2] != nullptr ? inputs[2]->data.data() + first_output : nullptr;
        for (size_t first = 0; first < places; first += kSumBlock) {
          const size_t count = std::min(kSumBlock, places - first);
          gather(*inputs[0], image, group, first, count, columns.data());
          float* out = result.data.data() + (static_cast<size_t>(image * y_[1]) + first_output) * places + first;
          BlockSums{columns.data(), weights.data() + first_output * taps_.size(), bias_last_ ? nullptr : bias, outputs, taps_.size(), fused_}.run(out, places, count);
          for (size_t output = 0; bias_last_ && bias != nullptr && output < outputs; ++output) {
            for (size_t place = 0; place < count; ++place) out[output * places + place] += bias[output];
          }
        }
      }
    }
    return result;
  }

 private:
  // [output][tap]
  std::vector<float> in_order(const FloatTensor& weight) const {
    std::vector<float> ordered;
    ordered.reserve(weight.size());
    for (int64_t output = 0; output < w_[0]; ++output) {
      for (const Tap& tap : taps_) ordered.push_back(weight.data[static_cast<size_t>(((output * w_[1] + tap.channel) * w_[2] + tap.row) * w_[3] + tap.column)]);
    }
    return ordered;
  }

  // columns[tap][place] of `count` places from `first` on; zero in the padding.
  void gather(const FloatTensor& x, int64_t image, int64_t group, size_t first, size_t count, float* columns) const {
    for (const Tap& tap : taps_) {
      const float* plane = x.data.data() + ((image * x_[1] + group * w_[1] + tap.channel) * x_[2]) * x_[3];
      int64_t row = static_cast<int64_t>(first) / y_[3], column = static_cast<int64_t>(first) % y_[3];
      for (size_t place = 0; place < count; ++place) {
        const int64_t r = row * op_.stride[0] - op_.pads[0] + tap.row * op_.dilation[0];
        const int64_t c = column * op_.stride[1] - op_.pads[1] + tap.column * op_.dilation[1];
        columns[place] = r >= 0 && r < x_[2] && c >= 0 && c < x_[3] ? plane[r * x_[3] + c] : 0.0F;
        if (++column == y_[3]) column = 0, ++row;
      }
      columns += kSumBlock;
    }
  }

  quant::Conv op_;
  Shape x_, w_, y_;
  bool fused_ = false;
  bool bias_last_ = false;
  std::vector<Tap> taps_;
};

// a [M, K] times b [K, N], perhaps plus a row [N].
class TorchProduct final : public quant::Product {
 public:
  explicit TorchProduct(Shape y) : y_(std::move(y)) {}

  FloatTensor run(const Operands& inputs) const override {
    FloatTensor result(y_);
    const FloatTensor &a = *inputs[0], &b = *inputs[1];
    const auto depth = static_cast<size_t>(b.shape[0]), width = static_cast<size_t>(b.shape[1]);
    std::vector<float> columns(depth * kSumBlock);
    for (size_t first = 0; first < width; first += kSumBlock) {
      const size_t count = std::min(kSumBlock, width - first);
      for (size_t k = 0; k < depth; ++k) {
        std::copy_n(b.data.data() + k * width + first, count, columns.data() + k * kSumBlock);
        std::fill_n(columns.data() + k * kSumBlock + count, kSumBlock - count, 0.0F);
      }
      BlockSums{columns.data(), a.data.data(), nullptr, a.size() / depth, depth, false}.run(result.data.data() + first, width, count);
    }
    if (inputs.size() > 2 && inputs[2] != nullptr) {
      for (size_t i = 0; i < result.size(); ++i) result.data[i] += inputs[2]->data[i % inputs[2]->size()];
    }
    return result;
  }

 private:
  Shape y_;
};

}  // namespace

std::unique_ptr<quant::Product> prepare_torch_sums(const quant::Graph& graph, const quant::Node& node, bool channels_last) {
  const Shape& y = graph.value(node.output).shape;
  const auto shape = [&](size_t i) -> const Shape& { return graph.value(node.inputs[i]).shape; };
  if (const auto* conv = std::get_if<quant::Conv>(&node.op)) return std::make_unique<TorchConv>(*conv, shape(0), shape(1), y, channels_last);
  if (std::holds_alternative<quant::MatMul>(node.op) && shape(1).size() == 2 && shape(0).size() == 2) return std::make_unique<TorchProduct>(y);
  return nullptr;
}

}  // namespace assay::ppq

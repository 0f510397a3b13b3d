#include "emu/kernels/softmax.h"

#include <algorithm>

#include "emu/kernels/by_channel.h"
#include "emu/kernels/division.h"
#include "emu/kernels/fast_steps.h"
#include "emu/kernels/maps.h"

namespace assay::emu {
namespace {

struct SoftmaxKernel {
  Ref x;
  std::vector<int64_t> table;
  size_t extent, inner;  // of the axis, and from one of its elements to the next
  ScaledDivision divide;
  FastSteps steps;

  Tensor operator()(const OpContext& context, OpRun& run) const {
    const Tensor& from = context.tensor(x);
    Tensor result(context.result().type, context.result().shape);
    std::vector<int64_t> quotients(from.size());
    std::visit(
        [&](const auto& storage) {
          for (size_t row = 0; extent > 0 && row < from.size() / extent; ++row) divide_row(storage.data(), row / inner * extent * inner + row % inner, quotients.data());
        },
        from.storage());
    const Channels channels = channels_of(result.shape());
    std::visit(
        [&](const auto& storage) {
          auto* const results = result.data<typename std::decay_t<decltype(storage)>::value_type>();
          run_neighbours(channels, 0, quotients.size(), true, run.overflows,
                         [&](size_t start, size_t size, size_t channel, auto& counts) { steps.run(quotients.data() + start, size, channel, results + start, counts); });
        },
        result.storage());
    return result;
  }

  template <class T>
  void divide_row(const T* values, size_t first, int64_t* quotients) const {
    const T* const row = values + first;
    T largest = row[0];
    for (size_t j = 1; j < extent; ++j) largest = std::max(largest, row[j * inner]);
    int64_t sum = 0;
    const auto exponential = [&](size_t j) { return table[static_cast<size_t>(static_cast<int64_t>(largest) - static_cast<int64_t>(row[j * inner]))]; };
    for (size_t j = 0; j < extent; ++j) sum += exponential(j);
    for (size_t j = 0; j < extent; ++j) quotients[first + j * inner] = divide(exponential(j), sum);
  }
};

}  // namespace

PreparedKernel prepare(const Softmax& op, const OpContext& context) {
  const Shape& shape = context.result().shape;
  const auto axis = static_cast<size_t>(op.axis < 0 ? op.axis + static_cast<int64_t>(shape.size()) : op.axis);
  auto table = context.tensor(op.table).values();
  const Wide largest = *std::max_element(table.begin(), table.end());
  const Wide worst = largest * std::max<int64_t>(shape[axis], 1);
  // No term is negative, so an unsigned register will do.
  if (!op.acc.type.holds(worst)) return {nullptr, "a sum could leave the accumulator " + to_string(op.acc)};
  const QScale scale = context.scale(op.requant.scale).front();
  const ScaledDivision divide(largest, worst, scale, op.divide);
  auto steps = FastSteps::prepare(context.steps(op.requant.steps), divide.largest(), {{0, scale}}, context.result(), op.requant.clamp);
  if (!steps || worst >= Wide{1} << 62) return {nullptr, "a requantization step could leave 125 bits"};
  return {SoftmaxKernel{op.x, std::move(table), static_cast<size_t>(shape[axis]), static_cast<size_t>(strides_of(shape)[axis]), divide, std::move(*steps)}, ""};
}

}  // namespace assay::emu

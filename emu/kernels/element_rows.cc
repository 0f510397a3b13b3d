#include "emu/kernels/element_rows.h"

#include <algorithm>

#include "emu/kernels/by_channel.h"
#include "emu/kernels/vectorize.h"

namespace assay::emu {
namespace {

constexpr size_t kTile = 256;

template <class Word>
ASSAY_VECTORIZE void centre(const Word* x, size_t size, int64_t zero_point, int64_t* values) {
  for (size_t i = 0; i < size; ++i) values[i] = static_cast<int64_t>(x[i]) - zero_point;
}

// x - zero point of a row's elements.
void centred(const Tensor& x, size_t first, size_t size, int64_t zero_point, int64_t* values) {
  std::visit([&](const auto& storage) { centre(storage.data() + first, size, zero_point, values); }, x.storage());
}

Wide worst_of(IntType type, int64_t zero_point) {
  return std::max({Wide{1}, type.max() - zero_point, zero_point - type.min()});
}

// Calls with(results) with the tensor's own elements.
template <class With>
void with_elements(Tensor& tensor, const With& with) {
  std::visit([&](const auto& storage) { with(tensor.data<typename std::decay_t<decltype(storage)>::value_type>()); }, tensor.storage());
}

const PreparedKernel kStepsTooWide{nullptr, "a requantization step could leave 125 bits"};

std::optional<FastSteps> steps_of(const Requant& requant, ScaleRef scale, Wide worst, const OpContext& context) {
  const size_t channels = channels_of(context.result().shape).count;
  return FastSteps::prepare(context.steps(requant.steps), worst, channel_constants({}, context.scale(scale), channels), context.result(), requant.clamp);
}

// A row of one channel by two lists of steps, one for values below 0.
template <class Result>
void run_by_sign(const FastSteps& positive, const FastSteps& negative, const int64_t* values, size_t size, size_t channel, Result* results, FastSteps::RowCounts& counts) {
  int64_t sides[2][kTile];
  Result done[2][kTile];
  size_t sizes[2] = {0, 0};
  for (size_t i = 0; i < size; ++i) {
    const size_t side = values[i] < 0 ? 1 : 0;
    sides[side][sizes[side]++] = values[i];
  }
  positive.run(sides[0], sizes[0], channel, done[0], counts);
  negative.run(sides[1], sizes[1], channel, done[1], counts);
  size_t next[2] = {0, 0};
  for (size_t i = 0; i < size; ++i) {
    const size_t side = values[i] < 0 ? 1 : 0;
    results[i] = done[side][next[side]++];
  }
}

// Every row of a tensor through run_row(values, size, channel, results, counts); `uniform`: its channels share their constants.
template <class RunRow>
Tensor by_rows(const Tensor& x, int64_t zero_point, bool uniform, const OpContext& context, OpRun& run, const RunRow& run_row) {
  Tensor result(context.result().type, context.result().shape);
  const Channels channels = channels_of(result.shape());
  with_elements(result, [&](auto* results) {
    for (size_t first = 0; first < result.size(); first += kTile) {
      run_neighbours(channels, first, std::min(kTile, result.size() - first), uniform, run.overflows, [&](size_t start, size_t size, size_t channel, auto& counts) {
        int64_t values[kTile];
        centred(x, start, size, zero_point, values);
        run_row(values, size, channel, results + start, counts);
      });
    }
  });
  return result;
}

}  // namespace

PreparedKernel requantize_rows(const Requantize& op, const OpContext& context) {
  auto steps = steps_of(op.requant, op.requant.scale, worst_of(context.type(op.x), op.zx), context);
  if (!steps) return kStepsTooWide;
  return {[x = op.x, zx = op.zx, steps = std::move(*steps)](const OpContext& at, OpRun& run) {
            return by_rows(at.tensor(x), zx, steps.channels() == 1, at, run,
                           [&](const int64_t* values, size_t size, size_t channel, auto* results, auto& counts) { steps.run(values, size, channel, results, counts); });
          },
          ""};
}

PreparedKernel leaky_relu_rows(const LeakyRelu& op, const OpContext& context) {
  const Wide worst = worst_of(context.type(op.x), op.zx);
  auto positive = steps_of(op.requant, op.requant.scale, worst, context), negative = steps_of(op.requant, op.negative, worst, context);
  if (!positive || !negative) return kStepsTooWide;
  return {[x = op.x, zx = op.zx, positive = std::move(*positive), negative = std::move(*negative)](const OpContext& at, OpRun& run) {
            return by_rows(
                at.tensor(x), zx, positive.channels() == 1 && negative.channels() == 1, at, run,
                [&](const int64_t* values, size_t size, size_t channel, auto* results, auto& counts) { run_by_sign(positive, negative, values, size, channel, results, counts); });
          },
          ""};
}

PreparedKernel table_rows(const TableLookup& op, const OpContext& context) {
  const IntType type = context.type(op.x);
  if (context.shape(op.table).size() > 1) return {nullptr, "tables of single channels over more than 8 bits"};
  const auto entries = context.tensor(op.table).values();
  // What interpolates is worked out for every word.
  Tensor words(context.result().type, {int64_t{1} << type.bits});
  for (size_t i = 0; i < words.size(); ++i) words.set(i, look_up(entries, type, op.form, static_cast<int64_t>(type.min()) + static_cast<int64_t>(i)));
  return {[x = op.x, low = static_cast<int64_t>(type.min()), words = std::move(words)](const OpContext& at, OpRun&) {
            const Tensor& from = at.tensor(x);
            Tensor result(at.result().type, at.result().shape);
            with_elements(result, [&](auto* results) {
              const auto* const table = words.data<std::decay_t<decltype(*results)>>();
              std::visit(
                  [&](const auto& storage) {
                    for (size_t i = 0; i < storage.size(); ++i) results[i] = table[static_cast<size_t>(static_cast<int64_t>(storage[i]) - low)];
                  },
                  from.storage());
            });
            return result;
          },
          ""};
}

PreparedKernel concat_rows(const Concat& op, const OpContext& context) {
  const Shape& shape = context.result().shape;
  const auto axis = static_cast<size_t>(op.axis);
  // Pieces that lie together in an input and in the result, each within one channel.
  const auto within = static_cast<size_t>(strides_of(shape)[axis]), inner = channels_of(shape).inner;
  std::vector<FastSteps> steps;
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    auto own = steps_of({op.scales[i], op.steps, {}}, op.scales[i], worst_of(context.type(op.inputs[i]), op.zero_points[i]), context);
    if (!own) return kStepsTooWide;
    steps.push_back(std::move(*own));
  }
  return {[op, axis, within, inner, steps = std::move(steps)](const OpContext& at, OpRun& run) {
            Tensor result(at.result().type, at.result().shape);
            const Channels channels = channels_of(result.shape());
            const size_t slab = static_cast<size_t>(result.shape()[axis]) * within;
            with_elements(result, [&](auto* results) {
              size_t first = 0;  // of the input's part of a slab
              for (size_t i = 0; i < op.inputs.size(); ++i) {
                const Tensor& x = at.tensor(op.inputs[i]);
                const size_t block = static_cast<size_t>(x.shape()[axis]) * within;
                for (size_t done = 0; done < x.size();) {
                  const size_t in_block = done % block, to = done / block * slab + first + in_block;
                  const size_t size = std::min({block - in_block, inner - to % inner, kTile}), channel = to / inner % channels.count;
                  int64_t values[kTile];
                  FastSteps::RowCounts counts;
                  centred(x, done, size, op.zero_points[i], values);
                  steps[i].run(values, size, channel, results + to, counts);
                  add_counts(run.overflows, counts, channel, channels.count);
                  done += size;
                }
                first += block;
              }
            });
            return result;
          },
          ""};
}

}  // namespace assay::emu

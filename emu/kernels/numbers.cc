#include "emu/kernels/numbers.h"

#include <algorithm>
#include <bit>

#include "emu/base/error.h"
#include "emu/kernels/by_channel.h"
#include "emu/kernels/fp32_rows.h"
#include "emu/kernels/fpu.h"
#include "emu/ops/elementwise.h"
#include "emu/ops/window.h"

namespace assay::emu {
namespace {

constexpr size_t kNumbersTile = 256;
const PreparedKernel kNoSteps{nullptr, "the steps on numbers have no kernel"};

template <class Use>
void with_results(Tensor& tensor, const Use& use) {
  std::visit([&](const auto& storage) { use(tensor.data<typename std::decay_t<decltype(storage)>::value_type>()); }, tensor.storage());
}

// Every number through the steps of its channel.
void store(const std::vector<float>& numbers, const FastSteps& steps, Tensor& result, OverflowCounts& overflows) {
  const Channels channels = channels_of(result.shape());
  with_results(result, [&](auto* results) {
    for (size_t first = 0; first < result.size(); first += kNumbersTile) {
      run_neighbours(channels, first, std::min(kNumbersTile, result.size() - first), steps.channels() == 1, overflows,
                     [&](size_t start, size_t size, size_t channel, auto& counts) { steps.run(numbers.data() + start, size, channel, results + start, counts); });
    }
  });
}

// Numbers that left binary32, by channel.
void count_infinite(const std::vector<float>& numbers, const Tensor& result, OverflowCounts& overflows) {
  const Channels channels = channels_of(result.shape());
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (is_finite(numbers[i])) continue;
    overflows.accumulator.resize(channels.count);
    ++overflows.accumulator[i / channels.inner % channels.count];
  }
}

size_t channels_of_result(const OpContext& context) {
  return channels_of(context.result().shape).count;
}

// The operand as the result's elements meet it.
std::vector<float> spread(const std::vector<float>& numbers, const Shape& shape, const Shape& result) {
  if (shape == result) return numbers;
  std::vector<float> spread;
  spread.reserve(static_cast<size_t>(element_count(result)));
  walk<1>({broadcast_offsets(shape, result)}, [&](const std::array<int64_t, 1>& at) { spread.push_back(numbers[static_cast<size_t>(at[0])]); });
  return spread;
}

// join(first operand in place, second, size).
template <class Join>
PreparedKernel joined_kernel(Ref a, Ref b, const Requant& requant, bool counts_infinite, const Join& join, const OpContext& context) {
  auto steps = steps_on_numbers(requant, requant.scale, channels_of_result(context), context);
  if (!steps) return kNoSteps;
  return {[a, b, counts_infinite, join, steps = std::move(*steps)](const OpContext& at, OpRun& run) {
            ASSAY_ASSERT(fpu::is_ieee());
            Tensor result(at.result().type, at.result().shape);
            std::vector<float> numbers = spread(numbers_of(at.tensor(a)), at.shape(a), result.shape());
            const std::vector<float> others = spread(numbers_of(at.tensor(b)), at.shape(b), result.shape());
            join(numbers.data(), others.data(), numbers.size());
            if (counts_infinite) count_infinite(numbers, result, run.overflows);
            store(numbers, steps, result, run.overflows);
            return result;
          },
          ""};
}

template <bool kSubtract>
PreparedKernel prepare_numbers(const AddOrSub<kSubtract>& op, const OpContext& context) {
  if (!context.steps(op.operand_steps).empty()) return {nullptr, "operands with steps of their own have no kernel on numbers"};
  const auto join = [](float* numbers, const float* others, size_t size) {
    if (!kSubtract) return fpu::add_fp32(numbers, size, others);
    std::vector<float> negated(others, others + size);
    for (float& value : negated) value = -value;
    fpu::add_fp32(numbers, size, negated.data());
  };
  return joined_kernel(op.a, op.b, op.requant, false, join, context);
}

PreparedKernel prepare_numbers(const Mul& op, const OpContext& context) {
  return joined_kernel(
      op.a, op.b, op.requant, true, [](float* numbers, const float* others, size_t size) { fpu::mul_fp32(numbers, size, others); }, context);
}

PreparedKernel prepare_numbers(const Requantize& op, const OpContext& context) {
  auto steps = steps_on_numbers(op.requant, op.requant.scale, channels_of_result(context), context);
  if (!steps) return kNoSteps;
  return {[x = op.x, steps = std::move(*steps)](const OpContext& at, OpRun& run) {
            ASSAY_ASSERT(fpu::is_ieee());
            Tensor result(at.result().type, at.result().shape);
            store(numbers_of(at.tensor(x)), steps, result, run.overflows);
            return result;
          },
          ""};
}

// The numbers of each sign together through their own steps.
PreparedKernel prepare_numbers(const LeakyRelu& op, const OpContext& context) {
  auto positive = steps_on_numbers(op.requant, op.requant.scale, channels_of_result(context), context);
  auto negative = steps_on_numbers(op.requant, op.negative, channels_of_result(context), context);
  if (!positive || !negative) return kNoSteps;
  return {[x = op.x, positive = std::move(*positive), negative = std::move(*negative)](const OpContext& at, OpRun& run) {
            ASSAY_ASSERT(fpu::is_ieee());
            Tensor result(at.result().type, at.result().shape);
            const std::vector<float> numbers = numbers_of(at.tensor(x));
            const Channels channels = channels_of(result.shape());
            with_results(result, [&](auto* results) {
              using Result = std::decay_t<decltype(*results)>;
              std::vector<float> side;
              std::vector<size_t> places;
              for (size_t row = 0; row < channels.outer * channels.count; ++row) {
                for (const bool below : {false, true}) {
                  side.clear(), places.clear();
                  for (size_t i = row * channels.inner; i < (row + 1) * channels.inner; ++i) {
                    if ((numbers[i] < 0) == below) side.push_back(numbers[i]), places.push_back(i);
                  }
                  std::vector<Result> words(side.size());
                  FastSteps::RowCounts counts;
                  (below ? negative : positive).run(side.data(), side.size(), row % channels.count, words.data(), counts);
                  add_counts(run.overflows, counts, row % channels.count, channels.count);
                  for (size_t i = 0; i < places.size(); ++i) results[places[i]] = words[i];
                }
              }
            });
            return result;
          },
          ""};
}

// visit(plane, rows of the window, columns of the window) for every output in order.
template <class Op, class Visit>
void walk_windows(const Op& op, const Shape& in, const Shape& out, const std::vector<int64_t>& dilation, const Visit& visit) {
  const Taps rows = convolution_taps(window_axis(0, in, out, op.kernel, op.stride, op.pads, dilation));
  const Taps columns = convolution_taps(window_axis(1, in, out, op.kernel, op.stride, op.pads, dilation));
  for (int64_t plane = 0; plane < in[0] * in[1]; ++plane) {
    for (const auto& window_rows : rows) {
      for (const auto& window_columns : columns) visit(plane, window_rows, window_columns);
    }
  }
}

PreparedKernel prepare_numbers(const AveragePool& op, const OpContext& context) {
  if (op.acc.fp32->order != Fp32Order::sequential) return {nullptr, "sums in the order " + to_string(op.acc) + " have no kernel on numbers"};
  const size_t entries = context.scale(op.requant.scale).size();
  auto steps = steps_on_numbers(op.requant, op.requant.scale, entries, context);
  if (!steps) return kNoSteps;
  return {[op, entries, steps = std::move(*steps)](const OpContext& at, OpRun& run) {
            ASSAY_ASSERT(fpu::is_ieee());
            const Shape& in = at.shape(op.x);
            Tensor result(at.result().type, at.result().shape);
            const std::vector<float> x = numbers_of(at.tensor(op.x));
            const Channels channels = channels_of(result.shape());
            std::vector<float> sums;
            with_results(result, [&](auto* results) {
              walk_windows(op, in, result.shape(), {1, 1}, [&](int64_t plane, const auto& rows, const auto& columns) {
                float sum = 0;
                for (const Tap& row : rows) {
                  for (const Tap& column : columns) sum += x[static_cast<size_t>((plane * in[2] + row.in) * in[3] + column.in)];
                }
                const size_t count = op.include_pad ? static_cast<size_t>(op.kernel[0] * op.kernel[1]) : rows.size() * columns.size();
                FastSteps::RowCounts counts;
                steps.run(&sum, 1, entries == 1 ? 0 : count - 1, results + sums.size(), counts);
                add_counts(run.overflows, counts, sums.size() / channels.inner % channels.count, channels.count);
                sums.push_back(sum);
              });
            });
            count_infinite(sums, result, run.overflows);
            return result;
          },
          ""};
}

PreparedKernel prepare_numbers(const MaxPool& op, const OpContext&) {
  return {[op](const OpContext& at, OpRun&) {
            const Shape& in = at.shape(op.x);
            Tensor result(at.result().type, at.result().shape);
            const Tensor& words = at.tensor(op.x);
            const std::vector<float> x = numbers_of(words);
            with_results(result, [&](auto* results) {
              const auto* const from = words.data<std::decay_t<decltype(*results)>>();
              walk_windows(op, in, result.shape(), op.dilation, [&](int64_t plane, const auto& rows, const auto& columns) {
                const auto place = [&](const Tap& row, const Tap& column) { return static_cast<size_t>((plane * in[2] + row.in) * in[3] + column.in); };
                size_t largest = place(rows[0], columns[0]);
                for (const Tap& row : rows) {
                  for (const Tap& column : columns) {
                    if (x[largest] < x[place(row, column)]) largest = place(row, column);
                  }
                }
                *results++ = from[largest];
              });
            });
            return result;
          },
          ""};
}

// What only moves words, or looks them up, is the same for any type.
template <class Op>
std::optional<PreparedKernel> prepare_any(const Op& op, const OpContext& context) {
  if constexpr (requires { prepare_numbers(op, context); }) return prepare_numbers(op, context);
  if constexpr (std::is_same_v<Op, ConvTranspose> || std::is_same_v<Op, Softmax>) return PreparedKernel{nullptr, "no kernel on numbers for this operation"};
  if constexpr (std::is_same_v<Op, Concat>) {
    if (!op.scales.empty()) return PreparedKernel{nullptr, "no kernel on numbers for this operation"};
  }
  return std::nullopt;
}

}  // namespace

std::vector<float> numbers_of(const Tensor& tensor) {
  std::vector<float> numbers(tensor.size());
  const FloatFormat format = tensor.type().format;
  std::visit(
      [&](const auto& storage) {
        uint32_t words[kNumbersTile];
        for (size_t first = 0; first < storage.size(); first += kNumbersTile) {
          const size_t size = std::min(kNumbersTile, storage.size() - first);
          for (size_t i = 0; i < size; ++i) words[i] = static_cast<uint32_t>(storage[first + i]);
          widen_row(words, size, format, numbers.data() + first);
        }
      },
      tensor.storage());
  return numbers;
}

std::optional<FastSteps> steps_on_numbers(const Requant& requant, ScaleRef scale, size_t channels, const OpContext& context) {
  return FastSteps::prepare(context.steps(requant.steps), 1, channel_constants({}, context.scale(scale), channels), context.result(), requant.clamp);
}

std::optional<PreparedKernel> prepare_of_numbers(const Operation& operation, const OpContext& context) {
  const auto refs = operands_of(operation);
  if (std::none_of(refs.begin(), refs.end(), [&](Ref ref) { return context.type(ref).is_float(); })) return std::nullopt;
  return std::visit([&](const auto& op) { return prepare_any(op, context); }, operation);
}

}  // namespace assay::emu

#include "emu/ops/op.h"

#include <algorithm>

#include "emu/base/error.h"

namespace assay::emu {
namespace {

// The result's shape seen as [outer, channels, inner] around the channel axis.
struct AxisChannels {
  size_t count = 1;
  size_t inner = 1;
  size_t of(size_t element) const { return element / inner % count; }
};

AxisChannels around_axis(const Shape& shape, int64_t axis) {
  ASSAY_ASSERT(axis >= 0);
  if (shape.empty()) return {};
  const auto at = std::min(static_cast<size_t>(axis), shape.size() - 1);
  return {static_cast<size_t>(shape[at]), static_cast<size_t>(strides_of(shape)[at])};
}

// What the steps of each element refer to: its channel's bias and the scale that `scale_of` names.
class Operands {
 public:
  using ScaleOf = std::function<const QScale&(size_t)>;

  Operands(const Requant& requant, const std::optional<Ref>& bias, AxisChannels channels, const OpContext& context, const ScaleOf& scale_of)
      : channels_(channels), scale_of_(scale_of) {
    if (bias) bias_ = context.tensor(*bias).values();
    ASSAY_ASSERT(!bias || bias_.size() == channels.count);
    common_.output = context.result().type;
    common_.zero_point = context.result().zero_point;
    common_.clamp_low = requant.clamp.low;
    common_.clamp_high = requant.clamp.high;
  }

  StepOperands of(size_t element) const {
    StepOperands operands = common_;
    if (!bias_.empty()) operands.bias = bias_[channels_.of(element)];
    operands.scale = scale_of_(element);
    return operands;
  }

 private:
  AxisChannels channels_;
  const ScaleOf& scale_of_;
  std::vector<int64_t> bias_;
  StepOperands common_;
};

void count(std::vector<uint64_t>& counts, const AxisChannels& channels, size_t element) {
  if (counts.empty()) counts.resize(channels.count);
  ++counts[channels.of(element)];
}

void count(OverflowCounts& overflows, const StepEvents& events, const AxisChannels& channels, size_t element) {
  if (events.intermediate) count(overflows.intermediate, channels, element);
  if (events.output) count(overflows.output, channels, element);
}

// Step by step over the whole tensor, so that each stage can be shown. A value beyond 64 bits is shown as the nearest s64; the arithmetic keeps it whole.
std::vector<Wide> requantize_shown(const std::vector<int64_t>& accumulators, const Steps& steps, const Operands& operands, const Shape& shape, const OpRun& run,
                                   std::vector<StepEvents>& events) {
  std::vector<Wide> values(accumulators.begin(), accumulators.end());
  Tensor shown(kS64, shape, accumulators);
  run.report("accumulator", shown);
  for (size_t s = 0; s < steps.size(); ++s) {
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = apply(steps[s], values[i], operands.of(i), events[i]);
      shown.set(i, static_cast<int64_t>(saturate(values[i], kS64)));
    }
    const std::string text = to_string(steps[s]);
    run.report("step" + std::to_string(s + 1) + " " + text.substr(0, text.find(' ')), shown);
  }
  return values;
}

}  // namespace

const Tensor& OpContext::tensor(Ref ref) const {
  if (ref.is_constant) return program_.constants[ref.index].tensor;
  ASSAY_ASSERT(ref.index < values_.size() && values_[ref.index] != nullptr);
  return *values_[ref.index];
}

const Shape& OpContext::shape(Ref ref) const {
  return ref.is_constant ? program_.constants[ref.index].tensor.shape() : program_.values[ref.index].shape;
}

IntType OpContext::type(Ref ref) const {
  return ref.is_constant ? program_.constants[ref.index].tensor.type() : program_.values[ref.index].type;
}

int64_t channel_axis_of(const Shape& result) {
  return result.size() < 2 ? 0 : 1;
}

namespace {

// `run_length`: how many neighbours share their operands, which are looked up once for them.
Tensor requantize_runs(const std::vector<int64_t>& accumulators, const std::vector<uint8_t>& overflowed, const Requant& requant, const std::optional<Ref>& bias,
                       const AxisChannels& channels, const OpContext& context, OpRun& run, const Operands::ScaleOf& scale_of, size_t run_length) {
  Tensor result(context.result().type, context.result().shape);
  ASSAY_ASSERT(accumulators.size() == result.size() && (overflowed.empty() || overflowed.size() == result.size()));
  const Operands operands(requant, bias, channels, context, scale_of);
  const Steps& steps = context.steps(requant.steps);
  for (size_t i = 0; i < overflowed.size(); ++i) {
    if ((overflowed[i] & kAccumulatorOverflowed) != 0) count(run.overflows.accumulator, channels, i);
  }
  const auto put = [&](size_t i, Wide value, StepEvents events) {
    if (!overflowed.empty() && (overflowed[i] & kOperandOverflowed) != 0) events.intermediate = true;
    ASSAY_ASSERT(result.type().holds(value));
    result.set(i, static_cast<int64_t>(value));
    count(run.overflows, events, channels, i);
  };
  if (run.reporting()) {
    std::vector<StepEvents> events(result.size());
    const auto values = requantize_shown(accumulators, steps, operands, result.shape(), run, events);
    for (size_t i = 0; i < result.size(); ++i) put(i, values[i], events[i]);
    return result;
  }
  for (size_t start = 0; start < result.size(); start += run_length) {
    const StepOperands own = operands.of(start);
    for (size_t i = start; i < start + run_length; ++i) {
      StepEvents events;
      const Wide value = requantize(accumulators[i], steps, own, events);
      put(i, value, events);
    }
  }
  return result;
}

}  // namespace

Tensor requantize_all(const std::vector<int64_t>& accumulators, const std::vector<uint8_t>& overflowed, const Requant& requant, const std::optional<Ref>& bias,
                      int64_t channel_axis, const OpContext& context, OpRun& run, const std::function<size_t(size_t)>& entry) {
  const AxisChannels channels = around_axis(context.result().shape, channel_axis);
  const std::vector<QScale>& scale = context.scale(requant.scale);
  ASSAY_ASSERT(entry || scale.size() == 1 || scale.size() == channels.count);
  const auto scale_of = [&](size_t i) -> const QScale& { return scale.at(entry ? entry(i) : (scale.size() == 1 ? 0 : channels.of(i))); };
  const bool uniform = !entry && !bias && scale.size() == 1;
  return requantize_runs(accumulators, overflowed, requant, bias, channels, context, run, scale_of, entry ? 1 : (uniform ? accumulators.size() : channels.inner));
}

Tensor requantize_all_scaled(const std::vector<int64_t>& accumulators, const std::vector<uint8_t>& overflowed, const Requant& requant, const std::optional<Ref>& bias,
                             int64_t channel_axis, const OpContext& context, OpRun& run, const std::function<const QScale&(size_t)>& scale_of) {
  return requantize_runs(accumulators, overflowed, requant, bias, around_axis(context.result().shape, channel_axis), context, run, scale_of, 1);
}

}  // namespace assay::emu

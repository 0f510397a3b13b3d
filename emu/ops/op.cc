#include "emu/ops/op.h"

#include <algorithm>

#include "emu/base/error.h"

namespace assay::emu {
namespace {

// The result's shape seen as [outer, channels, inner] around the channel axis.
struct Channels {
  size_t count = 1;
  size_t inner = 1;
  size_t of(size_t element) const { return element / inner % count; }
};

Channels channels_of(const Shape& shape, int64_t axis) {
  if (shape.empty()) return {};
  const auto at = std::min(static_cast<size_t>(axis), shape.size() - 1);
  return {static_cast<size_t>(shape[at]), static_cast<size_t>(strides_of(shape)[at])};
}

// What the steps of each element refer to: element i's channel selects the bias, and the scale unless `entry` does.
class Operands {
 public:
  Operands(const Requant& requant, const std::optional<Ref>& bias, Channels channels, const OpContext& context, const std::function<size_t(size_t)>& entry)
      : channels_(channels), scale_(context.scale(requant.scale)), entry_(entry) {
    if (bias) bias_ = context.tensor(*bias).values();
    ASSAY_ASSERT(!bias || bias_.size() == channels.count);
    ASSAY_ASSERT(entry || scale_.size() == 1 || scale_.size() == channels.count);
    common_.output = context.result().type;
    common_.zero_point = context.result().zero_point;
    common_.clamp_low = requant.clamp.low;
    common_.clamp_high = requant.clamp.high;
  }

  // Nothing in them depends on the element.
  bool uniform() const { return bias_.empty() && !entry_ && scale_.size() == 1; }

  StepOperands of(size_t element) const {
    StepOperands operands = common_;
    const size_t channel = channels_.of(element);
    if (!bias_.empty()) operands.bias = bias_[channel];
    const size_t entry = entry_ ? entry_(element) : (scale_.size() == 1 ? 0 : channel);
    ASSAY_ASSERT(entry < scale_.size());
    operands.scale = scale_[entry];
    return operands;
  }

 private:
  Channels channels_;
  const std::vector<QScale>& scale_;
  const std::function<size_t(size_t)>& entry_;
  std::vector<int64_t> bias_;
  StepOperands common_;
};

void count(std::vector<uint64_t>& counts, const Channels& channels, size_t element) {
  if (counts.empty()) counts.resize(channels.count);
  ++counts[channels.of(element)];
}

void count(OverflowCounts& overflows, const StepEvents& events, const Channels& channels, size_t element) {
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

Tensor requantize_all(const std::vector<int64_t>& accumulators, const std::vector<uint8_t>& overflowed, const Requant& requant, const std::optional<Ref>& bias,
                      int64_t channel_axis, const OpContext& context, OpRun& run, const std::function<size_t(size_t)>& entry) {
  ASSAY_ASSERT(channel_axis >= 0);
  Tensor result(context.result().type, context.result().shape);
  ASSAY_ASSERT(accumulators.size() == result.size() && (overflowed.empty() || overflowed.size() == result.size()));
  const Channels channels = channels_of(result.shape(), channel_axis);
  const Operands operands(requant, bias, channels, context, entry);
  const Steps& steps = context.steps(requant.steps);

  for (size_t i = 0; i < overflowed.size(); ++i) {
    if (overflowed[i] != 0) count(run.overflows.accumulator, channels, i);
  }
  const auto put = [&](size_t i, Wide value) {
    ASSAY_ASSERT(result.type().holds(value));
    result.set(i, static_cast<int64_t>(value));
  };
  if (run.reporting()) {
    std::vector<StepEvents> events(result.size());
    const auto values = requantize_shown(accumulators, steps, operands, result.shape(), run, events);
    for (size_t i = 0; i < result.size(); ++i) {
      put(i, values[i]);
      count(run.overflows, events[i], channels, i);
    }
    return result;
  }
  // Elements of one channel lie `inner` at a time beside each other: their operands are looked up once.
  const size_t run_length = entry ? 1 : (operands.uniform() ? result.size() : channels.inner);
  for (size_t start = 0; start < result.size(); start += run_length) {
    const StepOperands own = operands.of(start);
    for (size_t i = start; i < start + run_length; ++i) {
      StepEvents events;
      put(i, requantize(accumulators[i], steps, own, events));
      count(run.overflows, events, channels, i);
    }
  }
  return result;
}

}  // namespace assay::emu

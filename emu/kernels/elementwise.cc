#include "emu/kernels/elementwise.h"

#include <algorithm>

#include "emu/base/error.h"
#include "emu/kernels/element_rows.h"
#include "emu/kernels/fast_steps.h"
#include "emu/kernels/maps.h"

namespace assay::emu {
namespace {

StepOperands operands_of_result(const ValueInfo& result, const QScale& scale, ClampBounds clamp) {
  return {0, scale, result.type, result.zero_point, clamp.low, clamp.high};
}

// One map for the whole tensor, or one per channel.
PreparedKernel mapped(Ref x, std::vector<Map> maps) {
  return {[x, maps = std::move(maps)](const OpContext& context, OpRun& run) {
            const Tensor& from = context.tensor(x);
            Tensor result(context.result().type, context.result().shape);
            const Channels channels = channels_of(result.shape());
            if (maps.size() == 1 && !maps[0].any_intermediate && !maps[0].any_output) {  // nothing to count by channel
              apply_map(maps[0], from, 0, from.size(), result, 0, 0, channels.count, run.overflows);
              return result;
            }
            for (size_t row = 0; row < channels.outer * channels.count; ++row) {
              const size_t channel = row % channels.count;
              apply_map(maps[maps.size() == 1 ? 0 : channel], from, row * channels.inner, channels.inner, result, row * channels.inner, channel, channels.count, run.overflows);
            }
            return result;
          },
          ""};
}

}  // namespace

PreparedKernel prepare(const Requantize& op, const OpContext& context) {
  const IntType type = context.type(op.x);
  if (type.bits > 8) return requantize_rows(op, context);
  std::vector<Map> maps;
  for (const QScale& scale : context.scale(op.requant.scale)) {
    const StepOperands operands = operands_of_result(context.result(), scale, op.requant.clamp);
    maps.push_back(map_of(type, [&](int64_t q, StepEvents& events) { return requantize(q - op.zx, context.steps(op.requant.steps), operands, events); }));
  }
  return mapped(op.x, std::move(maps));
}

PreparedKernel prepare(const LeakyRelu& op, const OpContext& context) {
  const IntType type = context.type(op.x);
  if (type.bits > 8) return leaky_relu_rows(op, context);
  const auto &positive = context.scale(op.requant.scale), &negative = context.scale(op.negative);
  std::vector<Map> maps;
  for (size_t c = 0; c < std::max(positive.size(), negative.size()); ++c) {
    const auto of = [&](const std::vector<QScale>& side) { return operands_of_result(context.result(), side[side.size() == 1 ? 0 : c], op.requant.clamp); };
    maps.push_back(
        map_of(type, [&](int64_t q, StepEvents& events) { return requantize(q - op.zx, context.steps(op.requant.steps), of(q < op.zx ? negative : positive), events); }));
  }
  return mapped(op.x, std::move(maps));
}

PreparedKernel prepare(const TableLookup& op, const OpContext& context) {
  const IntType type = context.type(op.x);
  if (type.bits > 8) return table_rows(op, context);
  const auto all = context.tensor(op.table).values();
  const auto size = static_cast<std::ptrdiff_t>(context.shape(op.table).back());
  std::vector<Map> maps;
  for (auto first = all.begin(); first != all.end(); first += size) {
    const std::vector<int64_t> entries(first, first + size);
    maps.push_back(map_of(type, [&](int64_t q, StepEvents&) { return Wide{look_up(entries, type, op.form, q)}; }));
  }
  return mapped(op.x, std::move(maps));
}

PreparedKernel prepare(const Concat& op, const OpContext& context) {
  if (op.scales.empty()) return {nullptr, "a plain copy is fast as it is"};
  const bool narrow = std::all_of(op.inputs.begin(), op.inputs.end(), [&](Ref input) { return context.type(input).bits <= 8; });
  if (!narrow || op.axis != channel_axis_of(context.result().shape)) return concat_rows(op, context);
  std::vector<Map> maps;
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    const IntType type = context.type(op.inputs[i]);
    const StepOperands operands = operands_of_result(context.result(), context.scale(op.scales[i]).front(), {});
    maps.push_back(map_of(type, [&](int64_t q, StepEvents& events) { return requantize(q - op.zero_points[i], context.steps(op.steps), operands, events); }));
  }
  return {[inputs = op.inputs, maps = std::move(maps)](const OpContext& at, OpRun& run) {
            Tensor result(at.result().type, at.result().shape);
            const Channels to = channels_of(result.shape());
            size_t first_channel = 0;
            for (size_t i = 0; i < inputs.size(); ++i) {
              const Tensor& x = at.tensor(inputs[i]);
              const size_t own = channels_of(x.shape()).count;
              for (size_t row = 0; row < to.outer * own; ++row) {
                const size_t channel = first_channel + row % own;
                apply_map(maps[i], x, row * to.inner, to.inner, result, (row / own * to.count + channel) * to.inner, channel, to.count, run.overflows);
              }
              first_channel += own;
            }
            return result;
          },
          ""};
}

}  // namespace assay::emu

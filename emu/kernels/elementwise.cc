#include "emu/kernels/elementwise.h"

#include <algorithm>

#include "emu/base/error.h"
#include "emu/kernels/fast_steps.h"
#include "emu/kernels/maps.h"

namespace assay::emu {
namespace {

StepOperands operands_of_result(const ValueInfo& result, const QScale& scale, ClampBounds clamp) {
  return {0, scale, result.type, result.zero_point, clamp.low, clamp.high};
}

PreparedKernel too_wide(IntType type) {
  return {nullptr, "an operand of " + to_string(type) + " has no kernel"};
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

// Two operands, each first looked up on its own, then joined into an accumulator.
struct Pair {
  Ref a, b;
  Map map_a, map_b;
  bool product = false;  // else a sum
};

Wide largest(const Map& map) {
  int64_t result = 0;
  for (const int64_t value : map.results) result = std::max(result, std::abs(value));
  return result;
}

// How an operand is walked along the rows of the result: rows of one channel, its elements one by one or all the same.
struct Walk {
  size_t outer_stride = 0, channel_stride = 0, element_stride = 0;
};

// nullopt: broadcast in a way that rows cannot follow.
std::optional<Walk> walk_of(const Shape& operand, const Shape& result) {
  Shape shape(result.size() - operand.size(), 1);
  shape.insert(shape.end(), operand.begin(), operand.end());
  const auto axis = result.empty() ? 0 : static_cast<size_t>(channel_axis_of(result));
  const auto all = [&](size_t from, size_t to, bool ones) {
    for (size_t i = from; i < to; ++i) {
      if (shape[i] != (ones ? 1 : result[i])) return false;
    }
    return true;
  };
  Walk walk;
  if (result.empty()) return walk;
  const Shape strides = strides_of(shape);
  if (all(axis + 1, result.size(), false)) {
    walk.element_stride = 1;
  } else if (!all(axis + 1, result.size(), true)) {
    return std::nullopt;
  }
  if (shape[axis] == result[axis]) walk.channel_stride = static_cast<size_t>(strides[axis]);
  if (axis > 0) {
    if (axis != 1) return std::nullopt;
    if (shape[0] == result[0]) walk.outer_stride = static_cast<size_t>(strides[0]);
  }
  return walk;
}

using Looked = std::array<int32_t, kMapSize>;

Looked narrowed(const Map& map) {
  Looked looked{};
  std::transform(map.results.begin(), map.results.end(), looked.begin(), [](int64_t value) { return static_cast<int32_t>(value); });
  return looked;
}

void look_up(const Looked& map, const Tensor& tensor, size_t first, size_t stride, size_t size, int32_t* values) {
  const auto low = static_cast<int64_t>(tensor.type().min());
  const auto with = [&](const auto* from) {
    if (stride == 0) return static_cast<void>(std::fill(values, values + size, map[static_cast<size_t>(*from - low)]));
    for (size_t i = 0; i < size; ++i) values[i] = map[static_cast<size_t>(from[i] - low)];
  };
  if (tensor.type().is_signed) {
    with(tensor.data<int8_t>() + first);
  } else {
    with(tensor.data<uint8_t>() + first);
  }
}

struct PairKernel {
  Ref a, b;
  Looked map_a, map_b;
  bool product;
  Walk walk_a, walk_b;
  FastSteps steps;

  Tensor operator()(const OpContext& context, OpRun& run) const {
    const Tensor &x_a = context.tensor(a), &x_b = context.tensor(b);
    Tensor result(context.result().type, context.result().shape);
    std::visit([&](const auto& storage) { join(x_a, x_b, result.data<typename std::decay_t<decltype(storage)>::value_type>(), channels_of(result.shape()), run); },
               result.storage());
    return result;
  }

  template <class Result>
  void join(const Tensor& x_a, const Tensor& x_b, Result* results, const Channels& channels, OpRun& run) const {
    constexpr size_t kTile = 256;
    int32_t values_a[kTile], values_b[kTile];
    for (size_t row = 0; row < channels.outer * channels.count; ++row) {
      const size_t channel = row % channels.count, outer = row / channels.count;
      FastSteps::RowCounts counts;
      for (size_t start = 0; start < channels.inner; start += kTile) {
        const size_t size = std::min(kTile, channels.inner - start);
        const auto first = [&](const Walk& walk) { return outer * walk.outer_stride + channel * walk.channel_stride + start * walk.element_stride; };
        look_up(map_a, x_a, first(walk_a), walk_a.element_stride, size, values_a);
        look_up(map_b, x_b, first(walk_b), walk_b.element_stride, size, values_b);
        for (size_t i = 0; i < size; ++i) values_a[i] = product ? values_a[i] * values_b[i] : values_a[i] + values_b[i];
        steps.run(values_a, size, channel, results + row * channels.inner + start, counts);
      }
      add_counts(run.overflows, counts, channel, channels.count);
    }
  }
};

PreparedKernel prepare_pair(Pair pair, const Accumulator& accumulator, const Requant& requant, const OpContext& context) {
  const Shape& result = context.result().shape;
  const auto walk_a = walk_of(context.shape(pair.a), result), walk_b = walk_of(context.shape(pair.b), result);
  if (!walk_a || !walk_b) return {nullptr, "the operands broadcast in a way that has no kernel"};
  const Wide worst_a = largest(pair.map_a), worst_b = largest(pair.map_b);
  const Wide worst = pair.product ? worst_a * worst_b : worst_a + worst_b;
  if (!fits(accumulator, worst)) return {nullptr, "a sum could leave the accumulator " + to_string(accumulator)};
  if (std::max({worst_a, worst_b, worst}) >= Wide{1} << 31) return {nullptr, "a sum could leave 32 bits"};
  auto steps =
      FastSteps::prepare(context.steps(requant.steps), worst, channel_constants({}, context.scale(requant.scale), channels_of(result).count), context.result(), requant.clamp);
  if (!steps) return {nullptr, "a requantization step could leave 63 bits"};
  return {PairKernel{pair.a, pair.b, narrowed(pair.map_a), narrowed(pair.map_b), pair.product, *walk_a, *walk_b, std::move(*steps)}, ""};
}

template <bool kSubtract>
PreparedKernel prepare_sum(const AddOrSub<kSubtract>& op, const OpContext& context) {
  const IntType type_a = context.type(op.a), type_b = context.type(op.b);
  if (type_a.bits > 8) return too_wide(type_a);
  if (type_b.bits > 8) return too_wide(type_b);
  const auto map = [&](IntType type, int64_t zero_point, ScaleRef scale, int sign) {
    StepOperands operands;
    operands.scale = context.scale(scale).front();
    return map_of(type, [&, operands](int64_t q, StepEvents& events) { return sign * requantize(q - zero_point, context.steps(op.operand_steps), operands, events); });
  };
  Pair pair{op.a, op.b, map(type_a, op.za, op.scale_a, 1), map(type_b, op.zb, op.scale_b, kSubtract ? -1 : 1), false};
  if (pair.map_a.any_intermediate || pair.map_b.any_intermediate) return {nullptr, "an operand's step can overflow"};
  return prepare_pair(std::move(pair), op.acc, op.requant, context);
}

}  // namespace

PreparedKernel prepare(const Requantize& op, const OpContext& context) {
  const IntType type = context.type(op.x);
  if (type.bits > 8) return too_wide(type);
  std::vector<Map> maps;
  for (const QScale& scale : context.scale(op.requant.scale)) {
    const StepOperands operands = operands_of_result(context.result(), scale, op.requant.clamp);
    maps.push_back(map_of(type, [&](int64_t q, StepEvents& events) { return requantize(q - op.zx, context.steps(op.requant.steps), operands, events); }));
  }
  return mapped(op.x, std::move(maps));
}

PreparedKernel prepare(const LeakyRelu& op, const OpContext& context) {
  const IntType type = context.type(op.x);
  if (type.bits > 8) return too_wide(type);
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
  if (type.bits > 8) return too_wide(type);
  const auto entries = context.tensor(op.table).values();
  return mapped(op.x, {map_of(type, [&](int64_t q, StepEvents&) { return Wide{look_up(entries, type, op.form, q)}; })});
}

PreparedKernel prepare(const Concat& op, const OpContext& context) {
  if (op.scales.empty()) return {nullptr, "a plain copy is fast as it is"};
  if (op.axis != channel_axis_of(context.result().shape)) return {nullptr, "requantized inputs joined on another axis than the channels have no kernel"};
  std::vector<Map> maps;
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    const IntType type = context.type(op.inputs[i]);
    if (type.bits > 8) return too_wide(type);
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

PreparedKernel prepare(const Add& op, const OpContext& context) {
  return prepare_sum(op, context);
}
PreparedKernel prepare(const Sub& op, const OpContext& context) {
  return prepare_sum(op, context);
}

PreparedKernel prepare(const Mul& op, const OpContext& context) {
  const IntType type_a = context.type(op.a), type_b = context.type(op.b);
  if (type_a.bits > 8) return too_wide(type_a);
  if (type_b.bits > 8) return too_wide(type_b);
  const auto centre = [](IntType type, int64_t zero_point) { return map_of(type, [zero_point](int64_t q, StepEvents&) { return Wide{q - zero_point}; }); };
  return prepare_pair({op.a, op.b, centre(type_a, op.za), centre(type_b, op.zb), true}, op.acc, op.requant, context);
}

}  // namespace assay::emu

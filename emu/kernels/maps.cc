#include "emu/kernels/maps.h"

#include "emu/base/error.h"
#include "emu/kernels/fast_steps.h"
#include "emu/ops/op.h"

namespace assay::emu {

Map map_of(IntType input, const std::function<Wide(int64_t value, StepEvents& events)>& of) {
  ASSAY_ASSERT(input.bits <= 8);
  Map map;
  const auto low = static_cast<int64_t>(input.min());
  for (int64_t q = low; q <= static_cast<int64_t>(input.max()); ++q) {
    StepEvents events;
    const auto i = static_cast<size_t>(q - low);
    map.results[i] = static_cast<int64_t>(of(q, events));
    map.intermediate[i] = events.intermediate ? 1 : 0;
    map.output[i] = events.output ? 1 : 0;
    map.any_intermediate |= events.intermediate;
    map.any_output |= events.output;
  }
  return map;
}

Channels channels_of(const Shape& shape) {
  if (shape.empty()) return {};
  const auto axis = static_cast<size_t>(channel_axis_of(shape));
  Channels channels;
  for (size_t i = 0; i < axis; ++i) channels.outer *= static_cast<size_t>(shape[i]);
  channels.count = static_cast<size_t>(shape[axis]);
  channels.inner = static_cast<size_t>(strides_of(shape)[axis]);
  return channels;
}

void apply_map(const Map& map, const Tensor& x, size_t first, size_t size, Tensor& results, size_t to, size_t channel, size_t channels, OverflowCounts& overflows) {
  const auto with = [&](const auto* from, int64_t low) {
    std::visit(
        [&](const auto& storage) {
          using Result = typename std::decay_t<decltype(storage)>::value_type;
          Result table[kMapSize];
          for (size_t i = 0; i < kMapSize; ++i) table[i] = static_cast<Result>(map.results[i]);
          Result* const result = results.data<Result>() + to;
          for (size_t i = 0; i < size; ++i) result[i] = table[static_cast<size_t>(from[i] - low)];
        },
        results.storage());
    FastSteps::RowCounts counts;
    const auto count = [&](const auto& flags) {
      uint64_t sum = 0;
      for (size_t i = 0; i < size; ++i) sum += flags[static_cast<size_t>(from[i] - low)];
      return sum;
    };
    if (map.any_intermediate) counts.intermediate = count(map.intermediate);
    if (map.any_output) counts.output = count(map.output);
    add_counts(overflows, counts, channel, channels);
  };
  const auto low = static_cast<int64_t>(x.type().min());
  if (x.type().is_signed) {
    with(x.data<int8_t>() + first, low);
  } else {
    with(x.data<uint8_t>() + first, low);
  }
}

}  // namespace assay::emu

// add, sub and mul: each operand by itself is a function of at most 16 bits, worked out once for every value; then the two are joined, row by row.
#include <algorithm>
#include <array>

#include "emu/kernels/elementwise.h"
#include "emu/kernels/fast_steps.h"
#include "emu/kernels/fpu.h"
#include "emu/kernels/maps.h"
#include "emu/kernels/vectorize.h"
#include "emu/ops/walk.h"

namespace assay::emu {
namespace {

constexpr uint8_t kMaxOperandBits = 16;

// How an operand is walked along the rows of the result: rows of one channel, its elements one by one, all the same, or each where `offsets` says.
struct Walk {
  size_t outer_stride = 0, channel_stride = 0, element_stride = 0;
  std::vector<size_t> offsets;  // of a row's elements; empty where the stride says it
};

// Where each element of a result of this shape lies in the operand that broadcasts to it.
std::vector<size_t> element_offsets(const Shape& operand, const Shape& result) {
  std::vector<size_t> offsets;
  walk<1>({broadcast_offsets(operand, result)}, [&](const std::array<int64_t, 1>& at) { offsets.push_back(static_cast<size_t>(at[0])); });
  return offsets;
}

Walk walk_of(const Shape& operand, const Shape& result) {
  if (result.empty()) return {};
  Shape shape(result.size() - operand.size(), 1);
  shape.insert(shape.end(), operand.begin(), operand.end());
  const auto axis = static_cast<size_t>(channel_axis_of(result));
  const Shape inner(shape.begin() + static_cast<std::ptrdiff_t>(axis) + 1, shape.end()), whole(result.begin() + static_cast<std::ptrdiff_t>(axis) + 1, result.end());
  Walk walk;
  const Shape strides = strides_of(shape);
  if (inner == whole) {
    walk.element_stride = 1;
  } else if (element_count(inner) != 1) {
    walk.offsets = element_offsets(inner, whole);
  }
  if (shape[axis] == result[axis]) walk.channel_stride = static_cast<size_t>(strides[axis]);
  if (axis == 1 && shape[0] == result[0]) walk.outer_stride = static_cast<size_t>(strides[0]);
  return walk;
}

// What an operand's own steps make of it.
struct Operand {
  Ref ref;
  Walk walk;
  std::vector<int64_t> values;  // by q - min(type)

  Wide largest() const {
    Wide result = 0;
    for (const int64_t value : values) result = std::max(result, value < 0 ? -Wide{value} : Wide{value});
    return result;
  }
};

std::vector<int64_t> centred_values(IntType type, int64_t zero_point) {
  std::vector<int64_t> values;
  for (Wide q = type.min(); q <= type.max(); ++q) values.push_back(static_cast<int64_t>(q) - zero_point);
  return values;
}

// Two operands in lanes of int32_t or int64_t, joined by addition, subtraction or multiplication; or as binary32 numbers, which are added.
enum class Join : uint8_t { sum, difference, product };

template <class Lane>
ASSAY_VECTORIZE void join_all(Lane* a, const Lane* b, size_t size, Join join) {
  if (join == Join::sum) {
    for (size_t i = 0; i < size; ++i) a[i] += b[i];
  } else if (join == Join::difference) {
    for (size_t i = 0; i < size; ++i) a[i] -= b[i];
  } else {
    for (size_t i = 0; i < size; ++i) a[i] *= b[i];
  }
}

void join_all(float* a, const float* b, size_t size, Join) {
  fpu::add_fp32(a, size, b);
}

template <class Lane>
struct PairKernel {
  Ref a, b;
  Walk walk_a, walk_b;
  std::vector<Lane> table_a, table_b;
  Join join;
  FastSteps steps;

  Tensor operator()(const OpContext& context, OpRun& run) const {
    const Tensor &x_a = context.tensor(a), &x_b = context.tensor(b);
    Tensor result(context.result().type, context.result().shape);
    std::visit([&](const auto& storage) { join_rows(x_a, x_b, result.data<typename std::decay_t<decltype(storage)>::value_type>(), channels_of(result.shape()), run); },
               result.storage());
    return result;
  }

  // `size` elements of a row that begins at element `first` of the tensor, from its `start`-th on.
  static void look_up(const std::vector<Lane>& table, const Tensor& tensor, const Walk& walk, size_t first, size_t start, size_t size, Lane* values) {
    const auto low = static_cast<int64_t>(tensor.type().min());
    std::visit(
        [&](const auto& storage) {
          const auto* const row = storage.data() + first;
          const auto of = [&](size_t at) { return table[static_cast<size_t>(static_cast<int64_t>(row[at]) - low)]; };
          if (!walk.offsets.empty()) {
            for (size_t i = 0; i < size; ++i) values[i] = of(walk.offsets[start + i]);
          } else if (walk.element_stride == 0) {
            std::fill(values, values + size, of(0));
          } else {
            for (size_t i = 0; i < size; ++i) values[i] = of(start + i);
          }
        },
        tensor.storage());
  }

  template <class Result>
  void join_rows(const Tensor& x_a, const Tensor& x_b, Result* results, const Channels& channels, OpRun& run) const {
    constexpr size_t kPairsTile = 256;
    Lane values_a[kPairsTile], values_b[kPairsTile];
    for (size_t row = 0; row < channels.outer * channels.count; ++row) {
      const size_t channel = row % channels.count, outer = row / channels.count;
      FastSteps::RowCounts counts;
      for (size_t start = 0; start < channels.inner; start += kPairsTile) {
        const size_t size = std::min(kPairsTile, channels.inner - start);
        const auto first = [&](const Walk& walk) { return outer * walk.outer_stride + channel * walk.channel_stride; };
        look_up(table_a, x_a, walk_a, first(walk_a), start, size, values_a);
        look_up(table_b, x_b, walk_b, first(walk_b), start, size, values_b);
        join_all(values_a, values_b, size, join);
        steps.run(values_a, size, channel, results + row * channels.inner + start, counts);
      }
      add_counts(run.overflows, counts, channel, channels.count);
    }
  }
};

template <class Lane>
std::vector<Lane> in_lanes(const std::vector<int64_t>& values) {
  std::vector<Lane> lanes(values.size());
  std::transform(values.begin(), values.end(), lanes.begin(), [](int64_t value) { return static_cast<Lane>(value); });
  return lanes;
}

PreparedKernel prepare_pair(const Operand& a, const Operand& b, Join join, const Accumulator& accumulator, const Requant& requant, const OpContext& context) {
  const Wide worst_a = a.largest(), worst_b = b.largest();
  const Wide worst = join == Join::product ? worst_a * worst_b : worst_a + worst_b;
  if (!fits(accumulator, worst)) return {nullptr, "a sum could leave the accumulator " + to_string(accumulator)};
  if (worst >= Wide{1} << 62) return {nullptr, "a sum could leave 62 bits"};
  const size_t channels = channels_of(context.result().shape).count;
  auto steps = FastSteps::prepare(context.steps(requant.steps), worst, channel_constants({}, context.scale(requant.scale), channels), context.result(), requant.clamp);
  if (!steps) return {nullptr, "a requantization step could leave 125 bits"};
  const auto kernel = [&](auto lane) -> Kernel {
    using Lane = decltype(lane);
    return PairKernel<Lane>{a.ref, b.ref, a.walk, b.walk, in_lanes<Lane>(a.values), in_lanes<Lane>(b.values), join, std::move(*steps)};
  };
  return {std::max({worst_a, worst_b, worst}) < Wide{1} << 31 ? kernel(int32_t{}) : kernel(int64_t{}), ""};
}

// The operand without steps; `refused` says why there is no kernel.
std::optional<Operand> operand_of(Ref ref, int64_t zero_point, const OpContext& context, std::string& refused) {
  const IntType type = context.type(ref);
  if (type.bits > kMaxOperandBits) refused = "an operand of " + to_string(type) + " has no kernel";
  if (!refused.empty()) return std::nullopt;
  return Operand{ref, walk_of(context.shape(ref), context.result().shape), centred_values(type, zero_point)};
}

// An operand's values after its own steps: integers, or binary32 numbers where the steps end there. `refused` as above.
template <class Result>
std::vector<Result> take_steps(const Steps& steps, const QScale& scale, const std::optional<Operand>& operand, std::string& refused) {
  if (!refused.empty()) return {};
  const std::vector<int64_t>& values = operand->values;
  const auto fast = FastSteps::prepare(steps, std::max(values.back(), -values.front()), {{0, scale}}, {}, {});
  if (!fast) return refused = "an operand's step could leave 125 bits", std::vector<Result>{};
  FastSteps::RowCounts counts;
  std::vector<Result> results(values.size());
  fast->run(values.data(), values.size(), 0, results.data(), counts);
  if (counts.intermediate != 0) refused = "an operand's step can overflow";
  return results;
}

template <bool kSubtract>
PreparedKernel prepare_fp32_sum(const AddOrSub<kSubtract>& op, const OpContext& context) {
  std::string refused;
  const auto a = operand_of(op.a, op.za, context, refused), b = operand_of(op.b, op.zb, context, refused);
  auto numbers_a = take_steps<float>(context.steps(op.operand_steps), context.scale(op.scale_a).front(), a, refused);
  auto numbers_b = take_steps<float>(context.steps(op.operand_steps), context.scale(op.scale_b).front(), b, refused);
  if (!refused.empty()) return {nullptr, refused};
  if (kSubtract) {
    for (float& number : numbers_b) number = -number;
  }
  const size_t channels = channels_of(context.result().shape).count;
  auto steps = FastSteps::prepare(context.steps(op.requant.steps), 1, channel_constants({}, context.scale(op.requant.scale), channels), context.result(), op.requant.clamp);
  if (!steps) return {nullptr, "a requantization step could leave 125 bits"};
  return {PairKernel<float>{op.a, op.b, a->walk, b->walk, std::move(numbers_a), std::move(numbers_b), Join::sum, std::move(*steps)}, ""};
}

template <bool kSubtract>
PreparedKernel prepare_sum(const AddOrSub<kSubtract>& op, const OpContext& context) {
  if (ends_in_fp32(context.steps(op.operand_steps))) return prepare_fp32_sum(op, context);
  std::string refused;
  auto a = operand_of(op.a, op.za, context, refused), b = operand_of(op.b, op.zb, context, refused);
  auto values_a = take_steps<int64_t>(context.steps(op.operand_steps), context.scale(op.scale_a).front(), a, refused);
  auto values_b = take_steps<int64_t>(context.steps(op.operand_steps), context.scale(op.scale_b).front(), b, refused);
  if (!refused.empty()) return {nullptr, refused};
  a->values = std::move(values_a), b->values = std::move(values_b);
  return prepare_pair(*a, *b, kSubtract ? Join::difference : Join::sum, op.acc, op.requant, context);
}

}  // namespace

PreparedKernel prepare(const Add& op, const OpContext& context) {
  return prepare_sum(op, context);
}
PreparedKernel prepare(const Sub& op, const OpContext& context) {
  return prepare_sum(op, context);
}

PreparedKernel prepare(const Mul& op, const OpContext& context) {
  std::string refused;
  const auto a = operand_of(op.a, op.za, context, refused), b = operand_of(op.b, op.zb, context, refused);
  if (!refused.empty()) return {nullptr, refused};
  return prepare_pair(*a, *b, Join::product, op.acc, op.requant, context);
}

}  // namespace assay::emu

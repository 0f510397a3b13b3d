#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "emu/base/error.h"
#include "quant/onnx/evaluate_constant.h"

namespace assay::quant {
namespace {

using Results = std::vector<Constant>;

const Constant& input(const Call& call, size_t i = 0) {
  return call.constant(i, "input");
}

Results constant(const Call& call) {
  const OnnxNode& node = call.node;
  if (const ConstantPtr value = node.tensor("value")) return {*value};
  if (node.has("value_float")) return {Constant::of_reals({}, {node.real("value_float", 0)})};
  if (node.has("value_int")) return {Constant::of_integers({}, {node.integer("value_int", 0)})};
  if (node.has("value_floats")) {
    std::vector<float> values = node.reals("value_floats", {});
    return {Constant::of_reals({static_cast<int64_t>(values.size())}, values)};
  }
  if (node.has("value_ints")) {
    std::vector<int64_t> values = node.integers("value_ints", {});
    return {Constant::of_integers({static_cast<int64_t>(values.size())}, values)};
  }
  throw Unsupported("a constant that is neither a tensor of numbers nor numbers", {});
}

Results constant_of_shape(const Call& call) {
  Constant value = Constant::of_reals({1}, {0.0F});
  if (const ConstantPtr given = call.node.tensor("value")) value = *given;
  if (value.size() != 1) throw InputError("its value must be one number");
  const Shape shape = call.integers(0, "shape");
  value.shape.clear();
  return {strided_copy(value, shape, 0, std::vector<int64_t>(shape.size(), 0))};
}

Results shape(const Call& call) {
  const int64_t rank = call.rank(0);
  const auto clamped = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const int64_t start = clamped(call.node.integer("start", 0));
  const int64_t end = std::max(start, clamped(call.node.integer("end", rank)));
  return {Constant::of_integers({end - start}, {call.shape(0).begin() + start, call.shape(0).begin() + end})};
}

Results size(const Call& call) {
  return {Constant::of_integers({}, {element_count(call.shape(0))})};
}

Results gather(const Call& call) {
  const Constant& data = input(call);
  const int64_t axis = normalized_axis(call.node.integer("axis", 0), call.rank(0));
  const Constant& indices = input(call, 1);
  if (indices.kind != Kind::integer) throw InputError("its indices must be integers");
  const auto at = data.shape.begin() + axis;
  const int64_t extent = *at;
  const int64_t outer = element_count(Shape(data.shape.begin(), at));
  const int64_t inner = element_count(Shape(at + 1, data.shape.end()));
  Shape to(data.shape.begin(), at);
  to.insert(to.end(), indices.shape.begin(), indices.shape.end());
  to.insert(to.end(), at + 1, data.shape.end());
  check_computed_size(to);
  Constant out{data.kind, to, {}, {}};
  for (int64_t o = 0; o < outer; ++o) {
    for (const int64_t given : indices.integers) {
      if (given < -extent || given >= extent) throw InputError("index " + std::to_string(given) + " is outside axis " + std::to_string(axis) + " of " + to_string(data.shape));
      const int64_t from = (o * extent + (given < 0 ? given + extent : given)) * inner;
      if (data.kind == Kind::real) {
        out.reals.insert(out.reals.end(), data.reals.begin() + from, data.reals.begin() + from + inner);
      } else {
        out.integers.insert(out.integers.end(), data.integers.begin() + from, data.integers.begin() + from + inner);
      }
    }
  }
  return {std::move(out)};
}

Constant part(const Constant& from, const SliceRule& rule) {
  const Shape strides = strides_of(from.shape);
  if (element_count(rule.extents) == 0) return {from.kind, rule.extents, {}, {}};
  int64_t base = 0;
  std::vector<int64_t> steps(strides.size());
  for (size_t i = 0; i < strides.size(); ++i) {
    base += strides[i] * rule.starts[i];
    steps[i] = strides[i] * rule.steps[i];
  }
  return strided_copy(from, rule.extents, base, steps);
}

Results slice(const Call& call) {
  return {part(input(call), slice_rule(call))};
}

Results split(const Call& call) {
  const Constant& from = input(call);
  const int64_t axis = normalized_axis(call.node.integer("axis", 0), call.rank(0));
  const auto at = static_cast<size_t>(axis);
  SliceRule rule{std::vector<int64_t>(from.shape.size(), 0), std::vector<int64_t>(from.shape.size(), 1), from.shape};
  Results results;
  for (const int64_t extent : split_extents(call, axis)) {
    rule.extents[at] = extent;
    results.push_back(part(from, rule));
    rule.starts[at] += extent;
  }
  return results;
}

Results concat(const Call& call) {
  const int64_t axis = normalized_axis(call.node.integer("axis", 1), call.rank(0));
  Constant out{input(call).kind, concat_shape(call, axis), {}, {}};
  check_computed_size(out.shape);
  const int64_t outer = element_count(Shape(out.shape.begin(), out.shape.begin() + axis));
  for (int64_t o = 0; o < outer; ++o) {
    for (size_t i = 0; i < call.arguments.size(); ++i) {
      const Constant& from = input(call, i);
      if (from.kind != out.kind) throw InputError("its inputs differ in type");
      const auto block = static_cast<int64_t>(from.size()) / outer;
      if (out.kind == Kind::real) {
        out.reals.insert(out.reals.end(), from.reals.begin() + o * block, from.reals.begin() + (o + 1) * block);
      } else {
        out.integers.insert(out.integers.end(), from.integers.begin() + o * block, from.integers.begin() + (o + 1) * block);
      }
    }
  }
  return {std::move(out)};
}

Results transpose(const Call& call) {
  const std::vector<int64_t> permutation = permutation_of(call);
  return {strided_copy(input(call), permuted(call.shape(0), permutation), 0, permuted(strides_of(call.shape(0)), permutation))};
}

Results pad(const Call& call) {
  const Constant& from = input(call);
  const PadRule rule = pad_rule(call);
  Shape to = from.shape;
  for (size_t i = 0; i < to.size(); ++i) to[i] += rule.begins[i] + rule.ends[i];
  check_computed_size(to);
  const auto count = static_cast<size_t>(element_count(to));
  Constant out{from.kind, to, {}, {}};
  if (from.kind == Kind::real) {
    out.reals.assign(count, rule.value);
  } else {
    out.integers.assign(count, call.has(2) ? call.constant(2, "padding value").integers.at(0) : 0);
  }
  const Shape strides = strides_of(from.shape);
  std::vector<int64_t> index(to.size(), 0);
  for (size_t i = 0; i < count; ++i) {
    int64_t source = 0;
    bool within = true;
    for (size_t axis = 0; axis < to.size(); ++axis) {
      const int64_t at = index[axis] - rule.begins[axis];
      within = within && at >= 0 && at < from.shape[axis];
      source += at * strides[axis];
    }
    if (within && from.kind == Kind::real) out.reals[i] = from.reals[static_cast<size_t>(source)];
    if (within && from.kind != Kind::real) out.integers[i] = from.integers[static_cast<size_t>(source)];
    for (size_t axis = to.size(); axis-- > 0;) {
      if (++index[axis] < to[axis]) break;
      index[axis] = 0;
    }
  }
  return {std::move(out)};
}

Results expand(const Call& call) {
  const Shape to = broadcast(call.shape(0), call.integers(1, "shape"));
  return {strided_copy(input(call), to, 0, broadcast_steps(call.shape(0), to))};
}

// As an expansion of [1, d0, 1, d1, ..] to [r0, d0, r1, d1, ..].
Results tile(const Call& call) {
  const Constant& from = input(call);
  const std::vector<int64_t> repeats = call.integers(1, "repeats");
  if (repeats.size() != from.shape.size()) throw InputError("it has " + std::to_string(repeats.size()) + " repeats for the shape " + to_string(from.shape));
  const Shape strides = strides_of(from.shape);
  Shape wide, to;
  std::vector<int64_t> steps;
  for (size_t i = 0; i < repeats.size(); ++i) {
    wide.insert(wide.end(), {repeats[i], from.shape[i]});
    steps.insert(steps.end(), {0, strides[i]});
    to.push_back(element_count({repeats[i], from.shape[i]}));
  }
  return {reshaped(strided_copy(from, wide, 0, steps), to)};
}

Results range(const Call& call) {
  const Constant& start = input(call);
  for (size_t i = 0; i < 3; ++i) {
    if (input(call, i).size() != 1 || input(call, i).kind != start.kind) throw InputError("its start, limit and delta must be single numbers of one type");
  }
  const auto count_of = [](double from, double to, double by) {
    const double count = by == 0 ? NAN : std::ceil((to - from) / by);
    if (!(count <= static_cast<double>(kMaxComputedElements)))
      throw InputError("cannot count from " + std::to_string(from) + " to " + std::to_string(to) + " by " + std::to_string(by));
    return static_cast<int64_t>(std::max(count, 0.0));
  };
  if (start.kind == Kind::real) {
    const float by = input(call, 2).reals[0];
    std::vector<float> out(static_cast<size_t>(count_of(start.reals[0], input(call, 1).reals[0], by)));
    for (size_t i = 0; i < out.size(); ++i) out[i] = start.reals[0] + static_cast<float>(i) * by;
    return {Constant::of_reals({static_cast<int64_t>(out.size())}, out)};
  }
  const int64_t by = input(call, 2).integers[0];
  const auto count = count_of(static_cast<double>(start.integers[0]), static_cast<double>(input(call, 1).integers[0]), static_cast<double>(by));
  std::vector<int64_t> out(static_cast<size_t>(count));
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<int64_t>(static_cast<uint64_t>(start.integers[0]) + i * static_cast<uint64_t>(by));
  return {Constant::of_integers({count}, out)};
}

// Sum, product, minimum, maximum or mean along axes, in ascending order of the index.
Results reduce(const Call& call) {
  const Constant& from = input(call);
  const std::string& type = call.node.type;
  const auto given = list_argument(call, "axes", 1, type == "ReduceSum" ? 13 : 18);
  std::vector<int64_t> axes(from.shape.size());
  std::iota(axes.begin(), axes.end(), 0);
  if (given && !given->empty()) {
    axes = normalized_axes(*given, call.rank(0));
  } else if (call.node.integer("noop_with_empty_axes", 0) != 0) {
    return {from};
  }
  Shape kept = from.shape;
  for (const int64_t axis : axes) kept[static_cast<size_t>(axis)] = 1;
  Shape dropped;
  for (size_t i = 0; i < kept.size(); ++i) {
    if (!std::binary_search(axes.begin(), axes.end(), static_cast<int64_t>(i))) dropped.push_back(kept[i]);
  }
  const auto count = static_cast<size_t>(element_count(kept));
  if (from.size() == 0) throw InputError("reduces a tensor without elements");
  // The address in the result for each element of the input.
  const std::vector<int64_t> steps = broadcast_steps(kept, from.shape);
  std::vector<int64_t> places(count);
  std::iota(places.begin(), places.end(), 0);
  const std::vector<int64_t> place = strided_copy(Constant::of_integers(kept, places), from.shape, 0, steps).integers;
  std::vector<bool> begun(count, false);
  const auto run = [&](auto& out, const auto& data) {
    using T = typename std::remove_reference_t<decltype(out)>::value_type;
    out.resize(count);
    for (size_t i = 0; i < data.size(); ++i) {
      const auto at = static_cast<size_t>(place[i]);
      const T a = out[at], b = data[i];
      if (!begun[at]) {
        out[at] = b;
        begun[at] = true;
      } else if (type == "ReduceMax" || type == "ReduceMin") {
        out[at] = type == "ReduceMax" ? std::max(a, b) : std::min(a, b);
      } else if constexpr (std::is_same_v<T, float>) {
        out[at] = type == "ReduceProd" ? a * b : a + b;
      } else {
        const auto x = static_cast<uint64_t>(a), y = static_cast<uint64_t>(b);
        out[at] = static_cast<int64_t>(type == "ReduceProd" ? x * y : x + y);
      }
    }
    if (type != "ReduceMean") return;
    for (T& x : out) x = static_cast<T>(x / static_cast<T>(data.size() / count));
  };
  Constant out{from.kind, call.node.integer("keepdims", 1) != 0 ? kept : dropped, {}, {}};
  if (from.kind == Kind::real) {
    run(out.reals, from.reals);
  } else {
    run(out.integers, from.integers);
  }
  return {std::move(out)};
}

Results same(const Call& call) {
  return {input(call)};
}
Results dropout(const Call& call) {
  refuse_training(call);
  return same(call);
}
Results reshape(const Call& call) {
  return {reshaped(input(call), reshape_target(call))};
}
Results flatten(const Call& call) {
  return {reshaped(input(call), flatten_target(call))};
}
Results squeeze(const Call& call) {
  return {reshaped(input(call), squeeze_target(call))};
}
Results unsqueeze(const Call& call) {
  return {reshaped(input(call), unsqueeze_target(call))};
}

const std::map<std::string, Results (*)(const Call&)> kMovements = {
    {"Constant", constant},   {"ConstantOfShape", constant_of_shape},
    {"Shape", shape},         {"Size", size},
    {"Gather", gather},       {"Slice", slice},
    {"Split", split},         {"Concat", concat},
    {"Transpose", transpose}, {"Pad", pad},
    {"Expand", expand},       {"Tile", tile},
    {"Range", range},         {"ReduceSum", reduce},
    {"ReduceProd", reduce},   {"ReduceMax", reduce},
    {"ReduceMin", reduce},    {"ReduceMean", reduce},
    {"Identity", same},       {"Dropout", dropout},
    {"Reshape", reshape},     {"Flatten", flatten},
    {"Squeeze", squeeze},     {"Unsqueeze", unsqueeze},
};

}  // namespace

std::optional<std::vector<Constant>> evaluate_movement(const Call& call) {
  const auto found = kMovements.find(call.node.type);
  if (found == kMovements.end()) return std::nullopt;
  return found->second(call);
}

bool is_movement(const std::string& type) {
  return kMovements.count(type) != 0;
}

}  // namespace assay::quant

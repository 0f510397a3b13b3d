#include "quant/onnx/call.h"

#include <algorithm>
#include <numeric>

#include "emu/base/error.h"

namespace assay::quant {

const Argument& Call::argument(size_t i) const {
  if (!has(i)) throw InputError("input " + std::to_string(i) + " is missing");
  return arguments[i];
}

const Constant& Call::constant(size_t i, const std::string& what) const {
  const Argument& a = argument(i);
  if (!a.constant) throw Unsupported("its " + what + " ('" + node.inputs[i] + "') is computed; only a constant is supported", {});
  return *a.constant;
}

std::vector<int64_t> Call::integers(size_t i, const std::string& what) const {
  const Constant& c = constant(i, what);
  if (c.kind != Kind::integer) throw InputError("its " + what + " ('" + node.inputs[i] + "') must be integers");
  if (c.shape.size() > 1) throw InputError("its " + what + " ('" + node.inputs[i] + "') must be a list, its shape is " + to_string(c.shape));
  return c.integers;
}

float Call::scalar(size_t i, const std::string& what, float fallback) const {
  if (!has(i)) return fallback;
  const Constant& c = constant(i, what);
  if (c.size() != 1) throw InputError("its " + what + " ('" + node.inputs[i] + "') must be one number, its shape is " + to_string(c.shape));
  return c.real(0);
}

int64_t normalized_axis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank) throw InputError("axis " + std::to_string(axis) + " does not exist in a tensor of " + std::to_string(rank) + " axes");
  return axis < 0 ? axis + rank : axis;
}

std::vector<int64_t> normalized_axes(const std::vector<int64_t>& axes, int64_t rank) {
  std::vector<int64_t> sorted;
  for (const int64_t axis : axes) sorted.push_back(normalized_axis(axis, rank));
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) throw InputError("an axis is named twice");
  return sorted;
}

std::optional<std::vector<int64_t>> list_argument(const Call& call, const std::string& key, size_t i, int64_t since_opset) {
  if (call.opset < since_opset) return call.node.has(key) ? std::optional(call.node.integers(key, {})) : std::nullopt;
  return call.has(i) ? std::optional(call.integers(i, key)) : std::nullopt;
}

Shape reshape_target(const Call& call) {
  const Shape& from = call.shape(0);
  Shape to = call.integers(1, "shape");
  const bool zero_is_zero = call.node.integer("allowzero", 0) != 0;
  int64_t known = 1;
  std::optional<size_t> free;
  for (size_t i = 0; i < to.size(); ++i) {
    if (to[i] == 0 && !zero_is_zero) {
      if (i >= from.size()) throw InputError("its shape " + to_string(to) + " copies axis " + std::to_string(i) + ", which " + to_string(from) + " does not have");
      to[i] = from[i];
    }
    if (to[i] == -1 && !free) {
      free = i;
      continue;
    }
    if (to[i] < 0) throw InputError("cannot reshape to " + to_string(to));
    known = element_count({known, to[i]});
  }
  const int64_t count = element_count(from);
  if (free) {
    if (known == 0 || count % known != 0) throw InputError("cannot reshape " + to_string(from) + " to " + to_string(to));
    to[*free] = count / known;
  }
  if (element_count(to) != count) throw InputError("cannot reshape " + to_string(from) + " to " + to_string(to));
  return to;
}

Shape flatten_target(const Call& call) {
  const Shape& from = call.shape(0);
  const int64_t rank = call.rank(0);
  const int64_t axis = call.node.integer("axis", 1);
  const int64_t split = axis == rank ? rank : normalized_axis(axis, rank);
  return {element_count(Shape(from.begin(), from.begin() + split)), element_count(Shape(from.begin() + split, from.end()))};
}

Shape squeeze_target(const Call& call) {
  const Shape& from = call.shape(0);
  const auto axes = list_argument(call, "axes", 1, 13);
  Shape to;
  if (!axes) {
    std::copy_if(from.begin(), from.end(), std::back_inserter(to), [](int64_t extent) { return extent != 1; });
    return to;
  }
  const std::vector<int64_t> gone = normalized_axes(*axes, call.rank(0));
  for (int64_t i = 0; i < call.rank(0); ++i) {
    const int64_t extent = from[static_cast<size_t>(i)];
    if (!std::binary_search(gone.begin(), gone.end(), i)) {
      to.push_back(extent);
    } else if (extent != 1) {
      throw InputError("cannot squeeze axis " + std::to_string(i) + " of " + to_string(from));
    }
  }
  return to;
}

Shape unsqueeze_target(const Call& call) {
  const auto axes = list_argument(call, "axes", 1, 13);
  if (!axes) throw InputError("its axes are missing");
  const int64_t rank = call.rank(0) + static_cast<int64_t>(axes->size());
  const std::vector<int64_t> added = normalized_axes(*axes, rank);
  Shape to;
  auto next = call.shape(0).begin();
  for (int64_t i = 0; i < rank; ++i) to.push_back(std::binary_search(added.begin(), added.end(), i) ? 1 : *next++);
  return to;
}

std::vector<int64_t> permutation_of(const Call& call) {
  std::vector<int64_t> reversed(static_cast<size_t>(call.rank(0)));
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  const std::vector<int64_t> permutation = call.node.integers("perm", reversed);
  std::vector<int64_t> sorted = permutation;
  std::sort(sorted.begin(), sorted.end());
  if (sorted != std::vector<int64_t>(reversed.rbegin(), reversed.rend())) {
    throw InputError("perm " + to_string(permutation) + " does not permute the axes of " + to_string(call.shape(0)));
  }
  return permutation;
}

Shape permuted(const Shape& shape, const std::vector<int64_t>& permutation) {
  Shape result;
  for (const int64_t axis : permutation) result.push_back(shape.at(static_cast<size_t>(axis)));
  return result;
}

Shape concat_shape(const Call& call, int64_t axis) {
  Shape result = call.shape(0);
  const auto at = static_cast<size_t>(axis);
  result[at] = 0;
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    Shape rest = call.shape(i);
    if (rest.size() != result.size()) throw InputError("its inputs have different numbers of axes: " + to_string(call.shape(0)) + ", " + to_string(rest));
    const int64_t sum = result[at] + rest[at];
    rest[at] = result[at];
    if (rest != result) throw InputError("its inputs " + to_string(call.shape(0)) + " and " + to_string(call.shape(i)) + " differ outside axis " + std::to_string(axis));
    result[at] = sum;
  }
  return result;
}

SliceRule slice_rule(const Call& call) {
  const Shape& from = call.shape(0);
  const auto starts = list_argument(call, "starts", 1, 10);
  const auto ends = list_argument(call, "ends", 2, 10);
  if (!starts || !ends) throw InputError("its starts or ends are missing");
  std::vector<int64_t> axes(starts->size());
  std::iota(axes.begin(), axes.end(), 0);
  if (const auto given = list_argument(call, "axes", 3, 10)) axes = *given;
  std::vector<int64_t> steps(starts->size(), 1);
  if (call.opset >= 10 && call.has(4)) steps = call.integers(4, "steps");
  if (ends->size() != starts->size() || axes.size() != starts->size() || steps.size() != starts->size()) throw InputError("its starts, ends, axes and steps differ in length");
  normalized_axes(axes, call.rank(0));  // each once

  SliceRule rule{std::vector<int64_t>(from.size(), 0), std::vector<int64_t>(from.size(), 1), from};
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<size_t>(normalized_axis(axes[i], call.rank(0)));
    const int64_t extent = from[axis];
    const int64_t longest = std::max<int64_t>(extent, 1);
    const int64_t step = std::clamp(steps[i], -longest, longest);
    if (step == 0) throw InputError("its step on axis " + std::to_string(axis) + " is 0");
    const int64_t low = step > 0 ? 0 : -1;
    const int64_t high = step > 0 ? extent : extent - 1;
    const int64_t start = std::clamp((*starts)[i] < 0 ? (*starts)[i] + extent : (*starts)[i], step > 0 ? low : std::min<int64_t>(0, high), high);
    const int64_t end = std::clamp((*ends)[i] < 0 ? (*ends)[i] + extent : (*ends)[i], low, high);
    rule.starts[axis] = start;
    rule.steps[axis] = step;
    rule.extents[axis] = step > 0 ? std::max<int64_t>(0, (end - start + step - 1) / step) : std::max<int64_t>(0, (start - end - step - 1) / -step);
  }
  return rule;
}

std::vector<int64_t> split_extents(const Call& call, int64_t axis) {
  const int64_t extent = call.shape(0)[static_cast<size_t>(axis)];
  const auto outputs = static_cast<int64_t>(call.node.outputs.size());
  if (const auto given = list_argument(call, "split", 1, 13)) {
    int64_t sum = 0;
    for (const int64_t part : *given) {
      if (part < 0 || part > extent) throw InputError("its parts " + to_string(*given) + " do not fit axis " + std::to_string(axis) + " of " + to_string(call.shape(0)));
      sum += part;
    }
    if (sum != extent || static_cast<int64_t>(given->size()) != outputs) {
      throw InputError("its parts " + to_string(*given) + " do not fit axis " + std::to_string(axis) + " of " + to_string(call.shape(0)) + " and " + std::to_string(outputs) +
                       " outputs");
    }
    return *given;
  }
  const int64_t count = call.opset >= 18 ? call.node.integer("num_outputs", outputs) : outputs;
  if (count != outputs || count == 0) throw InputError("num_outputs is " + std::to_string(count) + ", but it has " + std::to_string(outputs) + " outputs");
  const int64_t chunk = (extent + count - 1) / count;
  const int64_t last = extent - chunk * (count - 1);
  if (last < 0 || (last != chunk && call.opset < 18)) throw InputError("cannot split " + std::to_string(extent) + " into " + std::to_string(count) + " parts");
  std::vector<int64_t> parts(static_cast<size_t>(count), chunk);
  parts.back() = last;
  return parts;
}

PadRule pad_rule(const Call& call) {
  const std::string mode = call.node.text("mode", "constant");
  if (mode != "constant") throw Unsupported("mode '" + mode + "'; only constant padding is supported", {});
  const auto pads = list_argument(call, "pads", 1, 11);
  if (!pads) throw InputError("its pads are missing");
  const auto rank = static_cast<size_t>(call.rank(0));
  std::vector<int64_t> axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  if (call.opset >= 18 && call.has(3)) axes = call.integers(3, "axes");
  normalized_axes(axes, call.rank(0));  // each once
  if (pads->size() != 2 * axes.size()) throw InputError("it has " + std::to_string(pads->size()) + " pads for " + std::to_string(axes.size()) + " axes");
  PadRule rule{std::vector<int64_t>(rank, 0), std::vector<int64_t>(rank, 0), call.opset < 11 ? call.node.real("value", 0) : call.scalar(2, "padding value", 0)};
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<size_t>(normalized_axis(axes[i], call.rank(0)));
    rule.begins[axis] = (*pads)[i];
    rule.ends[axis] = (*pads)[i + axes.size()];
    const int64_t extent = call.shape(0)[axis];
    for (const int64_t pad : {rule.begins[axis], rule.ends[axis]}) {
      if (pad > kMaxElements || pad < -extent) throw InputError("cannot pad axis " + std::to_string(axis) + " of " + to_string(call.shape(0)) + " by " + std::to_string(pad));
    }
    if (extent + std::min<int64_t>(rule.begins[axis], 0) + std::min<int64_t>(rule.ends[axis], 0) < 0) {
      throw InputError("crops more than there is on axis " + std::to_string(axis) + " of " + to_string(call.shape(0)));
    }
  }
  return rule;
}

void refuse_training(const Call& call) {
  if (call.opset >= 12 && call.scalar(2, "training_mode", 0) != 0) throw Unsupported("it is in training mode; export the model for inference", {});
}

BlockRule block_rule(const Call& call) {
  if (call.rank(0) != 4) throw InputError("its input must have 4 axes, it has the shape " + to_string(call.shape(0)));
  const int64_t n = call.shape(0)[0], c = call.shape(0)[1], h = call.shape(0)[2], w = call.shape(0)[3];
  const int64_t b = call.node.integer("blocksize", 0);
  if (b < 1 || b > kMaxElements) throw InputError("its blocksize is " + std::to_string(b));
  if (call.node.type == "SpaceToDepth") {
    if (h % b != 0 || w % b != 0) throw InputError("blocksize " + std::to_string(b) + " does not divide " + to_string(call.shape(0)));
    return {{n, c, h / b, b, w / b, b}, {0, 3, 5, 1, 2, 4}, {n, c * b * b, h / b, w / b}};
  }
  if (b > c || c % (b * b) != 0) throw InputError("the square of blocksize " + std::to_string(b) + " does not divide the channels of " + to_string(call.shape(0)));
  const Shape result = {n, c / (b * b), h * b, w * b};
  const std::string mode = call.node.text("mode", "DCR");
  if (mode == "DCR") return {{n, b, b, c / (b * b), h, w}, {0, 3, 4, 1, 5, 2}, result};
  if (mode == "CRD") return {{n, c / (b * b), b, b, h, w}, {0, 1, 4, 2, 5, 3}, result};
  throw InputError("mode '" + mode + "' is neither DCR nor CRD");
}

}  // namespace assay::quant

#include "emu/kernels/moves.h"

#include <algorithm>

#include "emu/kernels/transpose_matrix.h"
#include "emu/ops/walk.h"

namespace assay::emu {
namespace {

// The last axis of a gather: `before` and `after` elements lie outside, those between are `count` elements of x, each `step` after the one before; or none of that.
struct LastAxis {
  int64_t before = 0, count = 0, after = 0;
  int64_t first = 0, step = 1;
  bool regular = true;
};

LastAxis last_axis(const std::vector<int64_t>& offsets) {
  LastAxis axis;
  const auto is_inside = [](int64_t offset) { return offset != kOutside; };
  const auto begin = std::find_if(offsets.begin(), offsets.end(), is_inside), end = std::find_if(offsets.rbegin(), offsets.rend(), is_inside).base();
  axis.before = begin - offsets.begin();
  axis.count = begin < end ? end - begin : 0;
  axis.after = static_cast<int64_t>(offsets.size()) - axis.before - axis.count;
  if (axis.count > 0) axis.first = *begin;
  if (axis.count > 1) axis.step = begin[1] - begin[0];
  for (int64_t i = 0; i < axis.count; ++i) axis.regular = axis.regular && begin[i] == axis.first + i * axis.step;
  return axis;
}

struct GatherKernel {
  Ref x;
  AxisOffsets offsets;  // of the axes but the last
  std::vector<int64_t> last;
  LastAxis row;
  int64_t fill;

  Tensor operator()(const OpContext& context, OpRun& /*run*/) const {
    Tensor result(context.result().type, context.result().shape);
    std::visit(
        [&](const auto& storage) {
          using T = typename std::decay_t<decltype(storage)>::value_type;
          T* to = result.data<T>();
          walk<1>({offsets}, [&](const std::array<int64_t, 1>& at) { to = gather_row(storage.data(), at[0], to); });
        },
        context.tensor(x).storage());
    return result;
  }

  template <class T>
  T* gather_row(const T* from, int64_t at, T* to) const {
    const auto outside = static_cast<T>(fill);
    if (at == kOutside) return std::fill_n(to, last.size(), outside);
    if (!row.regular) return std::transform(last.begin(), last.end(), to, [&](int64_t offset) { return offset == kOutside ? outside : from[at + offset]; });
    to = std::fill_n(to, row.before, outside);
    const T* const first = from + at + row.first;
    if (row.step == 1) {
      to = std::copy_n(first, row.count, to);
    } else {
      for (int64_t i = 0; i < row.count; ++i) *to++ = first[i * row.step];
    }
    return std::fill_n(to, row.after, outside);
  }
};

PreparedKernel prepare_gather(Ref x, AxisOffsets offsets, int64_t fill, const OpContext& context) {
  if (context.result().shape.empty()) return {nullptr, "a single element has no kernel"};
  std::vector<int64_t> last = std::move(offsets.back());
  offsets.pop_back();
  const LastAxis row = last_axis(last);
  return {GatherKernel{x, std::move(offsets), std::move(last), row, fill}, ""};
}

// Matrices of bytes one behind the other, each turned over.
struct MatrixKernel {
  Ref x;
  size_t matrices, rows, columns;

  Tensor operator()(const OpContext& context, OpRun& /*run*/) const {
    const Tensor& from = context.tensor(x);
    Tensor result(context.result().type, context.result().shape);
    const size_t size = rows * columns;
    auto* const to = from.type().is_signed ? reinterpret_cast<uint8_t*>(result.data<int8_t>()) : result.data<uint8_t>();
    const auto* const bytes = static_cast<const uint8_t*>(from.bytes());
    for (size_t m = 0; m < matrices; ++m) transpose_matrix(bytes + m * size, columns, rows, columns, to + m * size, rows);
    return result;
  }
};

// The axes of a transposition, neighbours that stay neighbours as one: extents of x, and x's axis for each of the result's.
struct Turn {
  std::vector<int64_t> extents;
  std::vector<size_t> permutation;
};

Turn turn_of(const Shape& x, const std::vector<int64_t>& permutation) {
  // Groups of the result's axes that follow each other in x; axes of extent 1 belong to any.
  std::vector<std::pair<int64_t, int64_t>> groups;  // x's first axis, extent
  int64_t next = -1;
  for (const int64_t axis : permutation) {
    const int64_t extent = x[static_cast<size_t>(axis)];
    if (extent == 1) continue;
    int64_t expected = next;
    while (expected >= 0 && expected < static_cast<int64_t>(x.size()) && x[static_cast<size_t>(expected)] == 1) ++expected;
    if (expected == axis && !groups.empty()) {
      groups.back().second *= extent;
    } else {
      groups.emplace_back(axis, extent);
    }
    next = axis + 1;
  }
  Turn turn;
  turn.permutation.resize(groups.size());
  std::vector<size_t> order(groups.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return groups[a].first < groups[b].first; });
  for (size_t i = 0; i < order.size(); ++i) {
    turn.extents.push_back(groups[order[i]].second);
    turn.permutation[order[i]] = i;
  }
  return turn;
}

}  // namespace

PreparedKernel prepare(const Transpose& op, const OpContext& context) {
  const Turn turn = turn_of(context.shape(op.x), op.permutation);
  const auto is = [&](std::vector<size_t> permutation) { return turn.permutation == permutation; };
  const auto extent = [&](size_t axis) { return static_cast<size_t>(turn.extents[axis]); };
  if (context.type(op.x).bits <= 8 && is({1, 0})) return {MatrixKernel{op.x, 1, extent(0), extent(1)}, ""};
  if (context.type(op.x).bits <= 8 && is({0, 2, 1})) return {MatrixKernel{op.x, extent(0), extent(1), extent(2)}, ""};
  const Shape& y = context.result().shape;
  const Shape strides = strides_of(context.shape(op.x));
  AxisOffsets offsets(y.size());
  for (size_t axis = 0; axis < y.size(); ++axis) {
    for (int64_t i = 0; i < y[axis]; ++i) offsets[axis].push_back(i * strides[static_cast<size_t>(op.permutation[axis])]);
  }
  return prepare_gather(op.x, std::move(offsets), 0, context);
}

PreparedKernel prepare(const Pad& op, const OpContext& context) {
  const Shape &x = context.shape(op.x), &y = context.result().shape, strides = strides_of(x);
  AxisOffsets offsets(y.size());
  for (size_t axis = 0; axis < y.size(); ++axis) {
    for (int64_t i = 0; i < y[axis]; ++i) {
      const int64_t in = i - op.begins[axis];
      offsets[axis].push_back(in >= 0 && in < x[axis] ? in * strides[axis] : kOutside);
    }
  }
  return prepare_gather(op.x, std::move(offsets), op.value, context);
}

PreparedKernel prepare(const Slice& op, const OpContext& context) {
  const Shape &y = context.result().shape, strides = strides_of(context.shape(op.x));
  AxisOffsets offsets(y.size());
  for (size_t axis = 0; axis < y.size(); ++axis) {
    for (int64_t i = 0; i < y[axis]; ++i) offsets[axis].push_back((op.starts[axis] + i * op.steps[axis]) * strides[axis]);
  }
  return prepare_gather(op.x, std::move(offsets), 0, context);
}

PreparedKernel prepare(const ResizeNearest& op, const OpContext& context) {
  const Shape &y = context.result().shape, strides = strides_of(context.shape(op.x));
  const size_t row_axis = y.size() - 2;
  AxisOffsets offsets(y.size());
  for (size_t axis = 0; axis < row_axis; ++axis) {
    for (int64_t i = 0; i < y[axis]; ++i) offsets[axis].push_back(i * strides[axis]);
  }
  for (const int64_t row : op.rows) offsets[row_axis].push_back(row * strides[row_axis]);
  offsets[row_axis + 1] = op.columns;
  return prepare_gather(op.x, std::move(offsets), 0, context);
}

}  // namespace assay::emu

#include "quant/onnx/constant.h"

#include "emu/base/error.h"

namespace assay::quant {
namespace {

template <class T>
std::vector<T> copied(const std::vector<T>& source, const Shape& shape, int64_t base, const std::vector<int64_t>& steps) {
  const auto count = static_cast<size_t>(element_count(shape));
  std::vector<T> out(count);
  std::vector<int64_t> index(shape.size(), 0);
  int64_t at = base;
  for (size_t i = 0; i < count; ++i) {
    out[i] = source.at(static_cast<size_t>(at));
    for (size_t axis = shape.size(); axis-- > 0;) {
      at += steps[axis];
      if (++index[axis] < shape[axis]) break;
      at -= steps[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}

}  // namespace

void check_computed_size(const Shape& shape) {
  if (element_count(shape) > kMaxComputedElements) throw InputError("computes a constant of shape " + to_string(shape) + ", more than 2^26 elements");
}

Constant strided_copy(const Constant& source, Shape shape, int64_t base, const std::vector<int64_t>& steps) {
  ASSAY_ASSERT(steps.size() == shape.size());
  check_computed_size(shape);
  Constant out{source.kind, std::move(shape), {}, {}};
  if (source.kind == Kind::real) {
    out.reals = copied(source.reals, out.shape, base, steps);
  } else {
    out.integers = copied(source.integers, out.shape, base, steps);
  }
  return out;
}

std::vector<int64_t> broadcast_steps(const Shape& from, const Shape& to) {
  ASSAY_ASSERT(from.size() <= to.size());
  const Shape strides = strides_of(from);
  const size_t lead = to.size() - from.size();
  std::vector<int64_t> steps(to.size(), 0);
  for (size_t i = 0; i < from.size(); ++i) {
    ASSAY_ASSERT(from[i] == 1 || from[i] == to[lead + i]);
    if (from[i] != 1) steps[lead + i] = strides[i];
  }
  return steps;
}

Constant reshaped(Constant source, Shape shape) {
  ASSAY_ASSERT(static_cast<size_t>(element_count(shape)) == source.size());
  source.shape = std::move(shape);
  return source;
}

}  // namespace assay::quant

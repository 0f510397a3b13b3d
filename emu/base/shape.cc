#include "emu/base/shape.h"

#include <algorithm>

#include "emu/base/error.h"

namespace assay {

int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t extent : shape) {
    if (extent < 0) throw InputError("a shape has a negative extent: " + to_string(shape));
    if (extent != 0 && count > kMaxElements / extent) throw InputError("a tensor of shape " + to_string(shape) + " is larger than 2^31 elements");
    count *= extent;
  }
  return count;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ",") + std::to_string(shape[i]);
  return text + "]";
}

Shape strides_of(const Shape& shape) {
  Shape strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

Shape broadcast(const Shape& a, const Shape& b) {
  const size_t rank = std::max(a.size(), b.size());
  Shape result(rank, 1);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t x = i + a.size() >= rank ? a[i + a.size() - rank] : 1;
    const int64_t y = i + b.size() >= rank ? b[i + b.size() - rank] : 1;
    if (x != y && x != 1 && y != 1) throw InputError("shapes " + to_string(a) + " and " + to_string(b) + " do not broadcast");
    result[i] = x == 1 ? y : x;
  }
  return result;
}

}  // namespace assay

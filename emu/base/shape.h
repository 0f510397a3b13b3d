// Shapes: logical, row-major, ONNX's order of axes (NCHW for images). Limits are checked here, before memory is taken.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace assay {

using Shape = std::vector<int64_t>;

// No tensor of ours has more elements than this; a larger one is refused as bad input before it is allocated.
inline constexpr int64_t kMaxElements = int64_t{1} << 31;

// Number of elements. Throws InputError where an extent is negative or the product exceeds kMaxElements.
int64_t element_count(const Shape& shape);

// "[1,64,28,28]"
std::string to_string(const Shape& shape);

// Row-major strides in elements.
Shape strides_of(const Shape& shape);

// NumPy's rule: extents equal or 1, aligned at the last axis. Throws InputError where they do not match.
Shape broadcast(const Shape& a, const Shape& b);

}  // namespace assay

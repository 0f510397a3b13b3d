// Tensors whose values are known at import: weights and the arithmetic on shapes. Three kinds stand for ONNX's element types: real (float16, bfloat16, float, double; computed
// in float32), integer (all widths; computed in 64 bits) and boolean.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "emu/base/shape.h"
#include "quant/graph/given.h"

namespace assay::quant {

enum class Kind : uint8_t { real, integer, boolean };

struct Constant {
  Kind kind = Kind::real;
  Shape shape;
  std::vector<float> reals;                  // kind real
  std::vector<int64_t> integers;             // the others; a boolean is 0 or 1
  std::optional<emu::IntType> type{};        // of integers that came from the file
  std::optional<GivenQuantization> given{};  // of reals that were made from words by DequantizeLinear

  static Constant of_reals(Shape shape, std::vector<float> data) { return {Kind::real, std::move(shape), std::move(data), {}}; }
  static Constant of_integers(Shape shape, std::vector<int64_t> data, Kind kind = Kind::integer) { return {kind, std::move(shape), {}, std::move(data)}; }

  size_t size() const { return kind == Kind::real ? reals.size() : integers.size(); }
  // Any kind as float32; integers round to nearest even as the processor converts them.
  float real(size_t i) const { return kind == Kind::real ? reals[i] : static_cast<float>(integers[i]); }
};

using ConstantPtr = std::shared_ptr<const Constant>;

// A constant that import itself computes may have this many elements: a few bytes of a damaged file must not ask for gigabytes.
inline constexpr int64_t kMaxComputedElements = int64_t{1} << 26;

// out[i0,i1..] = source[base + i0*steps[0] + i1*steps[1] ..]: Slice, Transpose, Expand, Tile and broadcasting are all of this kind. Every address must lie in the source.
Constant strided_copy(const Constant& source, Shape shape, int64_t base, const std::vector<int64_t>& steps);
// Per axis of `to`, the step in `from` that broadcasting takes (0 where the extent is 1). `from` must broadcast to `to`.
std::vector<int64_t> broadcast_steps(const Shape& from, const Shape& to);
// The same elements under another shape of as many elements.
Constant reshaped(Constant source, Shape shape);
// InputError where an import-made constant would exceed kMaxComputedElements.
void check_computed_size(const Shape& shape);

}  // namespace assay::quant

// Resize and Upsample, nearest neighbour. For each output position o the source position is worked out as an exact fraction:
//   half_pixel (o + 1/2) / s - 1/2   asymmetric o / s   align_corners o (in - 1) / (out - 1)   pytorch_half_pixel as half_pixel, 0 where out = 1
//   tf_half_pixel_for_nn (o + 1/2) / s
// with s the scale as given (a float32 is a fraction) or out / in where sizes are given; then rounded by nearest_mode and clamped into the input. Upsample and opset 10 say
// nothing of either: asymmetric, down when enlarging and up when shrinking, as ONNX Runtime does and ONNX's own opset 10 examples expect.
#include <algorithm>
#include <cmath>

#include "emu/base/error.h"
#include "emu/base/wide.h"
#include "quant/onnx/convert.h"

namespace assay::quant {
namespace {

// numerator / denominator, both positive, below 2^48.
struct ScaleFraction {
  int64_t numerator = 1, denominator = 1;
};

constexpr int64_t kMaxExtent = int64_t{1} << 20;

ScaleFraction exact(float scale) {
  if (!(scale >= 0x1p-20F && scale <= 0x1p20F)) throw InputError("its scale " + std::to_string(scale) + " must be between 2^-20 and 2^20");
  int exponent = 0;
  auto mantissa = static_cast<int64_t>(std::ldexp(std::frexp(scale, &exponent), 24));
  exponent -= 24;
  for (; exponent < 0 && mantissa % 2 == 0; ++exponent) mantissa /= 2;
  return exponent < 0 ? ScaleFraction{mantissa, int64_t{1} << -exponent} : ScaleFraction{mantissa << exponent, 1};
}

Wide floor_of(Wide numerator, Wide denominator) {
  const Wide quotient = numerator / denominator;
  return numerator % denominator < 0 ? quotient - 1 : quotient;
}

struct Rules {
  std::string coordinates, rounding;
};

// The source index of output index o on an axis.
int64_t source_of(int64_t o, int64_t in, int64_t out, const ScaleFraction& scale, const Rules& rules) {
  Wide top = 0, bottom = 1;  // the source position
  if (rules.coordinates == "align_corners") {
    if (out > 1) {
      top = Wide{o} * (in - 1);
      bottom = out - 1;
    }
  } else if (rules.coordinates == "asymmetric") {
    top = Wide{o} * scale.denominator;
    bottom = scale.numerator;
  } else if (rules.coordinates == "tf_half_pixel_for_nn") {
    top = (2 * Wide{o} + 1) * scale.denominator;
    bottom = 2 * Wide{scale.numerator};
  } else if (rules.coordinates == "half_pixel" || out > 1) {
    top = (2 * Wide{o} + 1) * scale.denominator - scale.numerator;
    bottom = 2 * Wide{scale.numerator};
  }
  Wide source = 0;
  if (rules.rounding == "floor") {
    source = floor_of(top, bottom);
  } else if (rules.rounding == "ceil") {
    source = -floor_of(-top, bottom);
  } else if (rules.rounding == "round_prefer_ceil") {
    source = floor_of(2 * top + bottom, 2 * bottom);
  } else {
    source = -floor_of(bottom - 2 * top, 2 * bottom);  // round_prefer_floor: ceil(x - 1/2)
  }
  return static_cast<int64_t>(std::clamp<Wide>(source, 0, in - 1));
}

Rules rules_of(const Call& call, const ScaleFraction& scale) {
  if (call.node.type == "Upsample" || call.opset < 11) return {"asymmetric", scale.numerator < scale.denominator ? "ceil" : "floor"};
  Rules rules{call.node.text("coordinate_transformation_mode", "half_pixel"), call.node.text("nearest_mode", "round_prefer_floor")};
  // TensorFlow's old name for half_pixel of nearest neighbours was dropped in opset 13; half_pixel with 0 at a single output is PyTorch's.
  for (const char* known : {"half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "tf_half_pixel_for_nn"}) {
    if (rules.coordinates != known) continue;
    for (const char* mode : {"floor", "ceil", "round_prefer_floor", "round_prefer_ceil"}) {
      if (rules.rounding == mode) return rules;
    }
    throw InputError("nearest_mode '" + rules.rounding + "' is not known");
  }
  throw Unsupported("coordinate_transformation_mode '" + rules.coordinates + "'", {});
}

// Scales or sizes, one per axis of the input.
struct Wanted {
  std::vector<ScaleFraction> scales;
  Shape out;
};

std::vector<float> given_scales(const Call& call) {
  const bool attribute = call.node.type == "Upsample" && call.opset < 9;
  if (attribute) return call.node.reals("scales", {});
  const size_t i = call.node.type == "Upsample" || call.opset < 11 ? 1 : 2;
  if (!call.has(i)) return {};
  const Constant& c = call.constant(i, "scales");
  if (c.kind != Kind::real) throw InputError("its scales must be floating point");
  return c.reals;
}

Wanted wanted_of(const Call& call) {
  const Shape& x = call.shape(0);
  std::vector<int64_t> axes;
  for (int64_t i = 0; i < call.rank(0); ++i) axes.push_back(i);
  if (call.opset >= 18 && call.node.has("axes")) axes = call.node.integers("axes", {});
  normalized_axes(axes, call.rank(0));  // each once
  if (call.node.text("keep_aspect_ratio_policy", "stretch") != "stretch") throw Unsupported("it keeps the aspect ratio", {});
  const std::vector<float> scales = given_scales(call);
  std::vector<int64_t> sizes;
  if (scales.empty()) {
    if (call.node.type == "Upsample" || call.opset < 11 || !call.has(3)) throw InputError("it has neither scales nor sizes");
    sizes = call.integers(3, "sizes");
  }
  const size_t count = scales.empty() ? sizes.size() : scales.size();
  if (count != axes.size()) throw InputError("it has " + std::to_string(count) + " scales or sizes for " + std::to_string(axes.size()) + " axes");
  Wanted wanted{std::vector<ScaleFraction>(x.size()), x};
  for (size_t i = 0; i < count; ++i) {
    const auto axis = static_cast<size_t>(normalized_axis(axes[i], call.rank(0)));
    if (!scales.empty()) {
      const ScaleFraction scale = exact(scales[i]);
      wanted.scales[axis] = scale;
      wanted.out[axis] = static_cast<int64_t>(floor_of(Wide{x[axis]} * scale.numerator, scale.denominator));
    } else {
      wanted.scales[axis] = {sizes[i], x[axis]};
      wanted.out[axis] = sizes[i];
    }
    const int64_t extent = wanted.out[axis];
    if (extent < 1 || (extent != x[axis] && extent > kMaxExtent))
      throw InputError("cannot resize axis " + std::to_string(axis) + " of " + to_string(x) + " to " + std::to_string(extent));
  }
  return wanted;
}

std::vector<int64_t> sources(const Call& call, const Wanted& wanted, size_t axis) {
  const int64_t in = call.shape(0)[axis], out = wanted.out[axis];
  if (out > kMaxExtent) throw Unsupported("it resizes an axis of " + std::to_string(out), {});
  const Rules rules = rules_of(call, wanted.scales[axis]);
  std::vector<int64_t> result(static_cast<size_t>(out));
  for (int64_t o = 0; o < out; ++o) result[static_cast<size_t>(o)] = source_of(o, in, out, wanted.scales[axis], rules);
  return result;
}

void convert_resize(const Call& call, Builder& builder) {
  const Shape& x = call.shape(0);
  const std::string mode = call.node.text("mode", "nearest");
  if (mode != "nearest") throw Unsupported("mode '" + mode + "'; only nearest is supported", {});
  if (x.size() != 3 && x.size() != 4) throw Unsupported("its input " + to_string(x) + "; supported are 3 and 4 axes", {});
  const Wanted wanted = wanted_of(call);
  for (size_t axis = 0; axis < 2; ++axis) {
    if (wanted.out[axis] != x[axis]) throw Unsupported("it resizes batch or channels: " + to_string(x) + " to " + to_string(wanted.out), {});
  }
  const ValueId input = builder.input(call, 0);
  const std::vector<int64_t> columns = sources(call, wanted, x.size() - 1);
  if (x.size() == 4) return builder.result(call, 0, ResizeNearest{sources(call, wanted, 2), columns}, {input}, wanted.out);
  const ValueId image = builder.step(call, Reshape{}, {input}, {x[0], x[1], 1, x[2]});
  const ValueId resized = builder.step(call, ResizeNearest{{0}, columns}, {image}, {x[0], x[1], 1, wanted.out[2]});
  builder.result(call, 0, Reshape{}, {resized}, wanted.out);
}

}  // namespace

const std::map<std::string, Converter>& resize_converters() {
  static const std::map<std::string, Converter> table = {{"Resize", convert_resize}, {"Upsample", convert_resize}};
  return table;
}

}  // namespace assay::quant

// The instructions of a Program: operands and attributes. What each computes is in emu/ops/<op>.cc, beside its formula and ranges; the list of all is emu/ops/ops.def.
// `fields` names every field once for printer, parser, binary file and verify (fields.h). The first field is an operand, whose name the text leaves out; the zero point of
// an operand n is called zn, which is how verify finds it. Shapes are ONNX's: NCHW images, OIHW weights.
#pragma once

#include <string_view>
#include <variant>

#include "emu/program/fields.h"

namespace assay::emu {

// Conv: y[n,o,h,w] = requant(sum over ky,kx,i of (x - zx) * (w - zw)); w is [O, I/groups, KH, KW]; pads are top, left, bottom, right and hold real zero (x = zx).
// ConvTranspose: the transpose of that linear map (ONNX ConvTranspose); w is [I, O/groups, KH, KW]; pads crop; the output's extents are its shape's.
template <bool kTranspose>
struct Convolution {
  static constexpr std::string_view kName = kTranspose ? "conv_transpose" : "conv";
  Ref x;
  Ref w;                    // constant or value
  std::optional<Ref> bias;  // constant [O], in accumulator steps
  std::vector<int64_t> stride{1, 1};
  std::vector<int64_t> pads{0, 0, 0, 0};
  std::vector<int64_t> dilation{1, 1};
  int64_t groups = 1;
  int64_t zx = 0;
  int64_t zw = 0;
  Accumulator acc;
  SumOrder order = SumOrder::ky_kx_ic;
  Requant requant;
  template <class Self, class Visitor>
  static void fields(Self& s, Visitor& v) {
    v("x", s.x), v("w", s.w), v("b", s.bias), v("stride", s.stride), v("pad", s.pads), v("dilation", s.dilation), v("groups", s.groups);
    v("zx", s.zx), v("zw", s.zw), v("acc", s.acc), v("order", s.order), v("requant", s.requant);
  }
  friend bool operator==(const Convolution&, const Convolution&) = default;
};
using Conv = Convolution<false>;
using ConvTranspose = Convolution<true>;

// y[..., m, n] = requant(sum over k ascending of (a[..., m, k] - za) * (b[..., k, n] - zb)); leading axes broadcast. bias and per-channel scales are over n.
struct MatMul {
  static constexpr std::string_view kName = "matmul";
  Ref a;
  Ref b;
  std::optional<Ref> bias;
  int64_t za = 0;
  int64_t zb = 0;
  Accumulator acc;
  Requant requant;
  template <class Self, class Visitor>
  static void fields(Self& s, Visitor& v) {
    v("x", s.a), v("w", s.b), v("b", s.bias), v("zx", s.za), v("zw", s.zb), v("acc", s.acc), v("requant", s.requant);
  }
  friend bool operator==(const MatMul&, const MatMul&) = default;
};

// y = requant(in(a - za, scale_a) + in(b - zb, scale_b)), `in` = the step list operand_steps; operands broadcast. Sub: minus.
template <bool kSubtract>
struct AddOrSub {
  static constexpr std::string_view kName = kSubtract ? "sub" : "add";
  Ref a;
  Ref b;
  int64_t za = 0;
  int64_t zb = 0;
  ScaleRef scale_a;
  ScaleRef scale_b;
  StepsRef operand_steps;
  Accumulator acc;
  Requant requant;
  template <class Self, class Visitor>
  static void fields(Self& s, Visitor& v) {
    v("a", s.a), v("b", s.b), v("za", s.za), v("zb", s.zb), v("sa", s.scale_a), v("sb", s.scale_b), v("operands", s.operand_steps), v("acc", s.acc), v("requant", s.requant);
  }
  friend bool operator==(const AddOrSub&, const AddOrSub&) = default;
};
using Add = AddOrSub<false>;
using Sub = AddOrSub<true>;

// y = requant((a - za) * (b - zb)); operands broadcast.
struct Mul {
  static constexpr std::string_view kName = "mul";
  Ref a;
  Ref b;
  int64_t za = 0;
  int64_t zb = 0;
  Accumulator acc;
  Requant requant;
  template <class Self, class Visitor>
  static void fields(Self& s, Visitor& v) {
    v("a", s.a), v("b", s.b), v("za", s.za), v("zb", s.zb), v("acc", s.acc), v("requant", s.requant);
  }
  friend bool operator==(const Mul&, const Mul&) = default;
};

// Joins along `axis`; input i goes through requant(x - zero_points[i]) with scales[i]. Empty `scales`: a plain copy (all inputs have the output's scale and zero point).
struct Concat {
  static constexpr std::string_view kName = "concat";
  std::vector<Ref> inputs;
  int64_t axis = 1;
  std::vector<int64_t> zero_points;
  std::vector<ScaleRef> scales;
  StepsRef steps;  // unused for a plain copy
  template <class Self, class Visitor>
  static void fields(Self& s, Visitor& v) {
    v("x", s.inputs), v("axis", s.axis), v("zx", s.zero_points), v("scales", s.scales), v("steps", s.steps);
  }
  friend bool operator==(const Concat&, const Concat&) = default;
};

// Maximum over each window; padding never wins. Input and output share scale and zero point.
struct MaxPool {
  static constexpr std::string_view kName = "max_pool";
  Ref x;
  std::vector<int64_t> kernel;
  std::vector<int64_t> stride{1, 1};
  std::vector<int64_t> pads{0, 0, 0, 0};
  std::vector<int64_t> dilation{1, 1};
  template <class Self, class Visitor>
  static void fields(Self& s, Visitor& v) {
    v("x", s.x), v("kernel", s.kernel), v("stride", s.stride), v("pad", s.pads), v("dilation", s.dilation);
  }
  friend bool operator==(const MaxPool&, const MaxPool&) = default;
};

// sum over the window of (x - zx), then either one division (divide = its rounding): divide_scaled(sum, count, scale), or a reciprocal in the scale: steps on the sum
// with the scale of the window's count. Entry count-1 of the scale where it has several, else entry 0. count: window elements inside the image, or all with include_pad.
// base: what every counted element adds besides x - zx (0 where absent); the zero point itself where the words' own mean is wanted.
struct AveragePool {
  static constexpr std::string_view kName = "average_pool";
  Ref x;
  std::vector<int64_t> kernel;
  std::vector<int64_t> stride{1, 1};
  std::vector<int64_t> pads{0, 0, 0, 0};
  bool include_pad = false;
  int64_t zx = 0;
  std::optional<int64_t> base;
  Accumulator acc;
  std::optional<Round> divide;
  Requant requant;
  template <class Self, class Visitor>
  static void fields(Self& s, Visitor& v) {
    v("x", s.x), v("kernel", s.kernel), v("stride", s.stride), v("pad", s.pads), v("include_pad", s.include_pad), v("zx", s.zx), v("base", s.base), v("acc", s.acc);
    v("divide", s.divide);
    v("requant", s.requant);
  }
  friend bool operator==(const AveragePool&, const AveragePool&) = default;
};

// y = requant(x - zx): a change of scale, zero point or type; with clamp bounds also Relu and Clip standing alone.
struct Requantize {
  static constexpr std::string_view kName = "requantize";
  Ref x;
  int64_t zx = 0;
  Requant requant;
  template <class Self, class Visitor>
  static void fields(Self& s, Visitor& v) {
    v("x", s.x), v("zx", s.zx), v("requant", s.requant);
  }
  friend bool operator==(const Requantize&, const Requantize&) = default;
};

// v = x - zx; y = requant(v) with `requant.scale` for v >= 0 and `negative` for v < 0 (one entry, or one per channel on axis 1: PRelu). A negative slope has a
// negative multiplier.
struct LeakyRelu {
  static constexpr std::string_view kName = "leaky_relu";
  Ref x;
  int64_t zx = 0;
  ScaleRef negative;
  Requant requant;
  template <class Self, class Visitor>
  static void fields(Self& s, Visitor& v) {
    v("x", s.x), v("zx", s.zx), v("negative", s.negative), v("requant", s.requant);
  }
  friend bool operator==(const LeakyRelu&, const LeakyRelu&) = default;
};

// y = look_up(table, x): any function of one value. The table is a constant of the output's type (table.h says how many entries).
struct TableLookup {
  static constexpr std::string_view kName = "table_lookup";
  Ref x;
  Ref table;
  std::string function;  // what the table holds, for the reader: "sigmoid", "hard_swish" ...
  TableForm form;
  template <class Self, class Visitor>
  static void fields(Self& s, Visitor& v) {
    v("x", s.x), v("table", s.table), v("function", s.function), v("form", s.form);
  }
  friend bool operator==(const TableLookup&, const TableLookup&) = default;
};

// Along `axis`, d = max(x) - x in 0..2^bits-1, e = table[d] (u32), s = sum of e in the accumulator; y = requant(divide_scaled(e, s, scale)): one rounding.
struct Softmax {
  static constexpr std::string_view kName = "softmax";
  Ref x;
  Ref table;  // constant [2^bits of x], e(d) = exp(-d * scale of x) in fixed point
  int64_t axis = -1;
  Accumulator acc;
  Round divide = Round::half_up;
  Requant requant;
  template <class Self, class Visitor>
  static void fields(Self& s, Visitor& v) {
    v("x", s.x), v("table", s.table), v("axis", s.axis), v("acc", s.acc), v("divide", s.divide), v("requant", s.requant);
  }
  friend bool operator==(const Softmax&, const Softmax&) = default;
};

// Softmax along `axis` by fixed-point polynomials (arith/fixed_operators.h, softmax_row): `difference` brings x - max to Q5.26, below `lowest` it counts as minus infinity. The
// result has scale 2^-bits and its type's least word as its zero point.
struct SoftmaxFixedPoint {
  static constexpr std::string_view kName = "softmax_fixed_point";
  Ref x;
  int64_t axis = -1;
  ScaleRef difference;
  int64_t lowest = 0;
  template <class Self, class Visitor>
  static void fields(Self& s, Visitor& v) {
    v("x", s.x), v("axis", s.axis), v("difference", s.difference), v("lowest", s.lowest);
  }
  friend bool operator==(const SoftmaxFixedPoint&, const SoftmaxFixedPoint&) = default;
};

// Surrounds x with `value` (in x's steps): begins and ends, one pair per axis. A negative amount crops.
struct Pad {
  static constexpr std::string_view kName = "pad";
  Ref x;
  std::vector<int64_t> begins;
  std::vector<int64_t> ends;
  int64_t value = 0;
  template <class Self, class Visitor>
  static void fields(Self& s, Visitor& v) {
    v("x", s.x), v("begins", s.begins), v("ends", s.ends), v("value", s.value);
  }
  friend bool operator==(const Pad&, const Pad&) = default;
};

// The same elements in the same order under the output's shape (Reshape, Flatten, Squeeze, Unsqueeze).
struct Reshape {
  static constexpr std::string_view kName = "reshape";
  Ref x;
  template <class Self, class Visitor>
  static void fields(Self& s, Visitor& v) {
    v("x", s.x);
  }
  friend bool operator==(const Reshape&, const Reshape&) = default;
};

// y's axis i is x's axis permutation[i].
struct Transpose {
  static constexpr std::string_view kName = "transpose";
  Ref x;
  std::vector<int64_t> permutation;
  template <class Self, class Visitor>
  static void fields(Self& s, Visitor& v) {
    v("x", s.x), v("permutation", s.permutation);
  }
  friend bool operator==(const Transpose&, const Transpose&) = default;
};

// y[i...] = x[starts + i * steps], one entry per axis; the extents are the output's. Steps may be negative. (A Split is several slices.)
struct Slice {
  static constexpr std::string_view kName = "slice";
  Ref x;
  std::vector<int64_t> starts;
  std::vector<int64_t> steps;
  template <class Self, class Visitor>
  static void fields(Self& s, Visitor& v) {
    v("x", s.x), v("starts", s.starts), v("steps", s.steps);
  }
  friend bool operator==(const Slice&, const Slice&) = default;
};

// y[..., h, w] = x[..., rows[h], columns[w]]: nearest-neighbour resizing; the source indices are worked out exactly at lowering, so every coordinate rule is data.
struct ResizeNearest {
  static constexpr std::string_view kName = "resize_nearest";
  Ref x;
  std::vector<int64_t> rows;
  std::vector<int64_t> columns;
  template <class Self, class Visitor>
  static void fields(Self& s, Visitor& v) {
    v("x", s.x), v("rows", s.rows), v("columns", s.columns);
  }
  friend bool operator==(const ResizeNearest&, const ResizeNearest&) = default;
};

using Operation = std::variant<
#define ASSAY_OP(type, file) type,
#include "emu/ops/ops.def"
#undef ASSAY_OP
    std::monostate>;

}  // namespace assay::emu

// Softmax along one axis, by a table of exponentials and one division.
//
//   d = max(x) - x        e = table[d]        s = sum of e        y = requant(divide_scaled(e, s, scale))      one rounding of e * multiplier * 2^left / (s * 2^right)
//
//   x         any shape           at most 16 bits
//   table     constant [2^bits]   at most 32 bits, no entry negative, entry 0 positive: e(d) = exp(-d * scale of x) in fixed point
//   d         0 .. 2^bits - 1     x's zero point cancels
//   s         the accumulator's range; at least 1, since e(0) is among the terms (an accumulator that wraps must hold the largest sum)
//   quotient  64 bits (verify follows the division)
//   y         the same shape
//
// Floating-point words: d = x - max(x) in binary32, rounded half_even to x's format, and e = table[d without its sign], an entry for every such word, of binary32; s is their sum
// in the accumulator's order, y = steps(e / s), one division there. `divide` and the scale are not used.
//
// Order: along the axis, ascending. Overflow: a saturating accumulator stays at its largest value; every output of that row counts. One scale.
// Source: ONNX Softmax (a single axis); the form of ONNX Runtime's QLinearSoftmax: table of 2^bits exponentials, sum, one division.
#include <algorithm>

#include "emu/ops/quotients.h"

namespace assay::emu {
namespace {

size_t axis_of(const Softmax& op, const Shape& shape) {
  return static_cast<size_t>(op.axis < 0 ? op.axis + static_cast<int64_t>(shape.size()) : op.axis);
}

void check_table(Check& check, const Softmax& op, const OpContext& context, int64_t extent) {
  if (!check.that(op.table.is_constant, "'table' must be a constant")) return;
  const Tensor& table = context.tensor(op.table);
  const IntType in = context.type(op.x);
  const Shape expected{int64_t{1} << (in.is_float() ? in.bits - 1 : in.bits)};
  if (!check.that(table.shape() == expected, "'table' must have shape " + to_string(expected) + ", it has " + to_string(table.shape()))) return;
  if (in.is_float()) {
    check.sums(op.x, op.acc);
    check.that(table.type() == word_type(kFp32), "'table' is " + to_string(table.type()) + "; exponentials of floating-point words are fp32");
    return;
  }
  if (!check.that(!table.type().is_float(), "'table' is " + to_string(table.type()) + ", and 'x' is " + to_string(in))) return;
  if (!check.that(table.type().bits <= 32, "'table' is " + to_string(table.type()) + "; entries have 32 bits at most")) return;
  const std::vector<int64_t> entries = table.values();
  check.that(*std::min_element(entries.begin(), entries.end()) >= 0 && entries[0] > 0, "'table' must hold exponentials: no entry negative and entry 0 positive");
  const int64_t largest = *std::max_element(entries.begin(), entries.end());
  const Wide sum = Wide{largest} * extent;
  check.that(op.acc.is_plain(), "the accumulator " + to_string(op.acc) + " groups products or sums in binary32; here it must be one register");
  check.that(op.acc.overflow == Overflow::saturate || op.acc.type.holds(sum), "the accumulator " + to_string(op.acc) + " cannot hold the largest sum of " + std::to_string(extent) +
                                                                                  " exponentials, and one that wraps may become 0; widen it or let it saturate");
}

}  // namespace

void check(const Softmax& op, const OpContext& context, Problems& problems) {
  Check check(context, problems);
  const Shape& shape = context.shape(op.x);
  check.is_result_shape(shape);
  const IntType in = context.type(op.x);
  const int most = in.is_float() ? kMaxTableBits : 16;
  if (!check.that(in.bits <= most, "'x' is " + to_string(in) + "; a table is selected by " + std::to_string(most) + " bits at most")) return;
  const auto rank = static_cast<int64_t>(shape.size());
  if (!check.that(op.axis >= -rank && op.axis < rank, "'axis' is " + std::to_string(op.axis) + "; 'x' has " + std::to_string(rank) + " axes")) return;
  check_table(check, op, context, shape[axis_of(op, shape)]);
}

namespace {

Tensor execute_in_fp32(const Softmax& op, const OpContext& context, OpRun& run) {
  const Shape& shape = context.result().shape;
  const size_t axis = axis_of(op, shape);
  const auto extent = static_cast<size_t>(shape[axis]), inner = static_cast<size_t>(strides_of(shape)[axis]);
  const IntType type = context.type(op.x);
  const std::vector<int64_t> x = operand_values(context.tensor(op.x), 0);
  const std::vector<int64_t> table = context.tensor(op.table).values();
  const int64_t sign = int64_t{1} << (type.bits - 1);
  Sums quotients{std::vector<int64_t>(x.size()), std::vector<uint8_t>(x.size())};
  std::vector<Fp32> exponentials(extent);
  for (size_t row = 0; extent > 0 && row < x.size() / extent; ++row) {
    const size_t first = row / inner * extent * inner + row % inner;
    Fp32 largest = number(x[first]);
    for (size_t j = 1; j < extent; ++j) {
      const Fp32 next = number(x[first + j * inner]);
      if (less(largest, next)) largest = next;
    }
    for (size_t j = 0; j < extent; ++j) {
      const Fp32 difference = add(number(x[first + j * inner]), Fp32{largest.bits ^ 0x80000000U});
      exponentials[j] = number(table[static_cast<size_t>(int64_t{narrow(difference, {type.format})} % sign)]);
    }
    const Fp32 sum = sum_of_numbers(exponentials, *op.acc.fp32);
    for (size_t j = 0; j < extent; ++j) {
      quotients.values[first + j * inner] = divide(exponentials[j], sum).bits;
      quotients.overflowed[first + j * inner] = overflowed_fp32(sum);
    }
  }
  return requantize_quotients(quotients.values, quotients.overflowed, op.requant, channel_axis_of(shape), context, run);
}

}  // namespace

Tensor execute(const Softmax& op, const OpContext& context, OpRun& run) {
  if (context.type(op.x).is_float()) return execute_in_fp32(op, context, run);
  const Shape& shape = context.result().shape;
  const size_t axis = axis_of(op, shape);
  const auto extent = static_cast<size_t>(shape[axis]);
  const auto inner = static_cast<size_t>(strides_of(shape)[axis]);
  const std::vector<int64_t> x = context.tensor(op.x).values();
  const std::vector<int64_t> table = context.tensor(op.table).values();
  const QScale scale = context.scale(op.requant.scale).front();
  const Register reg(op.acc);
  std::vector<int64_t> exponentials(x.size());
  std::vector<int64_t> quotients(x.size());
  Sums sums{std::vector<int64_t>(x.size()), std::vector<uint8_t>(x.size())};  // each row's, at all of its elements
  for (size_t row = 0; extent > 0 && row < x.size() / extent; ++row) {
    const size_t first = row / inner * extent * inner + row % inner;
    const auto at = [&](size_t j) { return first + j * inner; };
    int64_t largest = x[first];
    for (size_t j = 1; j < extent; ++j) largest = std::max(largest, x[at(j)]);
    int64_t sum = 0;
    bool left_register = false;
    for (size_t j = 0; j < extent; ++j) {
      exponentials[at(j)] = table[static_cast<size_t>(largest - x[at(j)])];
      sum = reg.add(sum, exponentials[at(j)], left_register);
    }
    for (size_t j = 0; j < extent; ++j) {
      sums.values[at(j)] = sum;
      sums.overflowed[at(j)] = left_register ? 1 : 0;
      quotients[at(j)] = static_cast<int64_t>(divide_scaled(exponentials[at(j)], sum, scale, op.divide));
    }
  }
  if (run.reporting()) {
    run.report("exponential", Tensor(kS64, shape, exponentials));
    run.report("accumulator", Tensor(kS64, shape, sums.values));
  }
  return requantize_quotients(quotients, sums.overflowed, op.requant, channel_axis_of(shape), context, run);
}

}  // namespace assay::emu

// Any function of one value, by table.
//
//   y = look_up(table, x)       (emu/arith/table.h: the word of x selects an entry, directly or between two)
//
//   x       any shape             at most 16 bits
//   table   constant of y's type  [entries], or [C, entries]: one for each channel of x (axis 1, the last of fewer axes). 2^bits of x entries, or 2^(bits - fraction_bits) + 1 with
//   interpolation; its order is that of x's values, lowest first. Those of a second
//                                 grid follow
//   y       the same shape        an entry, or a value between two neighbours: always of y's type
//
// Neither sum nor overflow: what the entries hold was decided at lowering, zero points included.
// Source: TFLite's 256-entry tables of int8 activations and 513-entry tables of int16; TOSA's TABLE; NVDLA's tables of 65 and 257 entries.
#include "emu/ops/check.h"

namespace assay::emu {

void check(const TableLookup& op, const OpContext& context, Problems& problems) {
  Check check(context, problems);
  check.is_result_shape(context.shape(op.x));
  const IntType in = context.type(op.x);
  const int most = in.is_float() ? kMaxTableBits : 16;
  if (!check.that(in.bits <= most, "'x' is " + to_string(in) + "; a table is selected by " + std::to_string(most) + " bits at most")) return;
  if (!check.that(!in.is_float() || op.form.fraction_bits == 0, "'form' interpolates, but 'x' is " + to_string(in) + ": words of numbers are no even steps")) return;
  if (!check.that(op.form.fraction_bits < in.bits, "'form' interpolates over " + std::to_string(op.form.fraction_bits) + " bits, but 'x' has only " + std::to_string(in.bits)))
    return;
  if (!check.that(has_sound_grids(in, op.form), "'form' has a second grid that is not one of 2^k + 1 points, finer than the first, among the words of " + to_string(in))) return;
  const IntType type = context.type(op.table);
  check.that(op.table.is_constant, "'table' must be a constant");
  check.that(type == context.result().type, "'table' is " + to_string(type) + ", the result " + to_string(context.result().type));
  check.that(type.bits <= 32, "'table' is " + to_string(type) + "; entries have 32 bits at most");
  const Shape &x = context.shape(op.x), &table = context.shape(op.table);
  Shape expected{table_entries(in, op.form)};
  if (table.size() == 2 && !x.empty()) expected.insert(expected.begin(), x[static_cast<size_t>(channel_axis_of(x))]);
  check.that(table == expected, "'table' must have shape " + to_string(expected) + ", it has " + to_string(table));
}

Tensor execute(const TableLookup& op, const OpContext& context, OpRun&) {
  const IntType in = context.type(op.x);
  const std::vector<int64_t> all = context.tensor(op.table).values();
  const Shape& shape = context.shape(op.x);
  const auto size = static_cast<size_t>(context.shape(op.table).back()), channels = all.size() / size;
  std::vector<std::vector<int64_t>> tables;
  for (size_t c = 0; c < channels; ++c) tables.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(c * size), all.begin() + static_cast<std::ptrdiff_t>((c + 1) * size));
  const size_t inner = channels == 1 ? 1 : static_cast<size_t>(strides_of(shape)[static_cast<size_t>(channel_axis_of(shape))]);
  std::vector<int64_t> values = context.tensor(op.x).values();
  for (size_t i = 0; i < values.size(); ++i) values[i] = look_up(tables[i / inner % channels], in, op.form, values[i]);
  return Tensor(context.result().type, context.result().shape, values);
}

}  // namespace assay::emu

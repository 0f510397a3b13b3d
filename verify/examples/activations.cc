// Functions of one word that are made of multipliers: leaky and hard activations, bilinear rows.
#include <algorithm>

#include "emu/arith/fixed_operators.h"
#include "quant/exact/ratio.h"
#include "verify/examples/operations.h"

namespace assay::verify {
namespace {

using emu::LeftShift;
using emu::QScale;
using emu::Round;

// scaled(x - zi, m) + zo with one multiplier per sign, one rounding shift.
Value leaky_by_two_multipliers(const Entry& entry) {
  const Wide positive = entry.integer({"m_pos", "multiplier_pos", "mp"});
  const Wide negative = entry.integer({"m_neg", "multiplier_neg", "mn"});
  const Wide zi = entry.integer({"zi", "z_in", "zx"}, 0);
  const Wide zo = entry.integer({"zo", "z_out", "zy"}, 0);
  const int right = entry.small({"shift"}, 0, 62, 8);
  const Round mode = entry.round(Round::half_up);
  const Limits limits = entry.clamp(contains(entry.op, "qu8") ? kU8Limits : kS8Limits);
  return map_list(entry.integers({"x"}), [&](Wide x) -> Value { return limits.clamp(shift(times(x - zi, x >= zi ? positive : negative), -right, mode) + zo); });
}

// The two multipliers of 31 bits and their shifts, by what their names hold: the one for what is negative is called by alpha, slope or neg. A multiplier is 0 or lies in
// 2^30 .. 2^31 - 1, a shift's name says so.
struct TwoScales {
  std::optional<QScale> identity;
  std::optional<QScale> slope;
};
TwoScales two_scales_of(const Entry& entry) {
  std::optional<Wide> multiplier[2];
  Wide shift_of[2] = {0, 0};
  for (const auto& [key, value] : entry.params.items()) {
    const std::string name = lower_case(key);
    if (!value.is_number_integer() || name.starts_with("z") || contains(name, "zero")) continue;
    const bool is_slope =
        contains(name, "alpha") || contains(name, "slope") || contains(name, "neg") || name == "ma" || name == "sa" || name == "m2" || name == "sh2" || name == "sha";
    const Wide number = to_integer(value, "'" + key + "'");
    if (contains(name, "sh") || contains(name, "exp") || name == "sa" || name == "si") {
      shift_of[is_slope ? 1 : 0] = number;
    } else if (number == 0 || number >= 1 << 30) {
      multiplier[is_slope ? 1 : 0] = number;
    }
  }
  TwoScales found;
  if (multiplier[0]) found.identity = scale_31(*multiplier[0], shift_of[0]);
  if (multiplier[1]) found.slope = scale_31(*multiplier[1], shift_of[1]);
  return found;
}

// With multipliers of 31 bits, by scales, or with one factor for what is negative.
Value leaky_relu(const Entry& entry) {
  const Limits limits = entry.clamp(kS8Limits);
  const TwoScales two = two_scales_of(entry);
  const bool has_multipliers = two.identity && two.slope;
  if (!has_multipliers && entry.has({"alpha", "slope", "factor"}) && !entry.has({"s_in", "s_x", "si"})) {
    const Rational alpha = entry.rational({"alpha", "slope", "factor"});
    const Round mode = entry.round(Round::half_up);
    return map_list(entry.integers({"x"}), [&](Wide x) -> Value { return x >= 0 ? Value(limits.clamp(x)) : clamped(Rational(BigInt(x)) * alpha, mode, limits); });
  }
  emu::LeakyReluScale scale{narrow(entry.integer({"z_in", "zi", "input_zero_point", "zx"}, 0), 32, "a zero point"),
                            narrow(entry.integer({"z_out", "zo", "output_zero_point", "zy"}, 0), 32, "a zero point"),
                            {},
                            {}};
  if (has_multipliers) {
    scale.identity = *two.identity;
    scale.slope = *two.slope;
  } else {
    const double in = finite_double(entry.real32({"s_in", "s_x", "si"}));
    const double out = finite_double(entry.real32({"s_out", "s_y", "so"}));
    const double alpha = finite_double(entry.real32({"alpha", "slope"}));
    if (!(out > 0)) throw EntryError("the output's scale is not above 0");
    scale.identity = quant::quantize_multiplier({{in / out}, {}, 0});
    scale.slope = quant::quantize_multiplier({{in * alpha / out}, {}, 0});
  }
  return map_list(entry.integers({"x"}), [&](Wide x) -> Value { return limits.clamp(emu::leaky_relu(narrow(x, 32, "x"), scale, emu::kS32)); });
}

// (x - z_in) << 7, half_up(. * gain / 2^15) saturated to 16 bits, + offset saturated to 16, rounded >> final_shift. Source: XiaoMi/nnlib, prelu of 8-bit words.
Value prelu_by_gains(const Entry& entry) {
  const Wide z_in = entry.integer({"z_in"});
  const Wide positive = entry.integer({"common_gain_i16", "pos_gain_i16"});
  const Wide negative = entry.integer({"neg_gain_i16"});
  const int right = entry.small({"final_shift"}, 0, 62);
  const Wide offset = entry.has({"out_offset"}) ? entry.integer({"out_offset"}) : shift(entry.integer({"z_out"}), right, Round::floor);
  return map_list(entry.integers({"x"}), [&](Wide x) -> Value {
    const Wide gained = emu::saturate(shift(times(shift(x - z_in, 7, Round::floor), x < z_in ? negative : positive), -15, Round::half_up), emu::kS16);
    return kU8Limits.clamp(shift(emu::saturate(gained + offset, emu::kS16), -right, Round::half_up));
  });
}

// max(x + 3, 0) * 2731 / 2^14 with x at fp_in fraction bits and the output at 7: one shift by shift_hsigmoid = 7 + fp_in.
Value hard_sigmoid(const Entry& entry) {
  const int fraction = entry.small({"fp_in", "fp"}, 0, 40);
  const int out = entry.small({"fp_out"}, 0, 14, 7);
  const int right = entry.small({"shift_hsigmoid", "shift"}, 0, 62, 14 + fraction - out);
  const Wide factor = entry.integer({"factor", "m", "multiplier"}, 2731);
  const Limits limits = entry.clamp(kS8Limits);
  const Round mode = entry.round(Round::half_up);
  return map_list(entry.integers({"x"}), [&](Wide x) -> Value {
    const Wide raised = std::max<Wide>(x + shift(3, fraction, mode), 0);
    return limits.clamp(shift(times(raised, factor), -right, mode));
  });
}

// A multiplier of 15 bits and a shift, positive to the left.
QScale scale_15(Wide multiplier, int exponent) {
  if (multiplier < INT16_MIN || multiplier > INT16_MAX) throw EntryError("a multiplier has more than 16 bits");
  return {static_cast<int64_t>(multiplier), LeftShift{static_cast<uint8_t>(std::max(exponent, 0))}, emu::RightShift{static_cast<uint8_t>(std::max(-exponent, 0))}};
}

Value hard_swish(const Entry& entry) {
  const int out_exponent = entry.small({"out_exp", "output_exponent"}, -31, 0);
  const emu::HardSwishScale scale{narrow(entry.integer({"z_in", "zi"}, 0), 64, "a number"), narrow(entry.integer({"z_out", "zo"}, 0), 64, "a number"),
                                  scale_15(entry.integer({"out_mult_i16", "out_mult"}), out_exponent),
                                  scale_15(entry.integer({"reluish_mult_i16", "reluish_mult"}), entry.small({"reluish_exp", "reluish_exponent"}, -31, 31))};
  return map_list(entry.integers({"x"}), [&](Wide x) -> Value { return emu::hard_swish_8(narrow(emu::saturate(x, emu::kS8), 8, "x"), scale); });
}

// A row (or rows) of an image, enlarged; weights of 10 bits. The output's length is asked for, or twice the row's.
Value resize_row(const Entry& entry) {
  const bool half_pixel = entry.flag({"half_pixel", "half_pixel_centers"}, false);
  const bool aligned = entry.flag({"align_corners"}, false);
  const emu::ResizeGrid grid = aligned ? emu::ResizeGrid::align_corners : (half_pixel ? emu::ResizeGrid::half_pixel : emu::ResizeGrid::asymmetric);
  Value::List rows;
  for (const auto& row : entry.rows({"row", "rows", "x"})) {
    const auto size = static_cast<int64_t>(row.size());
    if (size == 0) throw EntryError("an empty row");
    const int64_t out = entry.small({"out_size", "output_size", "out_w", "size", "width_out", "out_width", "out_len"}, 1, 1 << 20, static_cast<int>(2 * size));
    const int64_t step = emu::resize_step(size, out, grid);
    Value::List list;
    for (int64_t i = 0; i < out; ++i) {
      const emu::ResizeTap tap = emu::resize_tap(i, step, size, grid);
      const int64_t lower = narrow(row[static_cast<size_t>(tap.lower)], 64, "a number");
      const int64_t upper = narrow(row[static_cast<size_t>(tap.upper)], 64, "a number");
      list.push_back(emu::interpolate_corners(lower, upper, lower, upper, 0, tap.weight));
    }
    rows.push_back(list);
  }
  return rows;
}

}  // namespace

void add_activations(Operations& table) {
  table["lrelu_*"] = leaky_by_two_multipliers;
  table["leaky_relu*"] = leaky_relu;
  table["prelu_u8*"] = prelu_by_gains;
  table["hard_sigmoid*"] = hard_sigmoid;
  table["hard_swish*"] = hard_swish;
  table["resize_bilinear*"] = resize_row;
}

}  // namespace assay::verify

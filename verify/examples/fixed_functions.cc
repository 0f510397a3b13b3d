// Multipliers of 31 and 15 bits, and what is built from them: functions of a word, softmax of a row, an LSTM's cell, normalisation.
#include "emu/arith/fixed_functions.h"

#include "emu/arith/fixed_operators.h"
#include "emu/arith/fixed_point.h"
#include "quant/exact/ratio.h"
#include "quant/exact/tables.h"
#include "verify/examples/operations.h"

namespace assay::verify {
namespace {

using emu::LeftShift;
using emu::QScale;
using emu::RightShift;
using emu::Round;

QScale scale_30(const Entry& entry) {
  const int64_t multiplier = narrow(entry.integer({"m", "multiplier"}), 32, "the multiplier");
  return {multiplier, LeftShift{0}, RightShift{static_cast<uint8_t>(entry.small({"shift", "n"}, 2, 62))}};
}

Value twice_rounded(const Entry& entry) {
  const QScale scale = scale_31(entry, {"m", "multiplier"}, {"shift", "s"});
  return map_list(entry.integers({"x", "acc"}), [&](Wide x) -> Value { return emu::multiply_by_quantized_multiplier_rounding_twice(narrow(x, 32, "x"), scale); });
}

Value once_rounded(const Entry& entry) {
  const QScale scale = scale_31(entry, {"m", "multiplier"}, {"shift", "s"});
  return map_list(entry.integers({"x", "acc"}), [&](Wide x) -> Value { return emu::multiply_by_quantized_multiplier_rounding_once(narrow(x, 32, "x"), scale); });
}

Value reduced_to_15(const Entry& entry) {
  const QScale scale = scale_31(entry, {"m", "multiplier"}, {"shift", "s"});
  return by_key(entry, "out", [&](const std::string& key) -> Value {
    if (contains(key, "reduced")) return emu::reduced_multiplier(scale.multiplier);
    return map_list(entry.integers({"acc_i64", "acc", "x"}), [&](Wide x) -> Value { return emu::multiply_by_quantized_multiplier_15(narrow(x, 48, "x"), scale); });
  });
}

Value apply_scale_once(const Entry& entry) {
  const QScale scale = scale_30(entry);
  return map_list(entry.integers({"x", "acc", "value"}), [&](Wide x) -> Value { return emu::apply_scale_32_rounding_once(narrow(x, 32, "x"), scale); });
}

Value apply_scale_twice(const Entry& entry) {
  const QScale scale = scale_30(entry);
  return map_list(entry.integers({"x", "acc", "value"}), [&](Wide x) -> Value { return emu::apply_scale_32_rounding_twice(narrow(x, 32, "x"), scale); });
}

Value apply_scale_48(const Entry& entry) {
  const QScale scale = scale_30(entry);
  return map_list(entry.integers({"x", "acc", "value"}), [&](Wide x) -> Value { return emu::apply_scale_16(narrow(x, 48, "x"), scale); });
}

// Rows of x, multiplier and shift; a key that says "single" rounds once, any other twice.
Value twice_against_once(const Entry& entry) {
  Value::List list;
  for (const auto& row : entry.rows({"cases", "rows"})) {
    if (row.size() != 3) throw EntryError("a case is not [x, m, shift]");
    const QScale scale = scale_31(row[1], row[2]);
    const int64_t x = narrow(row[0], 32, "x");
    list.push_back(by_key(entry, "double", [&](const std::string& key) -> Value {
      const bool once = contains(key, "single") || contains(key, "once");
      return once ? emu::multiply_by_quantized_multiplier_rounding_once(x, scale) : emu::multiply_by_quantized_multiplier_rounding_twice(x, scale);
    }));
  }
  return list;
}

Value doubling_high_mul(const Entry& entry) {
  const bool is_16 = contains(entry.op, "16") || entry.small({"bits"}, 16, 32, 32) == 16;
  const auto a = entry.integers({"a", "x"});
  const auto b = entry.integers({"b", "y", "m"}, a.size());
  Value::List list;
  for (size_t i = 0; i < a.size(); ++i) {
    const int bits = is_16 ? 16 : 32;
    const int64_t x = narrow(a[i], bits, "a");
    const int64_t y = narrow(b[i], bits, "b");
    list.push_back(is_16 ? emu::saturating_rounding_doubling_high_mul_16(x, y) : emu::saturating_rounding_doubling_high_mul_32(x, y));
  }
  return list;
}

Value divide_by_power(const Entry& entry) {
  const auto x = entry.integers({"x", "a"});
  const auto e = entry.integers({"e", "exponent", "shift"}, x.size());
  Value::List list;
  for (size_t i = 0; i < x.size(); ++i) {
    if (e[i] < 0 || e[i] > 62) throw EntryError("an exponent lies outside 0 to 62");
    list.push_back(emu::rounding_divide_by_power(narrow(x[i], 64, "x"), RightShift{static_cast<uint8_t>(e[i])}));
  }
  return list;
}

// --- functions of a word

// "Q5.26": integer bits 5 of 32.
emu::FixedFormat format_of(const Entry& entry, uint8_t integer_bits) {
  const std::string text = entry.text({"format_in", "format", "input"});
  const size_t q = text.find('Q');
  if (q == std::string::npos) return {32, integer_bits};
  int whole = 0;
  int fraction = 0;
  if (std::sscanf(text.c_str() + q, "Q%2d.%2d", &whole, &fraction) != 2 || whole < 0 || (whole + fraction != 31 && whole + fraction != 15) || fraction < 2) {
    throw EntryError("'" + text + "' is no fixed-point format of 16 or 32 bits such as Q5.26");
  }
  return {static_cast<uint8_t>(whole + fraction + 1), static_cast<uint8_t>(whole)};
}

Value exponential(const Entry& entry) {
  const emu::FixedFormat format = format_of(entry, 5);
  return map_list(entry.integers({"a", "x"}), [&](Wide a) -> Value {
    if (a > 0) throw EntryError("the argument is above 0");
    return emu::exp_on_negative_values(narrow(a, format.bits, "a"), format);
  });
}

Value fixed_function(const Entry& entry, bool is_tanh) {
  if (!entry.has({"input_multiplier", "multiplier", "m"})) {
    const emu::FixedFormat format = format_of(entry, 4);
    return map_list(entry.integers({"a", "x"}), [&](Wide a) -> Value {
      const int64_t word = narrow(a, format.bits, "a");
      return is_tanh ? emu::tanh(word, format) : emu::logistic(word, format);
    });
  }
  const int left = entry.small({"input_left_shift", "input_shift", "shift"}, -31, 31);
  const emu::ArgumentScale argument{
      narrow(entry.integer({"input_zero_point", "z_in", "zp"}, 0), 32, "the zero point"), scale_31(entry.integer({"input_multiplier", "multiplier", "m"}), left),
      entry.has({"input_range_radius", "range_radius", "radius"}) ? narrow(entry.integer({"input_range_radius", "range_radius", "radius"}), 32, "the radius")
                                                                  : emu::input_range_radius(4, LeftShift{static_cast<uint8_t>(std::max(left, 0))})};
  return map_list(entry.integers({"x"}), [&](Wide x) -> Value {
    const int64_t word = narrow(x, 8, "x");
    return is_tanh ? emu::tanh_8(word, argument) : emu::logistic_8(word, argument);
  });
}

Value logistic(const Entry& entry) {
  return fixed_function(entry, false);
}
Value tanh(const Entry& entry) {
  return fixed_function(entry, true);
}

const std::vector<int64_t>& logistic_table() {
  static const std::vector<int64_t> table = quant::logistic_table_16();
  return table;
}

// A multiplier of 0 means a power-of-two scale: 3 times 2 to the left shift.
Value table_function(const Entry& entry, bool is_tanh) {
  const Wide given = entry.integer({"input_multiplier", "multiplier", "m"}, 0);
  const int shift_by = entry.small({"input_left_shift", "input_shift", "shift"}, -30, 31, 0);
  emu::TableArgument argument{};
  if (given == 0) {
    if (shift_by < 0) throw EntryError("a left shift below 0");
    argument = {int64_t{3} << shift_by, RightShift{0}};
  } else {
    argument = {narrow(given, 32, "the multiplier"), RightShift{static_cast<uint8_t>(std::abs(shift_by))}};
  }
  return map_list(entry.integers({"x"}), [&](Wide x) -> Value {
    const int64_t word = narrow(x, 16, "x");
    return is_tanh ? emu::tanh_16_from_table(logistic_table(), word, argument) : emu::logistic_16_from_table(logistic_table(), word, argument);
  });
}

Value logistic_lut(const Entry& entry) {
  return table_function(entry, false);
}
Value tanh_lut(const Entry& entry) {
  return table_function(entry, true);
}

Value logistic_entries(const Entry& entry) {
  return map_list(entry.integers({"i", "index"}), [](Wide i) -> Value {
    if (i < 0 || i > 255) throw EntryError("an index lies outside 0 to 255");
    return logistic_table()[static_cast<size_t>(i)];
  });
}

// --- softmax, norm, LSTM

emu::SoftmaxScale softmax_scale(const Entry& entry) {
  QScale scale;
  if (entry.has({"input_multiplier", "multiplier"})) {
    scale = scale_31(entry, {"input_multiplier", "multiplier"}, {"input_left_shift", "input_shift", "shift"});
  } else {
    // min(beta * s * 2^26, 2^31 - 1) as 31 bits and a shift.
    const Rational beta = entry.rational({"beta"}, 1);
    const Rational in = entry.rational({"s_in", "scale", "s"});
    const auto as_double = [](const Rational& value) { return static_cast<double>(value); };
    scale = quant::quantize_multiplier({{as_double(beta), as_double(in)}, {}, 26});
  }
  const Wide lowest = entry.integer({"diff_min"}, Wide{-emu::input_range_radius(5, scale.left)});
  return {scale, narrow(lowest, 32, "'diff_min'")};
}

Value softmax(const Entry& entry) {
  const emu::SoftmaxScale scale = softmax_scale(entry);
  const auto type = contains(entry.text({"out"}), "65536") || entry.small({"out_bits"}, 8, 16, 8) == 16 ? emu::kS16 : emu::kS8;
  Value::List rows;
  for (const auto& row : entry.rows({"x", "rows", "input"})) {
    std::vector<int64_t> words;
    for (const Wide q : row) words.push_back(narrow(q, 16, "x"));
    if (words.size() > emu::kLongestSoftmaxRow) throw EntryError("a row longer than " + std::to_string(emu::kLongestSoftmaxRow));
    Value::List list;
    for (const int64_t y : emu::softmax_row(words, scale, type)) list.push_back(y);
    rows.push_back(list);
  }
  return rows.size() == 1 ? rows[0] : Value(rows);
}

Value inverse_square_root(const Entry& entry) {
  const int reverse = entry.small({"reverse_shift"}, -1, 1, -1);
  return map_list(entry.integers({"x"}), [&](Wide x) -> Value {
    if (x < 0) throw EntryError("the root of a number below 0");
    const auto root = emu::inverse_square_root(narrow(x, 32, "x"));
    return Value::List{root.multiplier, int64_t{root.right.bits} * reverse};
  });
}

Value lstm_cell(const Entry& entry) {
  const auto gate = [&](Names pre, Names after, bool is_tanh) {
    if (entry.has(after)) return narrow(entry.integer(after), 16, "a gate");
    const int64_t word = narrow(entry.integer(pre), 16, "a gate's input");
    const emu::TableArgument unit{3, RightShift{0}};
    return is_tanh ? emu::tanh_16_from_table(logistic_table(), word, unit) : emu::logistic_16_from_table(logistic_table(), word, unit);
  };
  const emu::LstmGates gates{gate({"i_pre"}, {"i"}, false), gate({"f_pre"}, {"f"}, false), gate({"g_pre"}, {"g"}, true),
                             entry.has({"o_pre", "o"}) ? gate({"o_pre"}, {"o"}, false) : int64_t{0}};
  // The cell's scale is a power of two: Q3.12 has 12 fraction bits.
  int whole = 3;
  int fraction = 12;
  const std::string cell_format = entry.text({"cell"});
  if (const size_t q = cell_format.find('Q'); q != std::string::npos && std::sscanf(cell_format.c_str() + q, "Q%2d.%2d", &whole, &fraction) != 2) {
    throw EntryError("'" + cell_format + "' is no fixed-point format such as int16 Q3.12");
  }
  if (fraction < 0 || fraction > 15) throw EntryError("a cell of " + std::to_string(fraction) + " fraction bits; 0 to 15 fit");
  const QScale out = entry.has({"hidden_multiplier", "m_h"}) ? scale_31(entry, {"hidden_multiplier", "m_h"}, {"hidden_shift", "shift_h"}) : scale_31(1 << 30, -21);
  const emu::LstmScale scale{scale_31(1 << 30, -14), scale_31(1 << 30, 1 + fraction - 30), out, narrow(entry.integer({"clip", "cell_clip"}, 0), 16, "'clip'"),
                             narrow(entry.integer({"hidden_zero_point", "zp_h", "zp"}, 0), 16, "the zero point")};
  const emu::LstmCell cell = emu::lstm_cell(gates, narrow(entry.integer({"c", "cell_state", "c_prev"}), 16, "'c'"), scale);
  return by_key(entry, "c_new", [&](const std::string& key) -> Value {
    if (key == "i") return gates.input;
    if (key == "f") return gates.forget;
    if (key == "g") return gates.candidate;
    if (key == "o") return gates.output;
    if (key == "f*c") return cell.forgotten;
    if (key == "i*g") return cell.added;
    if (key == "c_new" || key == "c" || key == "cell" || key == "c'") return cell.cell;
    const int64_t tanh_of_cell = emu::tanh_16_from_table(logistic_table(), cell.cell,
                                                         {int64_t{3} << (fraction < 12 ? 12 - fraction : 0), RightShift{static_cast<uint8_t>(fraction > 12 ? fraction - 12 : 0)}});
    if (contains(key, "tanh")) return tanh_of_cell;
    if (key == "h" || contains(key, "hidden")) return emu::lstm_hidden(gates.output, tanh_of_cell, scale, emu::kS8);
    throw NotSupported("'" + key + "' of operation '" + entry.op + "' is unknown");
  });
}

}  // namespace

void add_fixed_functions(Operations& table) {
  table["mbqm_double*"] = twice_rounded;
  table["mbqm_single*"] = once_rounded;
  table["mbqm_int64*"] = reduced_to_15;
  table["apply_scale_32_double"] = apply_scale_twice;
  table["apply_scale_32_single"] = apply_scale_once;
  table["apply_scale_16"] = apply_scale_48;
  table["q31_double_vs_single"] = twice_against_once;
  table["srdhm*"] = doubling_high_mul;
  table["rdbp*"] = divide_by_power;
  table["exp_on_negative_values"] = exponential;
  table["logistic_fixed_point"] = logistic;
  table["sigmoid_fixed_point"] = logistic;
  table["tanh_fixed_point"] = tanh;
  table["sigmoid_lut"] = logistic_lut;
  table["logistic_lut"] = logistic_lut;
  table["tanh_lut"] = tanh_lut;
  table["sigmoid_table"] = logistic_entries;
  table["softmax*"] = softmax;
  table["inv_sqrt*"] = inverse_square_root;
  table["cell_update*"] = lstm_cell;
}

}  // namespace assay::verify

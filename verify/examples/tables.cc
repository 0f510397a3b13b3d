// Lookup tables: of a function, of listed entries, or of entries that a formula gives.
#include "emu/arith/table.h"

#include <cctype>

#include "emu/arith/fixed_functions.h"
#include "quant/exact/tables.h"
#include "verify/examples/operations.h"

namespace assay::verify {
namespace {

using emu::Round;

// Whole-number formulas of one variable, e.g. "((i-256)^2)//4-8000": + - * // % ^ or ** (power), << >>, parentheses, max, min, abs. Divisions round to the floor.
class Formula {
 public:
  Formula(std::string_view text, Wide variable) : text_(text), variable_(variable) {}

  Wide value() {
    const Wide result = shifted();
    if (peek() != '\0') bad();
    return result;
  }

 private:
  [[noreturn]] void bad() const { throw NotSupported("the formula '" + std::string(text_) + "' is none that Assay can read"); }

  char peek() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(std::string_view symbol) {
    peek();
    if (text_.substr(at_, symbol.size()) != symbol) return false;
    at_ += symbol.size();
    return true;
  }
  Wide bounded(Wide value) const {
    if (value > Wide{1} << 62 || value < -(Wide{1} << 62)) throw EntryError("the formula '" + std::string(text_) + "' leaves 62 bits");
    return value;
  }
  Wide shift_amount() {
    const Wide bits = sum();
    if (bits < 0 || bits > 62) throw EntryError("the formula '" + std::string(text_) + "' shifts by more than 62 bits");
    return bits;
  }

  Wide shifted() {
    Wide value = sum();
    for (;;) {
      if (take("<<")) {
        value = bounded(value * (Wide{1} << shift_amount()));
      } else if (take(">>")) {
        value >>= shift_amount();
      } else {
        return value;
      }
    }
  }
  Wide sum() {
    Wide value = product();
    for (;;) {
      if (take("+")) {
        value = bounded(value + product());
      } else if (take("-")) {
        value = bounded(value - product());
      } else {
        return value;
      }
    }
  }
  Wide product() {
    Wide value = power();
    for (;;) {
      const bool divides = take("//");
      const bool remains = !divides && take("%");
      if (divides || remains) {
        const Wide divisor = power();
        if (divisor <= 0) throw EntryError("the formula '" + std::string(text_) + "' divides by a number that is not above 0");
        const Wide quotient = emu::divide(value, divisor, Round::floor);
        value = divides ? quotient : value - quotient * divisor;
      } else if (peek() == '*' && text_.substr(at_, 2) != "**" && take("*")) {
        value = bounded(value * power());
      } else {
        return value;
      }
    }
  }
  Wide power() {
    const Wide base = factor();
    if (!take("^") && !take("**")) return base;
    const Wide exponent = factor();
    if (exponent < 0 || exponent > 62) bad();
    Wide value = 1;
    for (Wide i = 0; i < exponent; ++i) value = bounded(value * base);
    return value;
  }
  // Texts are short, but not so short that nesting could not exhaust the stack.
  Wide factor() {
    if (++depth_ > 50) bad();
    const Wide value = plain_factor();
    --depth_;
    return value;
  }
  Wide plain_factor() {
    if (take("-")) return -factor();
    if (take("(")) {
      const Wide value = shifted();
      if (!take(")")) bad();
      return value;
    }
    for (const std::string_view name : {"max(", "min("}) {
      if (!take(name)) continue;
      const Wide a = shifted();
      if (!take(",")) bad();
      const Wide b = shifted();
      if (!take(")")) bad();
      return (a < b) == (name == "min(") ? a : b;
    }
    if (take("abs(")) {
      const Wide value = shifted();
      if (!take(")")) bad();
      return value < 0 ? -value : value;
    }
    if (take("i")) return variable_;
    if (std::isdigit(static_cast<unsigned char>(peek())) == 0) bad();
    Wide value = 0;
    while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0) value = bounded(value * 10 + (text_[at_++] - '0'));
    return value;
  }

  std::string_view text_;
  Wide variable_;
  size_t at_ = 0;
  int depth_ = 0;
};

// Listed, or "t[i]=<formula>".
std::vector<int64_t> entries_of(const Entry& entry, size_t count) {
  const Json& table = entry.need({"table", "entries", "lut", "t"});
  std::vector<int64_t> entries;
  if (table.is_string()) {
    std::string_view text = table.get_ref<const std::string&>();
    if (const size_t equals = text.find('='); equals != std::string_view::npos) text.remove_prefix(equals + 1);
    for (size_t i = 0; i < count; ++i) entries.push_back(narrow(Formula(text, static_cast<Wide>(i)).value(), 48, "a table's entry"));
    return entries;
  }
  for (const Wide value : entry.integers({"table", "entries", "lut", "t"})) entries.push_back(narrow(value, 48, "a table's entry"));
  if (entries.size() != count) throw EntryError("the table has " + std::to_string(entries.size()) + " entries; " + std::to_string(count) + " are needed");
  return entries;
}

// 16-bit words, 7 bits of which interpolate; with the fraction kept, or rounded away at once.
Value interpolate_513(const Entry& entry) {
  const auto entries = entries_of(entry, 513);
  const emu::TableForm form{7, entry.round(Round::half_up)};
  return map_list(entry.integers({"x"}), [&](Wide x) -> Value { return emu::look_up(entries, emu::kS16, form, narrow(x, 16, "x")); });
}

Value interpolate_513_keeping_fraction(const Entry& entry) {
  const auto entries = entries_of(entry, 513);
  return map_list(entry.integers({"x"}), [&](Wide x) -> Value { return emu::interpolate_keeping_fraction(entries, narrow(x, 16, "x")); });
}

// (y0 * (2^bits - f) + y1 * f) / 2^bits, rounded and saturated to 32 bits. Source: nvdla/hw cmod/hls/sdp/sdp_y_inp.cpp.
Value interpolate_between(const Entry& entry) {
  const int bits = entry.small({"frac_bits", "fraction_bits"}, 0, 62, 35);
  const Round mode = entry.round(Round::half_away);
  const auto y0 = entry.integers({"y0"});
  const auto y1 = entry.integers({"y1"}, y0.size());
  const auto fraction = entry.integers({"frac", "fraction"}, y0.size());
  Value::List list;
  for (size_t i = 0; i < y0.size(); ++i) {
    if (fraction[i] < 0 || fraction[i] > Wide{1} << bits) throw EntryError("a fraction lies outside 0 to 1");
    list.push_back(kS32Limits.clamp(shift(y0[i] * ((Wide{1} << bits) - fraction[i]) + y1[i] * fraction[i], -bits, mode)));
  }
  return list;
}

quant::Operator function_named(const std::string& text) {
  using quant::Function;
  // Longer names first where one holds another.
  static constexpr std::pair<std::string_view, Function> kNames[] = {{"hard_sigmoid", Function::hard_sigmoid},
                                                                     {"hard_swish", Function::hard_swish},
                                                                     {"sigmoid", Function::sigmoid},
                                                                     {"logistic", Function::sigmoid},
                                                                     {"tanh", Function::tanh},
                                                                     {"softplus", Function::softplus},
                                                                     {"gelu", Function::gelu},
                                                                     {"silu", Function::silu},
                                                                     {"swish", Function::silu},
                                                                     {"selu", Function::selu},
                                                                     {"elu", Function::elu},
                                                                     {"mish", Function::mish},
                                                                     {"exp", Function::exp},
                                                                     {"log", Function::log},
                                                                     {"sqrt", Function::sqrt},
                                                                     {"reciprocal", Function::reciprocal},
                                                                     {"erf", Function::erf},
                                                                     {"square", Function::square},
                                                                     {"abs", Function::abs},
                                                                     {"neg", Function::neg}};
  if (contains(text, "relu") && !contains(text, "selu") && !contains(text, "elu_")) return quant::Relu{};
  for (const auto& [name, function] : kNames) {
    if (!contains(text, name)) continue;
    quant::Unary op{function};
    if (function == Function::hard_sigmoid) {
      op.alpha = 1.0F / 6;
      op.beta = 0.5F;
    }
    if (function == Function::elu) op.alpha = 1;
    if (function == Function::selu) {
      op.alpha = 1.67326319F;
      op.beta = 1.05070102F;
    }
    return op;
  }
  throw NotSupported("the function of '" + text + "' is none that Assay has");
}

// clamp(round(f(s_in * (x - z_in)) / s_out) + z_out) for each word.
Value table_of_function(const Entry& entry) {
  const auto as_float = [](emu::Fp32 value) { return __builtin_bit_cast(float, value.bits); };
  quant::TableSpec spec;
  const bool is_unsigned = contains(entry.op, "uint8") || contains(entry.op, "_u8");
  spec.input = is_unsigned ? emu::kU8 : emu::kS8;
  spec.input_scale = as_float(entry.real32({"s_in", "s_x", "scale_in"}));
  spec.input_zero_point = narrow(entry.integer({"z_in", "z_x"}, 0), 32, "z_in");
  spec.output_scale = as_float(entry.real32({"s_out", "s_y", "scale_out"}));
  spec.output_zero_point = narrow(entry.integer({"z_out", "z_y"}, 0), 32, "z_out");
  if (!(spec.output_scale > 0) || !(spec.input_scale > 0)) throw EntryError("a scale is not above 0");
  const Limits limits = entry.clamp(is_unsigned ? kU8Limits : kS8Limits);
  spec.low = narrow(limits.low, 32, "the lower limit");
  spec.high = narrow(limits.high, 32, "the upper limit");
  const std::string population = entry.text({"population"});
  spec.round = find_round(population).value_or(entry.round(contains(population, "round_half_away") ? Round::half_away : Round::half_away));
  const std::string function = entry.text({"function", "f"});
  const auto entries = quant::function_table(function_named(lower_case(function.empty() ? entry.op : function)), spec);
  return map_list(entry.integers({"x"}), [&](Wide x) -> Value { return emu::look_up(entries, spec.input, {}, static_cast<int64_t>(emu::saturate(x, spec.input))); });
}

}  // namespace

void add_tables(Operations& table) {
  table["lut_513_interp*"] = interpolate_513;
  table["table_513_interp*"] = interpolate_513_keeping_fraction;
  table["lut_interpolate*"] = interpolate_between;
  table["lut_int8*"] = table_of_function;
  table["lut_uint8*"] = table_of_function;
}

}  // namespace assay::verify

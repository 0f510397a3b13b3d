#include "verify/examples/entry.h"

#include "emu/arith/int_type.h"
#include "emu/arith/shift.h"

namespace assay::verify {
namespace {

std::string list_names(Names names) {
  std::string text;
  for (const std::string_view name : names) text += (text.empty() ? "'" : ", '") + std::string(name) + "'";
  return text;
}

std::string first(Names names) {
  return "'" + std::string(*names.begin()) + "'";
}

const Json* find_in(const Json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  for (const auto& [key, value] : object.items()) {
    if (std::string_view(key).substr(0, key.find(" (")) == name && !value.is_null()) return &value;
  }
  return nullptr;
}

const Json& row_of(const Json& list, size_t index) {
  return list[index];
}

template <class T, class F>
std::vector<T> read_list(const Json& json, const std::string& what, F read) {
  if (!json.is_array()) return {read(json, what)};
  std::vector<T> values;
  for (size_t i = 0; i < json.size(); ++i) values.push_back(read(row_of(json, i), what + "[" + std::to_string(i) + "]"));
  return values;
}

template <class T>
std::vector<T> spread(std::vector<T> values, size_t count, const std::string& what) {
  if (values.size() == 1) return std::vector<T>(count, values[0]);
  if (values.size() == count) return values;
  throw EntryError(what + " has " + std::to_string(values.size()) + " values where the other operand has " + std::to_string(count));
}

// "s8", "uint16", "+-127", "none"
std::optional<Limits> limits_named(const std::string& text) {
  if (text == "none") return kUnlimited;
  if (text.starts_with("+-")) {
    const auto limit = parse_rational(std::string_view(text).substr(2));
    if (!limit || denominator(*limit) != 1 || *limit < 0 || *limit > UINT32_MAX) return std::nullopt;
    const auto high = static_cast<int64_t>(numerator(*limit));
    return Limits{-high, high};
  }
  std::string name = text;
  for (const auto& [word, letter] : {std::pair<std::string, std::string>{"uint", "u"}, {"int", "s"}}) {
    if (name.starts_with(word)) name = letter + name.substr(word.size());
  }
  const auto type = emu::parse_int_type(name);
  if (!type) return std::nullopt;
  return Limits{type->min(), type->max()};
}

std::optional<emu::Round> usual_round(const Entry& entry) {
  return entry.find_round_of({"rounding", "round", "mode", "rounding_mode", "round_mode", "rounding_each_stage", "R"});
}

}  // namespace

const Json* Entry::find(Names names) const {
  for (const Json* object : {&inputs, &params}) {
    for (const std::string_view name : names) {
      if (const Json* found = find_in(*object, name)) return found;
    }
  }
  return nullptr;
}

const Json& Entry::need(Names names) const {
  if (const Json* found = find(names)) return *found;
  throw EntryError("operation '" + op + "' needs one of " + list_names(names) + " among its inputs or params");
}

Wide Entry::integer(Names names) const {
  const Json& json = need(names);
  return to_integer(json.is_array() && json.size() == 1 ? json[0] : json, first(names));
}

Wide Entry::integer(Names names, Wide otherwise) const {
  return has(names) ? integer(names) : otherwise;
}

int Entry::small(Names names, int low, int high) const {
  const Wide value = integer(names);
  if (value < low || value > high) {
    throw EntryError(first(names) + " is " + to_text(Value(value)) + ", outside " + std::to_string(low) + " to " + std::to_string(high));
  }
  return static_cast<int>(value);
}

int Entry::small(Names names, int low, int high, int otherwise) const {
  return has(names) ? small(names, low, high) : otherwise;
}

Rational Entry::rational(Names names) const {
  const Json& json = need(names);
  return to_rational(json.is_array() && json.size() == 1 ? json[0] : json, first(names));
}

Rational Entry::rational(Names names, const Rational& otherwise) const {
  return has(names) ? rational(names) : otherwise;
}

emu::Fp32 Entry::real32(Names names) const {
  const Json& json = need(names);
  return to_float(json.is_array() && json.size() == 1 ? json[0] : json, first(names));
}

emu::Fp32 Entry::real32(Names names, emu::Fp32 otherwise) const {
  return has(names) ? real32(names) : otherwise;
}

bool Entry::flag(Names names, bool otherwise) const {
  const Json* json = find(names);
  if (json == nullptr) return otherwise;
  if (json->is_boolean()) return json->get<bool>();
  throw EntryError(first(names) + " is neither true nor false");
}

std::string Entry::text(Names names) const {
  const Json* json = find(names);
  return json != nullptr && json->is_string() ? json->get<std::string>() : std::string();
}

std::vector<Wide> Entry::integers(Names names) const {
  return read_list<Wide>(need(names), first(names), to_integer);
}

std::vector<Rational> Entry::rationals(Names names) const {
  return read_list<Rational>(need(names), first(names), to_rational);
}

std::vector<emu::Fp32> Entry::reals32(Names names) const {
  return read_list<emu::Fp32>(need(names), first(names), to_float);
}

std::vector<Wide> Entry::integers(Names names, size_t count) const {
  return spread(integers(names), count, first(names));
}

std::vector<Wide> Entry::integers(Names names, size_t count, Wide otherwise) const {
  return has(names) ? integers(names, count) : std::vector<Wide>(count, otherwise);
}

std::vector<emu::Fp32> Entry::reals32(Names names, size_t count) const {
  return spread(reals32(names), count, first(names));
}

std::vector<std::vector<Wide>> Entry::rows(Names names) const {
  const Json& json = need(names);
  if (!json.is_array() || json.empty()) throw EntryError(first(names) + " is not a list of lists");
  std::vector<std::vector<Wide>> rows;
  if (!json[0].is_array()) {
    rows.push_back(read_list<Wide>(json, first(names), to_integer));
    return rows;
  }
  for (size_t i = 0; i < json.size(); ++i) rows.push_back(read_list<Wide>(json[i], first(names) + "[" + std::to_string(i) + "]", to_integer));
  return rows;
}

std::optional<emu::Round> Entry::find_round_of(Names names) const {
  const Json* json = find(names);
  if (json == nullptr || !json->is_string()) return std::nullopt;
  const auto mode = find_round(json->get<std::string>());
  if (!mode) throw NotSupported("the rounding '" + json->get<std::string>() + "' of operation '" + op + "' is none that Assay has");
  return mode;
}

emu::Round Entry::round() const {
  if (const auto mode = usual_round(*this)) return *mode;
  if (const auto mode = find_round(op)) return *mode;
  throw EntryError("operation '" + op + "' names no rounding: give params.rounding");
}

emu::Round Entry::round(emu::Round otherwise) const {
  if (const auto mode = usual_round(*this)) return *mode;
  return find_round(op).value_or(otherwise);
}

std::optional<Limits> Entry::find_clamp() const {
  const Json* pair = find({"clamp", "limits", "range", "out_clamp", "output_clamp", "saturate_to", "sat", "q"});
  Limits limits{0, 0};
  if (pair != nullptr && pair->is_array()) {
    if (pair->size() != 2) throw EntryError("'clamp' is not a list of a lower and an upper limit");
    limits = {to_integer((*pair)[0], "'clamp'[0]"), to_integer((*pair)[1], "'clamp'[1]")};
  } else if (pair != nullptr && pair->is_string()) {
    const auto named = limits_named(pair->get<std::string>());
    if (!named) return std::nullopt;
    limits = *named;
  } else if (has({"lo", "low", "min", "qmin", "q_min", "act_min"}) && has({"hi", "high", "max", "qmax", "q_max", "act_max"})) {
    limits = {integer({"lo", "low", "min", "qmin", "q_min", "act_min"}), integer({"hi", "high", "max", "qmax", "q_max", "act_max"})};
  } else if (has({"out_bits", "bits"})) {
    limits = limits_of(small({"out_bits", "bits"}, 1, 64), flag({"signed", "is_signed"}, true));
  } else {
    return std::nullopt;
  }
  if (limits.low > limits.high) throw EntryError("the lower limit of 'clamp' is above the upper one");
  return limits;
}

Limits Entry::clamp(Limits otherwise) const {
  return find_clamp().value_or(otherwise);
}

Limits limits_of(int bits, bool is_signed) {
  const emu::IntType type{static_cast<uint8_t>(bits), is_signed};
  return {type.min(), type.max()};
}

Wide shift(Wide value, int shift_left, emu::Round round) {
  constexpr int kMost = emu::kMaxShiftBits;
  if (shift_left > kMost) throw EntryError("a left shift of " + std::to_string(shift_left) + " bits; the most is 62");
  if (shift_left >= 0) return emu::shift_left(value, emu::LeftShift{static_cast<uint8_t>(shift_left)});
  if (shift_left >= -kMost) return emu::shift_right(value, emu::RightShift{static_cast<uint8_t>(-shift_left)}, round);
  if (shift_left < -126) throw EntryError("a right shift of " + std::to_string(-shift_left) + " bits; the most is 126");
  return emu::divide(value, Wide{1} << -shift_left, round);
}

Wide times(Wide a, Wide b) {
  Wide product = 0;
  constexpr Wide kLimit = Wide{1} << 125;
  if (__builtin_mul_overflow(a, b, &product) || product >= kLimit || product <= -kLimit) throw EntryError("a product of more than 125 bits");
  return product;
}

int64_t narrow(Wide value, int bits, const std::string& what) {
  const Limits limits = limits_of(bits, true);
  if (value < limits.low || value > limits.high) throw EntryError(what + " " + to_text(Value(value)) + " has more than " + std::to_string(bits) + " bits");
  return static_cast<int64_t>(value);
}

emu::QScale scale_31(Wide multiplier, Wide shift) {
  const int64_t mantissa = narrow(multiplier, 32, "the multiplier");
  if (shift < -31 || shift > 30) throw EntryError("the multiplier's shift " + to_text(Value(shift)) + " lies outside -31 to 30");
  return emu::QScale::from_tflite(static_cast<int32_t>(mantissa), static_cast<int>(shift));
}

emu::QScale scale_31(const Entry& entry, Names multiplier, Names shift) {
  return scale_31(entry.integer(multiplier), entry.integer(shift, 0));
}

Value clamped(const Rational& value, emu::Round mode, const Limits& limits) {
  return Value(quant::round_and_clamp(value, mode, narrow(emu::saturate(limits.low, emu::kS64), 64, "a limit"), narrow(emu::saturate(limits.high, emu::kS64), 64, "a limit")));
}

}  // namespace assay::verify

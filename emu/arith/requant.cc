#include "emu/arith/requant.h"

#include <charconv>

#include "emu/base/error.h"

namespace assay::emu {
namespace {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

template <class Amount>
std::string amount_text(const std::optional<Amount>& amount) {
  return amount ? std::to_string(amount->bits) : "scale";
}

std::string width_text(const std::optional<uint8_t>& bits) {
  return bits ? std::to_string(*bits) : "output";
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (size_t i = 0; i < text.size();) {
    const size_t start = text.find_first_not_of(' ', i);
    if (start == std::string_view::npos) break;
    const size_t end = std::min(text.find(' ', start), text.size());
    words.push_back(text.substr(start, end - start));
    i = end;
  }
  return words;
}

[[noreturn]] void bad_step(std::string_view text, const std::string& why) {
  throw InputError("step '" + std::string(text) + "': " + why);
}

// A decimal number in [low, high], or `name` for none.
std::optional<uint8_t> number_or(std::string_view word, std::string_view name, int low, int high, std::string_view step) {
  if (word == name) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size() || value < low || value > high) {
    bad_step(step, "expected '" + std::string(name) + "' or a number from " + std::to_string(low) + " to " + std::to_string(high) + ", found '" + std::string(word) + "'");
  }
  return static_cast<uint8_t>(value);
}

Wide keep(Wide value, Wide kept, bool is_output, StepEvents& events) {
  if (kept != value) (is_output ? events.output : events.intermediate) = true;
  return kept;
}

}  // namespace

std::string to_string(const Step& step) {
  return std::visit(Overloaded{
                        [](const AddBias&) -> std::string { return "add_bias"; },
                        [](const ShiftLeft& s) { return "shift_left " + amount_text(s.amount); },
                        [](const Multiply&) -> std::string { return "multiply"; },
                        [](const ShiftRight& s) { return "shift_right " + amount_text(s.amount) + " " + std::string(to_string(s.round)); },
                        [](const Saturate& s) { return "saturate " + width_text(s.bits); },
                        [](const Wrap& s) { return "wrap " + width_text(s.bits); },
                        [](const AddZeroPoint&) -> std::string { return "add_zero_point"; },
                        [](const Clamp&) -> std::string { return "clamp"; },
                    },
                    step);
}

std::string to_string(const Steps& steps) {
  std::string text;
  for (const Step& step : steps) text += (text.empty() ? "" : "; ") + to_string(step);
  return text;
}

Step parse_step(std::string_view text) {
  const auto words = words_of(text);
  if (words.empty()) bad_step(text, "is empty");
  const std::string_view name = words[0];
  const auto expect = [&](size_t count) {
    if (words.size() != count) bad_step(text, "'" + std::string(name) + "' takes " + std::to_string(count - 1) + " words after it");
  };
  if (name == "add_bias") return expect(1), Step{AddBias{}};
  if (name == "multiply") return expect(1), Step{Multiply{}};
  if (name == "add_zero_point") return expect(1), Step{AddZeroPoint{}};
  if (name == "clamp") return expect(1), Step{Clamp{}};
  if (name == "shift_left") {
    expect(2);
    const auto bits = number_or(words[1], "scale", 0, kMaxShiftBits, text);
    return ShiftLeft{bits ? std::optional(LeftShift{*bits}) : std::nullopt};
  }
  if (name == "shift_right") {
    expect(3);
    const auto bits = number_or(words[1], "scale", 0, kMaxShiftBits, text);
    const auto round = parse_round(words[2]);
    if (!round) bad_step(text, "'" + std::string(words[2]) + "' is no rounding mode");
    return ShiftRight{bits ? std::optional(RightShift{*bits}) : std::nullopt, *round};
  }
  if (name == "saturate") return expect(2), Step{Saturate{number_or(words[1], "output", 1, 64, text)}};
  if (name == "wrap") return expect(2), Step{Wrap{number_or(words[1], "output", 1, 64, text)}};
  bad_step(text, "unknown; the steps are add_bias, shift_left, multiply, shift_right, saturate, wrap, add_zero_point, clamp");
}

Steps parse_steps(std::string_view text) {
  Steps steps;
  if (words_of(text).empty()) return steps;
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find(';', start), text.size());
    steps.push_back(parse_step(text.substr(start, end - start)));
    start = end + 1;
  }
  return steps;
}

Wide apply(const Step& step, Wide value, const StepOperands& operands, StepEvents& events) {
  return std::visit(Overloaded{
                        [&](const AddBias&) { return value + operands.bias; },
                        [&](const ShiftLeft& s) { return shift_left(value, s.amount.value_or(operands.scale.left)); },
                        [&](const Multiply&) {
                          const Wide limit = Wide{1} << 95;
                          ASSAY_ASSERT(value > -limit && value < limit && operands.scale.multiplier < (int64_t{1} << 32) && operands.scale.multiplier > -(int64_t{1} << 32));
                          return value * operands.scale.multiplier;
                        },
                        [&](const ShiftRight& s) { return shift_right(value, s.amount.value_or(operands.scale.right), s.round); },
                        [&](const Saturate& s) {
                          return keep(value, saturate(value, s.bits ? IntType{*s.bits, true} : operands.output), !s.bits, events);
                        },
                        [&](const Wrap& s) {
                          return keep(value, wrap(value, s.bits ? IntType{*s.bits, true} : operands.output), !s.bits, events);
                        },
                        [&](const AddZeroPoint&) { return value + operands.zero_point; },
                        [&](const Clamp&) {
                          const Wide low = operands.clamp_low;
                          const Wide high = operands.clamp_high;
                          return value < low ? low : (value > high ? high : value);
                        },
                    },
                    step);
}

Wide requantize(Wide accumulator, const Steps& steps, const StepOperands& operands, StepEvents& events) {
  Wide value = accumulator;
  for (const Step& step : steps) value = apply(step, value, operands, events);
  return value;
}

std::vector<Wide> requantize_traced(Wide accumulator, const Steps& steps, const StepOperands& operands) {
  std::vector<Wide> values;
  StepEvents events;
  Wide value = accumulator;
  for (const Step& step : steps) {
    value = apply(step, value, operands, events);
    values.push_back(value);
  }
  return values;
}

Wide divide_scaled(Wide value, Wide divisor, const QScale& scale, Round round) {
  return divide(shift_left(value * scale.multiplier, scale.left), shift_left(divisor, LeftShift{scale.right.bits}), round);
}

}  // namespace assay::emu

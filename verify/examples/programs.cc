// Requantization programs: others' shorthand for a list of steps, translated to ours and run by emu::requantize.
//
//   addi N -> add N;  shl K -> shift_left K;  shr K R -> shift_right K R;  muli N -> multiply N;  sat LO HI -> clamp LO HI, or clamp_fp32 between tof and toi;
//   wrap B -> wrap B;  tof -> to_fp32;  mulf, addf, divf X -> mul_fp32 ..;  fmaf A B -> fma_fp32 A B;  leakyf S -> leaky_fp32 S;  toi R -> to_int R
//   sat8, satu8, sat16 ... are saturations to that type.
#include "emu/arith/requant.h"
#include "verify/examples/operations.h"

namespace assay::verify {
namespace {

class Translation {
 public:
  // `index`: which accumulator the steps are for, where an operand is a list with a number for each.
  explicit Translation(size_t index) : index_(index) {}

  std::string of(const Json& program) {
    if (!program.is_array()) throw EntryError("'program' is no list of steps");
    std::string text;
    for (const Json& step : program) {
      const std::string one = step_text(step);
      if (!one.empty()) text += (text.empty() ? "" : "; ") + one;
    }
    return text;
  }

 private:
  const Json& operand(const Json& step, size_t at) const {
    if (!step.is_array() || step.size() <= at) throw EntryError("the step " + step.dump() + " lacks an operand");
    const Json& value = step[at];
    if (!value.is_array()) return value;
    if (value.empty()) throw EntryError("the step " + step.dump() + " has an empty list");
    return value[index_ < value.size() ? index_ : index_ % value.size()];
  }
  std::string whole(const Json& step, size_t at) const {
    const Json& value = operand(step, at);
    if (value.is_string()) {
      const std::string& text = value.get_ref<const std::string&>();
      if (const size_t shifts = text.find("<<"); shifts != std::string::npos) {
        const auto base = parse_rational(text.substr(0, shifts));
        const auto bits = parse_rational(text.substr(shifts + 2));
        if (!base || !bits || *bits < 0 || *bits > 62) throw EntryError("'" + text + "' is no number");
        return to_text(Value(Rational(*base * quant::power_of_two(static_cast<int>(*bits)))));
      }
    }
    return to_text(Value(to_integer(value, "an operand of " + step.dump())));
  }
  std::string real(const Json& step, size_t at) const { return emu::to_string(to_float(operand(step, at), "an operand of " + step.dump())); }
  std::string mode(const Json& step, size_t at) const {
    const Json& name = operand(step, at);
    const auto found = name.is_string() ? find_round(name.get<std::string>()) : std::nullopt;
    if (!found) throw NotSupported("the rounding of the step " + step.dump() + " is none that Assay has");
    return std::string(emu::to_string(*found));
  }

  std::string clamp(const std::string& low, const std::string& high) const {
    if (!floating_) return "clamp " + low + " " + high;
    return "clamp_fp32 " + emu::to_string(nearest_float(*parse_rational(low))) + " " + emu::to_string(nearest_float(*parse_rational(high)));
  }
  std::string saturation(const Json& step) const {
    if (floating_) return "clamp_fp32 " + real(step, 1) + " " + real(step, 2);
    return clamp(whole(step, 1), whole(step, 2));
  }
  // sat8, satu8, sats16, sat+-127, sat127
  std::string named_saturation(const std::string& name) const {
    if (name == "sat127" || name == "sat+-127") return clamp("-127", "127");
    const bool is_unsigned = name.starts_with("satu");
    const std::string digits = name.substr(name.find_first_of("0123456789"));
    const auto bits = parse_rational(digits);
    if (!bits || denominator(*bits) != 1 || *bits < 1 || *bits > 63) throw NotSupported("the step '" + name + "' is unknown");
    const Limits limits = limits_of(static_cast<int>(*bits), !is_unsigned);
    return clamp(to_text(Value(limits.low)), to_text(Value(limits.high)));
  }

  std::string step_text(const Json& step) {
    if (step.is_string()) return step_text(Json::array({step}));
    if (!step.is_array() || step.empty() || !step[0].is_string()) throw EntryError("the step " + step.dump() + " is not [name, operands...]");
    const std::string name = step[0].get<std::string>();
    if (name == "addi") return "add " + whole(step, 1);
    if (name == "muli") return "multiply " + whole(step, 1);
    if (name == "shl") return "shift_left " + whole(step, 1);
    if (name == "shr") return "shift_right " + whole(step, 1) + " " + mode(step, 2);
    if (name == "wrap") return "wrap " + whole(step, 1);
    if (name == "sat" || name == "satf" || name == "clamp") return saturation(step);
    if (name.starts_with("wrap")) return "wrap " + name.substr(4);
    if (name.starts_with("sat") && name.find_first_of("0123456789") != std::string::npos) return named_saturation(name);
    if (name == "tof") {
      floating_ = true;
      return "to_fp32";
    }
    if (name == "mulf") return "mul_fp32 " + real(step, 1);
    if (name == "addf") return "add_fp32 " + real(step, 1);
    if (name == "divf") return "div_fp32 " + real(step, 1);
    if (name == "fmaf") return "fma_fp32 " + real(step, 1) + " " + real(step, 2);
    if (name == "leakyf") return "leaky_fp32 " + real(step, 1);
    if (name == "reluf" || name == "relu") return floating_ ? "clamp_fp32 0x00000000 0x7f7fffff" : "clamp 0 " + std::to_string(INT64_MAX);
    if (name == "toi") {
      floating_ = false;
      const Json& rounding = operand(step, 1);
      const bool adds_half = rounding.is_string() && contains(rounding.get_ref<const std::string&>(), "add_half");
      return adds_half ? "add_half_fp32; to_int toward_zero" : "to_int " + mode(step, 1);
    }
    throw NotSupported("the step '" + name + "' is unknown");
  }

  size_t index_;
  bool floating_ = false;
};

}  // namespace

Value run_program(const Json& program, const std::vector<Wide>& accumulators) {
  Value::List list;
  for (size_t i = 0; i < accumulators.size(); ++i) {
    emu::StepEvents events;
    list.push_back(emu::requantize(accumulators[i], emu::parse_steps(Translation(i).of(program)), {}, events));
  }
  return list;
}

}  // namespace assay::verify

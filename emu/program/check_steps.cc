#include "emu/program/check_steps.h"

#include <algorithm>

#include "emu/program/intervals.h"
#include "emu/program/spelling.h"

namespace assay::emu {
namespace {

using spelling::spell;

Interval range_of(IntType type) {
  return {type.min(), type.max()};
}

bool has_step(const Steps& steps, bool (*is_it)(const Step&)) {
  return std::any_of(steps.begin(), steps.end(), is_it);
}
bool is_add_bias(const Step& step) {
  return std::holds_alternative<AddBias>(step);
}
bool is_clamp(const Step& step) {
  const auto* clamp = std::get_if<Clamp>(&step);
  const auto* in_fp32 = std::get_if<ClampFp32>(&step);
  return (clamp && !clamp->bounds) || (in_fp32 && in_fp32->bounds == decltype(in_fp32->bounds){Fp32Bounds::clamp});
}
// Steps that speak of an instruction's result.
bool names_output(const Step& step) {
  const auto* saturate = std::get_if<Saturate>(&step);
  const auto* wrap = std::get_if<Wrap>(&step);
  const auto* clamp = std::get_if<ClampFp32>(&step);
  if ((clamp && clamp->bounds == decltype(clamp->bounds){Fp32Bounds::output}) || std::holds_alternative<StoreFp32>(step)) return true;
  return (saturate && !saturate->bits) || (wrap && !wrap->bits) || std::holds_alternative<AddZeroPoint>(step) || is_clamp(step) || is_add_bias(step);
}
// Steps that a scale speaks in, which a division has used already.
bool names_scale(const Step& step) {
  const auto* left = std::get_if<ShiftLeft>(&step);
  const auto* right = std::get_if<ShiftRight>(&step);
  const auto* multiply = std::get_if<Multiply>(&step);
  return (left && !left->amount) || (right && !right->amount) || (multiply && !multiply->factor);
}

// The names of the instructions' members say which list goes with which scale: a new operator whose requantization is called `requant` is checked as it stands.
class StepLists {
 public:
  StepLists(const OpContext& context, Problems& problems) : context_(context), problems_(problems) {}

  template <class Op>
  void check(const Op& op) {
    if constexpr (requires { op.requant; }) check_requant(op);
    if constexpr (requires { op.operand_steps; }) {
      check_operand(context_.steps(op.operand_steps), op.scale_a, difference(op.a, op.za), begins_with(context_.type(op.a)), "'operands' on 'a'");
      check_operand(context_.steps(op.operand_steps), op.scale_b, difference(op.b, op.zb), begins_with(context_.type(op.b)), "'operands' on 'b'");
    }
    if constexpr (std::is_same_v<Op, Concat>) {
      for (size_t i = 0; i < op.scales.size(); ++i) check_concat(op, i);
    }
  }

 private:
  Interval difference(Ref ref, int64_t zero_point) const {
    const Interval type = range_of(context_.type(ref));
    return {type.low - zero_point, type.high - zero_point};
  }

  // What comes to the requantization before any division.
  template <class Op>
  Interval accumulated(const Op& op) const {
    if constexpr (std::is_same_v<Op, Softmax>) {
      return range_of(context_.type(op.table));
    } else if constexpr (requires { op.acc; }) {
      return range_of(op.acc.result());
    } else {
      return difference(op.x, op.zx);
    }
  }

  // The first operand; others of the same instruction are of the same kind (each operator's check()).
  template <class Op>
  static Ref operand_of(const Op& op) {
    if constexpr (requires { op.x; }) {
      return op.x;
    } else {
      return op.a;
    }
  }

  template <class Op>
  bool divides(const Op& op) const {
    if (context_.type(operand_of(op)).is_float()) return false;
    if constexpr (std::is_same_v<Op, Softmax>) return true;
    if constexpr (requires { op.divide.has_value(); }) return op.divide.has_value();
    return false;
  }

  template <class Op>
  int64_t channels() const {
    const Shape& shape = context_.result().shape;
    if (shape.empty()) return 1;
    return std::is_same_v<Op, MatMul> ? shape.back() : shape[static_cast<size_t>(channel_axis_of(shape))];
  }

  template <class Op>
  void check_requant(const Op& op) {
    const Steps& steps = context_.steps(op.requant.steps);
    StepBounds bounds = result_bounds(op.requant.clamp);
    bool has_bias = false;
    if constexpr (requires { op.bias; }) {
      if (op.bias) bounds.bias = bias_range(*op.bias);
      has_bias = op.bias.has_value();
    }
    if (has_bias != has_step(steps, is_add_bias)) problems_.push_back(has_bias ? "has a bias, but its steps have no add_bias" : "its steps add a bias, but it has none");
    const IntType type = context_.result().type;
    if (type.is_float() && (!type.holds(op.requant.clamp.low) || !type.holds(op.requant.clamp.high))) {
      return problems_.push_back("the clamp bounds " + spell(op.requant.clamp) + " are no words of " + to_string(type));
    }
    if (is_smaller(op.requant.clamp.high, op.requant.clamp.low, type)) return problems_.push_back("the clamp bounds " + spell(op.requant.clamp) + " are in the wrong order");
    if (divides(op) && has_step(steps, names_scale)) problems_.push_back("the division uses the scale, so its steps may not use it again: " + to_string(steps));

    const Interval start = accumulated(op);
    const Begins operand = begins_with(context_.type(operand_of(op)));
    begins_ = operand;
    if constexpr (requires { op.operand_steps; }) begins_ = ends_in_fp32(context_.steps(op.operand_steps), operand) ? Begins::in_fp32 : Begins::as_integer;
    check_length<Op>(op, context_.scale(op.requant.scale).size());
    if constexpr (std::is_same_v<Op, LeakyRelu>) {
      check_scales(steps, context_.scale(op.requant.scale), bounds, {0, std::max(start.high, Wide{0})}, false);
      check_scales(steps, context_.scale(op.negative), bounds, {std::min(start.low, Wide{0}), 0}, false);
    } else {
      check_scales(steps, context_.scale(op.requant.scale), bounds, start, divides(op));
    }
  }

  template <class Op>
  void check_length(const Op& op, size_t entries) {
    int64_t expected = channels<Op>();
    if constexpr (std::is_same_v<Op, AveragePool>) expected = op.kernel[0] * op.kernel[1];
    if constexpr (std::is_same_v<Op, Softmax>) expected = 1;
    if (entries != 1 && static_cast<int64_t>(entries) != expected) {
      problems_.push_back("its scale has " + std::to_string(entries) + " entries; expected 1" + (expected == 1 ? "" : " or " + std::to_string(expected)));
    }
  }

  StepBounds result_bounds(const ClampBounds& clamp) const {
    StepBounds bounds;
    bounds.operands.output = context_.result().type;
    bounds.operands.zero_point = context_.result().zero_point;
    bounds.operands.clamp_low = clamp.low;
    bounds.operands.clamp_high = clamp.high;
    return bounds;
  }

  Interval bias_range(Ref bias) const {
    if (!bias.is_constant) return range_of(context_.type(bias));
    const std::vector<int64_t> values = context_.tensor(bias).values();
    if (values.empty()) return {};
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    return {*low, *high};
  }

  // Every entry of the scale; the first one that goes wrong is told.
  void check_scales(const Steps& steps, const std::vector<QScale>& scales, StepBounds bounds, const Interval& start, bool divided) {
    for (size_t i = 0; i < scales.size(); ++i) {
      Interval value = start;
      bounds.operands.scale = scales[i];
      std::optional<std::string> problem = divided ? follow_division(scales[i], value) : std::nullopt;
      if (!problem && divided && !value.within(kS64)) problem = "the division can leave 64 bits: " + to_string(value);
      if (!problem) problem = follow(steps, bounds, value, begins_);
      if (!problem && ends_in_fp32(steps)) problem = "the steps end in binary32";
      if (!problem && bounds.operands.output.is_float() != (!steps.empty() && std::holds_alternative<StoreFp32>(steps.back()))) {
        problem = "the result is " + to_string(bounds.operands.output) + ": its steps must " + (bounds.operands.output.is_float() ? "end with" : "not hold") + " store_fp32";
      }
      if (!problem && !value.within(bounds.operands.output)) {
        problem = "the steps can leave " + to_string(value) + ", which " + to_string(bounds.operands.output) + " does not hold; end with saturate output, wrap output or clamp";
      }
      if (problem) return problems_.push_back(*problem + " (entry " + std::to_string(i) + " of the scale, " + spell(scales[i]) + ")");
    }
  }

  void check_operand(const Steps& steps, ScaleRef scale, const Interval& start, Begins begins, const std::string& which) {
    if (has_step(steps, names_output)) return problems_.push_back(which + " speaks of the result, which operands do not know: " + to_string(steps));
    if (context_.scale(scale).size() != 1)
      return problems_.push_back(which + " needs a scale of 1 entry, " + spell(scale) + " has " + std::to_string(context_.scale(scale).size()));
    StepBounds bounds;
    bounds.operands.scale = context_.scale(scale)[0];
    Interval value = start;
    auto problem = follow(steps, bounds, value, begins);
    if (!problem && !ends_in_fp32(steps, begins) && !value.within(kS64)) problem = "the steps can leave 64 bits: " + to_string(value);
    if (problem) problems_.push_back(which + ": " + *problem);
  }

  void check_concat(const Concat& op, size_t i) {
    const Steps& steps = context_.steps(op.steps);
    if (has_step(steps, is_add_bias) || has_step(steps, is_clamp)) return problems_.push_back("concat has neither a bias nor clamp bounds: " + to_string(steps));
    if (context_.scale(op.scales[i]).size() != 1) return problems_.push_back("each input's scale has 1 entry; " + spell(op.scales[i]) + " has another number");
    if (i < op.inputs.size() && i < op.zero_points.size()) {
      begins_ = begins_with(context_.type(op.inputs[i]));
      check_scales(steps, context_.scale(op.scales[i]), result_bounds({}), difference(op.inputs[i], op.zero_points[i]), false);
    }
  }

  const OpContext& context_;
  Problems& problems_;
  Begins begins_ = Begins::as_integer;  // the list on a sum of operands in binary32 begins there
};

}  // namespace

void check_step_lists(const Operation& operation, const OpContext& context, Problems& problems) {
  std::visit([&](const auto& op) { StepLists(context, problems).check(op); }, operation);
}

}  // namespace assay::emu

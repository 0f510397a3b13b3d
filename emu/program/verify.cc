// verify(): everything that the machine relies on, so that no body in emu/ops need ask again. First the tables, each on its own; then every instruction: its references,
// the operation's own check(), and last, where those found nothing, what its step lists can make of every value that may come.
#include <algorithm>

#include "emu/base/error.h"
#include "emu/ops/op.h"
#include "emu/program/check_steps.h"
#include "emu/program/program.h"
#include "emu/program/spelling.h"

namespace assay::emu {
namespace {

using spelling::spell;

constexpr int64_t kMultiplierLimit = int64_t{1} << 32;

// Elements, zero points and accumulators are handled as 64-bit integers with a sign.
bool is_legal(IntType type) {
  return type.bits >= 1 && type.bits <= (type.is_signed ? 64 : 63);
}
std::string illegal(IntType type) {
  return "the type " + to_string(type) + " is not possible; types are s1..s64 and u1..u63";
}

// Whether every reference of one operation is in range and, for values, written before.
class References {
 public:
  // `steps_unused`: the operation's own list of steps is not looked at.
  References(const Program& program, const std::vector<uint8_t>& written, bool steps_unused, Problems& problems)
      : program_(program), written_(written), steps_unused_(steps_unused), problems_(problems) {}

  void operator()(std::string_view name, const Ref& ref) {
    if (ref.is_constant) return in_range(name, spell(ref), ref.index, program_.constants.size(), "constants");
    in_range(name, spell(ref), ref.index, program_.values.size(), "values");
    if (ref.index < written_.size() && !written_[ref.index]) problems_.push_back("'" + std::string(name) + "' reads " + spell(ref) + " before it is written");
  }
  void operator()(std::string_view name, const ScaleRef& ref) { in_range(name, spell(ref), ref.index, program_.scales.size(), "scales"); }
  void operator()(std::string_view name, const StepsRef& ref) {
    if (!steps_unused_) in_range(name, spell(ref), ref.index, program_.step_lists.size(), "step lists");
  }
  void operator()(std::string_view name, const Requant& requant) {
    (*this)("scale", requant.scale);
    (*this)(name, requant.steps);
  }
  template <class Part>
  void operator()(std::string_view name, const std::optional<Part>& part) {
    if (part) (*this)(name, *part);
  }
  template <class Part>
  void operator()(std::string_view name, const std::vector<Part>& list) {
    for (const Part& part : list) (*this)(name, part);
  }
  void operator()(std::string_view name, const Accumulator& accumulator) {
    std::vector<IntType> types = {accumulator.type};
    if (accumulator.pairs) types.push_back(accumulator.pairs->type);
    if (accumulator.spill) types.push_back(accumulator.spill->into.type);
    for (const IntType type : types) {
      if (!is_legal(type)) problems_.push_back("'" + std::string(name) + "': " + illegal(type));
    }
  }
  template <class Other>
  void operator()(std::string_view, const Other&) {}

 private:
  void in_range(std::string_view name, const std::string& spelled, uint32_t index, size_t count, const char* what) {
    if (index >= count) problems_.push_back("'" + std::string(name) + "' is " + spelled + ", but the program has " + std::to_string(count) + " " + what);
  }

  const Program& program_;
  const std::vector<uint8_t>& written_;
  bool steps_unused_;
  Problems& problems_;
};

// Collects operands and integers by name: the zero point of operand n is called zn.
class ZeroPointCheck {
 public:
  ZeroPointCheck(const OpContext& context, Problems& problems) : context_(context), problems_(problems) {}
  void operator()(std::string_view name, const Ref& ref) { operands_.push_back({std::string(name), {ref}}); }
  void operator()(std::string_view name, const std::vector<Ref>& refs) { operands_.push_back({std::string(name), refs}); }
  void operator()(std::string_view name, const int64_t& zero_point) { (*this)(name, std::vector<int64_t>{zero_point}); }
  void operator()(std::string_view name, const std::vector<int64_t>& zero_points) {
    for (const auto& [operand, refs] : operands_) {
      if (name != "z" + operand) continue;
      for (size_t i = 0; i < std::min(refs.size(), zero_points.size()); ++i) compare(name, refs[i], zero_points[i]);
    }
  }
  template <class Other>
  void operator()(std::string_view, const Other&) {}

 private:
  void compare(std::string_view name, Ref ref, int64_t zero_point) {
    const std::string says = "'" + std::string(name) + "' says " + std::to_string(zero_point) + ", ";
    if (!ref.is_constant && context_.value(ref.index).zero_point != zero_point) {
      problems_.push_back(says + spell(ref) + " has zero point " + std::to_string(context_.value(ref.index).zero_point));
    } else if (ref.is_constant && !context_.type(ref).holds(zero_point)) {
      problems_.push_back(says + "which lies outside " + to_string(context_.type(ref)) + ", the type of " + spell(ref));
    }
  }

  const OpContext& context_;
  Problems& problems_;
  std::vector<std::pair<std::string, std::vector<Ref>>> operands_;
};

class Verifier {
 public:
  explicit Verifier(const Program& program) : program_(program), written_(program.values.size(), 0) {}

  Problems verify() {
    check_values();
    check_constants();
    check_scales();
    check_step_words();
    tables_are_good_ = problems_.empty();
    check_inputs();
    for (size_t i = 0; i < program_.instructions.size(); ++i) check_instruction(i);
    check_ends();
    return std::move(problems_);
  }

 private:
  static std::string named(const char* prefix, size_t index, const std::string& name) { return prefix + std::to_string(index) + " (" + spell(name) + "): "; }

  void check_values() {
    for (size_t i = 0; i < program_.values.size(); ++i) {
      const ValueInfo& value = program_.values[i];
      const std::string where = named("%", i, value.name);
      try {
        element_count(value.shape);
      } catch (const InputError& error) {
        problems_.push_back(where + error.what());
      }
      if (!is_legal(value.type)) {
        problems_.push_back(where + illegal(value.type));
      } else if (!value.type.holds(value.zero_point)) {
        problems_.push_back(where + "its zero point " + std::to_string(value.zero_point) + " lies outside " + to_string(value.type));
      }
      check_scale(value, where);
    }
  }

  void check_scale(const ValueInfo& value, const std::string& where) {
    const size_t count = value.scale.size();
    const bool per_channel = value.shape.size() >= 2 && static_cast<int64_t>(count) == value.shape[1];
    if (count == 0 || (count != 1 && !per_channel)) {
      problems_.push_back(where + "its scale has " + std::to_string(count) + " entries; a value of shape " + to_string(value.shape) +
                          " takes one, or one for each index of axis 1");
    }
    const auto is_normal = [](const Dyadic& scale) { return scale.mantissa == 0 ? scale.exponent == 0 : scale.mantissa > 0 && scale.mantissa % 2 == 1; };
    const auto bad = std::find_if_not(value.scale.begin(), value.scale.end(), is_normal);
    if (bad != value.scale.end()) problems_.push_back(where + "its scale " + spell(*bad) + " is not normalised: a positive odd number times 2^n, or 0*2^0");
  }

  void check_constants() {
    for (size_t i = 0; i < program_.constants.size(); ++i) {
      const auto& [name, tensor] = program_.constants[i];
      if (!is_legal(tensor.type())) problems_.push_back(named("@k", i, name) + illegal(tensor.type()));
    }
  }

  void check_scales() {
    for (size_t i = 0; i < program_.scales.size(); ++i) {
      const std::string where = "@s" + std::to_string(i) + ": ";
      if (program_.scales[i].empty()) problems_.push_back(where + "has no entry");
      for (const QScale& scale : program_.scales[i]) {
        if (scale.multiplier >= kMultiplierLimit || scale.multiplier <= -kMultiplierLimit) problems_.push_back(where + "the multiplier of " + spell(scale) + " is 2^32 or more");
        if (std::max({scale.left.bits, scale.right.bits, scale.first.bits}) > kMaxShiftBits) problems_.push_back(where + "a shift of " + spell(scale) + " is more than 62");
      }
    }
  }

  void check_step_words() {
    for (size_t i = 0; i < program_.step_lists.size(); ++i) {
      for (const Step& step : program_.step_lists[i]) {
        try {
          parse_step(to_string(step));
        } catch (const InputError& error) {
          problems_.push_back("#" + std::to_string(i) + ": " + error.what());
        }
      }
    }
  }

  void check_inputs() {
    for (size_t i = 0; i < program_.inputs.size(); ++i) {
      const ProgramInput& input = program_.inputs[i];
      std::string where = "input " + std::to_string(i);
      if (!write(input.value, where + ": ")) continue;
      const ValueInfo& value = program_.values[input.value];
      where = named("input ", i, value.name);
      const std::string bounds = "its bounds " + spell(ClampBounds{input.low, input.high});
      if (is_legal(value.type) && !(value.type.holds(input.low) && value.type.holds(input.high))) {
        problems_.push_back(where + bounds + " lie outside " + to_string(value.type));
      } else if (is_smaller(input.high, input.low, value.type)) {
        problems_.push_back(where + bounds + " are in the wrong order");
      }
    }
  }

  // Each value is written once; false where there is no such value.
  bool write(uint32_t value, const std::string& where) {
    if (value >= written_.size()) {
      problems_.push_back(where + "%" + std::to_string(value) + " is no value, the program has " + std::to_string(written_.size()));
      return false;
    }
    if (written_[value]) problems_.push_back(where + "%" + std::to_string(value) + " is written twice");
    written_[value] = 1;
    return true;
  }

  void check_instruction(size_t index) {
    const Instruction& instruction = program_.instructions[index];
    std::string where = "instruction " + std::to_string(index) + " (" + std::string(operation_name(instruction.operation));
    if (instruction.result < program_.values.size()) where += " " + spell(program_.values[instruction.result].name);
    where += "): ";
    Problems own;
    std::visit([&](const auto& op) { check_references(op, own); }, instruction.operation);
    // The result is written last, so an instruction that reads its own result is told so.
    const bool has_result = write(instruction.result, where);
    if (own.empty() && has_result && tables_are_good_) {
      const std::vector<const Tensor*> no_tensors;
      const OpContext context(program_, instruction.result, no_tensors);
      std::visit([&](const auto& op) { check_operation(op, context, own); }, instruction.operation);
      if (own.empty()) check_step_lists(instruction.operation, context, own);
    }
    for (const std::string& problem : own) problems_.push_back(where + problem);
  }

  template <class Op>
  void check_references(const Op& op, Problems& own) const {
    bool steps_unused = false;
    if constexpr (std::is_same_v<Op, Concat>) steps_unused = op.scales.empty();
    References references(program_, written_, steps_unused, own);
    if constexpr (std::is_same_v<Op, std::monostate>) {
      own.push_back("there is no operation");
    } else {
      op.fields(op, references);
    }
  }

  template <class Op>
  static void check_operation(const Op& op, const OpContext& context, Problems& own) {
    if constexpr (!std::is_same_v<Op, std::monostate>) {
      try {
        check(op, context, own);
      } catch (const InputError& error) {  // shapes that do not broadcast
        own.push_back(error.what());
      }
      if (!own.empty()) return;
      ZeroPointCheck zero_points(context, own);
      op.fields(op, zero_points);
    }
  }

  void check_ends() {
    for (size_t i = 0; i < written_.size(); ++i) {
      if (!written_[i]) problems_.push_back(named("%", i, program_.values[i].name) + "no input and no instruction writes it");
    }
    for (size_t i = 0; i < program_.outputs.size(); ++i) {
      const uint32_t output = program_.outputs[i];
      if (output >= written_.size()) problems_.push_back("output " + std::to_string(i) + ": %" + std::to_string(output) + " is no value");
    }
  }

  const Program& program_;
  std::vector<uint8_t> written_;
  Problems problems_;
  bool tables_are_good_ = false;
};

}  // namespace

void verify(const Program& program) {
  Problems problems = Verifier(program).verify();
  if (!problems.empty()) throw InputError("the program is not valid:", std::move(problems));
}

}  // namespace assay::emu

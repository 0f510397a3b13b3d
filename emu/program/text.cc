#include "emu/program/text.h"

#include "emu/base/error.h"
#include "emu/program/spelling.h"

namespace assay::emu {
namespace {

using spelling::spell;

// One operation's fields: the first without its name, the others as name=value. A missing optional is not written.
class FieldPrinter {
 public:
  explicit FieldPrinter(std::string& text) : text_(text) {}

  template <class Part>
  void operator()(std::string_view name, const Part& part) {
    put(name, spell(part));
  }
  template <class Part>
  void operator()(std::string_view name, const std::optional<Part>& part) {
    if (part) put(name, spell(*part));
  }
  void operator()(std::string_view name, const Requant& requant) {
    put("scale", spell(requant.scale));
    put(name, spell(requant.steps));
    put("clamp", spell(requant.clamp));
  }
  void operator()(std::string_view, const TableForm& form) {
    put("fraction_bits", std::to_string(form.fraction_bits));
    put("round", spell(form.round));
    if (form.interpolation != Interpolation::difference) put("interpolation", std::string(to_string(form.interpolation)));
    if (form.fine_entries == 0 && form.fine_fraction_bits == 0) return;
    put("fine_entries", std::to_string(form.fine_entries));
    put("fine_fraction_bits", std::to_string(form.fine_fraction_bits));
  }

 private:
  void put(std::string_view name, const std::string& value) {
    text_ += first_ ? " " : " " + std::string(name) + "=";
    text_ += value;
    first_ = false;
  }

  std::string& text_;
  bool first_ = true;
};

std::string described(const ValueInfo& value) {
  return spell(value.type) + to_string(value.shape) + " zy=" + spell(value.zero_point) + " scale=" + spell(value.scale) + " " + spell(value.name);
}

void print_instruction(const Program& program, const Instruction& instruction, std::string& text) {
  ASSAY_ASSERT(instruction.result < program.values.size());
  text += spell(Ref{false, instruction.result}) + " = " + std::string(operation_name(instruction.operation));
  std::visit(
      [&](const auto& op) {
        FieldPrinter printer(text);
        if constexpr (!std::is_same_v<std::decay_t<decltype(op)>, std::monostate>) op.fields(op, printer);
      },
      instruction.operation);
  text += " -> " + described(program.values[instruction.result]) + "\n";
}

// FNV-1a over the elements as they lie in memory: to tell two constants apart at a glance.
std::string short_hash(const Tensor& tensor) {
  uint64_t hash = 0xcbf29ce484222325u;
  const auto* bytes = static_cast<const unsigned char*>(tensor.bytes());
  for (size_t i = 0; i < tensor.size() * tensor.element_bytes(); ++i) hash = (hash ^ bytes[i]) * 0x100000001b3u;
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[hash >> shift & 15];
  return text;
}

void print_constant(const Constant& constant, bool with_elements, std::string& text) {
  text += spell(constant.tensor.type()) + to_string(constant.tensor.shape()) + " " + spell(constant.name);
  if (with_elements) {
    text += " :";
    for (size_t i = 0; i < constant.tensor.size(); ++i) text += " " + std::to_string(constant.tensor.at(i));
  } else {
    text += " fnv1a64=" + short_hash(constant.tensor);
  }
  text += "\n";
}

}  // namespace

std::string print(const Program& program, bool with_constants) {
  std::string text = "assay program 2\ntarget " + spell(program.target) + "\nmodel " + spell(program.model) + "\n";
  text += "\n// scales: multiplier/left/right (/scale/bias/output/slope in binary32), one for the tensor or one per output channel\n";
  for (size_t i = 0; i < program.scales.size(); ++i) {
    text += "@s" + std::to_string(i) + " =";
    for (const QScale& scale : program.scales[i]) text += " " + spell(scale);
    text += "\n";
  }
  text += "\n// requantization steps\n";
  for (size_t i = 0; i < program.step_lists.size(); ++i) {
    text += "#" + std::to_string(i) + " = " + (program.step_lists[i].empty() ? "none" : to_string(program.step_lists[i])) + "\n";
  }
  text += "\n// constants\n";
  for (size_t i = 0; i < program.constants.size(); ++i) {
    text += "@k" + std::to_string(i) + " = ";
    print_constant(program.constants[i], with_constants, text);
  }
  text += "\n// inputs: clamp(round(x / scale) + zy); a scale has one entry, or one for each index of axis 1\n";
  for (const ProgramInput& input : program.inputs) {
    ASSAY_ASSERT(input.value < program.values.size());
    text += "input " + spell(Ref{false, input.value}) + " round=" + spell(input.round) + " clamp=" + spell(ClampBounds{input.low, input.high}) + " -> ";
    text += described(program.values[input.value]) + "\n";
  }
  text += "\n// instructions, in order of execution\n";
  for (const Instruction& instruction : program.instructions) print_instruction(program, instruction, text);
  text += "\n";
  for (const uint32_t output : program.outputs) text += "output " + spell(Ref{false, output}) + "\n";
  return text;
}

}  // namespace assay::emu

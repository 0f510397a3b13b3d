#include "emu/machine.h"

#include <numeric>

#include "emu/base/error.h"
#include "emu/kernels/kernels.h"
#include "emu/ops/op.h"

namespace assay::emu {
namespace {

std::string input_text(const ValueInfo& value) {
  return "input '" + value.name + "'";
}

void check_inputs(const Program& program, const std::vector<Tensor>& inputs) {
  if (inputs.size() != program.inputs.size()) {
    throw InputError("the program takes " + std::to_string(program.inputs.size()) + " inputs, found " + std::to_string(inputs.size()));
  }
  Problems problems;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const ValueInfo& value = program.values[program.inputs[i].value];
    if (inputs[i].type() != value.type) problems.push_back(input_text(value) + " is " + to_string(value.type) + ", found " + to_string(inputs[i].type()));
    if (inputs[i].shape() != value.shape) problems.push_back(input_text(value) + " has shape " + to_string(value.shape) + ", found " + to_string(inputs[i].shape()));
    // A type narrower than the machine integer that holds it: whoever filled the tensor through data() may have left it.
    if (!problems.empty() || value.type.bits == 8 * inputs[i].element_bytes()) continue;
    for (size_t e = 0; e < inputs[i].size(); ++e) {
      if (value.type.holds(inputs[i].at(e))) continue;
      problems.push_back(input_text(value) + ": element " + std::to_string(e) + " is " + std::to_string(inputs[i].at(e)) + ", outside " + to_string(value.type));
      break;
    }
  }
  if (!problems.empty()) throw InputError("the inputs do not fit the program:", problems);
}

// The instruction after which a value is needed no more; outputs have none.
std::vector<size_t> last_uses(const Program& program) {
  constexpr size_t kNever = static_cast<size_t>(-1);
  std::vector<size_t> last(program.values.size(), kNever);
  for (size_t i = 0; i < program.instructions.size(); ++i) {
    last[program.instructions[i].result] = i;
    for (const Ref& ref : operands_of(program.instructions[i].operation)) {
      if (!ref.is_constant) last[ref.index] = i;
    }
  }
  for (const uint32_t output : program.outputs) last[output] = kNever;
  return last;
}

Tensor execute_reference(const Operation& operation, const OpContext& context, OpRun& run) {
  return std::visit(
      [&](const auto& op) -> Tensor {
        if constexpr (std::is_same_v<std::decay_t<decltype(op)>, std::monostate>) {
          ASSAY_ASSERT(!"an instruction without an operation");
        } else {
          return execute(op, context, run);
        }
      },
      operation);
}

}  // namespace

uint64_t total(const std::vector<uint64_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

struct Machine::Prepared {
  std::vector<PreparedKernel> kernels;  // by instruction
  std::vector<size_t> last_uses;        // by value
};

Machine::Machine(const Program& program, Engine engine) : program_(program), prepared_(std::make_unique<Prepared>()) {
  const std::vector<const Tensor*> no_values;
  for (const auto& [result, operation] : program.instructions) {
    prepared_->kernels.push_back(engine == Engine::fast ? prepare_kernel(operation, OpContext(program, result, no_values))
                                                        : PreparedKernel{nullptr, "the reference engine was asked for"});
  }
  prepared_->last_uses = last_uses(program);
}

Machine::~Machine() = default;

const std::string& Machine::why_reference(size_t instruction) const {
  return prepared_->kernels.at(instruction).why_reference;
}

std::vector<Tensor> Machine::run(const std::vector<Tensor>& inputs, Observer& observer) const {
  check_inputs(program_, inputs);
  std::vector<Tensor> owned(program_.values.size());
  std::vector<const Tensor*> values(program_.values.size(), nullptr);
  for (size_t i = 0; i < inputs.size(); ++i) values[program_.inputs[i].value] = &inputs[i];
  const std::vector<size_t>& last = prepared_->last_uses;

  for (size_t i = 0; i < program_.instructions.size(); ++i) {
    const auto& [result, operation] = program_.instructions[i];
    const OpContext context(program_, result, values);
    const bool wanted = observer.wants_intermediates(i);
    OpRun op_run(wanted ? OpRun::Report([&](const std::string& stage, const Tensor& shown) { observer.on_intermediate(i, stage, shown); }) : nullptr);
    const Kernel& kernel = prepared_->kernels[i].kernel;
    owned[result] = kernel && !wanted ? kernel(context, op_run) : execute_reference(operation, context, op_run);
    values[result] = &owned[result];
    observer.on_output(i, owned[result], op_run.overflows);
    const auto release = [&](uint32_t index) {
      if (last[index] != i) return;
      owned[index] = Tensor();
      values[index] = nullptr;
    };
    release(result);
    for (const Ref& ref : operands_of(operation)) {
      if (!ref.is_constant) release(ref.index);
    }
  }
  std::vector<Tensor> outputs;
  for (const uint32_t output : program_.outputs) outputs.push_back(*values[output]);
  return outputs;
}

std::vector<Tensor> run(const Program& program, const std::vector<Tensor>& inputs, Observer& observer, Engine engine) {
  return Machine(program, engine).run(inputs, observer);
}

std::vector<Tensor> run(const Program& program, const std::vector<Tensor>& inputs) {
  Observer nobody;
  return run(program, inputs, nobody);
}

}  // namespace assay::emu

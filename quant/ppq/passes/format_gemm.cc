#include "emu/base/error.h"
#include "quant/ppq/passes/gemm_parameters.h"
#include "quant/ppq/passes/platform_steps.h"

namespace assay::ppq {
namespace {

template <class T>
T attribute(const Operation& gemm, const std::string& key, T fallback) {
  const auto found = gemm.attributes.find(key);
  if (found == gemm.attributes.end()) return fallback;
  if (const T* value = std::get_if<T>(&found->second)) return *value;
  throw InputError("operation '" + gemm.name + "' (Gemm): attribute '" + key + "' is of another type than ONNX says");
}

}  // namespace

GemmAttributes gemm_attributes(const Operation& gemm) {
  return {attribute(gemm, "alpha", 1.0F), attribute(gemm, "beta", 1.0F), attribute<int64_t>(gemm, "transA", 0) != 0, attribute<int64_t>(gemm, "transB", 0) != 0};
}

const quant::Constant& gemm_parameter(const Network& network, const Operation& gemm, size_t input) {
  const std::string what = "operation '" + gemm.name + "' (Gemm): ";
  const VariableId id = input < gemm.inputs.size() ? gemm.inputs[input] : kNone;
  const Variable* variable = id == kNone ? nullptr : &network.variable(id);
  if (variable == nullptr || !variable->is_parameter || variable->value->kind != quant::Kind::real) {
    throw InputError(what + "the platform rewrites it, which needs a constant of floating point as input " + std::to_string(input));
  }
  if (input == 1 && variable->value->shape.size() != 2) throw InputError(what + "its weight " + assay::to_string(variable->value->shape) + " is no matrix");
  return *variable->value;
}

quant::Constant scaled(const quant::Constant& constant, bool transpose, float factor) {
  quant::Constant made = transpose ? quant::strided_copy(constant, {constant.shape[1], constant.shape[0]}, 0, {1, constant.shape[1]}) : constant;
  made.given.reset();
  for (float& value : made.reals) value *= factor;
  return made;
}

PassReport format_gemm(const PlatformStep& step, Network& network) {
  PassReport report{step.name, {}, {}};
  const auto change = [&](Operation& gemm, size_t input, bool transpose, float factor) {
    if (!transpose && factor == 1) return;
    auto made = std::make_shared<const quant::Constant>(scaled(gemm_parameter(network, gemm, input), transpose, factor));
    Variable& parameter = network.variable(gemm.inputs[input]);
    parameter.shape = made->shape, parameter.value = std::move(made);
    report.changes.push_back(gemm.name + ": " + (transpose ? "transposed " : "multiplied ") + parameter.name);
  };
  for (const OperationId id : network.order) {
    Operation& gemm = network.operation(id);
    if (gemm.type != "Gemm") continue;
    const GemmAttributes attributes = gemm_attributes(gemm);
    change(gemm, 1, !attributes.transpose_b, attributes.alpha);
    const bool has_bias = gemm.inputs.size() > 2 && gemm.inputs[2] != kNone;
    if (has_bias) change(gemm, 2, false, attributes.beta);
    gemm.attributes["transB"] = int64_t{1};
    if (attributes.alpha != 1) gemm.attributes["alpha"] = 1.0F;
    if (attributes.beta != 1) gemm.attributes["beta"] = 1.0F;
  }
  return report;
}

}  // namespace assay::ppq

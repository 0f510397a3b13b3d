// Caffe's network as text with PPQ's ranges in it. Only the text: the .caffemodel beside it is a binary message of a schema that PPQ keeps to itself.
#include <algorithm>

#include "emu/base/error.h"
#include "quant/export/formats.h"
#include "quant/export/view.h"

namespace assay::ppq {
namespace {

using Lines = std::vector<std::string>;  // a block's lines, without its indentation

std::string field(const std::string& name, int64_t value) {
  return name + ": " + std::to_string(value);
}
std::string real_field(const std::string& name, float value) {
  return name + ": " + python_float(value);
}
std::string text_field(const std::string& name, const std::string& value) {
  return name + ": \"" + value + "\"";
}

void add_block(Lines& to, const std::string& name, const Lines& lines) {
  to.push_back(name + " {");
  for (const std::string& line : lines) to.push_back("  " + line);
  to.push_back("}");
}

void add_range(Lines& to, const char* name, const char* kind, float min, float max) {
  add_block(to, name, {text_field("type", kind), real_field("range_min", min), real_field("range_max", max)});
}

class CaffeWriter {
 public:
  CaffeWriter(const Network& network, CaffeForm form) : network_(network), form_(form) {}

  std::string run() {
    Lines all = {text_field("name", network_.name)};
    for (const VariableId input : network_.inputs) all.push_back(text_field("input", network_.variable(input).name));
    for (const VariableId input : network_.inputs) add_shape(all, network_.variable(input));
    for (const OperationId id : execution_order(network_)) add_block(all, "layer", layer(network_.operation(id), id));
    if (!problems_.empty()) throw Unsupported("Caffe's text has no form for this network", problems_);
    std::string text;
    for (const std::string& line : all) text += line + "\n";
    return form_ == CaffeForm::bare ? text + "\n" : text;
  }

 private:
  void problem(const Operation& operation, const std::string& what) { problems_.push_back(operation.name + " (" + operation.type + "): " + what); }

  void add_shape(Lines& to, const Variable& input) {
    if (input.shape.empty()) problems_.push_back("graph input '" + input.name + "': its shape must be known");
    Lines dims;
    for (size_t i = 0; i < input.shape.size(); ++i) dims.push_back(field("dim", i == 0 ? 1 : input.shape[i]));
    add_block(to, "input_shape", dims);
  }

  int64_t integer(const Operation& operation, const std::string& key, int64_t fallback) const {
    const auto found = operation.attributes.find(key);
    const int64_t* value = found == operation.attributes.end() ? nullptr : std::get_if<int64_t>(&found->second);
    return value == nullptr ? fallback : *value;
  }
  // Two numbers, as images have; of pads the first half, which must equal the second.
  std::vector<int64_t> pair_of(const Operation& operation, const std::string& key, int64_t fallback) {
    const auto found = operation.attributes.find(key);
    const auto* list = found == operation.attributes.end() ? nullptr : std::get_if<std::vector<int64_t>>(&found->second);
    if (list == nullptr) return {fallback, fallback};
    const bool fits = list->size() == 2 || (list->size() == 4 && (*list)[0] == (*list)[2] && (*list)[1] == (*list)[3]);
    if (!fits) problem(operation, "attribute '" + key + "' must be of two numbers, the same at both ends");
    return fits ? std::vector<int64_t>{(*list)[0], (*list)[1]} : std::vector<int64_t>{fallback, fallback};
  }

  std::vector<const Variable*> parameters(const Operation& operation) const {
    std::vector<const Variable*> found;
    for (const VariableId input : operation.inputs) {
      if (input != kNone && network_.variable(input).is_parameter) found.push_back(&network_.variable(input));
    }
    return found;
  }

  Lines layer(const Operation& operation, OperationId id) {
    Lines ranges, parameters_of;
    add_ranges(ranges, id);
    const std::string type = describe(operation, id, parameters_of);
    Lines lines = {text_field("name", operation.name), text_field("type", type)};
    for (const VariableId input : operation.inputs) {
      if (input != kNone && !network_.variable(input).is_parameter) lines.push_back(text_field("bottom", network_.variable(input).name));
    }
    for (const VariableId output : operation.outputs) {
      if (output != kNone) lines.push_back(text_field("top", network_.variable(output).name));
    }
    lines.insert(lines.end(), parameters_of.begin(), parameters_of.end());
    if (form_ != CaffeForm::bare) lines.insert(lines.end(), ranges.begin(), ranges.end());
    return lines;
  }

  // The layer's type; its own block into `to`.
  std::string describe(const Operation& operation, OperationId id, Lines& to) {
    const std::string& type = operation.type;
    if (type == "Conv") return convolution(operation, id, to);
    if (type == "Gemm") return product(operation, id, to);
    if (type == "MaxPool" || type == "AveragePool" || type == "GlobalMaxPool" || type == "GlobalAveragePool") return pool(operation, to);
    if (type == "Clip") return clip(operation, to);
    if (type == "Add" || type == "Sub" || type == "Mul" || type == "Max") return elementwise(operation, to);
    if (type == "Concat") add_block(to, "concat_param", {field("axis", integer(operation, "axis", 0))});
    if (type == "Softmax") add_block(to, "softmax_param", {field("axis", integer(operation, "axis", -1))});
    if (type == "Flatten") add_block(to, "flatten_param", {field("axis", integer(operation, "axis", 1)), field("end_axis", -1)});
    if (type == "Concat" || type == "Softmax" || type == "Flatten" || type == "Sigmoid") return type;
    if (type == "Relu") return "ReLU";
    if (type == "Tanh") return "TanH";
    if (type == "LeakyRelu") {
      const auto found = operation.attributes.find("alpha");
      const float* alpha = found == operation.attributes.end() ? nullptr : std::get_if<float>(&found->second);
      add_block(to, "relu_param", {real_field("negative_slope", alpha == nullptr ? 0.01F : *alpha)});
      return "ReLU";
    }
    if (type == "PRelu") {
      Lines inside;
      add_weights(inside, id, "slope");
      if (!inside.empty()) add_block(to, "prelu_param", inside);
      return "PReLU";
    }
    problem(operation, "no layer stands for it here; export to another form");
    return "";
  }

  std::string convolution(const Operation& operation, OperationId id, Lines& to) {
    const std::vector<const Variable*> weights = parameters(operation);
    if (weights.empty() || weights[0]->value == nullptr || weights[0]->value->shape.size() != 4) {
      problem(operation, "its weight must be a constant of four extents");
      return "Convolution";
    }
    const auto kernel = pair_of(operation, "kernel_shape", weights[0]->value->shape[2]), stride = pair_of(operation, "strides", 1);
    const auto pad = pair_of(operation, "pads", 0), hole = pair_of(operation, "dilations", 1);
    Lines inside = {field("num_output", weights[0]->value->shape[0]),
                    std::string("bias_term: ") + (weights.size() == 2 ? "true" : "false"),
                    field("group", integer(operation, "group", 1)),
                    field("pad_h", pad[0]),
                    field("pad_w", pad[1]),
                    field("kernel_h", kernel[0]),
                    field("kernel_w", kernel[1]),
                    field("stride_h", stride[0]),
                    field("stride_w", stride[1])};
    if (form_ != CaffeForm::bare) inside.push_back(field("hole_h", hole[0])), inside.push_back(field("hole_w", hole[1]));
    if (form_ == CaffeForm::bare && hole != std::vector<int64_t>{1, 1}) problem(operation, "this form does not say dilations");
    add_weights(inside, id, "filter");
    add_block(to, "convolution_param", inside);
    return "Convolution";
  }

  std::string product(const Operation& operation, OperationId id, Lines& to) {
    const std::vector<const Variable*> weights = parameters(operation);
    const bool fits = !weights.empty() && weights[0]->value != nullptr && weights[0]->value->shape.size() == 2 && integer(operation, "transA", 0) == 0;
    if (!fits) {
      problem(operation, "its weight must be a constant matrix, its input not transposed");
      return "InnerProduct";
    }
    const int64_t outputs = weights[0]->value->shape[integer(operation, "transB", 0) != 0 ? 0 : 1];
    Lines inside = {field("num_output", outputs), std::string("bias_term: ") + (weights.size() == 2 ? "true" : "false"), field("axis", integer(operation, "axis", 1))};
    add_weights(inside, id, "filter");
    add_block(to, "inner_product_param", inside);
    return "InnerProduct";
  }

  std::string pool(const Operation& operation, Lines& to) {
    const bool global = operation.type.rfind("Global", 0) == 0;
    Lines inside = {std::string("pool: ") + (operation.type.find("Max") == std::string::npos ? "AVE" : "MAX")};
    if (!global) {
      const auto kernel = pair_of(operation, "kernel_shape", 1), stride = pair_of(operation, "strides", 1), pad = pair_of(operation, "pads", 0);
      for (const auto& [name, value] : {std::pair("kernel", kernel), std::pair("stride", stride), std::pair("pad", pad)}) {
        inside.push_back(field(std::string(name) + "_h", value[0])), inside.push_back(field(std::string(name) + "_w", value[1]));
      }
    }
    inside.push_back(std::string("global_pooling: ") + (global ? "true" : "false"));
    if (!global && form_ != CaffeForm::bare && integer(operation, "ceil_mode", 0) == 0) inside.push_back("ceil_mode: false");
    add_block(to, "pooling_param", inside);
    return "Pooling";
  }

  std::string clip(const Operation& operation, Lines& to) {
    const std::vector<const Variable*> limits = parameters(operation);
    const bool fits = limits.size() == 2 && limits[0]->value != nullptr && limits[1]->value != nullptr && limits[0]->value->size() == 1 && limits[1]->value->size() == 1;
    if (!fits) {
      problem(operation, "both limits must be constants");
      return "Clip";
    }
    const float min = limits[0]->value->real(0), max = limits[1]->value->real(0);
    if (min == 0 && max == 6) return "ReLU6";
    add_block(to, "clip_param", {real_field("min", min), real_field("max", max)});
    return "Clip";
  }

  std::string elementwise(const Operation& operation, Lines& to) {
    if (!parameters(operation).empty()) problem(operation, "a constant operand has no form here");
    const std::string& type = operation.type;
    Lines inside = {std::string("operation: ") + (type == "Mul" ? "PROD" : type == "Max" ? "MAX" : "SUM")};
    for (size_t i = 0; (type == "Add" || type == "Sub") && i < operation.inputs.size(); ++i) inside.push_back(real_field("coeff", type == "Sub" && i > 0 ? -1.0F : 1.0F));
    add_block(to, "eltwise_param", inside);
    return "Eltwise";
  }

  // Ranges of parameters of at most 8 bits, into the layer's own block.
  void add_weights(Lines& to, OperationId id, const char* kind) {
    if (form_ != CaffeForm::ranges) return;
    for (const Slot& slot : slots_of(network_, id)) {
      const Configuration& of = network_.configurations[slot.config];
      if (!network_.variable(slot.variable).is_parameter || of.bits > 8 || of.state == State::fp32) continue;
      const Range range = range_of(network_, slot.config);
      const char* const name = of.policy.per_channel ? "perchannel_quantize_param" : "quantize_param";
      for (size_t c = 0; c < range.min.size(); ++c) add_range(to, name, kind, range.min[c], range.max[c]);
    }
  }

  // Of inputs where the operation reads a graph input; of outputs; and of an output's channels, where they were measured.
  void add_ranges(Lines& to, OperationId id) {
    const std::vector<Slot> slots = slots_of(network_, id);
    const auto is_input = [&](const Slot& slot) { return std::find(network_.inputs.begin(), network_.inputs.end(), slot.variable) != network_.inputs.end(); };
    for (const Slot& slot : slots) {
      if (slot.output || network_.variable(slot.variable).is_parameter || !std::any_of(slots.begin(), slots.end(), [&](const Slot& of) { return !of.output && is_input(of); }))
        continue;
      const Range range = tensor_range(slot);
      const auto& detail = network_.configurations[slot.config].detail;
      const auto least = detail.find("range_min[0]");
      const bool positive = is_input(slot) && least != detail.end() && least->second >= 0;
      if (!range.min.empty()) add_range(to, "quantize_param", "bottom", positive ? 0 : range.min[0], range.max[0]);
    }
    for (const Slot& slot : slots) {
      if (!slot.output) continue;
      const Range range = tensor_range(slot);
      if (!range.min.empty()) add_range(to, "quantize_param", "top", range.min[0], range.max[0]);
      if (form_ != CaffeForm::channels || !is_computing(network_.operation(id).type)) continue;
      const auto& detail = network_.configurations[slot.config].detail;
      for (size_t c = 0; detail.count("range_min[" + std::to_string(c) + "]") != 0; ++c) {
        const std::string channel = "[" + std::to_string(c) + "]";
        add_range(to, "quantize_param", "topperchannel", static_cast<float>(detail.at("range_min" + channel)), static_cast<float>(detail.at("range_max" + channel)));
      }
    }
  }

  Range tensor_range(const Slot& slot) const {
    if (network_.configurations[slot.config].state == State::fp32) return {};
    tensor_scale(network_, slot, "Caffe's text");
    return range_of(network_, slot.config);
  }

  const Network& network_;
  CaffeForm form_;
  std::vector<std::string> problems_;
};

}  // namespace

std::string caffe_text(const Network& network, CaffeForm form) {
  return CaffeWriter(network, form).run();
}

}  // namespace assay::ppq

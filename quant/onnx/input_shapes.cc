#include "quant/onnx/input_shapes.h"

#include <algorithm>

#include "emu/base/error.h"

namespace assay::quant {
namespace {

// "--shape x=1x3x?x?" with the known extents filled in.
std::string example(const OnnxInput& input) {
  std::string text = "--shape " + input.name + "=";
  if (!input.extents) return text + "1x3x224x224";
  for (size_t i = 0; i < input.extents->size(); ++i) {
    const int64_t extent = (*input.extents)[i];
    text += (i == 0 ? "" : "x") + (extent > 0 ? std::to_string(extent) : i == 0 ? "1" : "224");
  }
  return text;
}

std::string dynamic_axes(const OnnxInput& input) {
  if (!input.extents) return "its shape is not in the file";
  std::string text;
  for (size_t i = 0; i < input.extents->size(); ++i) {
    if ((*input.extents)[i] > 0) continue;
    text += (text.empty() ? "" : ", ") + std::to_string(i) + (input.extent_names[i].empty() ? "" : " ('" + input.extent_names[i] + "')");
  }
  return "these axes are dynamic: " + text;
}

}  // namespace

void check_asked_shapes(const OnnxModel& model, const std::map<std::string, Shape>& asked, std::vector<std::string>& problems) {
  std::string names;
  for (const OnnxInput& input : model.inputs) names += (names.empty() ? "'" : ", '") + input.name + "'";
  for (const auto& [name, shape] : asked) {
    if (name.empty() && model.inputs.size() == 1) continue;
    const bool known = std::any_of(model.inputs.begin(), model.inputs.end(), [&wanted = name](const OnnxInput& input) { return input.name == wanted; });
    if (!known) problems.push_back("--shape " + name + "=...: the model has no such input; it has " + (names.empty() ? "none" : names));
  }
}

std::optional<Shape> shape_of_input(const OnnxModel& model, const OnnxInput& input, const std::map<std::string, Shape>& asked, std::vector<std::string>& problems) {
  auto wanted = asked.find(input.name);
  if (wanted == asked.end() && model.inputs.size() == 1) wanted = asked.find("");
  const bool fixed = input.extents && std::all_of(input.extents->begin(), input.extents->end(), [](int64_t e) { return e > 0; });
  const std::string what = "graph input '" + input.name + "': ";
  if (wanted == asked.end() && !fixed) {
    problems.push_back(what + dynamic_axes(input) + "; give the shape, for example " + example(input));
    return std::nullopt;
  }
  Shape shape = wanted != asked.end() ? wanted->second : *input.extents;
  if (input.extents && shape.size() != input.extents->size()) {
    problems.push_back(what + "the shape " + to_string(shape) + " has " + std::to_string(shape.size()) + " axes, the model's has " + std::to_string(input.extents->size()));
    return std::nullopt;
  }
  try {
    if (element_count(shape) == 0) throw InputError("the shape " + to_string(shape) + " holds no elements");
  } catch (const InputError& error) {
    problems.push_back(what + error.what());
    return std::nullopt;
  }
  return shape;
}

}  // namespace assay::quant

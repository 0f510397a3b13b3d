// Shapes of a model's inputs: what the file says, or what the user asks for where the file leaves it open (or says otherwise).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "quant/onnx/model.h"

namespace assay::quant {

// A problem for each name in `asked` that is no input of the model; "" stands for a model's only input.
void check_asked_shapes(const OnnxModel& model, const std::map<std::string, Shape>& asked, std::vector<std::string>& problems);

// nullopt, and a problem that says what to give, where the shape stays open, has another rank than the file's or holds no elements.
std::optional<Shape> shape_of_input(const OnnxModel& model, const OnnxInput& input, const std::map<std::string, Shape>& asked, std::vector<std::string>& problems);

}  // namespace assay::quant

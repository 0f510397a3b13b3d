#include "quant/quantized.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "emu/base/error.h"

namespace assay::quant {
namespace {

using nlohmann::json;

// The double whose shortest decimal is the shortest decimal of the float: 0.1, not 0.10000000149011612.
double shortest(float value) {
  std::array<char, 64> text{};
  const auto written = std::to_chars(text.data(), text.data() + text.size(), value);
  double result = 0;
  std::from_chars(text.data(), written.ptr, result);
  return result;
}

json to_json(const TensorQuantization& own, const Graph& graph) {
  json scales = json::array();
  for (const float scale : own.scale) scales.push_back(shortest(scale));
  json entry = {{"state", to_string(own.state)},
                {"type", emu::to_string(own.storage.type)},
                {"low", own.storage.low},
                {"high", own.storage.high},
                {"symmetry", emu::to_string(own.symmetry)},
                {"scale_kind", emu::to_string(own.kind)},
                {"round", emu::to_string(own.round)},
                {"scale", std::move(scales)},
                {"zero_point", own.zero_point},
                {"observer", own.observer},
                {"provenance", own.provenance}};
  if (own.axis) entry["axis"] = *own.axis;
  if (own.input_factor) {
    json factors = json::array();
    for (const float factor : own.input_factor->factor) factors.push_back(shortest(factor));
    entry["input_factor"] = {{"axis", own.input_factor->axis}, {"groups", own.input_factor->groups}, {"factor", std::move(factors)}};
  }
  if (own.root) entry["root"] = graph.value(*own.root).name;
  return entry;
}

}  // namespace

std::string_view to_string(State state) {
  switch (state) {
    case State::initial: return "initial";
    case State::activated: return "activated";
    case State::overlapped: return "overlapped";
    case State::passive: return "passive";
    case State::baked: return "baked";
    case State::passive_baked: return "passive_baked";
  }
  ASSAY_ASSERT(!"a State outside its enumeration");
}

float reference_scale(const TensorQuantization& quantization) {
  return *std::max_element(quantization.scale.begin(), quantization.scale.end());
}

std::string to_json(const Quantized& quantized) {
  json tensors = json::object();
  for (size_t id = 0; id < quantized.tensors.size(); ++id) {
    if (quantized.tensors[id]) tensors[quantized.graph.values[id].name] = to_json(*quantized.tensors[id], quantized.graph);
  }
  const json document = {{"model", quantized.graph.name}, {"target", quantized.target.name}, {"tensors", std::move(tensors)}};
  return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace assay::quant

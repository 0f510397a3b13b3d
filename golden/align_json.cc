// align.json: what a program reads where a person reads a report. The derived figures (cosines, verdicts) are there for the reader; reading back takes the sums.
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "emu/base/error.h"
#include "golden/align.h"

namespace assay::golden {
namespace {

using nlohmann::json;

constexpr const char* kFormat = "assay align 1";

json number(double value) {
  return std::isfinite(value) ? json(value) : json(nullptr);
}

double number_of(const json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

json to_value(const RealDifference& d) {
  return {{"elements", d.elements},
          {"sum_xx", number(d.xx)},
          {"sum_rr", number(d.rr)},
          {"sum_xr", number(d.xr)},
          {"sum_absolute_error", number(d.abs_error)},
          {"sum_squared_error", number(d.squared_error)},
          {"cosine", number(d.cosine())},
          {"mean_absolute_error", number(d.mean_absolute_error())},
          {"relative_euclidean", number(d.relative_euclidean())},
          {"snr", number(d.snr())}};
}

RealDifference real_of(const json& value) {
  RealDifference d;
  d.elements = value.at("elements").get<uint64_t>();
  d.xx = number_of(value.at("sum_xx"));
  d.rr = number_of(value.at("sum_rr"));
  d.xr = number_of(value.at("sum_xr"));
  d.abs_error = number_of(value.at("sum_absolute_error"));
  d.squared_error = number_of(value.at("sum_squared_error"));
  return d;
}

json to_value(const IntDifference& d) {
  json value{{"verdict", to_string(d.verdict)}, {"why", d.why}, {"elements", d.elements}, {"differing", d.differing}, {"off_by", json::array()}, {"first", nullptr}};
  for (const auto& [off, count] : d.off_by) value["off_by"].push_back({off, count});
  if (d.first) value["first"] = {{"sample", d.first->sample}, {"index", d.first->index}, {"expected", d.first->expected}, {"got", d.first->got}};
  return value;
}

IntDifference int_of(const json& value) {
  IntDifference d;
  d.why = value.at("why").get<std::string>();
  d.elements = value.at("elements").get<uint64_t>();
  d.differing = value.at("differing").get<uint64_t>();
  for (const json& entry : value.at("off_by")) d.off_by[entry.at(0).get<int64_t>()] = entry.at(1).get<uint64_t>();
  if (const json& first = value.at("first"); !first.is_null()) {
    d.first =
        FirstMismatch{first.at("sample").get<std::string>(), first.at("index").get<std::vector<int64_t>>(), first.at("expected").get<int64_t>(), first.at("got").get<int64_t>()};
  }
  d.merge({});  // judges
  return d;
}

json to_value(const LayerAlignment& layer) {
  return {{"name", layer.name},
          {"node", layer.node},
          {"operation", layer.operation},
          {"shape", layer.shape},
          {"is_output", layer.is_output},
          {"ppq_fp32", to_value(layer.ppq_fp32)},
          {"emu_fp32", to_value(layer.emu_fp32)},
          {"emu_ppq", to_value(layer.emu_ppq)},
          {"emu_vs_ppq", to_value(layer.emu_vs_ppq)},
          {"overflows", {{"accumulator", layer.overflows.accumulator}, {"intermediate", layer.overflows.intermediate}, {"output", layer.overflows.output}}},
          {"engine_note", layer.engine_note}};
}

LayerAlignment layer_of(const json& value) {
  LayerAlignment layer;
  layer.name = value.at("name").get<std::string>();
  layer.node = value.at("node").get<std::string>();
  layer.operation = value.at("operation").get<std::string>();
  layer.shape = value.at("shape").get<Shape>();
  layer.is_output = value.at("is_output").get<bool>();
  layer.ppq_fp32 = real_of(value.at("ppq_fp32"));
  layer.emu_fp32 = real_of(value.at("emu_fp32"));
  layer.emu_ppq = real_of(value.at("emu_ppq"));
  layer.emu_vs_ppq = int_of(value.at("emu_vs_ppq"));
  const json& overflows = value.at("overflows");
  layer.overflows.accumulator = overflows.at("accumulator").get<std::vector<uint64_t>>();
  layer.overflows.intermediate = overflows.at("intermediate").get<std::vector<uint64_t>>();
  layer.overflows.output = overflows.at("output").get<std::vector<uint64_t>>();
  layer.engine_note = value.at("engine_note").get<std::string>();
  return layer;
}

json to_value(const Verdicts& v) {
  return {{"ppq_fp32", number(v.ppq_fp32)}, {"emu_ppq", number(v.emu_ppq)}, {"emu_fp32", number(v.emu_fp32)},        {"simulation_good", v.simulation_good},
          {"aligned", v.aligned},           {"threshold", kAlignedCosine},  {"precision_normal", v.precision_normal}};
}

Alignment alignment_of(const json& value) {
  Alignment alignment;
  alignment.model = value.at("model").get<std::string>();
  alignment.model_sha256 = value.at("model_sha256").get<std::string>();
  alignment.target = value.at("target").get<std::string>();
  for (const json& claim : value.at("assumed")) {
    alignment.assumed.push_back({claim.at("key").get<std::string>(), emu::Evidence::assumed, claim.at("note").get<std::string>()});
  }
  alignment.notes = value.at("notes").get<std::vector<std::string>>();
  alignment.samples = value.at("samples").get<uint64_t>();
  for (const json& layer : value.at("layers")) alignment.layers.push_back(layer_of(layer));
  if (const json& accuracy = value.at("accuracy"); !accuracy.is_null()) {
    alignment.accuracy = Accuracy{accuracy.at("labelled").get<uint64_t>(), accuracy.at("fp32_correct").get<uint64_t>(), accuracy.at("ppq_correct").get<uint64_t>(),
                                  accuracy.at("emu_correct").get<uint64_t>()};
  }
  return alignment;
}

}  // namespace

std::string to_json(const Alignment& alignment) {
  json value{{"format", kFormat},
             {"model", alignment.model},
             {"model_sha256", alignment.model_sha256},
             {"target", alignment.target},
             {"assumed", json::array()},
             {"notes", alignment.notes},
             {"samples", alignment.samples},
             {"layers", json::array()},
             {"accuracy", nullptr},
             {"exit_code", alignment.exit_code()},
             {"verdicts", to_value(alignment.verdicts())}};
  for (const emu::Claim& claim : alignment.assumed) value["assumed"].push_back({{"key", claim.key}, {"note", claim.note}});
  for (const LayerAlignment& layer : alignment.layers) value["layers"].push_back(to_value(layer));
  if (const auto& a = alignment.accuracy) {
    value["accuracy"] = {{"labelled", a->labelled}, {"fp32_correct", a->fp32_correct}, {"ppq_correct", a->ppq_correct}, {"emu_correct", a->emu_correct}};
  }
  // Names come from models and paths: bytes that are no UTF-8 become the replacement character instead of an exception.
  return value.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

Alignment from_json(const std::string& text, const std::string& origin) {
  const json value = json::parse(text, nullptr, false);
  if (!value.is_object() || value.value("format", json()) != kFormat)
    throw InputError("'" + origin + "' is not an alignment: expected a JSON object with \"format\": \"" + kFormat + "\"");
  try {
    return alignment_of(value);
  } catch (const json::exception& error) {
    throw InputError("'" + origin + "' is not a whole alignment: " + error.what());
  }
}

}  // namespace assay::golden

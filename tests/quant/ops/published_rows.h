// The shared file of published rows of arithmetic, for the tests that put them through target files.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "emu/target/load_target.h"
#include "tests/quant/ops/lowering_fixture.h"

namespace assay::quant {

using nlohmann::json;
using Words = std::vector<int64_t>;

constexpr emu::IntType kWide{32, true};

inline emu::Target target(const std::string& name) {
  return emu::load_target(std::string(ASSAY_SOURCE_DIR) + "/emu/targets/" + name + ".toml");
}

// The rows of the shared file, by their number. Empty where the file is missing.
inline const std::map<std::string, json>& rows() {
  static const auto all = [] {
    std::map<std::string, json> found;
    std::ifstream in(std::string(ASSAY_SHARED_DIR) + "/specs/arithmetic_examples.json");
    if (!in) return found;
    const json file = json::parse(in);
    for (const json& row : file.at("examples")) found[row.at("id").get<std::string>().substr(0, 3)] = row;
    return found;
  }();
  return all;
}
#define ASSAY_NEEDS_ROWS() \
  if (rows().empty()) GTEST_SKIP() << "the file of published rows is not here: " << ASSAY_SHARED_DIR << "/specs/arithmetic_examples.json"

inline float number(const json& value) {
  if (value.is_object()) return std::bit_cast<float>(static_cast<uint32_t>(std::stoul(value.at("f32_bits").get<std::string>(), nullptr, 16)));
  return value.get<float>();
}

inline TensorQuantization stored(const emu::Target& t, float scale, int64_t zero_point) {
  TensorQuantization own = quantization(scale, zero_point, t.storage.activation.type, t.storage.activation.low, t.storage.activation.high);
  own.symmetry = t.quantize.activation.symmetry;
  own.kind = t.quantize.activation.scale;
  own.round = t.quantize.activation.round;
  return own;
}

inline int64_t kept(const emu::Target& t, int64_t value) {
  return std::clamp(value, t.storage.activation.low, t.storage.activation.high);
}

inline Words moved(Words words, int64_t by) {
  for (int64_t& word : words) word += by;
  return words;
}

}  // namespace assay::quant

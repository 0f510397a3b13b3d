// ONNX Runtime as a witness: runs a model's bytes in it and gives back every output. It is an npm package that scripts/setup puts beside this file; only tests know it.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "emu/base/shape.h"
#include "quant/graph/tensor.h"

namespace assay::testing {

inline std::string ort_folder() {
  return std::string(ASSAY_SOURCE_DIR) + "/tests/witness/ort";
}

// Why it cannot run here; empty where it can.
inline std::string why_no_ort() {
  if (std::system("node --version > /dev/null 2>&1") != 0) return "there is no node; scripts/setup installs it";
  if (!std::filesystem::exists(ort_folder() + "/node_modules/onnxruntime-node")) return "onnxruntime-node is missing; scripts/setup installs it";
  return "";
}

struct OrtTensor {
  std::string type;  // "uint8", "int8", "float32"
  Shape shape;
  std::string bytes;
};

struct OrtRun {
  std::map<std::string, OrtTensor> outputs;
  std::string optimised;  // the model that ran, after the graph optimisations
};

inline std::string read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// level: disabled, basic, extended or all. inputs: by name. Throws std::runtime_error with what node said.
inline OrtRun run_ort(const std::string& model, const std::string& level, const std::map<std::string, quant::FloatTensor>& inputs) {
  std::string name = (std::filesystem::temp_directory_path() / "assay-ort-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  struct Folder {
    std::string path;
    ~Folder() { std::filesystem::remove_all(path); }
  } const folder{name};
  const auto write = [&](const std::string& file, const std::string& bytes) { std::ofstream(folder.path + "/" + file, std::ios::binary) << bytes; };
  write("model.onnx", model);
  nlohmann::json described = nlohmann::json::array();
  for (const auto& [input, tensor] : inputs) {
    const std::string file = std::to_string(described.size()) + ".f32";
    write(file, {reinterpret_cast<const char*>(tensor.data.data()), tensor.size() * sizeof(float)});
    described.push_back({{"name", input}, {"file", file}, {"shape", tensor.shape}});
  }
  write("inputs.json", described.dump());
  const std::string out = folder.path + "/out";
  const std::string command = "node '" + ort_folder() + "/run.mjs' '" + ort_folder() + "' '" + folder.path + "/model.onnx' " + level + " '" + folder.path + "' '" + out + "' > '" +
                              folder.path + "/log' 2>&1";
  if (std::system(command.c_str()) != 0) throw std::runtime_error("ONNX Runtime refuses the model: " + read_all(folder.path + "/log"));
  OrtRun run;
  run.optimised = read_all(out + "/optimised.onnx");
  for (const auto& entry : nlohmann::json::parse(read_all(out + "/outputs.json"))) {
    run.outputs[entry["name"]] = {entry["type"], entry["shape"].get<Shape>(), read_all(out + "/" + entry["file"].get<std::string>())};
  }
  return run;
}

}  // namespace assay::testing

// Skips the test where ONNX Runtime is missing; continuous integration must have it.
#define ASSAY_NEEDS_ORT()                                                                        \
  if (const std::string why = ::assay::testing::why_no_ort(); !why.empty()) {                    \
    const char* ci = std::getenv("CI");                                                          \
    ASSERT_FALSE(ci != nullptr && std::string(ci) == "true") << "ONNX Runtime witness: " << why; \
    GTEST_SKIP() << "ONNX Runtime witness: " << why;                                             \
  }

// The models that users bring first: each imports, and every tensor that ONNX Runtime computed on the file itself has the same shape under the same name here.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "quant/graph/passes/passes.h"
#include "quant/onnx/import_onnx.h"

namespace assay::quant {
namespace {

const std::string kModelsDir = std::string(ASSAY_SHARED_DIR) + "/models/";

struct Wanted {
  std::string name;
  Shape shape;  // empty: as in the file
};

std::ostream& operator<<(std::ostream& out, const Wanted& wanted) {
  return out << wanted.name;
}

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The shape in an .npy header: "'shape': (1, 8, 28, 28), }".
Shape header_shape(const std::string& header) {
  const size_t open = header.find("'shape': (");
  const size_t close = header.find(')', open);
  EXPECT_NE(close, std::string::npos) << header;
  std::stringstream numbers(header.substr(open + 10, close - open - 10));
  Shape shape;
  for (std::string part; std::getline(numbers, part, ',');) {
    if (part.find_first_not_of(' ') != std::string::npos) shape.push_back(std::stoll(part));
  }
  return shape;
}

// Names and shapes of the tensors in an uncompressed .npz.
std::map<std::string, Shape> npz_shapes(const std::string& path) {
  const std::string bytes = slurp(path);
  std::map<std::string, Shape> shapes;
  const std::string mark("\x93NUMPY", 6);
  for (size_t at = bytes.find(mark); at != std::string::npos; at = bytes.find(mark, at + 1)) {
    const size_t local = bytes.rfind("PK\x03\x04", at);
    const auto length = static_cast<size_t>(static_cast<unsigned char>(bytes.at(local + 26))) + 256U * static_cast<unsigned char>(bytes.at(local + 27));
    std::string name = bytes.substr(local + 30, length);
    if (name.size() > 4) name.resize(name.size() - 4);  // ".npy"
    shapes[name] = header_shape(bytes.substr(at, 200));
  }
  return shapes;
}

class Models : public testing::TestWithParam<Wanted> {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kModelsDir)) GTEST_SKIP() << "the development models are not here: " << kModelsDir;
  }
  Graph import() const {
    ImportOptions options;
    if (!GetParam().shape.empty()) options.shapes[""] = GetParam().shape;
    return import_onnx(kModelsDir + "onnx/" + GetParam().name + ".onnx", options);
  }
};

std::map<std::string, Shape> shapes_of(const Graph& graph) {
  std::map<std::string, Shape> shapes;
  for (const Value& value : graph.values) shapes[value.name] = value.shape;
  return shapes;
}

TEST_P(Models, HaveTheOutputsThatTheFileSays) {
  const auto all = nlohmann::json::parse(slurp(kModelsDir + "models.json"));
  for (const bool simplified : {false, true}) {
    Graph graph = import();
    if (simplified) simplify(graph);
    for (const auto& model : all) {
      if (model["name"] != GetParam().name) continue;
      ASSERT_EQ(graph.outputs.size(), model["outputs"].size());
      for (size_t i = 0; i < graph.outputs.size(); ++i) {
        EXPECT_EQ(graph.value(graph.outputs[i]).name, model["outputs"][i]["name"]);
        EXPECT_EQ(graph.value(graph.outputs[i]).shape, model["outputs"][i]["expected_shape"].get<Shape>());
      }
      ASSERT_EQ(graph.inputs.size(), model["inputs"].size());
      EXPECT_EQ(graph.value(graph.inputs[0]).shape, model["inputs"][0]["calib_shape"].get<Shape>());
    }
  }
}

TEST_P(Models, HaveTheIntermediateShapesThatOnnxRuntimeComputed) {
  const std::string folder = kModelsDir + "expected/" + GetParam().name + "/";
  std::map<std::string, Shape> expected;
  if (std::filesystem::exists(folder + "intermediates_000.npz")) {
    expected = npz_shapes(folder + "intermediates_000.npz");
  } else {
    const auto stats = nlohmann::json::parse(slurp(folder + "stats_000.json"));
    for (const auto& [name, entry] : stats.items()) {
      if (entry.is_object() && entry.contains("shape")) expected[name] = entry["shape"].get<Shape>();
    }
  }
  ASSERT_FALSE(expected.empty());
  const std::map<std::string, Shape> ours = shapes_of(import());
  size_t compared = 0;
  for (const auto& [name, shape] : expected) {
    const auto found = ours.find(name);
    if (found == ours.end()) continue;  // evaluated at import, or an Identity
    EXPECT_EQ(found->second, shape) << name;
    ++compared;
  }
  EXPECT_GT(compared * 10, expected.size() * 8);
}

// What is computed before and after the passes: nothing is lost but what was folded.
TEST_P(Models, AreSmallerButNotEmptyAfterThePasses) {
  Graph graph = import();
  const size_t before = graph.nodes.size();
  simplify(graph);
  EXPECT_LE(graph.nodes.size(), before);
  EXPECT_GT(graph.nodes.size(), before / 4);
  for (const Node& node : graph.nodes) EXPECT_FALSE(std::holds_alternative<BatchNorm>(node.op)) << node.name;
}

TEST_P(Models, AreTheSameAtEveryImport) {
  Graph first = import(), second = import();
  EXPECT_EQ(print(first), print(second));
  simplify(first);
  simplify(second);
  EXPECT_EQ(print(first), print(second));
}

INSTANTIATE_TEST_SUITE_P(Onnx, Models,
                         testing::Values(Wanted{"mnist_8", {}}, Wanted{"resnet8_cifar10", {}}, Wanted{"blazeface_front_128", {}}, Wanted{"blazeface_back_256", {}},
                                         Wanted{"ultraface_rfb_320", {}}, Wanted{"yunet_n_320", {}}, Wanted{"mobilenetv2_dequant_fp32", {1, 3, 224, 224}},
                                         Wanted{"ppocr_mobile_v2_cls", {1, 3, 48, 192}}, Wanted{"super_resolution_10", {1, 1, 224, 224}}, Wanted{"dscnn_l_kws", {}},
                                         Wanted{"speech_embedding", {1, 76, 32, 1}}, Wanted{"ppocr_v4_det", {1, 3, 160, 320}}),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace assay::quant

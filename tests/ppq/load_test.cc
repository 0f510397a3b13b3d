// Loading against the recorded runs of PPQ: the same operations in the same order, the same variables in every slot, the same bits in every parameter.
#include "quant/ppq/load.h"

#include <gtest/gtest.h>

#include <bit>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/ppq/recorded.h"
#include "vectors/npy.h"

namespace assay::ppq {
namespace {

using test::RecordedRun;

std::string model_path(const std::string& model) {
  const std::string shared = ASSAY_SHARED_DIR;
  return model == "cnn_core" ? shared + "/ppq/runs/cnn_core/model.onnx" : shared + "/models/onnx/" + model + ".onnx";
}

std::vector<std::string> names(const Network& network, const std::vector<OperationId>& order) {
  std::vector<std::string> found;
  for (const OperationId id : order) found.push_back(network.operation(id).name);
  return found;
}

// PPQ numbers the variables that it creates in the order of a hash.
std::string name_of(const Network& network, VariableId id) {
  if (id == kNone) return "";
  const std::string& name = network.variable(id).name;
  return name.rfind("PPQ_Variable_", 0) == 0 ? "PPQ_Variable_" : name;
}

void expect_same_slots(const Network& ours, const std::vector<VariableId>& ids, const Network& theirs, const std::vector<VariableId>& wanted, const std::string& what) {
  ASSERT_EQ(ids.size(), wanted.size()) << what;
  for (size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(name_of(ours, ids[i]), name_of(theirs, wanted[i])) << what << i;
    if (ids[i] == kNone || wanted[i] == kNone) continue;
    const Variable &is = ours.variable(ids[i]), &should = theirs.variable(wanted[i]);
    EXPECT_EQ(is.is_parameter, should.is_parameter) << what << i;
    if (should.fp32 == nullptr || !is.is_parameter) continue;
    ASSERT_NE(is.value, nullptr);
    ASSERT_EQ(is.value->size(), should.fp32->size()) << what << i;
    size_t different = 0;
    for (size_t k = 0; k < is.value->size(); ++k) different += std::bit_cast<uint32_t>(is.value->real(k)) != std::bit_cast<uint32_t>(should.fp32->real(k));
    EXPECT_EQ(different, 0U) << what << i;
  }
}

class Loaded : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Loaded, EqualsTheRecordedNetwork) {
  const auto [model, platform] = GetParam();
  const RecordedRun run(model, platform);
  if (!run.exists()) GTEST_SKIP() << run.missing();
  if (!std::filesystem::exists(model_path(model))) GTEST_SKIP() << "model is not here: " << model_path(model);
  const Network ours = load(model_path(model));
  const Network theirs = run.after("INIT");
  const auto dispatch = nlohmann::json::parse(vectors::read_file(run.folder() + "dispatch.json"));
  EXPECT_EQ(names(ours, ours.order), dispatch.at("graph_order").get<std::vector<std::string>>());
  EXPECT_EQ(names(ours, execution_order(ours)), dispatch.at("execution_order").get<std::vector<std::string>>());
  ASSERT_EQ(ours.order.size(), theirs.order.size());
  for (size_t i = 0; i < ours.order.size(); ++i) {
    const Operation &is = ours.operation(ours.order[i]), &should = theirs.operation(theirs.order[i]);
    EXPECT_EQ(is.type, should.type) << is.name;
    for (const auto& [key, value] : should.attributes) EXPECT_TRUE(is.has(key)) << is.name << " " << key;
    expect_same_slots(ours, is.inputs, theirs, should.inputs, is.name + ":in");
    expect_same_slots(ours, is.outputs, theirs, should.outputs, is.name + ":out");
  }
  expect_same_slots(ours, ours.inputs, theirs, theirs.inputs, "graph input ");
  expect_same_slots(ours, ours.outputs, theirs, theirs.outputs, "graph output ");
}

INSTANTIATE_TEST_SUITE_P(Models, Loaded,
                         testing::Values(std::pair("cnn_core", "NXP_INT8"), std::pair("cnn_core", "TRT_INT8"), std::pair("resnet8_cifar10", "TRT_INT8"),
                                         std::pair("blazeface_front_128", "NXP_INT8"), std::pair("yunet_n_320", "NXP_INT8")),
                         [](const auto& param) { return std::string(param.param.first) + "_" + param.param.second; });

}  // namespace
}  // namespace assay::ppq

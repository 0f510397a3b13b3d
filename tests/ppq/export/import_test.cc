// What PPQ wrote, read back: the configurations that it was written from; and our own files, there and back.
#include "quant/export/import.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <filesystem>
#include <functional>

#include "emu/base/error.h"
#include "quant/export/export.h"
#include "quant/export/view.h"
#include "tests/ppq/export/files.h"

namespace assay::ppq::test {
namespace {

using Covers = std::function<bool(const Network&, const Slot&)>;

bool is_parameter(const Network& network, const Slot& slot) {
  return network.variable(slot.variable).is_parameter;
}
bool everything(const Network&, const Slot&) {
  return true;
}
bool activations(const Network& network, const Slot& slot) {
  return !is_parameter(network, slot);
}
bool visible_bytes(const Network& network, const Slot& slot) {
  return network.configurations[slot.config].bits <= 8 && network.configurations[slot.config].visibility != Visibility::internal;
}
bool bytes(const Network& network, const Slot& slot) {
  return network.configurations[slot.config].bits <= 8;
}
bool visible(const Network& network, const Slot& slot) {
  return network.configurations[slot.config].visibility != Visibility::internal;
}
// What the JSON of operations has: Conv's input and output, Add's second input.
bool of_operations(const Network& network, const Slot& slot) {
  const std::string& type = network.operation(slot.operation).type;
  return !is_parameter(network, slot) && (type == "Conv" || (type == "Add" && !slot.output && slot.index == 1));
}

// Scales and offsets of the covered slots that quantize or did, `ulps` float32 steps apart at most.
std::vector<std::string> other_scales(const Network& ours, const Network& wanted, const Covers& covers, int ulps = 0) {
  std::vector<std::string> found;
  for (const Slot& slot : slots_of(wanted)) {
    const Configuration& of = wanted.configurations[slot.config];
    if (of.state == State::fp32 || !covers(wanted, slot)) continue;
    const ScaleOffset &a = ours.configurations.scale(slot.config), &b = wanted.configurations.scale(slot.config);
    bool same = a.scale.size() == b.scale.size() && a.offset == b.offset && a.per_channel == b.per_channel;
    for (size_t c = 0; same && c < a.scale.size(); ++c) {
      const int32_t distance = std::abs(std::bit_cast<int32_t>(a.scale[c]) - std::bit_cast<int32_t>(b.scale[c]));
      same = distance <= ulps;
    }
    if (!same)
      found.push_back(name_of(wanted, slot) + " " + std::string(to_string(of.state)) + ": " + (a.set() ? python_float(a.scale[0]) : "no scale") + ", not " +
                      python_float(b.scale[0]));
  }
  return found;
}

std::vector<std::string> other_values(const Network& ours, const Network& wanted) {
  std::vector<std::string> found;
  for (VariableId id = 0; id < wanted.variables.size(); ++id) {
    const Variable &a = ours.variable(id), &b = wanted.variable(id);
    if (b.is_parameter && (a.value->shape != b.value->shape || a.value->reals != b.value->reals)) found.push_back(b.name);
  }
  return found;
}

// States, policies, bits, limits and roots too.
std::vector<std::string> other_configurations(const Network& ours, const Network& wanted) {
  std::vector<std::string> found = other_scales(ours, wanted, everything);
  for (const Slot& slot : slots_of(wanted)) {
    const Configuration &a = ours.configurations[slot.config], &b = wanted.configurations[slot.config];
    if (a.state != b.state) found.push_back(name_of(wanted, slot) + ": " + std::string(to_string(a.state)) + ", not " + std::string(to_string(b.state)));
    if (!(a.policy == b.policy) || a.bits != b.bits || a.quant_min != b.quant_min || a.quant_max != b.quant_max)
      found.push_back(name_of(wanted, slot) + ": policy, bits or limits");
    if (ours.configurations.root(slot.config) != wanted.configurations.root(slot.config)) found.push_back(name_of(wanted, slot) + ": root");
  }
  return found;
}

// The same states, all scales lost.
Network wiped(Network network) {
  Configurations& all = network.configurations;
  for (ConfigId id = 0; id < all.size(); ++id) {
    ScaleOffset scale = all.scale(id);
    if (all.root(id) != id || !scale.set()) continue;
    for (float& entry : scale.scale) entry = 1;
    for (float& entry : scale.offset) entry = 0;
    all.restore(id, all[id].state, id, scale);
  }
  return network;
}

const std::vector<std::string> kNone_{};

class NativeJson : public testing::TestWithParam<std::string> {};

TEST_P(NativeJson, OfPpqRestoresEveryConfigurationFromTheQuantizersFirstState) {
  const RecordedRun run("cnn_core", GetParam());
  if (!run.exists()) GTEST_SKIP() << run.missing();
  Network network = run.after("INIT");
  const ImportReport report = import_quantization(network, run.folder() + "export/ppq_onnx.json");
  EXPECT_EQ(report.format, "native json");
  // PPQ exports a copy in which PASSIVE configurations have their master's scale themselves (ppq.md 9.12).
  const Network wanted = copied_for_export(as_exported(run));
  EXPECT_EQ(other_configurations(network, wanted), kNone_);
  EXPECT_EQ(other_values(network, wanted), kNone_);
}
INSTANTIATE_TEST_SUITE_P(All, NativeJson, testing::ValuesIn(recorded_platforms("cnn_core")));

struct Case {
  std::string platform, exporter, suffix, recorded;
  Covers covers;
  int ulps = 0;
  std::string model = "cnn_core";
};
void PrintTo(const Case& of, std::ostream* out) {
  *out << of.exporter << of.suffix << " of " << of.platform << " on " << of.model;
}

std::vector<Case> cases() {
  return {{"TRT_INT8", "TensorRTExporter_JSON", ".json", "platform.json", activations},
          {"PPL_CUDA_INT8", "PPLBackendExporter", ".json", "platform.json", visible_bytes},
          {"QNN_DSP_INT8", "QNNDSPExporter", ".json", "platform.json",
           // PPQ narrows a self-dominated Sigmoid's and Softmax's output to 1/255 a step as it writes; the record is not what it simulated.
           [](const Network& network, const Slot& slot) { return visible_bytes(network, slot) && network.variable(slot.variable).name != "sigmoid_out"; }},
          {"SNPE_INT8", "SNPECaffeExporter", ".json", "platform.json", bytes, 1},
          {"MNN_INT8", "MNNExporter", ".json", "platform.json", of_operations},
          {"TENGINE_INT8", "TengineExporter", ".scale", "platform.scale", activations},
          {"NCNN_INT8", "NCNNExporter", ".table", "platform.json", everything, 1},
          {"NXP_INT8", "NxpExporter", ".onnx", "platform.onnx", activations},
          {"OPENVINO_INT8", "OpenvinoExporter", ".onnx", "platform.onnx", visible}};
}

class Recorded : public testing::TestWithParam<Case> {};

TEST_P(Recorded, GivesTheScalesThatItWasWrittenFrom) {
  const Case& of = GetParam();
  const RecordedRun run("cnn_core", of.platform);
  if (!run.exists()) GTEST_SKIP() << run.missing();
  const Network wanted = as_exported(run);
  Network network = wiped(wanted);
  const ImportReport report = import_quantization(network, run.folder() + "export/" + of.recorded);
  EXPECT_GT(report.given, 10U);
  EXPECT_EQ(other_scales(network, wanted, of.covers, of.ulps), kNone_);
}

TEST_P(Recorded, GivesScalesToANetworkThatIsNotCalibrated) {
  const Case& of = GetParam();
  const RecordedRun run("cnn_core", of.platform);
  if (!run.exists()) GTEST_SKIP() << run.missing();
  Network network = run.after("QuantizeSimplifyPass");
  import_quantization(network, run.folder() + "export/" + of.recorded);
  EXPECT_EQ(other_scales(
                network, as_exported(run),
                [&](const Network& in, const Slot& slot) { return of.covers(in, slot) && in.configurations[slot.config].bits <= 8 && visible(in, slot); }, of.ulps),
            kNone_);
}
INSTANTIATE_TEST_SUITE_P(All, Recorded, testing::ValuesIn(cases()));

class ThereAndBack : public testing::TestWithParam<Case> {};

TEST_P(ThereAndBack, GivesTheSameScales) {
  const Case& of = GetParam();
  const RecordedRun run(of.model, of.platform);
  if (!run.exists()) GTEST_SKIP() << run.missing();
  const Network wanted = as_exported(run);
  Network network = wiped(wanted);
  const Folder folder;
  import_quantization(network, folder.write("file" + of.suffix, exported(run, of.exporter, of.suffix)));
  EXPECT_EQ(other_scales(network, wanted, of.covers, of.ulps), kNone_);
}
std::vector<Case> all_ways() {
  std::vector<Case> all = cases();
  for (const std::string& platform : recorded_platforms("cnn_core")) {
    all.push_back({platform, "OnnxExporter", ".json", "", everything});
    all.push_back({platform, "PPLBackendExporter", ".json", "", visible_bytes});
    // Words of fewer than 8 bits have no type.
    if (platform != "NCNN_INT8") all.push_back({platform, "ONNXRUNTIMExporter", ".onnx", "", visible});
  }
  // Real networks, whose stale scales (ppq.md 9.1) give one variable several.
  for (const char* model : {"resnet8_cifar10", "blazeface_front_128", "yunet_n_320"}) {
    for (const std::string& platform : recorded_platforms(model)) {
      all.push_back({platform, "OnnxExporter", ".json", "", everything, 0, model});
      if (platform == "TRT_INT8") all.push_back({platform, "TensorRTExporter_JSON", ".json", "", activations, 0, model});
      if (platform == "PPL_DSP_INT8") all.push_back({platform, "SNPECaffeExporter", ".json", "", bytes, 1, model});
    }
  }
  return all;
}
INSTANTIATE_TEST_SUITE_P(All, ThereAndBack, testing::ValuesIn(all_ways()));

class QdqModel : public testing::TestWithParam<std::string> {};

TEST_P(QdqModel, OfPpqGivesScalesAndBakedParameters) {
  const RecordedRun run("cnn_core", GetParam());
  if (!run.exists()) GTEST_SKIP() << run.missing();
  const std::string path = run.folder() + "export/ort_qdq.onnx";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "PPQ wrote none";
  const Network wanted = as_exported(run);
  Network network = wiped(wanted);
  import_quantization(network, path);
  EXPECT_EQ(other_scales(network, wanted, visible), kNone_);
  EXPECT_EQ(other_values(network, wanted), kNone_);
}
INSTANTIATE_TEST_SUITE_P(All, QdqModel, testing::ValuesIn(recorded_platforms("cnn_core")));

// TensorRT's json of cnn_core with another range for one variable.
ImportReport import_with(Network& network, const RecordedRun& run, const std::string& variable, const std::string& range) {
  std::string text = exported(run, "TensorRTExporter_JSON", ".json");
  const size_t at = text.find("\"" + variable + "\": ") + variable.size() + 4;
  text.replace(at, text.find_first_of(",\n", at) - at, range);
  const Folder folder;
  return import_quantization(network, folder.write("file.json", text));
}

float scale_of(const Network& network, const std::string& operation, size_t input) {
  return network.configurations.scale(network.operation(*network.find_operation(operation)).input_configs[input]).scale.at(0);
}

TEST(AnotherRange, TakesPassiveSlotsAwayFromTheirMasterWhereTheVariableHasNoRootOfItsOwn) {
  const RecordedRun run("cnn_core", "TRT_INT8");
  if (!run.exists()) GTEST_SKIP() << run.missing();
  Network network = as_exported(run);
  const float before = scale_of(network, "add1", 0);
  // bn3_out is read by an Add only, whose first input rules over it.
  import_with(network, run, "bn3_out", "63.5");
  EXPECT_EQ(scale_of(network, "add1", 1), 0.5F);
  EXPECT_EQ(scale_of(network, "add1", 0), before);
}

TEST(AnotherRange, LeavesDominatedSlotsWithTheirDominatorAndSaysSo) {
  const RecordedRun run("cnn_core", "TRT_INT8");
  if (!run.exists()) GTEST_SKIP() << run.missing();
  Network network = as_exported(run);
  const float before = scale_of(network, "relu2", 0);
  const ImportReport report = import_with(network, run, "conv2_out", "63.5");
  EXPECT_EQ(scale_of(network, "relu2", 0), before);
  ASSERT_FALSE(report.notes.empty());
  EXPECT_EQ(report.notes[0], "conv2:out0 is dominated and keeps its dominator's scale; act_quant_info.conv2_out gives its variable another");
}

TEST(AnotherRange, MovesWholeGroupsWithTheirRoot) {
  const RecordedRun run("cnn_core", "TRT_INT8");
  if (!run.exists()) GTEST_SKIP() << run.missing();
  Network network = as_exported(run);
  import_with(network, run, "relu2_out", "63.5");
  EXPECT_EQ(scale_of(network, "relu2", 0), 0.5F);  // what the root dominates
  EXPECT_EQ(scale_of(network, "conv3", 0), 0.5F);
}

}  // namespace
}  // namespace assay::ppq::test

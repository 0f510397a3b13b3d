// Every pass against every recorded run: from the network that PPQ had before the pass to the one it had after it, and all passes one after the other from the start.
#include "quant/ppq/passes/passes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "emu/base/error.h"
#include "quant/ppq/passes/stale_scales.h"
#include "tests/ppq/recorded.h"
#include "tests/ppq/small_network.h"

namespace assay::ppq {
namespace {

using test::RecordedRun;

const std::vector<std::string> kRecordedModels = {"cnn_core", "resnet8_cifar10", "blazeface_front_128", "yunet_n_320"};

// Fused activations as ppq.md 4.1 lists them.
std::set<std::string> fused_activations(const std::string& platform) {
  if (platform == "PPL_CUDA_INT8") return {"Relu", "Clip", "Sigmoid", "LeakyRelu"};
  if (platform == "TRT_INT8" || platform == "OPENVINO_INT8") return {"Relu", "Clip", "Swish", "SoftPlus", "Sigmoid", "Gelu"};
  if (platform == "ONNXRUNTIME") return {"Relu", "Clip", "Sigmoid", "Swish", "Mish", "LeakyRelu"};
  if (platform == "MNN_INT8") return {"Relu", "Clip", "Swish", "SoftPlus", "Sigmoid"};
  if (platform == "NCNN_INT8") return {};
  return {"Relu", "Clip"};
}

bool same_bits(const quant::Constant& a, const quant::Constant& b) {
  return a.shape == b.shape && a.reals.size() == b.reals.size() && std::memcmp(a.reals.data(), b.reals.data(), a.reals.size() * sizeof(float)) == 0;
}

struct Tried {
  size_t runs = 0, changed = 0;
};

// Runs `pass` on what PPQ had before it, in every recorded run, and compares.
template <class RunPass>
Tried try_pass(const std::string& name, RunPass pass) {
  Tried tried;
  for (const std::string& model : kRecordedModels) {
    for (const std::string& platform : test::recorded_platforms(model)) {
      const RecordedRun run(model, platform);
      const std::vector<std::string> passes = run.passes();
      const auto at = std::find(passes.begin(), passes.end(), name);
      if (at == passes.end()) continue;
      Network network = run.after(*(at - 1));
      const Network wanted = run.after(name);
      const auto slots = run.slots();
      tried.changed += test::differences(network, wanted, slots, true).size();
      const PassReport report = pass(network, test::SmallContext(fused_activations(platform)).context);
      EXPECT_EQ(report.name, name);
      const std::vector<std::string> differences = test::differences(network, wanted, slots, true);
      EXPECT_TRUE(differences.empty()) << model << " " << platform << ": " << differences.size() << " differences, first " << differences[0];
      ++tried.runs;
    }
  }
  return tried;
}

#define SKIP_WITHOUT_RUNS() \
  if (test::recorded_platforms("cnn_core").empty()) GTEST_SKIP() << RecordedRun("cnn_core", "").missing()

TEST(QuantizeFusionPass, GivesPpqsStatesAndGroupsOnEveryRecordedRun) {
  SKIP_WITHOUT_RUNS();
  const Tried tried = try_pass("QuantizeFusionPass", quantize_fusion);
  EXPECT_EQ(tried.runs, 23U);
  EXPECT_GT(tried.changed, 300U);
}

TEST(QuantizeSimplifyPass, GivesPpqsStatesAndGroupsOnEveryRecordedRun) {
  SKIP_WITHOUT_RUNS();
  const Tried tried = try_pass("QuantizeSimplifyPass", quantize_simplify);
  EXPECT_EQ(tried.runs, 23U);
  EXPECT_GT(tried.changed, 500U);
}

TEST(QuantAlignmentPass, GivesPpqsStatesGroupsAndScalesOnEveryRecordedRun) {
  SKIP_WITHOUT_RUNS();
  const Tried tried = try_pass("QuantAlignmentPass", quant_alignment);
  EXPECT_EQ(tried.runs, 23U);
  EXPECT_GT(tried.changed, 500U);
}

TEST(PassiveParameterQuantizePass, GivesPpqsScalesOnEveryRecordedRun) {
  SKIP_WITHOUT_RUNS();
  const Tried tried = try_pass("PassiveParameterQuantizePass", passive_parameter_quantize);
  EXPECT_EQ(tried.runs, 23U);
  EXPECT_GT(tried.changed, 500U);
}

TEST(ParameterBakingPass, GivesPpqsStatesOnEveryRecordedRun) {
  SKIP_WITHOUT_RUNS();
  const Tried tried = try_pass("ParameterBakingPass", parameter_baking);
  EXPECT_EQ(tried.runs, 23U);
  EXPECT_GT(tried.changed, 300U);
}

// Counts parameters whose baked value was recorded and is ours bit for bit.
size_t compare_parameters(const Network& ours, const Network& wanted, const std::string& where) {
  size_t equal = 0;
  for (const OperationId id : ours.order) {
    for (const VariableId input : ours.operation(id).inputs) {
      if (input == kNone || !ours.variable(input).is_parameter || !wanted.variable(input).value) continue;
      const bool same = ours.variable(input).value && same_bits(*ours.variable(input).value, *wanted.variable(input).value);
      EXPECT_TRUE(same) << where << ": " << ours.variable(input).name << " of " << ours.operation(id).name;
      equal += same ? 1 : 0;
    }
  }
  return equal;
}

TEST(ParameterBakingPass, BakesEveryRecordedParameterBitForBit) {
  SKIP_WITHOUT_RUNS();
  size_t equal = 0;
  for (const std::string& model : kRecordedModels) {
    for (const std::string& platform : test::recorded_platforms(model)) {
      const RecordedRun run(model, platform);
      Network network = run.after("PassiveParameterQuantizePass");
      parameter_baking(network, test::SmallContext({}).context);
      equal += compare_parameters(network, run.after("ParameterBakingPass"), model + " " + platform);
    }
  }
  EXPECT_GT(equal, 800U);
  RecordProperty("parameters", static_cast<int>(equal));
}

// What an observer renders, taken from the record: INITIAL configurations that are ACTIVATED after the pass.
void inject(Network& network, const Network& recorded, const std::map<std::string, ConfigId>& slots) {
  for (const auto& [slot, id] : slots) {
    if (network.configurations[id].state != State::initial || recorded.configurations[id].state != State::activated) continue;
    network.configurations.set_scale(id, recorded.configurations.scale(id));
    network.configurations.set_state(id, State::activated);
  }
}

TEST(PassesInARow, EndWherePpqEndsOnEveryRecordedRun) {
  SKIP_WITHOUT_RUNS();
  size_t runs = 0;
  for (const std::string& model : kRecordedModels) {
    for (const std::string& platform : test::recorded_platforms(model)) {
      const RecordedRun run(model, platform);
      const std::vector<std::string> passes = run.passes();
      Network network = run.after(*(std::find(passes.begin(), passes.end(), "QuantizeFusionPass") - 1));
      const auto slots = run.slots();
      const test::SmallContext small(fused_activations(platform));
      const auto step = [&](const std::string& name, auto pass) {
        pass(network);
        // On a copy: reading shortens paths, which PPQ's own run does not do here.
        const auto differences = test::differences(Network(network), run.after(name), slots, true);
        EXPECT_TRUE(differences.empty()) << model << " " << platform << " after " << name << ": " << differences.size() << ", first " << differences[0];
      };
      step("QuantizeFusionPass", [&](Network& n) { quantize_fusion(n, small.context); });
      step("QuantizeSimplifyPass", [&](Network& n) { quantize_simplify(n, small.context); });
      step("ParameterQuantizePass", [&](Network& n) { inject(n, run.after("ParameterQuantizePass"), slots); });
      step("RuntimeCalibrationPass", [&](Network& n) { inject(n, run.after("RuntimeCalibrationPass"), slots); });
      step("QuantAlignmentPass", [&](Network& n) { quant_alignment(n, small.context); });
      step("PassiveParameterQuantizePass", [&](Network& n) { passive_parameter_quantize(n, small.context); });
      step("ParameterBakingPass", [&](Network& n) { parameter_baking(n, small.context); });
      compare_parameters(network, run.after("ParameterBakingPass"), model + " " + platform);
      ++runs;
    }
  }
  EXPECT_EQ(runs, 23U);
}

}  // namespace
}  // namespace assay::ppq

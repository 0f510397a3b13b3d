// The development models, loaded, dispatched, rewritten and configured for every platform: no recorded truth here, but nothing may fail that PPQ would take.
#include <gtest/gtest.h>

#include <filesystem>

#include "emu/base/error.h"
#include "quant/ppq/dispatch.h"
#include "quant/ppq/load.h"
#include "quant/ppq/passes/platform_steps.h"
#include "quant/ppq/quantizer.h"

namespace assay::ppq {
namespace {

// Every slot and every list agrees with every other.
void expect_whole(const Network& network, const std::string& what) {
  EXPECT_EQ(execution_order(network).size(), network.order.size()) << what;
  for (const OperationId id : network.order) {
    const Operation& operation = network.operation(id);
    if (operation.quantized) {
      EXPECT_EQ(operation.input_configs.size(), operation.inputs.size()) << what;
      EXPECT_EQ(operation.output_configs.size(), operation.outputs.size()) << what;
    }
    for (size_t i = 0; i < operation.inputs.size(); ++i) {
      if (operation.inputs[i] == kNone) continue;
      const std::vector<Reader>& readers = network.variable(operation.inputs[i]).readers;
      EXPECT_EQ(std::count(readers.begin(), readers.end(), Reader{id, i}), 1) << what << operation.name;
    }
    for (const VariableId output : operation.outputs) {
      if (output == kNone) continue;
      EXPECT_EQ(network.variable(output).producer, id) << what << operation.name;
    }
  }
}

// Of models with open shapes.
std::map<std::string, Shape> shapes_of(const std::string& model) {
  static const std::map<std::string, Shape> open = {{"super_resolution_10", {1, 1, 224, 224}}, {"ppocr_v4_det", {1, 3, 320, 320}},   {"ppocr_v4_rec_en", {1, 3, 48, 320}},
                                                    {"ppocr_mobile_v2_cls", {1, 3, 48, 192}},  {"speech_embedding", {1, 76, 32, 1}}, {"mobilenetv2_12_int8", {1, 3, 224, 224}}};
  const auto found = open.find(model);
  return found == open.end() ? std::map<std::string, Shape>{} : std::map<std::string, Shape>{{"", found->second}};
}

TEST(DevelopmentModels, StartOnEveryPlatformAndDispatcher) {
  const std::string folder = std::string(ASSAY_SHARED_DIR) + "/models/onnx";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "the development models are not here";
  const std::string dir = default_platforms_dir();
  const Settings settings;
  const InputSet none;
  size_t started = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".onnx" || entry.file_size() > 8'000'000) continue;
    std::optional<Network> loaded;
    try {
      loaded = load(entry.path().string(), shapes_of(entry.path().stem().string()));
    } catch (const std::runtime_error& error) {
      std::cout << entry.path().filename().string() << ": " << std::string(error.what()).substr(0, 300) << "\n";
      continue;
    }
    ++started;
    expect_whole(*loaded, entry.path().filename().string() + " ");
    for (const std::string& name : platform_names(dir)) {
      const Platform platform = load_platform(find_platform(name, dir));
      for (const char* dispatcher : {"conservative", "pplnn", "allin", "perseus"}) {
        Network network = *loaded;
        Settings with = settings;
        with.dispatcher = dispatcher;
        const std::string what = entry.path().filename().string() + " " + name + " " + dispatcher + " ";
        try {
          dispatch(network, platform, with);
          for (const PlatformStep& step : platform.rewrites) run_step(step, network, {platform, with, none, 1, {}, {}});
          create_configurations(network, platform);
          for (const PlatformStep& step : platform.refine) run_step(step, network, {platform, with, none, 1, {}, {}});
          expect_whole(network, what);
        } catch (const std::exception& error) {
          ADD_FAILURE() << what << error.what();
        }
      }
    }
  }
  EXPECT_GT(started, 10U);
}

}  // namespace
}  // namespace assay::ppq

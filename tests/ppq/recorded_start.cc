#include "tests/ppq/recorded_start.h"

#include <algorithm>
#include <filesystem>

#include "quant/ppq/dispatch.h"
#include "quant/ppq/load.h"
#include "quant/ppq/passes/platform_steps.h"
#include "quant/ppq/quantizer.h"
#include "tests/ppq/recorded.h"

namespace assay::ppq::test {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

void compare(const Configuration& is, const Configuration& should, const std::string& slot, bool visibility, std::vector<std::string>& found) {
  const auto differ = [&](const std::string& what, auto a, auto b) {
    if (a != b) found.push_back(slot + ": " + what);
  };
  differ("state " + std::string(to_string(is.state)) + ", not " + std::string(to_string(should.state)), is.state, should.state);
  differ("policy", is.policy.bits(), should.policy.bits());
  differ("bits", is.bits, should.bits);
  differ("exponent bits", is.exponent_bits, should.exponent_bits);
  differ("lower limit", is.quant_min, should.quant_min);
  differ("upper limit", is.quant_max, should.quant_max);
  differ("rounding", is.rounding, should.rounding);
  differ("observer " + is.observer + ", not " + should.observer, is.observer, lower(should.observer));
  differ("channel axis", is.channel_axis, should.channel_axis);
  if (visibility) differ("visibility", is.visibility, should.visibility);
}

}  // namespace

std::string RecordedStart::model_path() const {
  const std::string shared = ASSAY_SHARED_DIR;
  return model == "cnn_core" ? shared + "/ppq/runs/cnn_core/model.onnx" : shared + "/models/onnx/" + model + ".onnx";
}

Platform RecordedStart::platform() const {
  return load_platform(find_platform(run == "PPL_DSP_INT8_dspsetting" ? "PPL_DSP_INT8" : run, default_platforms_dir()));
}

std::vector<RecordedStart> recorded_starts() {
  std::vector<RecordedStart> starts;
  for (const char* model : {"cnn_core", "resnet8_cifar10", "blazeface_front_128", "yunet_n_320"}) {
    for (const std::string& run : recorded_platforms(model)) {
      if (std::filesystem::exists(RecordedStart{model, run}.model_path())) starts.push_back({model, run});
    }
  }
  return starts;
}

Network dispatched(const RecordedStart& start) {
  Network network = load(start.model_path());
  dispatch(network, start.platform(), {});
  return network;
}

Network rewritten(const RecordedStart& start) {
  Network network = dispatched(start);
  const Platform platform = start.platform();
  const Settings settings;
  const InputSet none;
  for (const PlatformStep& step : platform.rewrites) run_step(step, network, {platform, settings, none, 1, {}, {}});
  return network;
}

Network configured(const RecordedStart& start) {
  Network network = rewritten(start);
  create_configurations(network, start.platform());
  return network;
}

std::vector<std::string> configuration_differences(const Network& ours, const Network& theirs) {
  std::vector<std::string> found;
  if (ours.order.size() != theirs.order.size()) return {"another number of operations"};
  if (ours.configurations.size() != theirs.configurations.size()) found.push_back("another number of configurations");
  for (size_t i = 0; i < ours.order.size(); ++i) {
    const Operation &is = ours.operation(ours.order[i]), &should = theirs.operation(theirs.order[i]);
    if (is.name != should.name || is.type != should.type) return {is.name + " stands where " + should.name + " belongs"};
    if (is.quantized != should.quantized || is.platform != should.platform) found.push_back(is.name + ": platform " + is.platform + ", not " + should.platform);
    if (!is.quantized || !should.quantized) continue;
    const auto side = [&](const char* name, const std::vector<ConfigId>& a, const std::vector<ConfigId>& b) {
      if (a.size() != b.size()) return found.push_back(is.name + name + ": another number of slots");
      for (size_t k = 0; k < a.size(); ++k) {
        compare(ours.configurations[a[k]], theirs.configurations[b[k]], is.name + name + std::to_string(k), is.type != "Clip" && is.type != "Pad", found);
      }
    };
    side(":in", is.input_configs, should.input_configs);
    side(":out", is.output_configs, should.output_configs);
  }
  return found;
}

}  // namespace assay::ppq::test

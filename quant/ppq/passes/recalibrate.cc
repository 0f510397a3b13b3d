// The range of every channel of a product, for exports that want it: measured in the quantized network after baking, where a fused activation follows behind it. Nothing of the
// simulation changes. (ppq.md 6.2; recorded runs of the platforms whose last step is "recalibrate".)
#include <algorithm>

#include "quant/ppq/observers_run.h"
#include "quant/ppq/passes/calibration.h"

namespace assay::ppq {
namespace {

// Least and greatest value of each channel on axis 1, or of a whole tensor.
class Ranges final : public Observer {
 public:
  explicit Ranges(bool by_channel) : by_channel_(by_channel) {}

  Seen look(const FloatTensor& tensor) const override {
    const bool split = by_channel_ && tensor.shape.size() > 1;
    const size_t channels = split ? static_cast<size_t>(tensor.shape[1]) : 1;
    const size_t inner = split ? static_cast<size_t>(strides_of(tensor.shape)[1]) : tensor.size();
    Seen seen;
    for (size_t i = 0; i < tensor.size(); ++i) {
      const size_t channel = i / inner % channels;
      const auto value = static_cast<double>(tensor.data[i]);
      if (2 * channel == seen.size()) seen.insert(seen.end(), {value, value});
      seen[2 * channel] = std::min(seen[2 * channel], value);
      seen[2 * channel + 1] = std::max(seen[2 * channel + 1], value);
    }
    return seen;
  }

  void merge(const Seen& seen) override {
    if (ranges_.empty()) ranges_ = seen;
    for (size_t i = 0; i < seen.size(); ++i) ranges_[i] = i % 2 == 0 ? std::min(ranges_[i], seen[i]) : std::max(ranges_[i], seen[i]);
  }

  ScaleOffset result() const override { return {}; }
  const Seen& ranges() const { return ranges_; }

 private:
  bool by_channel_;
  Seen ranges_;
};

// The activation that is fused behind the operation, or the operation itself.
OperationId last_of_fused(const Network& network, OperationId id, const Platform& platform) {
  const Operation& operation = network.operation(id);
  if (network.configurations[operation.output_configs.at(0)].state != State::overlapped) return id;
  const std::vector<Reader>& readers = network.variable(operation.outputs.at(0)).readers;
  if (readers.size() != 1 || platform.fused_activations.count(network.operation(readers[0].operation).type) == 0) return id;
  return readers[0].operation;
}

}  // namespace

PassReport recalibrate(Network& network, const Context& context) {
  PassReport report{"", {}, {}};
  for (const PlatformStep& step : context.platform.finish) {
    if (step.kind == "recalibrate") report.name = step.name;
  }
  std::vector<Watched> watched;
  for (const OperationId id : network.order) {
    const Operation& operation = network.operation(id);
    if (!operation.quantized || !is_computing(operation.type)) continue;
    watched.push_back({last_of_fused(network, id, context.platform), true, 0, operation.output_configs.at(0), std::make_unique<Ranges>(true)});
    const ConfigId input = operation.input_configs.at(0);
    if (network.configurations[input].state == State::activated) watched.push_back({id, false, 0, input, std::make_unique<Ranges>(false)});
  }
  std::vector<Watched*> all;
  for (Watched& one : watched) all.push_back(&one);
  const Executor executor(network);
  const size_t steps = context.settings.calibration_steps;
  const size_t seen = observe(network, executor, context, steps, "Ranges of channels", all);
  if (seen < steps) report.warnings.push_back("stopped after " + std::to_string(seen) + " of " + std::to_string(steps) + " steps: the ranges are those of the steps seen");
  for (const Watched& one : watched) {
    const Observer::Seen& ranges = static_cast<const Ranges&>(*one.observer).ranges();
    std::map<std::string, double>& detail = network.configurations[one.configuration].detail;
    for (size_t i = 0; i < ranges.size(); i += 2) {
      detail["range_min[" + std::to_string(i / 2) + "]"] = ranges[i];
      detail["range_max[" + std::to_string(i / 2) + "]"] = ranges[i + 1];
    }
    report.changes.push_back(slot_name(network, one) + " has the ranges of " + std::to_string(ranges.size() / 2) + " channel(s)");
  }
  return report;
}

}  // namespace assay::ppq

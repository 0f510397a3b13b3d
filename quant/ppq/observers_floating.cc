#include "quant/ppq/observers_floating.h"

#include <algorithm>
#include <array>

#include "emu/base/error.h"
#include "quant/ppq/floating.h"

namespace assay::ppq {
namespace {

using quant::FloatTensor;

size_t channels_of(const FloatTensor& tensor, const Configuration& configuration) {
  if (!configuration.policy.per_channel) return 1;
  const auto axis = static_cast<size_t>(configuration.channel_axis.value_or(0));
  if (axis >= tensor.shape.size()) throw InputError("a tensor " + assay::to_string(tensor.shape) + " has no axis " + std::to_string(axis) + " of channels");
  return static_cast<size_t>(tensor.shape[axis]);
}

class ConstantScale final : public Observer {
 public:
  explicit ConstantScale(const Configuration& configuration) : configuration_(configuration) {}
  Seen look(const FloatTensor& tensor) const override { return {static_cast<double>(channels_of(tensor, configuration_))}; }
  void merge(const Seen& seen) override { channels_ = static_cast<size_t>(seen[0]); }
  ScaleOffset result() const override { return {std::vector<float>(channels_, 1.0F), std::vector<float>(channels_, 0.0F), configuration_.policy.per_channel}; }

 private:
  Configuration configuration_;
  size_t channels_ = 1;
};

constexpr std::array<float, 7> kScales = {0x1p-7F, 0x1p-5F, 0x1p-3F, 1, 4, 16, 64};
constexpr size_t kFetches = 4096;

// Squared errors are summed for every scale over the batches; the least wins, of equal ones the smaller scale. PPQ looks at 4096 elements that it draws anew at every run; ours are
// evenly spaced, so that results repeat. Parameters per channel give all their elements.
class Floating final : public Observer {
 public:
  explicit Floating(const Configuration& configuration) : configuration_(configuration) {}

  // For each channel the error under each scale.
  Seen look(const FloatTensor& tensor) const override {
    const size_t channels = channels_of(tensor, configuration_);
    const bool all = configuration_.policy.per_channel;
    const size_t inner = all ? static_cast<size_t>(strides_of(tensor.shape)[static_cast<size_t>(configuration_.channel_axis.value_or(0))]) : 1;
    const size_t step = all ? 1 : std::max<size_t>(1, tensor.size() / kFetches);
    Seen errors(channels * kScales.size(), 0.0);
    for (size_t i = 0; i < tensor.size(); i += step) {
      for (size_t s = 0; s < kScales.size(); ++s) {
        const double error = static_cast<double>(round_floating(tensor.data[i] / kScales[s], configuration_) * kScales[s] - tensor.data[i]);
        errors[(all ? i / inner % channels : 0) * kScales.size() + s] += error * error;
      }
    }
    return errors;
  }

  void merge(const Seen& seen) override {
    errors_.resize(std::max(errors_.size(), seen.size()), 0.0);
    for (size_t i = 0; i < seen.size(); ++i) errors_[i] += seen[i];
  }

  ScaleOffset result() const override {
    ScaleOffset made{{}, {}, configuration_.policy.per_channel};
    for (auto first = errors_.begin(); first != errors_.end(); first += kScales.size()) {
      made.scale.push_back(kScales[static_cast<size_t>(std::min_element(first, first + kScales.size()) - first)]);
      made.offset.push_back(0);
    }
    return made;
  }

 private:
  Configuration configuration_;
  Seen errors_;
};

}  // namespace

std::unique_ptr<Observer> make_constant_observer(const Configuration& configuration) {
  return std::make_unique<ConstantScale>(configuration);
}

std::unique_ptr<Observer> make_floating_observer(const Configuration& configuration) {
  const Policy& policy = configuration.policy;
  if (!policy.floating || policy.asymmetric || !policy.power_of_two) throw InputError("observer 'floating' is for symmetric floating-point grids of powers of two only");
  return std::make_unique<Floating>(configuration);
}

}  // namespace assay::ppq

#include "quant/ppq/observers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "emu/base/error.h"
#include "quant/calibrate/histogram.h"
#include "quant/calibrate/observers.h"
#include "quant/calibrate/torch_mean.h"
#include "quant/ppq/linear.h"
#include "quant/ppq/observers_floating.h"
#include "quant/ppq/rounding.h"

namespace assay::ppq {
namespace {

using quant::FloatTensor;

// The least and greatest value over all batches, of the tensor or of each channel.
class MinMax final : public Observer {
 public:
  explicit MinMax(const Configuration& configuration) : configuration_(configuration) {}

  // Minimum and maximum of each channel in turn.
  Seen look(const FloatTensor& tensor) const override {
    size_t channels = 1, inner = tensor.size();
    if (configuration_.policy.per_channel) {
      const auto axis = static_cast<size_t>(configuration_.channel_axis.value_or(0));
      if (axis >= tensor.shape.size()) throw InputError("a tensor " + assay::to_string(tensor.shape) + " has no axis " + std::to_string(axis) + " of channels");
      channels = static_cast<size_t>(tensor.shape[axis]), inner = static_cast<size_t>(strides_of(tensor.shape)[axis]);
    }
    Seen seen(2 * channels);
    for (size_t i = 0; i < channels; ++i) seen[2 * i] = HUGE_VAL, seen[2 * i + 1] = -HUGE_VAL;
    for (size_t first = 0, channel = 0; first < tensor.size(); first += inner, channel = channel + 1 == channels ? 0 : channel + 1) {
      const auto begin = tensor.data.begin() + static_cast<std::ptrdiff_t>(first);
      const auto [least, greatest] = std::minmax_element(begin, begin + static_cast<std::ptrdiff_t>(inner));
      seen[2 * channel] = std::min(seen[2 * channel], static_cast<double>(*least));
      seen[2 * channel + 1] = std::max(seen[2 * channel + 1], static_cast<double>(*greatest));
    }
    return seen;
  }

  void merge(const Seen& seen) override {
    if (ranges_.empty()) ranges_ = seen;
    ASSAY_ASSERT(ranges_.size() == seen.size());
    for (size_t i = 0; i < seen.size(); ++i) ranges_[i] = i % 2 == 0 ? std::min(ranges_[i], seen[i]) : std::max(ranges_[i], seen[i]);
  }

  ScaleOffset result() const override {
    ASSAY_ASSERT(!ranges_.empty());
    if (!configuration_.policy.per_channel) return per_tensor(range_to_scale(ranges_[0], ranges_[1], configuration_));
    std::vector<ScaleAndOffset> made;
    for (size_t i = 0; i < ranges_.size(); i += 2) made.push_back(channel_range_to_scale(static_cast<float>(ranges_[i]), static_cast<float>(ranges_[i + 1]), configuration_));
    return per_channel(made);
  }

 private:
  Configuration configuration_;
  Seen ranges_;
};

// Of each batch's n sorted values v, v[int(n (1 - p))] and v[min(int(n p), n - 1)]; then the means over the batches, in float32.
class Percentile final : public Observer {
 public:
  explicit Percentile(const Configuration& configuration) : configuration_(configuration) {
    const auto given = configuration.detail.find("OBSERVER_PERCENTILE_MANUL_OVERRIDE");
    if (given != configuration.detail.end()) percentile_ = given->second;
    if (!(percentile_ >= 0 && percentile_ <= 1)) throw InputError("OBSERVER_PERCENTILE_MANUL_OVERRIDE is " + std::to_string(percentile_) + "; it must be between 0 and 1");
  }

  Seen look(const FloatTensor& tensor) const override {
    if (tensor.size() == 0) return {0, 0};
    const auto count = static_cast<double>(tensor.size());
    const size_t low = std::min(static_cast<size_t>(count * (1 - percentile_)), tensor.size() - 1);
    const size_t high = std::min(static_cast<size_t>(count * percentile_), tensor.size() - 1);
    std::vector<float> values = tensor.data;
    const auto sorted = [&](size_t i) {
      const auto at = values.begin() + static_cast<std::ptrdiff_t>(i);
      std::nth_element(values.begin(), at, values.end());
      return static_cast<double>(*at);
    };
    return {sorted(low), sorted(high)};
  }

  void merge(const Seen& seen) override {
    lows_.push_back(static_cast<float>(seen[0]));
    highs_.push_back(static_cast<float>(seen[1]));
  }

  ScaleOffset result() const override {
    return per_tensor(range_to_scale(static_cast<double>(quant::mean_as_torch(lows_)), static_cast<double>(quant::mean_as_torch(highs_)), configuration_));
  }

 private:
  Configuration configuration_;
  double percentile_ = 0.9999;
  std::vector<float> lows_, highs_;
};

quant::Grid grid_of(const Configuration& configuration) {
  return {configuration.quant_min, configuration.quant_max, configuration.bits, configuration.policy.asymmetric ? emu::Symmetry::asymmetric : emu::Symmetry::symmetric,
          configuration.policy.power_of_two ? emu::ScaleKind::power_of_two : emu::ScaleKind::real};
}

// With 16 levels or fewer PPQ's first candidate has only emptied bins, its divergence is not a number, and so nothing is ever less: the scale is one of 4096 bins.
class KlOfFewLevels final : public quant::HistogramObserver {
 public:
  explicit KlOfFewLevels(const quant::Grid& of) : HistogramObserver(of, 4096) {}
  quant::ScaleAndOffset result() const override {
    const double scale = std::max(bin_width(), 1e-8);
    return {static_cast<float>(grid().kind == emu::ScaleKind::power_of_two ? round_to_power_of_two(scale, Rounding::half_up) : scale), 0};
  }
};

// The observers of quant/calibrate that find a range in a histogram, which are PPQ's.
class OfHistogram final : public Observer {
 public:
  explicit OfHistogram(const Configuration& configuration) {
    for (const char* key : {"OBSERVER_MIN_SCALE_MANUL_OVERRIDE", "OBSERVER_KL_HIST_BINS_MANUL_OVERRIDE"}) {
      if (configuration.detail.count(key) != 0) throw InputError("observer '" + configuration.observer + "' does not take " + key + "; use minmax or percentile");
    }
    const quant::Grid grid = grid_of(configuration);
    const bool few = configuration.observer == "kl" && !configuration.policy.asymmetric && configuration.bits <= 4;
    range_ = few ? std::make_unique<KlOfFewLevels>(grid) : quant::make_observer(configuration.observer, grid);
  }
  int phases() const override { return range_->phases(); }
  Seen look(const FloatTensor& tensor) const override { return range_->look(tensor.data.data(), tensor.size()); }
  void merge(const Seen& seen) override { range_->merge(seen); }
  void finish_phase() override { range_->finish_phase(); }
  ScaleOffset result() const override {
    const quant::ScaleAndOffset found = range_->result();
    return {{found.scale}, {static_cast<float>(found.offset)}, false};
  }

 private:
  std::unique_ptr<quant::RangeObserver> range_;
};

// The scale at which most rows keep their largest value apart from their second: for outputs of a Softmax. Symmetric whatever the policy, never rounded to a power of two.
class Isotone final : public Observer {
 public:
  explicit Isotone(const Configuration& configuration) : configuration_(configuration) {
    const auto given = configuration.detail.find("OBSERVER_ISOTONE_OBSERVER_AXIS");
    if (given != configuration.detail.end()) axis_ = static_cast<int64_t>(given->second);
  }

  // The two largest values of every row, in turn.
  Seen look(const FloatTensor& tensor) const override {
    const auto rank = static_cast<int64_t>(tensor.shape.size());
    if (rank == 0 || (axis_ != -1 && axis_ != rank - 1)) throw InputError("observer 'isotone' works along the last axis only, not axis " + std::to_string(axis_));
    const auto width = static_cast<size_t>(tensor.shape.back());
    if (width < 2) throw InputError("observer 'isotone' needs rows of two values or more, the tensor is " + assay::to_string(tensor.shape));
    Seen seen;
    for (size_t row = 0; row < tensor.size(); row += width) {
      std::array<float, 2> largest{};
      std::partial_sort_copy(tensor.data.begin() + static_cast<std::ptrdiff_t>(row), tensor.data.begin() + static_cast<std::ptrdiff_t>(row + width), largest.begin(), largest.end(),
                             std::greater<>());
      for (const float value : largest) seen.push_back(static_cast<double>(configuration_.policy.asymmetric ? value : std::fabs(value)));
    }
    return seen;
  }

  void merge(const Seen& seen) override { rows_.insert(rows_.end(), seen.begin(), seen.end()); }

  ScaleOffset result() const override {
    const std::vector<Event> found = events();
    if (found.empty()) return per_tensor(range_to_scale(0, rows_.at(rows_.size() - 2), configuration_));
    int64_t open = 0, most = std::numeric_limits<int64_t>::min();
    double scale = 0;
    for (const Event& event : found) {
      open += event.begins ? 1 : -1;
      if (open > most) most = open, scale = event.scale;
    }
    return {{static_cast<float>(scale)}, {0.0F}, false};
  }

 private:
  // Where the interval of scales that suit a row begins or ends.
  struct Event {
    double scale = 0;
    bool begins = false;
  };

  std::vector<Event> events() const {
    std::vector<Event> found;
    for (size_t i = 0; i + 1 < rows_.size(); i += 2) {
      const double second = rows_[i + 1];
      const auto gap = static_cast<float>(rows_[i]) - static_cast<float>(std::max(second, 0.0));
      const double least = std::max(second / (static_cast<double>(configuration_.quant_max) - 0.51), 0.0), most = static_cast<double>(2 * gap);
      if (most > least && rows_[i] > 0) found.push_back({least, true}), found.push_back({most, false});
    }
    std::stable_sort(found.begin(), found.end(), [](const Event& a, const Event& b) { return a.scale != b.scale ? a.scale < b.scale : a.begins < b.begins; });
    return found;
  }

  Configuration configuration_;
  int64_t axis_ = -1;
  Seen rows_;
};

}  // namespace

std::unique_ptr<Observer> make_observer(const Configuration& configuration) {
  Configuration named = configuration;
  std::string& name = named.observer;
  std::transform(name.begin(), name.end(), name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (name == "minmax") return std::make_unique<MinMax>(named);
  if (name == "constant") return make_constant_observer(named);
  if (name == "floating") return make_floating_observer(named);
  if (name != "percentile" && name != "kl" && name != "mse" && name != "isotone") {
    throw InputError("observer '" + configuration.observer + "' is not known; the observers are minmax, percentile, kl, mse, isotone, constant, floating");
  }
  if (named.policy.per_channel) throw InputError("observer '" + name + "' is for whole tensors only; use minmax per channel");
  if (name == "percentile") return std::make_unique<Percentile>(named);
  if (name == "isotone") return std::make_unique<Isotone>(named);
  return std::make_unique<OfHistogram>(named);
}

}  // namespace assay::ppq

#include "quant/calibrate/observer.h"

#include <algorithm>

#include "emu/base/error.h"
#include "quant/calibrate/encode.h"
#include "quant/calibrate/observers.h"

namespace assay::quant {

std::unique_ptr<RangeObserver> make_observer(const std::string& name, const Grid& grid) {
  if (name == "minmax") return make_min_max(grid);
  if (name == "percentile") return make_percentile(grid);
  if (name == "kl") return make_kl(grid);
  if (name == "mse") return make_mse(grid);
  throw InputError("observer '" + name + "' is not known; the observers are minmax, percentile, kl, mse");
}

std::vector<float> per_channel_scales(const FloatTensor& parameter, int64_t axis, const Grid& grid) {
  ASSAY_ASSERT(axis >= 0 && static_cast<size_t>(axis) < parameter.shape.size());
  ASSAY_ASSERT(grid.symmetry == emu::Symmetry::symmetric);  // a tensor has one zero point
  const auto channels = static_cast<size_t>(parameter.shape[static_cast<size_t>(axis)]);
  const auto inner = static_cast<size_t>(strides_of(parameter.shape)[static_cast<size_t>(axis)]);
  std::vector<float> low(channels, 0.0F);
  std::vector<float> high(channels, 0.0F);
  for (size_t first = 0, channel = 0; first < parameter.size(); first += inner, channel = (channel + 1) % channels) {
    const auto [least, greatest] =
        std::minmax_element(parameter.data.begin() + static_cast<std::ptrdiff_t>(first), parameter.data.begin() + static_cast<std::ptrdiff_t>(first + inner));
    low[channel] = std::min(low[channel], *least);
    high[channel] = std::max(high[channel], *greatest);
  }
  std::vector<float> scales(channels);
  for (size_t channel = 0; channel < channels; ++channel) {
    scales[channel] = encode(static_cast<double>(low[channel]), static_cast<double>(high[channel]), grid).scale;
  }
  return scales;
}

}  // namespace assay::quant

#include "emu/target/target.h"

#include <algorithm>

#include "emu/arith/rounding.h"
#include "emu/base/error.h"

namespace assay::emu {

const MultiplierRule& multiplier_of(const Target& target, std::string_view key) {
  if (!target.second_multiplier) return target.multiplier;
  constexpr std::string_view kOps = "ops.";
  if (key.substr(0, kOps.size()) == kOps) key.remove_prefix(kOps.size());
  const std::string_view name = key.substr(0, key.find('.'));
  const std::vector<std::string>& names = target.second_multiplier->operators;
  return std::find(names.begin(), names.end(), name) != names.end() ? target.second_multiplier->rule : target.multiplier;
}

Steps kept_sum(const Steps& steps, int64_t brought, int64_t zero_point, RightShift scale) {
  Steps all{AddNumber{brought}};
  int before = 0, after = 0;
  std::optional<size_t> at;
  for (const Step& step : steps) {
    const auto* shift = std::get_if<ShiftRight>(&step);
    if (shift != nullptr) (at ? after : before) += shift->amount.value_or(scale).bits;
    if (std::holds_alternative<AddZeroPoint>(step)) at = all.size();
    all.push_back(step);
  }
  ASSAY_ASSERT(at.has_value() && before <= kMaxShiftBits && after <= kMaxShiftBits);
  const Wide offset = (Wide{zero_point} << after) - shift_right(Wide{brought}, RightShift{static_cast<uint8_t>(before)}, Round::floor);
  all[*at] = AddNumber{static_cast<int64_t>(offset)};
  return all;
}

std::string_view to_string(Symmetry symmetry) {
  switch (symmetry) {
    case Symmetry::symmetric: return "symmetric";
    case Symmetry::asymmetric: return "asymmetric";
  }
  ASSAY_ASSERT(!"a Symmetry outside its enumeration");
}

std::string_view to_string(Granularity granularity) {
  switch (granularity) {
    case Granularity::per_tensor: return "per_tensor";
    case Granularity::per_channel: return "per_channel";
    case Granularity::per_group: return "per_group";
  }
  ASSAY_ASSERT(!"a Granularity outside its enumeration");
}

std::string_view to_string(ScaleKind kind) {
  switch (kind) {
    case ScaleKind::real: return "real";
    case ScaleKind::power_of_two: return "power_of_two";
  }
  ASSAY_ASSERT(!"a ScaleKind outside its enumeration");
}

std::string_view to_string(InputScales scales) {
  switch (scales) {
    case InputScales::joint: return "joint";
    case InputScales::requantize: return "requantize";
  }
  ASSAY_ASSERT(!"an InputScales outside its enumeration");
}

std::string_view to_string(ConcatScales scales) {
  switch (scales) {
    case ConcatScales::joint: return "joint";
    case ConcatScales::requantize: return "requantize";
    case ConcatScales::concatenate: return "concatenate";
  }
  ASSAY_ASSERT(!"a ConcatScales outside its enumeration");
}
std::string_view to_string(ZeroPoints zero_points) {
  switch (zero_points) {
    case ZeroPoints::subtracted: return "subtracted";
    case ZeroPoints::kept: return "kept";
  }
  ASSAY_ASSERT(!"a ZeroPoints outside its enumeration");
}

std::string_view to_string(AverageForm form) {
  switch (form) {
    case AverageForm::divide: return "divide";
    case AverageForm::reciprocal: return "reciprocal";
    case AverageForm::axis_reciprocals: return "axis_reciprocals";
  }
  ASSAY_ASSERT(!"an AverageForm outside its enumeration");
}

std::string_view to_string(SlopeScale slope) {
  switch (slope) {
    case SlopeScale::ratio: return "ratio";
    case SlopeScale::common_shift: return "common_shift";
    case SlopeScale::over_256: return "over_256";
  }
  ASSAY_ASSERT(!"a SlopeScale outside its enumeration");
}

std::string_view to_string(MultiplierForm form) {
  switch (form) {
    case MultiplierForm::normalised: return "normalised";
    case MultiplierForm::narrowed: return "narrowed";
    case MultiplierForm::nearest: return "nearest";
    case MultiplierForm::fixed_point: return "fixed_point";
  }
  ASSAY_ASSERT(!"a MultiplierForm outside its enumeration");
}

std::string_view to_string(RatioFormat format) {
  switch (format) {
    case RatioFormat::exact: return "exact";
    case RatioFormat::binary64: return "binary64";
    case RatioFormat::binary32: return "binary32";
  }
  ASSAY_ASSERT(!"a RatioFormat outside its enumeration");
}

std::string_view to_string(Fp32Scale scale) {
  switch (scale) {
    case Fp32Scale::product: return "product";
    case Fp32Scale::ratio: return "ratio";
    case Fp32Scale::exact_ratio: return "exact_ratio";
    case Fp32Scale::reciprocal_product: return "reciprocal_product";
  }
  ASSAY_ASSERT(!"a Fp32Scale outside its enumeration");
}

std::string_view to_string(Fp32Output output) {
  switch (output) {
    case Fp32Output::scale: return "scale";
    case Fp32Output::reciprocal: return "reciprocal";
  }
  ASSAY_ASSERT(!"a Fp32Output outside its enumeration");
}

std::string_view to_string(BiasScale scale) {
  switch (scale) {
    case BiasScale::product: return "product";
    case BiasScale::power_of_two: return "power_of_two";
  }
  ASSAY_ASSERT(!"a BiasScale outside its enumeration");
}

std::string_view to_string(OperandScale scale) {
  switch (scale) {
    case OperandScale::normalised: return "normalised";
    case OperandScale::common_shift: return "common_shift";
  }
  ASSAY_ASSERT(!"an OperandScale outside its enumeration");
}

std::string_view to_string(CountScale scale) {
  switch (scale) {
    case CountScale::ratio: return "ratio";
    case CountScale::reciprocal_30: return "reciprocal_30";
    case CountScale::reciprocal_31: return "reciprocal_31";
    case CountScale::floor_24: return "floor_24";
    case CountScale::factor: return "factor";
    case CountScale::first_cut_15: return "first_cut_15";
  }
  ASSAY_ASSERT(!"a CountScale outside its enumeration");
}

std::string_view to_string(TableSource source) {
  switch (source) {
    case TableSource::real: return "real";
    case TableSource::fixed_point: return "fixed_point";
    case TableSource::piecewise_linear: return "piecewise_linear";
  }
  ASSAY_ASSERT(!"a TableSource outside its enumeration");
}

std::string_view to_string(Evidence evidence) {
  switch (evidence) {
    case Evidence::documented: return "documented";
    case Evidence::measured: return "measured";
    case Evidence::assumed: return "assumed";
  }
  ASSAY_ASSERT(!"an Evidence outside its enumeration");
}

std::string_view to_string(Encoding encoding) {
  switch (encoding) {
    case Encoding::range: return "range";
    case Encoding::range_half_away: return "range_half_away";
    case Encoding::nudged_range: return "nudged_range";
    case Encoding::magnitude: return "magnitude";
    case Encoding::position: return "position";
  }
  ASSAY_ASSERT(!"an Encoding outside its enumeration");
}

std::string_view to_string(TableCorrection correction) {
  switch (correction) {
    case TableCorrection::none: return "none";
    case TableCorrection::midpoint: return "midpoint";
  }
  ASSAY_ASSERT(!"a TableCorrection outside its enumeration");
}

std::string_view to_string(HardSigmoid form) {
  switch (form) {
    case HardSigmoid::real: return "real";
    case HardSigmoid::factor_2731: return "factor_2731";
  }
  ASSAY_ASSERT(!"a HardSigmoid outside its enumeration");
}

}  // namespace assay::emu

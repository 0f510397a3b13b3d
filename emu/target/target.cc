#include "emu/target/target.h"

#include "emu/base/error.h"

namespace assay::emu {

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

std::string_view to_string(AverageForm form) {
  switch (form) {
    case AverageForm::divide: return "divide";
    case AverageForm::reciprocal: return "reciprocal";
  }
  ASSAY_ASSERT(!"an AverageForm outside its enumeration");
}

std::string_view to_string(MultiplierForm form) {
  switch (form) {
    case MultiplierForm::normalised: return "normalised";
    case MultiplierForm::nearest: return "nearest";
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

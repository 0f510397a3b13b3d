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

std::string_view to_string(Evidence evidence) {
  switch (evidence) {
    case Evidence::documented: return "documented";
    case Evidence::measured: return "measured";
    case Evidence::assumed: return "assumed";
  }
  ASSAY_ASSERT(!"an Evidence outside its enumeration");
}

}  // namespace assay::emu

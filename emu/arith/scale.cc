#include "emu/arith/scale.h"

#include "emu/base/error.h"

namespace assay::emu {

std::string to_string(Dyadic value) {
  return std::to_string(value.mantissa) + "*2^" + std::to_string(value.exponent);
}

QScale QScale::from_tflite(int32_t multiplier_q31, int shift) {
  if (shift < -31 || shift > 30) throw InputError("a TFLite shift lies in [-31, 30], found " + std::to_string(shift));
  return {multiplier_q31, LeftShift{static_cast<uint8_t>(shift > 0 ? shift : 0)}, RightShift{static_cast<uint8_t>(shift < 0 ? -shift : 0)}};
}

QScale QScale::from_tosa(int32_t multiplier, int shift) {
  if (shift < 2 || shift > 62) throw InputError("a TOSA shift lies in [2, 62], found " + std::to_string(shift));
  return {multiplier, LeftShift{0}, RightShift{static_cast<uint8_t>(shift)}};
}

}  // namespace assay::emu

// What an already quantized model says of a tensor: real = scale * (word - zero_point), words of that type. It stands instead of what a calibration would find.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "emu/arith/int_type.h"

namespace assay::quant {

struct GivenQuantization {
  emu::IntType type = emu::kU8;
  std::vector<float> scale;     // one, or one per channel on `axis`
  int64_t zero_point = 0;       // one for all channels
  std::optional<int64_t> axis;  // none: per tensor
  friend bool operator==(const GivenQuantization&, const GivenQuantization&) = default;
};

}  // namespace assay::quant

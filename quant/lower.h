// (Quantized) -> emu::Program: here real numbers end. Scales become exact integer ratios (Boost.Multiprecision, one rounding), tables are calculated with 100 bits, every
// accumulator gets its width, order and steps from the target.
#pragma once

#include <string>
#include <vector>

#include "emu/program/program.h"
#include "quant/quantized.h"

namespace assay::quant {

// An accumulator whose worst case does not fit, with the bits that it would need: reported, not refused.
struct AccumulatorNote {
  std::string node;
  std::string accumulator;
  int bits_needed = 0;
};

struct Lowered {
  emu::Program program;                // verified
  std::vector<size_t> node_of;         // by instruction: the graph node that it came from
  std::vector<int64_t> program_value;  // by ValueId: the Program's value that holds it, -1 where none does
  std::vector<AccumulatorNote> notes;
};

// Throws Unsupported with every node that the target cannot do, each naming the key that forbids it.
Lowered lower(const Quantized& quantized);

// The quantized inputs of a Program from real ones: PPQ's float32 quantization with each input's rounding. InputError on NaN, Inf or a wrong shape.
std::vector<emu::Tensor> quantize_inputs(const emu::Program& program, const std::vector<FloatTensor>& inputs);

// real = scale * (q - zero_point), in float32 as PPQ does it; of floating-point words the number that each is.
FloatTensor dequantize(const emu::Tensor& tensor, const emu::ValueInfo& info);

}  // namespace assay::quant

// The mean of a vector of float32 as PyTorch computes it on the CPU, in float32: the order of its sum decides the last bit.
#pragma once

#include <vector>

namespace assay::quant {

// Four interleaved sums over blocks of 16 rows of four (torch/aten SumKernel.cpp's cascade), what is left over added to the first, divided by the count. values is not empty.
float mean_as_torch(const std::vector<float>& values);

}  // namespace assay::quant

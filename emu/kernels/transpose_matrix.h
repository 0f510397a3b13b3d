// Matrices turned over in memory: what lies between images as a program has them (channels first) and products of many channels at a time (channels last).
#pragma once

#include <cstddef>
#include <cstdint>

namespace assay::emu {

// to[c * to_stride + r] = from[r * from_stride + c] for every r < rows and c < columns. Strides in elements; the two do not overlap.
void transpose_matrix(const uint8_t* from, size_t from_stride, size_t rows, size_t columns, uint8_t* to, size_t to_stride);
void transpose_matrix(const int32_t* from, size_t from_stride, size_t rows, size_t columns, int32_t* to, size_t to_stride);

}  // namespace assay::emu

#include "emu/kernels/transpose_matrix.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace assay::emu {
namespace {

// Vectors of 16 bytes, which every 64-bit processor has; a block is as many rows as a vector has elements.
template <class T>
using BlockRow __attribute__((vector_size(16))) = T;
template <class T>
inline constexpr size_t kSide = 16 / sizeof(T);

// a0 b0 a1 b1 ... of the first halves, or of the second.
template <bool kSecond, class T, size_t... kIndex>
inline BlockRow<T> interleaved(BlockRow<T> a, BlockRow<T> b, std::index_sequence<kIndex...>) {
  return __builtin_shufflevector(a, b, static_cast<int>(kIndex / 2 + (kSecond ? kSide<T> / 2 : 0) + (kIndex % 2 == 0 ? 0 : kSide<T>))...);
}

// Interleaving row i with row i + side/2 turns the bits of an element's place (row, column) by one; after as many rounds as a row number has bits the two have changed places.
template <class T>
inline void transpose_block(const T* from, size_t from_stride, T* to, size_t to_stride) {
  constexpr size_t side = kSide<T>;
  constexpr std::make_index_sequence<side> indices;
  BlockRow<T> rows[side], turned[side];
  for (size_t i = 0; i < side; ++i) std::memcpy(&rows[i], from + i * from_stride, sizeof(rows[i]));
  for (size_t round = 1; round < side; round *= 2) {
    for (size_t i = 0; i < side / 2; ++i) {
      turned[2 * i] = interleaved<false, T>(rows[i], rows[i + side / 2], indices);
      turned[2 * i + 1] = interleaved<true, T>(rows[i], rows[i + side / 2], indices);
    }
    std::copy(turned, turned + side, rows);
  }
  for (size_t i = 0; i < side; ++i) std::memcpy(to + i * to_stride, &rows[i], sizeof(rows[i]));
}

template <class T>
void transpose(const T* from, size_t from_stride, size_t rows, size_t columns, T* to, size_t to_stride) {
  constexpr size_t side = kSide<T>;
  if (rows < side || columns < side) {
    for (size_t r = 0; r < rows; ++r) {
      for (size_t c = 0; c < columns; ++c) to[c * to_stride + r] = from[r * from_stride + c];
    }
    return;
  }
  // The last block of a row or column lies over the one before where the extent is no multiple of the side.
  for (size_t r = 0; r < rows; r += side) {
    const size_t row = std::min(r, rows - side);
    for (size_t c = 0; c < columns; c += side) {
      const size_t column = std::min(c, columns - side);
      transpose_block(from + row * from_stride + column, from_stride, to + column * to_stride + row, to_stride);
    }
  }
}

}  // namespace

void transpose_matrix(const uint8_t* from, size_t from_stride, size_t rows, size_t columns, uint8_t* to, size_t to_stride) {
  transpose(from, from_stride, rows, columns, to, to_stride);
}

void transpose_matrix(const int32_t* from, size_t from_stride, size_t rows, size_t columns, int32_t* to, size_t to_stride) {
  transpose(from, from_stride, rows, columns, to, to_stride);
}

}  // namespace assay::emu

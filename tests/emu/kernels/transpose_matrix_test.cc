#include "emu/kernels/transpose_matrix.h"

#include <gtest/gtest.h>

#include <vector>

namespace assay::emu {
namespace {

template <class T>
void every_element_goes_to_its_place_and_none_elsewhere() {
  for (const size_t rows : {1, 3, 4, 7, 15, 16, 17, 24, 40}) {
    for (const size_t columns : {1, 4, 5, 16, 33, 49}) {
      const size_t from_stride = columns + 3, to_stride = rows + 2;
      std::vector<T> from(rows * from_stride), to(columns * to_stride, T{99});
      for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<T>(i * 2654435761U >> 7);
      transpose_matrix(from.data(), from_stride, rows, columns, to.data(), to_stride);
      for (size_t c = 0; c < columns; ++c) {
        for (size_t r = 0; r < rows; ++r) ASSERT_EQ(to[c * to_stride + r], from[r * from_stride + c]) << rows << "x" << columns;
        ASSERT_EQ(to[c * to_stride + rows], T{99});
      }
    }
  }
}

TEST(TransposeMatrix, MovesBytes) {
  every_element_goes_to_its_place_and_none_elsewhere<uint8_t>();
}
TEST(TransposeMatrix, MovesWords) {
  every_element_goes_to_its_place_and_none_elsewhere<int32_t>();
}

}  // namespace
}  // namespace assay::emu

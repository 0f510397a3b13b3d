// Sums of products over a window, shared by conv and conv_transpose: they differ in their taps and in how their weights lie.
//
//   s[n,g,o,y,x] = sum over (ky,r) in rows[y], (kx,c) in columns[x], i of  x[n,g,i,r,c] * w[g,o,i,ky,kx]
//
// One element of the order ky,kx,ic or ic,ky,kx is one addition to the register. Taps in the padding add 0; they are left out where the accumulator is one register, and
// have their places in pairs, spills and blocks.
//
// Floating-point words: each product is rounded half_even to binary32 (exact for formats of at most 12 significant bits, but for underflow), and the products are summed there in
// the accumulator's order; padding holds +0.
#pragma once

#include "emu/arith/accumulator.h"
#include "emu/ops/register.h"
#include "emu/ops/window.h"

namespace assay::emu {

struct WindowProducts {
  int64_t batch = 1;
  int64_t groups = 1;
  int64_t in_channels = 1;   // of one group
  int64_t out_channels = 1;  // of one group
  int64_t in_rows = 1;
  int64_t in_columns = 1;
  int64_t kernel_rows = 1;
  int64_t kernel_columns = 1;
  Taps rows;               // one entry per output row
  Taps columns;            // one entry per output column
  bool is_float = false;   // x and w are binary32 words
  std::vector<int64_t> x;  // [batch, groups, in_channels, in_rows, in_columns], zero point subtracted
  std::vector<int64_t> w;  // [groups, out_channels, in_channels, kernel_rows, kernel_columns], zero point subtracted
};

// The specification: every addition goes through the register, in order.
Sums sums_in_register(const WindowProducts& products, const Accumulator& accumulator, SumOrder order);

// The same bytes, sooner: output channels whose worst sum (their own weights' magnitudes times the largest |x|) fits the register are summed plainly, row by row.
Sums sums_of(const WindowProducts& products, const Accumulator& accumulator, SumOrder order);

}  // namespace assay::emu

// Sums of a convolution that conv_sums.h does not give: of operands wider than 8 bits, beyond 32 bits, or where the accumulator may overflow and the order of summing decides.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "emu/arith/accumulator.h"
#include "emu/kernels/conv_sums.h"

namespace assay::emu {

// `count` sums of batch element n and output channel o, from its pixel `first` on; `overflowed` of them left their accumulator on the way.
using TakeWideSums = std::function<void(int64_t n, int64_t o, int64_t first, int64_t count, const int64_t* sums, uint64_t overflowed)>;
using WideSums = std::function<void(const Tensor& x, const TakeWideSums& take)>;

// Exact sums of operands of at most 16 bits, byte by byte: with x = 256 xh + xl and w = 256 wh + wl, and the zero points taken apart likewise,
//   sum (x - zx)(w - zw) = 2^16 sum (xh - zxh)(wh - zwh) + 2^8 (sum (xh - zxh)(wl - zwl) + sum (xl - zxl)(wh - zwh)) + sum (xl - zxl)(wl - zwl)
// each by conv_sums. nullopt: a part could leave 32 bits. No sum overflows: the caller has proven that the accumulator holds every one.
std::optional<WideSums> byte_parts_sums(const ConvGeometry& geometry, IntType x_type, IntType w_type, const std::vector<int64_t>& weights);

// The accumulator itself, in order, for many pixels at a time: every addition is stored by its rule, pairs and spills included. nullopt: an accumulator in binary32, or values
// beyond 62 bits. x: at most 16 bits.
std::optional<WideSums> register_sums(const ConvGeometry& geometry, IntType x_type, const std::vector<int64_t>& weights, const Accumulator& accumulator, SumOrder order);

}  // namespace assay::emu

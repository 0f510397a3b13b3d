// How a case's operands are split for a device that computes many at once: those that vary from element to element, and the parameters that all elements share. The C structs of
// assay_dut.h hold the shared ones in this order, all int64_t (dot has its length after them; table the number of its entries and where they are).
#pragma once

#include "verify/device/device.h"

namespace assay::verify {

// How many leading operands vary: value; x_fp32; accumulator; a b; a b; sum; x. For dot these are the pairs, which come last.
size_t varying_operands(ArithOp op);

// Consecutive cases that one call can answer: [start, end) have equal shared operands and equal length.
size_t end_of_batch(ArithOp op, std::span<const Operands> cases, size_t start);

// The shared operands, as in the C struct (without dot's length and without table's count).
Operands shared_operands(ArithOp op, const Operands& operands);

// The name of the C function: "assay_dut_requantize".
std::string function_name(ArithOp op);

}  // namespace assay::verify

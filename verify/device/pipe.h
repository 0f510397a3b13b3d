// A device that is a program: it reads cases on standard input and writes results on standard output, in the order of the cases.
//
//   text     a case is a line "op operand operand ...": the name of cases.h and decimal integers (rounding's mode is its index). The answer is a line: one integer, or
//   "unsupported". binary   little-endian int64 words. A case is: count of operands, number of the op (0 rounding, 1 quantize, 2 requantize, 3 add, 4 mul, 5 average_pool, 6 table,
//   7 dot), the
//            operands. The answer is two words: status (0: done, 1: unsupported) and result.
//
// The program gets many cases before it must have answered the first, and we read while we write, so neither side can block the other. Its answers must not stay in its own buffer:
// it flushes after each answer, or at least whenever no more input is waiting. It ends when its input ends. What it writes on standard error is shown as it is.
#pragma once

#include <string>

#include "verify/device/device.h"

namespace assay::verify {

enum class PipeFormat : uint8_t { text, binary };

// `command` is run by the shell. `timeout_seconds`: how long the program may be silent while answers are missing.
Device open_pipe(const std::string& command, PipeFormat format, int timeout_seconds);

}  // namespace assay::verify

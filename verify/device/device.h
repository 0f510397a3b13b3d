// A device under test: anything that answers the cases of vectors/arithmetic/cases.h. This file decides what a device is to the rest of the room; how it is reached is library.h's
// and pipe.h's. A device can be wrong, unable or dead: all three are answers, while a device that cannot be spoken to at all is InputError.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "vectors/arithmetic/cases.h"

namespace assay::verify {

using vectors::ArithOp;
using vectors::Operands;

enum class AnswerKind : uint8_t {
  value,    // a result
  cannot,   // the device says that it does not do this
  crashed,  // the device died of this case
  unasked,  // it was not asked, because an earlier case of the same batch killed it
};

struct Answer {
  AnswerKind kind = AnswerKind::unasked;
  int64_t value = 0;
};

struct Device {
  std::string name;                         // for reports: the file, or the command
  std::function<bool(ArithOp)> has;         // what it claims to do; a program on a pipe says so case by case
  std::function<std::string()> last_crash;  // how it died last: "signal 11 (Segmentation fault)"

  // One answer per case. Throws InputError, with the last case sent, where the device hangs or talks nonsense.
  std::function<std::vector<Answer>(ArithOp op, std::span<const Operands> cases)> ask;

  // Many cases that differ in their first operand only (layout.h), for exhaustive tests: results[i] belongs to first[i], all others come from `rest`. False: the device cannot, or
  // died of it; ask() then tells by which case.
  std::function<bool(ArithOp op, const Operands& rest, std::span<const int64_t> first, std::span<int64_t> results)> ask_row;
};

// "requantize accumulator=5 bias=0 ...", for messages and reports. Long lists are cut in the middle.
std::string describe(ArithOp op, std::span<const int64_t> operands);

}  // namespace assay::verify

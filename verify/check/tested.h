// One case after it was asked: what the target's definition gives, and what the device gave.
#pragma once

#include <string>
#include <vector>

#include "verify/device/device.h"

namespace assay::verify {

struct Tested {
  Operands operands;
  vectors::Outcome expected;
  Answer got;
  std::string reason = {};  // why it was asked, in words, where that is known

  bool answered() const { return got.kind == AnswerKind::value; }
  bool differs() const { return answered() && got.value != expected.result; }
  bool crashed() const { return got.kind == AnswerKind::crashed; }
};

// Asks the device, and the target's definition, for each case. The cases must be legal.
std::vector<Tested> test_cases(const emu::Target& target, const Device& device, ArithOp op, std::vector<Operands> cases);

}  // namespace assay::verify

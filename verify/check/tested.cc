#include "verify/check/tested.h"

namespace assay::verify {

std::vector<Tested> test_cases(const emu::Target& target, const Device& device, ArithOp op, std::vector<Operands> cases) {
  const std::vector<Answer> answers = device.ask(op, cases);
  std::vector<Tested> tested;
  tested.reserve(cases.size());
  for (size_t i = 0; i < cases.size(); ++i) {
    const vectors::Outcome expected = vectors::evaluate(target, op, cases[i]);
    tested.push_back({std::move(cases[i]), expected, answers[i], {}});
  }
  return tested;
}

}  // namespace assay::verify

#include "verify/explain/explain_device.h"

#include <algorithm>

#include "emu/base/error.h"

namespace assay::verify {
namespace {

constexpr size_t kFirstLook = 64;  // cases that throw out nearly every variation

bool reproduces(const Variation& variation, ArithOp op, const Tested& tested) {
  return result_under(variation, op, tested.operands) == tested.got.value;
}

}  // namespace

std::optional<int64_t> result_under(const Variation& variation, ArithOp op, const Operands& operands) {
  if (variation.instead) return variation.instead(operands);
  try {
    return vectors::evaluate(variation.target, op, variation.understood ? variation.understood(operands) : operands).result;
  } catch (const InternalError&) {
    return std::nullopt;  // a value outside the range of the steps: the changed list does not fit these operands
  }
}

std::vector<vectors::TracePoint> trace_under(const Variation& variation, ArithOp op, const Operands& operands) {
  if (variation.instead) return {};
  try {
    return vectors::trace(variation.target, op, variation.understood ? variation.understood(operands) : operands);
  } catch (const InternalError&) {
    return {};
  }
}

Explanation explain_device(const emu::Target& target, ArithOp op, const std::vector<Tested>& tested) {
  std::vector<const Tested*> order;
  for (const Tested& t : tested) {
    if (t.differs()) order.push_back(&t);
  }
  const size_t differing = order.size();
  for (const Tested& t : tested) {
    if (t.answered() && !t.differs()) order.push_back(&t);
  }
  Explanation explanation;
  if (differing == 0) return explanation;
  // Some of those that differ and some that do not, then all.
  std::vector<const Tested*> look(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(std::min(differing, kFirstLook)));
  const size_t equal = order.size() - differing, stride = std::max<size_t>(1, equal / kFirstLook);
  for (size_t i = 0; i < equal; i += stride) look.push_back(order[differing + i]);
  for (Variation& variation : variations(target, op, tested)) {
    ++explanation.tried;
    const auto fits = [&](const Tested* t) { return reproduces(variation, op, *t); };
    if (std::all_of(look.begin(), look.end(), fits) && std::all_of(order.begin(), order.end(), fits)) explanation.found.push_back(std::move(variation));
  }
  return explanation;
}

}  // namespace assay::verify

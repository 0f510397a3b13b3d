#include <algorithm>

#include "verify/check/check_device.h"

namespace assay::verify {
namespace {

constexpr size_t kMostPairs = 2000;

LawCount count_alone(Law law, const emu::Target& target, ArithOp op, const std::vector<Tested>& tested) {
  LawCount count;
  count.law = law;
  for (const Tested& t : tested) {
    if (!t.answered() || !is_about(law, target, op, t)) continue;
    ++count.applies;
    if (!t.differs()) continue;
    if (++count.broken == 1) count.example = t.operands;
  }
  return count;
}

// Cases that differ first, then others, up to kMostPairs.
std::vector<const Tested*> worth_pairing(const std::vector<Tested>& tested) {
  std::vector<const Tested*> chosen;
  for (const Tested& t : tested) {
    if (t.differs() && chosen.size() < kMostPairs / 2) chosen.push_back(&t);
  }
  const size_t stride = std::max<size_t>(1, tested.size() / (kMostPairs - chosen.size()));
  for (size_t i = 0; i < tested.size() && chosen.size() < kMostPairs; i += stride) {
    if (tested[i].answered() && !tested[i].differs()) chosen.push_back(&tested[i]);
  }
  return chosen;
}

LawCount count_pairs(Law law, const emu::Target& target, const Device& device, ArithOp op, const std::vector<const Tested*>& chosen) {
  LawCount count;
  count.law = law;
  std::vector<Operands> partners;
  std::vector<const Tested*> firsts;
  for (const Tested* t : chosen) {
    auto partner = partner_of(law, target, op, t->operands);
    if (!partner || vectors::illegal(target, op, *partner)) continue;
    partners.push_back(std::move(*partner));
    firsts.push_back(t);
  }
  if (partners.empty()) return count;
  const std::vector<Tested> seconds = test_cases(target, device, op, std::move(partners));
  for (size_t i = 0; i < seconds.size(); ++i) {
    ++count.applies;
    if (keeps(law, op, *firsts[i], seconds[i])) continue;
    if (++count.broken > 1) continue;
    count.example = firsts[i]->operands;
    count.example_partner = seconds[i].operands;
  }
  return count;
}

}  // namespace

std::vector<LawCount> count_laws(const emu::Target& target, const Device& device, ArithOp op, const std::vector<Tested>& tested) {
  std::vector<LawCount> counts;
  const bool differs = std::any_of(tested.begin(), tested.end(), [](const Tested& t) { return t.differs(); });
  const bool crashed = std::any_of(tested.begin(), tested.end(), [](const Tested& t) { return t.crashed(); });
  const auto chosen = differs && !crashed ? worth_pairing(tested) : std::vector<const Tested*>{};
  for (const Law law : kAllLaws) {
    LawCount count = count_alone(law, target, op, tested);
    if (!chosen.empty() && count.broken == count.applies && count.applies == 0) count = count_pairs(law, target, device, op, chosen);
    if (!chosen.empty() && law == Law::zero_point_after_rounding) count = count_pairs(law, target, device, op, chosen);
    if (count.applies > 0) counts.push_back(std::move(count));
  }
  return counts;
}

Law main_law(const emu::Target& target, ArithOp op, const std::vector<Tested>& tested, const std::vector<LawCount>& laws) {
  const auto broken_as_pair = [&](Law law) { return std::any_of(laws.begin(), laws.end(), [&](const LawCount& count) { return count.law == law && count.broken > 0; }); };
  const LawCount all = count_alone(Law::equals_the_definition, target, op, tested);
  Law best = Law::equals_the_definition;
  // Twice the harmonic mean's inverse would do as well: share of what differs * share of what it is about, compared as integers broken^2 / applies.
  UnsignedWide best_broken = all.broken, best_applies = std::max<size_t>(all.applies, 1);
  for (const Law law : kAllLaws) {
    const LawCount count = count_alone(law, target, op, tested);
    if (count.broken == 0 || (law == Law::zero_point_after_rounding && !broken_as_pair(law))) continue;
    if (UnsignedWide{count.broken} * count.broken * best_applies < best_broken * best_broken * count.applies) continue;
    best = law, best_broken = count.broken, best_applies = count.applies;
  }
  return best;
}

}  // namespace assay::verify

// Laws of arithmetic that a device keeps or breaks. All follow from the first; the others say in words *what* is broken, each on the cases where it applies. A law of one case is
// broken where the device differs on a case that the law is about. A law of two cases relates the device's results for a case and its partner; it is demanded only where the
// definition itself keeps it.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "verify/check/tested.h"

namespace assay::verify {

enum class Law : uint8_t {
  equals_the_definition,
  ties_go_where_the_target_says,
  saturates_at_the_limits,
  no_33_bit_overflow,
  product_of_the_lowest_is_exact,
  table_entry_is_exact,
  zero_point_after_rounding,
  monotone,
  symmetric,
  same_answer_twice,
  does_not_crash,
};
inline constexpr std::array<Law, 11> kAllLaws = {Law::equals_the_definition,
                                                 Law::ties_go_where_the_target_says,
                                                 Law::saturates_at_the_limits,
                                                 Law::no_33_bit_overflow,
                                                 Law::product_of_the_lowest_is_exact,
                                                 Law::table_entry_is_exact,
                                                 Law::zero_point_after_rounding,
                                                 Law::monotone,
                                                 Law::symmetric,
                                                 Law::same_answer_twice,
                                                 Law::does_not_crash};

std::string_view to_string(Law law);
// What it demands, as a sentence.
std::string_view sentence(Law law);

// Whether the law says something of this case alone (laws of two cases: never).
bool is_about(Law law, const emu::Target& target, ArithOp op, const Tested& tested);

// The partner that a law of two cases relates this one with; none where the law is not of two cases or does not apply. The partner may be illegal.
std::optional<Operands> partner_of(Law law, const emu::Target& target, ArithOp op, const Operands& operands);

// Whether the pair keeps the law, as far as the definition does; first the case, then its partner.
bool keeps(Law law, ArithOp op, const Tested& first, const Tested& second);

}  // namespace assay::verify

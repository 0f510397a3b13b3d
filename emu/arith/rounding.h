// What happens to the bits that a right shift or a division discards. This file decides the ten rounding modes; widths and overflow are int_type.h's.
//
//   value             -2.5 -1.5 -0.5  0.5  1.5  2.5 | -2.75 -2.25 2.25 2.75
//   floor               -3   -2   -1    0    1    2 |    -3    -3    2    2   toward -infinity
//   ceil                -2   -1    0    1    2    3 |    -2    -2    3    3   toward +infinity
//   toward_zero         -2   -1    0    0    1    2 |    -2    -2    2    2   C's integer division
//   away_from_zero      -3   -2   -1    1    2    3 |    -3    -3    3    3
//   half_up             -2   -1    0    1    2    3 |    -3    -2    2    3   nearest, ties to +infinity
//   half_down           -3   -2   -1    0    1    2 |    -3    -2    2    3   nearest, ties to -infinity
//   half_even           -2   -2    0    0    2    2 |    -3    -2    2    3   nearest, ties to the even neighbour
//   half_odd            -3   -1   -1    1    1    3 |    -3    -2    2    3   nearest, ties to the odd neighbour
//   half_away           -3   -2   -1    1    2    3 |    -3    -2    2    3   nearest, ties away from zero
//   half_toward_zero    -2   -1    0    0    1    2 |    -3    -2    2    3   nearest, ties toward zero
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "emu/base/wide.h"

namespace assay::emu {

enum class Round : uint8_t { floor, ceil, toward_zero, away_from_zero, half_up, half_down, half_even, half_odd, half_away, half_toward_zero };

inline constexpr std::array<Round, 10> kAllRounds = {Round::floor,     Round::ceil,      Round::toward_zero, Round::away_from_zero, Round::half_up,
                                                     Round::half_down, Round::half_even, Round::half_odd,    Round::half_away,      Round::half_toward_zero};

// The spelling in TOML, JSON and reports.
std::string_view to_string(Round mode);
std::optional<Round> parse_round(std::string_view name);

// Whether the magnitude of a quotient grows by one. Given the sign of the exact quotient, the parity of its truncated magnitude, and how twice the remainder
// compares with the divisor (`half`: -1 below, 0 tie, +1 above). The remainder is not zero.
bool rounds_away(Round mode, bool negative, bool odd, int half);

// numerator / denominator, rounded. denominator > 0. Exact for every numerator except the most negative Wide.
Wide divide(Wide numerator, Wide denominator, Round mode);

}  // namespace assay::emu

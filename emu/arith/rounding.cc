#include "emu/arith/rounding.h"

#include "emu/base/error.h"

namespace assay::emu {

std::string_view to_string(Round mode) {
  switch (mode) {
    case Round::floor: return "floor";
    case Round::ceil: return "ceil";
    case Round::toward_zero: return "toward_zero";
    case Round::away_from_zero: return "away_from_zero";
    case Round::half_up: return "half_up";
    case Round::half_down: return "half_down";
    case Round::half_even: return "half_even";
    case Round::half_odd: return "half_odd";
    case Round::half_away: return "half_away";
    case Round::half_toward_zero: return "half_toward_zero";
  }
  ASSAY_ASSERT(!"a Round outside its enumeration");
}

std::optional<Round> parse_round(std::string_view name) {
  for (const Round mode : kAllRounds) {
    if (to_string(mode) == name) return mode;
  }
  return std::nullopt;
}

bool rounds_away(Round mode, bool negative, bool odd, int half) {
  switch (mode) {
    case Round::floor: return negative;
    case Round::ceil: return !negative;
    case Round::toward_zero: return false;
    case Round::away_from_zero: return true;
    case Round::half_up: return half > 0 || (half == 0 && !negative);
    case Round::half_down: return half > 0 || (half == 0 && negative);
    case Round::half_even: return half > 0 || (half == 0 && odd);
    case Round::half_odd: return half > 0 || (half == 0 && !odd);
    case Round::half_away: return half >= 0;
    case Round::half_toward_zero: return half > 0;
  }
  ASSAY_ASSERT(!"a Round outside its enumeration");
}

Wide divide(Wide numerator, Wide denominator, Round mode) {
  ASSAY_ASSERT(denominator > 0);
  const bool negative = numerator < 0;
  const Wide magnitude = negative ? -numerator : numerator;
  const Wide quotient = magnitude / denominator;
  const Wide remainder = magnitude % denominator;
  const Wide rest = denominator - remainder;
  const int half = remainder < rest ? -1 : (remainder > rest ? 1 : 0);
  const Wide rounded = remainder != 0 && rounds_away(mode, negative, (quotient & 1) != 0, half) ? quotient + 1 : quotient;
  return negative ? -rounded : rounded;
}

}  // namespace assay::emu

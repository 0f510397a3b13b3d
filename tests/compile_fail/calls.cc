// Wrong calls that must not compile. Built once for each CASE by tests/CMakeLists.txt; case 0 holds the right calls and must compile, so that a failure of the others means
// what it says.
#include "emu/arith/requant.h"
#include "emu/arith/table.h"
#include "emu/target/target.h"

namespace assay::emu {

Wide calls(Wide value, const Steps& steps, StepEvents& events) {
  Wide result = 0;
#if CASE == 0
  result += shift_right(value, RightShift{3}, Round::half_up) + shift_left(value, LeftShift{3}) + divide(value, 3, Round::floor);
  result += requantize(value, steps, StepOperands{0, QScale{1, LeftShift{1}, RightShift{2}}, kS8, 0, -128, 127}, events);
  result += saturate(value, IntType{8, true}) + store(value, kS8, Overflow::wrap) + divide_scaled(value, 3, QScale{}, Round::half_even);
  result += static_cast<Wide>(Steps{ShiftRight{RightShift{3}, Round::floor}, ShiftLeft{LeftShift{1}}}.size()) + MultiplierRule{}.max_left.bits;
#elif CASE == 1   // a left shift where a right shift is wanted
  result = shift_right(value, LeftShift{3}, Round::half_up);
#elif CASE == 2   // a right shift where a left shift is wanted
  result = shift_left(value, RightShift{3});
#elif CASE == 3   // a bare number where a right shift is wanted
  result = shift_right(value, 3, Round::half_up);
#elif CASE == 4   // a bare number where a left shift is wanted
  result = shift_left(value, 3);
#elif CASE == 5   // an integer where a rounding mode is wanted
  result = shift_right(value, RightShift{3}, 4);
#elif CASE == 6   // no rounding mode at all
  result = shift_right(value, RightShift{3});
#elif CASE == 7   // division without a rounding mode
  result = divide(value, 3);
#elif CASE == 8   // left and right swapped in a scale
  result = requantize(value, steps, StepOperands{0, QScale{1, RightShift{2}, LeftShift{1}}, kS8, 0, -128, 127}, events);
#elif CASE == 9   // a width where a type is wanted
  result = saturate(value, 8);
#elif CASE == 10  // a boolean where an overflow rule is wanted
  result = store(value, kS8, true);
#elif CASE == 11  // an overflow rule where a rounding mode is wanted
  result = divide_scaled(value, 3, QScale{}, Overflow::wrap);
#elif CASE == 12  // a left shift in a right-shift step
  result = static_cast<Wide>(Steps{ShiftRight{LeftShift{3}, Round::floor}}.size());
#elif CASE == 13  // a real factor instead of an integer scale
  StepOperands operands;
  operands.scale = 0.5;
  result = requantize(value, steps, operands, events);
#elif CASE == 14  // overflow without somewhere to count it
  result = requantize(value, steps, StepOperands{});
#elif CASE == 15  // a rounding mode compared with a number
  result = Round::half_up == 4 ? 1 : 0;
#elif CASE == 16  // limits of shifts swapped in a target
  result = MultiplierRule{31, Round::half_away, RightShift{62}, LeftShift{31}}.bits;
#else
#error "no such case"
#endif
  return result;
}

}  // namespace assay::emu

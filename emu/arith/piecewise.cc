#include "emu/arith/piecewise.h"

#include "emu/base/error.h"

namespace assay::emu {

Fp32 evaluate(const PiecewiseLinear& lines, Fp32 x) {
  ASSAY_ASSERT(!lines.slopes.empty() && lines.intercepts.size() == lines.slopes.size() && lines.breakpoints.size() + 1 == lines.slopes.size());
  size_t segment = 0;
  for (const Fp32 breakpoint : lines.breakpoints) segment += less(x, breakpoint) ? 0 : 1;
  return mul_add(lines.slopes[segment], x, lines.intercepts[segment]);
}

}  // namespace assay::emu

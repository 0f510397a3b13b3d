#include "emu/arith/table.h"

#include "emu/base/error.h"

namespace assay::emu {

int64_t table_entries(IntType input, TableForm form) {
  ASSAY_ASSERT(input.bits <= kMaxTableBits && form.fraction_bits < input.bits);
  return (int64_t{1} << (input.bits - form.fraction_bits)) + (form.fraction_bits > 0 ? 1 : 0);
}

int64_t look_up(std::span<const int64_t> entries, IntType input, TableForm form, int64_t x) {
  ASSAY_ASSERT(input.holds(x));
  const int64_t word = x - static_cast<int64_t>(input.min());
  const auto index = static_cast<size_t>(word >> form.fraction_bits);
  ASSAY_ASSERT(static_cast<int64_t>(entries.size()) == table_entries(input, form));
  if (form.fraction_bits == 0) return entries[index];
  const int64_t fraction = word - (static_cast<int64_t>(index) << form.fraction_bits);
  const Wide slope = Wide{entries[index + 1] - entries[index]} * fraction;
  return entries[index] + static_cast<int64_t>(divide(slope, Wide{1} << form.fraction_bits, form.round));
}

}  // namespace assay::emu

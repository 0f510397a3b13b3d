// The register that sums products: its width, what it does when a sum leaves it, and the order of summing. Whether the order matters is computed (order_free), not
// believed: kernels may reorder only where it says so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "emu/arith/int_type.h"

namespace assay::emu {

struct Accumulator {
  IntType type = kS32;
  Overflow overflow = Overflow::wrap;

  // sum + term, as the register keeps it. `overflowed` becomes true when the exact sum left the register.
  int64_t add(int64_t sum, int64_t term, bool& overflowed) const {
    const Wide exact = Wide{sum} + term;
    if (type.holds(exact)) return static_cast<int64_t>(exact);
    overflowed = true;
    return static_cast<int64_t>(store(exact, type, overflow));
  }

  friend bool operator==(const Accumulator&, const Accumulator&) = default;
};

// "s32.wrap", "s24.saturate"
std::string to_string(Accumulator accumulator);
std::optional<Accumulator> parse_accumulator(std::string_view text);

// The order in which a convolution's products are summed; the last name varies fastest. (ic: input channel of the group.)
enum class SumOrder : uint8_t { ky_kx_ic, ic_ky_kx };
std::string_view to_string(SumOrder order);  // "ky,kx,ic"
std::optional<SumOrder> parse_sum_order(std::string_view text);

// True where no order of the same terms can give other bits: the register wraps, or the worst |partial sum| fits. `worst_magnitude` = sum of the terms' largest
// magnitudes, from the actual weights and the input's range.
inline bool fits(const Accumulator& accumulator, Wide worst_magnitude) {
  return worst_magnitude <= accumulator.type.max() && (!accumulator.type.is_signed || -worst_magnitude >= accumulator.type.min());
}
inline bool order_free(const Accumulator& accumulator, Wide worst_magnitude) {
  return accumulator.overflow == Overflow::wrap || fits(accumulator, worst_magnitude);
}

}  // namespace assay::emu

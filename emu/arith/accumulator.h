// The register that sums products: its width, what it does when a sum leaves it, and the order of summing. Whether the order matters is computed (order_free), not
// believed: kernels may reorder only where it says so.
//
//   text                                     a sum of the terms t0, t1, t2 ...
//   s32.wrap, s24.saturate                   one register; each addition is stored by its rule
//   s32.wrap+pairs:s16.saturate              t0 + t1, t2 + t3 ... are stored in 16 bits first, and those are added (x86's pmaddubsw, then pmaddwd with ones); an odd last
//                                            term is stored alone
//   s16.saturate+spill:64:s32.wrap           after every 64 terms, and at the end, the register is added to a second one and begins at 0 again
//   fp32.sequential                          ((t0 + t1) + t2) + ..., each term and each sum rounded half_even to binary32
//   fp32.pairwise                            neighbours are added, then neighbouring sums, until one is left; an odd last one is carried to the next round
//   fp32.blocks:N                            each N neighbours sequentially, and the blocks' sums sequentially
//   fp32.exact                               the exact sum, rounded once
// A binary32 sum of integers is an integer; beyond 64 bits it is kept at 64 bits' limits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "emu/arith/int_type.h"
#include "emu/arith/soft_float.h"

namespace assay::emu {

// A register by itself: what it holds and what happens to what it does not hold.
struct Stored {
  IntType type = kS32;
  Overflow overflow = Overflow::wrap;
  friend bool operator==(const Stored&, const Stored&) = default;
};

struct Spill {
  uint32_t terms = 1;  // 1 .. 2^31 - 1; even where pairs are summed
  Stored into;
  friend bool operator==(const Spill&, const Spill&) = default;
};

enum class Fp32Order : uint8_t { sequential, pairwise, blocks, exact };
struct Fp32Sum {
  Fp32Order order = Fp32Order::sequential;
  uint32_t block = 0;  // of `blocks`: 1 .. 2^31 - 1
  friend bool operator==(const Fp32Sum&, const Fp32Sum&) = default;
};

struct Accumulator {
  IntType type = kS32;  // of the first register; s64 for sums in binary32
  Overflow overflow = Overflow::wrap;
  std::optional<Stored> pairs = std::nullopt;
  std::optional<Spill> spill = std::nullopt;
  std::optional<Fp32Sum> fp32 = std::nullopt;

  // One register and nothing else: terms of 0 may be left out.
  bool is_plain() const { return !pairs && !spill && !fp32; }
  // What the finished sum lies in.
  IntType result() const { return spill ? spill->into.type : type; }
  // The last register by itself: what sums that are no dot products use on such a target (add, mul, average pooling).
  Accumulator alone() const { return spill ? Accumulator{spill->into.type, spill->into.overflow} : Accumulator{type, overflow}; }

  // sum + term, as a plain register keeps it. `overflowed` becomes true when the exact sum left the register.
  int64_t add(int64_t sum, int64_t term, bool& overflowed) const {
    const Wide exact = Wide{sum} + term;
    if (type.holds(exact)) return static_cast<int64_t>(exact);
    overflowed = true;
    return static_cast<int64_t>(store(exact, type, overflow));
  }

  friend bool operator==(const Accumulator&, const Accumulator&) = default;
};

std::string to_string(const Accumulator& accumulator);
std::optional<Accumulator> parse_accumulator(std::string_view text);

// A sum under way, of any accumulator. Terms come in order; terms of 0 count, since they have a place in pairs, blocks and spills.
class Sum {
 public:
  explicit Sum(const Accumulator& accumulator) : accumulator_(accumulator) {}
  void add(int64_t term);  // |term| < 2^62
  // The sum of the terms so far, were they all; the sum may go on.
  int64_t value() const;
  // Whether an exact sum was not what was kept: an overflow, or a rounding to binary32.
  bool overflowed() const;

 private:
  struct Finished {
    int64_t value = 0;
    bool overflowed = false;
  };
  void add_to_register(int64_t term);
  void keep(int64_t& into, Wide exact, IntType type, Overflow overflow);
  Finished finished() const;
  Finished finished_fp32() const;

  Accumulator accumulator_;
  int64_t register_ = 0;
  int64_t spilled_ = 0;
  int64_t first_of_pair_ = 0;
  uint64_t terms_ = 0;
  bool overflowed_ = false;
  std::vector<int64_t> fp32_terms_;
};

// The sum of binary32 numbers in that order, each addition rounded half_even (soft_float.h): what floating-point words are summed by. Not fp32.exact, which sums integers.
Fp32 sum_of_numbers(const std::vector<Fp32>& terms, const Fp32Sum& how);

// The order in which a convolution's products are summed; the last name varies fastest. (ic: input channel of the group.)
enum class SumOrder : uint8_t { ky_kx_ic, ic_ky_kx };
std::string_view to_string(SumOrder order);  // "ky,kx,ic"
std::optional<SumOrder> parse_sum_order(std::string_view text);

// True where every exact partial sum is what the accumulator keeps, whatever the order. `worst_magnitude` = sum of the terms' largest magnitudes, from the actual weights and
// the input's range.
bool fits(const Accumulator& accumulator, Wide worst_magnitude);
// True where no order of the same terms can give other bits: a plain register wraps, or the worst |partial sum| fits.
inline bool order_free(const Accumulator& accumulator, Wide worst_magnitude) {
  return (accumulator.is_plain() && accumulator.overflow == Overflow::wrap) || fits(accumulator, worst_magnitude);
}

}  // namespace assay::emu

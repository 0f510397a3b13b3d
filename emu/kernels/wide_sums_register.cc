// The accumulator, term by term in its order, for a block of pixels at a time: each term's factors for the block lie side by side (a column), and the block's sums stay in vectors
// while the terms go by. Lanes of 32 or 64 bits, whichever hold the register's range, a term and a pair of products.
#include <algorithm>
#include <cstring>
#include <memory>

#include "emu/base/error.h"
#include "emu/kernels/bands.h"
#include "emu/kernels/vectorize.h"
#include "emu/kernels/wide_sums.h"

namespace assay::emu {
namespace {

constexpr size_t kVectorBytes = 64;

template <class Lane>
using Vector __attribute__((vector_size(kVectorBytes))) = Lane;
template <class Lane>
inline constexpr size_t kLanes = kVectorBytes / sizeof(Lane);

// What a register does with a value, for lanes that hold twice its range and a term.
template <class Lane>
struct Keep {
  explicit Keep(const Stored& stored)
      : low(static_cast<Lane>(stored.type.min())), high(static_cast<Lane>(stored.type.max())), mask(static_cast<Lane>(stored.type.max() - stored.type.min())) {}
  Lane low, high;
  Lane mask;  // modulo 2^bits
};

// Stores `value` by the rule; by reference, since how vectors are returned depends on the instruction set.
template <Overflow kRule, class Lane>
[[gnu::always_inline]] inline void store_all(Vector<Lane>& value, const Keep<Lane>& keep, Vector<Lane>& change) {
  const Vector<Lane> exact = value;
  if constexpr (kRule == Overflow::saturate) {
    value = value < keep.low ? Vector<Lane>{} + keep.low : value;
    value = value > keep.high ? Vector<Lane>{} + keep.high : value;
  } else {
    value = ((value - keep.low) & keep.mask) + keep.low;
  }
  change |= value ^ exact;
}

enum class Pairs : uint8_t { none, saturate, wrap };

// value += column * weight
template <class Lane>
[[gnu::always_inline]] inline void add_products(const int32_t* column, int32_t weight, Vector<Lane>& value) {
  using Narrow __attribute__((vector_size(kLanes<Lane> * sizeof(int32_t)))) = int32_t;
  Narrow narrow;
  std::memcpy(&narrow, column, sizeof(narrow));
  value += __builtin_convertvector(narrow, Vector<Lane>) * static_cast<Lane>(weight);
}

// `terms` terms onto kVectors vectors of sums; `changed` is not 0 where a value was not what was kept. With pairs, `terms` is even.
template <class Lane, size_t kVectors, Overflow kRule, Pairs kPairs>
ASSAY_VECTORIZE void add_terms(const int32_t* columns, const int32_t* weights, size_t terms, Keep<Lane> keep, Keep<Lane> pair_keep, Lane* sums, Lane* changed) {
  constexpr size_t kBlock = kVectors * kLanes<Lane>;
  Vector<Lane> sum[kVectors], change[kVectors];
  std::memcpy(sum, sums, sizeof(sum)), std::memcpy(change, changed, sizeof(change));
  for (size_t t = 0; t < terms; t += kPairs == Pairs::none ? 1 : 2) {
    for (size_t v = 0; v < kVectors; ++v) {
      const int32_t* const column = columns + t * kBlock + v * kLanes<Lane>;
      if constexpr (kPairs == Pairs::none) {
        add_products<Lane>(column, weights[t], sum[v]);
      } else {
        Vector<Lane> pair{};
        add_products<Lane>(column, weights[t], pair), add_products<Lane>(column + kBlock, weights[t + 1], pair);
        store_all<kPairs == Pairs::saturate ? Overflow::saturate : Overflow::wrap, Lane>(pair, pair_keep, change[v]);
        sum[v] += pair;
      }
      store_all<kRule, Lane>(sum[v], keep, change[v]);
    }
  }
  std::memcpy(sums, sum, sizeof(sum)), std::memcpy(changed, change, sizeof(change));
}

template <class Lane, size_t kVectors>
using AddTerms = void (*)(const int32_t*, const int32_t*, size_t, Keep<Lane>, Keep<Lane>, Lane*, Lane*);

template <class Lane, size_t kVectors, Overflow kRule>
AddTerms<Lane, kVectors> add_terms_of(const std::optional<Stored>& pairs) {
  if (!pairs) return add_terms<Lane, kVectors, kRule, Pairs::none>;
  return pairs->overflow == Overflow::saturate ? add_terms<Lane, kVectors, kRule, Pairs::saturate> : add_terms<Lane, kVectors, kRule, Pairs::wrap>;
}
template <class Lane, size_t kVectors>
AddTerms<Lane, kVectors> add_terms_of(const Accumulator& accumulator) {
  return accumulator.overflow == Overflow::saturate ? add_terms_of<Lane, kVectors, Overflow::saturate>(accumulator.pairs)
                                                    : add_terms_of<Lane, kVectors, Overflow::wrap>(accumulator.pairs);
}

// One kernel position of one input channel of a group.
struct Place {
  int64_t channel, row, column;  // row and column from the window's first, in the input
};

class RegisterConv {
 public:
  RegisterConv(const ConvGeometry& geometry, const std::vector<int64_t>& weights, const Accumulator& accumulator, SumOrder order, bool narrow)
      : g_(geometry), accumulator_(accumulator), narrow_(narrow), terms_(static_cast<size_t>(g_.products() + (accumulator.pairs ? g_.products() % 2 : 0))) {
    const int64_t taps = g_.kernel_h * g_.kernel_w;
    for (int64_t t = 0; t < g_.products(); ++t) {
      const int64_t tap = order == SumOrder::ky_kx_ic ? t / g_.group_inputs() : t % taps;
      const int64_t channel = order == SumOrder::ky_kx_ic ? t % g_.group_inputs() : t / taps;
      places_.push_back({channel, tap / g_.kernel_w * g_.dilation_h, tap % g_.kernel_w * g_.dilation_w});
    }
    weights_.resize(static_cast<size_t>(g_.outputs) * terms_);  // the term that completes a pair has weight 0
    for (int64_t o = 0; o < g_.outputs; ++o) {
      for (int64_t t = 0; t < g_.products(); ++t) {
        const int64_t tap = order == SumOrder::ky_kx_ic ? t / g_.group_inputs() : t % taps;
        const size_t from = static_cast<size_t>((o * g_.group_inputs() + places_[static_cast<size_t>(t)].channel) * taps + tap);
        weights_[static_cast<size_t>(o) * terms_ + static_cast<size_t>(t)] = static_cast<int32_t>(weights[from] - g_.zw);
      }
    }
  }

  void run(const Tensor& x, const TakeWideSums& take) const {
    // Few pixels do not fill a large block.
    if (narrow_) {
      g_.pixels() > static_cast<int64_t>(kLanes<int32_t>) ? run_blocks<int32_t, 4>(x, take) : run_blocks<int32_t, 1>(x, take);
    } else {
      g_.pixels() > static_cast<int64_t>(kLanes<int64_t>) ? run_blocks<int64_t, 4>(x, take) : run_blocks<int64_t, 1>(x, take);
    }
  }

 private:
  template <class Lane, size_t kVectors>
  void run_blocks(const Tensor& x, const TakeWideSums& take) const {
    constexpr int64_t block = static_cast<int64_t>(kVectors * kLanes<Lane>);
    const Scratch<int32_t> columns(static_cast<int64_t>(terms_) * block);
    const auto add = add_terms_of<Lane, kVectors>(accumulator_);
    for (int64_t n = 0; n < g_.batch; ++n) {
      for (int64_t group = 0; group < g_.groups; ++group) {
        for (int64_t first = 0; first < g_.pixels(); first += block) {
          const int64_t count = std::min(block, g_.pixels() - first);
          std::visit([&](const auto& storage) { gather(storage.data(), n, group, first, count, block, columns.data()); }, x.storage());
          for (int64_t o = group * g_.group_outputs(); o < (group + 1) * g_.group_outputs(); ++o) {
            int64_t sums[block];
            const uint64_t overflowed = sum_block<Lane, kVectors>(columns.data(), weights_.data() + static_cast<size_t>(o) * terms_, static_cast<size_t>(count), add, sums);
            take(n, o, first, count, sums, overflowed);
          }
        }
      }
    }
  }

  // columns[t][i] = x - zx at term t of pixel first + i; 0 in the padding and beyond the last term or pixel.
  template <class Word>
  void gather(const Word* x, int64_t n, int64_t group, int64_t first, int64_t count, int64_t block, int32_t* columns) const {
    std::fill(columns, columns + static_cast<int64_t>(terms_) * block, 0);
    const int64_t pixel_stride = g_.x_channels_last ? g_.channels : 1, channel_stride = g_.x_channels_last ? 1 : g_.height * g_.width;
    const Word* const image = x + n * g_.channels * g_.height * g_.width + group * g_.group_inputs() * channel_stride;
    for (size_t t = 0; t < places_.size(); ++t) {
      const Place& place = places_[t];
      int32_t* const column = columns + static_cast<int64_t>(t) * block;
      int64_t oh = first / g_.out_w, ow = first % g_.out_w;
      for (int64_t i = 0; i < count;) {
        const int64_t run = std::min(count - i, g_.out_w - ow), row = oh * g_.stride_h - g_.pad_top + place.row;
        if (row >= 0 && row < g_.height) {
          for (int64_t j = 0; j < run; ++j) {
            const int64_t at = (ow + j) * g_.stride_w - g_.pad_left + place.column;
            if (at < 0 || at >= g_.width) continue;
            column[i + j] = static_cast<int32_t>(static_cast<int64_t>(image[place.channel * channel_stride + (row * g_.width + at) * pixel_stride]) - g_.zx);
          }
        }
        i += run, ow = 0, ++oh;
      }
    }
  }

  // The block's sums, and how many of the first `count` left a register.
  template <class Lane, size_t kVectors>
  uint64_t sum_block(const int32_t* columns, const int32_t* weights, size_t count, AddTerms<Lane, kVectors> add, int64_t* sums) const {
    constexpr size_t kBlock = kVectors * kLanes<Lane>;
    alignas(kVectorBytes) Lane registers[kBlock] = {}, changed[kBlock] = {};
    const Keep<Lane> keep({accumulator_.type, accumulator_.overflow}), pair_keep(accumulator_.pairs.value_or(Stored{kS16, Overflow::wrap}));
    if (!accumulator_.spill) {
      add(columns, weights, terms_, keep, pair_keep, registers, changed);
      std::copy_n(registers, count, sums);
    } else {
      std::fill(sums, sums + count, 0);
      const size_t chunk = accumulator_.spill->terms;
      for (size_t t = 0; t < terms_; t += chunk) {
        add(columns + t * kBlock, weights + t, std::min(chunk, terms_ - t), keep, pair_keep, registers, changed);
        for (size_t i = 0; i < count; ++i) {
          const int64_t exact = sums[i] + registers[i];
          sums[i] = static_cast<int64_t>(store(exact, accumulator_.spill->into.type, accumulator_.spill->into.overflow));
          changed[i] |= static_cast<Lane>(sums[i] != exact);
          registers[i] = 0;
        }
        std::fill(registers + count, registers + kBlock, Lane{0});
      }
    }
    return static_cast<uint64_t>(std::count_if(changed, changed + count, [](Lane change) { return change != 0; }));
  }

  ConvGeometry g_;
  Accumulator accumulator_;
  bool narrow_;
  size_t terms_;
  std::vector<Place> places_;     // by term
  std::vector<int32_t> weights_;  // [O][term], w - zw
};

Wide magnitude(IntType type) {
  return std::max(-type.min(), type.max());
}

// The largest value that a lane meets: twice a register's range (for the subtraction that wraps) and a term, or a pair of products.
Wide largest_in_lanes(const ConvGeometry& g, IntType x_type, const std::vector<int64_t>& weights, const Accumulator& accumulator) {
  int64_t weight = 0;
  for (const int64_t w : weights) weight = std::max(weight, std::abs(w - g.zw));
  const Wide product = std::max(g.zx - x_type.min(), x_type.max() - g.zx) * weight;
  const Wide pair = accumulator.pairs ? 2 * product + 2 * magnitude(accumulator.pairs->type) : 0;
  return std::max(pair, 2 * magnitude(accumulator.type) + std::max(product, accumulator.pairs ? magnitude(accumulator.pairs->type) : Wide{0}));
}

}  // namespace

std::optional<WideSums> register_sums(const ConvGeometry& geometry, IntType x_type, const std::vector<int64_t>& weights, const Accumulator& accumulator, SumOrder order) {
  if (accumulator.fp32 || x_type.bits > 16 || (accumulator.spill && accumulator.spill->into.type.bits > 62)) return std::nullopt;
  const bool weights_fit = std::all_of(weights.begin(), weights.end(), [&](int64_t w) { return std::abs(w - geometry.zw) < int64_t{1} << 31; });
  const Wide largest = largest_in_lanes(geometry, x_type, weights, accumulator);
  if (!weights_fit || largest >= Wide{1} << 62) return std::nullopt;
  const auto conv = std::make_shared<const RegisterConv>(geometry, weights, accumulator, order, largest < Wide{1} << 31);
  return [conv](const Tensor& x, const TakeWideSums& take) { conv->run(x, take); };
}

}  // namespace assay::emu

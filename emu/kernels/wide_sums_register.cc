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

enum class Rule : uint8_t { none, saturate, wrap };  // none: every value is held

Rule rule_of(Overflow overflow) {
  return overflow == Overflow::saturate ? Rule::saturate : Rule::wrap;
}

// Stores `value` by the rule; by reference, since how vectors are returned depends on the instruction set.
template <Rule kRule, class Lane>
[[gnu::always_inline]] inline void store_all(Vector<Lane>& value, const Keep<Lane>& keep, Vector<Lane>& change) {
  if constexpr (kRule == Rule::none) return;
  const Vector<Lane> exact = value;
  if constexpr (kRule == Rule::saturate) {
    value = value < keep.low ? Vector<Lane>{} + keep.low : value;
    value = value > keep.high ? Vector<Lane>{} + keep.high : value;
  } else {
    value = ((value - keep.low) & keep.mask) + keep.low;
  }
  change |= value ^ exact;
}

// value += column * weight
template <class Lane>
[[gnu::always_inline]] inline void add_products(const int32_t* column, int32_t weight, Vector<Lane>& value) {
  using Narrow __attribute__((vector_size(kLanes<Lane> * sizeof(int32_t)))) = int32_t;
  Narrow narrow;
  std::memcpy(&narrow, column, sizeof(narrow));
  value += __builtin_convertvector(narrow, Vector<Lane>) * static_cast<Lane>(weight);
}

// `terms` terms onto kVectors vectors of sums; `changed` is not 0 where a value was not what was kept. In pairs, `terms` is even.
template <class Lane, size_t kVectors, Rule kRule, bool kPairs, Rule kPairRule>
ASSAY_VECTORIZE void add_terms(const int32_t* columns, const int32_t* weights, size_t terms, Keep<Lane> keep, Keep<Lane> pair_keep, Lane* sums, Lane* changed) {
  constexpr size_t kBlock = kVectors * kLanes<Lane>;
  Vector<Lane> sum[kVectors], change[kVectors];
  std::memcpy(sum, sums, sizeof(sum)), std::memcpy(change, changed, sizeof(change));
  for (size_t t = 0; t < terms; t += kPairs ? 2 : 1) {
    for (size_t v = 0; v < kVectors; ++v) {
      const int32_t* const column = columns + t * kBlock + v * kLanes<Lane>;
      if constexpr (kPairs) {
        Vector<Lane> pair{};
        add_products<Lane>(column, weights[t], pair), add_products<Lane>(column + kBlock, weights[t + 1], pair);
        store_all<kPairRule, Lane>(pair, pair_keep, change[v]);
        sum[v] += pair;
      } else {
        add_products<Lane>(column, weights[t], sum[v]);
      }
      store_all<kRule, Lane>(sum[v], keep, change[v]);
    }
  }
  std::memcpy(sums, sum, sizeof(sum)), std::memcpy(changed, change, sizeof(change));
}

template <class Lane>
using AddTerms = void (*)(const int32_t*, const int32_t*, size_t, Keep<Lane>, Keep<Lane>, Lane*, Lane*);

// The rules of a register and of its pairs.
struct LaneRules {
  Rule sum = Rule::none;
  bool in_pairs = false;
  Rule pair = Rule::none;
};

template <class Lane, size_t kVectors, Rule kRule>
AddTerms<Lane> add_terms_of(const LaneRules& rules) {
  if (!rules.in_pairs) return add_terms<Lane, kVectors, kRule, false, Rule::none>;
  return rules.pair == Rule::saturate ? add_terms<Lane, kVectors, kRule, true, Rule::saturate> : add_terms<Lane, kVectors, kRule, true, Rule::wrap>;
}
template <class Lane, size_t kVectors>
AddTerms<Lane> add_terms_of(const LaneRules& rules) {
  switch (rules.sum) {
    case Rule::none: return add_terms_of<Lane, kVectors, Rule::none>(rules);
    case Rule::saturate: return add_terms_of<Lane, kVectors, Rule::saturate>(rules);
    case Rule::wrap: return add_terms_of<Lane, kVectors, Rule::wrap>(rules);
  }
  ASSAY_ASSERT(!"a Rule outside its enumeration");
}

// One kernel position of one input channel of a group.
struct Place {
  int64_t channel, row, column;  // row and column from the window's first, in the input
};

class RegisterConv {
 public:
  RegisterConv(const ConvGeometry& geometry, const std::vector<int64_t>& weights, const Accumulator& accumulator, SumOrder order, Rule rule, bool narrow)
      : g_(geometry), accumulator_(accumulator), rule_(rule), narrow_(narrow), terms_(static_cast<size_t>(g_.products() + (accumulator.pairs ? g_.products() % 2 : 0))) {
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
    const auto add = add_terms_of<Lane, kVectors>({rule_, accumulator_.pairs.has_value(), rule_of(accumulator_.pairs.value_or(Stored{}).overflow)});
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
  uint64_t sum_block(const int32_t* columns, const int32_t* weights, size_t count, AddTerms<Lane> add, int64_t* sums) const {
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
  Rule rule_;
  bool narrow_;
  size_t terms_;
  std::vector<Place> places_;     // by term
  std::vector<int32_t> weights_;  // [O][term], w - zw
};

struct Bounds {
  bool held = false;  // the register holds every sum
  Wide largest = 0;   // that a lane meets
};

// A register that may be left needs twice its range in a lane, for the subtraction that wraps, and a term; one that holds every sum, the largest of those.
Bounds bounds_of_sums(const ConvGeometry& g, IntType x_type, const std::vector<int64_t>& weights, const Accumulator& accumulator) {
  int64_t weight = 0;
  for (const int64_t w : weights) weight = std::max(weight, std::abs(w - g.zw));
  const Wide product = std::max(g.zx - x_type.min(), x_type.max() - g.zx) * weight;
  const Wide of_pair = accumulator.pairs ? accumulator.pairs->type.largest_magnitude() : Wide{0};
  const Wide term = accumulator.pairs ? of_pair : product;
  // Terms until the register begins again.
  const int64_t products = accumulator.spill ? std::min<int64_t>(g.products(), accumulator.spill->terms) : g.products();
  const Wide worst = term * (accumulator.pairs ? (products + 1) / 2 : products);
  const bool held = fits({accumulator.type, accumulator.overflow}, worst);
  return {held, std::max(2 * product + 2 * of_pair, held ? worst : 2 * accumulator.type.largest_magnitude() + term)};
}

}  // namespace

std::optional<WideSums> register_sums(const ConvGeometry& geometry, IntType x_type, const std::vector<int64_t>& weights, const Accumulator& accumulator, SumOrder order) {
  if (accumulator.fp32 || x_type.bits > 16 || (accumulator.spill && accumulator.spill->into.type.bits > 62)) return std::nullopt;
  const bool weights_fit = std::all_of(weights.begin(), weights.end(), [&](int64_t w) { return std::abs(w - geometry.zw) < int64_t{1} << 31; });
  const auto [held, largest] = bounds_of_sums(geometry, x_type, weights, accumulator);
  if (!weights_fit || largest >= Wide{1} << 62) return std::nullopt;
  const auto conv = std::make_shared<const RegisterConv>(geometry, weights, accumulator, order, held ? Rule::none : rule_of(accumulator.overflow), largest < Wide{1} << 31);
  return [conv](const Tensor& x, const TakeWideSums& take) { conv->run(x, take); };
}

}  // namespace assay::emu

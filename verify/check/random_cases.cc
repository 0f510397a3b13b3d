#include "verify/check/random_cases.h"

#include <algorithm>

#include "emu/arith/step_words.h"
#include "emu/arith/table.h"

namespace assay::verify {
namespace {

using emu::IntType;

constexpr size_t kInARow = 8;  // cases with the same parameters
constexpr size_t kTableRow = 64;

class Random {
 public:
  Random(const emu::Target& target, ArithOp op, uint64_t seed) : t_(target), op_(op), state_(seed * 2 + static_cast<uint64_t>(op)) {}

  std::vector<Operands> cases(size_t count) {
    std::vector<Operands> found;
    for (size_t attempt = 0; found.size() < count && attempt < 4 * count; ++attempt) {
      Operands parameters = draw_parameters();
      const size_t row = op_ == ArithOp::table ? kTableRow : kInARow;
      for (size_t i = 0; i < row && found.size() < count; ++i) {
        vary(parameters);
        if (!vectors::illegal(t_, op_, parameters)) found.push_back(parameters);
      }
    }
    return found;
  }

 private:
  // splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
  uint64_t word() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  int64_t between(int64_t low, int64_t high) { return low + static_cast<int64_t>(word() % (static_cast<uint64_t>(high - low) + 1)); }
  bool one_in(int64_t n) { return between(1, n) == 1; }
  // Every width of up to `bits` bits as likely, both signs.
  int64_t of_width(int bits) {
    const int width = static_cast<int>(between(0, bits));
    const auto magnitude = static_cast<int64_t>(width == 0 ? 0 : word() >> (64 - width));
    return one_in(2) ? -magnitude : magnitude;
  }
  int64_t of_type(IntType type) {
    const auto low = static_cast<int64_t>(type.min()), high = static_cast<int64_t>(type.max());
    if (one_in(6)) return one_in(2) ? low : high;
    return between(low, high);
  }

  IntType activation() const { return t_.storage.activation.type; }
  int multiplier_bits() const { return std::max<int>(vectors::multiplier_of(t_, op_).bits, 1); }

  int64_t& at(Operands& o, std::string_view name) const { return o[vectors::operand_index(op_, name)]; }
  bool has(std::string_view name) const {
    const auto names = vectors::operand_names(op_);
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  Operands draw_parameters() {
    Operands o(vectors::operand_names(op_).size(), 0);
    const bool asymmetric = t_.quantize.activation.symmetry == emu::Symmetry::asymmetric;
    for (const char* name : {"zero_point", "zero_point_a", "zero_point_b", "zero_point_x"}) {
      if (has(name) && asymmetric && !one_in(4)) at(o, name) = of_type(activation());
    }
    if (has("low")) draw_bounds(o);
    if (has("multiplier")) draw_scale(o, "");
    if (has("multiplier_a")) draw_scale(o, "_a"), draw_scale(o, "_b");
    const bool fp32 = uses_fp32(t_, op_);
    for (const char* name : {"scale_fp32", "output_fp32"}) {
      if (fp32 && has(name)) at(o, name) = (between(117, 130) << 23) | (one_in(3) ? 0 : between(0, 0x7fffff));
    }
    if (fp32 && has("bias_fp32") && one_in(2)) at(o, "bias_fp32") = (between(0, 1) << 31) | (between(117, 132) << 23) | between(0, 0x7fffff);
    if (fp32 && has("slope_fp32")) at(o, "slope_fp32") = 0x3dcccccd;
    if (op_ == ArithOp::requantize) at(o, "first_shift") = between(0, vectors::multiplier_of(t_, op_).max_first.bits);
    if (op_ == ArithOp::requantize && one_in(2)) at(o, "bias") = of_width(one_in(4) ? 31 : 16);
    if (op_ == ArithOp::average_pool && t_.average_pool->zero_point == emu::ZeroPoints::kept) at(o, "zero_point") = at(o, "zero_point_x");
    if (op_ == ArithOp::average_pool) at(o, "count") = one_in(3) ? between(1, 64) : int64_t{1} << between(0, 6);
    if (op_ == ArithOp::rounding) {
      at(o, "shift") = between(0, one_in(3) ? emu::kMaxShiftBits : 12);
      at(o, "mode") = between(0, static_cast<int64_t>(emu::kAllRounds.size()) - 1);
    }
    if (op_ == ArithOp::table) {
      const int64_t entries = emu::table_entries(activation(), t_.table->form);
      for (int64_t i = 0; i < entries; ++i) o.push_back(of_type(activation()));
    }
    if (op_ == ArithOp::dot) {
      if (t_.quantize.weight.symmetry == emu::Symmetry::asymmetric && !one_in(4)) o[1] = of_type(t_.storage.weight.type);
      o.resize(2 + 2 * static_cast<size_t>(one_in(4) ? between(1, 200) : between(1, 8)));
    }
    return o;
  }

  void draw_bounds(Operands& o) {
    int64_t low = static_cast<int64_t>(activation().min()), high = static_cast<int64_t>(activation().max());
    if (one_in(4)) {
      low = of_type(activation()), high = of_type(activation());
      if (low > high) std::swap(low, high);
    }
    at(o, "low") = low, at(o, "high") = high;
  }

  void draw_scale(Operands& o, const std::string& of) {
    const int bits = multiplier_bits();
    const int64_t simplest = int64_t{1} << (bits - 1);
    at(o, "multiplier" + of) = one_in(3) ? simplest : simplest + static_cast<int64_t>(word() % static_cast<uint64_t>(simplest));
    at(o, "left_shift" + of) = one_in(4) ? between(0, std::min<int64_t>(4, vectors::multiplier_of(t_, op_).max_left.bits)) : 0;
    at(o, "right_shift" + of) = std::clamp<int64_t>(bits - 1 + between(op_ == ArithOp::add ? -18 : -2, 20), 0, vectors::multiplier_of(t_, op_).max_right.bits);
  }

  // New values for what varies from element to element.
  void vary(Operands& o) {
    switch (op_) {
      case ArithOp::rounding: o[0] = near_tie(static_cast<int>(o[1]), one_in(3) ? 62 : 16); break;
      case ArithOp::quantize: o[0] = real_number(o); break;
      case ArithOp::requantize: accumulator(o); break;
      case ArithOp::add:
      case ArithOp::mul:
        for (const size_t i : {0U, 1U}) o[i] = of_type(activation());
        break;
      case ArithOp::average_pool: {
        o[0] = 0;
        const int64_t corner = of_type(activation());
        const bool level = one_in(4);
        for (int64_t i = 0; i < o[1]; ++i) o[0] += level ? corner : of_type(activation());
        break;
      }
      case ArithOp::table: o[0] = of_type(activation()); break;
      case ArithOp::dot:
        if (one_in(8)) {
          const int64_t x = of_type(activation()), w = of_type(t_.storage.weight.type);
          for (size_t i = 2; i + 1 < o.size(); i += 2) o[i] = x, o[i + 1] = w;
        } else {
          for (size_t i = 2; i + 1 < o.size(); i += 2) o[i] = of_type(activation()), o[i + 1] = of_type(t_.storage.weight.type);
        }
        break;
    }
  }

  // A number that is, one time in three each: half way between two multiples of 2^shift, one beside that, anything.
  int64_t near_tie(int shift, int bits) {
    const int64_t kind = between(0, 2);
    if (kind == 0 || shift == 0 || shift > 60) return of_width(bits);
    const int64_t multiple = of_width(std::min(8, 61 - shift));
    return (multiple * 2 + 1) * (int64_t{1} << (shift - 1)) + (kind == 1 ? between(-1, 1) : 0);
  }

  void accumulator(Operands& o) {
    const auto left = static_cast<int>(at(o, "left_shift")), right = static_cast<int>(at(o, "right_shift"));
    const int shift = std::max(0, right - (multiplier_bits() - 1) - left);
    const IntType type = t_.accumulate.accumulator.result();
    const Wide drawn = one_in(16) ? (one_in(2) ? type.min() : type.max()) : Wide{near_tie(std::min(shift, 24), one_in(4) ? 31 : std::min(31, shift + 8))} - (one_in(2) ? o[1] : 0);
    o[0] = static_cast<int64_t>(saturate(drawn, type));
  }

  // A small multiple of half the scale, or anything near.
  int64_t real_number(const Operands& o) {
    const int64_t exponent = (o[1] >> 23) & 255;
    const int64_t sign = between(0, 1) << 31;
    if (one_in(8)) return static_cast<int64_t>(word() & 0xffffffffU);
    return sign | (std::clamp<int64_t>(exponent + between(-2, 8), 1, 254) << 23) | (one_in(2) ? (between(0, 511) << 14) : between(0, 0x7fffff));
  }

  const emu::Target& t_;
  ArithOp op_;
  uint64_t state_;
};

}  // namespace

bool uses_fp32(const emu::Target& target, ArithOp op) {
  if (op == ArithOp::quantize) return true;
  const auto& rule = op == ArithOp::requantize ? target.conv : target.mul;
  if ((op != ArithOp::requantize && op != ArithOp::mul) || !rule) return false;
  return emu::holds<emu::ToFp32>(rule->steps);
}

std::vector<Operands> random_cases(const emu::Target& target, ArithOp op, uint64_t seed, size_t count) {
  return Random(target, op, seed).cases(count);
}

}  // namespace assay::verify

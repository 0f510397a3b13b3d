#include "vectors/arithmetic/cases.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "emu/base/error.h"
#include "emu/machine.h"
#include "emu/target/load_target.h"

namespace assay::vectors {
namespace {

using emu::Program;
using emu::Target;
using emu::Tensor;

std::vector<Target> all_targets() {
  std::vector<Target> targets;
  for (const auto& path : emu::list_targets(emu::default_targets_dir())) targets.push_back(emu::load_target(path));
  EXPECT_FALSE(targets.empty());
  return targets;
}

class Pick {
 public:
  explicit Pick(uint64_t seed) : random_(seed) {}
  int64_t in(Wide low, Wide high) {
    const auto span = static_cast<UnsignedWide>(high - low + 1);
    return static_cast<int64_t>(low + static_cast<Wide>(((UnsignedWide{random_()} << 64) | random_()) % span));
  }
  int64_t of(emu::IntType type) {
    const int64_t kind = in(0, 7);
    return kind == 0 ? static_cast<int64_t>(type.min()) : (kind == 1 ? static_cast<int64_t>(type.max()) : in(type.min(), type.max()));
  }
  bool coin() { return in(0, 1) != 0; }

 private:
  std::mt19937_64 random_;
};

// Legal operands whose outputs are neither all equal nor all saturated.
class Draw {
 public:
  Draw(const Target& target, uint64_t seed) : t_(target), pick_(seed) {}

  Operands operands(ArithOp op) {
    own_ = multiplier_of(t_, op);
    switch (op) {
      case ArithOp::rounding: return {pick_.in(INT64_MIN, INT64_MAX), pick_.in(0, 62), pick_.in(0, 9)};
      case ArithOp::quantize: return with_bounds({pick_.in(0, UINT32_MAX), pick_.in(0x30000000, 0x40000000), zero()});
      case ArithOp::requantize: {
        const int64_t size = pick_.in(8, 28);
        Operands o{pick_.in(-(Wide{1} << size), Wide{1} << size), pick_.in(std::max<int64_t>(-1000, t_.storage.bias.low), std::min<int64_t>(1000, t_.storage.bias.high))};
        add_scale(o, static_cast<int>(size) - 6);
        add_words(o);
        o.push_back(zero());
        o = with_bounds(o);
        o.push_back(pick_.in(0, own_.max_first.bits));
        return o;
      }
      case ArithOp::add: {
        Operands o{pick_.of(word()), pick_.of(word()), zero(), zero()};
        const int headroom = t_.add->headroom.bits;
        const auto some = [](const emu::Steps& steps) { return !steps.empty(); };
        add_scale(o, some(t_.add->operand_steps) ? 1 - headroom : 0);
        add_scale(o, some(t_.add->operand_steps) ? 1 - headroom : 0);
        add_scale(o, headroom);
        o.push_back(zero());
        return with_bounds(o);
      }
      case ArithOp::mul: {
        Operands o{pick_.of(word()), pick_.of(word()), zero(), zero()};
        add_scale(o, word().bits - 1);
        add_words(o);
        o.push_back(zero());
        return with_bounds(o);
      }
      case ArithOp::average_pool: {
        const int64_t count = pick_.in(1, 40);
        Operands o{pick_.in(count * word().min(), count * word().max()), count, zero()};
        const bool divides = t_.average_pool->form == emu::AverageForm::divide;
        add_scale(o, divides ? 0 : 4);
        if (divides && own_.bits == 1) o[3] = 1;
        o.push_back(t_.average_pool->zero_point == emu::ZeroPoints::kept ? o[2] : zero());
        return with_bounds(o);
      }
      case ArithOp::table: {
        Operands o{pick_.of(word())};
        for (int64_t i = 0; i < emu::table_entries(word(), t_.table->form); ++i) o.push_back(pick_.of(word()));
        return o;
      }
      case ArithOp::dot: {
        const bool symmetric = t_.quantize.weight.symmetry == emu::Symmetry::symmetric;
        Operands o{zero(), symmetric ? 0 : pick_.of(t_.storage.weight.type)};
        for (int64_t i = pick_.in(0, 20); i > 0; --i) o.push_back(pick_.of(word())), o.push_back(pick_.of(t_.storage.weight.type));
        return o;
      }
    }
    return {};
  }

 private:
  emu::IntType word() const { return t_.storage.activation.type; }
  int64_t zero() { return t_.quantize.activation.symmetry == emu::Symmetry::symmetric ? 0 : pick_.of(word()); }

  // A scale of about 2^-shift.
  void add_scale(Operands& o, int shift) {
    const int bits = own_.bits;
    o.push_back(bits == 1 ? 1 : pick_.in(Wide{1} << (bits - 1), (Wide{1} << bits) - 1));
    const bool own_left = own_.max_left.bits != 0;
    const int right = (bits == 1 ? 0 : bits) + shift;
    o.push_back(own_left && pick_.in(0, 3) == 0 ? 1 : 0);
    o.push_back(std::clamp<int64_t>(right + o.back(), 0, own_.max_right.bits));
  }
  void add_words(Operands& o) {
    o.push_back(pick_.in(0x3a000000, 0x40000000));
    o.push_back(pick_.in(0x3a000000, 0x41000000));
    o.push_back(pick_.in(0x3a000000, 0x40000000));
    o.push_back(pick_.in(0x3a000000, 0x3f000000));
  }
  Operands with_bounds(Operands o) {
    const bool whole = pick_.coin();
    const int64_t a = whole ? t_.storage.activation.low : pick_.of(word()), b = whole ? t_.storage.activation.high : pick_.of(word());
    o.push_back(std::min(a, b)), o.push_back(std::max(a, b));
    return o;
  }

  const Target& t_;
  Pick pick_;
  emu::MultiplierRule own_;  // of the operation that is drawn
};

struct Watcher : emu::Observer {
  bool wants_intermediates(size_t) override { return true; }
  void on_intermediate(size_t, const std::string& stage, const Tensor& values) override {
    if (stage == "accumulator") accumulator = values.values().at(0);
  }
  void on_output(size_t, const Tensor& tensor, const emu::OverflowCounts& counts) override { result = tensor.values().at(0), overflows = counts; }
  int64_t accumulator = 0;
  int64_t result = 0;
  emu::OverflowCounts overflows;
};

// Counts per channel; none at all where nothing happened.
bool any(const std::vector<uint64_t>& counts) {
  return !counts.empty() && counts[0] != 0;
}

// A case as a program of one instruction.
class OneInstruction {
 public:
  OneInstruction(const Target& target, const Operands& operands) : t_(target), o_(operands) {}

  // What the reference machine gives; none where the program is refused (a scale that another instruction could not have).
  std::optional<Watcher> run(ArithOp op) {
    const emu::Operation operation = made(op);
    const auto index = static_cast<uint32_t>(program_.values.size());
    program_.values.push_back({"y", op == ArithOp::table ? Shape{1} : Shape{1, 1, 1, 1}, word(), zero_y_});
    program_.instructions.push_back({index, operation});
    program_.outputs = {index};
    try {
      verify(program_);
    } catch (const InputError&) {
      return std::nullopt;
    }
    Watcher watcher;
    emu::run(program_, inputs_, watcher, emu::Engine::reference);
    return watcher;
  }

 private:
  emu::IntType word() const { return t_.storage.activation.type; }

  emu::Ref value(emu::IntType type, const Shape& shape, const std::vector<int64_t>& values, int64_t zero_point) {
    const auto index = static_cast<uint32_t>(program_.values.size());
    program_.values.push_back({"x" + std::to_string(index), shape, type, zero_point});
    program_.inputs.push_back({index, emu::Round::half_even, static_cast<int64_t>(type.min()), static_cast<int64_t>(type.max())});
    inputs_.emplace_back(type, shape, values);
    return {false, index};
  }
  emu::Ref constant(emu::IntType type, const Shape& shape, const std::vector<int64_t>& values) {
    program_.constants.push_back({"k" + std::to_string(program_.constants.size()), Tensor(type, shape, values)});
    return {true, static_cast<uint32_t>(program_.constants.size() - 1)};
  }
  emu::ScaleRef scale(size_t at, std::optional<size_t> words = {}) {
    emu::QScale s{o_[at], {static_cast<uint8_t>(o_[at + 1])}, {static_cast<uint8_t>(o_[at + 2])}};
    const auto word_of = [&](size_t i) { return emu::Fp32{static_cast<uint32_t>(o_[*words + i])}; };
    if (words) s.fp32 = {word_of(0), word_of(1), word_of(2), word_of(3)};
    program_.scales.push_back({s});
    return {static_cast<uint32_t>(program_.scales.size() - 1)};
  }
  emu::StepsRef steps(const emu::Steps& list) {
    program_.step_lists.push_back(list);
    return {static_cast<uint32_t>(program_.step_lists.size() - 1)};
  }
  emu::Requant requant(emu::ScaleRef own, const emu::Steps& list, size_t at) {
    zero_y_ = o_[at];
    return {own, steps(list), {o_[at + 1], o_[at + 2]}};
  }

  emu::Operation made(ArithOp op) {
    switch (op) {
      case ArithOp::requantize: return as_conv();
      case ArithOp::add: return as_add();
      case ArithOp::mul: {
        emu::Mul mul;
        mul.a = value(word(), {1, 1, 1, 1}, {o_[0]}, o_[2]), mul.b = value(word(), {1, 1, 1, 1}, {o_[1]}, o_[3]);
        mul.za = o_[2], mul.zb = o_[3], mul.acc = t_.accumulate.accumulator.alone();
        mul.requant = requant(scale(4, 7), t_.mul->steps, 11);
        return mul;
      }
      case ArithOp::average_pool: return as_pool();
      case ArithOp::table: {
        emu::TableLookup look;
        look.x = value(word(), {1}, {o_[0]}, 0), look.form = t_.table->form;
        look.table = constant(word(), {emu::table_entries(word(), t_.table->form)}, {o_.begin() + 1, o_.end()});
        return look;
      }
      default: return as_dot();
    }
  }

  // The accumulator itself comes in as one product: accumulator * 1.
  emu::Operation as_conv() {
    emu::Conv conv = convolution({o_[0]}, {1}, 0, 0, emu::kS32, emu::IntType{2, true});
    conv.acc = t_.accumulate.accumulator.alone();  // whatever the register does with neighbouring products, this is what it held
    const bool biased = std::any_of(t_.conv->steps.begin(), t_.conv->steps.end(), [](const auto& s) { return std::holds_alternative<emu::AddBias>(s); });
    if (biased) conv.bias = constant(t_.storage.bias.type, {1}, {o_[1]});
    const emu::ScaleRef own = scale(2, 5);
    program_.scales[own.index][0].first = {static_cast<uint8_t>(o_[12])};
    conv.requant = requant(own, t_.conv->steps, 9);
    return conv;
  }

  emu::Conv convolution(const std::vector<int64_t>& x, const std::vector<int64_t>& w, int64_t zx, int64_t zw, emu::IntType x_type, emu::IntType w_type) {
    emu::Conv conv;
    const auto count = static_cast<int64_t>(x.size());
    conv.x = value(x_type, {1, count, 1, 1}, x, zx), conv.w = constant(w_type, {1, count, 1, 1}, w);
    conv.zx = zx, conv.zw = zw, conv.acc = t_.accumulate.accumulator, conv.order = t_.accumulate.order;
    return conv;
  }

  emu::Operation as_dot() {
    std::vector<int64_t> x, w;
    for (size_t i = 2; i < o_.size(); i += 2) x.push_back(o_[i]), w.push_back(o_[i + 1]);
    emu::Conv conv = convolution(x, w, o_[0], o_[1], word(), t_.storage.weight.type);
    program_.scales.push_back({emu::QScale{}});
    conv.requant = {{0}, steps({emu::Saturate{}}), {}};
    return conv;
  }

  emu::Operation as_add() {
    emu::Add add;
    add.a = value(word(), {1, 1, 1, 1}, {o_[0]}, o_[2]), add.b = value(word(), {1, 1, 1, 1}, {o_[1]}, o_[3]);
    add.za = o_[2], add.zb = o_[3], add.acc = t_.accumulate.accumulator.alone();
    add.scale_a = scale(4), add.scale_b = scale(7), add.operand_steps = steps(t_.add->operand_steps);
    const bool keeps = t_.add->zero_points == emu::ZeroPoints::kept;
    add.requant = requant(scale(10), keeps ? emu::kept_sum(t_.add->steps, o_[2] * o_[4] + o_[3] * o_[7], o_[13], {static_cast<uint8_t>(o_[12])}) : t_.add->steps, 13);
    return add;
  }

  // A window of `count` words with that sum.
  emu::Operation as_pool() {
    std::vector<int64_t> x;
    for (int64_t left = o_[1], sum = o_[0]; left > 0; --left) {
      x.push_back(static_cast<int64_t>(std::clamp<Wide>(sum / left, word().min(), word().max())));
      sum -= x.back();
    }
    emu::AveragePool pool;
    pool.x = value(word(), {1, 1, 1, o_[1]}, x, o_[2]), pool.zx = o_[2], pool.kernel = {1, o_[1]}, pool.acc = t_.accumulate.accumulator.alone();
    if (t_.average_pool->zero_point == emu::ZeroPoints::kept) pool.base = pool.zx;
    if (t_.average_pool->form == emu::AverageForm::divide) pool.divide = t_.average_pool->round;
    pool.requant = requant(scale(3), t_.average_pool->steps, 6);
    return pool;
  }

  const Target& t_;
  const Operands& o_;
  Program program_;
  std::vector<Tensor> inputs_;
  int64_t zero_y_ = 0;
};

TEST(Cases, EvaluateIsWhatTheReferenceMachineComputes) {
  constexpr uint64_t kCases = 100;
  for (const Target& target : all_targets()) {
    for (const ArithOp op : kAllArithOps) {
      if (op == ArithOp::rounding || op == ArithOp::quantize || lacks(target, op)) continue;
      uint64_t ran = 0, differing = 0;
      int64_t before = 0;
      for (uint64_t seed = 0; seed < kCases; ++seed) {
        const Operands operands = Draw(target, seed).operands(op);
        const auto problem = illegal(target, op, operands);
        ASSERT_FALSE(problem) << target.name << " " << to_string(op) << ": " << *problem;
        if (op == ArithOp::dot && operands.size() == 2) continue;  // a convolution has at least one product
        const auto machine = OneInstruction(target, operands).run(op);
        if (!machine) continue;
        const Outcome outcome = evaluate(target, op, operands);
        ASSERT_EQ(outcome.result, op == ArithOp::dot ? machine->accumulator : machine->result) << target.name << " " << to_string(op) << " seed " << seed;
        ASSERT_EQ(outcome.flags.overflowed, any(machine->overflows.accumulator)) << target.name << " " << to_string(op) << " seed " << seed;
        if (op != ArithOp::dot && op != ArithOp::table) {
          ASSERT_EQ(outcome.flags.intermediate, any(machine->overflows.intermediate)) << target.name << " " << to_string(op) << " seed " << seed;
          ASSERT_EQ(outcome.flags.output, any(machine->overflows.output)) << target.name << " " << to_string(op) << " seed " << seed;
        }
        ASSERT_EQ(static_cast<int64_t>(trace(target, op, operands).back().value), outcome.result);
        ++ran;
        differing += outcome.result != before ? 1 : 0;
        before = outcome.result;
      }
      EXPECT_GE(ran, kCases / 2) << target.name << " " << to_string(op) << ": too many programs were refused";
      EXPECT_GE(differing, ran / 3) << target.name << " " << to_string(op) << ": nearly all results are equal";
    }
  }
}

Target dsp_like() {
  Target target = all_targets().front();
  target.storage.activation = {emu::kU8, 0, 255};
  target.quantize.activation.symmetry = emu::Symmetry::asymmetric;
  target.quantize.activation.round = emu::Round::half_even;
  return target;
}

constexpr int64_t word_of(uint32_t bits) {
  return bits;
}

TEST(Cases, QuantizeDividesInBinary32AndSaturates) {
  const Target target = dsp_like();
  const auto quantized = [&](uint32_t x, uint32_t scale) { return evaluate(target, ArithOp::quantize, Operands{word_of(x), word_of(scale), 128, 0, 255}); };
  EXPECT_EQ(quantized(0x40200000, 0x3f800000).result, 130);  // 2.5 -> 2
  EXPECT_TRUE(quantized(0x40200000, 0x3f800000).flags.tie);
  EXPECT_EQ(quantized(0x40600000, 0x3f800000).result, 132);  // 3.5 -> 4
  EXPECT_EQ(quantized(0xbf000000, 0x3f800000).result, 128);  // -0.5 -> 0
  EXPECT_TRUE(quantized(0xbf000000, 0x3f800000).flags.tie);
  EXPECT_FALSE(quantized(0xbf000001, 0x3f800000).flags.tie);
  EXPECT_TRUE(quantized(0x00000001, 0x3f800000).flags.inexact);
  EXPECT_EQ(quantized(0x7f800000, 0x3f800000).result, 255);
  EXPECT_EQ(quantized(0xff7fffff, 0x00000001).result, 0);
  EXPECT_EQ(quantized(0x7fc00000, 0x3f800000).result, 128);  // NaN counts as 0
  EXPECT_EQ(quantized(0x3dcccccd, 0x3dcccccd).result, 129);
}

TEST(Cases, RoundingIsShiftRight) {
  const Target target = dsp_like();
  for (size_t mode = 0; mode < emu::kAllRounds.size(); ++mode) {
    for (int64_t value = -40; value <= 40; ++value) {
      for (int64_t shift = 0; shift < 6; ++shift) {
        const Outcome outcome = evaluate(target, ArithOp::rounding, Operands{value, shift, static_cast<int64_t>(mode)});
        EXPECT_EQ(outcome.result, static_cast<int64_t>(emu::divide(value, Wide{1} << shift, emu::kAllRounds[mode])));
        const int64_t twice = 2 * (((value % (int64_t{1} << shift)) + (int64_t{1} << shift)) % (int64_t{1} << shift));
        EXPECT_EQ(outcome.flags.inexact, twice != 0);
        EXPECT_EQ(outcome.flags.tie, twice == int64_t{1} << shift);
      }
    }
  }
}

TEST(Cases, FlagsSayWhatHappenedOnTheWay) {
  Target target = dsp_like();
  target.multiplier.bits = 31, target.multiplier.round = emu::Round::half_away, target.multiplier.max_left = {31}, target.multiplier.max_right = {62};
  target.conv = emu::StepsRule{emu::parse_steps("add_bias; shift_left scale; multiply; shift_right 31 half_up; saturate 32; shift_right scale half_away; saturate output")};
  const int64_t half = int64_t{1} << 30;
  const auto flags = [&](int64_t accumulator, int64_t bias, int64_t left, int64_t right) {
    return to_string(evaluate(target, ArithOp::requantize, Operands{accumulator, bias, half, left, right, 0, 0, 0, 0, 0, 0, 255, 0}).flags);
  };
  EXPECT_EQ(flags(4, 0, 0, 0), "");
  EXPECT_EQ(flags(3, 0, 0, 0), "tie,inexact");
  EXPECT_EQ(flags(10, 0, 0, 2), "inexact");
  EXPECT_EQ(flags(12, 0, 0, 2), "tie,inexact");
  EXPECT_EQ(flags(-8, 0, 0, 0), "output");
  EXPECT_EQ(flags(INT32_MAX, 1, 0, 31), "tie,inexact,beyond_32");
  EXPECT_EQ(flags(INT32_MAX, 0, 1, 30), "inexact,beyond_32");
  EXPECT_EQ(flags(INT32_MAX, 1, 1, 31), "inexact,intermediate,beyond_32");
  target.conv = emu::StepsRule{emu::parse_steps("to_fp32; mul_fp32 scale; to_int half_even; saturate output")};
  const auto fp32_flags = [&](int64_t accumulator, int64_t scale) {
    return to_string(evaluate(target, ArithOp::requantize, Operands{accumulator, 0, 1, 0, 0, scale, 0, 0, 0, 0, 0, 255, 0}).flags);
  };
  EXPECT_EQ(fp32_flags(16777216, 0x33800000), "");
  EXPECT_EQ(fp32_flags(16777217, 0x33800000), "beyond_24");
  EXPECT_EQ(fp32_flags(16777218, 0x33800000), "inexact");
  EXPECT_EQ(fp32_flags(5, 0x3f000000), "tie,inexact");
}

TEST(Cases, IllegalOperandsAreToldApart) {
  const Target target = dsp_like();
  EXPECT_FALSE(illegal(target, ArithOp::rounding, Operands{1, 62, 9}));
  EXPECT_EQ(illegal(target, ArithOp::rounding, Operands{1, 63, 0}), "shift is 63; expected 0 to 62");
  EXPECT_EQ(illegal(target, ArithOp::rounding, Operands{1, 2}), "2 operands; expected 3");
  EXPECT_EQ(illegal(target, ArithOp::quantize, Operands{1, 0x3f800000, 128, 10, 9}), "low is 10, above high, which is 9");
  EXPECT_TRUE(illegal(target, ArithOp::quantize, Operands{1, 0, 128, 0, 255}));
  EXPECT_TRUE(illegal(target, ArithOp::quantize, Operands{1, 0x7f800000, 128, 0, 255}));
  EXPECT_TRUE(illegal(target, ArithOp::quantize, Operands{1, 0x3f800000, 256, 0, 255}));
  EXPECT_TRUE(illegal(target, ArithOp::dot, Operands{0, 0, 1}));
  EXPECT_FALSE(illegal(target, ArithOp::dot, Operands{0, 0}));
  for (const ArithOp op : kAllArithOps) {
    EXPECT_EQ(parse_arith_op(to_string(op)), op);
    EXPECT_TRUE(illegal(target, op, Operands{})) << to_string(op);
    EXPECT_EQ(operand_index(op, operand_names(op).back()), operand_names(op).size() - 1);
  }
  EXPECT_EQ(parse_arith_op("lut"), ArithOp::table);
  EXPECT_EQ(parse_arith_op("softmax"), std::nullopt);
}

}  // namespace
}  // namespace assay::vectors

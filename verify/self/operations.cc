// Programs of one instruction over rows of drawn words.
#include <algorithm>
#include <optional>

#include "emu/arith/step_words.h"
#include "emu/base/error.h"
#include "emu/machine.h"
#include "tests/oracle/exact_steps.h"
#include "verify/check/random_cases.h"
#include "verify/self/self.h"

namespace assay::verify {
namespace {

using oracle::Int;
using vectors::operand_index;

constexpr int64_t kResults = 48;  // results of one program
constexpr int64_t kTerms = 9;     // products of one sum

// What a register keeps, in the oracle's terms.
Int kept(const Int& exact, const emu::Accumulator& accumulator) {
  return accumulator.overflow == emu::Overflow::wrap ? oracle::wrapped(exact, accumulator.type) : oracle::saturated(exact, accumulator.type);
}

Int finished(const Int& value, const emu::Steps& steps, const emu::StepOperands& operands) {
  return steps.empty() ? value : oracle::stepped(value, steps, operands).values.back();
}

// One program, its inputs, and what the oracle makes of them.
struct Trial {
  emu::Program program;
  std::vector<emu::Tensor> inputs;
  std::vector<Int> expected;
};

// `o`: a drawn case of the operation; its scale, zero points and bounds are used.
class Maker {
 public:
  Maker(const emu::Target& target, ArithOp op, const Operands& o, uint64_t seed) : t_(target), op_(op), o_(o), state_(seed * 2 + 1) {}

  Trial sums(bool matmul, const emu::Steps& steps) {
    const bool biased = emu::holds<emu::AddBias>(steps);
    const int64_t zx = at("zero_point"), zw = t_.quantize.weight.symmetry == emu::Symmetry::asymmetric ? 128 : 0;
    const auto x = words(word(), kResults * kTerms), w = words(t_.storage.weight.type, kTerms);
    const emu::Ref in = input(word(), matmul ? Shape{kResults, kTerms} : Shape{1, kTerms, 1, kResults}, x, zx);
    const emu::Ref weights = constant(t_.storage.weight.type, matmul ? Shape{kTerms, 1} : Shape{1, kTerms, 1, 1}, w);
    const auto bias = biased ? std::optional(constant(t_.storage.bias.type, {1}, {at("bias")})) : std::nullopt;
    const emu::StepOperands operands = constants();
    for (int64_t i = 0; i < kResults; ++i) {
      Int sum = 0;
      for (int64_t k = 0; k < kTerms; ++k) {
        const int64_t value = x[static_cast<size_t>(matmul ? i * kTerms + k : k * kResults + i)];
        sum = kept(sum + Int(value - zx) * (w[static_cast<size_t>(k)] - zw), t_.accumulate.accumulator);
      }
      trial_.expected.push_back(finished(sum, steps, operands));
    }
    if (matmul) {
      emu::MatMul op;
      op.a = in, op.b = weights, op.bias = bias, op.za = zx, op.zb = zw, op.acc = t_.accumulate.accumulator, op.requant = requant(steps);
      return done(op, {kResults, 1});
    }
    emu::Conv op;
    op.x = in, op.w = weights, op.bias = bias, op.zx = zx, op.zw = zw, op.acc = t_.accumulate.accumulator, op.order = t_.accumulate.order, op.requant = requant(steps);
    return done(op, {1, 1, 1, kResults});
  }

  Trial add() {
    const bool words_are_added = t_.add->zero_points == emu::ZeroPoints::kept;
    const auto a = words(word(), kResults), b = words(word(), kResults);
    const emu::Accumulator acc = t_.accumulate.accumulator.alone();
    const emu::StepOperands operands = constants();
    const auto scaled = [&](int64_t value, size_t scale_at) {
      emu::StepOperands own;
      own.scale = scale(scale_at);
      return finished(Int(value), t_.add->operand_steps, own);
    };
    for (size_t i = 0; i < a.size(); ++i) {
      const Int sum = kept(kept(scaled(a[i] - o_[2], 4), acc) + scaled(b[i] - o_[3], 7), acc);
      trial_.expected.push_back(words_are_added ? finished_whole(sum, operands) : finished(sum, t_.add->steps, operands));
    }
    emu::Add op;
    op.a = input(word(), {kResults}, a, o_[2]), op.b = input(word(), {kResults}, b, o_[3]);
    op.za = o_[2], op.zb = o_[3], op.acc = acc;
    op.scale_a = scale_ref(scale(4)), op.scale_b = scale_ref(scale(7)), op.operand_steps = steps_ref(t_.add->operand_steps);
    op.requant = requant(words_are_added ? emu::kept_sum(t_.add->steps, o_[2] * o_[4] + o_[3] * o_[7], operands.zero_point, operands.scale.right) : t_.add->steps);
    return done(op, {kResults});
  }

  // A sum of words whose zero points were kept: the steps before add_zero_point on the sum of the scaled words, then the output's zero point in the units of that place less the
  // same steps' floor of what the zero points bring, then the others.
  Int finished_whole(const Int& centred, const emu::StepOperands& operands) {
    const Int brought = Int(o_[2]) * o_[4] + Int(o_[3]) * o_[7];
    emu::Steps before, after;
    unsigned places_before = 0, places_after = 0;
    bool is_after = false;
    for (const emu::Step& step : t_.add->steps) {
      if (const auto* shift = std::get_if<emu::ShiftRight>(&step)) (is_after ? places_after : places_before) += shift->amount_in(operands.scale).bits;
      if (std::holds_alternative<emu::AddZeroPoint>(step)) {
        is_after = true;
      } else {
        (is_after ? after : before).push_back(step);
      }
    }
    const Int offset = operands.zero_point * oracle::power_of_two(places_after) - oracle::below(oracle::Rational(brought, oracle::power_of_two(places_before)));
    return finished(finished(centred + brought, before, operands) + offset, after, operands);
  }

  // Operands that become binary32 numbers and are added there: one scale each, here the case's constants `scale` and `output`.
  Trial add_in_fp32() {
    const auto a = words(word(), kResults), b = words(word(), kResults);
    const emu::StepOperands operands = constants();
    emu::StepOperands of_a, of_b;
    of_a.scale = of_b.scale = operands.scale;
    of_b.scale.fp32.scale = operands.scale.fp32.output;
    const int64_t zero = at("zero_point");
    const auto number = [&](int64_t value, const emu::StepOperands& own) {
      return oracle::value_of(static_cast<uint32_t>(finished(Int(value - zero), t_.add->operand_steps, own)), emu::kFp32);
    };
    for (size_t i = 0; i < a.size(); ++i) {
      const Int sum = oracle::word_of(oracle::sum(number(a[i], of_a), number(b[i], of_b)), oracle::kNearest32);
      trial_.expected.push_back(finished(sum, t_.add->steps, operands));
    }
    emu::Add op;
    op.a = input(word(), {kResults}, a, zero), op.b = input(word(), {kResults}, b, zero);
    op.za = op.zb = zero, op.acc = t_.accumulate.accumulator.alone();
    op.scale_a = scale_ref(of_a.scale), op.scale_b = scale_ref(of_b.scale), op.operand_steps = steps_ref(t_.add->operand_steps), op.requant = requant(t_.add->steps);
    return done(op, {kResults});
  }

  Trial mul() {
    const auto a = words(word(), kResults), b = words(word(), kResults);
    const emu::Accumulator acc = t_.accumulate.accumulator.alone();
    const emu::StepOperands operands = constants();
    for (size_t i = 0; i < a.size(); ++i) trial_.expected.push_back(finished(kept(Int(a[i] - o_[2]) * (b[i] - o_[3]), acc), t_.mul->steps, operands));
    emu::Mul op;
    op.a = input(word(), {kResults}, a, o_[2]), op.b = input(word(), {kResults}, b, o_[3]);
    op.za = o_[2], op.zb = o_[3], op.acc = acc, op.requant = requant(t_.mul->steps);
    return done(op, {kResults});
  }

  Trial average_pool() {
    const auto x = words(word(), 2 * kResults);
    const emu::AverageRule& rule = *t_.average_pool;
    const emu::StepOperands operands = constants();
    const bool divide = rule.form == emu::AverageForm::divide, keeps = rule.zero_point == emu::ZeroPoints::kept;
    for (size_t i = 0; i < x.size(); i += 2) {
      Int value = kept(Int(x[i]) + x[i + 1] - (keeps ? 0 : 2 * o_[2]), t_.accumulate.accumulator.alone());
      if (divide)
        value =
            oracle::rounded(oracle::Rational(value * o_[3] * oracle::power_of_two(operands.scale.left.bits), Int(2) * oracle::power_of_two(operands.scale.right.bits)), rule.round);
      trial_.expected.push_back(finished(value, rule.steps, operands));
    }
    emu::AveragePool op;
    op.x = input(word(), {1, 1, 1, 2 * kResults}, x, o_[2]), op.kernel = {1, 2}, op.stride = {1, 2}, op.zx = o_[2], op.acc = t_.accumulate.accumulator.alone();
    if (keeps) op.base = op.zx;
    if (divide) op.divide = rule.round;
    op.requant = requant(rule.steps);
    return done(op, {1, 1, 1, kResults});
  }

  Trial requantize() {
    const auto x = words(word(), kResults);
    const emu::StepOperands operands = constants();
    const int64_t zx = at("zero_point");
    for (const int64_t value : x) trial_.expected.push_back(finished(Int(value - zx), t_.requantize->steps, operands));
    emu::Requantize op;
    op.x = input(word(), {kResults}, x, zx), op.zx = zx, op.requant = requant(t_.requantize->steps);
    return done(op, {kResults});
  }

  Trial table() {
    const auto x = words(word(), kResults);
    const emu::TableForm& form = t_.table->form;
    const oracle::Rational middle = oracle::Rational(oracle::power_of_two(word().bits), 2);
    for (const int64_t value : x) {
      // From the lowest word, or in a second grid from its first point, `half` words below the middle.
      oracle::Rational from(Int(value) - oracle::lowest(word()));
      const oracle::Rational half = form.fine_entries == 0 ? oracle::Rational(0) : oracle::Rational((form.fine_entries - 1) * oracle::power_of_two(form.fine_fraction_bits), 2);
      const bool is_fine = from >= middle - half && from < middle + half;
      if (is_fine) from -= middle - half;
      const unsigned bits = is_fine ? form.fine_fraction_bits : form.fraction_bits;
      const Int skipped = is_fine ? Int(static_cast<int64_t>(o_.size()) - 1 - form.fine_entries) : Int(0);
      const oracle::Rational place = from / oracle::Rational(oracle::power_of_two(bits));
      const Int index = oracle::below(place);
      const auto entry = [&](const Int& i) { return Int(o_[1 + static_cast<size_t>(i + skipped)]); };
      const oracle::Rational between = bits == 0 ? oracle::Rational(0) : oracle::Rational(entry(index + 1) - entry(index)) * (place - oracle::Rational(index));
      const bool whole = form.interpolation == emu::Interpolation::value;
      trial_.expected.push_back(whole ? oracle::rounded(oracle::Rational(entry(index)) + between, form.round) : entry(index) + oracle::rounded(between, form.round));
    }
    emu::TableLookup op;
    op.x = input(word(), {kResults}, x, 0), op.form = t_.table->form;
    op.table = constant(word(), {static_cast<int64_t>(o_.size()) - 1}, {o_.begin() + 1, o_.end()});
    zero_point_ = 0;
    return done(op, {kResults});
  }

 private:
  emu::IntType word() const { return t_.storage.activation.type; }
  int64_t at(const char* name) const { return o_[operand_index(op_, name)]; }

  emu::QScale scale(size_t place) const { return {o_[place], emu::LeftShift{static_cast<uint8_t>(o_[place + 1])}, emu::RightShift{static_cast<uint8_t>(o_[place + 2])}}; }
  emu::StepOperands constants() {
    const emu::StepOperands operands = vectors::step_operands(t_, op_, o_);
    zero_point_ = operands.zero_point;
    own_scale_ = operands.scale;
    return operands;
  }

  // Knuth's MMIX generator; its high bits.
  uint64_t random() { return (state_ = state_ * 6364136223846793005U + 1442695040888963407U) >> 20; }
  std::vector<int64_t> words(emu::IntType type, int64_t count) {
    std::vector<int64_t> drawn;
    const auto low = static_cast<int64_t>(type.min()), high = static_cast<int64_t>(type.max());
    for (int64_t i = 0; i < count; ++i)
      drawn.push_back(random() % 8 == 0 ? (random() % 2 == 0 ? low : high) : low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1)));
    return drawn;
  }

  emu::Ref input(emu::IntType type, const Shape& shape, const std::vector<int64_t>& values, int64_t zero_point) {
    const auto index = static_cast<uint32_t>(trial_.program.values.size());
    trial_.program.values.push_back({"x" + std::to_string(index), shape, type, zero_point});
    trial_.program.inputs.push_back({index, emu::Round::half_even, static_cast<int64_t>(type.min()), static_cast<int64_t>(type.max())});
    trial_.inputs.emplace_back(type, shape, values);
    return {false, index};
  }
  emu::Ref constant(emu::IntType type, const Shape& shape, const std::vector<int64_t>& values) {
    trial_.program.constants.push_back({"k" + std::to_string(trial_.program.constants.size()), emu::Tensor(type, shape, values)});
    return {true, static_cast<uint32_t>(trial_.program.constants.size() - 1)};
  }
  emu::ScaleRef scale_ref(const emu::QScale& own) {
    trial_.program.scales.push_back({own});
    return {static_cast<uint32_t>(trial_.program.scales.size() - 1)};
  }
  emu::StepsRef steps_ref(const emu::Steps& steps) {
    trial_.program.step_lists.push_back(steps);
    return {static_cast<uint32_t>(trial_.program.step_lists.size() - 1)};
  }
  emu::Requant requant(const emu::Steps& steps) { return {scale_ref(own_scale_), steps_ref(steps), {at("low"), at("high")}}; }

  template <class Op>
  Trial done(const Op& op, const Shape& shape) {
    const auto result = static_cast<uint32_t>(trial_.program.values.size());
    trial_.program.values.push_back({"y", shape, word(), zero_point_});
    trial_.program.instructions.push_back({result, op});
    trial_.program.outputs = {result};
    return std::move(trial_);
  }

  const emu::Target& t_;
  ArithOp op_;
  const Operands& o_;
  uint64_t state_;
  Trial trial_;
  int64_t zero_point_ = 0;
  emu::QScale own_scale_;
};

struct Subject {
  std::string name;
  ArithOp drawn_as;  // whose operands are drawn
  bool present;
  std::function<Trial(Maker&)> make;
};

std::vector<Subject> subjects_of(const emu::Target& t) {
  // The oracle sums in one register; other accumulators are judged by tests/oracle/accumulator_test.cc.
  const bool plain = t.accumulate.accumulator.is_plain();
  const auto can = [&](ArithOp op) { return !vectors::lacks(t, op); };
  return {{"conv", ArithOp::requantize, plain && t.conv, [&t](Maker& m) { return m.sums(false, t.conv->steps); }},
          {"matmul", ArithOp::requantize, plain && t.matmul, [&t](Maker& m) { return m.sums(true, t.matmul->steps); }},
          {"requantize", ArithOp::requantize, t.requantize.has_value(), [](Maker& m) { return m.requantize(); }},
          {"add", ArithOp::add, can(ArithOp::add), [](Maker& m) { return m.add(); }},
          {"add", ArithOp::requantize, t.add && emu::ends_in_fp32(t.add->operand_steps), [](Maker& m) { return m.add_in_fp32(); }},
          {"mul", ArithOp::mul, can(ArithOp::mul), [](Maker& m) { return m.mul(); }},
          {"average_pool", ArithOp::average_pool, can(ArithOp::average_pool), [](Maker& m) { return m.average_pool(); }},
          {"table", ArithOp::table, can(ArithOp::table), [](Maker& m) { return m.table(); }}};
}

// Adds one program's results to the line. Programs that verify refuses (a scale that this instruction could leave 126 bits with) are passed over.
void judge_trial(SelfLine& line, const Trial& trial, bool& kernel) {
  try {
    emu::verify(trial.program);
  } catch (const InputError&) {
    return;
  }
  emu::Observer nobody;
  const emu::Machine machine(trial.program, emu::Engine::fast);
  kernel = kernel && machine.why_reference(0).empty();
  const auto fast = machine.run(trial.inputs, nobody)[0].values();
  const auto reference = emu::run(trial.program, trial.inputs, nobody, emu::Engine::reference)[0].values();
  for (size_t i = 0; i < trial.expected.size(); ++i) {
    ++line.cases;
    if (fast[i] == reference[i] && Int(reference[i]) == trial.expected[i]) continue;
    if (++line.different == 1) {
      line.first = "element " + std::to_string(i) + ": kernel " + std::to_string(fast[i]) + ", reference " + std::to_string(reference[i]) + ", oracle " + trial.expected[i].str();
    }
  }
}

}  // namespace

std::vector<SelfLine> check_self(const emu::Target& target, const SelfSettings& settings) {
  if (target.storage.activation.type.is_float()) return check_numbers(target, settings);
  std::vector<SelfLine> lines = check_step_lists(target, settings);
  for (SelfLine& line : check_operations(target, settings)) lines.push_back(std::move(line));
  return lines;
}

std::vector<SelfLine> check_operations(const emu::Target& target, const SelfSettings& settings) {
  std::vector<SelfLine> lines;
  const size_t programs = settings.level > 1 ? 600 : 60;
  const auto subjects = subjects_of(target);
  for (const Subject& subject : subjects) {
    if (settings.progress) settings.progress(lines.size(), subjects.size());
    if (!subject.present) continue;
    SelfLine& line = lines.emplace_back();
    line.what = subject.name;
    bool kernel = true;
    const auto drawn = random_cases(target, subject.drawn_as, settings.seed, programs * 8);
    for (size_t i = 0; i < drawn.size(); i += 8) {
      Maker maker(target, subject.drawn_as, drawn[i], settings.seed + i);
      judge_trial(line, subject.make(maker), kernel);
    }
    line.judges = kernel ? "kernel, reference, oracle" : "reference, oracle (and the kernel where one fits)";
  }
  if (settings.progress) settings.progress(subjects.size(), subjects.size());
  return lines;
}

}  // namespace assay::verify

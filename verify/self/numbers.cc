// Targets whose words are floating-point numbers: drawn words and binary32 constants, judged by the oracle's exact rationals, rounded by its own rules.
#include <bit>
#include <random>

#include "emu/base/error.h"
#include "emu/kernels/fast_steps.h"
#include "emu/machine.h"
#include "tests/oracle/exact_steps.h"
#include "verify/self/self.h"

namespace assay::verify {
namespace {

using oracle::Int;
using oracle::Real;

constexpr int64_t kRow = 48;          // results of one program
constexpr int64_t kNumberTerms = 11;  // products of one sum

Real rounded32(const Real& exact) {
  return oracle::value_of(oracle::word_of(exact, oracle::kNearest32), emu::kFp32);
}
Real plus(const Real& a, const Real& b) {
  return rounded32(oracle::sum(a, b));
}

// The orders of summing, by their definitions.
Real in_sequence(const std::vector<Real>& terms) {
  Real sum = Real::zero(false);
  for (const Real& term : terms) sum = plus(sum, term);
  return sum;
}
Real in_pairs(const std::vector<Real>& terms) {
  if (terms.empty()) return Real::zero(false);
  if (terms.size() == 1) return terms[0];
  std::vector<Real> next;
  for (size_t i = 0; i < terms.size(); i += 2) next.push_back(i + 1 < terms.size() ? plus(terms[i], terms[i + 1]) : terms[i]);
  return in_pairs(next);
}
Real summed(const std::vector<Real>& terms, const emu::Fp32Sum& how) {
  if (how.order == emu::Fp32Order::sequential) return in_sequence(terms);
  if (how.order == emu::Fp32Order::pairwise) return in_pairs(terms);
  std::vector<Real> blocks;
  for (size_t i = 0; i < terms.size(); i += how.block) {
    blocks.push_back(in_sequence({terms.begin() + static_cast<std::ptrdiff_t>(i), terms.begin() + static_cast<std::ptrdiff_t>(std::min<size_t>(terms.size(), i + how.block))}));
  }
  return in_sequence(blocks);
}

// Words and numbers as networks have them, the corners of the format among them.
class Draw {
 public:
  explicit Draw(uint64_t seed) : bits_(seed) {}

  emu::Fp32 number() {
    if (one_in(24)) return {corners_[bits_() % corners_.size()]};
    const auto exponent = static_cast<uint32_t>(one_in(8) ? bits_() % 255 : 117 + bits_() % 20);
    const auto fraction = static_cast<uint32_t>(bits_() & 0x7fffff) & (one_in(2) ? 0x7f0000U : 0x7fffffU);
    return {static_cast<uint32_t>(bits_() & 0x80000000U) | exponent << 23 | fraction};
  }
  int64_t word(emu::IntType type) { return emu::narrow(number(), {type.format}); }
  std::vector<int64_t> words(emu::IntType type, int64_t count) {
    std::vector<int64_t> drawn(static_cast<size_t>(count));
    for (int64_t& one : drawn) one = word(type);
    return drawn;
  }
  emu::StepOperands operands(emu::IntType type) {
    emu::StepOperands o;
    o.output = type;
    for (emu::Fp32* constant : {&o.scale.fp32.scale, &o.scale.fp32.bias, &o.scale.fp32.output, &o.scale.fp32.slope}) {
      do *constant = number();
      while (constant->is_nan() || constant->is_infinite());
    }
    o.clamp_low = emu::narrow({0xff800000U}, {type.format}), o.clamp_high = emu::narrow({0x7f800000U}, {type.format});
    if (one_in(2)) o.clamp_low = 0;
    if (one_in(3)) o.clamp_high = emu::narrow({0x40c00000U}, {type.format});
    return o;
  }
  bool one_in(uint64_t n) { return bits_() % n == 0; }

 private:
  static constexpr std::array<uint32_t, 12> corners_ = {0,          0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 1,
                                                        0x007fffff, 0x00800000, 0x7f7fffff, 0xff7fffff, 0x477ff000, 0x33800000};
  std::mt19937_64 bits_;
};

// One program, its inputs, and what the oracle makes of them.
class NumberTrial {
 public:
  NumberTrial(const emu::Target& target, Draw& draw, const emu::Steps& steps) : t_(target), draw_(draw), operands_(draw.operands(target.storage.activation.type)), steps_(steps) {}

  emu::Ref input(const Shape& shape, const std::vector<int64_t>& words) {
    const auto index = static_cast<uint32_t>(program_.values.size());
    emu::ValueInfo info;
    info.name = "x" + std::to_string(index), info.shape = shape, info.type = type();
    program_.values.push_back(info);
    program_.inputs.push_back({index, emu::Round::half_even, operands_.clamp_low, operands_.clamp_high});
    program_.inputs.back().low = emu::narrow({0xff800000U}, {type().format}), program_.inputs.back().high = emu::narrow({0x7f800000U}, {type().format});
    inputs_.emplace_back(type(), shape, words);
    return {false, index};
  }
  emu::Ref constant(const Shape& shape, const std::vector<int64_t>& words) {
    program_.constants.push_back({"k" + std::to_string(program_.constants.size()), emu::Tensor(t_.storage.weight.type, shape, words)});
    return {true, static_cast<uint32_t>(program_.constants.size() - 1)};
  }
  emu::ScaleRef scale(const emu::QScale& own) {
    program_.scales.push_back({own});
    return {static_cast<uint32_t>(program_.scales.size() - 1)};
  }
  emu::StepsRef steps(const emu::Steps& own) {
    program_.step_lists.push_back(own);
    return {static_cast<uint32_t>(program_.step_lists.size() - 1)};
  }
  emu::Requant requant() { return {scale(operands_.scale), steps(steps_), {operands_.clamp_low, operands_.clamp_high}}; }

  void expect_word(int64_t word) { expected_.push_back(word); }
  void expect(const Real& number, const emu::StepOperands& operands) {
    expected_.push_back(oracle::stepped(Int(oracle::word_of(number, oracle::kNearest32)), steps_, operands).values.back());
  }
  void expect(const Real& number) { expect(number, operands_); }

  template <class Op>
  void judge(const Op& op, const Shape& shape, SelfLine& line, bool& kernel) {
    const auto result = static_cast<uint32_t>(program_.values.size());
    emu::ValueInfo info;
    info.name = "y", info.shape = shape, info.type = type();
    program_.values.push_back(info);
    program_.instructions.push_back({result, op});
    program_.outputs = {result};
    emu::verify(program_);
    emu::Observer nobody;
    const emu::Machine machine(program_, emu::Engine::fast);
    kernel = kernel && machine.why_reference(0).empty();
    const auto fast = machine.run(inputs_, nobody)[0].values();
    const auto reference = emu::run(program_, inputs_, nobody, emu::Engine::reference)[0].values();
    for (size_t i = 0; i < expected_.size(); ++i) {
      ++line.cases;
      if (fast[i] == reference[i] && Int(reference[i]) == expected_[i]) continue;
      if (++line.different > 1) continue;
      line.first = "element " + std::to_string(i) + ": kernel " + std::to_string(fast[i]) + ", reference " + std::to_string(reference[i]) + ", oracle " + expected_[i].str();
    }
  }

  emu::IntType type() const { return t_.storage.activation.type; }
  Real number(int64_t word) const { return oracle::value_of(static_cast<uint32_t>(word), type().format); }
  Real weight(int64_t word) const { return oracle::value_of(static_cast<uint32_t>(word), t_.storage.weight.type.format); }
  emu::StepOperands& operands() { return operands_; }

 private:
  const emu::Target& t_;
  Draw& draw_;
  emu::StepOperands operands_;
  const emu::Steps& steps_;
  emu::Program program_;
  std::vector<emu::Tensor> inputs_;
  std::vector<Int> expected_;
};

void sums(const emu::Target& t, bool matmul, Draw& draw, SelfLine& line, bool& kernel) {
  NumberTrial trial(t, draw, matmul ? t.matmul->steps : t.conv->steps);
  const auto x = draw.words(t.storage.activation.type, kRow * kNumberTerms), w = draw.words(t.storage.weight.type, kNumberTerms);
  for (int64_t i = 0; i < kRow; ++i) {
    std::vector<Real> terms;
    for (int64_t k = 0; k < kNumberTerms; ++k) {
      terms.push_back(rounded32(oracle::product(trial.number(x[static_cast<size_t>(matmul ? i * kNumberTerms + k : k * kRow + i)]), trial.weight(w[static_cast<size_t>(k)]))));
    }
    trial.expect(summed(terms, *t.accumulate.accumulator.fp32));
  }
  if (matmul) {
    emu::MatMul op;
    op.a = trial.input({kRow, kNumberTerms}, x), op.b = trial.constant({kNumberTerms, 1}, w), op.acc = t.accumulate.accumulator, op.requant = trial.requant();
    return trial.judge(op, {kRow, 1}, line, kernel);
  }
  emu::Conv op;
  op.x = trial.input({1, kNumberTerms, 1, kRow}, x), op.w = trial.constant({1, kNumberTerms, 1, 1}, w), op.acc = t.accumulate.accumulator, op.order = t.accumulate.order;
  op.requant = trial.requant();
  trial.judge(op, {1, 1, 1, kRow}, line, kernel);
}

void sum_of_two(const emu::Target& t, Draw& draw, SelfLine& line, bool& kernel) {
  NumberTrial trial(t, draw, t.add->steps);
  const auto a = draw.words(trial.type(), kRow), b = draw.words(trial.type(), kRow);
  for (size_t i = 0; i < a.size(); ++i) trial.expect(plus(trial.number(a[i]), trial.number(b[i])));
  emu::Add op;
  op.a = trial.input({kRow}, a), op.b = trial.input({kRow}, b), op.acc = t.accumulate.accumulator;
  op.scale_a = op.scale_b = trial.scale({}), op.operand_steps = trial.steps({}), op.requant = trial.requant();
  trial.judge(op, {kRow}, line, kernel);
}

void product_of_two(const emu::Target& t, Draw& draw, SelfLine& line, bool& kernel) {
  NumberTrial trial(t, draw, t.mul->steps);
  const auto a = draw.words(trial.type(), kRow), b = draw.words(trial.type(), kRow);
  for (size_t i = 0; i < a.size(); ++i) trial.expect(rounded32(oracle::product(trial.number(a[i]), trial.number(b[i]))));
  emu::Mul op;
  op.a = trial.input({kRow}, a), op.b = trial.input({kRow}, b), op.acc = t.accumulate.accumulator, op.requant = trial.requant();
  trial.judge(op, {kRow}, line, kernel);
}

void mean(const emu::Target& t, Draw& draw, SelfLine& line, bool& kernel) {
  NumberTrial trial(t, draw, t.average_pool->steps);
  const auto x = draw.words(trial.type(), 3 * kRow);
  for (size_t i = 0; i < x.size(); i += 3) trial.expect(summed({trial.number(x[i]), trial.number(x[i + 1]), trial.number(x[i + 2])}, *t.accumulate.accumulator.fp32));
  emu::AveragePool op;
  op.x = trial.input({1, 1, 1, 3 * kRow}, x), op.kernel = {1, 3}, op.stride = {1, 3}, op.acc = t.accumulate.accumulator, op.requant = trial.requant();
  trial.judge(op, {1, 1, 1, kRow}, line, kernel);
}

void largest(const emu::Target& t, Draw& draw, SelfLine& line, bool& kernel) {
  const emu::Steps none;
  NumberTrial trial(t, draw, none);
  const auto x = draw.words(trial.type(), 3 * kRow);
  for (size_t i = 0; i < x.size(); i += 3) {
    int64_t best = x[i];
    for (const size_t next : {i + 1, i + 2}) best = oracle::is_below(trial.number(best), trial.number(x[next])) ? x[next] : best;
    trial.expect_word(best);
  }
  emu::MaxPool op;
  op.x = trial.input({1, 1, 1, 3 * kRow}, x), op.kernel = {1, 3}, op.stride = {1, 3};
  trial.judge(op, {1, 1, 1, kRow}, line, kernel);
}

void limits(const emu::Target& t, Draw& draw, SelfLine& line, bool& kernel) {
  NumberTrial trial(t, draw, t.requantize->steps);
  const auto x = draw.words(trial.type(), kRow);
  for (const int64_t word : x) trial.expect(trial.number(word));
  emu::Requantize op;
  op.x = trial.input({kRow}, x), op.requant = trial.requant();
  trial.judge(op, {kRow}, line, kernel);
}

void slopes(const emu::Target& t, Draw& draw, SelfLine& line, bool& kernel) {
  NumberTrial trial(t, draw, t.leaky_relu->steps);
  const auto x = draw.words(trial.type(), kRow);
  emu::StepOperands below = trial.operands();
  below.scale = draw.operands(trial.type()).scale;
  for (const int64_t word : x) trial.expect(trial.number(word), oracle::is_below(trial.number(word), Real::zero(false)) ? below : trial.operands());
  emu::LeakyRelu op;
  op.x = trial.input({kRow}, x), op.requant = trial.requant(), op.negative = trial.scale(below.scale);
  trial.judge(op, {kRow}, line, kernel);
}

// Numbers through one list of steps: the definition, the oracle and the rows of the FPU.
void listed(const emu::Target& t, const emu::Steps& steps, Draw& draw, SelfLine& line) {
  const emu::StepOperands operands = draw.operands(t.storage.activation.type);
  emu::ValueInfo result;
  result.type = operands.output;
  const auto fast = emu::FastSteps::prepare(steps, 1, {{0, operands.scale}}, result, {operands.clamp_low, operands.clamp_high});
  ASSAY_ASSERT(fast.has_value());
  for (int64_t i = 0; i < kRow; ++i) {
    const emu::Fp32 start = draw.number();
    emu::StepEvents events;
    const auto reference = static_cast<int64_t>(emu::requantize(start.bits, steps, operands, events));
    const oracle::Stepped judged = oracle::stepped(Int(start.bits), steps, operands);
    const auto number = std::bit_cast<float>(start.bits);
    int64_t by_kernel = 0;
    emu::FastSteps::RowCounts counts;
    fast->run(&number, 1, 0, &by_kernel, counts);
    ++line.cases;
    const bool equal = reference == by_kernel && Int(reference) == judged.values.back() && events.output == judged.output && events.output == (counts.output != 0);
    if (!equal && ++line.different == 1) {
      line.first = to_string(start) + ": kernel " + std::to_string(by_kernel) + ", reference " + std::to_string(reference) + ", oracle " + judged.values.back().str();
    }
  }
}

}  // namespace

std::vector<SelfLine> check_numbers(const emu::Target& target, const SelfSettings& settings) {
  const int programs = settings.level > 1 ? 600 : 60;
  std::vector<SelfLine> lines;
  Draw draw(settings.seed);
  const auto list = [&](const char* name, const auto& rule) {
    if (!rule) return;
    SelfLine& line = lines.emplace_back();
    line.what = std::string("steps of ops.") + name, line.judges = "kernel, reference, oracle";
    for (int i = 0; i < programs; ++i) listed(target, rule->steps, draw, line);
  };
  list("conv", target.conv), list("depthwise_conv", target.depthwise_conv), list("conv_transpose", target.conv_transpose), list("matmul", target.matmul), list("mul", target.mul),
      list("requantize", target.requantize), list("leaky_relu", target.leaky_relu), list("add", target.add), list("average_pool", target.average_pool),
      list("softmax", target.softmax);
  const size_t total = lines.size() + 8;  // as many operations, where the target has all
  const auto operation = [&](const char* name, bool present, const auto& run) {
    if (!present) return;
    SelfLine& line = lines.emplace_back();
    line.what = name;
    bool kernel = true;
    for (int i = 0; i < programs; ++i) run(target, draw, line, kernel);
    line.judges = kernel ? "kernel, reference, oracle" : "reference, oracle (and the kernel where one fits)";
    if (settings.progress) settings.progress(lines.size(), total);
  };
  const auto conv = [](const emu::Target& t, Draw& d, SelfLine& l, bool& k) { sums(t, false, d, l, k); };
  const auto matmul = [](const emu::Target& t, Draw& d, SelfLine& l, bool& k) { sums(t, true, d, l, k); };
  operation("conv", target.conv.has_value(), conv), operation("matmul", target.matmul.has_value(), matmul), operation("add", target.add.has_value(), sum_of_two),
      operation("mul", target.mul.has_value(), product_of_two), operation("average_pool", target.average_pool.has_value(), mean), operation("max_pool", target.max_pool, largest),
      operation("requantize", target.requantize.has_value(), limits), operation("leaky_relu", target.leaky_relu.has_value(), slopes);
  if (settings.progress) settings.progress(lines.size(), lines.size());
  return lines;
}

}  // namespace assay::verify

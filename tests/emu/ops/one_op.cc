#include "tests/emu/ops/one_op.h"

#include "emu/base/error.h"

namespace assay::emu::one_op {
namespace {

struct Watcher : Observer {
  explicit Watcher(bool stages) : with_stages(stages) {}
  bool wants_intermediates(size_t) override { return with_stages; }
  void on_intermediate(size_t, const std::string& stage, const Tensor& values) override { seen.stages.emplace_back(stage, values.values()); }
  void on_output(size_t, const Tensor& result, const OverflowCounts& overflows) override {
    seen.values = result.values();
    seen.overflows = overflows;
  }
  bool with_stages;
  Outcome seen;
};

}  // namespace

const Values& Outcome::stage(const std::string& name) const {
  for (const auto& [stage, stage_values] : stages) {
    if (stage == name) return stage_values;
  }
  throw std::out_of_range("no stage " + name);
}

Ref OneOp::value(IntType type, const Shape& shape, const Values& values, int64_t zero_point) {
  const auto index = static_cast<uint32_t>(program_.values.size());
  program_.values.push_back({"x" + std::to_string(index), shape, type, zero_point});
  program_.inputs.push_back({index, Round::half_even, static_cast<int64_t>(type.min()), static_cast<int64_t>(type.max())});
  inputs_.emplace_back(type, shape, values);
  return {false, index};
}

Ref OneOp::constant(IntType type, const Shape& shape, const Values& values) {
  program_.constants.push_back({"k" + std::to_string(program_.constants.size()), Tensor(type, shape, values)});
  return {true, static_cast<uint32_t>(program_.constants.size() - 1)};
}

ScaleRef OneOp::scale(const std::vector<QScale>& entries) {
  program_.scales.push_back(entries);
  return {static_cast<uint32_t>(program_.scales.size() - 1)};
}

StepsRef OneOp::steps(std::string_view text) {
  program_.step_lists.push_back(parse_steps(text));
  return {static_cast<uint32_t>(program_.step_lists.size() - 1)};
}

Requant OneOp::requant(std::string_view text, const std::vector<QScale>& entries, ClampBounds clamp) {
  return {scale(entries), steps(text), clamp};
}

OneOp& OneOp::result(IntType type, const Shape& shape, int64_t zero_point) {
  result_ = {"y", shape, type, zero_point};
  return *this;
}

Program OneOp::with(const Operation& operation) const {
  Program program = program_;
  const auto index = static_cast<uint32_t>(program.values.size());
  program.values.push_back(result_);
  program.instructions.push_back({index, operation});
  program.outputs = {index};
  return program;
}

Outcome OneOp::run(const Operation& operation) const {
  const Program program = with(operation);
  verify(program);
  Watcher watched(true);
  Watcher unwatched(false);
  emu::run(program, inputs_, watched, Engine::reference);
  emu::run(program, inputs_, unwatched, Engine::reference);
  EXPECT_EQ(watched.seen.values, unwatched.seen.values) << "watching changes the result";
  EXPECT_EQ(watched.seen.overflows, unwatched.seen.overflows) << "watching changes the counts";
  return watched.seen;
}

std::string OneOp::problems(const Operation& operation) const {
  try {
    verify(with(operation));
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

QScale scaled(int64_t multiplier, int right) {
  return {multiplier, LeftShift{0}, RightShift{static_cast<uint8_t>(right)}};
}

int64_t random_in(std::mt19937_64& random, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
}

Values random_values(std::mt19937_64& random, size_t count, int64_t low, int64_t high) {
  Values values;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t kind = random() % 8;
    values.push_back(kind == 0 ? low : (kind == 1 ? high : random_in(random, low, high)));
  }
  return values;
}

Values random_values(std::mt19937_64& random, size_t count, IntType type) {
  return random_values(random, count, static_cast<int64_t>(type.min()), static_cast<int64_t>(type.max()));
}

void Spread::add(const Values& outputs, bool overflowed) {
  ++tests_;
  overflowed_ += overflowed ? 1 : 0;
  outputs_ += outputs.size();
  for (size_t i = 1; i < outputs.size(); ++i) differing_ += outputs[i] != outputs[i - 1] ? 1 : 0;
}

void Spread::expect_telling(bool with_overflows) const {
  EXPECT_GE(outputs_, 200U) << "too few outputs to tell anything";
  EXPECT_GE(differing_ * 4, outputs_) << "nearly all outputs are equal or saturated";
  if (!with_overflows) return;
  EXPECT_GE(overflowed_ * 20, tests_) << "hardly any test overflows";
  EXPECT_GE((tests_ - overflowed_) * 20, tests_) << "nearly every test overflows";
}

}  // namespace assay::emu::one_op

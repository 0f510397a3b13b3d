#include "emu/machine.h"

#include <gtest/gtest.h>

#include "emu/base/error.h"
#include "emu/program/text.h"
#include "tests/emu/program/samples.h"

namespace assay::emu {
namespace {

// %1 = x * 2 (saturating), %2 = max(%1, 3), %3 = %2 - %1
constexpr const char* kSmall = R"(assay program 2
target "t"
model "m"
@s0 = 2/0/0
@s1 = 1/0/0
#0 = multiply; saturate output; clamp
#1 = multiply
input %0 round=half_even clamp=-128..127 -> s8[1,2,2] zy=0 scale=1*2^0 "x"
%1 = requantize %0 zx=0 scale=@s0 requant=#0 clamp=-128..127 -> s8[1,2,2] zy=0 scale=1*2^0 "double"
%2 = requantize %1 zx=0 scale=@s1 requant=#0 clamp=3..127 -> s8[1,2,2] zy=0 scale=1*2^0 "floor"
%3 = sub %2 b=%1 za=0 zb=0 sa=@s1 sb=@s1 operands=#1 acc=s32.wrap scale=@s1 requant=#0 clamp=-128..127 -> s8[1,2,2] zy=0 scale=1*2^0 "difference"
output %3
output %1
)";

Tensor small_input() {
  return Tensor(kS8, {1, 2, 2}, {1, -5, 70, 2});
}

// Writes down everything that it is told.
class Diary : public Observer {
 public:
  explicit Diary(std::vector<size_t> wanted = {}) : wanted_(std::move(wanted)) {}
  bool wants_intermediates(size_t instruction) override { return std::count(wanted_.begin(), wanted_.end(), instruction) != 0; }
  void on_intermediate(size_t instruction, const std::string& stage, const Tensor& values) override {
    lines.push_back(std::to_string(instruction) + " " + stage);
    last_stage = values;
  }
  void on_output(size_t instruction, const Tensor& result, const OverflowCounts& overflows) override {
    lines.push_back(std::to_string(instruction) + " output");
    results.push_back(result);
    counts.push_back(overflows);
  }
  std::vector<std::string> lines;
  std::vector<Tensor> results;
  std::vector<OverflowCounts> counts;
  Tensor last_stage;

 private:
  std::vector<size_t> wanted_;
};

std::string refusal_of_inputs(const Program& program, const std::vector<Tensor>& inputs) {
  try {
    run(program, inputs);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(Machine, GivesTheOutputsInTheirOrder) {
  const auto outputs = run(parse_program(kSmall), {small_input()});
  ASSERT_EQ(outputs.size(), 2u);
  EXPECT_EQ(outputs[0].values(), (std::vector<int64_t>{1, 13, 0, 0}));
  EXPECT_EQ(outputs[1].values(), (std::vector<int64_t>{2, -10, 127, 4}));
}

TEST(Machine, TellsEveryOutputAndItsOverflows) {
  Diary diary;
  run(parse_program(kSmall), {small_input()}, diary);
  EXPECT_EQ(diary.lines, (std::vector<std::string>{"0 output", "1 output", "2 output"}));
  EXPECT_EQ(diary.counts[0].output, (std::vector<uint64_t>{0, 1}));
  EXPECT_EQ(diary.counts[1], OverflowCounts{});
  EXPECT_EQ(diary.results[1].values(), (std::vector<int64_t>{3, 3, 127, 4}));
}

TEST(Machine, ShowsIntermediatesWhereTheyAreWanted) {
  Diary diary({1});
  run(parse_program(kSmall), {small_input()}, diary);
  EXPECT_EQ(diary.lines, (std::vector<std::string>{"0 output", "1 accumulator", "1 step1 multiply", "1 step2 saturate", "1 step3 clamp", "1 output", "2 output"}));
  EXPECT_EQ(diary.last_stage.values(), (std::vector<int64_t>{3, 3, 127, 4}));
}

TEST(Machine, RefusesInputsThatDoNotFit) {
  const Program program = parse_program(kSmall);
  EXPECT_NE(refusal_of_inputs(program, {}).find("takes 1 inputs, found 0"), std::string::npos);
  EXPECT_NE(refusal_of_inputs(program, {Tensor(kS8, {1, 2, 3})}).find("input 'x' has shape [1,2,2], found [1,2,3]"), std::string::npos);
  EXPECT_NE(refusal_of_inputs(program, {Tensor(kU8, {1, 2, 2})}).find("input 'x' is s8, found u8"), std::string::npos);
}

TEST(Machine, RefusesElementsOutsideANarrowType) {
  Program program = parse_program(kSmall);
  program.values[0].type = {4, true};
  program.inputs[0].low = -8;
  program.inputs[0].high = 7;
  verify(program);
  Tensor input({4, true}, {1, 2, 2});
  input.data<int8_t>()[2] = 9;
  EXPECT_NE(refusal_of_inputs(program, {input}).find("element 2 is 9, outside s4"), std::string::npos);
}

TEST(Machine, AnInputCanBeAnOutput) {
  Program program = parse_program(kSmall);
  program.outputs = {0, 3, 3};
  const auto outputs = run(program, {small_input()});
  EXPECT_EQ(outputs[0], small_input());
  EXPECT_EQ(outputs[1], outputs[2]);
}

TEST(Machine, AValueThatNobodyReadsIsNoTrouble) {
  Program program = parse_program(kSmall);
  program.outputs = {1};
  EXPECT_EQ(run(program, {small_input()}).size(), 1u);
}

TEST(Machine, EnginesAndObserversChangeNoBit) {
  const Program program = parse_program(samples::every_operation());
  Tensor input(kS8, {1, 2, 4, 4});
  for (size_t i = 0; i < input.size(); ++i) input.set(i, static_cast<int64_t>(i * 37 % 256) - 128);
  Diary reference;
  const auto expected = run(program, {input}, reference, Engine::reference);
  Diary fast;
  EXPECT_EQ(run(program, {input}, fast, Engine::fast), expected);
  EXPECT_EQ(fast.counts, reference.counts);
  EXPECT_EQ(fast.results, reference.results);
  std::vector<size_t> all;
  for (size_t i = 0; i < program.instructions.size(); ++i) all.push_back(i);
  Diary watched(all);
  EXPECT_EQ(run(program, {input}, watched, Engine::fast), expected);
  EXPECT_EQ(watched.counts, reference.counts);
}

}  // namespace
}  // namespace assay::emu

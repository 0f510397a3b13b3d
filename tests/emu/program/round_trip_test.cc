#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <random>
#include <set>

#include "emu/base/error.h"
#include "emu/program/file.h"
#include "emu/program/text.h"
#include "tests/emu/program/samples.h"

namespace assay::emu {
namespace {

std::string any_operation() {
  const auto names = operation_names();
  return std::string(names[*rc::gen::inRange<size_t>(0, names.size())]);
}

TEST(Samples, EveryOperationOccursInTheSample) {
  std::set<std::string_view> used;
  const Program program = parse_program(samples::every_operation());
  for (const Instruction& instruction : program.instructions) used.insert(operation_name(instruction.operation));
  for (const std::string_view name : operation_names()) EXPECT_EQ(used.count(name), 1u) << "add a " << name << " to samples::every_operation()";
}

TEST(ProgramText, IsReadBackAsItWas) {
  const Program program = parse_program(samples::every_operation());
  EXPECT_EQ(parse_program(print(program)), program);
}

TEST(ProgramText, PrintingWhatWasReadGivesTheSameText) {
  const std::string text = print(parse_program(samples::every_operation()));
  EXPECT_EQ(print(parse_program(text)), text);
}

TEST(ProgramFile, IsReadBackAsItWas) {
  const Program program = parse_program(samples::every_operation());
  EXPECT_EQ(deserialize(serialize(program), "sample"), program);
}

TEST(ProgramText, RoundTripOfEveryOperationWithAnyFields) {
  for (const std::string_view name : operation_names()) {
    const bool good = rc::check("text of " + std::string(name), [name] {
      const Program program = samples::arbitrary_program(name);
      RC_ASSERT(parse_program_unverified(print(program)) == program);
    });
    EXPECT_TRUE(good) << name;
  }
}

TEST(ProgramFile, RoundTripOfEveryOperationWithAnyFields) {
  for (const std::string_view name : operation_names()) {
    const bool good = rc::check("bytes of " + std::string(name), [name] {
      const Program program = samples::arbitrary_program(name);
      RC_ASSERT(deserialize_unverified(serialize(program), "memory") == program);
    });
    EXPECT_TRUE(good) << name;
  }
}

RC_GTEST_PROP(ProgramFile, DifferentProgramsHaveDifferentBytes, ()) {
  const Program a = samples::arbitrary_program(any_operation());
  const Program b = samples::arbitrary_program(any_operation());
  RC_ASSERT((a == b) == (serialize(a) == serialize(b)));
}

TEST(ProgramFile, EveryTruncationIsRefused) {
  const std::string bytes = serialize(parse_program(samples::every_operation()));
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_THROW(deserialize(bytes.substr(0, length), "cut"), InputError) << "cut after " << length << " bytes";
  }
}

TEST(ProgramFile, BytesAfterTheEndAreRefused) {
  EXPECT_THROW(deserialize(serialize(parse_program(samples::every_operation())) + "x", "long"), InputError);
}

TEST(ProgramFile, ErrorsNameTheFile) {
  try {
    deserialize("ASSAYQP5", "some.qprog");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(std::string(error.what()).find("some.qprog: "), 0u) << error.what();
  }
}

// What comes from a damaged file is either a valid program or an InputError: nothing else may be thrown, and the sanitizers watch.
TEST(ProgramFile, DamagedBytesGiveAnInputErrorOrAValidProgram) {
  const std::string bytes = serialize(parse_program(samples::every_operation()));
  std::mt19937_64 random(20240501);
  size_t refused = 0;
  constexpr size_t kTrials = 20000;
  for (size_t trial = 0; trial < kTrials; ++trial) {
    std::string damaged = bytes;
    for (uint64_t flips = 1 + random() % 3; flips > 0; --flips) damaged[random() % damaged.size()] = static_cast<char>(random() % 5 == 0 ? 0xff : random());
    try {
      verify(deserialize(damaged, "damaged"));
    } catch (const InputError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, kTrials / 4);
  EXPECT_LT(refused, kTrials);
}

TEST(ProgramText, DamagedTextGivesAnInputErrorOrAValidProgram) {
  const std::string text = print(parse_program(samples::every_operation()));
  const size_t instructions = text.find("// inputs");
  std::mt19937_64 random(20240502);
  size_t refused = 0;
  constexpr size_t kTrials = 5000;
  for (size_t trial = 0; trial < kTrials; ++trial) {
    std::string damaged = text;
    // Most damage goes where the grammar is richest.
    const size_t start = trial % 4 == 0 ? 0 : instructions;
    for (uint64_t flips = 1 + random() % 3; flips > 0; --flips) {
      const size_t at = start + random() % (damaged.size() - start);
      if (random() % 2 == 0) {
        damaged[at] = "0123456789-%@#=,. \"\\\nx"[random() % 22];
      } else {
        damaged.erase(at, 1 + random() % 3);
      }
    }
    try {
      verify(parse_program(damaged));
    } catch (const InputError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, kTrials / 4);
}

}  // namespace
}  // namespace assay::emu

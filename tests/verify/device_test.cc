// Devices that cannot be spoken to: each is refused in words that name the device, the case and what to do.
#include <gtest/gtest.h>

#include "emu/base/error.h"
#include "tests/verify/devices.h"
#include "verify/device/layout.h"

namespace assay::verify {
namespace {

template <class F>
void expect_refused(F act, const std::vector<std::string>& words) {
  try {
    act();
    FAIL() << "nothing was thrown";
  } catch (const InputError& error) {
    for (const auto& word : words) EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << "'" << word << "' is not in: " << error.what();
  }
}

std::vector<Operands> some_roundings(size_t count) {
  std::vector<Operands> cases;
  for (size_t i = 0; i < count; ++i) cases.push_back({static_cast<int64_t>(i) - 5, 1, 4});
  return cases;
}

std::vector<Answer> ask_pipe(const std::string& command, size_t count = 200, PipeFormat format = PipeFormat::text, int timeout_seconds = 60) {
  return open_pipe(command, format, timeout_seconds).ask(ArithOp::rounding, some_roundings(count));
}

TEST(Library, WhatIsNoDeviceIsRefused) {
  expect_refused([] { open_library("/nonexistent/device.so", 1); }, {"/nonexistent/device.so", "no such file"});
  expect_refused([] { open_library(ASSAY_SOURCE_DIR "/README.md", 1); }, {"README.md", "cannot be loaded"});
  expect_refused([] { open_library(library_of("nxp_int8", 10), 1); }, {"is for version 2", "this is version 1"});
}

TEST(Library, AHangingDeviceIsStoppedAndTheCaseNamed) {
  const Device device = open_library(library_of("nxp_int8", 9), 1);
  Operands operands(vectors::operand_names(ArithOp::requantize).size(), 0);
  operands[0] = -2000;
  const std::vector<Operands> cases{operands};
  expect_refused([&] { device.ask(ArithOp::requantize, cases); }, {"did not answer within 1 s", "accumulator=-2000"});
}

TEST(Library, TheCaseThatCrashesIsFoundInABatchAndTheDeviceIsStartedAgain) {
  const Device device = open_library(library_of("nxp_int8", 8), 5);
  Operands operands(vectors::operand_names(ArithOp::requantize).size(), 0);
  operands[vectors::operand_index(ArithOp::requantize, "low")] = -128;
  operands[vectors::operand_index(ArithOp::requantize, "high")] = 127;
  std::vector<Operands> cases;
  for (const int64_t accumulator : {5, 6, -2000, 7}) {
    operands[0] = accumulator;
    cases.push_back(operands);
  }
  const auto answers = device.ask(ArithOp::requantize, cases);
  EXPECT_EQ(answers[0].value, 5);
  EXPECT_EQ(answers[1].value, 6);
  EXPECT_EQ(answers[2].kind, AnswerKind::crashed);
  EXPECT_EQ(answers[3].kind, AnswerKind::unasked);
  EXPECT_EQ(device.ask(ArithOp::requantize, std::span(cases).subspan(3))[0].value, 7);
}

TEST(Pipe, ADeviceThatEndsIsNamedWithTheLastCase) {
  expect_refused([] { ask_pipe(python_device("--bug die")); }, {"exit code 3", "after 100 of 200 answers", "the last case sent: rounding value=194"});
  expect_refused([] { ask_pipe(python_device("--bug short")); }, {"exit code 0", "after 101 of 200"});
  expect_refused([] { ask_pipe("true"); }, {"'true'", "after 0 of 200"});
  expect_refused([] { ask_pipe("exec no_such_program_here 2> /dev/null"); }, {"exit code 127"});
  EXPECT_THROW(ask_pipe(""), InputError);
}

TEST(Pipe, ASilentDeviceIsStopped) {
  expect_refused([] { ask_pipe(python_device("--bug silent"), 200, PipeFormat::text, 3); }, {"silent for 3 s", "flush", "rounding value=194"});
  expect_refused([] { ask_pipe("sleep 60", 200, PipeFormat::text, 1); }, {"silent for 1 s"});
}

TEST(Pipe, GarbageIsQuoted) {
  expect_refused([] { ask_pipe(python_device("--bug garbage")); }, {"'about four'", "rounding value=95"});
  expect_refused([] { ask_pipe("while read line; do echo 12x; done"); }, {"'12x'", "rounding value=-5"});
  expect_refused([] { ask_pipe("while read line; do echo 99999999999999999999; done"); }, {"'99999999999999999999'"});
  expect_refused([] { ask_pipe("yes"); }, {"'y'"});
  expect_refused([] { ask_pipe("cat /dev/zero"); }, {"no end of line"});
}

TEST(Pipe, ADeviceThatReadsEverythingBeforeItAnswersDoesNotBlockUs) {
  // More than a pipe holds, both ways.
  const auto answers = ask_pipe("head -n 4096 > /dev/null; i=0; while [ $i -lt 4096 ]; do echo 1234567890123456789; i=$((i+1)); done", 4096);
  EXPECT_EQ(answers.size(), 4096U);
  EXPECT_EQ(answers.back().value, 1234567890123456789);
}

TEST(Pipe, BinaryWordsAreLittleEndian) {
  const std::string program =
      "import sys, struct\n"
      "r, w = sys.stdin.buffer, sys.stdout.buffer\n"
      "while True:\n"
      "    head = r.read(16)\n"
      "    if not head: break\n"
      "    count, op = struct.unpack('<qq', head)\n"
      "    o = struct.unpack('<%dq' % count, r.read(8 * count))\n"
      "    w.write(struct.pack('<qq', 1, 0) if o[0] == 3 else struct.pack('<qq', 0, o[0] * 10 + op)); w.flush()\n";
  const auto answers = ask_pipe("'" ASSAY_PYTHON "' -c \"" + program + "\"", 20, PipeFormat::binary);
  for (int64_t i = 0; i < 20; ++i) {
    const Answer& answer = answers[static_cast<size_t>(i)];
    EXPECT_EQ(answer.kind, i == 8 ? AnswerKind::cannot : AnswerKind::value);
    EXPECT_EQ(answer.value, i == 8 ? 0 : (i - 5) * 10);
  }
  expect_refused([] { ask_pipe("yes", 20, PipeFormat::binary); }, {"answered with status"});
}

TEST(Layout, TheStructsOfTheHeaderFollowTheOperandsOfACase) {
  for (const ArithOp op : vectors::kAllArithOps) {
    Operands operands(vectors::operand_names(op).size() + (op == ArithOp::dot ? 4 : 0));
    for (size_t i = 0; i < operands.size(); ++i) operands[i] = static_cast<int64_t>(i);
    const Operands shared = shared_operands(op, operands);
    for (size_t i = 0; i < shared.size(); ++i) EXPECT_EQ(shared[i], static_cast<int64_t>(i + (op == ArithOp::dot ? 0 : varying_operands(op))));
  }
}

}  // namespace
}  // namespace assay::verify

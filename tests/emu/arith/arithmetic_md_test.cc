// Executes the numbers of docs/arithmetic.md. A ```steps block is a step list, its operands and lines "accumulator -> value" or "accumulator -> value after each step"; a ```round
// block holds lines "numerator / denominator mode -> value". A line that is none of these fails.
#include <gtest/gtest.h>

#include <charconv>
#include <fstream>
#include <sstream>

#include "emu/arith/requant.h"

namespace assay::emu {
namespace {

struct Block {
  std::string kind;
  size_t line;
  std::vector<std::string> lines;
};

std::vector<Block> blocks() {
  std::ifstream in(std::string(ASSAY_SOURCE_DIR) + "/docs/arithmetic.md");
  std::vector<Block> found;
  bool inside = false;
  size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.rfind("```", 0) == 0 && line.rfind("````", 0) != 0) {
      inside = !inside;
      if (inside) found.push_back({line.substr(3), number, {}});
    } else if (inside) {
      found.back().lines.push_back(line);
    }
  }
  EXPECT_FALSE(inside) << "a block is not closed";
  return found;
}

int64_t whole_number(const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  EXPECT_TRUE(error == std::errc{} && end == text.data() + text.size()) << "'" << text << "' is no number";
  return value;
}

std::vector<int64_t> numbers(const std::string& text) {
  std::vector<int64_t> values;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) {
    const size_t start = part.find_first_not_of(' ');
    values.push_back(whole_number(part.substr(start, part.find_last_not_of(' ') + 1 - start)));
  }
  return values;
}

// Returns how many examples it holds.
int run_steps(const Block& block) {
  Steps steps;
  StepOperands operands;
  int examples = 0;
  for (const std::string& line : block.lines) {
    std::istringstream in(line);
    std::string word, rest;
    in >> word;
    std::getline(in >> std::ws, rest);
    std::istringstream more(rest);
    std::string a, b, c, d, e;
    if (word == "steps") {
      steps = parse_steps(rest);
    } else if (word == "scale") {
      more >> a >> b >> c >> d >> e;
      EXPECT_TRUE(b == "left" && d == "right") << line;
      operands.scale = {whole_number(a), LeftShift{static_cast<uint8_t>(whole_number(c))}, RightShift{static_cast<uint8_t>(whole_number(e))}};
      if (more >> a >> b && a == "first") operands.scale.first = {static_cast<uint8_t>(whole_number(b))};
    } else if (word == "fp32") {
      Fp32Constants& constants = operands.scale.fp32;
      for (auto [name, field] : {std::pair{"scale", &constants.scale}, std::pair{"bias", &constants.bias}, std::pair{"output", &constants.output}}) {
        EXPECT_TRUE(more >> a >> b && a == name && parse_fp32(b)) << line;
        *field = parse_fp32(b).value_or(Fp32{0});
      }
    } else if (word == "bias") {
      operands.bias = whole_number(rest);
    } else if (word == "zero_point") {
      operands.zero_point = whole_number(rest);
    } else if (word == "output") {
      const auto type = parse_int_type(rest);
      EXPECT_TRUE(type) << line;
      operands.output = type.value_or(kS8);
    } else if (word == "clamp") {
      const size_t dots = rest.find("..");
      operands.clamp_low = whole_number(rest.substr(0, dots));
      operands.clamp_high = whole_number(rest.substr(dots + 2));
    } else {
      EXPECT_EQ(rest.rfind("-> ", 0), 0u) << line;
      const std::vector<int64_t> expected = numbers(rest.substr(3));
      const std::vector<Wide> traced = requantize_traced(whole_number(word), steps, operands);
      StepEvents events;
      EXPECT_EQ(static_cast<int64_t>(requantize(whole_number(word), steps, operands, events)), expected.back()) << "block at line " << block.line << ": " << line;
      if (expected.size() > 1) {
        EXPECT_EQ(std::vector<int64_t>(traced.begin(), traced.end()), expected) << "block at line " << block.line << ": " << line;
      }
      ++examples;
    }
  }
  return examples;
}

int run_rounds(const Block& block) {
  for (const std::string& line : block.lines) {
    std::istringstream in(line);
    std::string numerator, slash, denominator, mode, arrow, result;
    in >> numerator >> slash >> denominator >> mode >> arrow >> result;
    const auto round = parse_round(mode);
    EXPECT_TRUE(slash == "/" && arrow == "->" && round) << line;
    EXPECT_EQ(static_cast<int64_t>(divide(whole_number(numerator), whole_number(denominator), round.value_or(Round::floor))), whole_number(result))
        << "block at line " << block.line << ": " << line;
  }
  return static_cast<int>(block.lines.size());
}

TEST(ArithmeticMd, EveryNumberIsWhatTheMachineComputes) {
  int examples = 0;
  for (const Block& block : blocks()) {
    if (block.kind == "steps") examples += run_steps(block);
    if (block.kind == "round") examples += run_rounds(block);
    EXPECT_TRUE(block.kind == "steps" || block.kind == "round" || block.kind.empty()) << block.kind;
  }
  EXPECT_GE(examples, 60);
}

TEST(ArithmeticMd, ShowsEveryStepAndEveryRoundingMode) {
  std::string all;
  for (const Block& block : blocks()) {
    for (const std::string& line : block.lines) all += line + "\n";
  }
  for (const char* step : {"add_bias", "shift_left", "multiply", "shift_right", "saturate", "wrap", "add_zero_point", "clamp"})
    EXPECT_NE(all.find(step), std::string::npos) << step;
  for (const Round mode : kAllRounds) EXPECT_NE(all.find(" " + std::string(to_string(mode)) + " ->"), std::string::npos) << to_string(mode);
}

}  // namespace
}  // namespace assay::emu

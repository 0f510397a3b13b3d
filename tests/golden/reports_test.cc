#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <sstream>

#include "reports/report.h"
#include "reports/telling.h"

namespace assay::reports {
namespace {

using golden::Alignment;
using golden::IntDifference;
using golden::LayerAlignment;
using testing::HasSubstr;
using testing::Not;

constexpr size_t kElements = 4096;

// A layer whose emulated column is off by `steps` (one element each) and whose real columns have about the cosine that `noise` gives.
LayerAlignment layer(const std::string& name, const std::string& operation, const Shape& shape, float noise, const std::vector<int64_t>& steps) {
  LayerAlignment row;
  row.name = name;
  row.node = name + "_node";
  row.operation = operation;
  row.shape = shape;
  std::vector<float> fp32(kElements);
  std::vector<float> ppq(kElements);
  emu::Tensor expected(emu::kS8, {1, 16, 16, 16});
  emu::Tensor got = expected;
  for (size_t i = 0; i < kElements; ++i) {
    fp32[i] = static_cast<float>(static_cast<int>(i * 37 % 101) - 50);
    ppq[i] = fp32[i] + noise * static_cast<float>(static_cast<int>(i * 53 % 17) - 8);
  }
  std::vector<float> emulated = ppq;
  for (size_t i = 0; i < steps.size(); ++i) {
    got.set(100 + i, steps[i]);
    emulated[100 + i] += static_cast<float>(steps[i]);
  }
  row.ppq_fp32.add(ppq, fp32);
  row.emu_fp32.add(emulated, fp32);
  row.emu_ppq.add(emulated, ppq);
  row.emu_vs_ppq.add("003", got, expected);
  return row;
}

Alignment example() {
  Alignment a;
  a.model = "mobilenet_v2.onnx";
  a.model_sha256 = std::string(64, 'a');
  a.target = "some_chip";
  a.samples = 256;
  a.assumed = {{"ops.add.operand_steps", emu::Evidence::assumed,
                "the maker documents the rescale of convolutions only; operands are taken to be brought to the output's scale the same way, with the same rounding"},
               {"ops.softmax.*", emu::Evidence::assumed, "as in the maker's reference kernels"}};
  a.notes = {"the accumulator of 'features.17.conv' (s16.wrap) can overflow: its worst case needs 19 bits"};
  a.layers = {layer("input", "requantize", {1, 3, 224, 224}, 0.01f, {}),
              layer("features.0.0/conv/very/long/path/of/modules/that/an/exporter/made_output_0", "conv", {1, 32, 112, 112}, 0.1f, {1, 1, 1, -1, -1, 1, 1, 1, -1, -1, -1, 1}),
              layer("features.1.add", "conv_transpose", {1, 64, 112, 112}, 0.3f, {1, 2, -1, 5, -3, 3, 4, 4, -2, 7, 9, -8}),
              layer("features.2.pool", "average_pool", {1, 1280, 1, 1}, 0.2f, {}), layer("logits", "matmul", {1, 1000}, 0.1f, {1})};
  a.layers[2].overflows.accumulator = {3, 0, 4};
  a.layers[2].overflows.output = {120, 5};
  a.layers[2].engine_note = "the sum may leave its accumulator";
  a.layers[3].emu_vs_ppq = IntDifference{};
  a.layers[3].emu_vs_ppq.add("000", emu::Tensor(emu::kS8, {1, 1280, 1, 1}), emu::Tensor(emu::kS8, {1, 1280}));
  a.layers[4].is_output = true;
  a.accuracy = golden::Accuracy{256, 253, 252, 252};
  return a;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// A text as it is without its line breaks and columns.
std::string flat(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const char shown = c == '\n' ? ' ' : c;
    if (shown != ' ' || result.empty() || result.back() != ' ') result += shown;
  }
  return result;
}

TEST(CosineText, IsOneOnlyWhereItIsOne) {
  EXPECT_EQ(cosine_text(1), "1");
  EXPECT_EQ(cosine_text(std::nextafter(1.0, 0.0)), "0.999999");
  EXPECT_EQ(cosine_text(0.9999996), "0.999999");
  EXPECT_EQ(cosine_text(0.99999), "0.999990");
  EXPECT_EQ(cosine_text(0.5), "0.500000");
  EXPECT_EQ(cosine_text(-0.25), "-0.250000");
}

TEST(PercentText, IsAllOrNothingOnlyWhereItIs) {
  EXPECT_EQ(percent_text(253, 256), "98.8 %");
  EXPECT_EQ(percent_text(10000, 10000), "100.0 %");
  EXPECT_EQ(percent_text(9999, 10000), "99.9 %");
  EXPECT_EQ(percent_text(1, 100000), "0.1 %");
  EXPECT_EQ(percent_text(0, 0), "0.0 %");
}

TEST(AccuracyText, IsOneLine) {
  EXPECT_EQ(accuracy_text({256, 253, 252, 252}), "accuracy  fp32 98.8 %  ppq 98.4 %  emulated 98.4 %  (256 labelled inputs)");
}

TEST(DifferenceText, CountsEveryStepAndShowsTheSmallestFirst) {
  const Alignment a = example();
  EXPECT_EQ(difference_text(a.layers[0].emu_vs_ppq), "EQUAL");
  EXPECT_EQ(difference_text(a.layers[1].emu_vs_ppq), "CLOSE 12 of 4096 (+1:7 -1:5)");
  EXPECT_EQ(difference_text(a.layers[2].emu_vs_ppq, 40), "NOT_EQUAL 12 (+1:1 -1:1 +2:1 -2:1 ..)");
  EXPECT_EQ(difference_text(a.layers[2].emu_vs_ppq, 25), "NOT_EQUAL 12 (+1:1 ..)");
  EXPECT_EQ(difference_text(a.layers[2].emu_vs_ppq, 11), "NOT_EQUAL");
  EXPECT_EQ(difference_text(a.layers[3].emu_vs_ppq), "NOT_COMPARABLE shape [1,1280,1,1] against [1,1280]");
}

TEST(Shortened, LosesItsMiddleAndCutsNoCharacter) {
  EXPECT_EQ(shortened("abcdefghij", 10), "abcdefghij");
  EXPECT_EQ(shortened("abcdefghij", 8), "abc..hij");
  EXPECT_EQ(shortened("\u00e4\u00f6\u00fc\u00e4\u00f6\u00fc\u00e4", 6), "\u00e4\u00f6..\u00fc\u00e4");
}

TEST(Printable, NothingThatSteersATerminalOrBreaksXmlPasses) {
  EXPECT_EQ(printable("a\x1b[31m\n\x7f\xc2\x9b z"), "a?[31m??? z");
  EXPECT_EQ(printable("\xff\xc0\xaf\xed\xa0\x80 \u00e4\u20ac"), "?????? \u00e4\u20ac");
  EXPECT_EQ(printable("\xef\xbf\xbf\xe2\x82"), "???");
}

RC_GTEST_PROP(Printable, IsItsOwnResult, (const std::string& text)) {
  const std::string once = printable(text);
  RC_ASSERT(printable(once) == once);
}

TEST(Terminal, TellsTheAssumedClaimsBeforeTheLayersAndThoseBeforeTheVerdicts) {
  const std::string text = terminal(example(), {});
  const size_t claims = text.find("2 claims about this target are assumed");
  const size_t layers = text.find("cos       cos");
  const size_t verdicts = text.find("verdicts, of the worst output");
  EXPECT_LT(claims, layers);
  EXPECT_LT(layers, verdicts);
  EXPECT_NE(verdicts, std::string::npos);
  EXPECT_THAT(text, HasSubstr("note: the accumulator of 'features.17.conv'"));
  EXPECT_THAT(flat(text), HasSubstr("sample 003, at (0,0,6,4): ppq 0, emulator 1"));
  EXPECT_THAT(text, HasSubstr("1 layer EQUAL, 2 CLOSE, 1 NOT_EQUAL; 25 of 16384 elements differ"));
  EXPECT_THAT(text, HasSubstr("accuracy  fp32 98.8 %"));
  EXPECT_THAT(text, HasSubstr("7/0/125"));
  EXPECT_THAT(text, HasSubstr("'features.2.pool': shape [1,1280,1,1] against [1,1280]"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(Terminal, NoLineIsWiderThanAskedFor) {
  for (const int columns : {40, 79, 100, 120, 200}) {
    for (const auto& line : lines_of(terminal(example(), {.columns = columns}))) EXPECT_LE(width_of(line), static_cast<size_t>(columns)) << line;
  }
}

RC_GTEST_PROP(Terminal, TheTableFitsWhateverTheLayersAreCalled, ()) {
  Alignment a = example();
  for (auto& row : a.layers) {
    row.name = *rc::gen::arbitrary<std::string>() + std::string(*rc::gen::inRange<size_t>(0, 200), 'n');
    row.shape = Shape(*rc::gen::inRange<size_t>(0, 9), int64_t{1} << *rc::gen::inRange(0, 31));
    row.operation = std::string(*rc::gen::inRange<size_t>(1, 30), 'o');
    row.emu_vs_ppq.elements = *rc::gen::arbitrary<uint64_t>();
    row.overflows.accumulator = {*rc::gen::inRange<uint64_t>(0, 1000000)};
  }
  const std::string text = terminal(a, {});
  const std::string from_table = text.substr(text.find("cos  "));
  for (const auto& line : lines_of(from_table.substr(0, from_table.find("verdicts, of")))) RC_ASSERT(width_of(line) <= 120u);
}

TEST(Terminal, ColorsOnlyWhereAskedAndTheyTakeNoRoom) {
  std::string colored = terminal(example(), {.color = true});
  EXPECT_THAT(colored, HasSubstr("\x1b[33m"));
  EXPECT_THAT(colored, HasSubstr("\x1b[31m"));
  for (size_t at = 0; (at = colored.find('\x1b')) != std::string::npos;) colored.erase(at, colored.find('m', at) - at + 1);
  EXPECT_EQ(colored, terminal(example(), {}));
}

TEST(Terminal, AShortTableKeepsOutputsAndEveryLayerWithATrouble) {
  const std::string text = terminal(example(), {.all_layers = false});
  EXPECT_THAT(text, HasSubstr("1 layer EQUAL with good cosines not shown"));
  EXPECT_THAT(text, Not(HasSubstr("requantize")));
  EXPECT_THAT(text, HasSubstr("logits"));
}

TEST(Terminal, WhatToDoNextIsSaidWhereSomethingFails) {
  Alignment a = example();
  EXPECT_THAT(terminal(a, {}), Not(HasSubstr("Next:")));
  a.layers.back() = layer("logits", "matmul", {1, 1000}, 3.0f, {});
  a.layers.back().is_output = true;
  EXPECT_THAT(flat(terminal(a, {})), HasSubstr("NOT GOOD. The quantization itself is at fault"));
  EXPECT_THAT(flat(terminal(a, {})), HasSubstr("mend the simulation first"));
  a.layers.back() = layer("logits", "matmul", {1, 1000}, 0.1f, std::vector<int64_t>(2000, 100));
  a.layers.back().is_output = true;
  EXPECT_THAT(flat(terminal(a, {})), HasSubstr("NOT ALIGNED. The target does not compute what the simulator says"));
  EXPECT_THAT(flat(terminal(a, {})), HasSubstr("although the simulation is good"));
}

TEST(EveryReport, StandsAnEmptyAlignmentAndOneOfNotANumber) {
  Alignment a = example();
  a.layers[0].ppq_fp32.add({std::numeric_limits<float>::quiet_NaN()}, {std::numeric_limits<float>::infinity()});
  for (const Alignment& alignment : {Alignment{}, a}) {
    for (const std::string& text : {terminal(alignment, {}), markdown(alignment), html(alignment), junit(alignment)}) {
      EXPECT_FALSE(text.empty());
      EXPECT_THAT(text, Not(testing::ContainsRegex("[^a-zA-Z]nan[^a-zA-Z]")));
    }
  }
}

TEST(EveryReport, NamesCannotBreakOut) {
  Alignment a = example();
  a.layers[1].name = a.model = a.target = a.assumed[0].note = a.notes[0] = "<script>alert('&\"')</script>|`\n]]>";
  EXPECT_THAT(html(a), Not(HasSubstr("<script")));
  EXPECT_THAT(html(a), HasSubstr("&lt;script&gt;alert(&#39;&amp;&quot;&#39;)"));
  EXPECT_THAT(junit(a), Not(HasSubstr("<script")));
  EXPECT_THAT(markdown(a), Not(HasSubstr(" <script")));
  for (const auto& line : lines_of(markdown(a))) {
    if (line.rfind("| 1 |", 0) == 0) {
      EXPECT_THAT(line, HasSubstr("\\|\\`?"));
    }
  }
}

TEST(Junit, FailsWhereALayerIsNotEqualOrNotComparableOrAnOutputIsFarOff) {
  const std::string text = junit(example());
  EXPECT_THAT(text, HasSubstr("<testsuites name=\"assay align\" tests=\"5\" failures=\"2\">"));
  EXPECT_THAT(text, HasSubstr("name=\"2 conv_transpose features.1.add\">"));
  EXPECT_THAT(text, HasSubstr("<failure message=\"emulator against ppq: NOT_EQUAL 12 of 4096"));
  EXPECT_THAT(text, HasSubstr("NOT_COMPARABLE shape"));
  EXPECT_THAT(text, HasSubstr("name=\"4 matmul logits\"/>"));
  Alignment a = example();
  a.layers = {layer("logits", "matmul", {1, 1000}, 3.0f, {})};
  EXPECT_THAT(junit(a), HasSubstr("failures=\"0\""));
  a.layers[0].is_output = true;
  EXPECT_THAT(junit(a), HasSubstr("cos(ppq, fp32) = 0."));
}

TEST(Markdown, EveryRowOfATableHasAsManyCellsAsItsHead) {
  size_t cells = 0;
  for (const auto& line : lines_of(markdown(example()))) {
    const auto bars = static_cast<size_t>(std::count(line.begin(), line.end(), '|'));
    if (cells != 0 && bars != 0) {
      EXPECT_EQ(bars, cells) << line;
    }
    cells = bars;
  }
}

// To look at: ASSAY_SHOW_REPORTS=1 prints the terminal report of the example.
}  // namespace
}  // namespace assay::reports

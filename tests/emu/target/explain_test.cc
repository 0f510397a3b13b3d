#include <gtest/gtest.h>

#include <sstream>

#include "emu/target/load_target.h"

namespace assay::emu {
namespace {

std::string dir() {
  return std::string(ASSAY_SOURCE_DIR) + "/emu/targets";
}

// Line ends are where the width asks for them: sentences are looked for without.
std::string flowing(const std::string& text) {
  std::istringstream in(text);
  std::string result, word;
  while (in >> word) result += word + " ";
  return result;
}

TEST(Explain, FitsIn120ColumnsWithoutTrailingBlanks) {
  for (const std::string& path : list_targets(dir())) {
    std::istringstream in(explain(load_target(path)));
    int lines = 0;
    for (std::string line; std::getline(in, line); ++lines) {
      if (line.find("read from ") == 0) continue;
      EXPECT_LE(line.size(), 120u) << path << ": " << line;
      EXPECT_TRUE(line.empty() || line.back() != ' ') << line;
    }
    EXPECT_GT(lines, 40);
  }
}

TEST(Explain, TellsEveryStepEverySourceAndEveryClaim) {
  for (const std::string& path : list_targets(dir())) {
    const Target t = load_target(path);
    const std::string text = flowing(explain(t));
    for (const Source& source : t.sources) {
      const std::string name = source.section.substr(source.section.find('.') + 1);
      const bool missing = source.section.find("ops.") == 0 && text.find(" " + name, text.find("Not supported:")) < text.find("What is claimed");
      EXPECT_TRUE(missing || text.find("Source: " + flowing(source.text)) != std::string::npos) << source.section;
    }
    for (const Step& step : t.conv->steps) EXPECT_NE(text.find(". " + to_string(step) + " "), std::string::npos) << to_string(step);
    for (const Claim& claim : t.claims) EXPECT_NE(text.find(flowing(std::string(to_string(claim.evidence)) + ": " + claim.key + " " + claim.note)), std::string::npos) << claim.key;
  }
}

TEST(Explain, EndsWithClaimsTheAssumedFirst) {
  const std::string text = explain(load_target(dir() + "/nxp_int8.toml"));
  const size_t heading = text.find("What is claimed");
  ASSERT_NE(heading, std::string::npos);
  EXPECT_GT(heading, text.find("Not supported: conv_transpose, leaky_relu, softmax_fixed_point."));
  EXPECT_LT(text.rfind("  assumed: "), text.find("  documented: "));
}

TEST(Explain, SaysWhatTheWordsMean) {
  const std::string nxp = flowing(explain(load_target(dir() + "/nxp_int8.toml")));
  for (const char* sentence :
       {"weights s8, values -128..127", "symmetric (zero point 0), one scale per output channel, a power of two; rounded half_down (to the nearest, ties to -infinity)",
        "As a shift alone: ratios are powers of two", "s32.wrap: a signed register of 32 bits that wraps (modulo 2^32), in the order ky,kx,ic",
        "shift_right scale half_up divided by 2^(the scale's right shift), rounded to the nearest, ties to +infinity", "256 entries, one for each word"}) {
    EXPECT_NE(nxp.find(sentence), std::string::npos) << sentence;
  }
  const std::string dsp = flowing(explain(load_target(dir() + "/dsp_int8.toml")));
  for (const char* sentence :
       {"the multiplier has 31 bits", "asymmetric (with a zero point), one scale per tensor, any real number", "times 2^16 (headroom)", "form: reciprocal"}) {
    EXPECT_NE(dsp.find(sentence), std::string::npos) << sentence;
  }
}

TEST(Explain, SaysWhatSharesAScale) {
  Target t = load_target(dir() + "/icraft_buyi.toml");
  const std::string told = flowing(explain(t));
  EXPECT_NE(
      told.find("inputs: concatenate, words are copied, channels keep the scales of their inputs, and weights that meet them are normalised; on another axis all have one scale."),
      std::string::npos);
  EXPECT_NE(told.find("weights symmetric (zero point 0), one scale per output channel, "), std::string::npos);
  t.quantize.weight.granularity = Granularity::per_group, t.quantize.weight.group = 16;
  EXPECT_NE(flowing(explain(t)).find("weights symmetric (zero point 0), one scale per group of 16 output channels, "), std::string::npos);
}

// `target` told, with line ends where a blank is.
std::string told(const Target& target) {
  return flowing(explain(target));
}

TEST(Explain, TellsTheFormOfAMultiplierItsRatioAndItsFirstCut) {
  Target t = load_target(dir() + "/dsp_int8.toml");
  EXPECT_EQ(told(t).find("The ratio itself is formed"), std::string::npos);
  t.multiplier.form = MultiplierForm::nearest, t.multiplier.bits = 8, t.multiplier.min_right = RightShift{8}, t.multiplier.max_right = RightShift{16};
  t.multiplier.max_first = RightShift{5}, t.multiplier.ratio = RatioFormat::binary32;
  t.conv->steps = parse_steps("shift_right first floor; add_bias; multiply; shift_right scale half_even; add_zero_point; saturate output");
  for (const char* sentence : {"of all multipliers 0..255 and right shifts 8..16 the pair whose value is nearest to the ratio", "A first cut before the bias takes up to 5 more",
                               "The ratio itself is formed in binary32, the product and the quotient each rounded half_even",
                               "shift_right first floor divided by 2^(the scale's first cut), rounded toward -infinity"}) {
    EXPECT_NE(told(t).find(sentence), std::string::npos) << sentence;
  }
}

TEST(Explain, TellsBiasesOperandsCountsAndEntries) {
  Target t = load_target(dir() + "/dsp_int8.toml");
  t.quantize.bias_scale = BiasScale::power_of_two;
  t.add->operand_scale = OperandScale::common_shift, t.add->operand_bits = 21;
  t.average_pool->inputs = InputScales::joint, t.average_pool->count_scale = CountScale::floor_24;
  t.table->entries = TableSource::fixed_point;
  t.softmax.reset(), t.softmax_fixed_point = true;
  for (const char* sentence :
       {"scale = a power of two of its own", "the channel's bias is added, shifted from its own power of two", "has a multiplier of 21 bits, the other one the same shift",
        "inputs: joint, the output has the input's scale", "1 / count is floor(2^24 / count), divided by 2^24",
        "those of fixed-point functions for Sigmoid, Tanh and 8-bit HardSwish", "softmax_fixed_point: exponentials"}) {
    EXPECT_NE(told(t).find(sentence), std::string::npos) << sentence;
  }
}

TEST(Explain, TellsHowARangeBecomesAScaleAndHowTablesAreMade) {
  Target t = load_target(dir() + "/fbgemm.toml");
  t.quantize.input.encoding = Encoding::nudged_range;
  t.table->correction = TableCorrection::midpoint, t.table->hard_sigmoid = HardSigmoid::factor_2731;
  const std::string words = flowing(told(t));
  for (const char* sentence : {"whose range becomes scale and zero point (rounded half_even) over 0..127.", "after one end was moved so that zero is a word, over 0..127.",
                               "each entry lowered by half of what that line misses in the middle", "HardSigmoid is relu(x + 3) * 2731 / 2^14."}) {
    EXPECT_NE(words.find(sentence), std::string::npos) << sentence << "\n" << words;
  }
}

TEST(Explain, TellsTheConstantsOfStepsInBinary32) {
  Target t = load_target(dir() + "/dsp_int8.toml");
  t.binary32 = Fp32Rule{Fp32Scale::ratio, kBf16, kTf32, Fp32Output::reciprocal};
  t.conv->steps =
      parse_steps("to_fp32; mul_fp32 scale; add_fp32 bias; mul_fp32 output; add_fp32 zero_point; leaky_fp32 slope; round_fp32 bf16 half_even; to_int half_even; saturate output");
  for (const char* sentence :
       {"scale ratio: (input scale x weight scale) / output scale, each operation rounded half_even, then rounded half_even to bf16.",
        "bias in accumulator steps before the scale is applied, after it in output steps, then rounded half_even to tf32.", "output 1 / output scale.",
        "add_fp32 bias plus the channel's bias, in binary32", "mul_fp32 output times 1 / output scale, in binary32", "add_fp32 zero_point plus the output's zero point",
        "leaky_fp32 slope where below 0, times the slope", "round_fp32 bf16 half_even to a number of bf16"}) {
    EXPECT_NE(told(t).find(sentence), std::string::npos) << sentence << "\n" << explain(t);
  }
  t.add->operand_steps = parse_steps("to_fp32; mul_fp32 scale");
  EXPECT_NE(told(t).find("each becomes a binary32 number; they are added there"), std::string::npos);
}

// The keys whose values change nothing in these words.
TEST(Explain, SaysOtherWordsWhereverAWordOfTheFileChanges) {
  for (const std::string& path : list_targets(dir())) {
    const Target target = load_target(path);
    const std::string before = told(target);
    Target other = target;
    other.quantize.bias_round = target.quantize.bias_round == Round::floor ? Round::ceil : Round::floor;
    EXPECT_NE(told(other), before) << path;
    other = target;
    other.storage.weight.low = target.storage.weight.low + 1;
    EXPECT_NE(told(other), before) << path;
    other = target;
    other.accumulate.accumulator = Accumulator{IntType{23, true}, Overflow::saturate};
    EXPECT_NE(told(other), before) << path;
  }
}

}  // namespace
}  // namespace assay::emu

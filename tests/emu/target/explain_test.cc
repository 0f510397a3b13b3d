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

}  // namespace
}  // namespace assay::emu

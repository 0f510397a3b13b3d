#include "emu/target/review.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "emu/target/change.h"
#include "emu/target/load_target.h"

namespace assay::emu {
namespace {

Target target_of(const std::string& name) {
  return load_target(find_target(name, default_targets_dir()));
}

bool has(const std::vector<Review::Remark>& remarks, const std::string& key) {
  return std::any_of(remarks.begin(), remarks.end(), [&](const auto& remark) { return remark.key == key; });
}

TEST(Review, NamesTheOperatorsThatTheTargetLacks) {
  const Review found = review(target_of("nxp_int8"));
  EXPECT_EQ(std::count(found.lacking.begin(), found.lacking.end(), "ops.conv_transpose"), 1);
  for (const char* other : {"ops.conv", "binary32"}) EXPECT_EQ(std::count(found.lacking.begin(), found.lacking.end(), other), 0) << other;
}

// Each may be had by another section: slopes and limits by a table, a softmax in its other form.
TEST(Review, AnOperatorThatAnotherSectionServesIsNotLacking) {
  const auto lacks = [](const char* target, const char* section) {
    const Review found = review(target_of(target));
    return std::count(found.lacking.begin(), found.lacking.end(), section) == 1;
  };
  EXPECT_FALSE(lacks("onnxruntime_cpu", "ops.leaky_relu"));
  EXPECT_FALSE(lacks("icraft_buyi", "ops.requantize"));
  EXPECT_FALSE(lacks("nxp_int8", "ops.softmax_fixed_point"));
  EXPECT_FALSE(lacks("tflite_int8", "ops.softmax"));
  Target target = target_of("onnxruntime_cpu");
  target.table.reset();
  const Review found = review(target);
  for (const char* section : {"ops.leaky_relu", "ops.table"}) EXPECT_EQ(std::count(found.lacking.begin(), found.lacking.end(), section), 1) << section;
}

TEST(Review, ASectionThatAdmitsToHaveNoDocumentNeedsAClaim) {
  Target target = target_of("nxp_int8");
  EXPECT_TRUE(review(target).unclaimed.empty());
  std::erase_if(target.claims, [](const Claim& claim) { return claim.key == "accumulate.*"; });
  ASSERT_EQ(review(target).unclaimed.size(), 1U);
  EXPECT_EQ(review(target).unclaimed[0].key, "accumulate");
  EXPECT_NE(review_text(target, review(target)).find("no claim   [accumulate] admits"), std::string::npos);
  target.claims.push_back({"accumulate.order", Evidence::assumed, "guessed"});
  EXPECT_TRUE(review(target).unclaimed.empty());
}

TEST(Review, AClaimOnAllOperatorsSpeaksOfEachOfThem) {
  Target target = target_of("dsp_int8");
  EXPECT_TRUE(has(review(target).resting_on_source, "ops.pad"));
  target.claims.push_back({"ops.*", Evidence::documented, "the manual"});
  EXPECT_FALSE(has(review(target).resting_on_source, "ops.pad"));
  EXPECT_TRUE(has(review(target).resting_on_source, "storage") || !target.claims.empty());
}

TEST(Review, TellsKeysWithoutEffect) {
  const std::string path = find_target("nxp_int8", default_targets_dir());
  const Review found = review(load_target(path));
  EXPECT_TRUE(has(found.without_effect, "multiplier.round"));
  EXPECT_TRUE(has(found.without_effect, "accumulate.order"));
  EXPECT_TRUE(has(found.without_effect, "ops.table.interpolation_round"));
  EXPECT_FALSE(has(found.without_effect, "ops.average_pool.round"));
  EXPECT_FALSE(has(review(load_changed_target(path, "accumulate.accumulator=s24.saturate")).without_effect, "accumulate.order"));
  EXPECT_FALSE(has(review(load_changed_target(path, "ops.table.fraction_bits=2")).without_effect, "ops.table.interpolation_round"));
  EXPECT_TRUE(has(review(target_of("dsp_int8")).without_effect, "ops.average_pool.round"));
  EXPECT_FALSE(has(review(target_of("dsp_int8")).without_effect, "multiplier.round"));
}

TEST(Review, NoBuiltInTargetLeavesAnUndocumentedSectionWithoutAClaim) {
  for (const std::string& path : list_targets(default_targets_dir())) {
    const Target target = load_target(path);
    for (const auto& remark : review(target).unclaimed) ADD_FAILURE() << path << ": [" << remark.key << "] " << remark.text;
  }
}

TEST(ReviewText, FitsIn120ColumnsAndTellsEachAssumedKey) {
  for (const std::string& path : list_targets(default_targets_dir())) {
    const Target target = load_target(path);
    const std::string text = review_text(target, review(target));
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
      if (line.find(target.file) != std::string::npos) continue;
      EXPECT_LE(line.size(), 120U) << line;
    }
    for (const Claim& claim : target.claims) {
      EXPECT_TRUE(claim.evidence != Evidence::assumed || text.find(claim.key) != std::string::npos) << claim.key;
    }
  }
}

}  // namespace
}  // namespace assay::emu

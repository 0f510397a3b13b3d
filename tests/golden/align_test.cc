#include "golden/align.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "emu/base/error.h"

namespace assay::golden {
namespace {

using emu::kS8;
using emu::Tensor;
using testing::HasSubstr;

RealDifference difference(const std::vector<float>& x, const std::vector<float>& r) {
  RealDifference d;
  d.add(x, r);
  return d;
}

IntDifference compare(const std::vector<int64_t>& got, const std::vector<int64_t>& expected) {
  IntDifference d;
  d.add("s", Tensor(kS8, {static_cast<int64_t>(got.size())}, got), Tensor(kS8, {static_cast<int64_t>(expected.size())}, expected));
  return d;
}

TEST(RealDifference, FollowsItsFormulas) {
  const RealDifference d = difference({3, 4}, {4, 3});
  EXPECT_DOUBLE_EQ(d.cosine(), 24.0 / 25);
  EXPECT_DOUBLE_EQ(d.mean_absolute_error(), 1);
  EXPECT_DOUBLE_EQ(d.relative_euclidean(), std::sqrt(2.0) / 5);
  EXPECT_DOUBLE_EQ(d.snr(), 2 / (25 + 1e-7));
}

TEST(RealDifference, CosineOfZerosIsOneOnlyTogether) {
  EXPECT_EQ(difference({0, 0}, {0, 0}).cosine(), 1);
  EXPECT_EQ(difference({0, 0}, {1, 0}).cosine(), 0);
  EXPECT_EQ(difference({1, 0}, {0, 0}).cosine(), 0);
}

TEST(RealDifference, NotANumberIsNeverAligned) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(difference({nan, 1}, {nan, 1}).cosine(), 0);
  EXPECT_EQ(difference({inf, 1}, {inf, 1}).cosine(), 0);
}

RC_GTEST_PROP(RealDifference, TheCosineOfEqualColumnsIsExactlyOne, (const std::vector<int16_t>& values)) {
  std::vector<float> x;
  for (const int16_t value : values) x.push_back(static_cast<float>(value) * 0.013f);
  RC_ASSERT(difference(x, x).cosine() == 1.0);
}

TEST(IntDifference, OneStepIsCloseAndTwoAreNot) {
  EXPECT_EQ(compare({1, 2, 3}, {1, 2, 3}).verdict, Verdict::EQUAL);
  EXPECT_EQ(compare({1, 3, 2}, {1, 2, 3}).verdict, Verdict::CLOSE);
  EXPECT_EQ(compare({1, 2, 5}, {1, 2, 3}).verdict, Verdict::NOT_EQUAL);
  const IntDifference d = compare({1, 3, 1}, {1, 2, 3});
  EXPECT_EQ(d.off_by, (std::map<int64_t, uint64_t>{{-2, 1}, {1, 1}}));
  EXPECT_EQ(d.elements, 3u);
  EXPECT_EQ(d.differing, 2u);
}

TEST(IntDifference, TheFirstMismatchSaysWhereInEveryAxis) {
  IntDifference d;
  Tensor expected(kS8, {2, 3, 4, 5});
  Tensor got = expected;
  got.set(((1 * 3 + 2) * 4 + 0) * 5 + 3, -7);
  got.set(119, 1);
  d.add("004", got, expected);
  ASSERT_TRUE(d.first);
  EXPECT_EQ(d.first->sample, "004");
  EXPECT_EQ(d.first->index, (std::vector<int64_t>{1, 2, 0, 3}));
  EXPECT_EQ(d.first->expected, 0);
  EXPECT_EQ(d.first->got, -7);
}

TEST(IntDifference, AnotherShapeOrTypeIsNotComparableAndStaysSo) {
  IntDifference d;
  d.add("a", Tensor(kS8, {2, 3}), Tensor(kS8, {3, 2}));
  EXPECT_EQ(d.verdict, Verdict::NOT_COMPARABLE);
  EXPECT_EQ(d.why, "shape [2,3] against [3,2]");
  EXPECT_EQ(d.elements, 0u);
  d.add("b", Tensor(kS8, {2}), Tensor(kS8, {2}));
  EXPECT_EQ(d.verdict, Verdict::NOT_COMPARABLE);
  IntDifference types;
  types.add("a", Tensor(kS8, {2}), Tensor(emu::kU8, {2}));
  EXPECT_EQ(types.why, "type s8 against u8");
}

TEST(IntDifference, DifferencesOfWideTypesDoNotOverflowAndTheHistogramStaysSmall) {
  IntDifference d;
  d.add("a", Tensor(emu::kS64, {2}, {INT64_MAX, INT64_MIN}), Tensor(emu::kS64, {2}, {INT64_MIN, INT64_MAX}));
  EXPECT_EQ(d.off_by, (std::map<int64_t, uint64_t>{{-kFarthest, 1}, {kFarthest, 1}}));
}

RC_GTEST_PROP(IntDifference, MergingPartsIsAddingAll, ()) {
  IntDifference all;
  IntDifference first_half;
  IntDifference second_half;
  for (int i = 0; i < 6; ++i) {
    const auto values = [] {
      std::vector<int64_t> v(4);
      for (auto& value : v) value = *rc::gen::inRange<int64_t>(0, 3);
      return v;
    };
    const Tensor got(kS8, {4}, values());
    const Tensor expected(kS8, {4}, values());
    all.add(std::to_string(i), got, expected);
    (i < 3 ? first_half : second_half).add(std::to_string(i), got, expected);
  }
  first_half.merge(second_half);
  RC_ASSERT(first_half.verdict == all.verdict);
  RC_ASSERT(first_half.off_by == all.off_by);
  RC_ASSERT(first_half.elements == all.elements);
  RC_ASSERT(first_half.first.has_value() == all.first.has_value());
  if (all.first) RC_ASSERT(first_half.first->sample == all.first->sample);
}

LayerAlignment layer(const std::string& name, bool is_output, const std::vector<float>& fp32, const std::vector<float>& ppq, const std::vector<float>& emulated) {
  LayerAlignment row;
  row.name = name;
  row.is_output = is_output;
  row.shape = {static_cast<int64_t>(fp32.size())};
  row.ppq_fp32.add(ppq, fp32);
  row.emu_fp32.add(emulated, fp32);
  row.emu_ppq.add(emulated, ppq);
  row.emu_vs_ppq = compare({1}, {1});
  return row;
}

TEST(Verdicts, TheWorstOutputCountsAndInnerLayersDoNot) {
  Alignment a;
  const std::vector<float> v{1, 2, 3};
  const std::vector<float> bad{3, -1, 0};
  a.layers = {layer("inner", false, v, bad, bad), layer("good", true, v, v, v), layer("other", true, v, v, v)};
  EXPECT_EQ(a.exit_code(), 0);
  a.layers[2] = layer("other", true, v, v, bad);
  EXPECT_TRUE(a.verdicts().simulation_good);
  EXPECT_FALSE(a.verdicts().aligned);
  EXPECT_FALSE(a.verdicts().precision_normal);
  EXPECT_EQ(a.verdicts().ppq_fp32, 1);
  EXPECT_LT(a.verdicts().emu_ppq, 0.5);
  EXPECT_EQ(a.exit_code(), 1);
}

TEST(Verdicts, EachOfTheThreeAloneIsEnoughForExitCodeOne) {
  // About eight degrees: cos = 0.9899 of one step, and two steps the other way come back.
  const std::vector<float> x{1, 0};
  const std::vector<float> y{0.9899f, 0.1418f};
  for (const auto& [fp32, ppq, emulated] : {std::tuple{x, y, x}, std::tuple{x, x, y}, std::tuple{y, x, x}}) {
    Alignment a;
    a.layers = {layer("o", true, fp32, ppq, emulated)};
    EXPECT_EQ(a.exit_code(), 1);
  }
}

TEST(Verdicts, NothingComparedIsNotAligned) {
  EXPECT_EQ(Alignment{}.exit_code(), 1);
  Alignment a;
  a.layers = {LayerAlignment{}};
  a.layers[0].is_output = true;
  EXPECT_EQ(a.exit_code(), 1);
}

TEST(Verdicts, AnOutputThatIsNotComparableIsNotAligned) {
  Alignment a;
  a.layers = {layer("o", true, {1}, {1}, {1})};
  a.layers[0].emu_vs_ppq.add("s", Tensor(kS8, {2}), Tensor(kS8, {3}));
  EXPECT_FALSE(a.verdicts().aligned);
  EXPECT_EQ(a.exit_code(), 1);
}

TEST(Verdicts, WithoutAnOutputTheLastLayerStandsForIt) {
  Alignment a;
  a.layers = {layer("x", false, {1, 0}, {0, 1}, {0, 1}), layer("y", false, {1, 2}, {1, 2}, {1, 2})};
  EXPECT_EQ(a.exit_code(), 0);
}

Alignment example() {
  Alignment a;
  a.model = "digits.onnx";
  a.model_sha256 = "abc";
  a.target = "chip";
  a.assumed = {{"ops.conv.steps", emu::Evidence::assumed, "a guess"}};
  a.notes = {"careful"};
  a.samples = 1;
  a.layers = {layer("conv1", false, {1, 2.5f}, {1, 2.25f}, {1, 2.25f}), layer("out", true, {0.1f, -3}, {0.125f, -3}, {0.125f, -3})};
  a.layers[0].emu_vs_ppq = compare({1, 2, 7}, {1, 3, 5});
  a.layers[0].overflows.output = {1, 0, 2};
  a.accuracy = Accuracy{1, 1, 1, 0};
  return a;
}

TEST(Merge, AddsLayerByLayer) {
  Alignment a;
  merge(a, example());
  merge(a, example());
  EXPECT_EQ(a.samples, 2u);
  EXPECT_EQ(a.layers[0].emu_vs_ppq.elements, 6u);
  EXPECT_EQ(a.layers[0].overflows.output, (std::vector<uint64_t>{2, 0, 4}));
  EXPECT_EQ(a.accuracy->labelled, 2u);
  EXPECT_EQ(a.accuracy->emu_correct, 0u);
  EXPECT_EQ(a.assumed.size(), 1u);
}

TEST(AlignJson, ComesBackAsItWas) {
  const std::string text = to_json(example());
  EXPECT_EQ(to_json(from_json(text, "x")), text);
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json["layers"][0]["emu_vs_ppq"]["verdict"], "NOT_EQUAL");
  EXPECT_EQ(json["layers"][0]["emu_vs_ppq"]["off_by"], nlohmann::json::parse("[[-1,1],[2,1]]"));
  EXPECT_EQ(json["exit_code"], 0);
}

TEST(AlignJson, HoldsNoNaNAndNamesThatAreNoUtf8DoNotStopIt) {
  Alignment a = example();
  a.layers[0].name = "\xff\xfe";
  a.layers[0].ppq_fp32.add({std::numeric_limits<float>::quiet_NaN()}, {1});
  const std::string text = to_json(a);
  EXPECT_TRUE(nlohmann::json::accept(text));
  EXPECT_THAT(text, HasSubstr("\"sum_xx\": null"));
  EXPECT_EQ(from_json(text, "x").layers[0].ppq_fp32.cosine(), 0);
}

TEST(AlignJson, WhatIsNoAlignmentIsRefused) {
  for (const std::string text : {"", "{", "[]", "{}", R"({"format": "assay align 2"})", R"({"format": "assay align 1"})", R"({"format": "assay align 1", "model": 3})"}) {
    EXPECT_THROW(from_json(text, "align.json"), InputError) << text;
  }
  std::string text = to_json(example());
  text.replace(text.find("\"elements\": 2"), 13, "\"elements\": []");
  EXPECT_THROW(from_json(text, "align.json"), InputError);
}

}  // namespace
}  // namespace assay::golden

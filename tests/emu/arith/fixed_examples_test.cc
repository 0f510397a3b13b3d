// The fixed-point functions and operators against values that were computed with the published libraries (tests/emu/arith/witness_test.cc holds the step lists to the same file).
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "emu/arith/fixed_functions.h"
#include "emu/arith/fixed_operators.h"
#include "emu/arith/fixed_point.h"
#include "emu/arith/table.h"

namespace assay::emu {
namespace {

using Json = nlohmann::json;

// The example whose id begins with `number`, or null where the file is not beside this source tree.
Json worked_example(const std::string& number) {
  static const Json all = [] {
    std::ifstream in(std::string(ASSAY_SHARED_DIR) + "/specs/arithmetic_examples.json");
    return in ? Json::parse(in)["examples"] : Json();
  }();
  for (const Json& e : all) {
    if (e["id"].get<std::string>().rfind(number, 0) == 0) return e;
  }
  return Json();
}

#define ASSAY_EXAMPLE(name, number)         \
  const Json name = worked_example(number); \
  if (name.is_null()) GTEST_SKIP() << "specs/arithmetic_examples.json is not beside this source tree, or lacks example " << (number)

template <class Function>
void expect_each(const Json& inputs, const Json& expected, const Function& function) {
  ASSERT_EQ(inputs.size(), expected.size());
  for (size_t i = 0; i < inputs.size(); ++i) EXPECT_EQ(function(inputs[i].get<int64_t>()), expected[i].get<int64_t>()) << "input " << inputs[i];
}

TEST(FixedExamples, HighMultiplicationAndDivisionByPowers) {
  ASSAY_EXAMPLE(high, "079");
  for (size_t i = 0; i < high["expected"].size(); ++i) {
    EXPECT_EQ(saturating_rounding_doubling_high_mul_32(high["inputs"]["a"][i], high["inputs"]["b"][i]), high["expected"][i].get<int64_t>());
  }
  ASSAY_EXAMPLE(power, "080");
  for (size_t i = 0; i < power["expected"].size(); ++i) {
    EXPECT_EQ(rounding_divide_by_power(power["inputs"]["x"][i], RightShift{power["inputs"]["e"][i].get<uint8_t>()}), power["expected"][i].get<int64_t>());
  }
}

TEST(FixedExamples, ScalingRoundedOnceAndTwice) {
  ASSAY_EXAMPLE(twice, "070");
  const QScale tflite = QScale::from_tflite(twice["params"]["m"], twice["params"]["shift"]);
  expect_each(twice["inputs"]["x"], twice["expected"], [&](int64_t x) { return multiply_by_quantized_multiplier_rounding_twice(x, tflite); });
  ASSAY_EXAMPLE(once, "071");
  expect_each(once["inputs"]["x"], once["expected"], [&](int64_t x) { return multiply_by_quantized_multiplier_rounding_once(x, tflite); });
  ASSAY_EXAMPLE(tosa_twice, "072");
  const QScale tosa = QScale::from_tosa(tosa_twice["params"]["m"], tosa_twice["params"]["shift"]);
  expect_each(tosa_twice["inputs"]["x"], tosa_twice["expected"], [&](int64_t x) { return apply_scale_32_rounding_twice(x, tosa); });
  for (const char* number : {"073", "077"}) {
    ASSAY_EXAMPLE(tosa_once, number);
    const QScale scale = QScale::from_tosa(tosa_once["params"]["m"], tosa_once["params"]["shift"]);
    expect_each(tosa_once["inputs"]["x"], tosa_once["expected"], [&](int64_t x) { return apply_scale_32_rounding_once(x, scale); });
  }
  ASSAY_EXAMPLE(reduced, "085");
  const QScale q15 = QScale::from_tflite(reduced["params"]["m"], reduced["params"]["shift"]);
  EXPECT_EQ(reduced_multiplier(q15.multiplier), reduced["params"]["reduced_m"].get<int64_t>());
  expect_each(reduced["inputs"]["acc_i64"], reduced["expected"], [&](int64_t x) { return multiply_by_quantized_multiplier_15(x, q15); });
}

TEST(FixedExamples, TwiceRoundedIsTheSameInBothConventions) {
  ASSAY_EXAMPLE(e, "078");
  for (size_t i = 0; i < e["expected"].size(); ++i) {
    const Json& c = e["inputs"]["cases"][i];
    const QScale tflite = QScale::from_tflite(c[1], c[2]), tosa = QScale::from_tosa(c[1], 31 - c[2].get<int>());
    const int64_t twice = e["expected"][i]["tflite_double=tosa_double"], once = e["expected"][i]["tflite_single=tosa_single"];
    EXPECT_EQ(multiply_by_quantized_multiplier_rounding_twice(c[0], tflite), twice);
    EXPECT_EQ(apply_scale_32_rounding_twice(c[0], tosa), twice);
    EXPECT_EQ(multiply_by_quantized_multiplier_rounding_once(c[0], tflite), once);
    EXPECT_EQ(apply_scale_32_rounding_once(c[0], tosa), once);
  }
}

TEST(FixedExamples, ExponentialAndInverseSquareRoot) {
  ASSAY_EXAMPLE(exponential, "140");
  expect_each(exponential["inputs"]["a"], exponential["expected"], [](int64_t a) { return exp_on_negative_values(a, FixedFormat{32, 5}); });
  ASSAY_EXAMPLE(root, "144");
  for (size_t i = 0; i < root["expected"].size(); ++i) {
    const InverseSquareRoot found = inverse_square_root(root["inputs"]["x"][i]);
    EXPECT_EQ(found.multiplier, root["expected"][i][0].get<int64_t>());
    EXPECT_EQ(-found.right.bits, root["expected"][i][1].get<int>());
  }
}

TEST(FixedExamples, FunctionsOfOneWord) {
  for (const char* number : {"133", "134"}) {
    const Json e = worked_example(number);
    if (e.is_null()) continue;
    const ArgumentScale argument{e["params"]["input_zero_point"], QScale::from_tflite(e["params"]["input_multiplier"], e["params"]["input_shift"]),
                                 e["params"]["input_range_radius"]};
    EXPECT_EQ(input_range_radius(4, argument.scale.left), argument.range_radius);
    expect_each(e["inputs"]["x"], e["expected"], [&](int64_t x) { return number[2] == '3' ? logistic_8(x, argument) : tanh_8(x, argument); });
  }
  ASSAY_EXAMPLE(swish, "163");
  const Json& p = swish["params"];
  const HardSwishScale scale{p["z_in"], p["z_out"], QScale::from_tflite(p["out_mult_i16"], p["out_exp"]), QScale::from_tflite(p["reluish_mult_i16"], p["reluish_exp"])};
  expect_each(swish["inputs"]["x"], swish["expected"], [&](int64_t x) { return hard_swish_8(x, scale); });
}

TEST(FixedExamples, SoftmaxOfRows) {
  for (const char* number : {"141", "142"}) {
    ASSAY_EXAMPLE(e, number);
    const Json& p = e["params"];
    const SoftmaxScale scale{QScale::from_tflite(p["input_multiplier"], p["input_left_shift"]), p["diff_min"]};
    EXPECT_EQ(-input_range_radius(5, scale.difference.left), scale.lowest_difference);
    EXPECT_EQ(softmax_row(e["inputs"]["x"].get<std::vector<int64_t>>(), scale, kS8), e["expected"].get<std::vector<int64_t>>());
  }
}

TEST(FixedExamples, SumsAndProducts) {
  ASSAY_EXAMPLE(sum, "145");
  const Json& s = sum["params"];
  const AddScale add_scale{
      LeftShift{20}, s["z1"], s["z2"], s["zo"], QScale::from_tflite(s["m1"], s["sh1"]), QScale::from_tflite(s["m2"], s["sh2"]), QScale::from_tflite(s["mo"], s["sho"]), -128, 127};
  for (size_t i = 0; i < sum["expected"].size(); ++i) EXPECT_EQ(add_quantized(sum["inputs"]["x"][i], sum["inputs"]["y"][i], add_scale), sum["expected"][i].get<int64_t>());
  ASSAY_EXAMPLE(product, "151");
  const Json& m = product["params"];
  const MulScale mul_scale{m["z1"], m["z2"], m["zo"], QScale::from_tflite(m["m"], m["shift"]), -128, 127};
  for (size_t i = 0; i < product["expected"].size(); ++i)
    EXPECT_EQ(multiply_quantized(product["inputs"]["x"][i], product["inputs"]["y"][i], mul_scale), product["expected"][i].get<int64_t>());
}

TEST(FixedExamples, AveragesByDivisionAndByReciprocal) {
  ASSAY_EXAMPLE(division, "153");
  ASSAY_EXAMPLE(reciprocals, "155");
  for (const Json& e : {division, reciprocals}) {
    for (size_t i = 0; i < e["expected"].size(); ++i) {
      int64_t total = 0;
      for (const Json& x : e["inputs"]["windows"][i]) total += x.get<int64_t>();
      const auto count = static_cast<int64_t>(e["inputs"]["windows"][i].size());
      EXPECT_EQ(e == division ? average(total, count) : apply_scale_32_rounding_once(total, reciprocal_scale(count)), e["expected"][i].get<int64_t>()) << i;
    }
  }
}

TEST(FixedExamples, InterpolatedTables) {
  std::vector<int64_t> squares;
  for (int64_t i = 0; i < 513; ++i) squares.push_back((i - 256) * (i - 256) / 4 - 8000);
  ASSAY_EXAMPLE(kept, "136");
  expect_each(kept["inputs"]["x"], kept["expected"], [&](int64_t x) { return interpolate_keeping_fraction(squares, x); });
  ASSAY_EXAMPLE(resized, "187");
  const std::vector<int64_t> row = resized["inputs"]["row"];
  const auto outputs = resized["expected"][0].get<std::vector<int64_t>>();
  const auto size = static_cast<int64_t>(row.size());
  const int64_t step = resize_step(size, static_cast<int64_t>(outputs.size()), ResizeGrid::asymmetric);
  for (size_t i = 0; i < outputs.size(); ++i) {
    const ResizeTap tap = resize_tap(static_cast<int64_t>(i), step, size, ResizeGrid::asymmetric);
    const int64_t lower = row.at(static_cast<size_t>(tap.lower)), upper = row.at(static_cast<size_t>(tap.upper));
    EXPECT_EQ(interpolate_corners(lower, upper, lower, upper, 0, tap.weight), outputs[i]) << i;
  }
}

}  // namespace
}  // namespace assay::emu

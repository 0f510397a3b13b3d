// PPQ's rounding, its fake quantization and its scales against what it recorded, every row and column, bit for bit; refusals where it raises.
#include "quant/ppq/linear.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <cmath>
#include <filesystem>

#include "emu/base/error.h"
#include "quant/fake_quantize.h"
#include "quant/ppq/rounding.h"
#include "tests/quant/csv.h"

namespace assay::ppq {
namespace {

using assay::csv::double_of_hex;
using assay::csv::float_of_hex;
using assay::csv::read_csv;
using assay::csv::Row;
using quant::FloatTensor;

const std::string kRecorded = ASSAY_SHARED_DIR "/ppq/vectors/";
#define SKIP_WITHOUT_RECORDS() \
  if (!std::filesystem::exists(kRecorded)) GTEST_SKIP() << "recorded PPQ vectors are not here: " << kRecorded

constexpr std::array<const char*, 7> kColumns = {"HALF_EVEN", "HALF_UP", "HALF_DOWN", "HALF_TOWARDS_ZERO", "HALF_FAR_FORM_ZERO", "TO_NEAR_INT", "UP"};

bool same(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}
bool same(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}
std::string digits(double value) {
  std::string text(400, '\0');
  text.resize(static_cast<size_t>(std::snprintf(text.data(), text.size(), "%.0f", value)));
  return text;
}

// Counts what was compared, so that an emptied file cannot pass; at most ten failures are printed.
struct Count {
  size_t compared = 0, wrong = 0;
  void that(bool good, const std::string& what) {
    ++compared;
    if (!good && ++wrong <= 10) ADD_FAILURE() << what;
  }
  void finish(size_t expected) const {
    EXPECT_EQ(wrong, 0U);
    EXPECT_EQ(compared, expected);
  }
};

// The result as decimal digits, or "!" where it is refused with InputError.
template <class Make>
std::string digits_or_refusal(Make make) {
  try {
    return digits(make());
  } catch (const InputError&) {
    return "!";
  }
}
std::string wanted_or_refusal(const std::string& recorded) {
  return recorded[0] == '!' ? "!" : recorded;
}

TEST(RoundTensor, EqualsPpqsOnEveryRecordedRow) {
  SKIP_WITHOUT_RECORDS();
  Count count;
  for (const Row& row : read_csv(kRecorded + "rounding.csv")) {
    const float x = float_of_hex(row.at("x_hex"));
    for (size_t i = 0; i < kColumns.size(); ++i) {
      const auto policy = static_cast<Rounding>(i);
      const std::string wanted = row.at(std::string(kColumns[i]) + "_tensor"), where = row.at("x") + " " + kColumns[i] + ", PPQ " + wanted;
      try {
        const float found = round_tensor(x, policy);
        count.that(wanted != "NotImplementedError" && same(found, float_of_hex(row.at(std::string(kColumns[i]) + "_tensor_hex"))), where + ": " + std::to_string(found));
      } catch (const Unsupported&) {
        count.that(wanted == "NotImplementedError", where + ": refused");
      }
    }
  }
  count.finish(7 * 1982);
}

TEST(RoundScalar, EqualsPpqsOnEveryRecordedRowAndRefusesWhereItRaises) {
  SKIP_WITHOUT_RECORDS();
  Count count;
  const auto check = [&](const Row& row, double x, const std::string& suffix) {
    for (size_t i = 0; i < kColumns.size(); ++i) {
      const std::string wanted = wanted_or_refusal(row.at(kColumns[i] + suffix));
      const std::string found = digits_or_refusal([&] { return round_scalar(x, static_cast<Rounding>(i)); });
      count.that(found == wanted, row.at("x") + " " + kColumns[i] + ": " + found + ", PPQ " + wanted);
    }
  };
  for (const Row& row : read_csv(kRecorded + "rounding.csv")) check(row, static_cast<double>(float_of_hex(row.at("x_hex"))), "_scalar");
  for (const Row& row : read_csv(kRecorded + "rounding_scalar_f64.csv")) check(row, double_of_hex(row.at("x_hex64")), "");
  count.finish(7 * (1982 + 135));
}

TEST(RoundToPowerOfTwo, EqualsPpqsOnEveryRecordedRow) {
  SKIP_WITHOUT_RECORDS();
  Count count;
  for (const Row& row : read_csv(kRecorded + "power_of_two.csv")) {
    for (size_t i = 0; i < kColumns.size(); ++i) {
      const std::string& wanted = row.at(kColumns[i]);
      try {
        const double found = round_to_power_of_two(double_of_hex(row.at("x_hex64")), static_cast<Rounding>(i));
        count.that(wanted[0] != '!' && found == std::strtod(wanted.c_str(), nullptr), row.at("x") + " " + kColumns[i] + ": " + std::to_string(found) + ", PPQ " + wanted);
      } catch (const InputError&) {
        count.that(wanted[0] == '!', row.at("x") + " " + kColumns[i] + ": refused, PPQ " + wanted);
      }
    }
  }
  count.finish(7 * 532);
}

Configuration grid_of(const Row& row, const char* rounding) {
  Configuration made;
  made.bits = static_cast<uint8_t>(std::stoi(row.at("bits")));
  if (row.count("qmin") != 0) made.quant_min = std::stoll(row.at("qmin")), made.quant_max = std::stoll(row.at("qmax"));
  if (rounding != nullptr) made.rounding = parse_rounding(row.at(rounding)).value();
  return made;
}

TEST(FakeQuantize, EqualsPpqsOnEveryRecordedRow) {
  SKIP_WITHOUT_RECORDS();
  Count reals, codes;
  for (const Row& row : read_csv(kRecorded + "quantize_dequantize.csv")) {
    Configuration configuration = grid_of(row, "rounding");
    const ScaleOffset scale{{float_of_hex(row.at("scale_hex"))}, {std::stof(row.at("offset"))}, false};
    FloatTensor tensor({1}, {float_of_hex(row.at("x_hex"))});
    const std::string where = row.at("x") + " / " + row.at("scale") + " + " + row.at("offset") + " " + row.at("rounding");
    configuration.bits = 32;  // below 8 PPQ's exporters have no integers, but the rows have the code
    try {
      const int64_t code = quantize_to_int(tensor, configuration, scale)[0];
      codes.that(std::to_string(code) == row.at("q"), where + ": " + std::to_string(code) + ", PPQ " + row.at("q"));
    } catch (const InputError&) {
      codes.that(row.at("q") == "nan", where + ": refused, PPQ " + row.at("q"));
    }
    fake_quantize(tensor, configuration, scale);
    reals.that(same(tensor.data[0], float_of_hex(row.at("dq_hex"))), where + ": " + std::to_string(tensor.data[0]) + ", PPQ " + row.at("dq"));
  }
  reals.finish(31752);
  codes.finish(31752);
}

TEST(QuantizeToInt, EqualsPpqsOnEveryRecordedRow) {
  SKIP_WITHOUT_RECORDS();
  Count count;
  bool seen_asymmetric = false;
  for (const Row& row : read_csv(kRecorded + "to_int.csv")) {
    Configuration configuration = grid_of(row, "rounding");
    const bool symmetric = row.at("policy") == "sym";
    seen_asymmetric |= !symmetric;
    // The file has no column for the narrow grid: it is the block of 8-bit symmetric rows behind the asymmetric ones.
    const int64_t narrow = symmetric && configuration.bits == 8 && seen_asymmetric ? 1 : 0;
    configuration.quant_min = symmetric ? -(int64_t{1} << (configuration.bits - 1)) + narrow : 0;
    configuration.quant_max = (int64_t{1} << (configuration.bits - (symmetric ? 1 : 0))) - 1;
    const ScaleOffset scale{{float_of_hex(row.at("scale_hex"))}, {std::stof(row.at("offset"))}, false};
    const int64_t code = quantize_to_int(FloatTensor({1}, {float_of_hex(row.at("x_hex"))}), configuration, scale)[0];
    count.that(std::to_string(code) == row.at("int_value"), row.at("x") + ": " + std::to_string(code) + ", PPQ " + row.at("int_value"));
  }
  count.finish(675);
}

TEST(QuantizeToInt, RefusesFewerThanEightBitsAndNaN) {
  Configuration configuration;
  const ScaleOffset scale{{1.0F}, {0.0F}, false};
  EXPECT_THROW(quantize_to_int(FloatTensor({1}, {std::nanf("")}), configuration, scale), InputError);
  configuration.bits = 7;
  EXPECT_THROW(quantize_to_int(FloatTensor({1}, {1.0F}), configuration, scale), Unsupported);
}

TEST(RangeToScale, EqualsPpqsOnEveryRecordedRow) {
  SKIP_WITHOUT_RECORDS();
  Count count;
  for (const Row& row : read_csv(kRecorded + "minmax_to_scale_offset.csv")) {
    Configuration configuration = grid_of(row, nullptr);
    configuration.policy.asymmetric = row.at("sym") != "1";
    configuration.policy.power_of_two = row.at("pow2") == "1";
    const float min = float_of_hex(row.at("min_hex")), max = float_of_hex(row.at("max_hex"));
    const std::string where = row.at("min") + " .. " + row.at("max") + " in " + row.at("qmin") + " .. " + row.at("qmax");
    const auto check = [&](const std::string& prefix, auto make) {
      const std::string &scale_hex = row.at(prefix + "scale_hex64"), &f32_hex = row.at(prefix + "scale_f32_hex"), &offset = row.at(prefix + "offset");
      try {
        const ScaleAndOffset found = make();
        count.that(scale_hex[0] != '!' && same(found.scale, double_of_hex(scale_hex)), where + ": " + prefix + "scale " + std::to_string(found.scale));
        count.that(f32_hex[0] != '!' && same(per_tensor(found).scale[0], float_of_hex(f32_hex)), where + ": " + prefix + "scale as float32");
        count.that(digits(found.offset) == offset, where + ": " + prefix + "offset " + digits(found.offset) + ", PPQ " + offset);
      } catch (const InputError&) {
        for (const std::string* cell : {&scale_hex, &f32_hex, &offset}) count.that((*cell)[0] == '!', where + ": refused, PPQ " + *cell);
      }
    };
    check("", [&] { return range_to_scale(static_cast<double>(min), static_cast<double>(max), configuration); });
    check("pc_", [&] { return channel_range_to_scale(min, max, configuration); });
  }
  count.finish(6 * 11000);
}

TEST(RangeToScale, TheLeastScaleCanBeOverridden) {
  Configuration configuration;
  EXPECT_EQ(range_to_scale(0, 0, configuration).scale, 1e-8);
  configuration.detail["OBSERVER_MIN_SCALE_MANUL_OVERRIDE"] = 0.25;
  EXPECT_EQ(range_to_scale(-1, 1, configuration).scale, 0.25);
}

TEST(LoopRounding, EqualsTheFunctionsOfCmathBitForBit) {
  const auto check = [](float x) {
    RC_ASSERT(same(loops::nearest_even(x), std::nearbyint(x)));
    RC_ASSERT(same(loops::floor(x), std::floor(x)));
    RC_ASSERT(same(loops::ceil(x), std::ceil(x)));
    for (const Rounding policy : {Rounding::half_even, Rounding::half_up, Rounding::half_down, Rounding::half_towards_zero, Rounding::half_far_from_zero, Rounding::up}) {
      const std::array<emu::Round, 7> modes = {emu::Round::half_even, emu::Round::half_up,   emu::Round::half_down, emu::Round::half_toward_zero,
                                               emu::Round::half_away, emu::Round::half_even, emu::Round::ceil};
      RC_ASSERT(same(round_tensor(x, policy), quant::round_float(x, modes[static_cast<size_t>(policy)])));
    }
  };
  for (const float x :
       {0.0F, -0.0F, 0.49999997F, -0.49999997F, 0.5F, -0.5F, 8388607.5F, -8388607.5F, 8388608.0F, 8388609.0F, -8388609.0F, 16777217.0F, 3e38F, INFINITY, -INFINITY, NAN})
    check(x);
  EXPECT_TRUE(rc::check("any bit pattern", [&] { check(std::bit_cast<float>(*rc::gen::arbitrary<uint32_t>())); }));
  EXPECT_TRUE(rc::check("quarters near zero", [&] { check(static_cast<float>(*rc::gen::inRange(-4000, 4000)) / 4); }));
}

TEST(RoundScalar, IsTheTensorFormWhereThatIsExactAndSymmetricOnlyThere) {
  EXPECT_TRUE(rc::check("halves", [] {
    const double x = static_cast<double>(*rc::gen::inRange(-100000, 100000)) / 2;
    for (const Rounding policy : {Rounding::half_even, Rounding::half_up, Rounding::half_down, Rounding::up}) {
      RC_ASSERT(round_scalar(x, policy) == static_cast<double>(round_tensor(static_cast<float>(x), policy)));
    }
    RC_ASSERT(round_scalar(x, Rounding::half_towards_zero) == round_scalar(x, Rounding::half_down));
    RC_ASSERT(round_scalar(x, Rounding::half_far_from_zero) == round_scalar(x, Rounding::half_up));
    RC_ASSERT(round_scalar(x, Rounding::to_near_int) == static_cast<double>(round_tensor(static_cast<float>(x), Rounding::half_far_from_zero)));
    RC_ASSERT(round_tensor(-static_cast<float>(x), Rounding::half_towards_zero) == -round_tensor(static_cast<float>(x), Rounding::half_towards_zero));
  }));
}

TEST(FakeQuantize, UsesEachChannelsOwnScaleAndLeavesFixedPointsAlone) {
  EXPECT_TRUE(rc::check("channels", [] {
    const int64_t rows = *rc::gen::inRange(1, 4), channels = *rc::gen::inRange(1, 5), inner = *rc::gen::inRange(1, 4);
    Configuration configuration;
    configuration.policy.per_channel = true, configuration.channel_axis = 1;
    configuration.rounding = static_cast<Rounding>(*rc::gen::inRange(0, 5));
    ScaleOffset scale{{}, {}, true};
    for (int64_t c = 0; c < channels; ++c) scale.scale.push_back(static_cast<float>(*rc::gen::inRange(1, 1000)) / 512), scale.offset.push_back(0.0F);
    FloatTensor tensor(Shape{rows, channels, inner});
    for (float& value : tensor.data) value = static_cast<float>(*rc::gen::inRange(-100000, 100000)) / 1000;
    FloatTensor whole = tensor;
    fake_quantize(whole, configuration, scale);
    Configuration one = configuration;
    one.policy.per_channel = false;
    for (size_t i = 0; i < tensor.size(); ++i) {
      const size_t channel = i / static_cast<size_t>(inner) % static_cast<size_t>(channels);
      FloatTensor single({1}, {tensor.data[i]});
      fake_quantize(single, one, {{scale.scale[channel]}, {0.0F}, false});
      RC_ASSERT(same(single.data[0], whole.data[i]));
    }
    FloatTensor again = whole;
    fake_quantize(again, configuration, scale);
    RC_ASSERT(again == whole);
  }));
}

TEST(FakeQuantize, RefusesWhatPpqRefuses) {
  FloatTensor tensor(Shape{2, 3});
  Configuration configuration;
  configuration.policy.per_channel = true, configuration.channel_axis = 0;
  EXPECT_THROW(fake_quantize(tensor, configuration, {{1, 1, 1}, {0, 0, 0}, true}), InputError);
  configuration.rounding = Rounding::to_near_int;
  EXPECT_THROW(fake_quantize(tensor, configuration, {{1, 1}, {0, 0}, true}), Unsupported);
  configuration.policy.floating = true;
  EXPECT_THROW(quantize_to_int(tensor, configuration, {{1, 1}, {0, 0}, true}), Unsupported);
}

TEST(FakeQuantize, ADynamicPolicyTakesItsScaleFromTheTensor) {
  Configuration configuration;
  configuration.policy.dynamic = true;
  FloatTensor tensor({3}, {-1.275F, 0.004F, 0.6F});
  fake_quantize(tensor, configuration, {});
  EXPECT_NEAR(tensor.data[0], -1.275F, 0.006F);
  EXPECT_EQ(tensor.data[1], 0.0F);
}

}  // namespace
}  // namespace assay::ppq

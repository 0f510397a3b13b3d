// Every recorded observer of PPQ on every recorded tensor, bit for bit; and the rules of FP8, of which no record exists.
#include "quant/ppq/observers.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "emu/base/error.h"
#include "quant/ppq/floating.h"
#include "tests/ppq/recorded.h"
#include "vectors/npy.h"

namespace assay::ppq {
namespace {

using nlohmann::json;
using quant::FloatTensor;

const std::string kFolder = std::string(ASSAY_SHARED_DIR) + "/ppq/vectors/observer/";

// "asym8pow2/minmax_per_channel_axis1" -> grid and observer.
Configuration configuration_of(const std::string& key) {
  Configuration made;
  made.bits = static_cast<uint8_t>(key.find('4') < key.find('/') ? 4 : (key.find('6') < key.find('/') ? 6 : 8));
  made.policy.asymmetric = key.rfind("asym", 0) == 0;
  made.policy.power_of_two = key.find("pow2") != std::string::npos;
  const int64_t half = int64_t{1} << (made.bits - 1);
  const bool narrow = key.find("narrow") != std::string::npos || made.bits == 6;  // 6 bits are [-31, 31] as a platform of PPQ has them
  made.quant_min = made.policy.asymmetric ? 0 : -half + (narrow ? 1 : 0);
  made.quant_max = made.policy.asymmetric ? 2 * half - 1 : half - 1;
  made.observer = key.substr(key.find('/') + 1);
  if (const size_t suffix = made.observer.find("_per_channel_axis1"); suffix != std::string::npos) {
    made.observer.resize(suffix);
    made.policy.per_channel = true;
    made.channel_axis = 1;
  }
  return made;
}

// The first axis counts the batches.
std::vector<FloatTensor> batches_of(const FloatTensor& tensor) {
  const Shape shape(tensor.shape.begin() + 1, tensor.shape.end());
  std::vector<FloatTensor> batches;
  const auto size = static_cast<std::ptrdiff_t>(element_count(shape));
  for (int64_t i = 0; i < tensor.shape[0]; ++i) batches.push_back({shape, std::vector<float>(tensor.data.begin() + i * size, tensor.data.begin() + (i + 1) * size)});
  return batches;
}

ScaleOffset observe(const Configuration& configuration, const std::vector<FloatTensor>& batches) {
  const auto observer = make_observer(configuration);
  for (int phase = 0; phase < observer->phases(); ++phase) {
    for (const FloatTensor& batch : batches) observer->merge(observer->look(batch));
    observer->finish_phase();
  }
  return observer->result();
}

std::vector<std::string> words_of(const std::vector<float>& values) {
  std::vector<std::string> words;
  char text[16];
  for (const float value : values) {
    std::snprintf(text, sizeof text, "%08x", std::bit_cast<uint32_t>(value));
    words.emplace_back(text);
  }
  return words;
}

template <class T>
std::vector<T> list_of(const json& value) {
  if (value.is_array()) return value.get<std::vector<T>>();
  return {value.get<T>()};
}

TEST(Observer, EveryRecordedScaleAndOffsetIsEqualBitForBit) {
  if (!std::filesystem::exists(kFolder + "observers.json")) GTEST_SKIP() << kFolder << " is not here";
  const json recorded = json::parse(vectors::read_file(kFolder + "observers.json"));
  size_t equal = 0, refused = 0;
  for (const auto& [name, tensor] : recorded.items()) {
    const std::vector<FloatTensor> batches = batches_of(test::read_tensor(kFolder + tensor.at("file").get<std::string>()));
    for (const auto& [key, wanted] : tensor.at("results").items()) {
      const std::string what = name + " " + key;
      if (wanted.contains("error")) {
        EXPECT_THROW(observe(configuration_of(key), batches), InputError) << what << ": " << wanted.at("error");
        ++refused;
        continue;
      }
      const ScaleOffset ours = observe(configuration_of(key), batches);
      EXPECT_EQ(words_of(ours.scale), list_of<std::string>(wanted.at("scale_hex"))) << what;
      EXPECT_EQ(ours.offset, list_of<float>(wanted.at("offset"))) << what;
      ++equal;
    }
  }
  std::cout << equal << " results and " << refused << " refusals compared\n";
  EXPECT_GT(equal, 500U);
  EXPECT_GT(refused, 30U);
}

TEST(Observer, NamesAreReadInAnyCaseAndUnknownOnesRefused) {
  Configuration configuration;
  configuration.observer = "MinMax";
  EXPECT_EQ(observe(configuration, {{{2}, {-1, 0.5}}}).scale.at(0), static_cast<float>(2.0 / 255));
  configuration.observer = "median";
  EXPECT_THROW(make_observer(configuration), InputError);
  configuration.observer = "percentile";
  configuration.policy.per_channel = true;
  EXPECT_THROW(make_observer(configuration), InputError);
}

TEST(Observer, OverridesReplaceTheConstants) {
  Configuration configuration;
  const FloatTensor small({2}, {0, 1e-9F});
  configuration.observer = "minmax";
  EXPECT_EQ(observe(configuration, {small}).scale.at(0), 1e-8F);
  configuration.detail["OBSERVER_MIN_SCALE_MANUL_OVERRIDE"] = 1e-3;
  EXPECT_EQ(observe(configuration, {small}).scale.at(0), 1e-3F);
  configuration.detail = {{"OBSERVER_PERCENTILE_MANUL_OVERRIDE", 0.5}};
  configuration.observer = "percentile";
  EXPECT_EQ(observe(configuration, {{{4}, {0, 1, 2, 4}}}).scale.at(0), static_cast<float>(2.0 * 2 / 255));
  configuration.observer = "kl";
  configuration.detail = {{"OBSERVER_KL_HIST_BINS_MANUL_OVERRIDE", 128}};
  EXPECT_THROW(make_observer(configuration), InputError);
}

Configuration e4m3() {
  Configuration configuration;
  configuration.policy.floating = configuration.policy.power_of_two = true;
  configuration.exponent_bits = 4;
  configuration.quant_min = -448, configuration.quant_max = 448;
  return configuration;
}

TEST(Floating, KeepsThreeBitsBehindTheLeadingOneAndSaturates) {
  const Configuration configuration = e4m3();
  for (const auto& [from, to] :
       std::vector<std::pair<float, float>>{{1, 1}, {1.125F, 1.125F}, {1.07F, 1.125F}, {-1.07F, -1.125F}, {447, 448}, {1000, 448}, {-1e9F, -448}, {0, 0}}) {
    EXPECT_EQ(round_floating(from, configuration), to) << from;
  }
  EXPECT_TRUE(std::isnan(round_floating(NAN, configuration)));
}

TEST(Floating, AnExactHalfGoesDownWhateverTheMantissa) {
  const Configuration configuration = e4m3();
  EXPECT_EQ(round_floating(1.0625F, configuration), 1.0F);    // between 1 and 1.125
  EXPECT_EQ(round_floating(1.1875F, configuration), 1.125F);  // between 1.125 and 1.25: even would be 1.25
  Configuration up = configuration;
  up.rounding = Rounding::half_up;
  EXPECT_EQ(round_floating(1.0625F, up), 1.125F);
}

TEST(Floating, BelowTheSmallestExponentStepsAreEqual) {
  const Configuration configuration = e4m3();
  EXPECT_EQ(round_floating(0x1.8p-9F, configuration), 0x1p-8F);  // 1.5 steps of 2^-9, to even
  EXPECT_EQ(round_floating(0x1p-10F, configuration), 0.0F);
  EXPECT_EQ(round_floating(0x1.9p-10F, configuration), 0x1p-9F);
}

TEST(Floating, ItsObserverTakesTheScaleOfTheLeastError) {
  Configuration configuration = e4m3();
  configuration.observer = "floating";
  EXPECT_EQ(observe(configuration, {{{3}, {1, -2, 4}}}).scale.at(0), 0x1p-5F);  // exact under several: the smallest of them that does not saturate
  EXPECT_EQ(observe(configuration, {{{2}, {20000, -28672}}}).scale.at(0), 64.0F);
  configuration.policy.per_channel = true;
  configuration.channel_axis = 0;
  EXPECT_EQ(observe(configuration, {{{2, 2}, {1, 1, 20000, -28672}}}).scale, (std::vector<float>{0x1p-7F, 64.0F}));
  configuration.observer = "constant";
  EXPECT_EQ(observe(configuration, {{{2, 2}, {1, 1, 20000, -28672}}}).scale, (std::vector<float>{1, 1}));
  configuration.policy = {};
  configuration.observer = "floating";
  EXPECT_THROW(make_observer(configuration), InputError);
}

}  // namespace
}  // namespace assay::ppq

// Platforms and presets: every file reads, every mistake is told with its line, and the dictionary names every key.
#include "quant/ppq/platform.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "emu/base/error.h"
#include "emu/target/load_target.h"
#include "quant/ppq/settings.h"
#include "vectors/npy.h"

namespace assay::ppq {
namespace {

namespace fs = std::filesystem;

const char* const kSmallest = R"(name = "MINE"
summary = "a test's"
source = "nowhere"
quantized_types = ["Conv"]
fused_activations = []
[activation]
symmetry = "symmetric"
scale = "real"
bits = 8
low = -128
high = 127
rounding = "half_even"
observer = "percentile"
)";

class PlatformFile : public testing::Test {
 protected:
  PlatformFile() : folder_(fs::temp_directory_path() / ("assay_platform_" + std::to_string(::getpid()))) { fs::create_directories(folder_); }
  ~PlatformFile() override { fs::remove_all(folder_); }

  std::string write(const std::string& text, const std::string& name = "mine.toml") const {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  std::string refusal(const std::string& text) const {
    try {
      load_platform(write(text));
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  }

  fs::path folder_;
};

std::string changed(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST(Platforms, OfPpqAllRead) {
  const std::string dir = default_platforms_dir();
  const std::vector<std::string> names = platform_names(dir);
  EXPECT_EQ(names.size(), 20U);
  for (const std::string& name : names) {
    const Platform platform = load_platform(find_platform(name, dir));
    EXPECT_EQ(platform.name, name);
    EXPECT_NO_THROW(preset(platform.preset, dir)) << name;
    if (platform.target.empty()) continue;
    EXPECT_NO_THROW(emu::find_target(platform.target, emu::default_targets_dir())) << name;
  }
}

TEST(Platforms, AreFoundByNameInAnyCaseAndByPath) {
  const std::string dir = default_platforms_dir();
  const std::string path = find_platform("Nxp_Int8", dir);
  EXPECT_EQ(find_platform(path, "/nowhere"), path);
  try {
    find_platform("NXP_INT9", dir);
    FAIL();
  } catch (const InputError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("did you mean 'NXP_INT8'"), std::string::npos) << text;
    EXPECT_NE(text.find("TRT_INT8"), std::string::npos) << text;
    EXPECT_EQ(text.find("PRESETS"), std::string::npos) << text;
  }
}

TEST_F(PlatformFile, OfTheSmallestKindReads) {
  const Platform platform = load_platform(write(kSmallest));
  EXPECT_EQ(platform.operation_platform, "MINE");
  EXPECT_EQ(platform.preset, "default");
  EXPECT_EQ(platform.target, "");
  EXPECT_TRUE(platform.parameters.empty());
}

TEST_F(PlatformFile, TellsAllItsMistakesWithTheirLines) {
  std::string text = changed(kSmallest, "scale = \"real\"", "scale = \"reel\"");
  text = changed(text, "bits = 8", "bits = 64");
  text = changed(text, "observer", "observr");
  const std::string told = refusal(text);
  EXPECT_NE(told.find("line 8: activation.scale: must be one of real, power_of_two, found \"reel\""), std::string::npos) << told;
  EXPECT_NE(told.find("line 9: activation.bits: must be an integer from 2 to 32, found 64"), std::string::npos) << told;
  EXPECT_NE(told.find("line 13: activation.observr: unknown key; did you mean 'observer'?"), std::string::npos) << told;
  EXPECT_NE(told.find("activation.observer: missing"), std::string::npos) << told;
}

TEST_F(PlatformFile, RefusesWhatDoesNotGoTogether) {
  const auto expect = [&](const std::string& rule, const std::string& what) {
    const std::string told = refusal(std::string(kSmallest) + "[[parameter]]\ntypes = [\"Conv\"]\ninputs = [1]\n" + rule);
    EXPECT_NE(told.find(what), std::string::npos) << rule << told;
  };
  expect("granularity = \"per_channel\"\nobserver = \"minmax\"\n", "needs channel_axis");
  expect("granularity = \"per_channel\"\nchannel_axis = 0\n", "measures whole tensors only");
  expect("channel_axis = 0\n", "belongs to granularity");
  expect("low = 5\nhigh = 5\n", "low must be below high");
  expect("exponent_bits = 4\n", "exponent_bits belong to format");
  expect("format = \"floating\"\nexponent_bits = 4\n", "a floating format is symmetric");
  expect("symmetry = \"asymmetric\"\nobserver = \"kl\"\n", "symmetric only");
  EXPECT_NE(refusal(std::string(kSmallest) + "[[refine]]\nkind = \"input_rounding\"\nname = \"P\"\n").find("refine.rounding: missing"), std::string::npos);
  EXPECT_NE(refusal(std::string(kSmallest) + "[[finish]]\nkind = \"split_gemm\"\nname = \"P\"\n").find("must be one of recalibrate"), std::string::npos);
  EXPECT_NE(refusal(std::string(kSmallest) + "parameter = 3\n").find("unknown"), std::string::npos);
  EXPECT_NE(refusal("parameter = 3\n" + std::string(kSmallest)).find("must be sections [[parameter]]"), std::string::npos);
}

TEST_F(PlatformFile, CutOrScrambledIsRefusedOrRead) {
  const std::string text = vectors::read_file(find_platform("NCNN_INT8", default_platforms_dir()));
  for (size_t length = 0; length < text.size(); length += 3) refusal(text.substr(0, length));
  uint64_t random = 88172645463325252U;
  for (int round = 0; round < 400; ++round) {
    std::string damaged = text;
    for (int flips = 0; flips < 3; ++flips) {
      random ^= random << 13U, random ^= random >> 7U, random ^= random << 17U;
      damaged[random % damaged.size()] = static_cast<char>(random >> 40U);
    }
    refusal(damaged);
  }
}

TEST(Presets, AreThoseOfPpq) {
  const std::string dir = default_platforms_dir();
  EXPECT_FALSE(preset("ncnn", dir).fusion);
  const Settings dsp = preset("dsp", dir);
  EXPECT_TRUE(dsp.equalization.on && dsp.fusion);
  EXPECT_EQ(dsp.equalization.iterations, 3);
  EXPECT_TRUE(preset("fpga", dir).equalization.including_bias);
  EXPECT_FALSE(preset("default", dir).equalization.on);
  EXPECT_THROW(preset("dps", dir), InputError);
}

TEST(Presets, AreChangedKeyByKey) {
  Settings settings = preset("dsp", default_platforms_dir());
  set(settings,
      {"equalization.iterations=7", "equalization.value_threshold = 0", "align_concat=none", R"(weight_split.interested_layers=["a;b:0", "c"])", "lsq.learning_rate=1e-4"});
  EXPECT_TRUE(settings.equalization.on);
  EXPECT_EQ(settings.equalization.iterations, 7);
  EXPECT_EQ(settings.equalization.value_threshold, 0);
  EXPECT_EQ(settings.align_concat, AlignTo::none);
  EXPECT_EQ(settings.weight_split.interested_layers, (std::vector<std::string>{"a;b:0", "c"}));
  EXPECT_EQ(settings.lsq.learning_rate, 1e-4);
  EXPECT_EQ(settings.lsq.steps, Settings{}.lsq.steps);
}

TEST(Presets, RefuseAKeyOrAValueThatIsNotTheirs) {
  Settings settings;
  for (const char* wrong : {"lsq.step=1", "lsq.steps", "lsq.steps=-1", "lsq.steps=many", "=1", "lsq.steps=1\nlsq.steps=2", "lsq=[", ""})
    EXPECT_THROW(set(settings, {wrong}), InputError) << wrong;
  EXPECT_THROW(set(settings, {"lsq.steps=1", "lsq.steps=2"}), InputError);
}

// Every key that a reader asks for stands in the dictionary: an unknown one makes it list them.
TEST_F(PlatformFile, HasEveryKeyInTheDictionary) {
  const std::string dictionary = vectors::read_file(default_platforms_dir() + "/README.md");
  std::string told = refusal("zzz = 1\n" + std::string(kSmallest) + "zzz = 1\n[[parameter]]\nzzz = 1\n[[refine]]\nzzz = 1\n");
  write("[a]\nzzz = 1\nequalization = { zzz = 1 }\nssd_equalization = { zzz = 1 }\nweight_split = { zzz = 1 }\nbias_correct = { zzz = 1 }\nlsq = { zzz = 1 }\n", "presets.toml");
  try {
    preset("a", folder_.string());
    FAIL();
  } catch (const InputError& error) {
    told += error.what();
  }
  size_t keys = 0;
  for (size_t at = told.find("legal here: "); at != std::string::npos; at = told.find("legal here: ", at)) {
    at += std::string("legal here: ").size();
    std::istringstream list(told.substr(at, told.find('\n', at) - at));
    for (std::string key; std::getline(list, key, ',');) {
      key.erase(0, key.find_first_not_of(' '));
      EXPECT_TRUE(dictionary.find("`" + key + "`") != std::string::npos || dictionary.find("[" + key + "]") != std::string::npos) << key;
      ++keys;
    }
  }
  EXPECT_GT(keys, 70U);
}

}  // namespace
}  // namespace assay::ppq

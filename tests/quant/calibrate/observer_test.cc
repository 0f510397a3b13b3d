#include "quant/calibrate/observer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "emu/base/error.h"
#include "tests/quant/csv.h"
#include "vectors/npy.h"

namespace assay::quant {
namespace {

using nlohmann::json;

const std::string kFolder = ASSAY_SHARED_DIR "/ppq/vectors/observer/";

#define SKIP_WITHOUT_OBSERVERS() \
  if (!std::filesystem::exists(kFolder)) GTEST_SKIP() << "recorded PPQ observers are not here: " << kFolder

// "sym8narrow" ... as the recorder named them.
Grid grid_of(const std::string& name) {
  Grid grid;
  const bool symmetric = name.starts_with("sym");
  grid.bits = name.find('4') != std::string::npos ? 4 : (name.find('6') != std::string::npos ? 6 : 8);
  const bool narrow = name.find("narrow") != std::string::npos || grid.bits == 6;
  grid.symmetry = symmetric ? emu::Symmetry::symmetric : emu::Symmetry::asymmetric;
  grid.kind = name.ends_with("pow2") ? emu::ScaleKind::power_of_two : emu::ScaleKind::real;
  const int64_t half = int64_t{1} << (grid.bits - 1);
  grid.low = symmetric ? -half + (narrow ? 1 : 0) : 0;
  grid.high = symmetric ? half - 1 : 2 * half - 1;
  return grid;
}

ScaleAndOffset observe(RangeObserver& observer, const vectors::FloatTensor& tensor) {
  const auto batches = static_cast<size_t>(tensor.shape[0]);
  const size_t size = tensor.data.size() / batches;
  for (int phase = 0; phase < observer.phases(); ++phase) {
    for (size_t i = 0; i < batches; ++i) observer.merge(observer.look(tensor.data.data() + i * size, size));
    observer.finish_phase();
  }
  return observer.result();
}

TEST(Observers, EqualPpqsRecordedScalesAndOffsetsBitForBit) {
  SKIP_WITHOUT_OBSERVERS();
  size_t checked = 0, skipped = 0;
  const json recorded = json::parse(vectors::read_file(kFolder + "observers.json"));
  for (const auto& [name, entry] : recorded.items()) {
    const vectors::FloatTensor tensor = vectors::read_npy_float(kFolder + entry.at("file").get<std::string>());
    for (const auto& [key, expected] : entry.at("results").items()) {
      const Grid grid = grid_of(key.substr(0, key.find('/')));
      const std::string method = key.substr(key.find('/') + 1);
      // isotone is in no default pipeline of PPQ and not here; the per-channel rows have their own test.
      if (method == "isotone" || method.starts_with("minmax_per_channel")) {
        ++skipped;
        continue;
      }
      if (expected.contains("error")) {
        EXPECT_THROW(make_observer(method, grid), InputError) << name << " " << key;
        ++checked;
        continue;
      }
      if (grid.bits == 4 && method == "kl") {
        EXPECT_THROW(make_observer(method, grid), InputError);  // PPQ gives a scale of one bin (kl.cc): refused here
        ++skipped;
        continue;
      }
      const auto observer = make_observer(method, grid);
      const ScaleAndOffset found = observe(*observer, tensor);
      const float scale = csv::float_of_hex(expected.at("scale_hex").get<std::string>());
      EXPECT_EQ(std::bit_cast<uint32_t>(found.scale), std::bit_cast<uint32_t>(scale)) << name << " " << key << ": " << found.scale << ", PPQ " << scale;
      EXPECT_EQ(static_cast<double>(found.offset), expected.at("offset").get<double>()) << name << " " << key;
      ++checked;
    }
  }
  EXPECT_EQ(checked, 403U);
  EXPECT_EQ(skipped, 159U + 13U);
}

TEST(Observers, CountTheSameHistogramsAsPpq) {
  SKIP_WITHOUT_OBSERVERS();
  size_t checked = 0;
  const json recorded = json::parse(vectors::read_file(kFolder + "observers.json"));
  for (const auto& [name, entry] : recorded.items()) {
    const vectors::FloatTensor tensor = vectors::read_npy_float(kFolder + entry.at("file").get<std::string>());
    const auto batches = static_cast<size_t>(tensor.shape[0]);
    const size_t size = tensor.data.size() / batches;
    for (const auto& [key, expected] : entry.at("results").items()) {
      if (!expected.contains("hist_file")) continue;
      const auto observer = make_observer(key.substr(key.find('/') + 1), grid_of(key.substr(0, key.find('/'))));
      for (size_t i = 0; i < batches; ++i) observer->merge(observer->look(tensor.data.data() + i * size, size));
      observer->finish_phase();
      std::vector<double> total;
      for (size_t i = 0; i < batches; ++i) {
        const std::vector<double> counts = observer->look(tensor.data.data() + i * size, size);
        total.resize(counts.size());
        for (size_t bin = 0; bin < counts.size(); ++bin) total[bin] += counts[bin];
      }
      const std::vector<int64_t> bins = vectors::read_npy_int(kFolder + expected.at("hist_file").get<std::string>()).values();
      ASSERT_EQ(bins.size(), total.size());
      for (size_t bin = 0; bin < bins.size(); ++bin) ASSERT_EQ(static_cast<double>(bins[bin]), total[bin]) << name << " " << key << " bin " << bin;
      ++checked;
    }
  }
  EXPECT_EQ(checked, 39U);
}

TEST(PerChannelScales, EqualPpqsBitForBit) {
  SKIP_WITHOUT_OBSERVERS();
  size_t checked = 0;
  const json recorded = json::parse(vectors::read_file(kFolder + "observers.json"));
  for (const auto& [name, entry] : recorded.items()) {
    const vectors::FloatTensor read = vectors::read_npy_float(kFolder + entry.at("file").get<std::string>());
    for (const auto& [key, expected] : entry.at("results").items()) {
      const Grid grid = grid_of(key.substr(0, key.find('/')));
      // Channels of a tensor have one zero point here, so an asymmetric grid has no scales per channel.
      if (!key.ends_with("minmax_per_channel_axis1") || grid.symmetry == emu::Symmetry::asymmetric) continue;
      // The recorder's axis 1 is that of one batch, behind the axis of batches.
      const std::vector<float> found = per_channel_scales({read.shape, read.data}, 2, grid);
      const json& scales = expected.at("scale_hex");
      ASSERT_EQ(found.size(), scales.size()) << name << " " << key;
      for (size_t i = 0; i < found.size(); ++i) {
        const float scale = csv::float_of_hex(scales[i].get<std::string>());
        EXPECT_EQ(std::bit_cast<uint32_t>(found[i]), std::bit_cast<uint32_t>(scale)) << name << " " << key << " channel " << i << ": " << found[i] << ", PPQ " << scale;
        ++checked;
      }
    }
  }
  EXPECT_EQ(checked, 150U);
}

TEST(Percentile, AveragesManyInputsInTorchsOrder) {
  // Sums of float32 values whose last bit depends on the order. 0.1 * 67 in four lanes: 16 rows are carried once, three values are left for the first lane.
  const auto observer = make_observer("percentile", Grid{-127, 127, 8, emu::Symmetry::symmetric, emu::ScaleKind::real});
  std::vector<float> lane(4, 0.0F);
  for (int i = 0; i < 67; ++i) {
    const float value = 0.1F * static_cast<float>(i + 1);
    observer->merge(observer->look(&value, 1));
    lane[i < 64 ? static_cast<size_t>(i % 4) : 0] += value;
  }
  const float mean = (((lane[0] + lane[1]) + lane[2]) + lane[3]) / 67.0F;
  EXPECT_EQ(observer->result().scale, static_cast<float>(2 * static_cast<double>(mean) / 254));
}

TEST(Percentile, CutsOneInTenThousandAtEachEnd) {
  std::vector<float> values(20000);
  for (size_t i = 0; i < values.size(); ++i) values[values.size() - 1 - i] = static_cast<float>(i) - 10000.0F;
  const auto observer = make_observer("percentile", Grid{});
  // int(20000 * 0.0001) is 1, because 1 - 0.9999 is a little less than 0.0001; int(20000 * 0.9999) is 19998.
  EXPECT_EQ(observer->look(values.data(), values.size()), (std::vector<double>{-9999.0, 9998.0}));
}

TEST(Kl, DoesNotSeeWhatLiesInTheFirstNineBins) {
  // Bins are one wide. Bins 0 to 7 are emptied and bin 8 holds 1, whatever was there.
  const auto scale_with = [](size_t count, float value) {
    std::vector<float> values(count, value);
    for (int bin = 100; bin < 4096; ++bin) values.insert(values.end(), static_cast<size_t>(1 + 4096 / bin), static_cast<float>(bin) + 0.5F);
    values.push_back(4096.0F);
    const auto observer = make_observer("kl", Grid{});
    for (int phase = 0; phase < 2; ++phase) {
      observer->merge(observer->look(values.data(), values.size()));
      observer->finish_phase();
    }
    return observer->result().scale;
  };
  const float without = scale_with(0, 0);
  for (const float value : {0.0F, 3.5F, 7.5F, 8.5F}) EXPECT_EQ(scale_with(100000, value), without) << value;
  EXPECT_NE(scale_with(100000, 9.5F), without);
}

TEST(MakeObserver, RefusesUnknownNamesAndGridsThatTheMethodCannotServe) {
  EXPECT_THROW(make_observer("entropy", Grid{}), InputError);
  EXPECT_THROW(make_observer("kl", Grid{0, 255, 8, emu::Symmetry::asymmetric, emu::ScaleKind::real}), InputError);
  EXPECT_THROW(make_observer("kl", Grid{-32768, 32767, 16, emu::Symmetry::symmetric, emu::ScaleKind::real}), InputError);
  EXPECT_THROW(make_observer("mse", Grid{-32768, 32767, 16, emu::Symmetry::symmetric, emu::ScaleKind::real}), InputError);
}

}  // namespace
}  // namespace assay::quant

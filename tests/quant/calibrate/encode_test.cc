// Ranges become scales and zero points; what published rows say of it is in tests/quant/ops/published_quantizer_rows_test.cc.
#include "quant/calibrate/encode.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "emu/target/load_target.h"
#include "quant/calibrate/calibrate.h"
#include "quant/fake_quantize.h"
#include "tests/quant/execute/small_graph.h"

namespace assay::quant {
namespace {

using emu::Encoding;

constexpr Grid kSigned{-128, 127, 8, emu::Symmetry::symmetric, emu::ScaleKind::real, Encoding::range};
constexpr Grid kUnsigned{0, 255, 8, emu::Symmetry::asymmetric, emu::ScaleKind::real, Encoding::range};

Grid with_encoding(Grid grid, Encoding encoding) {
  grid.encoding = encoding;
  return grid;
}

TEST(Encode, TellsTheEncodingsApart) {
  EXPECT_EQ(encode(-2, 1, kSigned).scale, static_cast<float>(4.0 / 255));
  EXPECT_EQ(encode(-2, 1, with_encoding(kSigned, Encoding::magnitude)).scale, static_cast<float>(2.0 / 127));
  EXPECT_EQ(encode(-126.5, 128.5, kUnsigned).offset, 126);
  EXPECT_EQ(encode(-126.5, 128.5, with_encoding(kUnsigned, Encoding::range_half_away)).offset, 127);
}

TEST(Encode, RangesAreWidenedToHoldZeroAndNeverTooNarrow) {
  for (const Encoding encoding : {Encoding::range, Encoding::range_half_away, Encoding::nudged_range}) {
    const ScaleAndOffset positive = encode(3, 5.1, with_encoding(kUnsigned, encoding)), negative = encode(-5.1, -3, with_encoding(kUnsigned, encoding)),
                         none = encode(0, 0, with_encoding(kUnsigned, encoding));
    EXPECT_FLOAT_EQ(positive.scale, 0.02F);
    EXPECT_EQ(positive.offset, 0);
    EXPECT_EQ(negative.offset, 255);
    EXPECT_EQ(none.scale, 1e-8F);
    EXPECT_EQ(none.offset, 0);
  }
  for (const Encoding encoding : {Encoding::range, Encoding::magnitude, Encoding::position}) EXPECT_EQ(encode(0, 0, with_encoding(kSigned, encoding)).scale, 1e-8F);
}

// A nudged range holds the old one (up to the last bit of binary32), and its zero is a word.
TEST(Encode, NudgedRangesHoldTheRangeAndAWordForZero) {
  std::mt19937 random(7);
  const Grid grid = with_encoding(kUnsigned, Encoding::nudged_range);
  for (int i = 0; i < 2000; ++i) {
    const double low = -std::ldexp(1 + static_cast<double>(random() % 1000) / 1000, static_cast<int>(random() % 12) - 6);
    const double high = std::ldexp(1 + static_cast<double>(random() % 1000) / 1000, static_cast<int>(random() % 12) - 6);
    const ScaleAndOffset found = encode(low, high, grid);
    const double scale = static_cast<double>(found.scale), slack = (high - low) * 1e-4;
    EXPECT_GE(found.offset, 0);
    EXPECT_LE(found.offset, 255);
    EXPECT_LE(-scale * static_cast<double>(found.offset), low + slack) << low << " " << high;
    EXPECT_GE(scale * static_cast<double>(255 - found.offset), high - slack) << low << " " << high;
  }
}

TEST(Encode, PositionsAreThoseOfTheExactRule) {
  for (const double greatest : {0.3, 0.5, 0.99999, 1.0, 1.5, 2.0, 77.0, 4096.5}) {
    // Two roundings in binary32: of the factor, between 127 / 128 and 127 / 64, and of the quotient.
    EXPECT_NEAR(static_cast<double>(encode(-greatest, 0, with_encoding(kSigned, Encoding::position)).scale) * 127 / greatest, 1, 1.8e-7) << greatest;
  }
}

TEST(Encode, KlDividesItsThresholdAsTheGridSays) {
  const auto scale = [](Encoding encoding) {
    const auto observer = make_observer("kl", with_encoding(kSigned, encoding));
    std::vector<float> values(4096);
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) / 1000;
    for (int phase = 0; phase < observer->phases(); ++phase) observer->merge(observer->look(values.data(), values.size())), observer->finish_phase();
    return observer->result().scale;
  };
  EXPECT_FLOAT_EQ(scale(Encoding::magnitude) * 127, scale(Encoding::range) * 128);
}

// reduce_range: 128 words for the calibrated range, all 256 for what comes later.
TEST(Levels, ARangeOverFewerWordsThanTheStorageLeavesRoomAboveIt) {
  test::SmallGraph small;
  const ValueId x = small.input("x", {1, 2});
  small.output(small.node("y", Unary{Function::sigmoid}, {x}, {1, 2}));
  CalibrateOptions options;
  options.observer = "minmax";
  const emu::Target target = emu::load_target(std::string(ASSAY_SOURCE_DIR) + "/emu/targets/fbgemm.toml");
  const TensorQuantization own = calibrate(small.graph, target, {1, [](size_t) { return std::vector<FloatTensor>{{{1, 2}, {0, 1.27F}}}; }}, options).tensors[x].value();
  EXPECT_FLOAT_EQ(own.scale[0], 0.01F);
  EXPECT_EQ(quantize(FloatTensor({1, 4}, {0, 1.27F, 2, 5}), own), (std::vector<int64_t>{0, 127, 200, 255}));
}

}  // namespace
}  // namespace assay::quant

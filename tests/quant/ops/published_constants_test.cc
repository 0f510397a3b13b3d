// Published rows whose constants, beside their results, are what a target's file makes of scales: slopes of negative values, reciprocals of counts.
#include <gtest/gtest.h>

#include "emu/machine.h"
#include "tests/quant/ops/published_rows.h"

namespace assay::quant {
namespace {

TEST(PublishedRows, SlopesOfNegativeValues) {
  ASSAY_NEEDS_ROWS();
  struct Slope {
    const char *row, *name;
    float slope, s_x, s_y;
    int64_t zx, zy;
  };
  for (const Slope& s : {Slope{"160", "xilinx_dpu", 0.1F, 0.25F, 0.25F, 0, 0}, Slope{"164", "snpe_dsp", 0.25F, 1.25F, 1, 100, 60},
                         Slope{"168", "xnnpack_qs8", 0.1F, 1.25F, 1, 4, -6}, Slope{"168", "xnnpack_qs8_rndnu", 0.1F, 1.25F, 1, 4, -6}}) {
    const emu::Target t = target(s.name);
    Net net(t);
    const Words words = rows().at(s.row).at("inputs").at("x");
    const auto count = static_cast<int64_t>(words.size());
    const ValueId x = net.input("x", {1, count}, stored(t, s.s_x, s.zx));
    net.output(net.node("LeakyRelu", LeakyRelu{s.slope}, {x}, {1, count}, stored(t, s.s_y, s.zy)));
    const emu::Program program = net.lowered().program;
    EXPECT_EQ(emu::run(program, {emu::Tensor(t.storage.activation.type, {1, count}, words)})[0].values(), rows().at(s.row).at("expected").get<Words>())
        << s.row << " through " << s.name;
    const json& params = rows().at(s.row).at("params");
    const auto& op = only<emu::LeakyRelu>(program);
    const int64_t positive = program.scales[op.requant.scale.index][0].multiplier, negative = program.scales[op.negative.index][0].multiplier;
    const Words gains = params.contains("m_pos")             ? Words{params["m_pos"], params["m_neg"]}
                        : params.contains("common_gain_i16") ? Words{params["common_gain_i16"], params["neg_gain_i16"]}
                                                             : Words{1, 26};
    EXPECT_EQ(Words({positive, negative}), gains) << s.row << " through " << s.name;
  }
}

// The kernel of whole words in its own terms: ((a * as + b * bs) >> 8) + offset in 16 bits, one rounded shift; offset = zo << rsh less (za * as + zb * bs) >> 8.
TEST(PublishedRows, SumsOfWholeWordsHaveOneOffset) {
  const emu::Target t = target("snpe_dsp");
  emu::Target centred = t;
  centred.add->zero_points = emu::ZeroPoints::subtracted;
  centred.add->steps = emu::parse_steps("shift_right 8 floor; saturate 16; shift_right scale half_up; add_zero_point; saturate output; clamp");
  constexpr int64_t za = 37, zb = 91, zy = 60;
  Words a, b;
  for (int64_t x = 0; x < 256; ++x) {
    for (int64_t y = 0; y < 256; ++y) a.push_back(x), b.push_back(y);
  }
  const auto count = static_cast<int64_t>(a.size());
  const auto lowered = [&](const emu::Target& own) {
    Net net(own);
    const ValueId x = net.input("a", {count}, stored(own, 0.0091F, za)), y = net.input("b", {count}, stored(own, 0.021F, zb));
    net.output(net.node("Add", Binary{Arithmetic::add}, {x, y}, {count}, stored(own, 0.03F, zy)));
    return net.lowered().program;
  };
  const auto words = [&](const emu::Program& program) { return emu::run(program, {emu::Tensor(emu::kU8, {count}, a), emu::Tensor(emu::kU8, {count}, b)})[0].values(); };
  const emu::Program program = lowered(t);
  const auto& add = only<emu::Add>(program);
  const int64_t as = program.scales[add.scale_a.index][0].multiplier, bs = program.scales[add.scale_b.index][0].multiplier;
  const int rsh = program.scales[add.requant.scale.index][0].right.bits;
  const int64_t offset = (zy << rsh) - ((za * as + zb * bs) >> 8);
  Words expected;
  for (size_t i = 0; i < a.size(); ++i) {
    const int64_t sum = std::clamp<int64_t>(((a[i] * as + b[i] * bs) >> 8) + offset, -32768, 32767);
    expected.push_back(std::clamp<int64_t>((sum + ((int64_t{1} << rsh) >> 1)) >> rsh, 0, 255));
  }
  EXPECT_EQ(words(program), expected);
  EXPECT_NE(words(lowered(centred)), expected) << "zero points that come off first must be told apart";
}

// What stands for 1 / count in the Program: multiplier and all right shifts, those of the list included.
TEST(PublishedRows, ReciprocalsOfCounts) {
  ASSAY_NEEDS_ROWS();
  const auto reciprocal = [](const char* name, int64_t height, int64_t width) {
    const emu::Target t = target(name);
    Net net(t);
    const TensorQuantization own = stored(t, 0.0625F, 0);
    const ValueId x = net.input("x", {1, 1, height, width}, own);
    net.output(net.node("AveragePool", AveragePool{{height, width}}, {x}, {1, 1, 1, 1}, own));
    const emu::Program program = net.lowered().program;
    const emu::QScale& scale = program.scales[only<emu::AveragePool>(program).requant.scale.index][0];
    int64_t right = scale.right.bits;
    for (const emu::Step& step : t.average_pool->steps) {
      if (const auto* shift = std::get_if<emu::ShiftRight>(&step); shift != nullptr && shift->amount) right += shift->amount->bits;
    }
    return Words{scale.multiplier, right};
  };
  const auto kernels = rows().at("156").at("inputs").at("kernels").get<std::vector<Words>>();
  for (size_t i = 0; i < kernels.size(); ++i)
    EXPECT_EQ(reciprocal("xilinx_dpu", kernels[i][0], kernels[i][1]), rows().at("156").at("expected")[i].get<Words>()) << "156, kernel " << i;
  const Words counts = rows().at("158").at("inputs").at("n");
  for (size_t i = 0; i < counts.size(); ++i) EXPECT_EQ(reciprocal("ethos_u55", 1, counts[i]), rows().at("158").at("expected")[i].get<Words>()) << "158, count " << counts[i];
  // Of the equal pairs 57 / 2^9, 114 / 2^10 and 228 / 2^11 the file takes the first.
  const Words ninth = reciprocal("icraft_buyi", 3, 3);
  EXPECT_EQ(ninth[0] << (rows().at("159").at("params").at("n").get<int64_t>() - ninth[1]), rows().at("159").at("params").at("m").get<int64_t>());
}

}  // namespace
}  // namespace assay::quant

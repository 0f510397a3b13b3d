// Weights whose scales are shared by groups of output channels: the greatest scale of each group, between one for the tensor and one for each channel.
#include <gtest/gtest.h>

#include <algorithm>

#include "emu/machine.h"
#include "emu/target/load_target.h"
#include "quant/calibrate/calibrate.h"
#include "quant/graph/passes/passes.h"
#include "quant/lower.h"
#include "quant/onnx/import_onnx.h"
#include "tests/quant/execute/small_graph.h"

namespace assay::quant {
namespace {

using test::random_tensor;

emu::Target with_groups(const std::string& name, emu::Granularity granularity, uint16_t group) {
  emu::Target target = emu::load_target(std::string(ASSAY_SOURCE_DIR) + "/emu/targets/" + name + ".toml");
  target.quantize.weight.granularity = granularity;
  target.quantize.weight.group = group;
  return target;
}

// The embedded network: its widest weight has 64 output channels or fewer.
Quantized digits(const emu::Target& target) {
  Graph graph = import_onnx(std::string(ASSAY_SOURCE_DIR) + "/vectors/models/digits.onnx", {});
  simplify(graph);
  const Shape shape = graph.value(graph.inputs.at(0)).shape;
  return calibrate(std::move(graph), target, {3, [shape](size_t i) { return std::vector<FloatTensor>{random_tensor(shape, static_cast<uint32_t>(i) + 9)}; }}, {});
}

class PerGroup : public testing::TestWithParam<const char*> {};

TEST_P(PerGroup, OfOneChannelIsPerChannel) {
  EXPECT_EQ(lower(digits(with_groups(GetParam(), emu::Granularity::per_group, 1))).program, lower(digits(with_groups(GetParam(), emu::Granularity::per_channel, 0))).program);
}

TEST_P(PerGroup, OfAllChannelsIsPerTensor) {
  EXPECT_EQ(lower(digits(with_groups(GetParam(), emu::Granularity::per_group, 65535))).program, lower(digits(with_groups(GetParam(), emu::Granularity::per_tensor, 0))).program);
}

TEST_P(PerGroup, InBetweenEachGroupHasTheGreatestScaleOfItsChannels) {
  const Quantized channels = digits(with_groups(GetParam(), emu::Granularity::per_channel, 0)), groups = digits(with_groups(GetParam(), emu::Granularity::per_group, 3));
  const bool fits = channels.target.multiplier.form == emu::MultiplierForm::nearest;  // which moves scales a little
  size_t seen = 0;
  for (ValueId id = 0; id < channels.tensors.size(); ++id) {
    if (!channels.graph.is_constant(id) || !channels.tensors[id] || !channels.tensors[id]->axis || channels.tensors[id]->state == State::passive) continue;
    const std::vector<float>&own = channels.tensors[id]->scale, &shared = groups.tensors[id]->scale;
    ASSERT_EQ(own.size(), shared.size());
    for (size_t c = 0; c < own.size(); ++c) {
      const size_t first = c / 3 * 3, last = std::min(first + 3, own.size());
      const float expected = *std::max_element(own.begin() + static_cast<std::ptrdiff_t>(first), own.begin() + static_cast<std::ptrdiff_t>(last));
      EXPECT_EQ(shared[c], shared[first]);
      if (!fits) {
        EXPECT_EQ(shared[c], expected);
      }
      ++seen;
    }
  }
  EXPECT_GT(seen, 20U);
  const emu::Program program = lower(groups).program;
  const auto words = quantize_inputs(program, {random_tensor(groups.graph.value(groups.graph.inputs[0]).shape, 77)});
  emu::Observer none;
  EXPECT_TRUE(emu::run(program, words) == emu::run(program, words, none, emu::Engine::reference));
  EXPECT_NE(program, lower(channels).program);
}

INSTANTIATE_TEST_SUITE_P(Targets, PerGroup, testing::Values("cmsis_nn", "icraft_buyi", "gemmini_shift"));

}  // namespace
}  // namespace assay::quant

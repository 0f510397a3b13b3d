// Published arithmetic examples, answered by the target files: tests/verify/examples/targets.json says which example is which target's, and how it names its numbers.
#include <gtest/gtest.h>

#include <bit>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "emu/target/load_target.h"
#include "quant/exact/fp32_constants.h"
#include "vectors/arithmetic/cases.h"
#include "verify/resolve.h"

namespace assay::verify {
namespace {

using Json = nlohmann::json;

Json read_json(const std::string& path) {
  std::ifstream file(path);
  return Json::parse(file);
}

// A number, or {"value": .., "f32_bits": "0x.."}.
float real(const Json& number) {
  if (!number.is_object()) return number.get<float>();
  return std::bit_cast<float>(static_cast<uint32_t>(std::stoul(number.at("f32_bits").get<std::string>(), nullptr, 16)));
}

const emu::Steps& steps_of(const emu::Target& target, const std::string& key) {
  const auto in = [&](const std::optional<emu::StepsRule>& rule) -> const emu::Steps& { return rule.value().steps; };
  if (key == "ops.conv.steps") return in(target.conv);
  if (key == "ops.mul.steps") return in(target.mul);
  if (key == "ops.add.steps") return target.add.value().steps;
  if (key == "ops.requantize.steps") return in(target.requantize);
  throw std::invalid_argument(key);
}

// multiplier * 2^-places, less the shifts that stand in the list.
emu::QScale given(int64_t multiplier, int places, const emu::Steps& steps) {
  for (const emu::Step& step : steps) {
    if (const auto* right = std::get_if<emu::ShiftRight>(&step); right != nullptr && right->amount) places -= right->amount->bits;
  }
  return {multiplier, {static_cast<uint8_t>(std::max(0, -places))}, {static_cast<uint8_t>(std::max(0, places))}};
}

// One example in the words of one target.
class Row {
 public:
  Row(const Json& row, const Json& example, const emu::Target& target)
      : row_(row), params_(example.at("params")), inputs_(example.at("inputs")), target_(target), steps_(steps_of(target, row.at("steps"))) {}

  std::vector<int64_t> answers() const {
    std::vector<int64_t> answers;
    if (row_.contains("with")) return of_pairs();
    const auto values = inputs_.at(row_.at("values").get<std::string>()).get<std::vector<int64_t>>();
    for (size_t i = 0; i < values.size(); ++i) {
      emu::StepEvents events;
      answers.push_back(static_cast<int64_t>(emu::requantize(values[i], steps_, operands(i), events)));
    }
    return answers;
  }

 private:
  // Sums and products of two words, by the walk of vectors::evaluate.
  std::vector<int64_t> of_pairs() const {
    std::vector<int64_t> answers;
    const auto a = inputs_.at(row_.at("values").get<std::string>()).get<std::vector<int64_t>>(), b = inputs_.at(row_.at("with").get<std::string>()).get<std::vector<int64_t>>();
    const auto zero = [&](size_t at) { return params_.at(row_.at("zero_points")[at].get<std::string>()).get<int64_t>(); };
    const bool adds = row_.at("steps") == "ops.add.steps";
    for (size_t i = 0; i < a.size(); ++i) {
      std::vector<int64_t> operands{a[i], b[i], zero(0), zero(1)};
      const auto put = [&](const emu::QScale& scale) { operands.insert(operands.end(), {scale.multiplier, scale.left.bits, scale.right.bits}); };
      if (adds) {
        std::string problem;
        const quant::Ratio scales = ratio_of_scales();
        const auto resolved =
            resolve_add(target_, static_cast<float>(scales.numerator[0]), static_cast<float>(scales.numerator[1]), static_cast<float>(scales.denominator[0]), problem);
        EXPECT_TRUE(resolved) << problem;
        const AddScales all = resolved.value_or(AddScales{});
        put(all.a), put(all.b), put(all.sum);
      } else {
        put(scale());
        operands.insert(operands.end(), {0, 0, 0, 0});  // the words of steps in binary32, which there are none of
      }
      operands.insert(operands.end(), {zero(2), target_.storage.activation.low, target_.storage.activation.high});
      answers.push_back(vectors::evaluate(target_, adds ? vectors::ArithOp::add : vectors::ArithOp::mul, operands).result);
    }
    return answers;
  }

  emu::StepOperands operands(size_t i) const {
    emu::StepOperands o;
    o.output = target_.storage.activation.type;
    o.clamp_low = target_.storage.activation.low, o.clamp_high = target_.storage.activation.high;
    if (params_.contains("clamp")) o.clamp_low = params_["clamp"][0], o.clamp_high = params_["clamp"][1];
    // The examples of one rule may speak of another type than the target's.
    if (!o.output.holds(o.clamp_low) || !o.output.holds(o.clamp_high)) o.output = {o.output.bits, !o.output.is_signed};
    if (row_.contains("wide")) o.output = emu::kS32, o.clamp_low = INT32_MIN, o.clamp_high = INT32_MAX;
    if (params_.contains("zp")) o.zero_point = params_["zp"];
    if (row_.contains("bias")) o.bias = inputs_.at(row_["bias"].get<std::string>())[i].get<int64_t>();
    o.scale = scale();
    return o;
  }

  emu::QScale scale() const {
    if (row_.contains("right")) return {1, {0}, {parameter<uint8_t>("right")}};
    if (row_.contains("multiplier")) return given(parameter<int64_t>("multiplier"), row_.at("bits").get<int>() - parameter<int>("shift"), steps_);
    const quant::Ratio ratio = ratio_of_scales();
    if (!quant::computes_in_fp32(steps_)) {
      std::string problem;
      const auto scale = quant::decompose(ratio, steps_, target_.multiplier, problem);
      EXPECT_TRUE(scale) << problem;
      return scale.value_or(emu::QScale{});
    }
    const emu::Fp32Rule& rule = target_.binary32.value();
    emu::QScale scale;
    scale.fp32.scale = quant::fp32_scale(ratio, rule);
    scale.fp32.output = quant::fp32_output(static_cast<float>(ratio.denominator[0]), rule);
    if (row_.contains("bias_fp32")) scale.fp32.bias = quant::fp32_bias(real(named("bias_fp32")), ratio, steps_, rule);
    return scale;
  }

  // `factors` and their `output` are reciprocals of scales.
  quant::Ratio ratio_of_scales() const {
    if (row_.contains("scale")) return {{real(named("scale"))}, {1.0}};
    const bool reciprocals = row_.contains("factors");
    const auto one = [&](const Json& number) { return reciprocals ? 1.0F / real(number) : real(number); };
    quant::Ratio ratio;
    for (const Json& name : row_.at(reciprocals ? "factors" : "scales")) ratio.numerator.push_back(one(params_.at(name.get<std::string>())));
    ratio.denominator.push_back(one(named("output")));
    return ratio;
  }

  const Json& named(const char* what) const { return params_.at(row_.at(what).get<std::string>()); }
  template <class T>
  T parameter(const char* what) const {
    return named(what).get<T>();
  }

  const Json& row_;
  const Json& params_;
  const Json& inputs_;
  const emu::Target& target_;
  const emu::Steps& steps_;
};

const Json* example_with(const Json& examples, const std::string& number) {
  for (const Json& example : examples) {
    if (example.at("id").get<std::string>().starts_with(number + "-")) return &example;
  }
  return nullptr;
}

std::vector<int64_t> answers(const Json& row, const Json& example, const emu::Target& target) {
  return Row(row, example, target).answers();
}

TEST(TargetRows, EveryTargetFileGivesTheResultsThatArePublishedForIt) {
  const std::string path = ASSAY_SHARED_DIR "/specs/arithmetic_examples.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs the published examples, " << path;
  const Json examples = read_json(path).at("examples");
  const Json rows = read_json(ASSAY_SOURCE_DIR "/tests/verify/examples/targets.json").at("rows");
  EXPECT_GE(rows.size(), 15U);
  size_t found = 0;
  for (const Json& row : rows) {
    const Json* const example = example_with(examples, row.at("id"));
    if (example == nullptr) continue;  // a part of the numbers is published elsewhere
    ++found;
    const emu::Target target = emu::load_target(emu::default_targets_dir() + "/" + row.at("target").get<std::string>() + ".toml");
    const Json& expected = row.contains("expected") ? example->at("expected").at(row["expected"].get<std::string>()) : example->at("expected");
    const std::vector<int64_t> published = expected.is_array() ? expected.get<std::vector<int64_t>>() : std::vector<int64_t>{expected.get<int64_t>()};
    EXPECT_EQ(answers(row, *example, target), published) << example->at("id") << " by " << target.name;
  }
  EXPECT_GE(found, 12U);
}

// The rows tell targets apart: rules that differ only in their ties do not answer for each other.
TEST(TargetRows, AnotherTargetsStepsAreFoundOut) {
  const Json row = Json::parse(R"({"steps": "ops.conv.steps", "values": "acc", "scale": "scale"})");
  const Json example = Json::parse(R"({"params": {"scale": 0.00390625, "zp": 3, "clamp": [-128, 127]}, "inputs": {"acc": [-640, -384, -128, 128, 384, 640]}})");
  std::set<std::vector<int64_t>> different;
  for (const char* const name : {"xnnpack_qs8_rndnu", "xnnpack_qs8", "qnnpack"}) {
    different.insert(answers(row, example, emu::load_target(emu::default_targets_dir() + "/" + name + ".toml")));
  }
  EXPECT_EQ(different.size(), 3U);
}

}  // namespace
}  // namespace assay::verify

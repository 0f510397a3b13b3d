// Outside witnesses: vectors whose expected values were obtained from published implementations (gemmlowp, TFLite, TOSA, CMSIS-NN, PPQ, Vitis AI ...), against our step lists.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "emu/arith/requant.h"

namespace assay::emu {
namespace {

using Json = nlohmann::json;

const Json* examples() {
  static const Json json = [] {
    std::ifstream in(std::string(ASSAY_SHARED_DIR) + "/specs/arithmetic_examples.json");
    return in ? Json::parse(in) : Json();
  }();
  return json.is_null() ? nullptr : &json;
}

#define ASSAY_NEEDS_WITNESS()                                                        \
  if (examples() == nullptr) {                                                       \
    GTEST_SKIP() << "specs/arithmetic_examples.json is not beside this source tree"; \
  }

// The vectors' words for modes are ours but for two.
std::optional<Round> mode_of(const std::string& name) {
  if (name == "trunc") return Round::toward_zero;
  if (name == "half_to_zero") return Round::half_toward_zero;
  if (name == "half_even on integers") return Round::half_even;
  return parse_round(name);
}

const Json& example(const std::string& number) {
  for (const Json& e : (*examples())["examples"]) {
    if (e["id"].get<std::string>().rfind(number, 0) == 0) return e;
  }
  throw std::runtime_error("there is no example " + number);
}

int64_t run(int64_t value, const std::string& steps, const StepOperands& operands) {
  StepEvents events;
  return static_cast<int64_t>(requantize(value, parse_steps(steps), operands, events));
}

TEST(Witness, RoundingShifts) {
  ASSAY_NEEDS_WITNESS();
  int seen = 0;
  for (const Json& e : (*examples())["examples"]) {
    const std::string op = e["op"];
    if (op.rfind("round_shift", 0) != 0 && op != "rounding_shift") continue;
    const auto mode = mode_of(e["params"]["mode"]);
    ASSERT_TRUE(mode) << e["id"];
    const auto& x = e["inputs"]["x"];
    for (size_t i = 0; i < x.size(); ++i) {
      const Wide found = shift_right(x[i].get<int64_t>(), RightShift{e["params"]["shift"].get<uint8_t>()}, *mode);
      EXPECT_EQ(static_cast<int64_t>(found), e["expected"][i].get<int64_t>()) << e["id"] << " " << x[i];
    }
    ++seen;
  }
  EXPECT_GE(seen, 8);
}

TEST(Witness, EveryIntegerRequantizer) {
  ASSAY_NEEDS_WITNESS();
  int seen = 0;
  for (const Json& program : (*examples())["requant_programs"]) {
    // Immediate operands become those of the list: the first addition a bias, a later one the zero point.
    Steps steps;
    StepOperands o;
    bool integers = true;
    for (const Json& p : program["program"]) {
      const std::string word = p[0];
      const bool scaled = std::any_of(steps.begin(), steps.end(), [](const Step& s) { return std::holds_alternative<Multiply>(s); });
      if (word == "shl") {
        steps.push_back(ShiftLeft{LeftShift{p[1].get<uint8_t>()}});
      } else if (word == "shr") {
        steps.push_back(ShiftRight{RightShift{p[1].get<uint8_t>()}, mode_of(p[2]).value()});
      } else if (word == "muli") {
        o.scale.multiplier = p[1], steps.push_back(Multiply{});
      } else if (word == "addi" && scaled) {
        o.zero_point = p[1], steps.push_back(AddZeroPoint{});
      } else if (word == "addi") {
        o.bias = p[1].get<int64_t>(), steps.push_back(AddBias{});
      } else if (word == "wrap") {
        steps.push_back(Wrap{p[1].get<uint8_t>()});
      } else if (word == "sat" && p[1].is_number_integer()) {
        const int64_t low = p[1], high = p[2];
        if (low == 0 || low == -131) {  // to u8, or to bounds as a fused activation has them
          o.clamp_low = low, o.clamp_high = high, steps.push_back(Clamp{});
        } else {
          steps.push_back(Saturate{static_cast<uint8_t>(low == -128 ? 8 : (low == -32768 ? 16 : 32))});
        }
      } else {
        integers = false;
      }
    }
    if (!integers) continue;
    for (size_t i = 0; i < program["acc"].size(); ++i) {
      StepEvents events;
      EXPECT_EQ(static_cast<int64_t>(requantize(program["acc"][i].get<int64_t>(), steps, o, events)), program["out"][i].get<int64_t>())
          << program["target"] << ": " << to_string(steps) << " on " << program["acc"][i];
    }
    ++seen;
  }
  EXPECT_GE(seen, 6);
}

TEST(Witness, DoubleAndSingleRoundingOfTheSameMultiplier) {
  ASSAY_NEEDS_WITNESS();
  for (const auto& [number, steps, whole] :
       {std::tuple{"070", "shift_left scale; multiply; shift_right 31 half_up; saturate 32; shift_right scale half_away", false},
        std::tuple{"071", "multiply; shift_right scale half_up", true}, std::tuple{"072", "multiply; shift_right 31 half_up; saturate 32; shift_right scale half_away", false}}) {
    const Json& e = example(number);
    const auto multiplier = e["params"]["m"].get<int32_t>();
    StepOperands o;
    o.scale = whole ? QScale::from_tosa(multiplier, 32) : QScale::from_tflite(multiplier, -1);
    for (size_t i = 0; i < e["expected"].size(); ++i) {
      EXPECT_EQ(run(e["inputs"]["x"][i], steps, o), e["expected"][i].get<int64_t>()) << number << " " << e["inputs"]["x"][i];
    }
  }
}

TEST(Witness, AdditionOfTwoOperandsWithTwentyBitsOfHeadroom) {
  ASSAY_NEEDS_WITNESS();
  const Json& e = example("145");
  const Json& p = e["params"];
  const std::string scaled = "shift_left scale; multiply; shift_right 31 half_up; saturate 32; shift_right scale half_away";
  StepOperands a, b, y;
  a.scale = QScale::from_tflite(p["m1"], p["sh1"]), b.scale = QScale::from_tflite(p["m2"], p["sh2"]), y.scale = QScale::from_tflite(p["mo"], p["sho"]);
  y.zero_point = p["zo"];
  for (size_t i = 0; i < e["expected"].size(); ++i) {
    const int64_t x0 = e["inputs"]["x"][i].get<int64_t>() - p["z1"].get<int64_t>(), x1 = e["inputs"]["y"][i].get<int64_t>() - p["z2"].get<int64_t>();
    const int64_t sum = run(x0, "shift_left 20; " + scaled, a) + run(x1, "shift_left 20; " + scaled, b);
    EXPECT_EQ(run(sum, scaled + "; add_zero_point; saturate output", y), e["expected"][i].get<int64_t>());
  }
}

TEST(Witness, AveragesOfWindows) {
  ASSAY_NEEDS_WITNESS();
  const Json& e = example("153");
  for (size_t i = 0; i < e["expected"].size(); ++i) {
    int64_t sum = 0;
    for (const Json& x : e["inputs"]["windows"][i]) sum += x.get<int64_t>();
    EXPECT_EQ(static_cast<int64_t>(divide_scaled(sum, static_cast<int64_t>(e["inputs"]["windows"][i].size()), QScale{}, Round::half_away)), e["expected"][i].get<int64_t>()) << i;
  }
}

}  // namespace
}  // namespace assay::emu

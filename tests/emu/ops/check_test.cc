// The limits that operators share, from both sides.
#include "emu/base/error.h"
#include "emu/program/text.h"
#include "tests/emu/ops/one_op.h"

namespace assay::emu::one_op {
namespace {

TEST(Check, AProductHas62BitsAtMost) {
  for (const uint8_t bits : {uint8_t{30}, uint8_t{31}}) {
    OneOp one;
    Mul op;
    op.a = one.value(kS32, {1}, {1});
    op.b = one.value(IntType{bits, true}, {1}, {1});
    op.acc = {kS64, Overflow::saturate};
    op.requant = one.requant("saturate output");
    one.result(kS32, {1});
    EXPECT_EQ(one.problems(op).find("62 bits") != std::string::npos, bits == 31) << one.problems(op);
  }
}

TEST(Check, AnOperandHas32BitsAtMost) {
  for (const uint8_t bits : {uint8_t{32}, uint8_t{33}}) {
    OneOp one;
    Requantize op;
    op.x = one.value(IntType{bits, true}, {1}, {1});
    op.requant = one.requant("saturate output");
    one.result(kS32, {1});
    EXPECT_EQ(one.problems(op).find("at most 32 bits") != std::string::npos, bits == 33) << one.problems(op);
  }
}

TEST(Check, AMoveKeepsTheScale) {
  Program program;
  program.values = {{"x", {2}, kS8, 0, {Dyadic{1, -3}}}, {"y", {2, 1}, kS8, 0, {Dyadic{1, -4}}}};
  program.inputs = {{0, Round::half_even, -128, 127}};
  program.instructions = {{1, Reshape{{false, 0}}}};
  program.outputs = {1};
  try {
    verify(program);
    ADD_FAILURE() << "accepted";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("has scale 1*2^-3, the result 1*2^-4"), std::string::npos) << error.what();
  }
  program.values[1].scale = program.values[0].scale;
  EXPECT_NO_THROW(verify(program));
}

// What verify says against one instruction from %0 (and %1, where the operation takes two) to a value: "" where it is content.
std::string against(const std::string& x, const std::string& second, const std::string& operation, const std::string& y) {
  std::string text = "assay program 2\ntarget \"t\"\nmodel \"m\"\n";
  text += "input %0 round=half_even clamp=-128..127 -> s8" + x + " \"x\"\n";
  if (!second.empty()) text += "input %1 round=half_even clamp=-128..127 -> s8" + second + " \"second\"\n";
  text += "%2 = " + operation + " -> s8" + y + " \"y\"\noutput %2\n";
  if (second.empty()) text.replace(text.find("%2"), 2, "%1"), text.replace(text.find("%2"), 2, "%1");
  try {
    parse_program(text);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(Check, AMoveCarriesTheScaleOfEachChannel) {
  const std::string x = "[1,3,2,2] zy=0 scale=1*2^0,3*2^-1,1*2^-4", none;
  const std::string pool = "max_pool %0 kernel=1,1 stride=1,1 pad=0,0,0,0 dilation=1,1", slice = "slice %0 starts=0,2,0,0 steps=1,-2,1,1";
  EXPECT_EQ(against(x, none, pool, x), "");
  EXPECT_EQ(against(x, none, "pad %0 begins=0,0,1,0 ends=0,0,0,0 value=0", "[1,3,3,2] zy=0 scale=1*2^0,3*2^-1,1*2^-4"), "");
  EXPECT_EQ(against(x, none, "resize_nearest %0 rows=0,1,1 columns=0,1", "[1,3,3,2] zy=0 scale=1*2^0,3*2^-1,1*2^-4"), "");
  EXPECT_EQ(against(x, none, "reshape %0", "[1,3,4] zy=0 scale=1*2^0,3*2^-1,1*2^-4"), "");
  EXPECT_EQ(against(x, none, "transpose %0 permutation=0,1,3,2", x), "");
  EXPECT_EQ(against(x, none, slice, "[1,2,2,2] zy=0 scale=1*2^-4,1*2^0"), "");
  EXPECT_EQ(against(x, none, "slice %0 starts=0,1,0,0 steps=1,1,1,1", "[1,1,2,2] zy=0 scale=3*2^-1"), "");
  EXPECT_EQ(against("[1,2] zy=0 scale=1*2^0", none, "reshape %0", "[1,2,1] zy=0 scale=1*2^0,1*2^0"), "") << "equal scales may be written out";
  EXPECT_NE(against(x, none, pool, "[1,3,2,2] zy=0 scale=1*2^0,3*2^-1,1*2^-3").find("scale 1*2^-4 in channel 2, the result 1*2^-3"), std::string::npos);
  EXPECT_NE(against(x, none, slice, "[1,2,2,2] zy=0 scale=1*2^0,1*2^-4").find("scale 1*2^-4 in channel 2, the result 1*2^0"), std::string::npos);
  EXPECT_NE(against(x, none, pool, "[1,3,2,2] zy=0 scale=1*2^0").find("in channel 1"), std::string::npos);
}

TEST(Check, AMoveThatMixesChannelsTakesOneScale) {
  const std::string x = "[1,3,2,2] zy=0 scale=1*2^0,3*2^-1,1*2^-4", none;
  const auto mixed = [](const std::string& problems) { return problems.find("the result's channels are mixed") != std::string::npos; };
  EXPECT_TRUE(mixed(against(x, none, "reshape %0", "[1,12] zy=0 scale=1*2^0")));
  EXPECT_TRUE(mixed(against(x, none, "reshape %0", "[3,1,4] zy=0 scale=1*2^0")));
  EXPECT_TRUE(mixed(against(x, none, "transpose %0 permutation=0,2,3,1", "[1,2,2,3] zy=0 scale=1*2^0")));
  EXPECT_TRUE(mixed(against(x, none, "pad %0 begins=0,1,0,0 ends=0,0,0,0 value=0", "[1,4,2,2] zy=0 scale=1*2^0")));
  EXPECT_TRUE(mixed(against("[1,3,2] zy=0 scale=1*2^0,3*2^-1,1*2^-4", none, "resize_nearest %0 rows=0,1,1 columns=0,1", "[1,3,2] zy=0 scale=1*2^0,3*2^-1,1*2^-4")));
}

TEST(Check, ACopyingConcatListsTheScalesOfItsInputs) {
  const std::string a = "[1,2,1,1] zy=0 scale=1*2^0", b = "[1,2,1,1] zy=0 scale=1*2^-4,3*2^-1", join = "concat %0,%1 axis=1 zx=0,0 scales=none steps=#0";
  EXPECT_EQ(against(a, b, join, "[1,4,1,1] zy=0 scale=1*2^0,1*2^0,1*2^-4,3*2^-1"), "");
  EXPECT_NE(against(a, b, join, "[1,4,1,1] zy=0 scale=1*2^0,1*2^0,3*2^-1,1*2^-4").find("scale 1*2^-4 in channel 0, the result 3*2^-1"), std::string::npos);
  EXPECT_EQ(against(b, b, "concat %0,%1 axis=2 zx=0,0 scales=none steps=#0", "[1,2,2,1] zy=0 scale=1*2^-4,3*2^-1"), "");
  EXPECT_NE(against(a, b, "concat %0,%1 axis=2 zx=0,0 scales=none steps=#0", "[1,2,2,1] zy=0 scale=1*2^-4,3*2^-1").find("scale 1*2^0 in channel 0"), std::string::npos);
}

}  // namespace
}  // namespace assay::emu::one_op

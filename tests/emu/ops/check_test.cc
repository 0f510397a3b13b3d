// The limits that operators share, from both sides.
#include "emu/base/error.h"
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
  program.values = {{"x", {2}, kS8, 0, {1, -3}}, {"y", {2, 1}, kS8, 0, {1, -4}}};
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

}  // namespace
}  // namespace assay::emu::one_op

#include "emu/program/text.h"

#include <gtest/gtest.h>

#include "emu/base/error.h"
#include "tests/emu/program/samples.h"

namespace assay::emu {
namespace {

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), with);
}

std::string text_problems(const std::string& text) {
  try {
    parse_program(text);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(ProgramText, AnInstructionIsOneReadableLine) {
  const std::string text = print(parse_program(samples::every_operation()));
  EXPECT_NE(text.find("\n%1 = conv %0 w=@k0 b=@k1 stride=1,1 pad=1,1,1,1 dilation=1,1 groups=1 zx=-3 zw=0 acc=s32.wrap order=ky,kx,ic scale=@s1 requant=#0 clamp=5..127"
                      " -> s8[1,2,4,4] zy=5 scale=3*2^-9 \"relu \\\"1\\\"\"\n"),
            std::string::npos)
      << text;
}

TEST(ProgramText, WithoutConstantsShowsTypeShapeAndHash) {
  Program program = parse_program(samples::every_operation());
  const std::string text = print(program, false);
  EXPECT_NE(text.find("@k1 = s32[2] \"conv.bias\" fnv1a64="), std::string::npos) << text;
  program.constants[1].tensor.set(0, -41);
  EXPECT_NE(print(program, false), text);
  EXPECT_NE(text_problems(text).find("for reading only"), std::string::npos);
}

TEST(ProgramText, TheHashIsFnv1a) {
  Program program;
  program.constants.push_back({"letter", Tensor(kU8, {1}, {'a'})});
  EXPECT_NE(print(program, false).find("fnv1a64=af63dc4c8601ec8c"), std::string::npos) << print(program, false);  // published test vector of "a"
}

TEST(ProgramText, NamesMayHoldAnyCharacter) {
  Program program;
  program.model = std::string("quote \" back\\slash \n tab\t nul") + '\0' + " bell\x07 // -> = \xc3\xa9 \xff end";
  EXPECT_EQ(parse_program(print(program)).model, program.model);
  EXPECT_EQ(print(program).find('\0'), std::string::npos);
}

TEST(ProgramText, ErrorsTellLineNumberAndText) {
  const std::string text = "assay program 2\ntarget \"t\"\nmodel \"m\"\n\n@s0 = 1/2\n#0 = multiply; jump\n";
  const std::string problems = text_problems(text);
  EXPECT_NE(problems.find("line 5: '1/2' is no scale; expected multiplier/left/right: @s0 = 1/2"), std::string::npos) << problems;
  EXPECT_NE(problems.find("line 6: "), std::string::npos) << problems;
  EXPECT_NE(problems.find("jump': unknown"), std::string::npos) << problems;
}

struct Mistake {
  const char* what;
  const char* with;
  const char* told;
};

TEST(ProgramText, MistakesAreToldByName) {
  const Mistake mistakes[] = {
      {"assay program 2", "assay program 1", "assay program 2"},
      {"= conv %0", "= convolve %0", "unknown operation 'convolve'"},
      {"zx=-3 zw=0", "zw=0", "'zx' is missing"},
      {"zx=-3", "zx=-3 zx=-3", "'zx' is given twice"},
      {"zx=-3", "zx=-3 zz=1", "'zz' is not known here"},
      {"acc=s32.wrap", "acc=s65.wrap", "'s65.wrap' is not legal for 'acc'"},
      {"order=ky,kx,ic", "order=kx,ky,ic", "'kx,ky,ic' is not legal for 'order'"},
      {"= conv %0", "= conv %x", "'%x' is not legal for 'x'"},
      {"stride=1,1", "stride=1,,1", "'1,,1' is not legal for 'stride'"},
      {"clamp=5..127", "clamp=5", "'5' is not legal for 'clamp'"},
      {"%2 = conv_transpose", "%1 = conv_transpose", "%1 is written twice"},
      {"%2 = conv_transpose", "%99 = conv_transpose", "%2 is written by no line"},
      {"@k1 = s32[2] \"conv.bias\" : -40 1000", "@k1 = s32[2] \"conv.bias\" : -40", "has 2 elements"},
      {"@k1 = s32[2] \"conv.bias\" : -40 1000", "@k1 = s32[2] \"conv.bias\" : -40 1000 7", "found 3"},
      {"@k1 = s32[2] \"conv.bias\" : -40 1000", "@k1 = s8[2] \"conv.bias\" : -40 1000", "1000, outside s8"},
      {"@k1 = s32[2] \"conv.bias\" : -40 1000", "@k1 = s32[2] \"conv.bias\" : -40 1e3", "element 2 is no number"},
      {"@k1 = s32[2] \"conv.bias\" : -40 1000", "@k1 = s32[2000000000] \"conv.bias\" : -40 1000", "more than the line can hold"},
      {"@k1 = s32[2]", "@k7 = s32[2]", "expected @k1"},
      {"@s1 = ", "@s4 = ", "expected @s1"},
      {"#1 = multiply", "#9 = multiply", "expected #1"},
      {"-> s8[1,2,4,4] zy=5", "s8[1,2,4,4] zy=5", "'->' is missing"},
      {"-> s8[1,2,4,4] zy=5", "-> q8[1,2,4,4] zy=5", "'q8' is no type"},
      {"-> s8[1,2,4,4] zy=5", "-> s8[1,2,4,-] zy=5", "is no list of extents"},
      {"output %14", "output @k1", "expected a value"},
      {"output %14", "result %14", "expected target, model"},
  };
  for (const Mistake& mistake : mistakes) {
    const std::string problems = text_problems(replaced(samples::every_operation(), mistake.what, mistake.with));
    EXPECT_NE(problems.find(mistake.told), std::string::npos) << mistake.what << " -> " << mistake.with << "\n" << problems;
  }
}

TEST(ProgramText, LinesMayEndAsOnOtherSystems) {
  std::string text = samples::every_operation();
  std::string dos;
  for (const char c : text) dos += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_EQ(parse_program(dos), parse_program(text));
}

TEST(ProgramText, ScalarsAndEmptyTensorsHaveAForm) {
  Program program;
  program.constants.push_back({"scalar", Tensor(kS32, {}, {-7})});
  program.constants.push_back({"empty", Tensor(kS8, {0, 3})});
  program.step_lists.push_back({});
  EXPECT_EQ(parse_program(print(program)), program);
}

}  // namespace
}  // namespace assay::emu

#include "emu/target/change.h"

#include <gtest/gtest.h>

#include "emu/base/error.h"
#include "emu/target/load_target.h"

namespace assay::emu {
namespace {

std::string refusal_of_change(const std::string& change) {
  try {
    load_changed_target(find_target("nxp_int8", default_targets_dir()), change);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(ChangedTarget, DiffersInOneWord) {
  const std::string path = find_target("nxp_int8", default_targets_dir());
  const Target before = load_target(path);
  const Target after = load_changed_target(path, "ops.conv.steps[2]=shift_right scale half_even");
  EXPECT_EQ(to_string(after.conv->steps), "add_bias; shift_left scale; shift_right scale half_even; saturate output; clamp");
  EXPECT_EQ(to_string(after.matmul->steps), to_string(before.matmul->steps));
  EXPECT_EQ(after.storage.bias.high, before.storage.bias.high);
  EXPECT_EQ(after.name, "nxp_int8[ops.conv.steps[2]=shift_right scale half_even]");
  EXPECT_EQ(load_changed_target(path, "quantize.activation.round=half_even").quantize.activation.round, Round::half_even);
  EXPECT_EQ(load_changed_target(path, "multiplier.max_left=7").multiplier.max_left.bits, 7);
  EXPECT_FALSE(load_changed_target(path, "ops.pad.supported=false").pad);
}

TEST(ChangedTarget, EveryFileStaysItselfWhenAWordIsWrittenAgain) {
  for (const auto& path : list_targets(default_targets_dir())) {
    const Target target = load_target(path);
    Target same = load_changed_target(path, "quantize.input.symmetry=" + std::string(to_string(target.quantize.input.symmetry)));
    same.name = target.name, same.file = target.file;
    EXPECT_EQ(explain(same), explain(target));
  }
}

TEST(ChangedTarget, RefusesWhatTheLoaderWould) {
  EXPECT_NE(refusal_of_change("ops.conv.step[2]=x").find("did you mean 'ops.conv.steps[2]'?"), std::string::npos) << refusal_of_change("ops.conv.step[2]=x");
  EXPECT_NE(refusal_of_change("ops.conv.steps[9]=clamp").find("is no key"), std::string::npos);
  EXPECT_NE(refusal_of_change("ops.conv.steps[2]=shift_right scale half_evn").find("half_evn"), std::string::npos);
  EXPECT_NE(refusal_of_change("ops.conv=x").find("is a section or a list"), std::string::npos);
  EXPECT_NE(refusal_of_change("multiplier.bits=many").find("takes an integer"), std::string::npos);
  EXPECT_NE(refusal_of_change("ops.pad.supported=yes").find("takes true or false"), std::string::npos);
  EXPECT_NE(refusal_of_change("quantize.activation.round=nearest").find("nearest"), std::string::npos);
  EXPECT_NE(refusal_of_change("round").find("expected KEY=VALUE"), std::string::npos);
  EXPECT_NE(refusal_of_change("=x").find("expected KEY=VALUE"), std::string::npos);
}

}  // namespace
}  // namespace assay::emu

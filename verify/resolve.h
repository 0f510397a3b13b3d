// A real question in a target's own integers: the same scales (binary32, as a quantizer gives them) become multiplier and shifts by the target's rule, or binary32 constants.
//
//   steps in integers       multiplier and shifts: quant::decompose(s_in / s_out) with [multiplier]
//   steps in binary32       without the word `output`: scale = s_in / s_out, one division in binary32
//                           div_fp32 output:           scale = s_in, output = s_out
//                           any other use of `output`: scale = s_in, output = 1 / s_out, one division in binary32
// Zero points are said relative to a symmetric signed word: 0 is 0 for s8, and 128 for u8.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "emu/target/target.h"

namespace assay::verify {

// real = accumulator * in / out. Both positive and finite.
struct Scales {
  float in = 1;
  float out = 1;
};
// "0x3eaaaaab / 0x3f800000 (0.333333)"
std::string to_string(const Scales& scales);

// What the steps take for it; none where the target cannot express the ratio, `problem` says why.
std::optional<emu::QScale> resolve(const emu::Target& target, const emu::Steps& steps, const Scales& scales, std::string& problem);
// The same for an average: of `count` elements, by the target's rule (ops.average_pool.form and count_scale), which must be there. A factor of the kernel's size is that of a
// square kernel, or where there is none of a row.
std::optional<emu::QScale> resolve_average(const emu::Target& target, const Scales& scales, int64_t count, std::string& problem);

// The three scales of an add: both operands into the common step, the sum out of it. As the quantizer derives them (quant/ops/binary.cc).
struct AddScales {
  emu::QScale a, b, sum;
};
std::optional<AddScales> resolve_add(const emu::Target& target, float scale_a, float scale_b, float out, std::string& problem);

// The zero point that stands `relative` away from the middle; none where the type cannot have it, or the target has only 0 and that is not what is asked.
std::optional<int64_t> zero_point(const emu::Target& target, int64_t relative);

}  // namespace assay::verify

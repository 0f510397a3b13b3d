#include <algorithm>
#include <bit>

#include "emu/kernels/fast_steps.h"
#include "tests/oracle/exact_steps.h"
#include "verify/check/random_cases.h"
#include "verify/self/self.h"

namespace assay::verify {
namespace {

using vectors::operand_index;

struct Named {
  std::string name;
  const emu::Steps* steps;
  bool begins_in_fp32 = false;
};

std::vector<Named> lists_of(const emu::Target& t) {
  std::vector<Named> lists;
  const auto add = [&](const char* name, const auto& rule) {
    if (rule) lists.push_back({std::string("steps of ops.") + name, &rule->steps});
  };
  add("conv", t.conv), add("depthwise_conv", t.depthwise_conv), add("conv_transpose", t.conv_transpose), add("matmul", t.matmul), add("mul", t.mul),
      add("requantize", t.requantize), add("leaky_relu", t.leaky_relu);
  add("add", t.add), add("concat", t.concat), add("average_pool", t.average_pool), add("softmax", t.softmax);
  if (t.add) lists.push_back({"operand_steps of ops.add", &t.add->operand_steps});
  for (Named& list : lists) list.begins_in_fp32 = t.add && list.steps == &t.add->steps && emu::ends_in_fp32(t.add->operand_steps);
  std::erase_if(lists, [](const Named& list) { return list.steps->empty(); });
  return lists;
}

// What a list of steps is given: an integer, or a binary32 number as its word (a sum of scaled operands has a fraction: the integer's 2^-16th here).
Wide start_of(const Named& list, int32_t accumulator) {
  if (!list.begins_in_fp32) return accumulator;
  const oracle::Real real = accumulator == 0 ? oracle::Real::zero(false) : oracle::Real::of(oracle::Rational(oracle::Int(accumulator), oracle::power_of_two(16)));
  return oracle::word_of(real, oracle::kNearest32);
}

// The kernel's answer for one element; words where the list begins or ends in binary32.
Wide by_kernel(const emu::FastSteps& fast, const Named& list, Wide start) {
  emu::FastSteps::RowCounts counts;
  const auto accumulator = static_cast<int64_t>(start);
  int64_t integer = 0;
  if (list.begins_in_fp32) {
    const auto number = std::bit_cast<float>(static_cast<uint32_t>(accumulator));
    fast.run(&number, 1, 0, &integer, counts);
  } else if (emu::ends_in_fp32(*list.steps)) {
    float number = 0;
    fast.run(&accumulator, 1, 0, &number, counts);
    integer = int64_t{std::bit_cast<uint32_t>(number)};
  } else {
    const auto narrow = static_cast<int32_t>(accumulator);
    fast.run(&narrow, 1, 0, &integer, counts);
  }
  return integer;
}

SelfLine check_list(const emu::Target& target, const Named& list, const std::vector<Operands>& cases) {
  SelfLine line;
  line.what = list.name;
  bool kernel = true;
  for (const Operands& one : cases) {
    const emu::StepOperands operands = vectors::step_operands(target, vectors::ArithOp::requantize, one);
    const Wide start = start_of(list, static_cast<int32_t>(saturate(one[0], emu::kS32)));
    emu::StepEvents events;
    const Wide reference = emu::requantize(start, *list.steps, operands, events);
    const oracle::Int judged = oracle::stepped(oracle::to_int(start), *list.steps, operands).values.back();
    bool equal = oracle::to_int(reference) == judged;
    emu::ValueInfo result;
    result.type = operands.output;
    result.zero_point = operands.zero_point;
    const auto fast =
        emu::FastSteps::prepare(*list.steps, Wide{1} << 31, {{static_cast<int64_t>(operands.bias), operands.scale}}, result, {operands.clamp_low, operands.clamp_high});
    equal = equal && (!fast || by_kernel(*fast, list, start) == reference);
    kernel = kernel && fast.has_value();
    ++line.cases;
    if (!equal && ++line.different == 1) line.first = describe(ArithOp::requantize, one);
  }
  line.judges = kernel ? "kernel, reference, oracle" : "reference, oracle (and the kernel where one fits)";
  return line;
}

}  // namespace

std::vector<SelfLine> check_step_lists(const emu::Target& target, const SelfSettings& settings) {
  const auto cases = random_cases(target, ArithOp::requantize, settings.seed, settings.level > 1 ? 20000 : 2000);
  std::vector<SelfLine> lines;
  const auto lists = lists_of(target);
  for (const Named& list : lists) {
    if (settings.progress) settings.progress(lines.size(), lists.size());
    lines.push_back(check_list(target, list, cases));
  }
  if (settings.progress) settings.progress(lines.size(), lists.size());
  return lines;
}

}  // namespace assay::verify

// A program of one instruction with random operands, zero points, scales and step lists: its kernel against its reference body, bytes and overflow counts alike.
#pragma once

#include <rapidcheck.h>

#include "emu/kernels/kernels.h"

namespace assay::emu::kernel_testing {

using rc::gen::element;
using rc::gen::inRange;

// A program of one instruction under construction, with the tensors of its values.
class OneInstruction {
 public:
  uint64_t draw() {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return state_ >> 33;
  }

  Tensor any_tensor(IntType type, const Shape& shape) {
    const auto range = static_cast<uint64_t>(type.max() - type.min());
    Tensor tensor(type, shape);
    for (size_t i = 0; i < tensor.size(); ++i) tensor.set(i, static_cast<int64_t>(type.min()) + static_cast<int64_t>(draw() % (range + 1)));
    return tensor;
  }

  Ref value(IntType type, const Shape& shape) {
    program.values.push_back({"v", shape, type, 0});
    tensors.push_back(any_tensor(type, shape));
    return {false, static_cast<uint32_t>(tensors.size() - 1)};
  }

  Ref constant(Tensor tensor) {
    program.constants.push_back({"k", std::move(tensor)});
    return {true, static_cast<uint32_t>(program.constants.size() - 1)};
  }

  ScaleRef scale(size_t entries) {
    std::vector<QScale> scales;
    for (size_t i = 0; i < entries; ++i) {
      scales.push_back({static_cast<int64_t>(draw() % (1ULL << 31)) + 1, LeftShift{static_cast<uint8_t>(draw() % 3)}, RightShift{static_cast<uint8_t>(draw() % 12)}});
    }
    program.scales.push_back(scales);
    return {static_cast<uint32_t>(program.scales.size() - 1)};
  }

  StepsRef steps(const std::string& text) {
    program.step_lists.push_back(parse_steps(text));
    return {static_cast<uint32_t>(program.step_lists.size() - 1)};
  }

  Requant requant(size_t channels, bool bias) {
    const std::string lists[] = {
        "multiply; shift_right 31 half_up; shift_right scale half_away; add_zero_point; saturate output; clamp",
        "shift_left scale; shift_right 7 half_even; shift_right scale half_down; saturate output; clamp",
        "shift_left scale; multiply; shift_right 31 half_up; saturate 12; shift_right scale half_away; add_zero_point; saturate output; clamp",
        "shift_right scale floor; wrap 10; add_zero_point; wrap output",
    };
    const std::string list = lists[draw() % 4];
    const int64_t low = static_cast<int64_t>(draw() % 60);  // held by every result type here
    return {scale(draw() % 2 == 0 ? channels : 1), steps((bias ? "add_bias; " : "") + list), {low, low + static_cast<int64_t>(draw() % 67)}};
  }

  void result(IntType type, const Shape& shape) { program.values.push_back({"y", shape, type, static_cast<int64_t>(draw() % 21) - 10}); }

  // False where there is no kernel.
  bool kernel_equals_reference(const Operation& operation) {
    std::vector<const Tensor*> values;
    for (const Tensor& tensor : tensors) values.push_back(&tensor);
    values.push_back(nullptr);
    const OpContext context(program, static_cast<uint32_t>(tensors.size()), values);
    const PreparedKernel prepared = prepare_kernel(operation, context);
    RC_ASSERT(static_cast<bool>(prepared.kernel) == prepared.why_reference.empty());
    if (!prepared.kernel) return false;
    OpRun fast, slow;
    const Tensor kernel = prepared.kernel(context, fast);
    const Tensor reference = std::visit(
        [&](const auto& op) -> Tensor {
          if constexpr (std::is_same_v<std::decay_t<decltype(op)>, std::monostate>) {
            return {};
          } else {
            return execute(op, context, slow);
          }
        },
        operation);
    RC_ASSERT(kernel == reference);
    RC_ASSERT(fast.overflows == slow.overflows);
    return true;
  }

  Program program;
  std::vector<Tensor> tensors;

 private:
  uint64_t state_ = *rc::gen::arbitrary<uint64_t>();
};

inline IntType any_8_bit() {
  return *element(kS8, kU8, IntType{7, false}, IntType{5, true});
}
inline IntType any_up_to_16_bits() {
  return *inRange(0, 3) == 0 ? *element(kS16, kU16, IntType{12, true}, IntType{9, false}) : any_8_bit();
}
inline int64_t any_zero_point(IntType type) {
  return *inRange(static_cast<int64_t>(type.min()), static_cast<int64_t>(type.max()) + 1);
}

}  // namespace assay::emu::kernel_testing

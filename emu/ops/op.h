// What every operator's pair of files provides, and the helpers that they share. For an instruction type T:
//
//   void check(const T&, const OpContext&, Problems&)     shapes, types and attributes are legal; one sentence per problem
//   Tensor execute(const T&, const OpContext&, OpRun&)    the reference body: plain loops, the specification
//
// Both are overloads on T; ops.def lists the types, so a forgotten one fails to link.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "emu/machine.h"
#include "emu/program/program.h"

namespace assay::emu {

using Problems = std::vector<std::string>;

// What an operation may see: the program's tables, its operands' tensors (execute only) and the description of its result.
class OpContext {
 public:
  // `values` holds the tensor of each value already computed (null: not yet, or freed); empty when only checking.
  OpContext(const Program& program, uint32_t result, const std::vector<const Tensor*>& values) : program_(program), result_(result), values_(values) {}

  const Tensor& tensor(Ref ref) const;
  // Shape, type and zero point of an operand without its elements. A constant's zero point is 0: instructions carry zw themselves.
  const Shape& shape(Ref ref) const;
  IntType type(Ref ref) const;
  const ValueInfo& result() const { return program_.values[result_]; }
  const ValueInfo& value(uint32_t index) const { return program_.values[index]; }
  const std::vector<QScale>& scale(ScaleRef ref) const { return program_.scales[ref.index]; }
  const Steps& steps(StepsRef ref) const { return program_.step_lists[ref.index]; }

 private:
  const Program& program_;
  uint32_t result_;
  const std::vector<const Tensor*>& values_;
};

// Collects what a reference body has to tell besides its result: overflow counts, and intermediates where the observer wants them.
class OpRun {
 public:
  // on_intermediate: called once per stage with the whole tensor; null: nobody asked.
  using Report = std::function<void(const std::string& stage, const Tensor& values)>;
  explicit OpRun(Report report = nullptr) : report_(std::move(report)) {}

  bool reporting() const { return static_cast<bool>(report_); }
  void report(const std::string& stage, const Tensor& values) const { report_(stage, values); }
  OverflowCounts overflows;

 private:
  Report report_;
};

// The axis that channels are counted on, where the operator has no other idea of it: 1, or 0 for results of rank < 2.
int64_t channel_axis_of(const Shape& result);

// What happened to an output before its requantization.
inline constexpr uint8_t kAccumulatorOverflowed = 1;  // its sum left the register
inline constexpr uint8_t kOperandOverflowed = 2;      // a saturate or wrap of an operand's own steps changed a value; counts as intermediate

// The second half of every accumulating operator: takes one accumulator per output element (row-major in the result's shape; `overflowed[i]` says what happened on
// the way, flags below; empty: nothing did), reports the accumulators and each step where wanted, counts, and gives the result. `channel_axis`: the axis that bias and per-channel
// scales index. `entry(i)`: which QScale of the scale element i uses where that is not the channel (average pooling's counts); null: by channel, or entry 0 where there is one.
Tensor requantize_all(const std::vector<int64_t>& accumulators, const std::vector<uint8_t>& overflowed, const Requant& requant, const std::optional<Ref>& bias,
                      int64_t channel_axis, const OpContext& context, OpRun& run, const std::function<size_t(size_t)>& entry = nullptr);

// The same where the scale of an element is not an entry of requant.scale (leaky_relu's negative side): scale_of(i) gives it. requant.scale is not looked at.
Tensor requantize_all_scaled(const std::vector<int64_t>& accumulators, const std::vector<uint8_t>& overflowed, const Requant& requant, const std::optional<Ref>& bias,
                             int64_t channel_axis, const OpContext& context, OpRun& run, const std::function<const QScale&(size_t)>& scale_of);

#define ASSAY_OP(type, file)                                     \
  void check(const type&, const OpContext&, Problems& problems); \
  Tensor execute(const type&, const OpContext&, OpRun& run);
#include "emu/ops/ops.def"
#undef ASSAY_OP

}  // namespace assay::emu

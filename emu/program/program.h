// A Program: instructions and constants, self-contained. The contract between the quantizer and the machine: no real number is left in it, and it runs with neither
// ONNX nor TOML at hand. Immutable after verify(). Its text form (text.h) is what an RTL engineer reads; its binary form (file.h) is what tools exchange.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "emu/program/instructions.h"
#include "emu/program/tensor.h"

namespace assay::emu {

// What is known of one value: its name (the ONNX tensor it stands for), shape and type, and what its integers mean: real = scale * (q - zero_point). The scale has one entry, or
// one for each index of axis 1: channels with scales of their own (such as those of tensors that were joined word by word).
struct ValueInfo {
  std::string name;
  Shape shape;
  IntType type = kS8;
  int64_t zero_point = 0;
  std::vector<Dyadic> scale = {Dyadic{}};
  const Dyadic& scale_at(int64_t channel) const { return scale[scale.size() == 1 ? 0 : static_cast<size_t>(channel)]; }
  friend bool operator==(const ValueInfo&, const ValueInfo&) = default;
};

// A graph input: a value, and how the host turns a real number into it: clamp(round(x / scale) + zero_point, low, high).
struct ProgramInput {
  uint32_t value = 0;
  Round round = Round::half_even;
  int64_t low = -128;
  int64_t high = 127;
  friend bool operator==(const ProgramInput&, const ProgramInput&) = default;
};

struct Constant {
  std::string name;
  Tensor tensor;
  friend bool operator==(const Constant&, const Constant&) = default;
};

struct Instruction {
  uint32_t result = 0;  // the value that it writes
  Operation operation;
  friend bool operator==(const Instruction&, const Instruction&) = default;
};

struct Program {
  std::string target;                       // the target's name
  std::string model;                        // the model's name
  std::vector<ValueInfo> values;            // %n
  std::vector<Constant> constants;          // @kn
  std::vector<std::vector<QScale>> scales;  // @sn: one entry, or one per channel
  std::vector<Steps> step_lists;            // #n
  std::vector<ProgramInput> inputs;
  std::vector<Instruction> instructions;  // in order of execution; each value is written once, before it is read
  std::vector<uint32_t> outputs;
  friend bool operator==(const Program&, const Program&) = default;
};

// "conv", "table_lookup": the operation's name in text.
std::string_view operation_name(const Operation& operation);

// The inverse: an operation of that name with default fields; none where the name is unknown.
std::optional<Operation> operation_named(std::string_view name);

// Every operation's name, in the order of ops.def.
std::vector<std::string_view> operation_names();

// The values and constants that an operation reads, in field order.
std::vector<Ref> operands_of(const Operation& operation);

// Checks everything that the machine relies on: references in range and written before read, every operation's check() (shapes, types, zero points that agree with the
// values', per-channel lengths), and that no step can leave 126 bits. Throws InputError with all problems, each naming the instruction.
void verify(const Program& program);

}  // namespace assay::emu

// The kinds of fields that an instruction is made of. Every instruction lists its own fields once, by name (`fields`), and the text printer, the parser, the binary
// file and verify all walk that list: a new operator gets all four for nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "emu/arith/accumulator.h"
#include "emu/arith/requant.h"
#include "emu/arith/table.h"

namespace assay::emu {

// An operand: %n, the value n of the Program, or @kn, its constant n.
struct Ref {
  bool is_constant = false;
  uint32_t index = 0;
  friend bool operator==(const Ref&, const Ref&) = default;
};

// @sn: entry n of Program::scales. One QScale for the whole tensor, or one per output channel (axis 1; the last axis of matmul).
struct ScaleRef {
  uint32_t index = 0;
  friend bool operator==(const ScaleRef&, const ScaleRef&) = default;
};

// #n: entry n of Program::step_lists.
struct StepsRef {
  uint32_t index = 0;
  friend bool operator==(const StepsRef&, const StepsRef&) = default;
};

// Bounds of a fused activation, in output steps (zero point included); what the step `clamp` uses.
struct ClampBounds {
  int64_t low = 0;
  int64_t high = 0;
  friend bool operator==(const ClampBounds&, const ClampBounds&) = default;
};

// From accumulator to output.
struct Requant {
  ScaleRef scale;
  StepsRef steps;
  ClampBounds clamp;  // the output type's range where nothing is fused
  friend bool operator==(const Requant&, const Requant&) = default;
};

}  // namespace assay::emu

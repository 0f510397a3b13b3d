// A network's configurations as PPQ's exporters see them.
#pragma once

#include <string>
#include <vector>

#include "quant/ppq/network.h"

namespace assay::ppq {

// One end of a variable: an operation's input or output with its configuration.
struct Slot {
  OperationId operation = kNone;
  bool output = false;
  size_t index = 0;
  VariableId variable = kNone;
  ConfigId config = 0;
};

// "conv0:in1", as the recorded runs name slots.
std::string name_of(const Network& network, const Slot& slot);

// Of a quantized operation: inputs, then outputs; without those that are left out. Of any other: none.
std::vector<Slot> slots_of(const Network& network, OperationId operation);
// Of all operations in dictionary order.
std::vector<Slot> slots_of(const Network& network);

// PPQ copies a graph before it exports it, and the copy of a PASSIVE configuration no longer follows its master: it has that scale itself. OVERLAPPED ones stay dominated
// (ppq.md 9.12).
Network copied_for_export(const Network& network);

// Visible, with a scale, and in a state that has one: ACTIVATED, PASSIVE, BAKED, PASSIVE_BAKED; OVERLAPPED where asked. FORCE_EXPORT overrides the state.
bool exportable(const Network& network, ConfigId config, bool overlapped = false);

// f32(scale * f32(limit - offset)) for both limits, one entry or one per channel.
struct Range {
  std::vector<float> min, max;
};
Range range_of(const Network& network, ConfigId config);

// The only entry. Unsupported, with the slot, where it is per channel.
float tensor_scale(const Network& network, const Slot& slot, const char* format);
float tensor_offset(const Network& network, const Slot& slot, const char* format);

// A float as Python prints it: the shortest text that reads back as the same double, "1e-08", "6.0".
std::string python_float(double value);

}  // namespace assay::ppq

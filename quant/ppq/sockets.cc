#include "quant/ppq/sockets.h"

#include <algorithm>
#include <map>

namespace assay::ppq {
namespace {

constexpr Flow kValue = Flow::value, kSoiFlow = Flow::shape_or_index, kFp32Flow = Flow::fp32;

struct SocketEntry {
  std::vector<Flow> inputs, outputs;
  std::vector<size_t> linked;  // inputs whose values reach output 0
};

const std::map<std::string, SocketEntry>& table() {
  static const SocketEntry logical{{kValue, kValue}, {kFp32Flow}, {}};
  static const SocketEntry indexed{{kValue, kFp32Flow}, {}, {0}};
  static const SocketEntry shaped{{kValue, kSoiFlow}, {}, {0}};
  static const std::map<std::string, SocketEntry> entries = {
      {"Reshape", shaped},
      {"Split", shaped},
      {"Expand", shaped},
      {"Squeeze", shaped},
      {"Unsqueeze", shaped},
      {"Pad", {{kValue, kSoiFlow, kSoiFlow}, {}, {0}}},
      {"Tile", {{kValue, kSoiFlow, kSoiFlow}, {}, {0}}},
      {"Resize", {{kValue, kSoiFlow, kSoiFlow, kSoiFlow}, {}, {0}}},
      {"Slice", {{kValue, kSoiFlow, kSoiFlow, kSoiFlow, kSoiFlow}, {}, {0}}},
      {"TopK", {{kValue, kSoiFlow}, {kValue, kFp32Flow}, {0}}},
      {"Gather", indexed},
      {"GatherElements", indexed},
      {"GatherND", indexed},
      {"grid_sampler", indexed},
      {"Clip", {{kValue, kFp32Flow, kFp32Flow}, {}, {0}}},
      {"Where", {{kValue, kFp32Flow, kFp32Flow}, {}, {0}}},
      {"RoiAlign", {{kValue, kFp32Flow, kSoiFlow}, {}, {0}}},
      {"MMCVRoiAlign", {{kValue, kFp32Flow, kSoiFlow}, {}, {0}}},
      {"ScatterElements", {{kValue, kFp32Flow, kValue}, {}, {0, 2}}},
      {"ScatterND", {{kValue, kFp32Flow, kValue}, {}, {0, 2}}},
      {"ConstantOfShape", {{kSoiFlow}, {}, {}}},
      {"Range", {{kSoiFlow, kSoiFlow, kSoiFlow}, {}, {}}},
      {"OneHot", {{kSoiFlow, kSoiFlow, kSoiFlow}, {kSoiFlow}, {}}},
      {"NonMaxSuppression", {{kValue, kFp32Flow, kSoiFlow, kSoiFlow, kSoiFlow}, {}, {}}},
      {"NonZero", {{kValue}, {kFp32Flow}, {}}},
      {"Shape", {{kValue}, {kSoiFlow}, {}}},
      {"Equal", logical},
      {"Greater", logical},
      {"Less", logical},
      {"GreaterOrEqual", logical},
      {"LessOrEqual", logical},
      {"Xor", logical},
      {"Or", logical},
      {"And", logical},
  };
  return entries;
}

}  // namespace

Socket socket_of(const Operation& operation) {
  Socket socket;
  socket.inputs.assign(operation.inputs.size(), kValue);
  socket.outputs.assign(operation.outputs.size(), kValue);
  const auto found = table().find(operation.type);
  if (found == table().end()) {
    for (size_t i = 0; i < socket.inputs.size(); ++i) {
      for (size_t o = 0; o < socket.outputs.size(); ++o) socket.links.emplace_back(i, o);
    }
    return socket;
  }
  const SocketEntry& entry = found->second;
  for (size_t i = 0; i < std::min(socket.inputs.size(), entry.inputs.size()); ++i) socket.inputs[i] = entry.inputs[i];
  for (size_t o = 0; o < std::min(socket.outputs.size(), entry.outputs.size()); ++o) socket.outputs[o] = entry.outputs[o];
  for (const size_t input : entry.linked) {
    if (input < socket.inputs.size() && !socket.outputs.empty()) socket.links.emplace_back(input, 0);
  }
  return socket;
}

}  // namespace assay::ppq

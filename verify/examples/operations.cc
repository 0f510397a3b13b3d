#include "verify/examples/operations.h"

namespace assay::verify {

const Operations& all_operations() {
  static const Operations table = [] {
    Operations all;
    for (const auto add : {add_roundings_and_clamps, add_accumulators, add_stages, add_float_requant, add_float_formats, add_fixed_functions, add_elementwise, add_activations,
                           add_pooling, add_scales, add_tables}) {
      add(all);
    }
    return all;
  }();
  return table;
}

Operation find_operation(const Operations& table, std::string_view op) {
  if (const auto exact = table.find(op); exact != table.end()) return exact->second;
  for (size_t length = op.size();; --length) {
    const auto found = table.find(std::string(op.substr(0, length)) + "*");
    if (found != table.end()) return found->second;
    if (length == 0) return nullptr;
  }
}

}  // namespace assay::verify

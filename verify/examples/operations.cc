#include "verify/examples/operations.h"

namespace assay::verify {

const Operations& all_operations() {
  static const Operations table = [] {
    Operations all;
    add_roundings_and_clamps(all);
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

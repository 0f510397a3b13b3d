#include "emu/program/program.h"

#include "emu/base/error.h"

namespace assay::emu {
namespace {

struct OperandCollector {
  std::vector<Ref> refs;
  void operator()(std::string_view, const Ref& ref) { refs.push_back(ref); }
  void operator()(std::string_view, const std::optional<Ref>& ref) {
    if (ref) refs.push_back(*ref);
  }
  void operator()(std::string_view, const std::vector<Ref>& list) { refs.insert(refs.end(), list.begin(), list.end()); }
  template <class Other>
  void operator()(std::string_view, const Other&) {}
};

}  // namespace

std::string_view operation_name(const Operation& operation) {
  return std::visit(
      [](const auto& op) -> std::string_view {
        if constexpr (std::is_same_v<std::decay_t<decltype(op)>, std::monostate>) {
          return "nothing";
        } else {
          return op.kName;
        }
      },
      operation);
}

std::optional<Operation> operation_named(std::string_view name) {
#define ASSAY_OP(type, file) \
  if (name == type::kName) return type{};
#include "emu/ops/ops.def"
#undef ASSAY_OP
  return std::nullopt;
}

std::vector<std::string_view> operation_names() {
  return {
#define ASSAY_OP(type, file) type::kName,
#include "emu/ops/ops.def"
#undef ASSAY_OP
  };
}

std::vector<Ref> operands_of(const Operation& operation) {
  OperandCollector collector;
  std::visit(
      [&](const auto& op) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(op)>, std::monostate>) op.fields(op, collector);
      },
      operation);
  return collector.refs;
}

}  // namespace assay::emu

#include "emu/kernels/kernels.h"

#include "emu/kernels/conv.h"
#include "emu/kernels/elementwise.h"
#include "emu/kernels/moves.h"
#include "emu/kernels/numbers.h"
#include "emu/kernels/pools.h"
#include "emu/kernels/softmax.h"

namespace assay::emu {
namespace {

// Operations without a kernel of their own.
template <class Op>
PreparedKernel prepare(const Op& /*op*/, const OpContext& /*context*/) {
  return {nullptr, "no kernel for this operation"};
}

}  // namespace

PreparedKernel prepare_kernel(const Operation& operation, const OpContext& context) {
  if (auto kernel = prepare_of_numbers(operation, context)) return *std::move(kernel);
  return std::visit([&](const auto& op) { return prepare(op, context); }, operation);
}

}  // namespace assay::emu

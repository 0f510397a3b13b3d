#include "emu/ops/quotients.h"

namespace assay::emu {
Tensor requantize_quotients(const std::vector<int64_t>& quotients, const std::vector<uint8_t>& overflowed, const Requant& requant, int64_t channel_axis, const OpContext& context,
                            OpRun& run, const std::function<size_t(size_t)>& entry) {
  OpRun renamed(run.reporting() ? OpRun::Report([&](const std::string& stage, const Tensor& values) { run.report(stage == "accumulator" ? "quotient" : stage, values); })
                                : nullptr);
  Tensor result = requantize_all(quotients, overflowed, requant, std::nullopt, channel_axis, context, renamed, entry);
  run.overflows = std::move(renamed.overflows);
  return result;
}

}  // namespace assay::emu

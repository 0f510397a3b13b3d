#include "quant/ppq/passes/platform_steps.h"

namespace assay::ppq {

PassReport resize_nearest(const PlatformStep& step, Network& network) {
  PassReport report{step.name, {}, {}};
  for (const OperationId id : network.order) {
    Operation& operation = network.operation(id);
    if (operation.type != "Resize") continue;
    operation.attributes["mode"] = std::string("nearest");
    operation.attributes["coordinate_transformation_mode"] = std::string("half_pixel");
    report.changes.push_back(operation.name + " takes the nearest neighbour");
  }
  return report;
}

}  // namespace assay::ppq

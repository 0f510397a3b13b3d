// Small networks made by hand, and a context for passes that need nothing but fused activations and settings.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "quant/ppq/pass.h"

namespace assay::ppq::test {

// Holds what a Context refers to.
struct SmallContext {
  explicit SmallContext(std::set<std::string> fused_activations, Settings wanted = {}) : settings(std::move(wanted)) { platform.fused_activations = std::move(fused_activations); }
  SmallContext(const SmallContext&) = delete;
  SmallContext& operator=(const SmallContext&) = delete;
  Platform platform;
  Settings settings;
  InputSet inputs;
  Context context{platform, settings, inputs, 1, {}, {}};
};

// Appends operations by the names of their variables; every slot gets a configuration of [-128, 127], per tensor, in state INITIAL.
class SmallNetwork {
 public:
  OperationId add(const std::string& name, const std::string& type, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs);
  // A variable with values and no producer.
  VariableId parameter(const std::string& name, std::vector<int64_t> shape, std::vector<float> values);
  ConfigId in(const std::string& operation, size_t slot) const;
  ConfigId out(const std::string& operation, size_t slot = 0) const;
  Configuration& at(ConfigId id) { return network.configurations[id]; }
  // ACTIVATED with that scale.
  void calibrate(ConfigId id, float scale, float offset = 0);

  Network network;

 private:
  VariableId variable(const std::string& name);
};

}  // namespace assay::ppq::test

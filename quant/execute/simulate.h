// The PPQ simulator: the FP32 executor on a graph whose parameters are fake-quantized, with every quantized value fake-quantized as it is made.
#pragma once

#include "quant/execute/executor.h"
#include "quant/quantized.h"

namespace assay::quant {

class Simulator {
 public:
  // `quantized` must outlive the simulator.
  explicit Simulator(const Quantized& quantized);

  // As Executor::run; on_value sees each value after its fake quantization. Codes are recovered exactly with codes_of() (fake_quantize.h).
  std::vector<FloatTensor> run(const std::vector<FloatTensor>& inputs, const Executor::OnValue& on_value = nullptr) const;

  const Graph& baked_graph() const { return baked_; }

 private:
  const Quantized& quantized_;
  Graph baked_;
  Executor executor_;
  std::vector<bool> moved_;  // by value: only moved, on its grid already
};

}  // namespace assay::quant

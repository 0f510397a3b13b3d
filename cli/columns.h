// The columns of an alignment for one sample: FP32, the PPQ simulator and the emulator run on the same input, compared layer by layer. quant and golden do not know each
// other; this is where their values meet.
#pragma once

#include "cli/pipeline.h"
#include "golden/align.h"
#include "quant/execute/simulate.h"
#include "quant/ppq/executor.h"

namespace assay::cli {

class Columns {
 public:
  // `pipeline` must outlive this object.
  Columns(const Pipeline& pipeline, emu::Engine engine);

  // The alignment of one sample (label < 0: not labelled). Safe to call from several threads.
  golden::Alignment compare(const std::string& sample, const std::vector<quant::FloatTensor>& inputs, int64_t label) const;
  // An alignment with the layers in place and nothing counted: what samples are merged into.
  golden::Alignment empty() const;

 private:
  struct Layer {
    size_t instruction = 0;
    quant::ValueId value = 0;
  };

  // A float column: every value by ValueId; empty where the column does not have it.
  std::vector<quant::FloatTensor> fp32_column(const std::vector<quant::FloatTensor>& inputs) const;
  std::vector<quant::FloatTensor> ppq_column(const std::vector<quant::FloatTensor>& inputs) const;
  std::vector<quant::FloatTensor> run_network(const std::vector<quant::FloatTensor>& inputs, ppq::Executor::Mode mode) const;

  const Pipeline& pipeline_;
  emu::Machine machine_;
  quant::Executor fp32_;
  quant::Simulator simulator_;
  std::optional<ppq::Executor> network_;                 // with --platform: FP32 and the simulation are its
  std::vector<std::optional<quant::ValueId>> value_of_;  // by variable of the network
  std::vector<Layer> layers_;                            // in order of execution
};

}  // namespace assay::cli

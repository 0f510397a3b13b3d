// How the recorded runs began: model, platform and setting, and our network at the same point.
#pragma once

#include <string>
#include <vector>

#include "quant/ppq/network.h"
#include "quant/ppq/platform.h"
#include "quant/ppq/settings.h"

namespace assay::ppq::test {

struct RecordedStart {
  std::string model, run;  // the folders
  std::string name() const { return model + "_" + run; }
  std::string model_path() const;
  Platform platform() const;
};
// Every recorded run whose model is here.
std::vector<RecordedStart> recorded_starts();

// Loaded and dispatched; rewritten; configured.
Network dispatched(const RecordedStart& start);
Network rewritten(const RecordedStart& start);
Network configured(const RecordedStart& start);

// Differences of our configurations from the recorded ones in everything that a quantizer sets, by "operation:in0". Visibility is recorded at the end only, where that of Clip and
// Pad has changed: theirs is left out.
std::vector<std::string> configuration_differences(const Network& ours, const Network& theirs);

}  // namespace assay::ppq::test

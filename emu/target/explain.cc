#include "emu/target/load_target.h"

namespace assay::emu {

std::string explain(const Target& target) {
  return target.name + ": " + target.summary + "\n";
}

}  // namespace assay::emu

// Telling an alignment: no comparison logic in here.
#pragma once

#include <string>

#include "golden/align.h"

namespace assay::reports {

struct TerminalOptions {
  int columns = 120;  // the table never exceeds it
  bool color = false;
  bool all_layers = true;
};

// Assumed claims first, then the layers, the verdicts with what each means, accuracy, and what to do next.
std::string terminal(const golden::Alignment& alignment, const TerminalOptions& options);
std::string markdown(const golden::Alignment& alignment);
std::string html(const golden::Alignment& alignment);
std::string junit(const golden::Alignment& alignment);

}  // namespace assay::reports

// Targets for the examples in help texts. No chip's name is in the program, and yet an example runs as it stands: it names what the folder of targets holds.
#pragma once

#include <string>

namespace assay::cli {

struct Examples {
  std::string target = "my_chip.toml";                     // a target whose sums and steps are integers
  std::string other = "my_chip.toml";                      // another one
  std::string platform = "my_platform.toml";               // a platform of PPQ's
  std::string change = "quantize.activation.round=floor";  // one word of the first one's file changed: KEY=VALUE
};

// The first two by name of the built-in folder, "my_chip.toml" where there are none. Reads files: for the moment when a help text is printed.
Examples examples();

// `text` with {target}, {other}, {platform} and {change} replaced.
std::string with_examples(std::string text);

}  // namespace assay::cli

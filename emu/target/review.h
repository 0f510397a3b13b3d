// What a legal target file leaves open: no rule of the schema can see it, and yet its author should.
#pragma once

#include <string>
#include <vector>

#include "emu/target/target.h"

namespace assay::emu {

struct Review {
  struct Remark {
    std::string key;   // a key or a section
    std::string text;  // the section's source, or why
  };
  std::vector<std::string> lacking;                        // operators with supported = false
  std::vector<Remark> unclaimed;                           // sections whose source admits that there is no document, without any claim that says what is known
  std::vector<Remark> resting_on_source;                   // sections that no claim speaks of: whatever they say is taken as documented by this source
  std::vector<Remark> without_effect;                      // keys that change no bit beside the file's other values
  std::vector<std::string> assumed, measured, documented;  // claimed keys
};

Review review(const Target& target);

// For people, at most 120 columns.
std::string review_text(const Target& target, const Review& review);

}  // namespace assay::emu

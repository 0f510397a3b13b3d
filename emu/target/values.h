// A target as a list of keys and values, in the order of schema.h: what tells two targets apart, key by key, without a file at hand.
#pragma once

#include <string>
#include <vector>

#include "emu/target/target.h"

namespace assay::emu {

struct KeyValue {
  std::string key;   // "ops.conv.steps"
  std::string text;  // as the file spells it, without quotes; steps joined by "; ", an empty list "[]"
  std::optional<Steps> steps;
};

// Every key that decides a bit: `name`, `summary` and `source` are left out. Of what the target does not support only `supported` is there.
std::vector<KeyValue> values_of(const Target& target);

}  // namespace assay::emu

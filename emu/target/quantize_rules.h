// The cross-field rules of one section quantize.*: its symmetry, observer and encoding, and the words that a range is spread over.
#pragma once

#include <string>
#include <vector>

#include "emu/target/schema.h"

namespace assay::emu::schema {

// `name`: input, activation or weight; `storage` is that of the same class.
std::vector<Broken> broken_quantize(const std::string& name, const QuantizeRule& rule, const Storage& storage);

}  // namespace assay::emu::schema

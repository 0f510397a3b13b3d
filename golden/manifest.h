// What the writer of a bundle and its checker agree on beside the schema.
#pragma once

#include <string>

#include "emu/arith/int_type.h"

namespace assay::golden {

inline constexpr const char* kBundleFormat = "assay golden bundle 1";
inline constexpr const char* kManifestFile = "manifest.json";
inline constexpr const char* kProgramFile = "program.qprog";
inline constexpr const char* kProgramText = "program.txt";

// NumPy's name of the machine integer that a type is stored in: s4 -> "int8", u20 -> "uint32".
inline std::string dtype_of(emu::IntType type) {
  const int bits = type.bits <= 8 ? 8 : type.bits <= 16 ? 16 : type.bits <= 32 ? 32 : 64;
  return (type.is_signed ? "int" : "uint") + std::to_string(bits);
}

}  // namespace assay::golden

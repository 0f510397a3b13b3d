// NumPy's .npy files, versions 1 to 3, little-endian: how tensors come in and go out. No pickles, no structured types.
#pragma once

#include <string>
#include <vector>

#include "emu/base/shape.h"
#include "emu/program/tensor.h"

namespace assay::vectors {

// A real tensor: stimuli before quantization, and the real columns of an alignment.
struct FloatTensor {
  Shape shape;
  std::vector<float> data;
  friend bool operator==(const FloatTensor&, const FloatTensor&) = default;
};

// float16, float32, float64 and all integer types become float32. Fortran's order becomes C's. InputError: not npy, truncated, unknown type, a header larger than the file,
// trailing bytes.
FloatTensor read_npy_float(const std::string& path);
// Integer types only; the tensor's type is the file's (int8 -> s8 ...).
emu::Tensor read_npy_int(const std::string& path);

// The bytes of a .npy file (version 1.0, header padded to 64).
std::string npy_bytes(const FloatTensor& tensor);
std::string npy_bytes(const emu::Tensor& tensor);

// Writes beside (path + ".tmp<pid>") and renames, so no half file is ever seen under the name. InputError names the path and the system's reason (a full disk included).
void write_file(const std::string& path, const std::string& bytes);
// The whole file; InputError where it cannot be read or is larger than `limit` bytes.
std::string read_file(const std::string& path, int64_t limit = int64_t{1} << 31);

}  // namespace assay::vectors

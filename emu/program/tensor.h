// Integer tensors: a shape, a type of 1 to 64 bits and the elements, row-major, each in the smallest machine integer that holds the type.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "emu/arith/int_type.h"
#include "emu/base/shape.h"

namespace assay::emu {

using assay::to_string;  // of a Shape, which the overloads for our own types would hide

class Tensor {
 public:
  using Storage = std::variant<std::vector<int8_t>, std::vector<uint8_t>, std::vector<int16_t>, std::vector<uint16_t>, std::vector<int32_t>, std::vector<uint32_t>,
                               std::vector<int64_t>, std::vector<uint64_t>>;

  Tensor() : Tensor(kS8, {0}) {}
  // Zeros. Throws InputError where the shape is too large (shape.h).
  Tensor(IntType type, Shape shape);
  // Takes the elements; each must be held by `type` (asserted).
  Tensor(IntType type, Shape shape, const std::vector<int64_t>& values);

  IntType type() const { return type_; }
  const Shape& shape() const { return shape_; }
  size_t size() const { return size_; }

  int64_t at(size_t index) const;
  // `value` must be held by the type (asserted).
  void set(size_t index, int64_t value);

  // All elements widened: what a reference body reads.
  std::vector<int64_t> values() const;

  // The same elements under another shape of the same size.
  Tensor reshaped(Shape shape) const;

  // For kernels and writers. T must be the storage type of type(): see storage_type in tensor.cc's table (bits <= 8: 8-bit, <= 16, <= 32, <= 64).
  template <class T>
  const T* data() const {
    return std::get<std::vector<T>>(storage_).data();
  }
  template <class T>
  T* data() {
    return std::get<std::vector<T>>(storage_).data();
  }
  const Storage& storage() const { return storage_; }
  size_t element_bytes() const;
  // The elements as they lie in memory (little-endian).
  const void* bytes() const;

  friend bool operator==(const Tensor&, const Tensor&) = default;

 private:
  IntType type_;
  Shape shape_;
  size_t size_;
  Storage storage_;
};

}  // namespace assay::emu

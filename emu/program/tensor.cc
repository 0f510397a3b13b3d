#include "emu/program/tensor.h"

#include "emu/base/error.h"

namespace assay::emu {
namespace {

Tensor::Storage storage_for(IntType type, size_t size) {
  ASSAY_ASSERT(type.bits >= 1 && type.bits <= 64);
  if (type.bits <= 8) return type.is_signed ? Tensor::Storage(std::vector<int8_t>(size)) : Tensor::Storage(std::vector<uint8_t>(size));
  if (type.bits <= 16) return type.is_signed ? Tensor::Storage(std::vector<int16_t>(size)) : Tensor::Storage(std::vector<uint16_t>(size));
  if (type.bits <= 32) return type.is_signed ? Tensor::Storage(std::vector<int32_t>(size)) : Tensor::Storage(std::vector<uint32_t>(size));
  return type.is_signed ? Tensor::Storage(std::vector<int64_t>(size)) : Tensor::Storage(std::vector<uint64_t>(size));
}

}  // namespace

Tensor::Tensor(IntType type, Shape shape) : type_(type), shape_(std::move(shape)), size_(static_cast<size_t>(element_count(shape_))), storage_(storage_for(type_, size_)) {}

Tensor::Tensor(IntType type, Shape shape, const std::vector<int64_t>& values) : Tensor(type, std::move(shape)) {
  ASSAY_ASSERT(values.size() == size_);
  for (size_t i = 0; i < size_; ++i) set(i, values[i]);
}

int64_t Tensor::at(size_t index) const {
  return std::visit([index](const auto& data) { return static_cast<int64_t>(data[index]); }, storage_);
}

void Tensor::set(size_t index, int64_t value) {
  ASSAY_ASSERT(type_.holds(value));
  std::visit([index, value](auto& data) { data[index] = static_cast<typename std::decay_t<decltype(data)>::value_type>(value); }, storage_);
}

std::vector<int64_t> Tensor::values() const {
  return std::visit([](const auto& data) { return std::vector<int64_t>(data.begin(), data.end()); }, storage_);
}

Tensor Tensor::reshaped(Shape shape) const {
  ASSAY_ASSERT(static_cast<size_t>(element_count(shape)) == size_);
  Tensor copy = *this;
  copy.shape_ = std::move(shape);
  return copy;
}

size_t Tensor::element_bytes() const {
  return std::visit([](const auto& data) { return sizeof(typename std::decay_t<decltype(data)>::value_type); }, storage_);
}

const void* Tensor::bytes() const {
  return std::visit([](const auto& data) { return static_cast<const void*>(data.data()); }, storage_);
}

}  // namespace assay::emu

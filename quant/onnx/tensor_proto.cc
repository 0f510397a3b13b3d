#include "quant/onnx/tensor_proto.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "emu/base/error.h"
#include "quant/onnx/proto.h"

namespace assay::quant {
namespace {

using onnx::TensorProto;
namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

float half_to_float(uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int mantissa = bits & 1023;
  const float sign = (bits & 0x8000) != 0 ? -1.0F : 1.0F;
  if (exponent == 31) return mantissa == 0 ? sign * INFINITY : NAN;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(mantissa), -24);
  return sign * std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
}

// Bytes of one element in raw_data; 0 for types that are not read.
size_t bytes_of(int32_t type) {
  switch (type) {
    case TensorProto::INT8:
    case TensorProto::UINT8:
    case TensorProto::BOOL: return 1;
    case TensorProto::INT16:
    case TensorProto::UINT16:
    case TensorProto::FLOAT16:
    case TensorProto::BFLOAT16: return 2;
    case TensorProto::INT32:
    case TensorProto::UINT32:
    case TensorProto::FLOAT: return 4;
    case TensorProto::INT64:
    case TensorProto::UINT64:
    case TensorProto::DOUBLE: return 8;
    default: return 0;
  }
}

Kind kind_of(int32_t type) {
  switch (type) {
    case TensorProto::FLOAT:
    case TensorProto::FLOAT16:
    case TensorProto::BFLOAT16:
    case TensorProto::DOUBLE: return Kind::real;
    case TensorProto::BOOL: return Kind::boolean;
    default: return Kind::integer;
  }
}

template <class T>
T load(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

float real_at(const char* bytes, int32_t type) {
  switch (type) {
    case TensorProto::FLOAT16: return half_to_float(load<uint16_t>(bytes));
    case TensorProto::BFLOAT16: return std::bit_cast<float>(static_cast<uint32_t>(load<uint16_t>(bytes)) << 16);
    case TensorProto::DOUBLE: return static_cast<float>(load<double>(bytes));
    default: return load<float>(bytes);
  }
}

int64_t integer_at(const char* bytes, int32_t type) {
  switch (type) {
    case TensorProto::INT8: return load<int8_t>(bytes);
    case TensorProto::UINT8: return load<uint8_t>(bytes);
    case TensorProto::BOOL: return load<uint8_t>(bytes) != 0 ? 1 : 0;
    case TensorProto::INT16: return load<int16_t>(bytes);
    case TensorProto::UINT16: return load<uint16_t>(bytes);
    case TensorProto::INT32: return load<int32_t>(bytes);
    case TensorProto::UINT32: return load<uint32_t>(bytes);
    default: return load<int64_t>(bytes);
  }
}

// Of integers; none for the rest.
std::optional<emu::IntType> word_type(int32_t type) {
  if (kind_of(type) != Kind::integer) return std::nullopt;
  const bool is_signed = type == TensorProto::INT8 || type == TensorProto::INT16 || type == TensorProto::INT32 || type == TensorProto::INT64;
  return emu::IntType{static_cast<uint8_t>(8 * bytes_of(type)), is_signed};
}

Constant from_raw(const std::string& raw, int32_t type, Shape shape) {
  Constant out{kind_of(type), std::move(shape), {}, {}};
  const size_t width = bytes_of(type);
  const size_t count = raw.size() / width;
  if (out.kind == Kind::real) {
    out.reals.resize(count);
    for (size_t i = 0; i < count; ++i) out.reals[i] = real_at(raw.data() + i * width, type);
  } else {
    out.integers.resize(count);
    for (size_t i = 0; i < count; ++i) out.integers[i] = integer_at(raw.data() + i * width, type);
  }
  return out;
}

// The typed fields. float16 and bfloat16 travel as bits in int32_data.
Constant from_fields(const TensorProto& proto, Shape shape) {
  const int32_t type = proto.data_type();
  Constant out{kind_of(type), std::move(shape), {}, {}};
  if (type == TensorProto::FLOAT) {
    out.reals.assign(proto.float_data().begin(), proto.float_data().end());
  } else if (type == TensorProto::DOUBLE) {
    for (const double x : proto.double_data()) out.reals.push_back(static_cast<float>(x));
  } else if (type == TensorProto::FLOAT16) {
    for (const int32_t x : proto.int32_data()) out.reals.push_back(half_to_float(static_cast<uint16_t>(x)));
  } else if (type == TensorProto::BFLOAT16) {
    for (const int32_t x : proto.int32_data()) out.reals.push_back(std::bit_cast<float>(static_cast<uint32_t>(x) << 16));
  } else if (type == TensorProto::INT64) {
    out.integers.assign(proto.int64_data().begin(), proto.int64_data().end());
  } else if (type == TensorProto::UINT64 || type == TensorProto::UINT32) {
    for (const uint64_t x : proto.uint64_data()) out.integers.push_back(static_cast<int64_t>(x));
  } else {
    for (const int32_t x : proto.int32_data()) out.integers.push_back(type == TensorProto::BOOL ? (x != 0 ? 1 : 0) : x);
  }
  return out;
}

uint64_t parse_number(const std::string& text, const std::string& key, const std::string& what) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) throw InputError(what + ": external data has " + key + " '" + text + "', which is no number");
  return number;
}

// A relative path that stays inside the folder, symbolic links followed.
fs::path inside(const std::string& folder, const std::string& location, const std::string& what) {
  const fs::path relative(location);
  if (location.empty() || relative.is_absolute()) throw InputError(what + ": external data location '" + location + "' must be a path relative to the model's folder");
  std::error_code error;
  const fs::path root = fs::weakly_canonical(folder.empty() ? fs::path(".") : fs::path(folder), error);
  const fs::path full = error ? fs::path() : fs::weakly_canonical(root / relative, error);
  if (error) throw InputError(what + ": external data '" + location + "' cannot be found: " + error.message());
  const fs::path from_root = full.lexically_relative(root);
  if (from_root.empty() || *from_root.begin() == "..") throw InputError(what + ": external data location '" + location + "' leads out of the model's folder");
  return full;
}

std::string read_external(const TensorProto& proto, const std::string& folder, uint64_t bytes, const std::string& what) {
  std::string location;
  uint64_t offset = 0;
  uint64_t length = bytes;
  for (const auto& entry : proto.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") offset = parse_number(entry.value(), "offset", what);
    if (entry.key() == "length") length = parse_number(entry.value(), "length", what);
  }
  const fs::path path = inside(folder, location, what);
  const std::string place = what + ": external data file '" + location + "'";
  std::error_code error;
  if (!fs::is_regular_file(path, error)) throw InputError(place + " is missing; put it beside the model");
  const uint64_t size = fs::file_size(path, error);
  if (error) throw InputError(place + " cannot be read: " + error.message());
  if (length != bytes) throw InputError(place + " is said to hold " + std::to_string(length) + " bytes for it, its shape and type need " + std::to_string(bytes));
  if (offset > size || bytes > size - offset) {
    throw InputError(place + " is too short: it has " + std::to_string(size) + " bytes, " + std::to_string(bytes) + " are needed from offset " + std::to_string(offset));
  }
  std::string data(bytes, '\0');
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  if (!file.read(data.data(), static_cast<std::streamsize>(bytes))) throw InputError(place + " cannot be read");
  return data;
}

}  // namespace

Constant read_tensor(const TensorProto& proto, const std::string& folder, const std::string& what) {
  const size_t width = bytes_of(proto.data_type());
  if (width == 0) {
    if (!TensorProto::DataType_IsValid(proto.data_type()) || proto.data_type() == TensorProto::UNDEFINED) {
      throw InputError(what + " has the unknown element type " + std::to_string(proto.data_type()));
    }
    throw Unsupported(what + " has elements of type " + TensorProto::DataType_Name(static_cast<TensorProto::DataType>(proto.data_type())), {});
  }
  const Shape shape(proto.dims().begin(), proto.dims().end());
  uint64_t count = 0;
  try {
    count = static_cast<uint64_t>(element_count(shape));
  } catch (const InputError& error) {
    throw InputError(what + ": " + error.what());
  }
  if (proto.has_segment()) throw Unsupported(what + " is stored in segments", {});
  const auto typed = [&](Constant constant) {
    constant.type = word_type(proto.data_type());
    return constant;
  };
  if (proto.data_location() == TensorProto::EXTERNAL) return typed(from_raw(read_external(proto, folder, count * width, what), proto.data_type(), shape));
  if (proto.has_raw_data()) {
    if (proto.raw_data().size() != count * width) {
      throw InputError(what + " has " + std::to_string(proto.raw_data().size()) + " bytes of raw data, its shape " + to_string(shape) + " needs " + std::to_string(count * width));
    }
    return typed(from_raw(proto.raw_data(), proto.data_type(), shape));
  }
  Constant out = from_fields(proto, shape);
  if (out.size() != count) throw InputError(what + " has " + std::to_string(out.size()) + " elements, its shape " + to_string(shape) + " needs " + std::to_string(count));
  return typed(std::move(out));
}

}  // namespace assay::quant

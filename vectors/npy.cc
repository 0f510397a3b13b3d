#include "vectors/npy.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include "emu/base/error.h"

namespace assay::vectors {
namespace {

static_assert(std::endian::native == std::endian::little, ".npy elements are copied as they lie in memory");

constexpr std::string_view kMagic("\x93NUMPY", 6);

struct Header {
  char kind = 0;  // 'f', 'i' or 'u'
  size_t bytes = 0;
  Shape shape;
  size_t data_begin = 0;
  bool first_axis_fastest = false;  // Fortran's order
};

// The header is a Python dictionary of exactly three keys. Only the literals that NumPy writes are understood: quoted words, True, False and tuples of integers.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, const std::string& path) : text_(text), path_(path) {}

  void read(std::string& descr, bool& fortran_order, Shape& shape) {
    bool seen[3] = {false, false, false};
    expect('{');
    while (!take('}')) {
      const std::string key = word();
      expect(':');
      const int which = key == "descr" ? 0 : key == "fortran_order" ? 1 : key == "shape" ? 2 : -1;
      if (which < 0 || seen[which]) fail("the key '" + key + "' is unknown or there twice");
      seen[which] = true;
      if (which == 0) descr = word();
      if (which == 1) fortran_order = boolean();
      if (which == 2) shape = tuple();
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    skip();
    if (at_ != text_.size()) fail("text after the closing brace");
    if (!seen[0] || !seen[1] || !seen[2]) fail("one of the keys descr, fortran_order, shape is missing");
  }

  [[noreturn]] void fail(const std::string& why) const { throw InputError("'" + path_ + "' has a broken .npy header: " + why); }

 private:
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) ++at_;
  }
  bool take(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail(std::string("expected '") + c + "' at byte " + std::to_string(at_));
  }
  std::string word() {
    skip();
    const char quote = at_ < text_.size() ? text_[at_] : ' ';
    if (quote != '\'' && quote != '"') fail("expected a quoted word at byte " + std::to_string(at_) + " (structured types are not supported)");
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) fail("a quote is not closed");
    const std::string result(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return result;
  }
  bool boolean() {
    skip();
    for (const std::string_view name : {"True", "False"}) {
      if (text_.substr(at_, name.size()) != name) continue;
      at_ += name.size();
      return name == "True";
    }
    fail("fortran_order is neither True nor False");
  }
  Shape tuple() {
    Shape shape;
    expect('(');
    while (!take(')')) {
      skip();
      int64_t extent = -1;
      const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), extent);
      if (error != std::errc{} || extent < 0) fail("the shape has something that is no extent at byte " + std::to_string(at_));
      at_ = static_cast<size_t>(end - text_.data());
      if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2 wrote 3L
      shape.push_back(extent);
      if (shape.size() > 32) fail("more than 32 axes");
      if (!take(',')) {
        expect(')');
        break;
      }
    }
    return shape;
  }

  std::string_view text_;
  const std::string& path_;
  size_t at_ = 0;
};

void set_type(Header& header, const std::string& descr, const std::string& path) {
  const char order = descr.empty() ? ' ' : descr[0];
  const char kind = descr.size() == 3 ? descr[1] : ' ';
  const int digit = descr.size() == 3 ? descr[2] - '0' : 0;
  const bool known = ((kind == 'i' || kind == 'u') && (digit == 1 || digit == 2 || digit == 4 || digit == 8)) || (kind == 'f' && (digit == 2 || digit == 4 || digit == 8));
  if (!known || (order != '<' && !(digit == 1 && order == '|'))) {
    throw InputError("'" + path + "' holds elements of type '" + descr +
                     "'; understood are little-endian f2, f4, f8, i1 to i8 and u1 to u8: convert it with numpy's astype('<f4')");
  }
  header.kind = kind;
  header.bytes = static_cast<size_t>(digit);
}

Header parse_header(const std::string& bytes, const std::string& path) {
  if (bytes.size() < 10 || std::string_view(bytes).substr(0, 6) != kMagic) throw InputError("'" + path + "' is not a .npy file: it does not begin with the bytes \\x93NUMPY");
  const int major = static_cast<unsigned char>(bytes[6]);
  if (major < 1 || major > 3) throw InputError("'" + path + "' is a .npy file of version " + std::to_string(major) + "; understood are 1, 2 and 3");
  const size_t length_bytes = major == 1 ? 2 : 4;
  if (bytes.size() < 8 + length_bytes) throw InputError("'" + path + "' is cut off in the .npy header");
  size_t length = 0;
  for (size_t i = length_bytes; i-- > 0;) length = length << 8 | static_cast<unsigned char>(bytes[8 + i]);
  Header header;
  header.data_begin = 8 + length_bytes + length;
  if (header.data_begin > bytes.size())
    throw InputError("'" + path + "' is cut off: its header claims " + std::to_string(length) + " bytes, the file has " + std::to_string(bytes.size()));

  std::string descr;
  bool fortran_order = false;
  HeaderReader(std::string_view(bytes).substr(8 + length_bytes, length), path).read(descr, fortran_order, header.shape);
  set_type(header, descr, path);
  // For at most one axis longer than 1 both orders are the same bytes, and NumPy may say either.
  const auto long_axes = std::count_if(header.shape.begin(), header.shape.end(), [](int64_t extent) { return extent != 1; });
  header.first_axis_fastest = fortran_order && long_axes > 1;

  size_t elements = 0;
  try {
    elements = static_cast<size_t>(element_count(header.shape));
  } catch (const InputError& error) {
    throw InputError("'" + path + "': " + error.what());
  }
  const size_t wanted = elements * header.bytes;
  const size_t found = bytes.size() - header.data_begin;
  if (found != wanted) {
    throw InputError("'" + path + "' " + (found < wanted ? "is cut off" : "has trailing bytes") + ": shape " + assay::to_string(header.shape) + " of " + descr + " needs " +
                     std::to_string(wanted) + " bytes of data, the file has " + std::to_string(found));
  }
  return header;
}

// The file with its elements in C's order.
std::string in_c_order(std::string bytes, const Header& header) {
  if (!header.first_axis_fastest) return bytes;
  const std::string from = bytes;
  std::vector<int64_t> index(header.shape.size(), 0);
  const auto elements = static_cast<size_t>(element_count(header.shape));
  for (size_t i = 0; i < elements; ++i) {
    size_t source = 0;
    for (size_t axis = index.size(); axis-- > 0;) source = source * static_cast<size_t>(header.shape[axis]) + static_cast<size_t>(index[axis]);
    std::memcpy(bytes.data() + header.data_begin + i * header.bytes, from.data() + header.data_begin + source * header.bytes, header.bytes);
    for (size_t axis = index.size(); axis-- > 0;) {
      if (++index[axis] < header.shape[axis]) break;
      index[axis] = 0;
    }
  }
  return bytes;
}

float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = half >> 10 & 0x1fu;
  uint32_t fraction = half & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float magnitude = static_cast<float>(fraction) * 0x1p-24f;  // subnormal or zero: exact in float
  return sign != 0 ? -magnitude : magnitude;
}

template <class T>
void convert(const std::string& bytes, size_t begin, std::vector<float>& out) {
  for (size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + begin + i * sizeof(T), sizeof(T));
    out[i] = static_cast<float>(value);
  }
}

void convert_half(const std::string& bytes, size_t begin, std::vector<float>& out) {
  for (size_t i = 0; i < out.size(); ++i) {
    uint16_t value;
    std::memcpy(&value, bytes.data() + begin + i * sizeof(value), sizeof(value));
    out[i] = half_to_float(value);
  }
}

std::string file_bytes(const std::string& descr, const Shape& shape, const void* data, size_t data_bytes) {
  std::string text = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (";
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : " ") + std::to_string(shape[i]) + (i + 1 < shape.size() || shape.size() == 1 ? "," : "");
  text += "), }";
  const size_t unpadded = 10 + text.size() + 1;
  text.append((64 - unpadded % 64) % 64, ' ');
  text += '\n';
  ASSAY_ASSERT(text.size() < 65536);
  std::string bytes(kMagic);
  bytes.reserve(10 + text.size() + data_bytes);
  bytes += {'\x01', '\x00', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  bytes += text;
  if (data_bytes > 0) bytes.append(static_cast<const char*>(data), data_bytes);
  return bytes;
}

}  // namespace

FloatTensor read_npy_float(const std::string& path) {
  std::string bytes = read_file(path);
  const Header header = parse_header(bytes, path);
  bytes = in_c_order(std::move(bytes), header);
  FloatTensor tensor{header.shape, std::vector<float>(static_cast<size_t>(element_count(header.shape)))};
  const size_t begin = header.data_begin;
  auto& out = tensor.data;
  const bool is_signed = header.kind == 'i';
  if (header.kind == 'f') {
    if (header.bytes == 2) convert_half(bytes, begin, out);
    if (header.bytes == 4) convert<float>(bytes, begin, out);
    if (header.bytes == 8) convert<double>(bytes, begin, out);
    return tensor;
  }
  switch (header.bytes) {
    case 1: is_signed ? convert<int8_t>(bytes, begin, out) : convert<uint8_t>(bytes, begin, out); break;
    case 2: is_signed ? convert<int16_t>(bytes, begin, out) : convert<uint16_t>(bytes, begin, out); break;
    case 4: is_signed ? convert<int32_t>(bytes, begin, out) : convert<uint32_t>(bytes, begin, out); break;
    default: is_signed ? convert<int64_t>(bytes, begin, out) : convert<uint64_t>(bytes, begin, out); break;
  }
  return tensor;
}

emu::Tensor read_npy_int(const std::string& path) {
  std::string bytes = read_file(path);
  const Header header = parse_header(bytes, path);
  bytes = in_c_order(std::move(bytes), header);
  if (header.kind == 'f') throw InputError("'" + path + "' holds floating-point elements where integers are wanted");
  const emu::IntType type{static_cast<uint8_t>(header.bytes * 8), header.kind == 'i'};
  emu::Tensor tensor(type, header.shape);
  const size_t size = tensor.size() * header.bytes;
  const char* from = bytes.data() + header.data_begin;
  if (size == 0) return tensor;
  switch (header.bytes) {
    case 1: std::memcpy(type.is_signed ? static_cast<void*>(tensor.data<int8_t>()) : tensor.data<uint8_t>(), from, size); break;
    case 2: std::memcpy(type.is_signed ? static_cast<void*>(tensor.data<int16_t>()) : tensor.data<uint16_t>(), from, size); break;
    case 4: std::memcpy(type.is_signed ? static_cast<void*>(tensor.data<int32_t>()) : tensor.data<uint32_t>(), from, size); break;
    default: std::memcpy(type.is_signed ? static_cast<void*>(tensor.data<int64_t>()) : tensor.data<uint64_t>(), from, size); break;
  }
  return tensor;
}

std::string npy_bytes(const FloatTensor& tensor) {
  ASSAY_ASSERT(tensor.data.size() == static_cast<size_t>(element_count(tensor.shape)));
  return file_bytes("<f4", tensor.shape, tensor.data.data(), tensor.data.size() * sizeof(float));
}

std::string npy_bytes(const emu::Tensor& tensor) {
  const size_t width = tensor.element_bytes();
  const std::string descr = std::string(width == 1 ? "|" : "<") + (tensor.type().is_signed ? "i" : "u") + std::to_string(width);
  return file_bytes(descr, tensor.shape(), tensor.bytes(), tensor.size() * width);
}

}  // namespace assay::vectors

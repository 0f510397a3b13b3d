// Whether an image file is whole. Decoders fill what a cut-off or damaged file lacks with zeros or worse; as a stimulus that would be a silent guess.
#include <array>
#include <cctype>
#include <string_view>

#include "emu/base/error.h"
#include "vectors/image.h"

namespace assay::vectors {
namespace {

uint64_t byte_at(std::string_view bytes, size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

uint64_t big_endian(std::string_view bytes, size_t at, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) value = value << 8 | byte_at(bytes, at + i);
  return value;
}

uint64_t little_endian(std::string_view bytes, size_t at, size_t count) {
  uint64_t value = 0;
  for (size_t i = count; i-- > 0;) value = value << 8 | byte_at(bytes, at + i);
  return value;
}

// The CRC-32 of PNG (ISO 3309), a table of one byte.
uint32_t crc32(std::string_view bytes) {
  static const auto table = [] {
    std::array<uint32_t, 256> entries{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? 0xedb88320u ^ value >> 1 : value >> 1;
      entries[i] = value;
    }
    return entries;
  }();
  uint32_t crc = 0xffffffffu;
  for (const char c : bytes) crc = table[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ crc >> 8;
  return ~crc;
}

// Each check returns what is wrong, or "".
std::string check_png(std::string_view bytes) {
  for (size_t at = 8; at + 12 <= bytes.size();) {
    const uint64_t length = big_endian(bytes, at, 4);
    if (length > bytes.size() - at - 12) return "cut off in a chunk";
    const std::string_view content = bytes.substr(at + 4, 4 + length);
    if (crc32(content) != big_endian(bytes, at + 8 + length, 4)) return "damaged: the checksum of a chunk is wrong";
    if (content.substr(0, 4) == "IEND") return "";
    at += 12 + length;
  }
  return "cut off before its end";
}

// Segments by their lengths; after a scan's header the coded bytes, in which 0xFF is followed by 0 or a restart marker, up to the next marker.
std::string check_jpeg(std::string_view bytes) {
  size_t at = 2;
  while (at + 2 <= bytes.size()) {
    if (byte_at(bytes, at) != 0xff) return "damaged: no marker where one must be";
    const uint64_t marker = byte_at(bytes, at + 1);
    if (marker == 0xff) {  // a fill byte
      ++at;
      continue;
    }
    if (marker == 0xd9) return "";
    at += 2;
    if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) continue;
    if (at + 2 > bytes.size()) break;
    const uint64_t length = big_endian(bytes, at, 2);
    if (length < 2 || length > bytes.size() - at) return "cut off in a segment";
    at += length;
    if (marker != 0xda) continue;
    while (at + 1 < bytes.size()) {
      const uint64_t next = byte_at(bytes, at + 1);
      if (byte_at(bytes, at) == 0xff && next != 0 && next != 0xff && !(next >= 0xd0 && next <= 0xd7)) break;
      ++at;
    }
  }
  return "cut off before its end";
}

std::string check_bmp(std::string_view bytes) {
  if (bytes.size() < 34) return "cut off in the header";
  const bool old = little_endian(bytes, 14, 4) == 12;
  const uint64_t width = little_endian(bytes, 18, old ? 2 : 4);
  const auto signed_height = static_cast<int32_t>(little_endian(bytes, old ? 20 : 22, old ? 2 : 4));
  const auto height = static_cast<uint64_t>(signed_height < 0 ? -int64_t{signed_height} : int64_t{signed_height});
  const uint64_t bits = little_endian(bytes, old ? 24 : 28, 2);
  if (width > 0x7fffffff || bits > 32) return "damaged: an impossible width or depth";
  const uint64_t begin = little_endian(bytes, 10, 4);
  const uint64_t row = (width * bits + 31) / 32 * 4;
  if (height != 0 && row > bytes.size() / height) return "cut off: fewer pixels than its header says";
  return begin + row * height > bytes.size() ? "cut off: fewer pixels than its header says" : "";
}

std::string check_pnm(std::string_view bytes) {
  size_t at = 2;
  uint64_t numbers[3] = {0, 0, 0};  // width, height, the largest value
  for (uint64_t& number : numbers) {
    while (at < bytes.size() && (std::isspace(static_cast<unsigned char>(bytes[at])) != 0 || bytes[at] == '#')) {
      if (bytes[at] == '#') at = std::min(bytes.find('\n', at), bytes.size() - 1);
      ++at;
    }
    const size_t begin = at;
    for (; at < bytes.size() && std::isdigit(static_cast<unsigned char>(bytes[at])) != 0 && at - begin < 10; ++at) number = number * 10 + byte_at(bytes, at) - '0';
    if (at == begin) return "damaged: a number of its header is missing";
  }
  if (numbers[2] != 255) return "of largest value " + std::to_string(numbers[2]) + ": save it with 255";
  const uint64_t channels = bytes[1] == '6' ? 3 : 1;
  const uint64_t row = numbers[0] * channels;
  if (numbers[1] != 0 && row > (bytes.size() - at) / numbers[1]) return "cut off: fewer pixels than its header says";
  return at + 1 + row * numbers[1] > bytes.size() ? "cut off: fewer pixels than its header says" : "";
}

}  // namespace

void check_image_is_whole(const std::string& bytes, const std::string& path) {
  const std::string_view view = bytes;
  std::string problem;
  if (view.substr(0, 8) == std::string_view("\x89PNG\r\n\x1a\n", 8)) {
    problem = check_png(view);
  } else if (view.substr(0, 3) == "\xff\xd8\xff") {
    problem = check_jpeg(view);
  } else if (view.substr(0, 2) == "BM") {
    problem = check_bmp(view);
  } else if (view.substr(0, 2) == "P5" || view.substr(0, 2) == "P6") {
    problem = check_pnm(view);
  } else {
    throw InputError("'" + path + "' is not an image that can be read: understood are PNG, JPEG, BMP and binary PGM and PPM");
  }
  if (!problem.empty()) throw InputError("the image '" + path + "' is " + problem);
}

}  // namespace assay::vectors

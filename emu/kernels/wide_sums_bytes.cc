#include <algorithm>
#include <memory>

#include "emu/kernels/bands.h"
#include "emu/kernels/vectorize.h"
#include "emu/kernels/wide_sums.h"

namespace assay::emu {
namespace {

constexpr int kByteBits = 8;

// The lower or upper byte of 16-bit words; an operand of 8 bits is its own lower byte.
struct ByteOf {
  bool upper = false;
  IntType type = kU8;
  int64_t of(int64_t value) const { return upper ? value >> kByteBits : (type.is_signed ? value : value & 255); }
  int shift() const { return upper ? kByteBits : 0; }
};

std::vector<ByteOf> bytes_of(IntType type) {
  if (type.bits <= kByteBits) return {{false, type}};
  return {{false, kU8}, {true, {8, type.is_signed}}};
}

template <class Word>
ASSAY_VECTORIZE void take_bytes(const Word* words, size_t size, int shift, uint8_t* bytes) {
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(words[i] >> shift);
}

Tensor byte_tensor(const Tensor& x, const ByteOf& byte) {
  Tensor bytes(byte.type, x.shape());
  uint8_t* const to = byte.type.is_signed ? reinterpret_cast<uint8_t*>(bytes.data<int8_t>()) : bytes.data<uint8_t>();
  if (x.type().is_signed) {
    take_bytes(x.data<int16_t>(), x.size(), byte.shift(), to);
  } else {
    take_bytes(x.data<uint16_t>(), x.size(), byte.shift(), to);
  }
  return bytes;
}

ASSAY_VECTORIZE void widen(const int32_t* part, size_t size, int shift, int64_t* sums) {
  const int64_t factor = int64_t{1} << shift;
  for (size_t i = 0; i < size; ++i) sums[i] = part[i] * factor;
}
ASSAY_VECTORIZE void add_shifted(const int32_t* part, size_t size, int shift, int64_t* sums) {
  const int64_t factor = int64_t{1} << shift;
  for (size_t i = 0; i < size; ++i) sums[i] += part[i] * factor;
}

class BytePartsConv {
 public:
  struct Part {
    int shift;
    ConvSums sums;
  };

  BytePartsConv(const ConvGeometry& geometry, std::vector<ByteOf> x_bytes, std::vector<std::vector<Part>> parts)
      : outputs_(geometry.outputs), pixels_(geometry.pixels()), batch_(geometry.batch), x_bytes_(std::move(x_bytes)), parts_(std::move(parts)) {}

  // All parts but the last are kept for the whole tensor; the last one's pieces complete the sums.
  void run(const Tensor& x, const TakeWideSums& take) const {
    const int64_t size = batch_ * outputs_ * pixels_;
    const size_t kept = x_bytes_.size() * parts_[0].size() - 1;
    const Scratch<int32_t> earlier(static_cast<int64_t>(kept) * size);
    const Scratch<int64_t> row(pixels_);
    std::vector<int> shifts;
    for (size_t b = 0; b < x_bytes_.size(); ++b) {
      const Tensor bytes = x.type().bits <= kByteBits ? Tensor() : byte_tensor(x, x_bytes_[b]);
      for (const auto& [shift, sums] : parts_[b]) {
        int32_t* const own = earlier.data() + static_cast<int64_t>(shifts.size()) * size;
        const bool last = shifts.size() == kept;
        sums(x.type().bits <= kByteBits ? x : bytes, [&, shift = shift](int64_t n, int64_t o, int64_t first, int64_t count, const int32_t* part) {
          const int64_t at = (n * outputs_ + o) * pixels_ + first;
          if (!last) return static_cast<void>(std::copy_n(part, count, own + at));
          widen(part, static_cast<size_t>(count), shift, row.data());
          for (size_t i = 0; i < kept; ++i) add_shifted(earlier.data() + static_cast<int64_t>(i) * size + at, static_cast<size_t>(count), shifts[i], row.data());
          take(n, o, first, count, row.data(), 0);
        });
        shifts.push_back(shift);
      }
    }
  }

 private:
  int64_t outputs_, pixels_, batch_;
  std::vector<ByteOf> x_bytes_;
  std::vector<std::vector<Part>> parts_;  // by byte of x, by byte of w
};

// Whether no sum of |x' - zx'| |w' - zw'| reaches 2^31, with |x' - zx'| <= 255.
bool fits_32_bits(const ConvGeometry& g, const std::vector<int64_t>& weights) {
  const auto products = static_cast<size_t>(g.products());
  for (size_t first = 0; first < weights.size(); first += products) {
    Wide sum = 0;
    for (size_t k = 0; k < products; ++k) sum += 255 * std::abs(weights[first + k] - g.zw);
    if (sum >= Wide{1} << 31) return false;
  }
  return true;
}

}  // namespace

std::optional<WideSums> byte_parts_sums(const ConvGeometry& geometry, IntType x_type, IntType w_type, const std::vector<int64_t>& weights) {
  if (x_type.bits > 2 * kByteBits || w_type.bits > 2 * kByteBits) return std::nullopt;
  const std::vector<ByteOf> x_bytes = bytes_of(x_type);
  std::vector<std::vector<BytePartsConv::Part>> parts(x_bytes.size());
  for (const ByteOf& w_byte : bytes_of(w_type)) {
    std::vector<int64_t> own(weights.size());
    std::transform(weights.begin(), weights.end(), own.begin(), [&](int64_t w) { return w_byte.of(w); });
    ConvGeometry part = geometry;
    part.zw = w_byte.of(geometry.zw);
    if (!fits_32_bits(part, own)) return std::nullopt;
    for (size_t b = 0; b < x_bytes.size(); ++b) {
      part.zx = x_bytes[b].of(geometry.zx);
      parts[b].push_back({x_bytes[b].shift() + w_byte.shift(), conv_sums(part, x_bytes[b].type, w_byte.type, own)});
    }
  }
  const auto conv = std::make_shared<const BytePartsConv>(geometry, x_bytes, std::move(parts));
  return [conv](const Tensor& x, const TakeWideSums& take) { conv->run(x, take); };
}

}  // namespace assay::emu

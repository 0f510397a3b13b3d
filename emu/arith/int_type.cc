#include "emu/arith/int_type.h"

#include <charconv>

#include "emu/base/error.h"

namespace assay::emu {

std::string_view to_string(Overflow rule) {
  switch (rule) {
    case Overflow::saturate: return "saturate";
    case Overflow::wrap: return "wrap";
  }
  ASSAY_ASSERT(!"an Overflow outside its enumeration");
}

std::optional<Overflow> parse_overflow(std::string_view name) {
  if (name == "saturate") return Overflow::saturate;
  if (name == "wrap") return Overflow::wrap;
  return std::nullopt;
}

std::string to_string(IntType type) {
  if (type.is_float()) return std::string(to_string(type.format));
  return (type.is_signed ? "s" : "u") + std::to_string(type.bits);
}

std::optional<IntType> parse_int_type(std::string_view name) {
  if (const auto format = parse_float_format(name)) return word_type(*format);
  if (name.size() < 2 || (name[0] != 's' && name[0] != 'u')) return std::nullopt;
  int bits = 0;
  const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), bits);
  if (error != std::errc{} || end != name.data() + name.size() || bits < 1 || bits > 64) return std::nullopt;
  return IntType{static_cast<uint8_t>(bits), name[0] == 's'};
}

Wide saturate(Wide value, IntType type) {
  return value < type.min() ? type.min() : (value > type.max() ? type.max() : value);
}

Wide wrap(Wide value, IntType type) {
  const UnsignedWide modulus = UnsignedWide{1} << type.bits;
  const Wide low = static_cast<Wide>(static_cast<UnsignedWide>(value) & (modulus - 1));
  return type.is_signed && low > type.max() ? low - static_cast<Wide>(modulus) : low;
}

Wide store(Wide value, IntType type, Overflow rule) {
  return rule == Overflow::saturate ? saturate(value, type) : wrap(value, type);
}

}  // namespace assay::emu

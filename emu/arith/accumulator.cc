#include "emu/arith/accumulator.h"

#include "emu/base/error.h"

namespace assay::emu {

std::string to_string(Accumulator accumulator) {
  return to_string(accumulator.type) + "." + std::string(to_string(accumulator.overflow));
}

std::optional<Accumulator> parse_accumulator(std::string_view text) {
  const size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto type = parse_int_type(text.substr(0, dot));
  const auto overflow = parse_overflow(text.substr(dot + 1));
  if (!type || !overflow) return std::nullopt;
  return Accumulator{*type, *overflow};
}

std::string_view to_string(SumOrder order) {
  switch (order) {
    case SumOrder::ky_kx_ic: return "ky,kx,ic";
    case SumOrder::ic_ky_kx: return "ic,ky,kx";
  }
  ASSAY_ASSERT(!"a SumOrder outside its enumeration");
}

std::optional<SumOrder> parse_sum_order(std::string_view text) {
  if (text == "ky,kx,ic") return SumOrder::ky_kx_ic;
  if (text == "ic,ky,kx") return SumOrder::ic_ky_kx;
  return std::nullopt;
}

}  // namespace assay::emu

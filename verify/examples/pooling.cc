// Averages: the division of a window's sum, exact or by a reciprocal of some width.
#include "emu/arith/fixed_operators.h"
#include "emu/arith/fixed_point.h"
#include "emu/arith/soft_float.h"
#include "quant/calibrate/derivations.h"
#include "verify/examples/operations.h"

namespace assay::verify {
namespace {

using emu::Fp32;
using emu::Round;

struct Window {
  Wide sum;
  int64_t count;
};

// Sums of a kernel ("3x3"), or windows of which each brings its own count.
std::vector<Window> windows_of(const Entry& entry) {
  std::vector<Window> windows;
  if (entry.has({"windows", "window"})) {
    for (const auto& row : entry.rows({"windows", "window"})) {
      Window window{0, static_cast<int64_t>(row.size())};
      for (const Wide q : row) window.sum += q;
      if (row.empty()) throw EntryError("an empty window");
      windows.push_back(window);
    }
    return windows;
  }
  int64_t count = entry.small({"area", "count", "n_elements"}, 1, 1 << 24, 0);
  if (count == 0) {
    int height = 0;
    int width = 0;
    const std::string kernel = entry.text({"kernel"});
    if (std::sscanf(kernel.c_str(), "%6dx%6d", &height, &width) == 2 && height > 0 && width > 0) {
      count = int64_t{height} * width;
    } else if (entry.has({"kernel"}) && entry.find({"kernel"})->is_array()) {
      count = 1;
      for (const Wide k : entry.integers({"kernel"})) {
        if (k < 1 || k > 4096) throw EntryError("a kernel's side lies outside 1 to 4096");
        count *= static_cast<int64_t>(k);
      }
    } else {
      count = 9;
    }
  }
  for (const Wide sum : entry.integers({"sum", "sums", "x", "acc"})) windows.push_back({sum, count});
  return windows;
}

// Words above 127 are words without sign.
Limits word_limits(const Entry& entry) {
  bool is_unsigned = false;
  if (entry.has({"windows", "window"})) {
    for (const auto& row : entry.rows({"windows", "window"})) {
      for (const Wide q : row) is_unsigned = is_unsigned || q > 127;
    }
  }
  return entry.clamp(is_unsigned ? kU8Limits : kS8Limits);
}

Value divided_by_factor(const Entry& entry, Rational factor) {
  // Positions of the binary point that differ are one more power of two.
  if (entry.has({"fp_in"}) && entry.has({"fp_out"})) factor *= quant::power_of_two(entry.small({"fp_out"}, -64, 64) - entry.small({"fp_in"}, -64, 64));
  const Limits limits = word_limits(entry);
  const Round mode = entry.round(Round::half_up);
  return map_list(windows_of(entry), [&](const Window& window) -> Value {
    return Value(quant::round_and_clamp(Rational(BigInt(window.sum)) * factor, mode, static_cast<int64_t>(emu::saturate(limits.low, emu::kS64)),
                                        static_cast<int64_t>(emu::saturate(limits.high, emu::kS64))));
  });
}

// How a window's sum is divided follows from which parameters there are: a factor or multiplier in words or as a number, or the exact division.
Value average(const Entry& entry) {
  if (const Json* pair = entry.find({"factor"}); pair != nullptr && pair->is_array() && pair->size() == 2) {
    const Wide right = to_integer((*pair)[1], "'factor'[1]");
    if (right < 0 || right > 62) throw EntryError("'factor' is not [factor, right shift within 0 to 62]");
    return divided_by_factor(entry, to_rational((*pair)[0], "'factor'[0]") * quant::power_of_two(-static_cast<int>(right)));
  }
  const Limits limits = word_limits(entry);
  const std::string factor = entry.text({"factor", "m", "multiplier"});
  const std::string squeezed = [&] {
    std::string text;
    for (const char c : factor) {
      if (c != ' ') text += c;
    }
    return text;
  }();
  if (contains(squeezed, "floor(2^")) {
    int bits = 24;
    if (std::sscanf(squeezed.c_str() + squeezed.find("floor(2^"), "floor(2^%2d", &bits) != 1 || bits < 1 || bits > 62) throw EntryError("'" + factor + "' is no such factor");
    const Round mode = entry.round(Round::floor);
    return map_list(windows_of(entry), [&](const Window& window) -> Value { return limits.clamp(shift(times(window.sum, (Wide{1} << bits) / window.count), -bits, mode)); });
  }
  if (contains(squeezed, "2^30+1")) {
    return map_list(windows_of(entry), [&](const Window& window) -> Value {
      return limits.clamp(emu::apply_scale_32_rounding_once(static_cast<int64_t>(emu::saturate(window.sum, emu::kS32)), emu::reciprocal_scale(window.count)));
    });
  }
  if (contains(squeezed, "2^(31+k)")) {
    const Round mode = entry.round(Round::half_up);
    return map_list(windows_of(entry), [&](const Window& window) -> Value {
      const auto scale = quant::pool_reciprocal_31(window.count);
      return limits.clamp(shift(times(window.sum, scale.multiplier), -int{scale.right.bits}, mode));
    });
  }
  if (const auto number = parse_rational(factor); number && !factor.empty() && !entry.has({"shift", "n"})) return divided_by_factor(entry, *number);
  if (entry.has({"m", "multiplier", "factor", "num", "mult", "mul"}) && entry.has({"shift", "n"})) {
    return divided_by_factor(entry, entry.rational({"m", "multiplier", "factor", "num", "mult", "mul"}) * quant::power_of_two(-entry.small({"shift", "n"}, 0, 62)));
  }
  const Round mode = entry.round(Round::half_away);
  return map_list(windows_of(entry), [&](const Window& window) -> Value {
    return limits.clamp(mode == Round::half_away ? Wide{emu::average(static_cast<int64_t>(window.sum), window.count)} : emu::divide(window.sum, window.count, mode));
  });
}

// A kernel of a table's size: its factor there. With none given, the kernel's.
Value average_by_table(const Entry& entry) {
  if (!entry.text({"factor", "m"}).empty() || entry.has({"shift", "n"}) || entry.has({"windows"})) {
    if (entry.has({"factor", "m", "num", "mult", "mul", "multiplier"})) return average(entry);
  }
  int height = 3;
  int width = 3;
  if (const size_t x = entry.op.find('x', entry.op.find('_')); x != std::string::npos && x > 0) std::sscanf(entry.op.c_str() + x - 1, "%1dx%3d", &height, &width);
  const auto factor = quant::average_factor_of_kernel(height, width);
  return divided_by_factor(entry, Rational(factor.multiplier) * quant::power_of_two(-int{factor.right.bits}));
}

Value factors_of_kernels(const Entry& entry) {
  Value::List list;
  for (const auto& kernel : entry.rows({"kernels", "kernel"})) {
    if (kernel.size() != 2 || kernel[0] < 1 || kernel[1] < 1 || kernel[0] > 1024 || kernel[1] > 1024) throw EntryError("a kernel is not [height, width], each 1 to 1024");
    const auto factor = quant::average_factor_of_kernel(static_cast<int>(kernel[0]), static_cast<int>(kernel[1]));
    list.push_back(Value::List{factor.multiplier, int64_t{factor.right.bits}});
  }
  return list;
}

Value scale_of_count(const Entry& entry) {
  return map_list(entry.integers({"n", "count", "area"}), [](Wide n) -> Value {
    if (n < 1 || n > 1 << 24) throw EntryError("a count lies outside 1 to 2^24");
    const auto scale = quant::pool_reciprocal_31(static_cast<int64_t>(n));
    return Value::List{scale.multiplier, int64_t{scale.right.bits}};
  });
}

// One direction after the other, each half_away(. * reciprocal / 2^16).
Value average_by_directions(const Entry& entry) {
  const Wide width = entry.integer({"recip_w", "recip_width"});
  const Wide height = entry.integer({"recip_h", "recip_height"});
  const int right = entry.small({"shift"}, 0, 62, 16);
  const Round mode = entry.round(Round::half_away);
  const Limits limits = entry.clamp(kS8Limits);
  return map_list(windows_of(entry),
                  [&](const Window& window) -> Value { return limits.clamp(shift(times(shift(times(window.sum, width), -right, mode), height), -right, mode)); });
}

// 256 * sum rounded >> rsh, saturated to 16 bits; * mant rounded >> 15; rounded >> 6. Source: XiaoMi/nnlib, average pooling with vectors.
Value average_u8(const Entry& entry) {
  const int right = entry.small({"rsh"}, 0, 62);
  const Wide mantissa = entry.integer({"mant", "mantissa"});
  return map_list(windows_of(entry), [&](const Window& window) -> Value {
    const Wide scaled = emu::saturate(shift(times(256, window.sum), -right, Round::half_up), emu::kS16);
    return kU8Limits.clamp(shift(shift(times(scaled, mantissa), -15, Round::half_up), -6, Round::half_up));
  });
}

// The mean of the real values in binary32, summed in order; y / sy + zy is rounded after the zero point was added.
Value average_in_floats(const Entry& entry) {
  const Wide zx = entry.integer({"z_x", "zx"}, 0);
  const Wide zy = entry.integer({"z_y", "zy"}, 0);
  const Fp32 sx = entry.real32({"s_x", "sx"});
  const Fp32 sy = entry.real32({"s_y", "sy"});
  const auto rows = entry.rows({"windows", "window"});
  bool negative = zx < 0 || zy < 0;
  for (const auto& row : rows) {
    for (const Wide q : row) negative = negative || q < 0;
  }
  const Limits limits = entry.clamp(negative ? kS8Limits : kU8Limits);
  const Round mode = entry.round(Round::half_even);
  return map_list(rows, [&](const std::vector<Wide>& row) -> Value {
    Fp32 sum{0};
    for (const Wide q : row) sum = emu::add(sum, emu::multiply(sx, from_integer(q - zx)));
    const Fp32 mean = emu::divide(sum, from_integer(static_cast<Wide>(row.size())));
    return limits.clamp(emu::to_int(emu::add(emu::divide(mean, sy), from_integer(zy)), mode, emu::kS64));
  });
}

}  // namespace

void add_pooling(Operations& table) {
  table["avgpool"] = average;
  for (const char* kernel : {"avgpool_2*", "avgpool_3*", "avgpool_4*", "avgpool_5*", "avgpool_6*", "avgpool_7*", "avgpool_8*", "avgpool_1*"}) table[kernel] = average_by_table;
  table["avgpool_factors"] = factors_of_kernels;
  table["avgpool_u8*"] = average_u8;
  table["pool_scale*"] = scale_of_count;
  table["pdp_average*"] = average_by_directions;
  table["qlinear_average_pool*"] = average_in_floats;
}

}  // namespace assay::verify

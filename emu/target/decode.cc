#include "emu/target/decode.h"

#include <algorithm>

namespace assay::emu {

std::string legal(const std::string&) {
  return "a string that is not empty";
}
bool decode(const toml::value& value, std::string& out) {
  if (!value.is_string() || value.as_string().str.empty()) return false;
  return out = value.as_string().str, true;
}

bool decode(const toml::value& value, const std::vector<std::string>& legal, std::vector<std::string>& out) {
  if (!value.is_array() || value.as_array().empty() || value.as_array().size() > legal.size()) return false;
  for (const toml::value& element : value.as_array()) {
    if (!element.is_string() || std::count(legal.begin(), legal.end(), element.as_string().str) == 0) return false;
    if (std::count(out.begin(), out.end(), element.as_string().str) != 0) return false;
    out.push_back(element.as_string().str);
  }
  return true;
}

std::string legal(const bool&) {
  return "true or false";
}
bool decode(const toml::value& value, bool& out) {
  if (!value.is_boolean()) return false;
  return out = value.as_boolean(), true;
}

std::string legal(const int64_t&) {
  return "an integer";
}
bool decode(const toml::value& value, int64_t& out) {
  if (!value.is_integer()) return false;
  return out = value.as_integer(), true;
}

std::string legal(const IntType&) {
  return "an integer type, s or u and 1 to 64 bits, such as \"s8\" or \"u16\", or a floating-point format such as \"bf16\"";
}
bool decode(const toml::value& value, IntType& out) {
  const auto type = value.is_string() ? parse_int_type(value.as_string().str) : std::nullopt;
  if (!type) return false;
  return out = *type, true;
}

std::string legal(const Accumulator&) {
  return "an integer type and what happens on overflow, such as \"s32.wrap\", \"s24.saturate\", \"s32.wrap+pairs:s16.saturate\", \"s16.saturate+spill:64:s32.wrap\" or "
         "\"fp32.sequential\"";
}
bool decode(const toml::value& value, Accumulator& out) {
  const auto accumulator = value.is_string() ? parse_accumulator(value.as_string().str) : std::nullopt;
  if (!accumulator) return false;
  return out = *accumulator, true;
}

std::string legal(const FloatFormat&) {
  return "one of fp32, tf32, bf16, fp16";
}
bool decode(const toml::value& value, FloatFormat& out) {
  const auto format = value.is_string() ? parse_float_format(value.as_string().str) : std::nullopt;
  if (!format || (*format != kFp32 && *format != kTf32 && *format != kBf16 && *format != kFp16)) return false;
  return out = *format, true;
}

std::string legal(const schema::Range& range) {
  return "an integer from " + std::to_string(range.low) + " to " + std::to_string(range.high);
}

}  // namespace assay::emu

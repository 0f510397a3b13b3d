#include "quant/export/json_reader.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "emu/base/error.h"

namespace assay::ppq {

using nlohmann::json;

std::string read_whole(const std::string& path) {
  namespace fs = std::filesystem;
  constexpr uint64_t kMostBytes = uint64_t{1} << 31;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) throw InputError(path + ": no such file");
  if (!fs::is_regular_file(status)) throw InputError(path + ": not a file");
  const uint64_t size = fs::file_size(path, error);
  if (error) throw InputError(path + ": cannot be read: " + error.message());
  if (size > kMostBytes) throw InputError(path + ": is larger than 2 GB");
  std::string bytes(size, '\0');
  std::ifstream file(path, std::ios::binary);
  if (size > 0 && !file.read(bytes.data(), static_cast<std::streamsize>(size))) throw InputError(path + ": cannot be read");
  return bytes;
}

json parse_json(const std::string& bytes, const std::string& path) {
  std::vector<std::set<std::string>> keys;
  std::string doubled;
  const auto watch = [&](int, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second && doubled.empty()) doubled = parsed.get<std::string>();
    return true;
  };
  try {
    json parsed = json::parse(bytes, watch);
    if (!doubled.empty()) throw InputError(path + ": key '" + doubled + "' is there twice in one object; keep one of them");
    return parsed;
  } catch (const json::exception& error) {
    throw InputError(path + ": is no valid JSON: " + error.what());
  }
}

bool JsonReader::is_object(const json& read, const std::string& key) {
  if (!read.is_object()) applier_.problem(key, std::string("must be an object, not ") + read.type_name());
  return read.is_object();
}

bool JsonReader::object(const json& read, const std::string& key, std::initializer_list<const char*> keys, std::initializer_list<const char*> optional) {
  if (!is_object(read, key)) return false;
  bool holds = true;
  for (const char* wanted : keys) {
    if (read.contains(wanted)) continue;
    applier_.problem(key, std::string("key '") + wanted + "' is missing");
    holds = false;
  }
  for (const auto& [found, value] : read.items()) {
    const auto is = [&, name = &found](const char* known) { return *name == known; };
    if (std::any_of(keys.begin(), keys.end(), is) || std::any_of(optional.begin(), optional.end(), is)) continue;
    applier_.problem(key, "key '" + found + "' is unknown");
    holds = false;
  }
  return holds;
}

std::optional<int64_t> JsonReader::integer(const json& read, const std::string& key, int64_t low, int64_t high) {
  const bool fits = read.is_number_integer() && (!read.is_number_unsigned() || read.get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX));
  if (fits && read.get<int64_t>() >= low && read.get<int64_t>() <= high) return read.get<int64_t>();
  applier_.problem(key, "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high) + ", not " + read.dump().substr(0, 60));
  return std::nullopt;
}

std::optional<bool> JsonReader::boolean(const json& read, const std::string& key) {
  if (read.is_boolean()) return read.get<bool>();
  applier_.problem(key, "must be true or false, not " + read.dump().substr(0, 60));
  return std::nullopt;
}

std::optional<double> JsonReader::real(const json& read, const std::string& key) {
  if (read.is_number() && std::isfinite(read.get<double>())) return read.get<double>();
  applier_.problem(key, "must be a number, not " + read.dump().substr(0, 60));
  return std::nullopt;
}

std::optional<std::string> JsonReader::text(const json& read, const std::string& key) {
  if (read.is_string()) return read.get<std::string>();
  applier_.problem(key, "must be a text, not " + read.dump().substr(0, 60));
  return std::nullopt;
}

std::optional<std::vector<float>> JsonReader::reals(const json& read, const std::string& key) {
  if (read.is_number()) return std::vector<float>{read.get<float>()};
  const bool list = read.is_array() && !read.empty() && std::all_of(read.begin(), read.end(), [](const auto& entry) { return entry.is_number(); });
  if (list) return read.get<std::vector<float>>();
  applier_.problem(key, "must be a number or a list of numbers, not " + read.dump().substr(0, 60));
  return std::nullopt;
}

std::optional<ScaleOffset> JsonReader::scale(const json& scales, const json& offsets, const std::string& key) {
  const auto scale = reals(scales, key + ".scale"), offset = reals(offsets, key + ".zero_point");
  if (!scale || !offset) return std::nullopt;
  if (scale->size() == offset->size() && scales.is_array() == offsets.is_array()) return ScaleOffset{*scale, *offset, scales.is_array()};
  applier_.problem(key, "has " + std::to_string(scale->size()) + " scales and " + std::to_string(offset->size()) + " zero points; both must be numbers, or lists of one length");
  return std::nullopt;
}

}  // namespace assay::ppq

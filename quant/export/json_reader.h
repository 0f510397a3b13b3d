// JSON files read strictly: doubled keys, unknown keys, missing keys and numbers out of range are problems with their place.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "quant/export/apply.h"

namespace assay::ppq {

// The whole file, at most 2 GB. InputError: missing, unreadable, a folder, too large.
std::string read_whole(const std::string& path);

// InputError: no JSON (with the line), a doubled key (with its name), a number that JSON has not (NaN).
nlohmann::json parse_json(const std::string& bytes, const std::string& path);

class JsonReader {
 public:
  explicit JsonReader(Applier& applier) : applier_(applier) {}

  // True where `read` is an object with these keys and no others (but for `optional` ones); else problems.
  bool object(const nlohmann::json& read, const std::string& key, std::initializer_list<const char*> keys, std::initializer_list<const char*> optional = {});
  bool is_object(const nlohmann::json& read, const std::string& key);
  std::optional<int64_t> integer(const nlohmann::json& read, const std::string& key, int64_t low, int64_t high);
  std::optional<bool> boolean(const nlohmann::json& read, const std::string& key);
  std::optional<double> real(const nlohmann::json& read, const std::string& key);
  std::optional<std::string> text(const nlohmann::json& read, const std::string& key);
  // A number, or a list of at least one; as float32. nullopt and a problem for anything else.
  std::optional<std::vector<float>> reals(const nlohmann::json& read, const std::string& key);
  // Both of them numbers, or lists of one length.
  std::optional<ScaleOffset> scale(const nlohmann::json& scales, const nlohmann::json& offsets, const std::string& key);

 private:
  Applier& applier_;
};

}  // namespace assay::ppq

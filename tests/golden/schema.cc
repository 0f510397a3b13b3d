#include "tests/golden/schema.h"

#include <regex.h>

#include <algorithm>

namespace assay {
namespace {

using nlohmann::json;

bool is_type(const json& value, const std::string& type) {
  if (type == "integer") return value.is_number_integer();
  if (type == "null") return value.is_null();
  if (type == "string") return value.is_string();
  if (type == "array") return value.is_array();
  return type == "object" && value.is_object();
}

// An extended POSIX expression: the schema's patterns mean the same there.
bool matches(const std::string& text, const std::string& pattern) {
  regex_t compiled;
  if (regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB) != 0) return false;
  const bool found = regexec(&compiled, text.c_str(), 0, nullptr, 0) == 0;
  regfree(&compiled);
  return found;
}

bool is_one_of(const json& value, const json& types) {
  if (types.is_string()) return is_type(value, types.get<std::string>());
  return std::any_of(types.begin(), types.end(), [&](const json& type) { return is_type(value, type.get<std::string>()); });
}

}  // namespace

std::vector<std::string> schema_problems(const json& schema, const json& root, const json& value, const std::string& place) {
  std::vector<std::string> problems;
  const auto descend = [&](const json& into, const json& part, const std::string& where) {
    const auto inner = schema_problems(into, root, part, where);
    problems.insert(problems.end(), inner.begin(), inner.end());
  };
  const auto require = [&](bool holds, const std::string& keyword) {
    if (!holds) problems.push_back(place + ": " + keyword + " does not hold of " + value.dump().substr(0, 60));
  };
  for (const auto& [keyword, rule] : schema.items()) {
    if (keyword == "$schema" || keyword == "title" || keyword == "description" || keyword == "definitions") continue;
    if (keyword == "$ref") {
      descend(root.at(json::json_pointer(rule.get<std::string>().substr(1))), value, place);
    } else if (keyword == "type") {
      require(is_one_of(value, rule), "type");
    } else if (keyword == "const") {
      require(value == rule, "const");
    } else if (keyword == "enum") {
      require(std::find(rule.begin(), rule.end(), value) != rule.end(), "enum");
    } else if (keyword == "minimum") {
      require(!value.is_number() || value >= rule, "minimum");
    } else if (keyword == "pattern") {
      require(!value.is_string() || matches(value.get<std::string>(), rule.get<std::string>()), "pattern");
    } else if (keyword == "oneOf") {
      require(std::count_if(rule.begin(), rule.end(), [&](const json& option) { return schema_problems(option, root, value, place).empty(); }) == 1, "oneOf");
    } else if (keyword == "items") {
      for (size_t i = 0; value.is_array() && i < value.size(); ++i) descend(rule, value[i], place + "/" + std::to_string(i));
    } else if (keyword == "required") {
      for (const json& key : rule) require(!value.is_object() || value.contains(key.get<std::string>()), "required " + key.dump());
    } else if (keyword == "properties") {
      for (const auto& [key, inner] : rule.items()) {
        if (value.is_object() && value.contains(key)) descend(inner, value[key], place + "/" + key);
      }
    } else if (keyword == "additionalProperties" && rule == false) {
      for (const auto& [key, part] : value.items()) require(schema.at("properties").contains(key), "no other key than the properties (" + key + ")");
    } else {
      problems.push_back("this checker does not know the keyword " + keyword);
    }
  }
  return problems;
}

}  // namespace assay

#include "emu/target/change.h"

#include <charconv>
#include <limits>
#include <sstream>

#include "emu/base/error.h"
#include "emu/base/nearest.h"
#include "emu/target/load_target.h"
#include "emu/target/toml_file.h"

namespace assay::emu {
namespace {

// Every key below `value`, arrays' elements as key[i].
void list_keys(const toml::value& value, const std::string& path, std::vector<std::string>& keys) {
  if (value.is_table()) {
    for (const auto& [key, inner] : value.as_table()) list_keys(inner, path.empty() ? key : path + "." + key, keys);
  } else if (value.is_array()) {
    for (size_t i = 0; i < value.as_array().size(); ++i) list_keys(value.as_array()[i], path + "[" + std::to_string(i) + "]", keys);
  } else {
    keys.push_back(path);
  }
}

std::optional<size_t> number_in(std::string_view text) {
  size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty() ? std::optional(number) : std::nullopt;
}

// The value that the key names; null where there is none.
toml::value* find(toml::value& root, const std::string& key) {
  toml::value* at = &root;
  std::istringstream parts(key);
  for (std::string part; std::getline(parts, part, '.');) {
    const size_t bracket = part.find('[');
    const std::string name = part.substr(0, bracket);
    if (!at->is_table() || at->as_table().count(name) == 0) return nullptr;
    at = &at->as_table().at(name);
    if (bracket == std::string::npos) continue;
    const auto index = part.back() == ']' ? number_in(std::string_view(part).substr(bracket + 1, part.size() - bracket - 2)) : std::nullopt;
    if (!index || !at->is_array() || *index >= at->as_array().size()) return nullptr;
    at = &at->as_array()[*index];
  }
  return at;
}

void set(toml::value& value, const std::string& key, const std::string& word) {
  const auto wrong = [&](const char* expected) { throw InputError("'" + key + "' takes " + expected + ", found '" + word.substr(0, 100) + "'"); };
  if (value.is_string()) {
    value = word;
  } else if (value.is_boolean()) {
    if (word != "true" && word != "false") wrong("true or false");
    value = word == "true";
  } else if (value.is_integer()) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error != std::errc{} || end != word.data() + word.size()) wrong("an integer");
    value = number;
  } else {
    throw InputError("'" + key + "' is a section or a list; name one of its values, such as '" + key + (value.is_array() ? "[0]'" : ".<key>'"));
  }
}

}  // namespace

Target load_changed_target(const std::string& path, const std::string& change) {
  const size_t equals = change.find('=');
  if (equals == std::string::npos || equals == 0) throw InputError("'" + change.substr(0, 100) + "' is no change of a target; expected KEY=VALUE");
  const std::string key = change.substr(0, equals);
  const std::string text = read_target_file(path);
  Report report(text, path);
  toml::value root = parse_toml(text, path, report);
  toml::value* value = find(root, key);
  if (value == nullptr) {
    std::vector<std::string> keys;
    list_keys(root, "", keys);
    const std::string near = nearest_name(key, keys);
    throw InputError("'" + key.substr(0, 100) + "' is no key of " + path + (near.empty() ? "; emu/targets/README.md lists them" : "; did you mean '" + near + "'?"));
  }
  set(*value, key, change.substr(equals + 1));
  std::ostringstream changed;
  changed << toml::format(root, std::numeric_limits<size_t>::max());
  Target target = parse_target(changed.str(), path + " with " + change);
  target.name += "[" + change + "]";
  return target;
}

}  // namespace assay::emu

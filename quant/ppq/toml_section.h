// A section of a platform's or a preset's file, read strictly: what was never asked for is an unknown key, what is not legal is a problem with its line; all are reported at once.
#pragma once

#include <algorithm>
#include <string>
#include <toml.hpp>
#include <utility>
#include <vector>

#include "emu/base/nearest.h"
#include "emu/target/toml_file.h"

namespace assay::ppq {

template <class T>
using Words = std::vector<std::pair<const char*, T>>;

class TomlSection {
 public:
  TomlSection(const toml::value& table, std::string path, emu::Report& report) : table_(table), path_(std::move(path)), report_(report) {}

  // Each reads the key if it is there; false: it is missing or wrong. `needed`: missing is a problem too.
  bool text(const std::string& key, std::string& out, bool needed = false) {
    const toml::value* value = find(key, needed, "a string that is not empty");
    if (value == nullptr) return false;
    if (!value->is_string() || value->as_string().str.empty()) return problem(*value, key, "must be a string that is not empty, " + emu::found(*value));
    return out = value->as_string().str, true;
  }

  bool flag(const std::string& key, bool& out) {
    const toml::value* value = find(key, false, "");
    if (value == nullptr) return false;
    if (!value->is_boolean()) return problem(*value, key, "must be true or false, " + emu::found(*value));
    return out = value->as_boolean(), true;
  }

  template <class T>
  bool integer(const std::string& key, T& out, int64_t low, int64_t high, bool needed = false) {
    const std::string legal = "an integer from " + std::to_string(low) + " to " + std::to_string(high);
    const toml::value* value = find(key, needed, legal);
    if (value == nullptr) return false;
    if (!value->is_integer() || value->as_integer() < low || value->as_integer() > high) return problem(*value, key, "must be " + legal + ", " + emu::found(*value));
    return out = static_cast<T>(value->as_integer()), true;
  }

  bool real(const std::string& key, double& out) {
    const toml::value* value = find(key, false, "");
    if (value == nullptr) return false;
    const double number = value->is_floating() ? value->as_floating() : value->is_integer() ? static_cast<double>(value->as_integer()) : -1;
    if (!(number >= 0) || number > 1e9) return problem(*value, key, "must be a number from 0 to 1e9, " + emu::found(*value));
    return out = number, true;
  }

  template <class T>
  bool word(const std::string& key, T& out, const Words<T>& words, bool needed = false) {
    std::string legal = "one of ";
    for (const auto& [name, meaning] : words) legal += (name == words[0].first ? "" : ", ") + std::string(name);
    const toml::value* value = find(key, needed, legal);
    if (value == nullptr) return false;
    for (const auto& [name, meaning] : words) {
      if (value->is_string() && value->as_string().str == name) return out = meaning, true;
    }
    return problem(*value, key, "must be " + legal + ", " + emu::found(*value));
  }

  bool texts(const std::string& key, std::vector<std::string>& out, bool needed = false) {
    const toml::value* value = find(key, needed, "an array of strings, each once");
    if (value == nullptr) return false;
    if (!value->is_array() || value->as_array().size() > kMaxEntries) return problem(*value, key, "must be an array of strings, each once, " + emu::found(*value));
    for (const toml::value& entry : value->as_array()) {
      if (!entry.is_string() || entry.as_string().str.empty()) return problem(entry, key, "must be an array of strings, " + emu::found(entry));
      if (std::count(out.begin(), out.end(), entry.as_string().str) != 0) return problem(entry, key, "names " + emu::quoted(entry.as_string().str) + " twice");
      out.push_back(entry.as_string().str);
    }
    return true;
  }

  bool integers(const std::string& key, std::vector<size_t>& out, size_t high) {
    const toml::value* value = find(key, true, "an array of slots");
    if (value == nullptr) return false;
    if (!value->is_array() || value->as_array().empty() || value->as_array().size() > high + 1) return problem(*value, key, "must be an array of slots, " + emu::found(*value));
    for (const toml::value& entry : value->as_array()) {
      const bool legal = entry.is_integer() && entry.as_integer() >= 0 && entry.as_integer() <= static_cast<int64_t>(high);
      if (!legal) return problem(entry, key, "a slot is an integer from 0 to " + std::to_string(high) + ", " + emu::found(entry));
      out.push_back(static_cast<size_t>(entry.as_integer()));
    }
    return true;
  }

  // body(section) inside [key], or inside each [[key]]; legal if there is none.
  template <class Body>
  bool section(const std::string& key, const Body& body, bool needed = false) {
    const toml::value* value = find(key, needed, "a section");
    if (value == nullptr) return false;
    if (!value->is_table()) return problem(*value, key, "must be a section, " + emu::found(*value));
    return enter(*value, path_ + key + ".", body), true;
  }
  template <class Body>
  void sections(const std::string& key, const Body& body) {
    const toml::value* value = find(key, false, "");
    if (value == nullptr) return;
    if (!value->is_array() || value->as_array().size() > kMaxEntries) return static_cast<void>(problem(*value, key, "must be sections [[" + key + "]], " + emu::found(*value)));
    for (const toml::value& entry : value->as_array()) {
      if (!entry.is_table()) return static_cast<void>(problem(entry, key, "must be sections [[" + key + "]], " + emu::found(entry)));
      enter(entry, path_ + key + ".", body);
    }
  }

  std::vector<std::string> keys() const {
    std::vector<std::string> names;
    for (const auto& [key, value] : table_.as_table()) names.push_back(key);
    std::sort(names.begin(), names.end());
    return names;
  }

  // A problem of several keys together, at the section's line.
  bool problem(const std::string& what) { return problem(table_, "", what); }
  bool problem(const toml::value& where, const std::string& key, const std::string& what) {
    report_.add(emu::line_of(where), (key.empty() ? path_.substr(0, path_.empty() ? 0 : path_.size() - 1) : path_ + key) + ": " + what);
    return false;
  }

  void refuse_unknown() {
    for (const auto& [key, value] : table_.as_table()) {
      if (std::find(asked_.begin(), asked_.end(), key) != asked_.end()) continue;
      std::string legal;
      for (const std::string& name : asked_) legal += (legal.empty() ? "" : ", ") + name;
      const std::string near = nearest_name(key, asked_);
      problem(value, key, "unknown key; " + (near.empty() ? "" : "did you mean '" + near + "'? ") + "legal here: " + legal);
    }
  }

 private:
  static constexpr size_t kMaxEntries = 200;

  template <class Body>
  void enter(const toml::value& table, const std::string& path, const Body& body) {
    TomlSection inner(table, path, report_);
    body(inner);
    inner.refuse_unknown();
  }

  const toml::value* find(const std::string& key, bool needed, const std::string& legal) {
    if (std::find(asked_.begin(), asked_.end(), key) == asked_.end()) asked_.push_back(key);
    const auto found = table_.as_table().find(key);
    if (found != table_.as_table().end()) return &found->second;
    if (needed) problem(table_, key, "missing; it must be " + legal);
    return nullptr;
  }

  const toml::value& table_;
  std::string path_;
  emu::Report& report_;
  std::vector<std::string> asked_;
};

// body(section) on the root of the file; throws all problems.
template <class Body>
void read_toml(const std::string& path, const Body& body) {
  const std::string text = emu::read_target_file(path);
  emu::Report report(text, path);
  const toml::value root = emu::parse_toml(text, path, report);
  TomlSection section(root, "", report);
  body(section);
  section.refuse_unknown();
  if (!report.empty()) report.fail();
}

}  // namespace assay::ppq

#include "emu/target/load_target.h"

#include <algorithm>
#include <functional>
#include <set>

#include "emu/base/error.h"
#include "emu/base/nearest.h"
#include "emu/target/decode.h"
#include "emu/target/toml_file.h"

namespace assay::emu {
namespace {

constexpr size_t kMaxUnknownPerSection = 20;
constexpr size_t kMaxSteps = 64;
constexpr size_t kMaxClaims = 500;

// Reads one section by the schema's list of keys; what it never asked for is unknown.
class Reader {
 public:
  Reader(const toml::value& table, std::string path, Report& report, std::set<std::string>& bad, std::vector<Source>& sources)
      : table_(table), path_(std::move(path)), report_(report), bad_(bad), sources_(sources) {}

  template <class T>
  void operator()(const char* key, T& field) {
    read(key, legal(field), [&](const toml::value& value) { return decode(value, field); });
  }

  template <class T>
  void operator()(const char* key, T& field, schema::Range range) {
    read(key, legal(range), [&](const toml::value& value) {
      int64_t number = 0;
      if (!decode(value, number) || number < range.low || number > range.high) return false;
      return field = static_cast<T>(number), true;
    });
  }

  void operator()(const char* key, std::string& field, const schema::Words& words) {
    read(key, one_of(words.legal), [&](const toml::value& value) { return decode(value, field) && std::count(words.legal.begin(), words.legal.end(), field) > 0; });
  }

  void operator()(const char* key, std::vector<std::string>& field, const schema::Words& words) {
    read(key, "an array that names, each once, " + one_of(words.legal), [&](const toml::value& value) { return decode(value, words.legal, field); });
  }

  void operator()(const char* key, Steps& steps) {
    const toml::value* value = find(key, "an array of steps such as [\"multiply\", \"shift_right scale half_up\", \"saturate output\"]");
    if (value == nullptr) return;
    if (!value->is_array() || value->as_array().size() > kMaxSteps)
      return problem(*value, key, "must be an array of at most " + std::to_string(kMaxSteps) + " steps, " + found(*value));
    for (const toml::value& element : value->as_array()) {
      if (!element.is_string()) {
        problem(element, key, "each step is a string, " + found(element));
        continue;
      }
      try {
        steps.push_back(parse_step(element.as_string().str));
      } catch (const InputError& error) {
        problem(element, key, error.what());
      }
    }
  }

  template <class Body>
  void section(const char* key, Body&& body) {
    const toml::value* value = find(key, "a section");
    if (value == nullptr) return;
    if (!value->is_table()) return problem(*value, key, "must be a section, " + found(*value));
    Reader inner(*value, name(key), report_, bad_, sources_);
    body(inner);
    inner.refuse_unknown();
  }

  void source() {
    std::string text;
    (*this)("source", text);
    sources_.push_back({path_, text});
  }

  template <class Rule>
  void supported(const char* key, std::optional<Rule>& rule) {
    section(key, [&](Reader& inner) {
      bool is_supported = false;
      inner("supported", is_supported);
      inner.source();
      if (is_supported) schema::keys(inner, rule.emplace());  // of an operator that the target lacks, the rule's keys are unknown like any other
    });
  }
  void supported(const char* key, bool& flag) {
    section(key, [&](Reader& inner) {
      inner("supported", flag);
      inner.source();
    });
  }

  // Takes [[claim]] out of the unknown ones: the loader reads it by itself.
  void allow(const std::string& key) { asked_.push_back(key); }

  void refuse_unknown() {
    std::vector<std::string> unknown;
    for (const auto& [key, value] : table_.as_table()) {
      if (std::find(asked_.begin(), asked_.end(), key) == asked_.end()) unknown.push_back(key);
    }
    std::sort(unknown.begin(), unknown.end());
    if (unknown.size() > kMaxUnknownPerSection) {
      report_.add(line_of(table_), (path_.empty() ? "the file" : path_) + " has " + std::to_string(unknown.size()) + " unknown keys; the first " +
                                       std::to_string(kMaxUnknownPerSection) + " by name are listed");
      unknown.resize(kMaxUnknownPerSection);
    }
    for (const std::string& key : unknown) {
      const std::string near = nearest_name(key, asked_);
      report_.add(line_of(table_.at(key)), name(quoted_if_odd(key)) + ": unknown key; " + (near.empty() ? "" : "did you mean '" + near + "'? ") + "legal here: " + joined(asked_));
    }
  }

  // Where a key is, for problems found later; the section's own line where it is missing.
  static size_t line_of_key(const toml::value& root, const std::string& path) {
    const toml::value* at = &root;
    for (size_t start = 0; start < path.size();) {
      const size_t end = std::min(path.find('.', start), path.size());
      const std::string part = path.substr(start, end - start);
      if (!at->is_table() || at->as_table().count(part) == 0) break;
      at = &at->at(part);
      start = end + 1;
    }
    return at == &root ? 1 : line_of(*at);
  }

 private:
  std::string name(const std::string& key) const { return path_.empty() ? key : path_ + "." + key; }

  static std::string quoted_if_odd(const std::string& key) {
    const bool plain =
        std::all_of(key.begin(), key.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; });
    return plain ? key : quoted(key);
  }

  static std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
  }

  void problem(const toml::value& where, const std::string& key, const std::string& what) {
    bad_.insert(name(key));
    report_.add(line_of(where), name(key) + ": " + what);
  }

  const toml::value* find(const std::string& key, const std::string& words) {
    asked_.push_back(key);
    const auto& entries = table_.as_table();
    const auto it = entries.find(key);
    if (it != entries.end()) return &it->second;
    bad_.insert(name(key));
    report_.add(path_.empty() ? 1 : line_of(table_), name(key) + ": missing; it must be " + words);
    return nullptr;
  }

  void read(const std::string& key, const std::string& words, const std::function<bool(const toml::value&)>& take) {
    const toml::value* value = find(key, words);
    if (value != nullptr && !take(*value)) problem(*value, key, "must be " + words + ", " + found(*value));
  }

  const toml::value& table_;
  std::string path_;
  Report& report_;
  std::set<std::string>& bad_;
  std::vector<Source>& sources_;
  std::vector<std::string> asked_;
};

// Walks the schema without a file.
class KeyLister {
 public:
  explicit KeyLister(std::vector<std::string>& names, std::string path = "") : names_(names), path_(std::move(path)) {}
  template <class T>
  void operator()(const char* key, const T&) {
    names_.push_back(path_ + key);
  }
  template <class T, class Limit>
  void operator()(const char* key, const T&, const Limit&) {
    names_.push_back(path_ + key);
  }
  template <class Body>
  void section(const char* key, Body&& body) {
    KeyLister inner(names_, path_ + key + ".");
    body(inner);
  }
  void source() { names_.push_back(path_ + "source"); }
  template <class Rule>
  void supported(const char* key, std::optional<Rule>&) {
    section(key, [](KeyLister& inner) {
      Rule rule;
      inner("supported", true), inner.source();
      schema::keys(inner, rule);
    });
  }
  void supported(const char* key, bool&) {
    section(key, [](KeyLister& inner) { inner("supported", true), inner.source(); });
  }

 private:
  std::vector<std::string>& names_;
  std::string path_;
};

bool names_a_key(const std::string& claim, const std::vector<std::string>& names) {
  if (std::find(names.begin(), names.end(), claim) != names.end()) return true;
  if (claim.size() < 2 || claim.substr(claim.size() - 2) != ".*") return false;
  const std::string prefix = claim.substr(0, claim.size() - 1);
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return name.compare(0, prefix.size(), prefix) == 0; });
}

void read_claims(const toml::value& root, Target& target, Report& report, std::set<std::string>& bad) {
  if (root.as_table().count("claim") == 0) return;
  const toml::value& claims = root.at("claim");
  if (!claims.is_array() || claims.as_array().size() > kMaxClaims) {
    return report.add(line_of(claims), "claim: must be at most " + std::to_string(kMaxClaims) + " [[claim]] sections, " + found(claims));
  }
  const std::vector<std::string> names = known_keys();
  std::set<std::string> seen;
  std::vector<Source> none;
  for (const toml::value& entry : claims.as_array()) {
    if (!entry.is_table()) {
      report.add(line_of(entry), "claim: must be a [[claim]] section, " + found(entry));
      continue;
    }
    Claim claim;
    Reader reader(entry, "claim", report, bad, none);
    reader("key", claim.key), reader("evidence", claim.evidence), reader("note", claim.note);
    reader.refuse_unknown();
    if (!claim.key.empty()) {
      const size_t line = line_of(entry.at("key"));
      if (!names_a_key(claim.key, names)) {
        const std::string near = nearest_name(claim.key, names);
        report.add(line, "claim.key: '" + claim.key.substr(0, 100) + "' is no key of a target" + (near.empty() ? "" : "; did you mean '" + near + "'?") +
                             " (a section is named with '.*' at its end)");
      }
      if (!seen.insert(claim.key).second) report.add(line, "claim.key: '" + claim.key.substr(0, 100) + "' is claimed twice");
    }
    target.claims.push_back(claim);
  }
}

}  // namespace

std::vector<std::string> known_keys() {
  std::vector<std::string> names;
  KeyLister lister(names);
  Target target;
  schema::keys(lister, target);
  return names;
}

Target parse_target(const std::string& toml, const std::string& origin) {
  Report report(toml, origin);
  const toml::value root = parse_toml(toml, origin, report);
  Target target;
  target.file = origin;
  std::set<std::string> bad;
  Reader reader(root, "", report, bad, target.sources);
  schema::keys(reader, target);
  reader.allow("claim");
  reader.refuse_unknown();
  read_claims(root, target, report, bad);
  // A rule is asked only where every key that it depends on could be read, so that one mistake gives one message.
  const auto unreadable = [&](const std::string& key) {
    return std::any_of(bad.begin(), bad.end(), [&](const std::string& b) { return key == b || key.compare(0, b.size() + 1, b + ".") == 0; });
  };
  for (const auto& broken : schema::broken_rules(target)) {
    if (std::any_of(broken.keys.begin(), broken.keys.end(), unreadable)) continue;
    report.add(Reader::line_of_key(root, broken.keys[0]), broken.sentence);
  }
  if (!report.empty()) report.fail();
  return target;
}

Target load_target(const std::string& path) {
  return parse_target(read_target_file(path), path);
}

std::vector<std::string> validate(const Target& target) {
  std::vector<std::string> sentences;
  for (const auto& broken : schema::broken_rules(target)) sentences.push_back(broken.sentence);
  return sentences;
}

}  // namespace assay::emu

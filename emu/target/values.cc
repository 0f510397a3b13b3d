#include "emu/target/values.h"

#include "emu/target/schema.h"

namespace assay::emu {
namespace {

std::string text_of(const std::string& text) {
  return text;
}
std::string text_of(bool flag) {
  return flag ? "true" : "false";
}
template <class T>
requires std::is_enum_v<T> std::string text_of(T word) {
  return std::string(to_string(word));
}
template <class T>
requires(std::is_integral_v<T> && !std::is_same_v<T, bool>) std::string text_of(T number) {
  return std::to_string(number);
}
std::string text_of(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}
std::string text_of(const IntType& type) {
  return to_string(type);
}
std::string text_of(const Accumulator& accumulator) {
  return to_string(accumulator);
}
std::string text_of(const FloatFormat& format) {
  return std::string(to_string(format));
}

// Walks the schema as the loader does (schema.h).
class Lister {
 public:
  Lister(std::vector<KeyValue>& values, std::string path) : values_(values), path_(std::move(path)) {}

  void operator()(const char* key, const Steps& steps) { values_.push_back({path_ + key, steps.empty() ? "[]" : to_string(steps), steps}); }
  template <class T>
  void operator()(const char* key, const T& field) {
    if (path_.empty()) return;  // name, summary
    values_.push_back({path_ + key, text_of(field), std::nullopt});
  }
  template <class T, class Limit>
  void operator()(const char* key, const T& field, const Limit&) {
    (*this)(key, field);
  }
  template <class Body>
  void section(const char* key, Body&& body) {
    Lister inner(values_, path_ + key + ".");
    body(inner);
  }
  void source() {}
  template <class Rule>
  void supported(const char* key, std::optional<Rule>& rule) {
    section(key, [&](Lister& inner) {
      inner("supported", rule.has_value());
      if (rule) schema::keys(inner, *rule);
    });
  }
  void supported(const char* key, bool& flag) {
    section(key, [&](Lister& inner) { inner("supported", flag); });
  }

 private:
  std::vector<KeyValue>& values_;
  std::string path_;
};

}  // namespace

std::vector<KeyValue> values_of(const Target& target) {
  std::vector<KeyValue> values;
  Target copy = target;  // the schema's walk may write, for the loader's sake
  Lister lister(values, "");
  schema::keys(lister, copy);
  return values;
}

}  // namespace assay::emu

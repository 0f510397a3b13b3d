#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <set>
#include <sstream>
#include <toml.hpp>
#include <utility>

#include "emu/base/error.h"
#include "vectors/image.h"

namespace assay::vectors {
namespace {

constexpr int64_t kMaxBytes = 65536;
// The TOML reader calls itself for every bracket; no file of ours nests.
constexpr int64_t kMaxBrackets = 64;

// Reads keys of one table, remembers which were asked for and gathers every problem with its line.
class Reader {
 public:
  Reader(const toml::value& table, std::string path) : table_(table), path_(std::move(path)) {}

  template <class E>
  void choice(const char* key, std::initializer_list<std::pair<const char*, E>> names, E& out) {
    const toml::value* value = find(key);
    if (value == nullptr) return;
    std::string all;
    for (const auto& [name, e] : names) {
      if (value->is_string() && value->as_string().str == name) {
        out = e;
        return;
      }
      all += (all.empty() ? "\"" : ", \"") + std::string(name) + "\"";
    }
    problem(*value, key, "one of " + all);
  }
  void number(const char* key, double& out) {
    if (const toml::value* value = find(key); value != nullptr && !real(*value, out)) problem(*value, key, "a finite number");
  }
  void numbers(const char* key, std::vector<double>& out) {
    const toml::value* value = find(key);
    if (value == nullptr) return;
    std::vector<double> result(1);
    bool good = real(*value, result[0]);
    if (value->is_array()) {
      const auto& items = value->as_array();
      result.assign(items.size(), 0.0);
      good = items.size() == 1 || items.size() == 3;
      for (size_t i = 0; i < items.size(); ++i) good = real(items[i], result[i]) && good;
    }
    if (good) {
      out = result;
    } else {
      problem(*value, key, "a finite number or an array of 1 or 3 of them");
    }
  }
  void integer(const char* key, int64_t low, int64_t high, int64_t& out) {
    const toml::value* value = find(key);
    if (value == nullptr) return;
    if (value->is_integer() && value->as_integer() >= low && value->as_integer() <= high) {
      out = value->as_integer();
    } else {
      problem(*value, key, "an integer from " + std::to_string(low) + " to " + std::to_string(high));
    }
  }
  void problem(const toml::value& value, const std::string& key, const std::string& wanted) {
    problems_.emplace_back(value.location().line(), "line " + std::to_string(value.location().line()) + ": " + key + " must be " + wanted + ", found " + shown(value));
  }
  void finish() {
    std::string all;
    for (const std::string& key : asked_) all += (all.empty() ? "" : ", ") + key;
    for (const auto& [key, value] : table_.as_table()) {
      if (asked_.count(key) != 0) continue;
      problems_.emplace_back(value.location().line(), "line " + std::to_string(value.location().line()) + ": unknown key " + key + "; known are " + all);
    }
    if (problems_.empty()) return;
    std::sort(problems_.begin(), problems_.end());
    std::vector<std::string> texts;
    for (auto& [line, text] : problems_) texts.push_back(std::move(text));
    throw InputError("the preprocessing file '" + path_ + "' is wrong:", texts);
  }
  const toml::value* find(const char* key) {
    asked_.insert(key);
    return table_.contains(key) ? &table_.as_table().at(key) : nullptr;
  }

 private:
  static bool real(const toml::value& value, double& out) {
    if (value.is_integer()) out = static_cast<double>(value.as_integer());
    if (value.is_floating()) out = value.as_floating();
    return value.is_integer() || (value.is_floating() && std::isfinite(out));
  }
  static std::string shown(const toml::value& value) {
    if (value.is_string()) return "\"" + value.as_string().str + "\"";
    std::ostringstream text;
    text << value;
    return text.str().substr(0, 60);
  }

  const toml::value& table_;
  std::string path_;
  std::set<std::string> asked_;
  std::vector<std::pair<uint32_t, std::string>> problems_;
};

toml::value parse(const std::string& path) {
  const std::string bytes = read_file(path, kMaxBytes);
  const auto brackets = std::count_if(bytes.begin(), bytes.end(), [](char c) { return c == '[' || c == '{'; });
  const auto dots = std::count(bytes.begin(), bytes.end(), '.');
  if (brackets > kMaxBrackets || dots > 16 * kMaxBrackets)
    throw InputError("'" + path + "' is not a preprocessing file: it has " + std::to_string(brackets) + " brackets and " + std::to_string(dots) + " dots");
  std::istringstream stream(bytes);
  try {
    return toml::parse(stream, path);
  } catch (const std::exception& error) {
    throw InputError("the preprocessing file '" + path + "' is not TOML: " + error.what());
  }
}

}  // namespace

Preprocessing load_preprocessing(const std::string& path) {
  const toml::value table = parse(path);
  Reader reader(table, path);
  Preprocessing p;
  reader.choice<ColorOrder>("color", {{"rgb", ColorOrder::rgb}, {"bgr", ColorOrder::bgr}, {"gray", ColorOrder::gray}}, p.color);
  reader.choice<ResizeMethod>("resize",
                              {{"none", ResizeMethod::none},
                               {"stretch", ResizeMethod::stretch},
                               {"short_side_then_center_crop", ResizeMethod::short_side_then_center_crop},
                               {"center_crop", ResizeMethod::center_crop},
                               {"letterbox_top_left", ResizeMethod::letterbox_top_left},
                               {"keep_ratio_pad_right", ResizeMethod::keep_ratio_pad_right}},
                              p.resize);
  reader.choice<Interpolation>(
      "interpolation", {{"nearest", Interpolation::nearest}, {"bilinear", Interpolation::bilinear}, {"bicubic", Interpolation::bicubic}, {"lanczos", Interpolation::lanczos}},
      p.interpolation);
  reader.choice<Layout>("layout", {{"nchw", Layout::nchw}, {"nhwc", Layout::nhwc}}, p.layout);
  reader.integer("short_side", 0, kMaxShortSide, p.short_side);
  reader.number("scale", p.scale);
  reader.numbers("mean", p.mean);
  reader.numbers("std", p.std);
  reader.number("pad_value", p.pad_value);
  const size_t channels = p.color == ColorOrder::gray ? 1 : 3;
  for (const auto& [key, values] : {std::pair{"mean", &p.mean}, std::pair{"std", &p.std}}) {
    if (values->size() > channels) reader.problem(*reader.find(key), key, "one number for color = \"gray\"");
  }
  if (std::find(p.std.begin(), p.std.end(), 0.0) != p.std.end()) reader.problem(*reader.find("std"), "std", "different from zero");
  reader.finish();
  return p;
}

}  // namespace assay::vectors

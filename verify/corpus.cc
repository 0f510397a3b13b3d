#include "verify/corpus.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "emu/base/error.h"

namespace assay::verify {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr uintmax_t kMostBytes = 1 << 24;
constexpr const char* kSchema = "assay corpus 1";

// FNV-1a, 32 bits: for a short stable name, no more.
uint32_t hash(const std::string& text) {
  uint32_t value = 2166136261U;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 16777619U;
  return value;
}

std::string rest_name(ArithOp op) {
  return op == ArithOp::dot ? "pairs" : "entries";
}

std::string id_of(const std::string& target, ArithOp op, const Operands& operands) {
  std::string key = target + " " + std::string(vectors::to_string(op));
  for (const int64_t operand : operands) key += " " + std::to_string(operand);
  char digits[9];
  std::snprintf(digits, sizeof digits, "%08x", hash(key));
  return target + "-" + std::string(vectors::to_string(op)) + "-" + digits;
}

Json json_of(const CorpusCase& one) {
  Json operands = Json::object();
  const auto names = vectors::operand_names(one.op);
  for (size_t i = 0; i < names.size(); ++i) operands[std::string(names[i])] = one.operands[i];
  if (one.operands.size() > names.size()) operands[rest_name(one.op)] = Operands(one.operands.begin() + static_cast<std::ptrdiff_t>(names.size()), one.operands.end());
  return {{"schema", kSchema}, {"id", one.id},   {"target", one.target}, {"op", vectors::to_string(one.op)}, {"operands", operands}, {"expected", one.expected},
          {"got", one.got},    {"law", one.law}, {"note", one.note},     {"explanation", one.explanation}};
}

[[noreturn]] void bad(const std::string& what) {
  throw InputError(what);
}

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) bad(std::string("'") + key + "' is missing or no text");
  return found->get<std::string>();
}

int64_t number_at(const Json& object, const std::string& key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer() || (found->is_number_unsigned() && found->get<uint64_t>() > INT64_MAX))
    bad("'" + key + "' is missing or no integer of 64 bits");
  return found->get<int64_t>();
}

Operands operands_at(const Json& object, ArithOp op) {
  const auto found = object.find("operands");
  if (found == object.end() || !found->is_object()) bad("'operands' is missing or no object");
  Operands operands;
  for (const auto name : vectors::operand_names(op)) operands.push_back(number_at(*found, std::string(name)));
  const auto rest = found->find(rest_name(op));
  const bool has_rest = op == ArithOp::dot || op == ArithOp::table;
  if (found->size() != operands.size() + (rest != found->end() && has_rest ? 1 : 0)) bad("'operands' has a name that the operation does not know");
  if (rest == found->end() || !has_rest) return operands;
  if (!rest->is_array()) bad("'" + rest_name(op) + "' is no list");
  for (const auto& number : *rest) {
    if (!number.is_number_integer()) bad("'" + rest_name(op) + "' holds something that is no integer");
    operands.push_back(number.get<int64_t>());
  }
  return operands;
}

CorpusCase read_case(const fs::path& path) {
  if (fs::file_size(path) > kMostBytes) bad("larger than 16 MB");
  std::ifstream file(path);
  // Counter-examples are flat: deeper ones are none, and would only cost stack.
  const auto flat = [](int depth, Json::parse_event_t, Json&) { return depth <= 8 ? true : (bad("nested more than 8 deep"), false); };
  const Json json = Json::parse(file, flat);
  if (!json.is_object()) bad("no object");
  if (text_at(json, "schema") != kSchema) bad("'schema' is '" + text_at(json, "schema") + "'; expected '" + kSchema + "'");
  const auto op = vectors::parse_arith_op(text_at(json, "op"));
  if (!op) bad("'op' is '" + text_at(json, "op") + "', which is no operation");
  CorpusCase one{text_at(json, "id"),   text_at(json, "target"),     *op, operands_at(json, *op), number_at(json, "expected"), number_at(json, "got"), text_at(json, "law"),
                 text_at(json, "note"), text_at(json, "explanation")};
  if (one.id != path.stem().string()) bad("'id' is '" + one.id + "', but the file is called " + path.filename().string());
  return one;
}

}  // namespace

std::vector<CorpusCase> load_corpus(const std::string& dir) {
  if (!fs::is_directory(dir)) throw InputError(dir + ": no such folder; give one of counter-examples (*.json)");
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(dir)) {
    if (entry.is_regular_file() && entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<CorpusCase> corpus;
  std::vector<std::string> problems;
  for (const auto& path : paths) {
    try {
      corpus.push_back(read_case(path));
    } catch (const std::exception& error) {
      problems.push_back(path.string() + ": " + error.what());
    }
  }
  if (!problems.empty()) throw InputError("the corpus cannot be read", problems);
  return corpus;
}

std::vector<CorpusCase> corpus_of(const DeviceReport& report) {
  std::vector<CorpusCase> cases;
  for (const OpReport& one : report.ops) {
    if (!one.counter_example || !one.counter_example->minimal.differs()) continue;
    const CounterExample& example = *one.counter_example;
    const std::string note = std::to_string(one.different) + " of " + std::to_string(one.tested) + " results of a device differed";
    cases.push_back({id_of(report.target, one.op, example.minimal.operands), report.target, one.op, example.minimal.operands, example.minimal.expected.result,
                     example.minimal.got.value, std::string(to_string(example.law)), note, one.explanation.found.empty() ? "" : one.explanation.found.front().words});
  }
  return cases;
}

std::vector<std::string> save_corpus(const std::string& dir, const std::vector<CorpusCase>& cases) {
  std::error_code error;
  fs::create_directories(dir, error);
  std::vector<std::string> paths;
  for (const CorpusCase& one : cases) {
    paths.push_back((fs::path(dir) / (one.id + ".json")).string());
    std::ofstream file(paths.back());
    file << json_of(one).dump(1, ' ', false, Json::error_handler_t::replace) << "\n";
    if (!file.flush()) throw InputError(paths.back() + ": cannot be written");
  }
  return paths;
}

std::map<ArithOp, std::vector<Operands>> cases_of(const std::vector<CorpusCase>& corpus, const emu::Target& target) {
  std::map<ArithOp, std::vector<Operands>> cases;
  for (const CorpusCase& one : corpus) {
    if (one.target == target.name && !vectors::lacks(target, one.op) && !vectors::illegal(target, one.op, one.operands)) cases[one.op].push_back(one.operands);
  }
  return cases;
}

}  // namespace assay::verify

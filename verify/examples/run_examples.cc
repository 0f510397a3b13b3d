#include "verify/examples/run_examples.h"

#include <algorithm>
#include <fstream>

#include "emu/base/error.h"
#include "emu/base/nearest.h"
#include "verify/examples/operations.h"

namespace assay::verify {
namespace {

// Deeper files are not of this form, and would only exhaust the stack.
constexpr int kMaxDepth = 32;

Json read_json(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw InputError(path + ": cannot be read; give a JSON file of arithmetic examples");
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const auto not_too_deep = [&path](int depth, Json::parse_event_t, Json&) {
    if (depth > kMaxDepth) throw InputError(path + ": lists and objects are nested more than " + std::to_string(kMaxDepth) + " deep; not a file of arithmetic examples");
    return true;
  };
  try {
    return Json::parse(bytes, not_too_deep);
  } catch (const Json::parse_error& error) {
    throw InputError(path + ": not JSON: " + error.what());
  }
}

const Json* list_in(const Json& file, const char* key, const std::string& path) {
  const auto found = file.find(key);
  if (found == file.end()) return nullptr;
  if (!found->is_array()) throw InputError(path + ": '" + key + "' is no list");
  return &*found;
}

std::string text_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The value of a key that must be an object; absent is empty.
Json object_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return Json::object();
  // Inputs without a name are x.
  if (std::string_view(key) == "inputs" && (found->is_array() || found->is_number())) return Json{{"x", *found}};
  if (!found->is_object()) throw EntryError(std::string("'") + key + "' is no object");
  return *found;
}

std::vector<std::string> keys_of(const Json& expected) {
  const Json& row = expected.is_array() && !expected.empty() ? expected[0] : expected;
  std::vector<std::string> keys;
  // {"value", "f32_bits"} is a number.
  if (!row.is_object() || row.contains("f32_bits")) return keys;
  for (const auto& [key, value] : row.items()) keys.push_back(key);
  return keys;
}

void judge(ExampleResult& result, const Value& got, const Json& expected) {
  const auto difference = compare(got, expected);
  if (!difference) return;
  result.status = ExampleStatus::failed;
  result.message = (difference->at.empty() ? "" : difference->at + ": ") + "got " + difference->got + ", expected " + difference->expected;
}

// Whatever is wrong with one entry stays with that entry.
template <class F>
void guarded(ExampleResult& result, F run) {
  try {
    run();
  } catch (const NotSupported& reason) {
    result.status = ExampleStatus::not_supported;
    result.message = reason.what();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const InternalError& error) {
    result.status = ExampleStatus::failed;
    result.message = std::string("a number leaves the range that the arithmetic is defined for: ") + error.what();
  } catch (const std::exception& error) {
    result.status = ExampleStatus::failed;
    result.message = error.what();
  }
}

std::string unknown(const std::string& op) {
  const std::string nearest = nearest_name(op, known_operations());
  return "operation '" + op + "' is unknown" + (nearest.empty() ? "" : "; the nearest known one is '" + nearest + "'");
}

ExampleResult run_example(const Json& json, size_t index) {
  ExampleResult result;
  result.id = "examples[" + std::to_string(index) + "]";
  guarded(result, [&] {
    if (!json.is_object()) throw EntryError("the entry is no object");
    if (const std::string id = text_in(json, "id"); !id.empty()) result.id = id;
    Entry entry{result.id, text_in(json, "op"), text_in(json, "knob"), object_in(json, "params"), object_in(json, "inputs"), {}};
    result.op = entry.op;
    if (entry.op.empty()) throw EntryError("'op' is missing: the name of the operation");
    const auto expected = json.find("expected");
    if (expected == json.end()) throw EntryError("'expected' is missing: the result to compare with");
    entry.asked = keys_of(*expected);
    const Operation operation = find_operation(all_operations(), entry.op);
    if (operation == nullptr) throw NotSupported(unknown(entry.op));
    judge(result, operation(entry), *expected);
  });
  return result;
}

// {"target", "program": steps, "acc": accumulators, "out": results}
ExampleResult run_requant_program(const Json& json, size_t index) {
  ExampleResult result;
  result.id = "requant_programs[" + std::to_string(index) + "]";
  result.op = "requant_program";
  guarded(result, [&] {
    if (!json.is_object()) throw EntryError("the entry is no object");
    for (const char* key : {"target", "id"}) {
      if (const std::string name = text_in(json, key); !name.empty()) result.id += " " + name;
    }
    const Entry entry{result.id, result.op, "", json, object_in(json, "inputs"), {}};
    const Json* expected = entry.find({"out", "expected", "output"});
    if (expected == nullptr) throw EntryError("'out' is missing: the results to compare with");
    judge(result, run_program(entry.need({"program", "steps"}), entry.integers({"acc", "x"})), *expected);
  });
  return result;
}

}  // namespace

int64_t ExampleReport::count(ExampleStatus status) const {
  return std::count_if(results.begin(), results.end(), [status](const ExampleResult& result) { return result.status == status; });
}

ExampleReport run_examples(const std::string& path) {
  const Json file = read_json(path);
  if (!file.is_object()) throw InputError(path + ": no JSON object with a list 'examples' or 'requant_programs'");
  const Json* examples = list_in(file, "examples", path);
  const Json* programs = list_in(file, "requant_programs", path);
  ExampleReport report;
  for (size_t i = 0; examples != nullptr && i < examples->size(); ++i) report.results.push_back(run_example((*examples)[i], i));
  for (size_t i = 0; programs != nullptr && i < programs->size(); ++i) report.results.push_back(run_requant_program((*programs)[i], i));
  if (report.results.empty()) throw InputError(path + ": holds no example: neither 'examples' nor 'requant_programs' has an entry");
  return report;
}

std::vector<std::string> known_operations() {
  std::vector<std::string> names;
  for (const auto& [name, operation] : all_operations()) names.push_back(name);
  return names;
}

}  // namespace assay::verify

#include "golden/bundle.h"

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "emu/base/error.h"
#include "emu/program/file.h"
#include "emu/program/text.h"
#include "golden/manifest.h"
#include "vectors/npy.h"

namespace assay::golden {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A name as part of a file name: letters, digits and ._- stay; no name is hidden, empty, or longer than file systems like.
std::string as_file_name(const std::string& name) {
  std::string result = name.substr(0, 80);
  for (char& c : result) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (!plain) c = '_';
  }
  if (result.empty() || result[0] == '.') result.insert(0, "_");
  return result;
}

std::string digits(size_t number, size_t count) {
  const std::string text = std::to_string(number);
  return std::string(count - std::min(count, text.size()), '0') + text;
}

void make_folder(const fs::path& path) {
  std::error_code error;
  if (!fs::create_directory(path, error) || error) throw InputError("cannot make the folder '" + path.string() + "': " + (error ? error.message() : "it is there already"));
}

json meaning_of(const emu::ValueInfo& value) {
  json scales = json::array();
  for (const emu::Dyadic& scale : value.scale) scales.push_back({{"mantissa", scale.mantissa}, {"exponent", scale.exponent}});
  return {{"scale", scales.size() == 1 ? scales[0] : scales}, {"zero_point", value.zero_point}};
}

json without_meaning() {
  return {{"scale", nullptr}, {"zero_point", nullptr}};
}

}  // namespace

struct BundleWriter::State {
  std::string dir;
  std::string partial;
  emu::Program program;
  emu::Machine machine;
  BundleInfo info;
  std::mutex mutex;  // of the four below
  std::vector<json> files;
  std::vector<std::pair<std::string, std::string>> samples;  // name, folder
  std::set<std::string> folders{"constants"};
  bool failed = false;  // a sample was not written whole: the bundle must not look complete
  bool made = false;
  bool finished = false;

  State(std::string where, const emu::Program& what, BundleInfo about) : dir(std::move(where)), program(what), machine(program), info(std::move(about)) {}

  // Writes one tensor and remembers its line of the manifest. `line` brings sample, tensor, instruction, operation, stage, scale and zero point.
  void write_tensor(const std::string& path, const emu::Tensor& tensor, json line) {
    const std::string bytes = vectors::npy_bytes(tensor);
    vectors::write_file(partial + "/" + path, bytes);
    line["path"] = path;
    line["bytes"] = bytes.size();
    line["sha256"] = sha256(bytes);
    line["type"] = emu::to_string(tensor.type());
    line["dtype"] = dtype_of(tensor.type());
    line["shape"] = tensor.shape();
    const std::lock_guard lock(mutex);
    files.push_back(std::move(line));
  }

  std::string add_folder(const std::string& sample) {
    const std::string folder = as_file_name(sample);
    const std::lock_guard lock(mutex);
    if (!folders.insert(folder).second) throw InputError("two samples of the golden bundle would share the folder '" + folder + "': rename '" + sample + "'");
    samples.emplace_back(sample, folder);
    return folder;
  }
};

namespace {

// Writes each tensor as soon as it is computed: the intermediates of a large network need not fit into memory together.
template <class State>
class Recorder : public emu::Observer {
 public:
  Recorder(State& state, std::string sample, std::string folder) : state_(state), sample_(std::move(sample)), folder_(std::move(folder)) {}
  bool wants_intermediates(size_t) override { return true; }
  void on_intermediate(size_t instruction, const std::string& stage, const emu::Tensor& values) override { write(instruction, stage, values, without_meaning()); }
  void on_output(size_t instruction, const emu::Tensor& result, const emu::OverflowCounts&) override { write(instruction, "output", result, meaning_of(value_of(instruction))); }

 private:
  const emu::ValueInfo& value_of(size_t instruction) const { return state_.program.values[state_.program.instructions[instruction].result]; }

  void write(size_t instruction, const std::string& stage, const emu::Tensor& values, json line) {
    line["sample"] = sample_;
    line["tensor"] = value_of(instruction).name;
    line["instruction"] = instruction;
    line["operation"] = emu::operation_name(state_.program.instructions[instruction].operation);
    line["stage"] = stage;
    state_.write_tensor(folder_ + "/" + digits(instruction, 4) + "_" + as_file_name(value_of(instruction).name) + "_" + as_file_name(stage) + ".npy", values, std::move(line));
  }

  State& state_;
  std::string sample_;
  std::string folder_;
};

std::string without_slash(std::string dir) {
  while (dir.size() > 1 && dir.back() == '/') dir.pop_back();
  return dir;
}

constexpr const char* kPartial = ".partial";

}  // namespace

void require_free(const std::string& dir) {
  const std::string plain = without_slash(dir), partial = plain + kPartial;
  std::error_code error;
  if (fs::exists(plain, error) && !(fs::is_directory(plain, error) && fs::is_empty(plain, error))) {
    throw InputError("the golden bundle '" + plain + "' is there already: remove it or choose another folder");
  }
  if (fs::exists(partial, error)) throw InputError("'" + partial + "' is there already, left by an interrupted run or written by another one: remove it if nothing writes to it");
}

BundleWriter::BundleWriter(std::string dir, const emu::Program& program, BundleInfo info) {
  dir = without_slash(dir);
  state_ = std::make_unique<State>(dir, program, std::move(info));
  State& s = *state_;
  s.partial = dir + kPartial;
  require_free(dir);
  std::error_code error;
  if (const fs::path parent = fs::path(dir).parent_path(); !parent.empty()) fs::create_directories(parent, error);
  make_folder(s.partial);
  s.made = true;
  try {
    vectors::write_file(s.partial + "/" + kProgramFile, emu::serialize(s.program));
    vectors::write_file(s.partial + "/" + kProgramText, emu::print(s.program, false));
    make_folder(s.partial + "/constants");
    for (size_t i = 0; i < s.program.constants.size(); ++i) {
      const emu::Constant& constant = s.program.constants[i];
      json line = without_meaning();
      line.update({{"sample", nullptr}, {"tensor", constant.name}, {"instruction", nullptr}, {"operation", nullptr}, {"stage", "constant"}});
      s.write_tensor("constants/k" + digits(i, 4) + "_" + as_file_name(constant.name) + ".npy", constant.tensor, std::move(line));
    }
  } catch (...) {
    fs::remove_all(s.partial, error);  // the destructor does not run for what was never made
    throw;
  }
}

BundleWriter::~BundleWriter() {
  std::error_code ignored;
  if (state_->made && !state_->finished) fs::remove_all(state_->partial, ignored);
}

void BundleWriter::write_sample(const std::string& sample, const std::vector<emu::Tensor>& inputs) {
  State& s = *state_;
  try {
    const std::string folder = s.add_folder(sample);
    make_folder(s.partial + "/" + folder);
    Recorder<State> recorder(s, sample, folder);
    s.machine.run(inputs, recorder);
    for (size_t i = 0; i < inputs.size(); ++i) {
      const emu::ValueInfo& value = s.program.values[s.program.inputs[i].value];
      json line = meaning_of(value);
      line.update({{"sample", sample}, {"tensor", value.name}, {"instruction", nullptr}, {"operation", nullptr}, {"stage", "input"}});
      s.write_tensor(folder + "/input_" + digits(i, 2) + "_" + as_file_name(value.name) + ".npy", inputs[i], std::move(line));
    }
  } catch (...) {
    const std::lock_guard lock(s.mutex);
    s.failed = true;
    throw;
  }
}

void BundleWriter::finish() {
  State& s = *state_;
  ASSAY_ASSERT(!s.failed && !s.finished);
  std::sort(s.samples.begin(), s.samples.end());
  std::sort(s.files.begin(), s.files.end(), [](const json& a, const json& b) { return a.at("path").get_ref<const std::string&>() < b.at("path").get_ref<const std::string&>(); });
  json samples = json::array();
  for (const auto& [name, folder] : s.samples) samples.push_back({{"name", name}, {"folder", folder}});
  json inputs = json::array();
  for (const emu::ProgramInput& input : s.program.inputs) {
    const emu::ValueInfo& value = s.program.values[input.value];
    json line = meaning_of(value);
    line.update(
        {{"name", value.name}, {"type", emu::to_string(value.type)}, {"shape", value.shape}, {"round", emu::to_string(input.round)}, {"low", input.low}, {"high", input.high}});
    inputs.push_back(std::move(line));
  }
  json outputs = json::array();
  for (const uint32_t output : s.program.outputs) {
    const emu::ValueInfo& value = s.program.values[output];
    json line = meaning_of(value);
    line.update({{"name", value.name}, {"type", emu::to_string(value.type)}, {"shape", value.shape}});
    outputs.push_back(std::move(line));
  }
  const auto hash = [&](const char* file) { return json{{"file", file}, {"sha256", sha256(vectors::read_file(s.partial + "/" + file))}}; };
  const json manifest{{"format", kBundleFormat},
                      {"tool_version", s.info.tool_version},
                      {"model", {{"file", s.info.model_file}, {"sha256", s.info.model_sha256}}},
                      {"target", {{"name", s.info.target}, {"sha256", s.info.target_sha256}}},
                      {"program", hash(kProgramFile)},
                      {"program_text", hash(kProgramText)},
                      {"layouts", {{"activations", "NCHW"}, {"weights", "OIHW"}, {"elements", "row-major, little-endian"}}},
                      {"inputs", inputs},
                      {"outputs", outputs},
                      {"samples", samples},
                      {"files", s.files}};
  vectors::write_file(s.partial + "/" + kManifestFile, manifest.dump(1, ' ', false, json::error_handler_t::replace) + "\n");
  std::error_code error;
  fs::rename(s.partial, s.dir, error);
  if (error) throw InputError("cannot rename '" + s.partial + "' to '" + s.dir + "': " + error.message());
  s.finished = true;
}

}  // namespace assay::golden

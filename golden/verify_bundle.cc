#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "emu/base/error.h"
#include "emu/program/file.h"
#include "golden/bundle.h"
#include "golden/manifest.h"
#include "vectors/npy.h"

namespace assay::golden {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class Checker {
 public:
  explicit Checker(std::string dir) : dir_(std::move(dir)) {}

  std::vector<std::string> check() {
    const json manifest = json::parse(vectors::read_file(dir_ + "/" + kManifestFile, int64_t{1} << 30), nullptr, false);
    if (!manifest.is_object() || manifest.value("format", json()) != kBundleFormat) {
      throw InputError("'" + dir_ + "/" + kManifestFile + "' is not the manifest of a golden bundle: expected a JSON object with \"format\": \"" + kBundleFormat + "\"");
    }
    known_.insert(kManifestFile);
    try {
      check_program(manifest.at("program"));
      check_hash(manifest.at("program_text").at("file").get<std::string>(), manifest.at("program_text").at("sha256").get<std::string>());
      for (const json& line : manifest.at("files")) check_tensor(line);
    } catch (const json::exception& error) {
      problems_.push_back(std::string(kManifestFile) + " is not as its schema says: " + error.what());
    }
    check_nothing_else();
    return problems_;
  }

 private:
  // The file's bytes, "" with a problem noted where they are not what the manifest says.
  std::string check_hash(const std::string& path, const std::string& wanted) {
    // A manifest may come from anywhere: it names nothing outside its folder.
    const fs::path clean = fs::path(path).lexically_normal();
    if (path.empty() || clean.is_absolute() || *clean.begin() == ".." || path != clean.string()) {
      problems_.push_back("'" + path + "' is no path inside the bundle");
      return "";
    }
    if (!known_.insert(path).second) problems_.push_back(path + " is named twice");
    try {
      std::string bytes = vectors::read_file(dir_ + "/" + path);
      if (const std::string found = sha256(bytes); found != wanted) {
        problems_.push_back(path + " was changed: its SHA-256 is " + found + ", the manifest says " + wanted);
        return "";
      }
      return bytes;
    } catch (const InputError& error) {
      problems_.emplace_back(error.what());
      return "";
    }
  }

  void check_program(const json& line) {
    const std::string path = line.at("file").get<std::string>();
    const std::string bytes = check_hash(path, line.at("sha256").get<std::string>());
    if (bytes.empty()) return;
    try {
      (void)emu::deserialize(bytes, path);
    } catch (const InputError& error) {
      problems_.emplace_back(error.what());
    }
  }

  void check_tensor(const json& line) {
    const std::string path = line.at("path").get<std::string>();
    if (check_hash(path, line.at("sha256").get<std::string>()).empty()) return;
    const auto type = emu::parse_int_type(line.at("type").get<std::string>());
    if (!type || dtype_of(*type) != line.at("dtype").get<std::string>()) {
      problems_.push_back(path + ": type " + line.at("type").dump() + " and dtype " + line.at("dtype").dump() + " do not belong together");
      return;
    }
    try {
      const emu::Tensor tensor = vectors::read_npy_int(dir_ + "/" + path);
      if (tensor.shape() != line.at("shape").get<Shape>())
        problems_.push_back(path + " has the shape " + assay::to_string(tensor.shape()) + ", the manifest says " + line.at("shape").dump());
      if (dtype_of(tensor.type()) != dtype_of(*type)) {
        problems_.push_back(path + " holds " + dtype_of(tensor.type()) + ", the manifest says " + dtype_of(*type));
      } else if (tensor.type() != *type) {
        for (size_t i = 0; i < tensor.size(); ++i) {
          if (type->holds(tensor.at(i))) continue;
          problems_.push_back(path + ": element " + std::to_string(i) + " is " + std::to_string(tensor.at(i)) + ", outside " + emu::to_string(*type));
          break;
        }
      }
    } catch (const InputError& error) {
      problems_.emplace_back(error.what());
    }
  }

  void check_nothing_else() {
    std::error_code error;
    std::vector<std::string> others;
    for (fs::recursive_directory_iterator it(dir_, error); !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
      if (it->is_directory(error)) continue;
      const std::string path = it->path().lexically_relative(dir_).string();
      if (known_.count(path) == 0) others.push_back(path + " is not in the manifest");
    }
    if (error) others.push_back("cannot list '" + dir_ + "': " + error.message());
    std::sort(others.begin(), others.end());
    problems_.insert(problems_.end(), others.begin(), others.end());
  }

  std::string dir_;
  std::set<std::string> known_;
  std::vector<std::string> problems_;
};

}  // namespace

void verify_bundle(const std::string& dir) {
  const auto problems = Checker(dir).check();
  if (!problems.empty()) throw InputError("the golden bundle '" + dir + "' is not as its manifest says:", problems);
}

}  // namespace assay::golden

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "emu/base/error.h"
#include "emu/base/nearest.h"
#include "emu/target/load_target.h"

namespace assay::emu {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kExtension = ".toml";

bool is_file_name(const std::string& text) {
  return text.size() > kExtension.size() && text.compare(text.size() - kExtension.size(), kExtension.size(), kExtension) == 0;
}

}  // namespace

std::string default_targets_dir() {
  const char* const set = std::getenv("ASSAY_TARGETS");
  if (set != nullptr && *set != '\0') return set;
  std::error_code error;
  if (fs::is_directory(ASSAY_SOURCE_TARGETS, error)) return ASSAY_SOURCE_TARGETS;
  const fs::path executable = fs::read_symlink("/proc/self/exe", error);
  return (executable.parent_path().parent_path() / "share" / "assay" / "targets").string();
}

std::vector<std::string> list_targets(const std::string& dir) {
  std::error_code error;
  std::vector<std::string> paths;
  fs::directory_iterator entries(dir, error);
  if (error) throw InputError(dir + ": cannot be read as a folder of targets (" + error.message() + "); set ASSAY_TARGETS or name a folder");
  for (const auto& entry : entries) {
    if (is_file_name(entry.path().filename().string())) paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string find_target(const std::string& name_or_path, const std::string& dir) {
  if (is_file_name(name_or_path)) {
    std::error_code error;
    if (fs::exists(name_or_path, error)) return name_or_path;
    throw InputError(name_or_path + ": there is no such target file");
  }
  std::vector<std::string> names;
  for (const std::string& path : list_targets(dir)) {
    names.push_back(fs::path(path).stem().string());
    if (names.back() == name_or_path) return path;
  }
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  const std::string near = nearest_name(name_or_path, names);
  throw InputError("there is no target '" + name_or_path + "' in " + dir + (near.empty() ? "" : "; did you mean '" + near + "'?") +
                   (all.empty() ? "; the folder holds no *.toml" : "; there are: " + all) + "; or give the path of a .toml file");
}

}  // namespace assay::emu

#include "vectors/inputs.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>

#include "emu/base/error.h"

namespace assay::vectors {
namespace {

namespace fs = std::filesystem;

enum class FileKind : uint8_t { npy, raw, image, remark, unknown };

FileKind kind_of(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  static const std::map<std::string, FileKind> kinds{{".npy", FileKind::npy},   {".bin", FileKind::raw},   {".raw", FileKind::raw},     {".f32", FileKind::raw},
                                                     {".png", FileKind::image}, {".jpg", FileKind::image}, {".jpeg", FileKind::image},  {".bmp", FileKind::image},
                                                     {".pgm", FileKind::image}, {".ppm", FileKind::image}, {".json", FileKind::remark}, {".txt", FileKind::remark},
                                                     {".md", FileKind::remark}};
  const auto found = kinds.find(extension);
  return found == kinds.end() ? FileKind::unknown : found->second;
}

bool is_stimulus(const fs::path& path) {
  return kind_of(path) <= FileKind::image;
}

constexpr const char* kKnown = "known are .npy, raw float32 (.bin, .raw, .f32) and images (.png, .jpg, .jpeg, .bmp, .pgm, .ppm)";

// What a folder holds, by name; hidden files are no business of ours.
std::vector<fs::path> entries_of(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator it(folder, error); !error && it != fs::directory_iterator(); it.increment(error)) {
    if (it->path().filename().string()[0] != '.') entries.push_back(it->path());
  }
  if (error) throw InputError("cannot read the folder '" + folder.string() + "': " + error.message());
  std::sort(entries.begin(), entries.end());
  return entries;
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// A tensor's name as a file name.
std::string as_file_name(std::string name) {
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == ':' || c == '/'; }, '_');
  return name;
}

// The files of one sample's folder in the order of the inputs. Files that belong to no input are left alone (a model may have lost an input when it was simplified).
std::optional<std::vector<std::string>> files_in(const fs::path& folder, const std::vector<InputDescription>& inputs, std::vector<std::string>& problems) {
  std::map<std::string, std::vector<fs::path>> by_stem;
  std::string found;
  for (const fs::path& entry : entries_of(folder)) {
    if (is_folder(entry) || !is_stimulus(entry)) continue;
    by_stem[entry.stem().string()].push_back(entry);
    found += (found.empty() ? "" : ", ") + entry.filename().string();
  }
  std::vector<std::string> files;
  for (const InputDescription& input : inputs) {
    std::vector<fs::path> candidates = by_stem[as_file_name(input.name)];
    if (as_file_name(input.name) != input.name) candidates.insert(candidates.end(), by_stem[input.name].begin(), by_stem[input.name].end());
    if (candidates.size() == 1) {
      files.push_back(candidates[0].string());
    } else if (candidates.empty()) {
      problems.push_back("'" + folder.string() + "' has no " + as_file_name(input.name) + ".npy for the input '" + input.name + "'; it has " +
                         (found.empty() ? "no stimuli" : found));
    } else {
      problems.push_back("'" + folder.string() + "' has several files for the input '" + input.name + "': " + candidates[0].filename().string() + ", " +
                         candidates[1].filename().string());
    }
  }
  if (files.size() != inputs.size()) return std::nullopt;
  return files;
}

class Finder {
 public:
  Finder(std::string path, const std::vector<InputDescription>& inputs) : path_(std::move(path)), inputs_(inputs) {}

  std::vector<Sample> find() {
    std::error_code ignored;
    if (!fs::exists(path_, ignored)) throw InputError("no inputs: '" + path_ + "' does not exist");
    if (is_folder(path_)) {
      folder();
    } else if (fs::path(path_).extension() == ".txt") {
      list();
    } else {
      add(path_);
    }
    std::set<std::string> names;
    for (const Sample& sample : samples_) {
      if (!names.insert(sample.name).second) problems_.push_back("two samples are called '" + sample.name + "' (the second is " + sample.files[0] + "): rename one");
    }
    if (!problems_.empty()) throw InputError("the inputs in '" + path_ + "' cannot be used:", problems_);
    if (samples_.empty()) throw InputError("no inputs: '" + path_ + "' holds none; " + kKnown + (inputs_.size() > 1 ? ", in one sub-folder per sample" : ""));
    return samples_;
  }

 private:
  void folder() {
    const std::vector<fs::path> entries = entries_of(path_);
    const bool has_folders = std::any_of(entries.begin(), entries.end(), is_folder);
    const bool has_files = std::any_of(entries.begin(), entries.end(), [](const fs::path& entry) { return is_stimulus(entry) && !is_folder(entry); });
    if (inputs_.size() > 1 && has_files && !has_folders) {  // the folder of one sample itself
      add(path_);
      return;
    }
    for (const fs::path& entry : entries) {
      if (kind_of(entry) != FileKind::remark || is_folder(entry)) add(entry);
    }
    std::sort(samples_.begin(), samples_.end(), [](const Sample& a, const Sample& b) { return a.name < b.name; });
  }

  void list() {
    std::istringstream lines(read_file(path_, int64_t{1} << 26));
    const fs::path beside = fs::path(path_).parent_path();
    std::string line;
    for (size_t number = 1; std::getline(lines, line); ++number) {
      line.erase(line.find_last_not_of(" \t\r") + 1);
      if (line.empty() || line[0] == '#') continue;
      const fs::path entry = beside / line;
      std::error_code ignored;
      if (!fs::exists(entry, ignored)) {
        problems_.push_back("line " + std::to_string(number) + ": '" + entry.string() + "' does not exist (paths are relative to the list)");
      } else {
        add(entry);
      }
    }
  }

  void add(const fs::path& entry) {
    if (is_folder(entry)) {
      const fs::path clean = (entry / "").parent_path();
      if (auto files = files_in(entry, inputs_, problems_)) samples_.push_back({clean.filename().string(), std::move(*files)});
    } else if (!is_stimulus(entry)) {
      problems_.push_back("'" + entry.string() + "' is of an unknown kind; " + kKnown);
    } else if (inputs_.size() != 1) {
      problems_.push_back("'" + entry.string() + "' is one file, and the model has " + std::to_string(inputs_.size()) + " inputs: give a folder per sample with a file per input");
    } else {
      samples_.push_back({entry.stem().string(), {entry.string()}});
    }
  }

  std::string path_;
  const std::vector<InputDescription>& inputs_;
  std::vector<Sample> samples_;
  std::vector<std::string> problems_;
};

FloatTensor load_raw(const std::string& path, const Shape& shape) {
  const auto bytes_wanted = static_cast<size_t>(element_count(shape)) * sizeof(float);
  const std::string bytes = read_file(path);
  if (bytes.size() != bytes_wanted) {
    throw InputError("'" + path + "' has " + std::to_string(bytes.size()) + " bytes; the model's shape " + assay::to_string(shape) + " in float32 needs " +
                     std::to_string(bytes_wanted));
  }
  FloatTensor tensor{shape, std::vector<float>(static_cast<size_t>(element_count(shape)))};
  if (!bytes.empty()) std::memcpy(tensor.data.data(), bytes.data(), bytes.size());
  return tensor;
}

FloatTensor load_npy(const std::string& path, const InputDescription& input) {
  FloatTensor tensor = read_npy_float(path);
  const bool lacks_batch = !input.shape.empty() && input.shape[0] == 1 && std::equal(tensor.shape.begin(), tensor.shape.end(), input.shape.begin() + 1, input.shape.end());
  if (tensor.shape != input.shape && !lacks_batch) {
    throw InputError("'" + path + "' has the shape " + assay::to_string(tensor.shape) + "; the model's input '" + input.name + "' wants " + assay::to_string(input.shape));
  }
  tensor.shape = input.shape;
  return tensor;
}

// The index of a label in a line or a JSON number; -1 where it is none.
int64_t class_index(std::string_view text) {
  int64_t index = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  return error == std::errc{} && end == text.data() + text.size() && index >= 0 ? index : -1;
}

std::map<std::string, int64_t> labels_of_json(const std::string& bytes, const std::string& path, std::vector<std::string>& problems) {
  const auto json = nlohmann::json::parse(bytes, nullptr, false);
  if (!json.is_object()) throw InputError("the labels '" + path + "' are not a JSON object {\"sample\": class index}");
  std::map<std::string, int64_t> labels;
  for (const auto& [name, value] : json.items()) {
    const int64_t index = value.is_number_integer() ? class_index(value.dump()) : -1;
    if (index < 0) problems.push_back("the label of '" + name + "' is " + value.dump().substr(0, 40) + ", no class index");
    labels[name] = index;
  }
  return labels;
}

std::map<std::string, int64_t> labels_of_text(const std::string& bytes, std::vector<std::string>& problems) {
  std::istringstream lines(bytes);
  std::map<std::string, int64_t> labels;
  std::string line;
  for (size_t number = 1; std::getline(lines, line); ++number) {
    line.erase(line.find_last_not_of(" \t\r") + 1);
    if (line.empty() || line[0] == '#') continue;
    const size_t gap = line.find_last_of(" \t");
    const int64_t index = gap == std::string::npos ? -1 : class_index(std::string_view(line).substr(gap + 1));
    if (index < 0) {
      problems.push_back("line " + std::to_string(number) + ": '" + line.substr(0, 60) + "' is not \"name index\"");
      continue;
    }
    const std::string name = line.substr(0, line.find_last_not_of(" \t", gap) + 1);
    if (const auto [it, fresh] = labels.emplace(name, index); !fresh && it->second != index)
      problems.push_back("line " + std::to_string(number) + ": '" + name + "' has two labels");
  }
  return labels;
}

}  // namespace

std::vector<Sample> find_samples(const std::string& path, const std::vector<InputDescription>& inputs) {
  ASSAY_ASSERT(!inputs.empty());
  return Finder(path, inputs).find();
}

std::vector<FloatTensor> load_sample(const Sample& sample, const std::vector<InputDescription>& inputs, const Preprocessing& preprocessing) {
  ASSAY_ASSERT(sample.files.size() == inputs.size());
  std::vector<FloatTensor> tensors;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string& file = sample.files[i];
    switch (kind_of(file)) {
      case FileKind::npy: tensors.push_back(load_npy(file, inputs[i])); break;
      case FileKind::raw: tensors.push_back(load_raw(file, inputs[i].shape)); break;
      case FileKind::image: tensors.push_back(load_image(file, inputs[i].shape, preprocessing)); break;
      case FileKind::remark:
      case FileKind::unknown: throw InputError("'" + file + "' is of an unknown kind; " + kKnown);
    }
    const auto& data = tensors.back().data;
    const auto bad = std::find_if(data.begin(), data.end(), [](float value) { return !std::isfinite(value); });
    if (bad != data.end()) {
      throw InputError("'" + file + "' holds " + (std::isnan(*bad) ? "NaN" : "an infinity") + " at element " + std::to_string(bad - data.begin()) + ": stimuli must be finite");
    }
  }
  return tensors;
}

std::vector<int64_t> load_labels(const std::string& path, const std::vector<Sample>& samples) {
  const std::string bytes = read_file(path, int64_t{1} << 28);
  std::vector<std::string> problems;
  const auto labels = fs::path(path).extension() == ".json" ? labels_of_json(bytes, path, problems) : labels_of_text(bytes, problems);
  // Lists of labels often name the file, with folder or extension; an exact match goes first.
  std::map<std::string, int64_t> by_stem;
  for (const auto& [name, index] : labels) {
    if (const auto [it, fresh] = by_stem.emplace(fs::path(name).stem().string(), index); !fresh && it->second != index) it->second = -1;
  }
  std::vector<int64_t> result;
  for (const Sample& sample : samples) {
    auto found = labels.find(sample.name);
    if (found == labels.end()) {
      found = by_stem.find(sample.name);
      if (found == by_stem.end() || found->second < 0) {
        problems.push_back("no label for the sample '" + sample.name + "'");
        continue;
      }
    }
    result.push_back(found->second);
  }
  if (!problems.empty()) throw InputError("the labels '" + path + "' cannot be used:", problems);
  return result;
}

}  // namespace assay::vectors

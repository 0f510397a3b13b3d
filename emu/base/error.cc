#include "emu/base/error.h"

namespace assay {
namespace {

std::string with_problems(const std::string& heading, const std::vector<std::string>& problems) {
  std::string text = heading;
  for (const auto& problem : problems) text += "\n  " + problem;
  return text;
}

}  // namespace

InputError::InputError(const std::string& heading, std::vector<std::string> problems) : std::runtime_error(with_problems(heading, problems)), problems_(std::move(problems)) {}

Unsupported::Unsupported(const std::string& heading, std::vector<std::string> problems) : std::runtime_error(with_problems(heading, problems)), problems_(std::move(problems)) {}

void assertion_failed(const char* condition, const char* file, int line) {
  const std::string path = file;
  throw InternalError("internal error: " + std::string(condition) + " does not hold at " + path.substr(path.find_last_of('/') + 1) + ":" + std::to_string(line));
}

}  // namespace assay

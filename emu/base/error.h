// The three ways in which Assay says no. Exceptions stop in cli/, which turns them into the exit codes of docs: InputError 2, Unsupported 3; a failed
// ASSAY_ASSERT is our own bug, 4.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace assay {

// Bad input: a file, a key, a node or an option. One message names the place, what was found and the remedy; loaders gather all problems and throw once.
class InputError : public std::runtime_error {
 public:
  explicit InputError(const std::string& message) : std::runtime_error(message), problems_{message} {}
  InputError(const std::string& heading, std::vector<std::string> problems);

  // Each problem on its own, in the order found (line order for files).
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  std::vector<std::string> problems_;
};

// A well-formed model that uses what the target (or Assay) does not have. Each problem names the node, its operator and what forbids it.
class Unsupported : public std::runtime_error {
 public:
  Unsupported(const std::string& heading, std::vector<std::string> problems);
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  std::vector<std::string> problems_;
};

// Our own mistake. Stays on in every build.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace assay

#define ASSAY_ASSERT(condition) ((condition) ? static_cast<void>(0) : ::assay::assertion_failed(#condition, __FILE__, __LINE__))

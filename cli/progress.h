// Progress of long work, on standard error: a bar where it is a terminal, one line at the end where it is not, nothing with --quiet.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>

namespace assay::cli {

class Progress {
 public:
  Progress(std::string label, bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // May be called from several threads.
  void update(size_t done, size_t total);
  // One more item of `total` is done.
  void advance(size_t total);

 private:
  void draw(size_t done, size_t total);

  std::string label_;
  bool quiet_;
  bool terminal_;
  size_t done_ = 0;
  size_t total_ = 0;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point drawn_{};
};

}  // namespace assay::cli

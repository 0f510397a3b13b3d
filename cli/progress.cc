#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace assay::cli {
namespace {

constexpr size_t kBarWidth = 30;
constexpr auto kInterval = std::chrono::milliseconds(100);

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Progress::Progress(std::string label, bool quiet) : label_(std::move(label)), quiet_(quiet), terminal_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (quiet_ || total_ == 0) return;
  if (terminal_) fmt::print(stderr, "\r\033[K");
  fmt::print(stderr, "{:<12} {} of {} in {:.1f} s\n", label_, done_, total_, seconds_since(start_));
}

void Progress::update(size_t done, size_t total) {
  const std::lock_guard lock(mutex_);
  done_ = done;
  total_ = total;
  draw(done, total);
}

void Progress::advance(size_t total) {
  const std::lock_guard lock(mutex_);
  total_ = total;
  draw(++done_, total);
}

void Progress::draw(size_t done, size_t total) {
  const auto now = std::chrono::steady_clock::now();
  if (quiet_ || !terminal_ || total == 0 || (now - drawn_ < kInterval && done != total)) return;
  drawn_ = now;
  const size_t filled = kBarWidth * done / total;
  fmt::print(stderr, "\r{:<12} [{}{}] {}/{}  {:.1f} s", label_, std::string(filled, '#'), std::string(kBarWidth - filled, '.'), done, total, seconds_since(start_));
  std::fflush(stderr);
}

}  // namespace assay::cli

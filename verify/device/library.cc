#include "verify/device/library.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <memory>

#include "emu/base/error.h"
#include "verify/device/child.h"
#include "verify/device/layout.h"
#include "verify/device/library_child.h"

namespace assay::verify {
namespace {

constexpr size_t kWords = size_t{1} << 22;  // of shared memory; only what is used is ever touched
constexpr size_t kRow = size_t{1} << 16;    // most elements in one call: they stay in the second-level cache

class Library {
 public:
  Library(std::string path, int timeout_seconds) : path_(std::move(path)), timeout_seconds_(timeout_seconds) {
    struct stat status {};
    if (stat(path_.c_str(), &status) != 0) throw InputError(path_ + ": no such file; give the shared library of the device");
    void* memory = mmap(nullptr, kWords * sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw InputError("no shared memory for the device's process");
    memory_ = static_cast<int64_t*>(memory);
    start();
  }
  ~Library() {
    stop();
    munmap(memory_, kWords * sizeof(int64_t));
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  bool has(ArithOp op) const { return hello_.has[static_cast<size_t>(op)]; }
  const std::string& last_crash() const { return last_crash_; }

  std::vector<Answer> ask(ArithOp op, std::span<const Operands> cases) {
    std::vector<Answer> answers(cases.size());
    for (size_t start = 0; start < cases.size();) {
      const size_t end = std::min({end_of_batch(op, cases, start), start + kRow, start + fitting(op, cases[start])});
      if (!ask_batch(op, cases.subspan(start, end - start), std::span(answers).subspan(start, end - start))) return answers;
      start = end;
    }
    return answers;
  }

  bool ask_row(ArithOp op, const Operands& rest, std::span<const int64_t> first, std::span<int64_t> results) {
    for (size_t start = 0; start < first.size(); start += kRow) {
      const size_t count = std::min(kRow, first.size() - start);
      std::copy(rest.begin(), rest.end(), memory_);
      int64_t* column = memory_ + rest.size() + 1;
      std::copy_n(first.begin() + static_cast<std::ptrdiff_t>(start), count, column);
      Operands example = {first[start]};
      example.insert(example.end(), rest.begin(), rest.end());
      if (call({static_cast<uint64_t>(op), count, rest.size(), 0}, [&] { return describe(op, example); }) != Called::done) return false;
      std::copy_n(column + count, count, results.begin() + static_cast<std::ptrdiff_t>(start));
    }
    return true;
  }

 private:
  enum class Called : uint8_t { done, cannot, crashed };

  static size_t fitting(ArithOp op, const Operands& example) {
    const size_t shared = shared_operands(op, example).size() + 1;
    const size_t each = op == ArithOp::dot ? example.size() + 1 : varying_operands(op) + 1;
    if (shared + each > kWords) throw InputError("a case of " + std::string(vectors::to_string(op)) + " with " + std::to_string(example.size()) + " numbers is too large");
    return (kWords - shared) / each;
  }

  // Writes the parameters and columns, calls, and takes the results. False: the device crashed, and which case of the batch did it is in the answers.
  bool ask_batch(ArithOp op, std::span<const Operands> cases, std::span<Answer> answers) {
    const Called called = call_on(op, cases);
    if (called == Called::crashed) {
      find_crash(op, cases, answers);
      return false;
    }
    const int64_t* results = memory_ + result_place_;
    for (size_t i = 0; i < cases.size(); ++i) answers[i] = called == Called::done ? Answer{AnswerKind::value, results[i]} : Answer{AnswerKind::cannot, 0};
    return true;
  }

  Called call_on(ArithOp op, std::span<const Operands> cases) {
    const Operands shared = shared_operands(op, cases[0]);
    std::copy(shared.begin(), shared.end(), memory_);
    int64_t* at = memory_ + shared.size() + 1;
    const size_t length = op == ArithOp::dot ? (cases[0].size() - shared.size()) / 2 : 0;
    if (op == ArithOp::dot) {
      for (size_t column = 0; column < 2; ++column) {
        for (const Operands& operands : cases) {
          for (size_t k = 0; k < length; ++k) *at++ = operands[shared.size() + 2 * k + column];
        }
      }
    } else {
      for (size_t column = 0; column < varying_operands(op); ++column) {
        for (const Operands& operands : cases) *at++ = operands[column];
      }
    }
    result_place_ = static_cast<size_t>(at - memory_);
    return call({static_cast<uint64_t>(op), cases.size(), shared.size(), length}, [&] { return describe(op, cases.back()); });
  }

  // The first case that kills the device alone; if none does, the last of the batch is named. The answers before it stand.
  void find_crash(ArithOp op, std::span<const Operands> cases, std::span<Answer> answers) {
    const std::string how = last_crash_;
    for (size_t i = 0; i < cases.size(); ++i) {
      const Called called = call_on(op, cases.subspan(i, 1));
      if (called == Called::crashed || i + 1 == cases.size()) {
        answers[i].kind = AnswerKind::crashed;
        if (called != Called::crashed) last_crash_ = how;
        return;
      }
      answers[i] = called == Called::done ? Answer{AnswerKind::value, memory_[result_place_]} : Answer{AnswerKind::cannot, 0};
    }
  }

  template <class Words>
  Called call(const LibraryCall& request, Words last_case) {
    if (pid_ <= 0) start();
    const auto deadline = Clock::now() + std::chrono::seconds(timeout_seconds_);
    int32_t status = 0;
    if (send(socket_, &request, sizeof request, MSG_NOSIGNAL) != sizeof request || !receive(&status, sizeof status, deadline, last_case)) {
      last_crash_ = ending_of(pid_);
      pid_ = 0;
      stop();
      return Called::crashed;
    }
    return status == 0 ? Called::done : Called::cannot;
  }

  // False: the child is gone. InputError after the deadline.
  template <class Words>
  bool receive(void* to, size_t size, Clock::time_point deadline, Words last_case) {
    auto* at = static_cast<char*>(to);
    while (size > 0) {
      pollfd waiting{socket_, POLLIN, 0};
      const int ready = poll(&waiting, 1, milliseconds_until(deadline));
      if (ready < 0 && errno == EINTR) continue;
      if (ready == 0) {
        stop();
        throw InputError(path_ + ": the device did not answer within " + std::to_string(timeout_seconds_) + " s (--timeout); the last case sent: " + last_case());
      }
      const ssize_t count = recv(socket_, at, size, 0);
      if (count <= 0) return false;
      at += count;
      size -= static_cast<size_t>(count);
    }
    return true;
  }

  void start() {
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) throw InputError("no socket for the device's process");
    pid_ = fork();
    if (pid_ < 0) throw InputError("no process for the device");
    if (pid_ == 0) {
      close(sockets[0]);
      serve_library(path_, sockets[1], memory_);
    }
    close(sockets[1]);
    socket_ = sockets[0];
    const auto loading = [] { return std::string("none, it was being loaded"); };
    if (!receive(&hello_, sizeof hello_, Clock::now() + std::chrono::seconds(timeout_seconds_), loading)) {
      const std::string how = ending_of(pid_);
      pid_ = 0;
      stop();
      throw InputError(path_ + ": the library died while it was loaded: " + how);
    }
    if (hello_.ok == 0) {
      stop();
      throw InputError(path_ + ": " + hello_.message.data());
    }
  }

  void stop() {
    kill_and_wait(pid_, false);
    pid_ = 0;
    if (socket_ >= 0) close(socket_);
    socket_ = -1;
  }

  std::string path_;
  int timeout_seconds_;
  int64_t* memory_ = nullptr;
  pid_t pid_ = 0;
  int socket_ = -1;
  size_t result_place_ = 0;
  LibraryHello hello_;
  std::string last_crash_;
};

}  // namespace

Device open_library(const std::string& path, int timeout_seconds) {
  const auto library = std::make_shared<Library>(path, timeout_seconds);
  Device device;
  device.name = path;
  device.has = [library](ArithOp op) { return library->has(op); };
  device.last_crash = [library] { return library->last_crash(); };
  device.ask = [library](ArithOp op, std::span<const Operands> cases) { return library->ask(op, cases); };
  device.ask_row = [library](ArithOp op, const Operands& rest, std::span<const int64_t> first, std::span<int64_t> results) { return library->ask_row(op, rest, first, results); };
  return device;
}

}  // namespace assay::verify

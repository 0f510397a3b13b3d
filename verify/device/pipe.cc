#include "verify/device/pipe.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <memory>
#include <optional>

#include "emu/base/error.h"
#include "verify/device/child.h"

namespace assay::verify {
namespace {

constexpr size_t kBatch = 4096;          // cases under way at most
constexpr size_t kLongestAnswer = 4096;  // characters without an end of line: not the protocol

void append_word(std::string& to, int64_t word) {
  for (int byte = 0; byte < 8; ++byte) to.push_back(static_cast<char>(static_cast<uint64_t>(word) >> (8 * byte)));
}

int64_t word_at(const char* bytes) {
  uint64_t word = 0;
  for (int byte = 0; byte < 8; ++byte) word |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[byte])) << (8 * byte);
  return static_cast<int64_t>(word);
}

// What a device wrote, printable and short.
std::string in_quotes(std::string_view bytes) {
  std::string text = "'";
  for (const char c : bytes.substr(0, 60)) text += c >= ' ' && c <= '~' ? c : '?';
  return text + (bytes.size() > 60 ? "...'" : "'");
}

class Pipe {
 public:
  Pipe(std::string command, PipeFormat format, int timeout_seconds) : command_(std::move(command)), format_(format), timeout_seconds_(timeout_seconds) {
    signal(SIGPIPE, SIG_IGN);
    start();
  }
  ~Pipe() {
    close_all();
    if (pid_ > 0) kill_and_wait(pid_, true);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  std::vector<Answer> ask(ArithOp op, std::span<const Operands> cases) {
    std::vector<Answer> answers;
    answers.reserve(cases.size());
    for (size_t start = 0; start < cases.size(); start += kBatch) ask_batch(op, cases.subspan(start, std::min(kBatch, cases.size() - start)), answers);
    return answers;
  }

 private:
  std::string encode(ArithOp op, const Operands& operands) const {
    std::string bytes;
    if (format_ == PipeFormat::binary) {
      append_word(bytes, static_cast<int64_t>(operands.size()));
      append_word(bytes, static_cast<int64_t>(op));
      for (const int64_t operand : operands) append_word(bytes, operand);
      return bytes;
    }
    bytes = vectors::to_string(op);
    for (const int64_t operand : operands) bytes += " " + std::to_string(operand);
    return bytes + "\n";
  }

  // Takes the next answer from what was received; none if it isn't whole yet.
  std::optional<Answer> decode(size_t& at, ArithOp op, const Operands& operands) {
    if (format_ == PipeFormat::binary) {
      if (received_.size() - at < 16) return std::nullopt;
      const int64_t status = word_at(received_.data() + at), result = word_at(received_.data() + at + 8);
      at += 16;
      if (status == 0) return Answer{AnswerKind::value, result};
      if (status == 1) return Answer{AnswerKind::cannot, 0};
      fail("answered with status " + std::to_string(status) + " (0: done, 1: unsupported)", "the case it answers: " + describe(op, operands));
    }
    const size_t end = received_.find('\n', at);
    if (end == std::string::npos) {
      if (received_.size() - at > kLongestAnswer)
        fail("wrote " + in_quotes(std::string_view(received_).substr(at)) + ", which has no end of line", "the case it answers: " + describe(op, operands));
      return std::nullopt;
    }
    std::string_view line(received_.data() + at, end - at);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    at = end + 1;
    if (line == "unsupported") return Answer{AnswerKind::cannot, 0};
    int64_t value = 0;
    const auto parsed = std::from_chars(line.data(), line.data() + line.size(), value);
    if (line.empty() || parsed.ec != std::errc() || parsed.ptr != line.data() + line.size()) {
      fail("answered " + in_quotes(line) + "; an answer is one integer or 'unsupported'", "the case it answers: " + describe(op, operands));
    }
    return Answer{AnswerKind::value, value};
  }

  void ask_batch(ArithOp op, std::span<const Operands> cases, std::vector<Answer>& answers) {
    std::string unsent;
    size_t encoded = 0, sent = 0, answered = 0;
    const auto last_sent = [&] { return "the last case sent: " + describe(op, cases[encoded == 0 ? 0 : encoded - 1]); };
    auto deadline = Clock::now() + std::chrono::seconds(timeout_seconds_);
    while (answered < cases.size()) {
      if (sent == unsent.size() && encoded < cases.size()) {
        unsent.clear();
        sent = 0;
        while (encoded < cases.size() && unsent.size() < 65536) unsent += encode(op, cases[encoded++]);
      }
      std::array<pollfd, 2> ends{pollfd{from_, POLLIN, 0}, pollfd{sent < unsent.size() ? to_ : -1, POLLOUT, 0}};
      const int ready = poll(ends.data(), ends.size(), milliseconds_until(deadline));
      if (ready < 0 && errno == EINTR) continue;
      if (ready == 0) {
        fail("was silent for " + std::to_string(timeout_seconds_) + " s (--timeout) after " + std::to_string(answered) + " of " + std::to_string(cases.size()) +
                 " answers; does it flush its output after each?",
             last_sent());
      }
      if (ends[1].revents != 0) sent += write_some(std::string_view(unsent).substr(sent), answered, cases.size(), last_sent);
      if (ends[0].revents != 0) {
        read_some(answered, cases.size(), last_sent);
        size_t at = 0;
        while (answered < cases.size()) {
          const auto answer = decode(at, op, cases[answered]);
          if (!answer) break;
          answers.push_back(*answer);
          ++answered;
        }
        received_.erase(0, at);
        deadline = Clock::now() + std::chrono::seconds(timeout_seconds_);
      }
    }
    if (!received_.empty()) fail("wrote more than one answer per case: " + in_quotes(received_), last_sent());
  }

  template <class Words>
  size_t write_some(std::string_view bytes, size_t answered, size_t total, Words last_sent) {
    const ssize_t count = write(to_, bytes.data(), bytes.size());
    if (count >= 0) return static_cast<size_t>(count);
    if (errno == EAGAIN || errno == EINTR) return 0;
    ended(answered, total, last_sent());
  }

  template <class Words>
  void read_some(size_t answered, size_t total, Words last_sent) {
    std::array<char, 65536> buffer;
    const ssize_t count = read(from_, buffer.data(), buffer.size());
    if (count > 0) received_.append(buffer.data(), static_cast<size_t>(count));
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) ended(answered, total, last_sent());
  }

  [[noreturn]] void ended(size_t answered, size_t total, const std::string& last_sent) {
    close_all();
    // A program that closed its output may still be running; it has had its chance.
    kill(-pid_, SIGTERM);
    const std::string how = ending_of(pid_);
    pid_ = 0;
    const std::string rest = received_.empty() ? "" : ", in the middle of " + in_quotes(received_);
    throw InputError("--pipe '" + command_ + "': the device ended (" + how + ") after " + std::to_string(answered) + " of " + std::to_string(total) + " answers" + rest + "; " +
                     last_sent);
  }

  [[noreturn]] void fail(const std::string& what, const std::string& where) {
    close_all();
    if (pid_ > 0) kill_and_wait(pid_, true);
    pid_ = 0;
    throw InputError("--pipe '" + command_ + "': the device " + what + "; " + where);
  }

  void start() {
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0) throw InputError("no pipe for the device");
    if (pipe2(from, O_CLOEXEC) != 0) throw InputError("no pipe for the device");
    pid_ = fork();
    if (pid_ < 0) throw InputError("no process for the device");
    if (pid_ == 0) {
      setpgid(0, 0);
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      signal(SIGPIPE, SIG_DFL);
      dup2(to[0], STDIN_FILENO);
      dup2(from[1], STDOUT_FILENO);
      execl("/bin/sh", "sh", "-c", command_.c_str(), nullptr);
      _exit(127);
    }
    setpgid(pid_, pid_);
    close(to[0]);
    close(from[1]);
    to_ = to[1];
    from_ = from[0];
    fcntl(to_, F_SETFL, O_NONBLOCK);
    fcntl(from_, F_SETFL, O_NONBLOCK);
  }

  void close_all() {
    for (int* end : {&to_, &from_}) {
      if (*end >= 0) close(*end);
      *end = -1;
    }
  }

  std::string command_;
  PipeFormat format_;
  int timeout_seconds_;
  pid_t pid_ = 0;
  int to_ = -1, from_ = -1;
  std::string received_;
};

}  // namespace

Device open_pipe(const std::string& command, PipeFormat format, int timeout_seconds) {
  if (command.empty()) throw InputError("--pipe: the command is empty");
  const auto pipe = std::make_shared<Pipe>(command, format, timeout_seconds);
  Device device;
  device.name = command;
  device.has = [](ArithOp) { return true; };
  device.last_crash = [] { return std::string(); };
  device.ask = [pipe](ArithOp op, std::span<const Operands> cases) { return pipe->ask(op, cases); };
  device.ask_row = [pipe](ArithOp op, const Operands& rest, std::span<const int64_t> first, std::span<int64_t> results) {
    std::vector<Operands> cases(first.size());
    for (size_t i = 0; i < first.size(); ++i) {
      cases[i].assign(1, first[i]);
      cases[i].insert(cases[i].end(), rest.begin(), rest.end());
    }
    const auto answers = pipe->ask(op, cases);
    for (size_t i = 0; i < answers.size(); ++i) {
      if (answers[i].kind != AnswerKind::value) return false;
      results[i] = answers[i].value;
    }
    return true;
  };
  return device;
}

}  // namespace assay::verify

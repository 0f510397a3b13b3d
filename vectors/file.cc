#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "emu/base/error.h"
#include "vectors/npy.h"

namespace assay::vectors {
namespace {

// Closes on every way out; `close` reports what the kernel says last (network and full disks may complain only there).
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool close() {
    const int fd = fd_;
    fd_ = -1;
    return ::close(fd) == 0;
  }

 private:
  int fd_;
};

[[noreturn]] void cannot(const char* what, const std::string& path, int error) {
  throw InputError("cannot " + std::string(what) + " '" + path + "': " + std::strerror(error));
}

// 0 or the errno. A write that takes nothing and says nothing counts as a full disk.
int write_all(int fd, const std::string& bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 ? errno : ENOSPC;
    done += static_cast<size_t>(n);
  }
  return 0;
}

int create_and_write(const std::string& path, const std::string& bytes, int flags) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | flags, 0666));
  if (file.get() < 0) return errno;
  const int error = write_all(file.get(), bytes);
  if (error != 0) return error;
  return file.close() ? 0 : errno;
}

}  // namespace

void write_file(const std::string& path, const std::string& bytes) {
  struct stat status {};
  const bool exists = ::stat(path.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) cannot("write", path, EISDIR);
  if (exists && !S_ISREG(status.st_mode)) {  // /dev/stdout, a pipe: a rename would replace the device
    if (const int error = create_and_write(path, bytes, 0); error != 0) cannot("write", path, error);
    return;
  }
  const std::string beside = path + ".tmp" + std::to_string(::getpid());
  if (int error = create_and_write(beside, bytes, O_CREAT | O_TRUNC); error != 0 || std::rename(beside.c_str(), path.c_str()) != 0) {
    if (error == 0) error = errno;
    ::unlink(beside.c_str());
    cannot("write", path, error);
  }
}

std::string read_file(const std::string& path, int64_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) cannot("read", path, errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) cannot("read", path, errno);
  if (S_ISDIR(status.st_mode)) cannot("read", path, EISDIR);
  const auto too_large = [&] { return InputError("'" + path + "' is larger than the " + std::to_string(limit) + " bytes that such a file may have"); };
  if (S_ISREG(status.st_mode) && status.st_size > limit) throw too_large();

  // The size is only a hint (pipes and /proc have none); the end of the file decides.
  constexpr size_t kPiece = size_t{1} << 20;
  std::string bytes;
  if (S_ISREG(status.st_mode)) bytes.reserve(static_cast<size_t>(status.st_size) + 1);
  size_t done = 0;
  for (;;) {
    if (done == bytes.size()) bytes.resize(std::max(std::min(bytes.capacity(), done + kPiece), done + 1));
    const ssize_t n = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) cannot("read", path, errno);
    if (n == 0) break;
    done += static_cast<size_t>(n);
    if (done > static_cast<size_t>(limit)) throw too_large();
  }
  bytes.resize(done);
  return bytes;
}

}  // namespace assay::vectors

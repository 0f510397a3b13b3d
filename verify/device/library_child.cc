#include "verify/device/library_child.h"

#include <dlfcn.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "verify/device/assay_dut.h"
#include "verify/device/layout.h"

namespace assay::verify {
namespace {

using vectors::ArithOp;

// The structs are read as rows of int64_t in the order of cases.h: no field may be anything else.
static_assert(sizeof(assay_dut_round_shift_params) == 2 * sizeof(int64_t) && sizeof(assay_dut_quantize_params) == 4 * sizeof(int64_t));
static_assert(sizeof(assay_dut_requantize_params) == 12 * sizeof(int64_t) && sizeof(assay_dut_add_params) == 14 * sizeof(int64_t));
static_assert(sizeof(assay_dut_mul_params) == 12 * sizeof(int64_t) && sizeof(assay_dut_average_pool_params) == 8 * sizeof(int64_t));
static_assert(sizeof(assay_dut_dot_params) == 3 * sizeof(int64_t));

using OneColumn = int (*)(const void*, size_t, const int64_t*, int64_t*);
using TwoColumns = int (*)(const void*, size_t, const int64_t*, const int64_t*, int64_t*);

bool takes_two_columns(ArithOp op) {
  return op == ArithOp::add || op == ArithOp::mul || op == ArithOp::dot;
}

int call(void* function, ArithOp op, const LibraryCall& request, int64_t* memory) {
  const size_t column = op == ArithOp::dot ? request.n * request.length : request.n;
  int64_t* first = memory + request.shared + 1;  // one word of room: dot's length follows its zero points
  int64_t* second = first + column;
  const void* params = memory;
  assay_dut_table_params table{};
  if (op == ArithOp::table) {
    table = {static_cast<int64_t>(request.shared), memory};
    params = &table;
  }
  if (op == ArithOp::dot) memory[request.shared] = static_cast<int64_t>(request.length);
  if (takes_two_columns(op)) return reinterpret_cast<TwoColumns>(function)(params, request.n, first, second, second + column);
  return reinterpret_cast<OneColumn>(function)(params, request.n, first, second);
}

bool read_whole(int socket, void* to, size_t size) {
  auto* at = static_cast<char*>(to);
  while (size > 0) {
    const ssize_t count = read(socket, at, size);
    if (count <= 0) return false;
    at += count;
    size -= static_cast<size_t>(count);
  }
  return true;
}

[[noreturn]] void refuse(int socket, LibraryHello& hello, const std::string& message) {
  std::copy_n(message.begin(), std::min(message.size(), hello.message.size() - 1), hello.message.begin());
  const auto written = write(socket, &hello, sizeof hello);
  _exit(written > 0 ? 0 : 1);
}

}  // namespace

void serve_library(const std::string& path, int socket, int64_t* memory) {
  // Whoever embeds us (a sanitizer, a test) may handle crashes; here the device's must end the process by its signal, which is what the parent reports.
  for (const int fatal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) std::signal(fatal, SIG_DFL);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(STDERR_FILENO, STDOUT_FILENO);  // what the library prints must not get into our report
  LibraryHello hello;
  void* library = dlopen(path.find('/') == std::string::npos ? ("./" + path).c_str() : path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) refuse(socket, hello, std::string("cannot be loaded: ") + dlerror());
  void* version = dlsym(library, "assay_dut_abi_version");
  if (version == nullptr) refuse(socket, hello, "has no function assay_dut_abi_version; include verify/device/assay_dut.h and define it");
  const int found = reinterpret_cast<int (*)()>(version)();
  if (found != ASSAY_DUT_ABI_VERSION) {
    refuse(socket, hello, "is for version " + std::to_string(found) + " of assay_dut.h, this is version " + std::to_string(ASSAY_DUT_ABI_VERSION) + "; compile it again");
  }
  std::array<void*, vectors::kAllArithOps.size()> functions{};
  for (const ArithOp op : vectors::kAllArithOps) {
    const auto index = static_cast<size_t>(op);
    functions[index] = dlsym(library, function_name(op).c_str());
    hello.has[index] = functions[index] != nullptr;
  }
  hello.ok = 1;
  if (write(socket, &hello, sizeof hello) != sizeof hello) _exit(1);
  LibraryCall request;
  while (read_whole(socket, &request, sizeof request)) {
    const int32_t status = call(functions[request.op], static_cast<ArithOp>(request.op), request, memory);
    if (write(socket, &status, sizeof status) != sizeof status) break;
  }
  _exit(0);
}

}  // namespace assay::verify

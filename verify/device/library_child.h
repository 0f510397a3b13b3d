// What the child process of library.cc does: loads the library, then answers calls until the parent is gone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "vectors/arithmetic/cases.h"

namespace assay::verify {

// Parent to child: compute `n` results. The shared memory holds the shared operands, then each varying column (n numbers; n * length for dot), then room for n results.
struct LibraryCall {
  uint64_t op = 0;
  uint64_t n = 0;
  uint64_t shared = 0;  // how many shared operands: what precedes the columns
  uint64_t length = 0;  // of a dot
};

// Child to parent, first: whether the library could be loaded, and what it has.
struct LibraryHello {
  int32_t ok = 0;
  std::array<bool, vectors::kAllArithOps.size()> has{};
  std::array<char, 512> message{};  // where it is not ok
};

[[noreturn]] void serve_library(const std::string& path, int socket, int64_t* memory);

}  // namespace assay::verify

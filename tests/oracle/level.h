// How far a test goes: 1 stays within seconds, ASSAY_LEVEL=2 in the environment asks for minutes.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <string_view>

namespace assay::oracle {

inline bool thorough() {
  const char* level = std::getenv("ASSAY_LEVEL");
  return level != nullptr && std::string_view(level) == "2";
}

// Under sanitizers, where everything is ten times slower, what is the same code for every target file runs on one file in eight.
#ifdef __SANITIZE_ADDRESS__
inline constexpr size_t kTargetStride = 8;
#else
inline constexpr size_t kTargetStride = 1;
#endif

template <class Files>
Files in_turn(const Files& files) {
  Files some;
  for (size_t i = 0; i < files.size(); i += kTargetStride) some.push_back(files[i]);
  return some;
}

}  // namespace assay::oracle

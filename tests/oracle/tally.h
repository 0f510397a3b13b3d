// Counting instead of an EXPECT for every case: exhaustive loops check tens of millions. The first mismatch is kept in words.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <sstream>
#include <string>

namespace assay::oracle {

// Sanitizers look for faults of memory and language, not of arithmetic, and are slow: under them the loops take every kStride-th case.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr int kStride = 37;
#else
inline constexpr int kStride = 1;
#endif

class Tally {
 public:
  template <class Describe>
  void check(bool right, const Describe& describe) {
    ++checked_;
    if (right) return;
    if (wrong_++ == 0) {
      std::ostringstream text;
      describe(text);
      first_ = text.str();
    }
  }

  // At the end: all were right, and there were as many as there should be.
  void expect_all_right(int64_t at_least) const {
    EXPECT_EQ(wrong_, 0) << "of " << checked_ << "; the first: " << first_;
    EXPECT_GE(checked_, at_least / kStride) << "the loop did not reach what it promises";
  }

 private:
  int64_t checked_ = 0;
  int64_t wrong_ = 0;
  std::string first_;
};

}  // namespace assay::oracle

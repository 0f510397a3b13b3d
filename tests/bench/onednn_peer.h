// oneDNN's binary32 convolution on one thread: what a kernel of the same shape is measured beside.
#pragma once

#include <cstdint>
#include <memory>

namespace assay::bench {

struct ConvShape {
  int64_t channels, outputs, kernel, stride, size, groups;
  int64_t out() const { return (size + 2 * (kernel / 2) - kernel) / stride + 1; }
};

class OnednnFp32Conv {
 public:
  explicit OnednnFp32Conv(const ConvShape& shape);
  ~OnednnFp32Conv();
  void run();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace assay::bench

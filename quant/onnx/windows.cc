#include "quant/onnx/windows.h"

#include <algorithm>

#include "emu/base/error.h"

namespace assay::quant {
namespace {

// One number per axis (or two, for pads), within bounds that keep all sums and products below in 64 bits.
std::vector<int64_t> numbers(const OnnxNode& node, const char* key, size_t count, int64_t fallback, int64_t least) {
  const std::vector<int64_t> given = node.integers(key, std::vector<int64_t>(count, fallback));
  if (given.size() != count) throw InputError(std::string(key) + " " + to_string(given) + " must have " + std::to_string(count) + " numbers");
  for (const int64_t n : given) {
    if (n < least || n > (int64_t{1} << 30)) throw InputError(std::string(key) + " " + to_string(given) + " must be between " + std::to_string(least) + " and 2^30");
  }
  return given;
}

Windows read_common(const OnnxNode& node, const std::vector<int64_t>& kernel) {
  Windows w;
  w.kernel = kernel;
  for (const int64_t k : kernel) {
    if (k < 1 || k > (int64_t{1} << 30)) throw InputError("its kernel " + to_string(kernel) + " must be between 1 and 2^30");
  }
  w.stride = numbers(node, "strides", kernel.size(), 1, 1);
  w.dilation = numbers(node, "dilations", kernel.size(), 1, 1);
  w.pads = numbers(node, "pads", 2 * kernel.size(), 0, 0);
  return w;
}

std::string auto_pad_of(const OnnxNode& node) {
  const std::string mode = node.text("auto_pad", "NOTSET");
  if (mode != "NOTSET" && mode != "SAME_UPPER" && mode != "SAME_LOWER" && mode != "VALID") throw InputError("auto_pad '" + mode + "' is not known");
  return mode;
}

// SAME_UPPER puts the odd element at the end.
void share_padding(Windows& w, size_t i, int64_t total, bool more_at_end) {
  const int64_t less = total / 2;
  w.pads[i] = more_at_end ? less : total - less;
  w.pads[w.axes() + i] = more_at_end ? total - less : less;
}

}  // namespace

Windows read_windows(const Call& call, const Shape& spatial, const std::vector<int64_t>& kernel) {
  ASSAY_ASSERT(spatial.size() == kernel.size());
  Windows w = read_common(call.node, kernel);
  const std::string auto_pad = auto_pad_of(call.node);
  const bool ceil_mode = call.node.integer("ceil_mode", 0) != 0;
  if (auto_pad == "VALID") std::fill(w.pads.begin(), w.pads.end(), 0);
  for (size_t i = 0; i < spatial.size(); ++i) {
    if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") {
      const int64_t count = (spatial[i] + w.stride[i] - 1) / w.stride[i];
      share_padding(w, i, std::max<int64_t>(0, (count - 1) * w.stride[i] + w.reach(i) - spatial[i]), auto_pad == "SAME_UPPER");
      w.output.push_back(count);
      continue;
    }
    const int64_t room = spatial[i] + w.begin(i) + w.end(i) - w.reach(i);
    if (room < 0) {
      throw InputError("its window reaches over " + std::to_string(w.reach(i)) + " elements, more than the padded input " + to_string(spatial) + " has on spatial axis " +
                       std::to_string(i));
    }
    w.output.push_back((ceil_mode ? room + w.stride[i] - 1 : room) / w.stride[i] + 1);
  }
  return w;
}

TransposedWindows read_transposed_windows(const Call& call, const Shape& spatial, const std::vector<int64_t>& kernel) {
  ASSAY_ASSERT(spatial.size() == kernel.size());
  TransposedWindows t{read_common(call.node, kernel), numbers(call.node, "output_padding", kernel.size(), 0, 0)};
  Windows& w = t.windows;
  const std::string auto_pad = auto_pad_of(call.node);
  std::vector<int64_t> wanted = call.node.integers("output_shape", {});
  if (wanted.size() == spatial.size() + 2) wanted.erase(wanted.begin(), wanted.begin() + 2);  // some writers list batch and channels too
  if (!wanted.empty() && wanted.size() != spatial.size()) throw InputError("output_shape " + to_string(wanted) + " must have one number per spatial axis");
  if (auto_pad == "VALID") std::fill(w.pads.begin(), w.pads.end(), 0);
  for (size_t i = 0; i < spatial.size(); ++i) {
    if (t.output_padding[i] >= std::max(w.stride[i], w.dilation[i])) {
      throw InputError("output_padding " + to_string(t.output_padding) + " must be less than the stride or the dilation");
    }
    int64_t full = w.stride[i] * (spatial[i] - 1) + w.reach(i) + t.output_padding[i];
    if (!wanted.empty() || auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") {
      const int64_t extent = wanted.empty() ? spatial[i] * w.stride[i] : wanted[i];
      if (extent < 1) throw InputError("output_shape " + to_string(wanted) + " must be positive");
      const int64_t beyond = std::max<int64_t>(0, extent - full);  // what no window writes is padding of the output
      if (t.output_padding[i] + beyond >= std::max(w.stride[i], w.dilation[i])) {
        throw InputError("its output of " + std::to_string(extent) + " is too large for windows that write " + std::to_string(full));
      }
      t.output_padding[i] += beyond;
      full += beyond;
      share_padding(w, i, full - extent, auto_pad == "SAME_UPPER");
    }
    const int64_t extent = full - w.begin(i) - w.end(i);
    if (extent < 1) throw InputError("its pads leave nothing of the output on spatial axis " + std::to_string(i));
    w.output.push_back(extent);
  }
  return t;
}

Windows as_2d(const Windows& w) {
  if (w.axes() == 2) return w;
  ASSAY_ASSERT(w.axes() == 1);
  return {{1, w.kernel[0]}, {1, w.stride[0]}, {1, w.dilation[0]}, {0, w.pads[0], 0, w.pads[1]}, {1, w.output[0]}};
}

}  // namespace assay::quant

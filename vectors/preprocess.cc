#include <stb/stb_image.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "emu/base/error.h"
#include "vectors/image.h"

namespace assay::vectors {
namespace {

uint8_t luminance(const uint8_t* rgb) {
  return static_cast<uint8_t>((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16);
}

std::string text_of(int64_t width, int64_t height) {
  return std::to_string(width) + " x " + std::to_string(height);
}

struct Extents {
  int64_t channels = 0;
  int64_t height = 0;
  int64_t width = 0;
};

Extents extents_of(const std::string& path, const Shape& shape, const Preprocessing& p) {
  const std::string wanted = p.layout == Layout::nchw ? "[1,C,H,W]" : "[1,H,W,C]";
  const int64_t channels = p.color == ColorOrder::gray ? 1 : 3;
  Extents e;
  if (shape.size() == 4) e = p.layout == Layout::nchw ? Extents{shape[1], shape[2], shape[3]} : Extents{shape[3], shape[1], shape[2]};
  if (shape.size() != 4 || shape[0] != 1 || e.channels != channels || e.height < 1 || e.width < 1 || e.width > kMaxPixels / e.height) {
    throw InputError("the image '" + path + "' cannot become a tensor of shape " + assay::to_string(shape) + ": the preprocessing makes " + wanted +
                     " with C = " + std::to_string(channels) + "; set layout and color for this model");
  }
  return e;
}

Image centre_crop(const Image& image, const Extents& to, const std::string& path) {
  if (image.width < to.width || image.height < to.height) {
    throw InputError("the image '" + path + "' is " + text_of(image.width, image.height) + " before cropping, smaller than the " + text_of(to.width, to.height) +
                     " that the model wants: use a larger image, a larger short_side, or resize = \"stretch\"");
  }
  return crop(image, (image.width - to.width) / 2, (image.height - to.height) / 2, to.width, to.height);
}

// a * b / c to the nearest, at least 1.
int64_t scaled(int64_t a, int64_t b, int64_t c) {
  return std::max<int64_t>(1, (2 * a * b + c) / (2 * c));
}

// The image at the size that it has inside the tensor; what is left at the right and below is padding.
Image fitted(Image image, const Extents& to, const Preprocessing& p, const std::string& path) {
  const int64_t w = image.width;
  const int64_t h = image.height;
  switch (p.resize) {
    case ResizeMethod::none:
      if (w != to.width || h != to.height) {
        throw InputError("the image '" + path + "' is " + text_of(w, h) + " and the model wants " + text_of(to.width, to.height) +
                         ": resize = \"none\" changes nothing; choose a method");
      }
      return image;
    case ResizeMethod::stretch: return resample(image, to.width, to.height, p.interpolation);
    case ResizeMethod::center_crop: return centre_crop(image, to, path);
    case ResizeMethod::short_side_then_center_crop: {
      const int64_t side = p.short_side > 0 ? p.short_side : std::min(to.width, to.height);
      const int64_t width = w <= h ? side : scaled(side, w, h);
      const int64_t height = w <= h ? scaled(side, h, w) : side;
      if (width > kMaxPixels / height)
        throw InputError("the image '" + path + "' of " + text_of(w, h) + " would have more than 2^28 pixels at short_side = " + std::to_string(side));
      return centre_crop(resample(image, width, height, p.interpolation), to, path);
    }
    case ResizeMethod::letterbox_top_left: {  // the largest size of the same ratio that fits, to the nearest pixel
      const bool full_width = to.width * h <= to.height * w;
      const int64_t width = full_width ? to.width : std::clamp<int64_t>((2 * w * to.height + h) / (2 * h), 1, to.width);
      const int64_t height = full_width ? std::clamp<int64_t>((2 * h * to.width + w) / (2 * w), 1, to.height) : to.height;
      return resample(image, width, height, p.interpolation);
    }
    case ResizeMethod::keep_ratio_pad_right:  // full height; the width rounded up and cut to the tensor's
      return resample(image, std::min(to.width, (w * to.height + h - 1) / h), to.height, p.interpolation);
  }
  throw InternalError("a resize method without a body");
}

void check(const Preprocessing& p, int64_t channels, const std::string& path) {
  const auto length = [channels](const std::vector<double>& v) { return v.size() == 1 || static_cast<int64_t>(v.size()) == channels; };
  if (!length(p.mean) || !length(p.std)) {
    throw InputError("preprocessing of the image '" + path + "': mean has " + std::to_string(p.mean.size()) + " and std " + std::to_string(p.std.size()) +
                     " values; give one, or one for each of the " + std::to_string(channels) + " channels");
  }
  if (p.short_side < 0 || p.short_side > kMaxShortSide) {
    throw InputError("preprocessing of the image '" + path + "': short_side is " + std::to_string(p.short_side) + "; give 0 to " + std::to_string(kMaxShortSide));
  }
}

}  // namespace

Image read_image(const std::string& path, int64_t channels) {
  const std::string bytes = read_file(path, int64_t{1} << 30);
  check_image_is_whole(bytes, path);
  const auto* data = reinterpret_cast<const stbi_uc*>(bytes.data());
  const int size = static_cast<int>(bytes.size());
  const auto damaged = [&path] {
    const char* why = stbi_failure_reason();
    return InputError("the image '" + path + "' cannot be decoded: " + (why == nullptr ? "unknown reason" : why));
  };
  int width = 0;
  int height = 0;
  int found = 0;
  if (stbi_info_from_memory(data, size, &width, &height, &found) == 0) throw damaged();
  if (width < 1 || height < 1) throw InputError("the image '" + path + "' has no pixels");
  if (width > kMaxPixels / height) throw InputError("the image '" + path + "' of " + text_of(width, height) + " has more than 2^28 pixels: make it smaller first");
  // Color stays color until our own luminance; files of one or two channels (gray, gray and alpha) are gray already.
  const int decoded = found <= 2 ? 1 : 3;
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(stbi_load_from_memory(data, size, &width, &height, &found, decoded), stbi_image_free);
  if (pixels == nullptr) throw damaged();
  Image image{width, height, channels, {}};
  const size_t count = static_cast<size_t>(width) * static_cast<size_t>(height);
  image.pixels.resize(count * static_cast<size_t>(channels));
  for (size_t i = 0; i < count; ++i) {
    const uint8_t* from = pixels.get() + i * static_cast<size_t>(decoded);
    if (channels == 1) {
      image.pixels[i] = decoded == 1 ? *from : luminance(from);
    } else {
      for (size_t c = 0; c < 3; ++c) image.pixels[i * 3 + c] = from[decoded == 1 ? 0 : c];
    }
  }
  return image;
}

FloatTensor load_image(const std::string& path, const Shape& shape, const Preprocessing& p) {
  const Extents to = extents_of(path, shape, p);
  check(p, to.channels, path);
  const Image image = fitted(read_image(path, to.channels), to, p, path);
  FloatTensor tensor{shape, std::vector<float>(static_cast<size_t>(element_count(shape)), static_cast<float>(p.pad_value))};
  for (int64_t c = 0; c < to.channels; ++c) {
    const double mean = p.mean[p.mean.size() == 1 ? 0 : static_cast<size_t>(c)];
    const double std = p.std[p.std.size() == 1 ? 0 : static_cast<size_t>(c)];
    const int64_t source = p.color == ColorOrder::bgr ? 2 - c : c;
    for (int64_t y = 0; y < image.height; ++y) {
      for (int64_t x = 0; x < image.width; ++x) {
        const double value = image.pixels[static_cast<size_t>((y * image.width + x) * to.channels + source)];
        const int64_t at = p.layout == Layout::nchw ? (c * to.height + y) * to.width + x : (y * to.width + x) * to.channels + c;
        tensor.data[static_cast<size_t>(at)] = static_cast<float>((value * p.scale - mean) / std);
      }
    }
  }
  return tensor;
}

}  // namespace assay::vectors

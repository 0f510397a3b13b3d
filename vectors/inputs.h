// Stimuli from disk: .npy, raw float32 (.bin, .raw, .f32) and images (.png, .jpg, .jpeg, .bmp, .pgm, .ppm) with preprocessing, singly, as a folder or as a list file (.txt, one
// path a line). A model with several inputs: one sub-folder per sample with <input name>.npy each (':' and '/' in names may be written '_').
#pragma once

#include <array>
#include <string>
#include <vector>

#include "vectors/npy.h"

namespace assay::vectors {

enum class ColorOrder : uint8_t { rgb, bgr, gray };
enum class ResizeMethod : uint8_t { none, stretch, short_side_then_center_crop, center_crop, letterbox_top_left, keep_ratio_pad_right };
enum class Interpolation : uint8_t { nearest, bilinear, bicubic, lanczos };
enum class Layout : uint8_t { nchw, nhwc };

// y = (x * scale - mean) / std per channel, x in 0..255 after resizing; mean and std in the order of `color`.
struct Preprocessing {
  ColorOrder color = ColorOrder::rgb;
  ResizeMethod resize = ResizeMethod::stretch;
  Interpolation interpolation = Interpolation::bilinear;  // as Pillow: the filter's support grows when shrinking
  int64_t short_side = 0;                                 // for short_side_then_center_crop; 0: the target's shorter side; the long side is rounded to the nearest pixel
  double scale = 1.0;
  std::vector<double> mean{0};
  std::vector<double> std{1};
  double pad_value = 0.0;  // after normalisation
  Layout layout = Layout::nchw;
};

// A TOML file with the keys color, resize, interpolation, short_side, scale, mean, std, pad_value, layout. Unknown keys are errors.
Preprocessing load_preprocessing(const std::string& path);

// An image file to a tensor of `shape` ([1,C,H,W] or [1,H,W,C]).
FloatTensor load_image(const std::string& path, const Shape& shape, const Preprocessing& preprocessing);

struct InputDescription {
  std::string name;
  Shape shape;
};

// The samples found under `path` for a model with these inputs, per sample one file per input: of a folder in name order, of a list in the list's. A folder's .json, .txt, .md and
// hidden files are not samples. InputError, with all problems: nothing there, an input missing, unknown file kinds, two samples of one name.
struct Sample {
  std::string name;                // "000": the file's stem or the sub-folder's name
  std::vector<std::string> files;  // in the order of the inputs
};
std::vector<Sample> find_samples(const std::string& path, const std::vector<InputDescription>& inputs);

// Loads one sample. InputError names the file, what it holds and what the model wants (wrong shape or size, NaN or Inf).
std::vector<FloatTensor> load_sample(const Sample& sample, const std::vector<InputDescription>& inputs, const Preprocessing& preprocessing);

// Labels: a JSON object {"sample name": class index} (.json) or lines "name index" (any other file); a name may carry a folder and an extension. By sample; InputError where one is
// missing.
std::vector<int64_t> load_labels(const std::string& path, const std::vector<Sample>& samples);

}  // namespace assay::vectors

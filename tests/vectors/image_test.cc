#include "vectors/image.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>
#include <stb/stb_image_write.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "emu/base/error.h"
#include "tests/vectors/folder.h"

namespace assay::vectors {
namespace {

using testing::HasSubstr;
using Pixels = std::vector<uint8_t>;

Image row(Pixels pixels) {
  return {static_cast<int64_t>(pixels.size()), 1, 1, pixels};
}

std::string ppm(const Image& image) {
  return std::string(image.channels == 3 ? "P6" : "P5") + "\n# a remark\n" + std::to_string(image.width) + " " + std::to_string(image.height) + "\n255\n" +
         std::string(image.pixels.begin(), image.pixels.end());
}

// A smooth picture with some detail.
Image picture(int64_t width, int64_t height, int64_t channels) {
  Image image{width, height, channels, {}};
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      for (int64_t c = 0; c < channels; ++c) image.pixels.push_back(static_cast<uint8_t>((x * 7 + y * 3 + c * 50 + (x / 4 + y / 4) % 2 * 40) % 256));
    }
  }
  return image;
}

void append(void* context, void* data, int size) {
  static_cast<std::string*>(context)->append(static_cast<const char*>(data), static_cast<size_t>(size));
}

std::string png(const Image& image) {
  std::string bytes;
  stbi_write_png_to_func(append, &bytes, static_cast<int>(image.width), static_cast<int>(image.height), static_cast<int>(image.channels), image.pixels.data(),
                         static_cast<int>(image.width * image.channels));
  return bytes;
}

std::string jpeg(const Image& image) {
  std::string bytes;
  stbi_write_jpg_to_func(append, &bytes, static_cast<int>(image.width), static_cast<int>(image.height), static_cast<int>(image.channels), image.pixels.data(), 95);
  return bytes;
}

std::string bmp(const Image& image) {
  std::string bytes;
  stbi_write_bmp_to_func(append, &bytes, static_cast<int>(image.width), static_cast<int>(image.height), static_cast<int>(image.channels), image.pixels.data());
  return bytes;
}

// Each row of values was worked out by hand from the formula in image.h.
TEST(Resample, BilinearShrinkingWidensTheTriangle) {
  EXPECT_EQ(resample(row({0, 100}), 1, 1, Interpolation::bilinear).pixels, (Pixels{50}));
  EXPECT_EQ(resample(row({0, 70, 140, 210}), 2, 1, Interpolation::bilinear).pixels, (Pixels{50, 160}));  // (3a + 3b + c) / 7
}

TEST(Resample, BilinearGrowingKeepsTheEnds) {
  EXPECT_EQ(resample(row({0, 100}), 4, 1, Interpolation::bilinear).pixels, (Pixels{0, 25, 75, 100}));
}

TEST(Resample, BicubicOvershootsAndIsClampedToTheByte) {
  EXPECT_EQ(resample(row({0, 140}), 4, 1, Interpolation::bicubic).pixels, (Pixels{0, 29, 111, 152}));
  EXPECT_EQ(resample(row({0, 250}), 4, 1, Interpolation::bicubic).pixels[3], 255);
}

TEST(Resample, HalvesRoundUp) {
  EXPECT_EQ(resample(row({0, 1}), 1, 1, Interpolation::bilinear).pixels, (Pixels{1}));
}

TEST(Resample, NearestTakesThePixelUnderTheCentre) {
  EXPECT_EQ(resample(row({1, 2, 3, 4}), 2, 1, Interpolation::nearest).pixels, (Pixels{2, 4}));
  EXPECT_EQ(resample(row({1, 2, 3, 4, 5}), 2, 1, Interpolation::nearest).pixels, (Pixels{2, 4}));
  EXPECT_EQ(resample(row({1, 2}), 5, 1, Interpolation::nearest).pixels, (Pixels{1, 1, 2, 2, 2}));
}

RC_GTEST_PROP(Resample, AConstantImageStaysConstantAndRowsEqualColumns, ()) {
  const auto method = *rc::gen::element(Interpolation::bilinear, Interpolation::bicubic, Interpolation::lanczos);
  const auto size = *rc::gen::inRange<int64_t>(1, 40);
  const auto to = *rc::gen::inRange<int64_t>(1, 40);
  const auto level = *rc::gen::arbitrary<uint8_t>();
  for (const uint8_t pixel : resample({size, size, 1, Pixels(static_cast<size_t>(size * size), level)}, to, to, method).pixels) RC_ASSERT(pixel == level);
  auto line = row(*rc::gen::container<Pixels>(static_cast<size_t>(size), rc::gen::arbitrary<uint8_t>()));
  const Pixels across = resample(line, to, 1, method).pixels;
  std::swap(line.width, line.height);
  RC_ASSERT(resample(line, 1, to, method).pixels == across);
}

TEST(ReadImage, EveryFormatGivesItsPixels) {
  const TestFolder folder;
  for (const int64_t channels : {1, 3}) {
    const Image image = picture(13, 9, channels);
    for (const auto& [name, bytes] : {std::pair{"a.ppm", ppm(image)}, std::pair{"a.png", png(image)}, std::pair{"a.bmp", bmp(image)}}) {
      write_file(folder / name, bytes);
      const Image back = read_image(folder / name, channels);
      EXPECT_EQ(back.pixels, image.pixels) << name;
      EXPECT_EQ(back.width, 13);
    }
  }
  const Image smooth{16, 16, 1, Pixels(256, 100)};
  write_file(folder / "a.jpg", jpeg(smooth));
  for (const uint8_t pixel : read_image(folder / "a.jpg", 1).pixels) EXPECT_NEAR(pixel, 100, 2);
}

TEST(ReadImage, GrayIsRec601AndColorFromGrayRepeats) {
  const TestFolder folder;
  write_file(folder / "a.ppm", ppm({4, 1, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255}}));
  EXPECT_EQ(read_image(folder / "a.ppm", 1).pixels, (Pixels{76, 150, 29, 255}));
  write_file(folder / "b.pgm", ppm({2, 1, 1, {7, 9}}));
  EXPECT_EQ(read_image(folder / "b.pgm", 3).pixels, (Pixels{7, 7, 7, 9, 9, 9}));
}

// Not over the file that is there: a file system may write out at once what is truncated and written anew.
void write_anew(const std::string& path, const std::string& bytes) {
  std::filesystem::remove(path);
  write_file(path, bytes);
}

TEST(ReadImage, EveryFileThatIsCutOffIsRefused) {
  const TestFolder folder;
  const Image image = picture(13, 9, 3);
  for (const std::string& bytes : {ppm(image), png(image), bmp(image), jpeg(image)}) {
    for (size_t size = 0; size < bytes.size(); ++size) {
      write_anew(folder / "cut", bytes.substr(0, size));
      EXPECT_THROW(read_image(folder / "cut", 3), InputError) << size << " of " << bytes.size() << " bytes of " << bytes.substr(0, 4);
    }
    write_anew(folder / "cut", bytes);
    EXPECT_EQ(read_image(folder / "cut", 3).width, 13);
  }
}

TEST(ReadImage, NoChangedByteOfAPngPasses) {
  const TestFolder folder;
  const std::string good = png(picture(13, 9, 3));
  for (size_t i = 0; i + 4 < good.size() - 8; ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    write_anew(folder / "bad.png", bad);
    EXPECT_THROW(read_image(folder / "bad.png", 3), InputError) << i;
  }
}

TEST(ReadImage, NoChangedByteOfAnyFormatCrashesTheReader) {
  const TestFolder folder;
  for (const std::string& good : {ppm(picture(5, 3, 3)), bmp(picture(5, 3, 3)), jpeg(picture(5, 3, 3))}) {
    for (size_t i = 0; i < good.size(); ++i) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (i % 3 == 0 ? 0xff : 0x41));
      write_anew(folder / "bad", bad);
      try {
        (void)read_image(folder / "bad", 3);
      } catch (const InputError&) {
      }
    }
  }
}

TEST(ReadImage, AnImageThatClaimsToBeHugeIsRefusedBeforeDecoding) {
  const TestFolder folder;
  write_file(folder / "a.ppm", "P6 100000 100000 255\nxxx");
  EXPECT_THAT(message_of<InputError>([&] { (void)read_image(folder / "a.ppm", 3); }), HasSubstr("fewer pixels"));
  write_file(folder / "b.txt", "hello");
  EXPECT_THAT(message_of<InputError>([&] { (void)read_image(folder / "b.txt", 3); }), HasSubstr("PNG, JPEG"));
}

TEST(LoadImage, ChannelsAreNormalisedInTheOrderOfColor) {
  const TestFolder folder;
  write_file(folder / "a.ppm", ppm({2, 1, 3, {10, 20, 30, 40, 50, 60}}));
  Preprocessing p;
  p.resize = ResizeMethod::none;
  p.mean = {1, 2, 3};
  p.std = {1, 2, 4};
  EXPECT_EQ(load_image(folder / "a.ppm", {1, 3, 1, 2}, p).data, (std::vector<float>{9, 39, 9, 24, 6.75, 14.25}));
  p.color = ColorOrder::bgr;
  p.layout = Layout::nhwc;
  EXPECT_EQ(load_image(folder / "a.ppm", {1, 1, 2, 3}, p).data, (std::vector<float>{29, 9, 1.75, 59, 24, 9.25}));
}

TEST(LoadImage, EveryResizeMethodPutsThePictureWhereItSays) {
  const TestFolder folder;
  write_file(folder / "a.pgm", ppm({4, 2, 1, {1, 2, 3, 4, 5, 6, 7, 8}}));
  Preprocessing p;
  p.color = ColorOrder::gray;
  p.interpolation = Interpolation::nearest;
  p.pad_value = -1;
  const auto data = [&](ResizeMethod method, const Shape& shape) {
    p.resize = method;
    return load_image(folder / "a.pgm", shape, p).data;
  };
  EXPECT_EQ(data(ResizeMethod::center_crop, {1, 1, 2, 2}), (std::vector<float>{2, 3, 6, 7}));
  EXPECT_EQ(data(ResizeMethod::short_side_then_center_crop, {1, 1, 2, 2}), (std::vector<float>{2, 3, 6, 7}));
  EXPECT_EQ(data(ResizeMethod::stretch, {1, 1, 1, 2}), (std::vector<float>{6, 8}));
  EXPECT_EQ(data(ResizeMethod::letterbox_top_left, {1, 1, 4, 4}), (std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, -1, -1, -1, -1, -1, -1, -1, -1}));
  EXPECT_EQ(data(ResizeMethod::keep_ratio_pad_right, {1, 1, 2, 6}), (std::vector<float>{1, 2, 3, 4, -1, -1, 5, 6, 7, 8, -1, -1}));
  EXPECT_EQ(data(ResizeMethod::keep_ratio_pad_right, {1, 1, 2, 2}), (std::vector<float>{2, 4, 6, 8}));
  EXPECT_THAT(message_of<InputError>([&] { data(ResizeMethod::none, {1, 1, 2, 2}); }), HasSubstr("4 x 2"));
  EXPECT_THAT(message_of<InputError>([&] { data(ResizeMethod::center_crop, {1, 1, 3, 3}); }), HasSubstr("smaller"));
  EXPECT_THAT(message_of<InputError>([&] { data(ResizeMethod::stretch, {1, 3, 2, 2}); }), HasSubstr("[1,3,2,2]"));
  EXPECT_THAT(message_of<InputError>([&] { data(ResizeMethod::stretch, {1, 1, int64_t{1} << 40, 1}); }), HasSubstr("shape"));
  p.mean = {1, 2, 3};
  EXPECT_THAT(message_of<InputError>([&] { data(ResizeMethod::stretch, {1, 1, 2, 2}); }), HasSubstr("mean has 3"));
}

std::string preprocessing_error(const std::string& text) {
  const TestFolder folder;
  write_file(folder / "p.toml", text);
  return message_of<InputError>([&] { (void)load_preprocessing(folder / "p.toml"); });
}

TEST(LoadPreprocessing, ReadsEveryKey) {
  const TestFolder folder;
  write_file(folder / "p.toml",
             "color = \"bgr\"\nresize = \"letterbox_top_left\"\ninterpolation = \"lanczos\"\nshort_side = 256\nscale = 0.5\nmean = [1, 2.5, 3]\nstd = 2\npad_value = -1\nlayout = "
             "\"nhwc\"\n");
  const Preprocessing p = load_preprocessing(folder / "p.toml");
  EXPECT_EQ(p.color, ColorOrder::bgr);
  EXPECT_EQ(p.resize, ResizeMethod::letterbox_top_left);
  EXPECT_EQ(p.interpolation, Interpolation::lanczos);
  EXPECT_EQ(p.short_side, 256);
  EXPECT_EQ(p.scale, 0.5);
  EXPECT_EQ(p.mean, (std::vector<double>{1, 2.5, 3}));
  EXPECT_EQ(p.std, (std::vector<double>{2}));
  EXPECT_EQ(p.pad_value, -1);
  EXPECT_EQ(p.layout, Layout::nhwc);
}

TEST(LoadPreprocessing, GathersEveryProblemWithItsLine) {
  const std::string message = preprocessing_error("colour = \"rgb\"\nresize = \"streck\"\nscale = inf\nmean = [1, 2]\nstd = [1, 0, 1]\nshort_side = -1\n");
  for (const char* part : {"line 1: unknown key colour", "line 2: resize must be one of", "\"streck\"", "line 3: scale", "line 4: mean", "line 5: std must be different from zero",
                           "line 6: short_side"}) {
    EXPECT_THAT(message, HasSubstr(part));
  }
  EXPECT_THAT(preprocessing_error("color = "), HasSubstr("not TOML"));
  EXPECT_THAT(preprocessing_error("color = \"gray\"\nmean = [1, 2, 3]"), HasSubstr("gray"));
}

TEST(LoadPreprocessing, DeepNestingIsRefused) {
  EXPECT_THAT(preprocessing_error("a = " + std::string(60000, '[')), HasSubstr("60000 brackets"));
  EXPECT_THAT(preprocessing_error("a = " + std::string(60, '[')), HasSubstr("not TOML"));
  std::string dotted = "a";
  for (int i = 0; i < 1000; ++i) dotted += ".a";
  EXPECT_THAT(preprocessing_error(dotted + " = 1"), HasSubstr("unknown key a"));
}

// Inputs that were prepared with Pillow from the same files. Decoders of JPEG differ by a level here and there, hence a mean.
class PreparedWithPillow : public testing::TestWithParam<const char*> {};

Preprocessing preprocessing_of(const nlohmann::json& json) {
  const TestFolder folder;
  std::string text;
  for (const char* key : {"color", "interpolation", "short_side", "scale", "mean", "std", "pad_value"}) {
    if (json.contains(key)) text += std::string(key) + " = " + json[key].dump() + "\n";
  }
  text += "resize = " + json["resize_method"].dump() + "\nlayout = \"" + (json["layout"] == "NHWC" ? "nhwc" : "nchw") + "\"\n";
  write_file(folder / "p.toml", text);
  return load_preprocessing(folder / "p.toml");
}

// The image as it was before resizing; "" where it cannot be made again from the files.
std::string source_of(const nlohmann::json& from, const std::string& images, const TestFolder& folder) {
  if (!from.contains("image") || from.contains("rendered_text_on_top") || from.value("rotated", 0) != 0) return "";
  const std::string path = images + from["image"].get<std::string>();
  const bool mirror = from.value("mirror", false);
  if (!from.contains("crop_xyxy") && !mirror) return path;
  Image image = read_image(path, 3);
  if (from.contains("crop_xyxy")) {
    const auto box = from["crop_xyxy"].get<std::vector<int64_t>>();
    image = crop(image, box[0], box[1], box[2] - box[0], box[3] - box[1]);
  }
  if (mirror) {
    for (int64_t y = 0; y < image.height; ++y) {
      for (int64_t x = 0; x < image.width / 2; ++x) {
        for (int64_t c = 0; c < 3; ++c)
          std::swap(image.pixels[static_cast<size_t>((y * image.width + x) * 3 + c)], image.pixels[static_cast<size_t>((y * image.width + image.width - 1 - x) * 3 + c)]);
      }
    }
  }
  write_file(folder / "crop.ppm", ppm(image));
  return folder / "crop.ppm";
}

TEST_P(PreparedWithPillow, MeanDifferenceIsBelowOneLevel) {
  const std::string models = std::string(ASSAY_SHARED_DIR) + "/models/";
  if (!std::filesystem::exists(models + "models.json")) GTEST_SKIP() << "no " << models << ": prepared inputs are not part of the repository";
  nlohmann::json entry;
  for (const auto& model : nlohmann::json::parse(read_file(models + "models.json"))) {
    if (model["name"] == GetParam()) entry = model;
  }
  const std::string calib = models + "calib/" + GetParam() + "/";
  const auto index = nlohmann::json::parse(read_file(calib + "index.json"));
  const Preprocessing p = preprocessing_of(entry["preprocessing"]);
  int compared = 0;
  std::string skipped;
  double worst = 0;
  for (const auto& [name, from] : index["from"].items()) {
    const TestFolder folder;
    const std::string source = source_of(from, models + "images/", folder);
    if (source.empty() || !std::filesystem::exists(calib + name + ".npy")) {
      skipped += " " + name;
      continue;
    }
    const FloatTensor wanted = read_npy_float(calib + name + ".npy");
    const FloatTensor made = load_image(source, wanted.shape, p);
    double sum = 0;
    const size_t plane = static_cast<size_t>(wanted.shape[2] * wanted.shape[3]);
    for (size_t i = 0; i < made.data.size(); ++i) {
      const size_t channel = p.layout == Layout::nhwc ? i % static_cast<size_t>(wanted.shape[3]) : i / plane;
      sum += std::abs(made.data[i] - wanted.data[i]) * p.std[p.std.size() == 1 ? 0 : channel] / p.scale;
    }
    const double mean = sum / static_cast<double>(made.data.size());
    EXPECT_LT(mean, 1.0) << name << " from " << from.dump();
    worst = std::max(worst, mean);
    ++compared;
  }
  EXPECT_GT(compared, 0);
  std::cout << "  " << compared << " compared, worst mean difference " << worst << " levels" << (skipped.empty() ? "" : "; not comparable:" + skipped) << "\n";
}

INSTANTIATE_TEST_SUITE_P(Models, PreparedWithPillow,
                         testing::Values("resnet8_cifar10", "mobilenetv2_dequant_fp32", "mobilenetv2_12_int8", "blazeface_front_128", "blazeface_back_256", "ppocr_v4_det",
                                         "ppocr_v4_rec_en", "ppocr_mobile_v2_cls", "super_resolution_10", "ultraface_rfb_320", "yunet_n_320"),
                         [](const auto& suite) { return std::string(suite.param); });

}  // namespace
}  // namespace assay::vectors

// Files that are not what they should be: refused with the place and the reason, never a crash.
#include <fstream>
#include <random>

#include "tests/quant/onnx/small_model.h"

namespace assay::quant::testing_onnx {
namespace {

// InputError, Unsupported or a graph: anything else ends the test.
void survive(const std::string& path) {
  try {
    Graph graph = import_onnx(path);
    simplify(graph);
  } catch (const InputError&) {
  } catch (const Unsupported&) {
  }
}

std::string mnist() {
  const std::string path = std::string(ASSAY_SHARED_DIR) + "/models/onnx/mnist_8.onnx";
  return std::filesystem::exists(path) ? read(path) : "";
}

TEST(DamagedFile, CutAtAnyLengthIsRefusedOrImported) {
  const std::string bytes = mnist();
  if (bytes.empty()) GTEST_SKIP() << "the development models are not here";
  const Folder folder;
  const std::string path = folder.file("cut.onnx");
  size_t refused = 0, tried = 0;
  for (size_t length = 0; length < bytes.size(); length += length < 600 ? 1 : 97) {
    write(path, bytes.substr(0, length));
    ++tried;
    refused += refusal<std::runtime_error>([&] { import_onnx(path); }).empty() ? 0 : 1;
  }
  EXPECT_EQ(refused, tried);
}

TEST(DamagedFile, WithFlippedBytesIsRefusedOrImported) {
  const std::string bytes = mnist();
  if (bytes.empty()) GTEST_SKIP() << "the development models are not here";
  const Folder folder;
  const std::string path = folder.file("flipped.onnx");
  std::mt19937_64 random(20240607);
  // The structure, not the weights: the first tensors' data would take most of the hits.
  for (int round = 0; round < 1500; ++round) {
    std::string damaged = bytes;
    for (uint64_t flips = 1 + random() % 4; flips > 0; --flips) {
      const size_t span = round % 3 == 0 ? damaged.size() : 3000;
      damaged[random() % span] = static_cast<char>(random());
    }
    write(path, damaged);
    survive(path);
  }
}

// The same on a model that has one of everything.
TEST(DamagedFile, OfManyOperatorsIsRefusedOrImported) {
  SmallModel model(13);
  model.input("x", {1, 4, 6, 6})
      .floats("w", {4, 1, 3, 3})
      .floats("v", {4, 2, 2, 2})
      .floats("m", {8, 3})
      .floats("c", {3})
      .ints("shape", {1, -1})
      .ints("pads", {0, 0, 1, 1, 0, 0, 1, 1});
  model.ints("starts", {1})
      .ints("ends", {100})
      .ints("axes", {2})
      .ints("steps", {2})
      .floats("scales", {4}, {1, 1, 2, 1.5F})
      .floats("none", {0}, {})
      .ints("repeats", {2})
      .ints("at", {0});
  model.node("Conv", {"x", "w"}, {"a"}).i("group", 4).is("strides", {1, 1}).is("pads", {1, 1, 1, 1}).is("dilations", {1, 1}).is("kernel_shape", {3, 3});
  model.node("MaxPool", {"a"}, {"b"}).is("kernel_shape", {2, 2}).is("strides", {2, 2}).i("ceil_mode", 1);
  model.node("ConvTranspose", {"b", "v"}, {"d"}).i("group", 2).is("strides", {2, 2}).is("output_padding", {1, 1});
  model.node("Pad", {"d", "pads"}, {"e"});
  model.node("Slice", {"e", "starts", "ends", "axes", "steps"}, {"f"});
  model.node("Resize", {"f", "none", "scales"}, {"g"}).s("mode", "nearest").s("nearest_mode", "floor").s("coordinate_transformation_mode", "asymmetric");
  model.node("Split", {"g"}, {"h", "i"}).i("axis", 1);
  model.node("Concat", {"i", "h"}, {"j"}).i("axis", 1);
  model.node("Transpose", {"j"}, {"k"}).is("perm", {0, 2, 3, 1});
  model.node("Shape", {"k"}, {"s"});
  model.node("Tile", {"s", "repeats"}, {"t"});
  model.node("Slice", {"t", "at", "repeats"}, {"u"});
  model.node("ConstantOfShape", {"u"}, {"zeros"});
  model.node("ReduceMean", {"k"}, {"l"}).is("axes", {1, 2}).i("keepdims", 0);
  model.node("Softmax", {"l"}, {"p"}).i("axis", -1);
  model.node("Gather", {"l", "at"}, {"q"}).i("axis", 1);
  for (const char* name : {"p", "q", "k"}) model.output(name);
  model.import();
  const std::string bytes = model.proto.SerializeAsString();
  const Folder folder;
  const std::string path = folder.file("flipped.onnx");
  std::mt19937_64 random(20240608);
  for (int round = 0; round < 6000; ++round) {
    std::string damaged = bytes;
    for (uint64_t flips = 1 + random() % 3; flips > 0; --flips) {
      // Small numbers, so that lengths stay right and values go wrong; or any byte.
      damaged[random() % damaged.size()] = static_cast<char>(random() % 2 == 0 ? random() % 8 : random());
    }
    write(path, damaged);
    survive(path);
  }
}

TEST(DamagedFile, OfRandomBytesIsRefused) {
  const Folder folder;
  const std::string path = folder.file("random.onnx");
  std::mt19937_64 random(7);
  for (int round = 0; round < 500; ++round) {
    std::string bytes(random() % 400, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    write(path, bytes);
    EXPECT_NE(refusal<InputError>([&] { import_onnx(path); }), "");
  }
}

TEST(DamagedFile, ThatIsMissingOrAFolderIsNamed) {
  const Folder folder;
  const std::string path = folder.file("none.onnx");
  EXPECT_EQ(refusal<InputError>([&] { import_onnx(path); }), path + ": no such file");
  EXPECT_EQ(refusal<InputError>([&] { import_onnx(folder.file("")); }), folder.file("") + ": not a file");
}

}  // namespace
}  // namespace assay::quant::testing_onnx

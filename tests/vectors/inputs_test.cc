#include "vectors/inputs.h"

#include <gmock/gmock.h>

#include <limits>

#include "emu/base/error.h"
#include "tests/vectors/folder.h"

namespace assay::vectors {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<InputDescription> kOne{{"image:0", {1, 2, 3}}};
const std::vector<InputDescription> kTwo{{"x/a:0", {1, 2}}, {"state", {3}}};

FloatTensor zeros(const Shape& shape) {
  return {shape, std::vector<float>(static_cast<size_t>(element_count(shape)))};
}

void put(const std::string& path, const std::string& bytes = npy_bytes(zeros({1, 2, 3}))) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  write_file(path, bytes);
}

std::vector<std::string> names(const std::vector<Sample>& samples) {
  std::vector<std::string> result;
  for (const Sample& sample : samples) result.push_back(sample.name);
  return result;
}

std::string find_error(const std::string& path, const std::vector<InputDescription>& inputs) {
  return message_of<InputError>([&] { (void)find_samples(path, inputs); });
}

TEST(FindSamples, AFolderGivesItsStimuliInNameOrderAndNothingElse) {
  const TestFolder folder;
  for (const char* name : {"002.npy", "000.npy", "001.PNG", "index.json", "README.md", "notes.txt", ".hidden"}) put(folder / name);
  EXPECT_THAT(names(find_samples(folder.path(), kOne)), ElementsAre("000", "001", "002"));
}

TEST(FindSamples, SubFoldersHoldOneFilePerInputWithColonsAndSlashesAsUnderscores) {
  const TestFolder folder;
  for (const char* sample : {"b", "a"}) {
    put(folder / (std::string(sample) + "/x_a_0.npy"));
    put(folder / (std::string(sample) + "/state.bin"));
    put(folder / (std::string(sample) + "/sr.npy"));  // of an input that the model no longer has
  }
  const auto samples = find_samples(folder.path(), kTwo);
  EXPECT_THAT(names(samples), ElementsAre("a", "b"));
  EXPECT_THAT(samples[0].files, ElementsAre(folder / "a/x_a_0.npy", folder / "a/state.bin"));
  EXPECT_THAT(names(find_samples(folder / "b", kTwo)), ElementsAre("b"));
  EXPECT_THAT(names(find_samples(folder / "b/", kTwo)), ElementsAre("b"));
}

TEST(FindSamples, AModelWithOneInputMayHaveSubFoldersToo) {
  const TestFolder folder;
  put(folder / "000/image_0.npy");
  EXPECT_THAT(find_samples(folder.path(), kOne)[0].files, ElementsAre(folder / "000/image_0.npy"));
}

TEST(FindSamples, AListKeepsItsOrderAndItsPathsAreRelativeToIt) {
  const TestFolder folder;
  put(folder / "in/z.npy");
  put(folder / "in/a.npy");
  put(folder / "list.txt", "# first the last\r\nin/z.npy\r\n\n" + (folder / "in/a.npy") + "\n");
  EXPECT_THAT(names(find_samples(folder / "list.txt", kOne)), ElementsAre("z", "a"));
  put(folder / "list.txt", "in/z.npy\nin/b.npy\nin/z.npy\n");
  const std::string message = find_error(folder / "list.txt", kOne);
  EXPECT_THAT(message, HasSubstr("line 2"));
  EXPECT_THAT(message, HasSubstr("two samples are called 'z'"));
}

TEST(FindSamples, ErrorsSayWhatIsThereAndWhatIsWanted) {
  const TestFolder folder;
  EXPECT_THAT(find_error(folder.path(), kOne), HasSubstr("holds none"));
  EXPECT_THAT(find_error(folder / "nowhere", kOne), HasSubstr("does not exist"));
  put(folder / "odd/a.wav");
  EXPECT_THAT(find_error(folder / "odd", kOne), HasSubstr("unknown kind"));
  put(folder / "one/a.npy");
  EXPECT_THAT(find_error(folder / "one/a.npy", kTwo), HasSubstr("2 inputs"));
  put(folder / "multi/000/x_a_0.npy");
  EXPECT_THAT(find_error(folder / "multi", kTwo), HasSubstr("no state.npy for the input 'state'; it has x_a_0.npy"));
  put(folder / "multi/000/state.npy");
  put(folder / "multi/000/state.raw");
  EXPECT_THAT(find_error(folder / "multi", kTwo), HasSubstr("several files"));
  put(folder / "twice/0.npy");
  put(folder / "twice/0.png");
  EXPECT_THAT(find_error(folder / "twice", kOne), HasSubstr("two samples are called '0'"));
}

std::string load_error(const std::string& file, const std::string& bytes) {
  const TestFolder folder;
  put(folder / file, bytes);
  const std::string message = message_of<InputError>([&] { (void)load_sample({"s", {folder / file}}, kOne, {}); });
  EXPECT_THAT(message, HasSubstr(file));
  return message;
}

TEST(LoadSample, ShapesMustAgreeButForALeadingOne) {
  const TestFolder folder;
  const FloatTensor good{{1, 2, 3}, {1, 2, 3, 4, 5, 6}};
  for (const Shape& shape : {Shape{1, 2, 3}, Shape{2, 3}}) {
    put(folder / "a.npy", npy_bytes(FloatTensor{shape, good.data}));
    EXPECT_THAT(load_sample({"a", {folder / "a.npy"}}, kOne, {}), ElementsAre(good));
  }
  for (const Shape& shape : {Shape{1, 3, 2}, Shape{6}, Shape{1, 1, 2, 3}, Shape{3, 2}}) {
    const std::string message = load_error("a.npy", npy_bytes(FloatTensor{shape, good.data}));
    EXPECT_THAT(message, HasSubstr(assay::to_string(shape)));
    EXPECT_THAT(message, HasSubstr("[1,2,3]"));
  }
}

TEST(LoadSample, RawFilesMustHaveTheModelsSizeExactly) {
  const TestFolder folder;
  const float values[6] = {1, -2, 3, 4, 5, 6.5};
  put(folder / "a.f32", std::string(reinterpret_cast<const char*>(values), 24));
  EXPECT_EQ(load_sample({"a", {folder / "a.f32"}}, kOne, {})[0].data, std::vector<float>(values, values + 6));
  EXPECT_THAT(load_error("a.bin", std::string(23, '\0')), HasSubstr("23 bytes"));
  EXPECT_THAT(load_error("a.raw", std::string(25, '\0')), HasSubstr("needs 24"));
}

TEST(LoadSample, NaNAndInfinityAreNamed) {
  FloatTensor bad = zeros({1, 2, 3});
  bad.data[4] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(load_error("a.npy", npy_bytes(bad)), HasSubstr("NaN at element 4"));
  bad.data[2] = -std::numeric_limits<float>::infinity();
  EXPECT_THAT(load_error("a.npy", npy_bytes(bad)), HasSubstr("infinity at element 2"));
}

TEST(LoadLabels, JsonAndTextSayTheSame) {
  const TestFolder folder;
  const std::vector<Sample> samples{{"b", {}}, {"a", {}}};
  put(folder / "l.json", R"({"a": 3, "b": 7, "c": 1})");
  EXPECT_THAT(load_labels(folder / "l.json", samples), ElementsAre(7, 3));
  put(folder / "l.txt", "a 3\n# remark\nsome/folder/b.jpg\t 7\r\n");
  EXPECT_THAT(load_labels(folder / "l.txt", samples), ElementsAre(7, 3));
}

TEST(LoadLabels, EveryProblemIsNamed) {
  const TestFolder folder;
  const auto error = [&](const std::string& name, const std::string& text) {
    put(folder / name, text);
    return message_of<InputError>([&] { (void)load_labels(folder / name, {{"a", {}}, {"b", {}}}); });
  };
  EXPECT_THAT(error("l.json", R"({"a": 1})"), HasSubstr("no label for the sample 'b'"));
  EXPECT_THAT(error("l.json", R"({"a": 1, "b": -2})"), HasSubstr("the label of 'b' is -2"));
  EXPECT_THAT(error("l.json", R"({"a": 1, "b": "cat"})"), HasSubstr("\"cat\""));
  EXPECT_THAT(error("l.json", "[1, 2"), HasSubstr("not a JSON object"));
  EXPECT_THAT(error("l.txt", "a 1\nb cat\n"), HasSubstr("line 2: 'b cat'"));
  EXPECT_THAT(error("l.txt", "a 1\nb 2\na 3\n"), HasSubstr("two labels"));
  EXPECT_THAT(error("l.txt", "x/a.png 1\ny/a.png 2\nb 1\n"), HasSubstr("no label for the sample 'a'"));
}

TEST(FindSamples, TheRealCalibrationSetsAreUnderstood) {
  const std::string calib = std::string(ASSAY_SHARED_DIR) + "/models/calib/";
  if (!std::filesystem::exists(calib)) GTEST_SKIP() << "no " << calib << ": prepared inputs are not part of the repository";
  const std::vector<InputDescription> stream{{"mix", {1, 257, 1, 2}}, {"conv_cache", {2, 1, 16, 16, 33}}, {"tra_cache", {2, 3, 1, 1, 16}}, {"inter_cache", {2, 1, 33, 16}}};
  const auto samples = find_samples(calib + "gtcrn_stream", stream);
  EXPECT_EQ(samples.size(), 32u);
  EXPECT_EQ(load_sample(samples[5], stream, {})[1].shape, (Shape{2, 1, 16, 16, 33}));
  EXPECT_EQ(find_samples(calib + "mnist_8", {{"Input3", {1, 1, 28, 28}}}).size(), 32u);
}

}  // namespace
}  // namespace assay::vectors

#include "golden/bundle.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "emu/base/error.h"
#include "emu/base/parallel.h"
#include "emu/program/file.h"
#include "emu/program/text.h"
#include "tests/golden/schema.h"
#include "tests/vectors/folder.h"
#include "vectors/npy.h"

namespace assay::golden {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

// %1 = x * 2 (saturating), %2 = %1 under another shape. Names that no file may have as they are.
constexpr const char* kProgram = R"(assay program 2
target "t"
model "m.onnx"
@s0 = 2/0/0
#0 = multiply; saturate output; clamp
input %0 round=half_even clamp=-128..127 -> s8[1,2,2] zy=3 scale=5*2^-7,3*2^-1 "x/a:0"
%1 = requantize %0 zx=3 scale=@s0 requant=#0 clamp=-128..127 -> s8[1,2,2] zy=0 scale=5*2^-7 "../up"
%2 = reshape %1 -> s8[4] zy=0 scale=5*2^-7 "y"
output %2
)";

const BundleInfo kInfo{"1.2.3", "m.onnx", sha256("model"), "t", sha256("target")};

std::vector<emu::Tensor> input(int64_t first) {
  return {emu::Tensor(emu::kS8, {1, 2, 2}, {first, -5, 100, 2})};
}

// Every file below a folder, by its path.
std::map<std::string, std::string> contents(const std::string& dir) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    if (!entry.is_directory()) files[entry.path().lexically_relative(dir).string()] = vectors::read_file(entry.path().string());
  }
  return files;
}

void write_bundle(const std::string& dir, int threads = 1, bool backwards = false) {
  const emu::Program program = emu::parse_program(kProgram);
  BundleWriter writer(dir, program, kInfo);
  constexpr size_t kSamples = 7;
  parallel_for(kSamples, threads, [&](size_t i) {
    const size_t sample = backwards ? kSamples - 1 - i : i;
    writer.write_sample("00" + std::to_string(sample), input(static_cast<int64_t>(sample)));
  });
  writer.finish();
}

TEST(Sha256, AgreesWithTheStandardsExamples) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"),
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  EXPECT_EQ(sha256(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, EveryLengthAroundABlockPadsRight) {
  // Hash of the hashes of 'a' repeated 0 to 129 times, worked out with another implementation (Python's hashlib).
  std::string all;
  for (size_t n = 0; n < 130; ++n) all += sha256(std::string(n, 'a'));
  EXPECT_EQ(sha256(all), "c665ed20ef30f158e90c7e921d8182bc0943c4b087a82f64a18d417bcdfadce7");
}

TEST(Bundle, HoldsEveryInputIntermediateAndOutput) {
  const TestFolder folder;
  write_bundle(folder / "out/golden");
  std::vector<std::string> names;
  for (const auto& [name, bytes] : contents(folder / "out/golden")) {
    if (name.rfind("003/", 0) == 0 || name.find('/') == std::string::npos) names.push_back(name);
  }
  EXPECT_THAT(names, ElementsAre("003/0000__.._up_accumulator.npy", "003/0000__.._up_output.npy", "003/0000__.._up_step1_multiply.npy", "003/0000__.._up_step2_saturate.npy",
                                 "003/0000__.._up_step3_clamp.npy", "003/0001_y_output.npy", "003/input_00_x_a_0.npy", "manifest.json", "program.qprog", "program.txt"));
  const std::string at = folder / "out/golden/003/0000__.._up_";
  EXPECT_EQ(vectors::read_npy_int(at + "accumulator.npy"), emu::Tensor(emu::kS64, {1, 2, 2}, {0, -8, 97, -1}));
  EXPECT_EQ(vectors::read_npy_int(at + "step1_multiply.npy"), emu::Tensor(emu::kS64, {1, 2, 2}, {0, -16, 194, -2}));
  EXPECT_EQ(vectors::read_npy_int(at + "output.npy"), emu::Tensor(emu::kS8, {1, 2, 2}, {0, -16, 127, -2}));
  EXPECT_EQ(vectors::read_npy_int(folder / "out/golden/003/0001_y_output.npy"), emu::Tensor(emu::kS8, {4}, {0, -16, 127, -2}));
  EXPECT_EQ(emu::deserialize(vectors::read_file(folder / "out/golden/program.qprog"), "p"), emu::parse_program(kProgram));
  EXPECT_FALSE(fs::exists(folder / "out/golden.partial"));
}

TEST(Bundle, IsTheSameBytesInWhateverOrderSamplesAreWritten) {
  const TestFolder folder;
  write_bundle(folder / "a");
  write_bundle(folder / "b", 4, true);
  EXPECT_EQ(contents(folder / "a"), contents(folder / "b"));
}

TEST(Bundle, ItsManifestIsAsTheSchemaSays) {
  const TestFolder folder;
  write_bundle(folder / "g");
  const json schema = json::parse(vectors::read_file(std::string(ASSAY_SOURCE_DIR) + "/golden/schema/manifest.json"));
  const json manifest = json::parse(vectors::read_file(folder / "g/manifest.json"));
  EXPECT_EQ(schema_problems(schema, schema, manifest), std::vector<std::string>{});
  const json& first = manifest["files"][0];
  EXPECT_EQ(first["path"], "000/0000__.._up_accumulator.npy");
  EXPECT_EQ(first["tensor"], "../up");
  EXPECT_EQ(first["operation"], "requantize");
  EXPECT_EQ(first["type"], "s64");
  EXPECT_EQ(first["scale"], nullptr);
  EXPECT_EQ(manifest["files"][1]["scale"], json::parse(R"({"mantissa": 5, "exponent": -7})"));
  EXPECT_EQ(manifest["inputs"][0]["zero_point"], 3);
  EXPECT_EQ(manifest["inputs"][0]["scale"], json::parse(R"([{"mantissa": 5, "exponent": -7}, {"mantissa": 3, "exponent": -1}])")) << "one for each channel";
  // The checker can fail: each key matters.
  for (const auto& [key, value] : manifest.items()) {
    json less = manifest;
    less.erase(key);
    EXPECT_FALSE(schema_problems(schema, schema, less).empty()) << key;
  }
  for (const auto& [key, value] : first.items()) {
    json less = manifest;
    less["files"][0].erase(key);
    EXPECT_FALSE(schema_problems(schema, schema, less).empty()) << key;
    less["files"][0][key] = json::array({"wrong"});
    EXPECT_FALSE(schema_problems(schema, schema, less).empty()) << key;
  }
}

TEST(Bundle, NothingIsLeftWhereItWasNotFinished) {
  const TestFolder folder;
  const emu::Program program = emu::parse_program(kProgram);
  { BundleWriter(folder / "g", program, kInfo).write_sample("0", input(1)); }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(Bundle, RefusesAPlaceThatIsTakenOrCannotBeMade) {
  const TestFolder folder;
  const emu::Program program = emu::parse_program(kProgram);
  const auto error = [&](const std::string& dir) { return message_of<InputError>([&] { BundleWriter(dir, program, kInfo); }); };
  write_bundle(folder / "g");
  EXPECT_THAT(error(folder / "g"), HasSubstr("there already"));
  EXPECT_THAT(error(folder / "g/"), HasSubstr("there already"));
  fs::create_directory(folder / "h.partial");
  EXPECT_THAT(error(folder / "h"), HasSubstr("interrupted"));
  vectors::write_file(folder / "file", "");
  EXPECT_THAT(error(folder / "file/g"), HasSubstr("cannot make the folder"));
  EXPECT_THAT(error("/proc/assay/g"), HasSubstr("cannot make the folder"));
  fs::create_directory(folder / "empty");
  write_bundle(folder / "empty");
  verify_bundle(folder / "empty");
}

TEST(Bundle, AFullDiskLeavesNothingThatLooksComplete) {
  const TestFolder folder;
  const emu::Program program = emu::parse_program(kProgram);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  std::string message;
  {
    BundleWriter writer(folder / "g", program, kInfo);
    const rlimit small{100, before.rlim_max};  // smaller than any .npy
    setrlimit(RLIMIT_FSIZE, &small);
    try {
      writer.write_sample("0", input(1));
    } catch (const InputError& error) {
      message = error.what();
    }
    setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_THROW(writer.finish(), InternalError);
  }
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(message, HasSubstr("File too large"));
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(Bundle, SamplesMustHaveFoldersOfTheirOwnAndInputsThatFit) {
  const TestFolder folder;
  const emu::Program program = emu::parse_program(kProgram);
  BundleWriter writer(folder / "g", program, kInfo);
  writer.write_sample("a/b", input(1));
  EXPECT_THAT(message_of<InputError>([&] { writer.write_sample("a:b", input(1)); }), HasSubstr("a:b"));
  EXPECT_THAT(message_of<InputError>([&] { writer.write_sample("constants", input(1)); }), HasSubstr("constants"));
  EXPECT_THROW(writer.write_sample("c", {}), InputError);
}

std::string verify_error(const std::function<void(const std::string&)>& damage) {
  const TestFolder folder;
  write_bundle(folder / "g");
  verify_bundle(folder / "g");
  damage(folder / "g");
  return message_of<InputError>([&] { verify_bundle(folder / "g"); });
}

// Changes the manifest's line of one file.
void edit(const std::string& dir, size_t file, const std::string& key, const json& value) {
  json manifest = json::parse(vectors::read_file(dir + "/manifest.json"));
  manifest["files"][file][key] = value;
  vectors::write_file(dir + "/manifest.json", manifest.dump());
}

TEST(VerifyBundle, NoticesEveryKindOfDamage) {
  EXPECT_THAT(verify_error([](const std::string& dir) { fs::remove(dir + "/004/0001_y_output.npy"); }), HasSubstr("No such file"));
  EXPECT_THAT(verify_error([](const std::string& dir) { vectors::write_file(dir + "/004/stray", ""); }), HasSubstr("004/stray is not in the manifest"));
  EXPECT_THAT(verify_error([](const std::string& dir) {
                std::string bytes = vectors::read_file(dir + "/004/0001_y_output.npy");
                bytes.back() = static_cast<char>(bytes.back() ^ 1);
                vectors::write_file(dir + "/004/0001_y_output.npy", bytes);
              }),
              HasSubstr("004/0001_y_output.npy was changed"));
  EXPECT_THAT(verify_error([](const std::string& dir) { vectors::write_file(dir + "/program.qprog", "ASSAYQP5"); }), HasSubstr("program.qprog was changed"));
  EXPECT_THAT(verify_error([](const std::string& dir) { edit(dir, 1, "shape", {4}); }), HasSubstr("the manifest says [4]"));
  EXPECT_THAT(verify_error([](const std::string& dir) { edit(dir, 1, "dtype", "uint8"); }), HasSubstr("do not belong together"));
  EXPECT_THAT(verify_error([](const std::string& dir) { edit(dir, 1, "type", "s4"); }), HasSubstr("outside s4"));
  EXPECT_THAT(verify_error([](const std::string& dir) { edit(dir, 1, "path", "../../x"); }), HasSubstr("no path inside"));
  EXPECT_THAT(verify_error([](const std::string& dir) { edit(dir, 1, "path", "/etc/passwd"); }), HasSubstr("no path inside"));
  EXPECT_THAT(verify_error([](const std::string& dir) { edit(dir, 1, "sha256", 3); }), HasSubstr("schema"));
  EXPECT_THAT(verify_error([](const std::string& dir) { vectors::write_file(dir + "/manifest.json", "{}"); }), HasSubstr("not the manifest"));
  EXPECT_THAT(verify_error([](const std::string& dir) { fs::remove(dir + "/manifest.json"); }), HasSubstr("manifest.json"));
}

TEST(VerifyBundle, GathersAllProblems) {
  const std::string message = verify_error([](const std::string& dir) {
    fs::remove(dir + "/000/0001_y_output.npy");
    vectors::write_file(dir + "/program.txt", "");
    vectors::write_file(dir + "/x", "");
  });
  for (const char* part : {"0001_y_output.npy", "program.txt was changed", "x is not in the manifest"}) EXPECT_THAT(message, HasSubstr(part));
}

}  // namespace
}  // namespace assay::golden

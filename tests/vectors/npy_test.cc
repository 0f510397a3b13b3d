#include "vectors/npy.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <limits>

#include "emu/base/error.h"
#include "tests/vectors/folder.h"

namespace assay::vectors {
namespace {

using testing::HasSubstr;

// A .npy file by hand, as NumPy 1.24 lays it out.
std::string npy(const std::string& dictionary, const std::string& data, int version = 1) {
  std::string header = dictionary;
  const size_t prefix = version == 1 ? 10 : 12;
  header.append((64 - (prefix + header.size() + 1) % 64) % 64, ' ');
  header += '\n';
  std::string bytes = std::string("\x93NUMPY") + static_cast<char>(version) + '\0';
  for (size_t i = 0; i < (version == 1 ? 2u : 4u); ++i) bytes += static_cast<char>(header.size() >> (8 * i) & 0xff);
  return bytes + header + data;
}

std::string error_of(const std::string& bytes, bool integers = false) {
  const TestFolder folder;
  write_file(folder / "x.npy", bytes);
  const std::string message = message_of<InputError>([&] { integers ? (void)read_npy_int(folder / "x.npy") : (void)read_npy_float(folder / "x.npy"); });
  EXPECT_THAT(message, HasSubstr("x.npy"));
  return message;
}

FloatTensor read(const std::string& bytes) {
  const TestFolder folder;
  write_file(folder / "x.npy", bytes);
  return read_npy_float(folder / "x.npy");
}

TEST(Npy, FloatBytesAreTheOnesThatNumPyWrites) {
  const FloatTensor tensor{{2, 3}, {0, 1, 2, 3, 4, 5}};
  const std::string bytes = npy_bytes(tensor);
  ASSERT_EQ(bytes.size(), 128u + 24u);
  EXPECT_EQ(bytes.substr(0, 10), std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  EXPECT_EQ(bytes.substr(10, 59), "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
  EXPECT_EQ(bytes[127], '\n');
  EXPECT_EQ(read(bytes), tensor);
}

TEST(Npy, ShapesOfRankZeroAndOneAreTuples) {
  EXPECT_THAT(npy_bytes(FloatTensor{{}, {7}}), HasSubstr("'shape': (), }"));
  EXPECT_THAT(npy_bytes(FloatTensor{{1}, {7}}), HasSubstr("'shape': (1,), }"));
  EXPECT_EQ(read(npy_bytes(FloatTensor{{}, {7}})).shape, Shape{});
  EXPECT_EQ(read(npy_bytes(FloatTensor{{0, 4}, {}})).shape, (Shape{0, 4}));
}

TEST(Npy, Versions2And3HaveAFourByteLength) {
  for (const int version : {2, 3}) {
    const FloatTensor tensor = read(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }", "\x01\xff", version));
    EXPECT_EQ(tensor.data, (std::vector<float>{1, 255}));
  }
}

TEST(Npy, HalvesAreConvertedExactly) {
  // 1, -2, the largest (65504), the smallest subnormal, the largest subnormal, -0, infinity
  const std::vector<uint16_t> halves{0x3c00, 0xc000, 0x7bff, 0x0001, 0x03ff, 0x8000, 0x7c00};
  const std::string data(reinterpret_cast<const char*>(halves.data()), halves.size() * 2);
  const FloatTensor tensor = read(npy("{'descr': '<f2', 'fortran_order': False, 'shape': (7,), }", data));
  EXPECT_EQ(tensor.data, (std::vector<float>{1, -2, 65504, 0x1p-24f, 1023 * 0x1p-24f, -0.0f, std::numeric_limits<float>::infinity()}));
  EXPECT_TRUE(std::signbit(tensor.data[5]));
}

RC_GTEST_PROP(Npy, IntegerTensorsOfEveryTypeComeBackAsWritten, ()) {
  const auto bits = *rc::gen::element<uint8_t>(8, 16, 32, 64);
  const emu::IntType type{bits, *rc::gen::arbitrary<bool>()};
  const Shape shape{*rc::gen::inRange<int64_t>(0, 4), *rc::gen::inRange<int64_t>(0, 5)};
  emu::Tensor tensor(type, shape);
  for (size_t i = 0; i < tensor.size(); ++i)
    tensor.set(i, static_cast<int64_t>(emu::wrap(*rc::gen::arbitrary<int64_t>(), emu::IntType{static_cast<uint8_t>(bits - 1), type.is_signed})));
  const TestFolder folder;
  write_file(folder / "t.npy", npy_bytes(tensor));
  RC_ASSERT(read_npy_int(folder / "t.npy") == tensor);
}

TEST(Npy, FortransOrderBecomesCs) {
  // 2 x 3 with the first axis fastest: 1 4, 2 5, 3 6
  const std::string data("\x01\x04\x02\x05\x03\x06", 6);
  const FloatTensor tensor = read(npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", data));
  EXPECT_EQ(tensor.data, (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST(Npy, NarrowTypesAreStoredInTheNextMachineType) {
  const emu::Tensor tensor(emu::IntType{4, true}, {2}, {-8, 7});
  EXPECT_THAT(npy_bytes(tensor), HasSubstr("'|i1'"));
  EXPECT_THAT(npy_bytes(emu::Tensor(emu::IntType{20, false}, {1}, {1 << 19})), HasSubstr("'<u4'"));
}

TEST(Npy, EveryKindOfBrokenFileIsRefusedByName) {
  const std::string good = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", std::string(8, '\0'));
  EXPECT_THAT(error_of(""), HasSubstr("not a .npy file"));
  EXPECT_THAT(error_of("PK\x03\x04 something else"), HasSubstr("not a .npy file"));
  EXPECT_THAT(error_of(good.substr(0, 40)), HasSubstr("cut off"));
  EXPECT_THAT(error_of(good.substr(0, good.size() - 1)), HasSubstr("cut off"));
  EXPECT_THAT(error_of(good + "x"), HasSubstr("trailing bytes"));
  EXPECT_THAT(error_of(npy("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", "xx")), HasSubstr("'|O'"));
  EXPECT_THAT(error_of(npy("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", "xxxx")), HasSubstr("'>f4'"));
  EXPECT_THAT(error_of(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "xxxx")), HasSubstr("structured"));
  EXPECT_THAT(error_of(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "xxxx")), HasSubstr("extent"));
  EXPECT_THAT(error_of(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999, 99999999), }", "xxxx")), HasSubstr("2^31"));
  EXPECT_THAT(error_of(npy("{'descr': '<f4', 'fortran_order': False, }", "")), HasSubstr("missing"));
  EXPECT_THAT(error_of(npy("{'descr': '<f4', 'shape': (1,), 'shape': (1,), }", "xxxx")), HasSubstr("twice"));
  EXPECT_THAT(error_of(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x", "xxxx")), HasSubstr("closing brace"));
  EXPECT_THAT(error_of(good, true), HasSubstr("floating-point"));
}

TEST(Npy, FortranOrderOfOneLongAxisIsTheSameBytes) {
  EXPECT_EQ(read(npy("{'descr': '|i1', 'fortran_order': True, 'shape': (1, 3, 1), }", "\x01\x02\xff")).data, (std::vector<float>{1, 2, -1}));
}

RC_GTEST_PROP(Npy, NoByteChangedInAFileCanCrashTheReader, ()) {
  std::string bytes = npy_bytes(emu::Tensor(emu::kS16, {2, 2}, {1, 2, 3, 4}));
  const auto at = *rc::gen::inRange<size_t>(0, bytes.size());
  bytes[at] = static_cast<char>(*rc::gen::inRange(0, 256));
  bytes.resize(*rc::gen::inRange<size_t>(at, bytes.size() + 1));
  const TestFolder folder;
  write_file(folder / "x.npy", bytes);
  try {
    (void)read_npy_float(folder / "x.npy");
  } catch (const InputError&) {
  }
}

TEST(WriteFile, LeavesNothingElseBehindAndReplacesWhatWasThere) {
  const TestFolder folder;
  write_file(folder / "a", "one");
  write_file(folder / "a", "two");
  EXPECT_EQ(read_file(folder / "a"), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(WriteFile, NamesThePathAndTheReason) {
  const TestFolder folder;
  const std::string inside = folder / "missing/a";
  EXPECT_EQ(message_of<InputError>([&] { write_file(inside, "x"); }), "cannot write '" + inside + "': No such file or directory");
  EXPECT_THAT(message_of<InputError>([&] { write_file(folder.path(), "x"); }), HasSubstr("Is a directory"));
}

TEST(WriteFile, AFullDeviceIsAnError) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  EXPECT_EQ(message_of<InputError>([] { write_file("/dev/full", "x"); }), "cannot write '/dev/full': No space left on device");
}

TEST(WriteFile, AFileThatStopsGrowingHalfwayLeavesTheOldOneWhole) {
  const TestFolder folder;
  write_file(folder / "a", "old");
  // A limit on file size makes the kernel take a part of the bytes and then refuse: as a disk that fills up while writing.
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string message;
  try {
    write_file(folder / "a", std::string(5000, 'x'));
  } catch (const InputError& error) {
    message = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(message, HasSubstr("File too large"));
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(ReadFile, RefusesWhatIsMissingAFolderOrTooLarge) {
  const TestFolder folder;
  EXPECT_THAT(message_of<InputError>([&] { read_file(folder / "none"); }), HasSubstr("No such file"));
  EXPECT_THAT(message_of<InputError>([&] { read_file(folder.path()); }), HasSubstr("Is a directory"));
  write_file(folder / "a", "12345");
  EXPECT_EQ(read_file(folder / "a", 5), "12345");
  EXPECT_THAT(message_of<InputError>([&] { read_file(folder / "a", 4); }), HasSubstr("4 bytes"));
  EXPECT_THAT(message_of<InputError>([] { read_file("/dev/zero", 3 << 20); }), HasSubstr("larger"));
}

}  // namespace
}  // namespace assay::vectors

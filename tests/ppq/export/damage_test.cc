// Files that are not what they should be: refused with their place and every problem, the network unchanged; never a crash.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "emu/base/error.h"
#include "quant/export/export.h"
#include "quant/export/import.h"
#include "tests/ppq/export/files.h"

namespace assay::ppq::test {
namespace {

struct Kind {
  std::string platform, exporter, suffix;
};
void PrintTo(const Kind& kind, std::ostream* out) {
  *out << kind.exporter << kind.suffix;
}

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = {{"NXP_INT8", "OnnxExporter", ".json"},          {"PPL_CUDA_INT8", "PPLBackendExporter", ".json"},
                                        {"QNN_DSP_INT8", "QNNDSPExporter", ".json"},    {"SNPE_INT8", "SNPECaffeExporter", ".json"},
                                        {"TRT_INT8", "TensorRTExporter_JSON", ".json"}, {"MNN_INT8", "MNNExporter", ".json"},
                                        {"NCNN_INT8", "NCNNExporter", ".table"},        {"TENGINE_INT8", "TengineExporter", ".scale"},
                                        {"ONNXRUNTIME", "ONNXRUNTIMExporter", ".onnx"}, {"NXP_INT8", "NxpExporter", ".onnx"}};
  return all;
}

// What the reader said; "" where it took the file. Anything but our two refusals ends the test.
std::string refusal(const Network& network, const std::string& path) {
  Network copy = network;
  try {
    import_quantization(copy, path);
    return "";
  } catch (const InputError& error) {
    return error.what();
  } catch (const Unsupported& error) {
    return error.what();
  }
}

class Damaged : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    const RecordedRun run("cnn_core", GetParam().platform);
    if (!run.exists()) GTEST_SKIP() << run.missing();
    network_ = as_exported(run);
    bytes_ = exported(run, GetParam().exporter, GetParam().suffix);
  }
  std::string tried(const std::string& bytes) const { return refusal(network_, folder_.write("file" + GetParam().suffix, bytes)); }

  Folder folder_;
  Network network_;
  std::string bytes_;
};

TEST_P(Damaged, CutAtAnyLengthIsRefused) {
  std::mt19937_64 random(20260101);
  for (int round = 0; round < 60; ++round) {
    const size_t length = 1 + random() % (bytes_.size() - 2);
    const std::string said = tried(bytes_.substr(0, length));
    // Lines that are gone are missing entries; a text may also end within a number, which then is another one.
    const bool text = GetParam().suffix == ".table" || GetParam().suffix == ".scale";
    if (!text || bytes_[length - 1] == '\n') {
      EXPECT_NE(said, "") << length;
    }
  }
}

TEST_P(Damaged, WithOtherBytesIsRefusedOrRead) {
  std::mt19937_64 random(20260102);
  // Of models the structure, not the weights; of texts also whole words.
  const size_t span = GetParam().suffix == ".onnx" ? std::min<size_t>(bytes_.size(), 9000) : bytes_.size();
  size_t refused = 0;
  for (int round = 0; round < 120; ++round) {
    std::string damaged = bytes_;
    for (uint64_t flips = 1 + random() % 3; flips > 0; --flips) {
      const size_t at = random() % span;
      static const std::string kLikely = "\"{}[],:.-eE0123456789 \n";
      if (random() % 3 == 0 && GetParam().suffix != ".onnx") {
        damaged.erase(at, random() % 12);
      } else {
        damaged[std::min(at, damaged.size() - 1)] = random() % 2 == 0 ? kLikely[random() % kLikely.size()] : static_cast<char>(random());
      }
    }
    refused += tried(damaged).empty() ? 0 : 1;
  }
  EXPECT_GT(refused, 10U);
}

TEST_P(Damaged, OfAnotherNetworkNamesWhatIsUnknown) {
  Network other = network_;
  for (const OperationId id : other.order) other.operation(id).name += "_x";
  for (Variable& variable : other.variables) variable.name += "_x";
  const std::string path = folder_.write("file" + GetParam().suffix, bytes_);
  const std::string said = refusal(other, path);
  EXPECT_NE(said.find(path), std::string::npos) << said;
  EXPECT_TRUE(said.find("the network has no ") != std::string::npos || said.find("unknown") != std::string::npos || said.find("is of no quantized") != std::string::npos ||
              said.find("must be the least value") != std::string::npos)
      << said;
}
INSTANTIATE_TEST_SUITE_P(All, Damaged, testing::ValuesIn(kinds()));

class Refused : public testing::Test {
 protected:
  void SetUp() override {
    const RecordedRun run("cnn_core", "TRT_INT8");
    if (!run.exists()) GTEST_SKIP() << run.missing();
    network_ = as_exported(run);
    activations_ = exported(run, "TensorRTExporter_JSON", ".json");
    native_ = exported(run, "OnnxExporter", ".json");
  }
  std::string said(const std::string& name, const std::string& bytes) const { return refusal(network_, folder_.write(name, bytes)); }
  static std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return at == std::string::npos ? text : text.replace(at, from.size(), to);
  }
  void says(const std::string& bytes, const std::string& part) const {
    const std::string text = said("file.json", bytes);
    EXPECT_NE(text.find(part), std::string::npos) << "said: " << text.substr(0, 600);
  }

  Folder folder_;
  Network network_;
  std::string activations_, native_;
};

TEST_F(Refused, FilesThatAreNotThereOrEmptyOrOfNoFormat) {
  EXPECT_NE(refusal(network_, "nowhere.json").find("nowhere.json: no such file"), std::string::npos);
  says("", "is empty");
  says(" \n", "is empty");
  says("{}", "of no known format");
  says("[1]", "of no known format");
  says("{\"act_quant_info\": ", "is no valid JSON");
  says(std::string("\x01\x02\x00zz", 5), "neither JSON nor text");
  says(std::string(100000, '['), "is no valid JSON");
}

TEST_F(Refused, KeysThatAreUnknownMissingOrDoubled) {
  says(replaced(activations_, "\"relu0_out\"", "\"relu9_out\""), "act_quant_info.relu9_out: the network has no variable 'relu9_out'");
  says(replaced(activations_, "\"relu0_out\"", "\"relu9_out\""), "'relu0_out': the file has no entry for it");
  says(replaced(activations_, "\"relu0_out\"", "\"input\""), "key 'input' is there twice");
  says(replaced(native_, "\"bit_width\"", "\"bits\""), "key 'bit_width' is missing");
  says(replaced(native_, "\"bit_width\"", "\"bits\""), "key 'bits' is unknown");
}

TEST_F(Refused, NumbersThatAreNoScale) {
  says(replaced(activations_, "3.7026366386562586", "0"), "a scale must be a positive number, not 0.0");
  says(replaced(activations_, "3.7026366386562586", "-1"), "a scale must be a positive number");
  says(replaced(activations_, "3.7026366386562586", "1e300"), "a scale must be a positive number");
  says(replaced(activations_, "3.7026366386562586", "\"a\""), "act_quant_info.input: must be a number, not \"a\"");
  says(replaced(activations_, "3.7026366386562586", "NaN"), "is no valid JSON");
}

TEST_F(Refused, NativeEntriesThatContradictThemselves) {
  says(replaced(native_, "\"ACTIVATED\"", "\"ACTIVE\""), "'ACTIVE' is no state of PPQ");
  says(replaced(native_, "\"PER_CHANNEL\": false", "\"PER_CHANNEL\": true"), "exactly one of PER_TENSOR and PER_CHANNEL");
  says(replaced(native_, "\"bit_width\": 8", "\"bit_width\": 99"), "bit_width: must be a whole number from 2 to 32, not 99");
  says(replaced(native_, "\"quant_max\": 127", "\"quant_max\": -129"), "quant_min and quant_max do not fit");
  says(replaced(native_, "\"TRT_INT8\"", "\"NXP_INT8\""), "the file has it on NXP_INT8, the network on TRT_INT8");
}

TEST_F(Refused, ListsOfTheWrongLength) {
  const size_t list = native_.find("\"scale\": [");
  const size_t end = native_.find("]", list);
  says(std::string(native_).replace(list, end - list + 1, "\"scale\": [0.5, 0.5]"), "2 scales and");
  const RecordedRun run("cnn_core", "NCNN_INT8");
  Network network = as_exported(run);
  std::string table = exported(run, "NCNNExporter", ".table");
  table.insert(table.find("pw1_param_0 ") + 12, "1.5 ");
  EXPECT_NE(refusal(network, folder_.write("a.table", table)).find("line 2: holds 33 scales, which are not as many as the channels of 'pw1_weight'"), std::string::npos);
}

TEST_F(Refused, WhatThePlatformLeavesFloat) {
  const RecordedRun run("cnn_core", "NXP_INT8");
  Network network = as_exported(run);
  const std::string text = refusal(network, folder_.write("a.json", activations_));
  EXPECT_NE(text.find("variable 'softmax_out' is not quantized in this network"), std::string::npos) << text;
}

TEST_F(Refused, LeavesTheNetworkAsItWas) {
  Network network = network_;
  const std::string path = folder_.write("a.json", replaced(activations_, "\"softmax_out\"", "\"softmax\""));
  EXPECT_THROW(import_quantization(network, path), InputError);
  for (ConfigId id = 0; id < network.configurations.size(); ++id) EXPECT_EQ(network.configurations.scale(id), network_.configurations.scale(id));
}

}  // namespace
}  // namespace assay::ppq::test

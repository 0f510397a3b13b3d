// Our files against those that PPQ wrote from the same networks.
#include "quant/export/export.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "emu/base/error.h"
#include "tests/ppq/export/files.h"

namespace assay::ppq::test {
namespace {

using nlohmann::json;

struct Format {
  std::string platform, exporter, suffix, recorded;
};
void PrintTo(const Format& format, std::ostream* out) {
  *out << format.exporter << format.suffix << " of " << format.platform;
}

class ExportedText : public testing::TestWithParam<Format> {};
class ExportedJson : public testing::TestWithParam<Format> {};
class ExportedOnnx : public testing::TestWithParam<Format> {};

std::vector<Format> of_all(const std::string& exporter, const std::string& suffix, const std::string& recorded) {
  std::vector<Format> formats;
  for (const std::string& platform : recorded_platforms("cnn_core")) {
    if (std::filesystem::exists(RecordedRun("cnn_core", platform).folder() + "export/" + recorded)) formats.push_back({platform, exporter, suffix, recorded});
  }
  return formats;
}
std::vector<Format> joined(std::vector<std::vector<Format>> lists) {
  std::vector<Format> all;
  for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

TEST_P(ExportedText, EqualsPpqByteForByte) {
  const Format& format = GetParam();
  const RecordedRun run("cnn_core", format.platform);
  if (!run.exists()) GTEST_SKIP() << run.missing();
  EXPECT_EQ(exported(run, format.exporter, format.suffix), read_bytes(run.folder() + "export/" + format.recorded));
}
INSTANTIATE_TEST_SUITE_P(All, ExportedText,
                         testing::Values(Format{"NCNN_INT8", "NCNNExporter", ".table", "platform.json"}, Format{"TENGINE_INT8", "TengineExporter", ".scale", "platform.scale"},
                                         Format{"TRT_INT8", "TensorRTExporter_JSON", ".wts", "quantized.wts"},
                                         Format{"TRT_INT8", "TensorRTExporter_JSON", ".json", "platform.json"}, Format{"MNN_INT8", "MNNExporter", ".json", "platform.json"},
                                         Format{"QNN_DSP_INT8", "QNNDSPExporter", ".json", "platform.json"}, Format{"SNPE_INT8", "SNPECaffeExporter", ".json", "platform.json"},
                                         Format{"SNPE_INT8", "SNPECaffeExporter", ".prototxt", "platform.prototxt"},
                                         Format{"PPL_DSP_INT8", "PPLDSPCaffeExporter", ".prototxt", "platform.prototxt"},
                                         Format{"PPL_DSP_INT8_dspsetting", "PPLDSPCaffeExporter", ".prototxt", "platform.prototxt"}));

TEST_P(ExportedJson, EqualsPpqButForTheNamesOfHashes) {
  const Format& format = GetParam();
  const RecordedRun run("cnn_core", format.platform);
  if (!run.exists()) GTEST_SKIP() << run.missing();
  // Hashes are numbers of PPQ's process: the same configuration must have the same one everywhere, no more. Order and all texts are equal, so the whole files are compared as text.
  EXPECT_EQ(without_hashes(exported(run, format.exporter, format.suffix)), without_hashes(read_bytes(run.folder() + "export/" + format.recorded)));
}
INSTANTIATE_TEST_SUITE_P(All, ExportedJson,
                         testing::ValuesIn(joined({of_all("OnnxExporter", ".json", "ppq_onnx.json"),
                                                   of_all("ONNXRUNTIMExporter", ".json", "ort_qdq.json"),
                                                   {{"OPENVINO_INT8", "OpenvinoExporter", ".json", "platform.json"},
                                                    {"TENGINE_INT8", "TengineExporter", ".json", "platform.json"},
                                                    {"PPL_CUDA_INT8", "PPLBackendExporter", ".json", "platform.json"}}})));

TEST_P(ExportedOnnx, HasPpqsNodesAttributesAndInitializers) {
  const Format& format = GetParam();
  const RecordedRun run("cnn_core", format.platform);
  if (!run.exists()) GTEST_SKIP() << run.missing();
  const Folder folder;
  const std::string ours = folder.write("ours.onnx", exported(run, format.exporter, format.suffix));
  EXPECT_EQ(differences_of_models(ours, run.folder() + "export/" + format.recorded, format.exporter != "NxpExporter"), std::vector<std::string>{});
}
INSTANTIATE_TEST_SUITE_P(All, ExportedOnnx,
                         testing::ValuesIn(joined({of_all("OnnxExporter", ".onnx", "ppq_onnx.onnx"),
                                                   of_all("ONNXRUNTIMExporter", ".onnx", "ort_qdq.onnx"),
                                                   {{"NXP_INT8", "NxpExporter", ".onnx", "platform.onnx"},
                                                    {"OPENVINO_INT8", "OpenvinoExporter", ".onnx", "platform.onnx"},
                                                    {"TENGINE_INT8", "TengineExporter", ".onnx", "platform.onnx"},
                                                    {"PPL_CUDA_INT8", "PPLBackendExporter", ".onnx", "platform.onnx"},
                                                    {"TRT_INT8", "TensorRTExporter_JSON", ".onnx", "platform.onnx"},
                                                    {"NCNN_INT8", "NCNNExporter", ".onnx", "platform.onnx"},
                                                    {"QNN_DSP_INT8", "QNNDSPExporter", ".onnx", "platform.onnx"},
                                                    {"MNN_INT8", "MNNExporter", ".onnx", "platform.onnx"}}})));

TEST(Export, RefusesAnExporterThatThereIsNotAndListsThoseThatThereAre) {
  try {
    export_network(Network{}, "TensorRT");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("there is no exporter 'TensorRT'; there are AscendExporter"), std::string::npos) << error.what();
  }
}

TEST(Export, RefusesPickles) {
  EXPECT_THROW(export_network(Network{}, "NativeExporter"), Unsupported);
}

}  // namespace
}  // namespace assay::ppq::test

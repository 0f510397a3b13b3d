// Our files against those that PPQ wrote from the same networks.
#include "quant/export/export.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>

#include "emu/base/error.h"
#include "quant/export/import.h"
#include "quant/onnx/model.h"
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
                                                    {"METAX_INT8_C", "ONNXRUNTIMExporter", ".json", "platform.json"},
                                                    {"METAX_INT8_T", "ONNXRUNTIMExporter", ".json", "platform.json"},
                                                    {"ONNXRUNTIME", "ONNXRUNTIMExporter", ".json", "platform.json"},
                                                    {"RKNN_INT8", "OnnxExporter", ".json", "platform.json"},
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
                                                    {"METAX_INT8_C", "ONNXRUNTIMExporter", ".onnx", "platform.onnx"},
                                                    {"METAX_INT8_T", "ONNXRUNTIMExporter", ".onnx", "platform.onnx"},
                                                    {"ONNXRUNTIME", "ONNXRUNTIMExporter", ".onnx", "platform.onnx"},
                                                    {"RKNN_INT8", "OnnxExporter", ".onnx", "platform.onnx"},
                                                    {"TENGINE_INT8", "TengineExporter", ".onnx", "platform.onnx"},
                                                    {"PPL_CUDA_INT8", "PPLBackendExporter", ".onnx", "platform.onnx"},
                                                    {"TRT_INT8", "TensorRTExporter_JSON", ".onnx", "platform.onnx"},
                                                    {"NCNN_INT8", "NCNNExporter", ".onnx", "platform.onnx"},
                                                    {"QNN_DSP_INT8", "QNNDSPExporter", ".onnx", "platform.onnx"},
                                                    {"MNN_INT8", "MNNExporter", ".onnx", "platform.onnx"}}})));

// What the last step of the platform measured stands in the record as NumPy prints it: "array([0.5, 1.25], dtype=float32)".
void set_channel_ranges(Network& network, const RecordedRun& run) {
  const auto slots = run.slots();
  for (const json& operation : json::parse(read_bytes(run.folder() + "tqc.json"))) {
    for (const char* side : {"inputs", "outputs"}) {
      for (const json& slot : operation.at(side)) {
        if (!slot.contains("detail")) continue;
        for (const auto& [key, printed] : slot.at("detail").items()) {
          const std::string text = printed.get<std::string>();
          const std::regex number("-?[0-9]+\\.[0-9]*(e[-+]?[0-9]+)?");
          size_t channel = 0;
          for (std::sregex_iterator found(text.begin(), text.end(), number), end; found != end; ++found) {
            network.configurations[slots.at(slot.at("id"))].detail[key + "[" + std::to_string(channel++) + "]"] = static_cast<double>(std::stof(found->str()));
          }
        }
      }
    }
  }
}

TEST(ExportedChannelRanges, EqualPpqByteForByte) {
  const RecordedRun run("cnn_core", "PPL_DSP_TI_INT8");
  if (!run.exists()) GTEST_SKIP() << run.missing();
  Network network = as_exported(run);
  set_channel_ranges(network, run);
  const Export made = export_network(network, "PPLDSPTICaffeExporter");
  EXPECT_EQ(made.files.at(0).bytes, read_bytes(run.folder() + "export/platform.prototxt"));
  ASSERT_EQ(made.warnings.size(), 1U);
  EXPECT_EQ(made.warnings[0].rfind("the .caffemodel is not written", 0), 0U);
}

// A convolution, a pool and a product with unsigned inputs and signed weights, as no recorded platform has them.
Network records() {
  Network network;
  const auto variable = [&](const char* name, Shape shape, size_t values) {
    const VariableId id = network.add_variable(name);
    network.variable(id).shape = shape;
    network.variable(id).is_parameter = values > 0;
    if (values > 0) network.variable(id).value = std::make_shared<const quant::Constant>(quant::Constant::of_reals(shape, std::vector<float>(values, 0.5F)));
    return id;
  };
  const auto input_of = [&](float scale, float offset) {
    Configuration made;
    made.policy.asymmetric = true, made.quant_min = 0, made.quant_max = 255, made.state = State::activated;
    const ConfigId id = network.configurations.add(made);
    network.configurations.set_scale(id, {{scale}, {offset}, false});
    return id;
  };
  const auto weight_of = [&](std::vector<float> scales, bool per_channel) {
    Configuration made;
    made.policy.per_channel = per_channel, made.state = State::activated;
    if (per_channel) made.channel_axis = 0;
    const ConfigId id = network.configurations.add(made);
    network.configurations.set_scale(id, {scales, std::vector<float>(scales.size(), 0.0F), per_channel});
    return id;
  };
  const auto add = [&](const char* name, const char* type, std::vector<VariableId> inputs, VariableId output, std::vector<ConfigId> configs) {
    Configuration real;
    real.state = State::fp32;
    Operation made;
    made.name = name, made.type = type, made.quantized = true, made.platform = "ASC_INT8";
    made.inputs = std::move(inputs), made.outputs = {output}, made.input_configs = std::move(configs), made.output_configs = {network.configurations.add(real)};
    network.add_operation(std::move(made));
  };
  const VariableId x = variable("x", {1, 3, 8, 6}, 0), a = variable("a", {1, 2, 8, 6}, 0), b = variable("b", {1, 2, 4, 3}, 0), c = variable("c", {1, 24}, 0),
                   y = variable("y", {1, 5}, 0);
  add("conv", "Conv", {x, variable("w", {2, 3, 1, 1}, 6)}, a, {input_of(0.02F, 128), weight_of({0.25F, 1e-9F}, true)});
  add("pool", "AveragePool", {a}, b, {input_of(0.0234375F, 0)});
  Operation flat;
  flat.name = "flat", flat.type = "Flatten", flat.platform = "FP32", flat.inputs = {b}, flat.outputs = {c};
  network.add_operation(std::move(flat));
  add("gemm", "Gemm", {c, variable("v", {24, 5}, 120)}, y, {input_of(0.5F, 255), weight_of({0.125F}, false)});
  network.inputs = {x}, network.outputs = {y}, network.name = "records", network.opset = 11;
  return network;
}

TEST(ExportedRecords, HoldScalesOffsetsAndShapes) {
  // 1e-9 is less than the least scale of the format, 2^-23.
  EXPECT_EQ(
      export_network(records(), "AscendExporter").files.at(1).bytes,
      "record {\n  key: \"conv\"\n  value {\n    scale_d: 0.019999999552965164\n    offset_d: 0\n    scale_w: 0.25\n    scale_w: 1.1920928955078125e-07\n    offset_w: 0\n    "
      "offset_w: 0\n"
      "    channels: 3\n    height: 8\n    width: 6\n  }\n}\n"
      "record {\n  key: \"pool\"\n  value {\n    scale_d: 0.0234375\n    offset_d: -128\n    channels: 2\n    height: 8\n    width: 6\n  }\n}\n"
      "record {\n  key: \"gemm\"\n  value {\n    scale_d: 0.5\n    offset_d: 127\n    scale_w: 0.125\n    offset_w: 0\n    channels: 24\n    height: 1\n    width: 1\n  }\n}\n");
}

TEST(ExportedRecords, AreReadBack) {
  const Network wanted = records();
  Network network = wanted;
  for (ConfigId id = 0; id < network.configurations.size(); ++id) {
    if (network.configurations.scale(id).set()) network.configurations.restore(id, State::initial, id, {});
  }
  const Folder folder;
  EXPECT_EQ(import_quantization(network, folder.write("file.txt", export_network(wanted, "AscendExporter").files.at(1).bytes)).given, 5U);
  for (ConfigId id = 0; id < network.configurations.size(); ++id) {
    ScaleOffset scale = wanted.configurations.scale(id);
    if (scale.scale.size() == 2) scale.scale[1] = 1.1920928955078125e-07F;
    EXPECT_EQ(network.configurations.scale(id), scale) << id;
    EXPECT_EQ(network.configurations[id].state, wanted.configurations[id].state) << id;
  }
}

TEST(ExportedRecords, ThatAreDamagedAreRefused) {
  const Folder folder;
  const std::string text = export_network(records(), "AscendExporter").files.at(1).bytes;
  const auto said = [&](const std::string& from, const std::string& to) {
    std::string damaged = text;
    const size_t at = damaged.find(from);
    if (at != std::string::npos) damaged.replace(at, from.size(), to);
    Network network = records();
    try {
      import_quantization(network, folder.write("file.txt", damaged));
      return std::string();
    } catch (const InputError& error) {
      return std::string(error.what());
    }
  };
  EXPECT_EQ(said("nothing", ""), "");
  EXPECT_NE(said("\"conv\"", "\"cone\"").find("the network has no operation 'cone'"), std::string::npos);
  EXPECT_NE(said("scale_d", "scale_x").find("field 'scale_x' is unknown"), std::string::npos);
  EXPECT_NE(said("scale_d", "scale_x").find("field 'scale_d' is missing"), std::string::npos);
  EXPECT_NE(said("scale_w: 0.25", "scale_w: nan").find("where a number must stand"), std::string::npos);
  EXPECT_NE(said("scale_w: 0.25\n", "").find("as many offset_w as scale_w"), std::string::npos);
  EXPECT_NE(said("key: \"gemm\"", "key: \"pool\"").find("is given twice"), std::string::npos);
  EXPECT_NE(said("    scale_w: 0.125\n    offset_w: 0\n", "").find("field 'scale_w' is missing"), std::string::npos);
  for (size_t length = 6; length + 3 < text.size(); ++length) {
    Network network = records();
    EXPECT_THROW(import_quantization(network, folder.write("file.txt", text.substr(0, length))), InputError) << length;
  }
}

TEST(Export, RefusesAnExporterThatThereIsNotAndListsThoseThatThereAre) {
  try {
    export_network(Network{}, "TensorRT");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("there is no exporter 'TensorRT'; there are AscendExporter"), std::string::npos) << error.what();
  }
}

TEST(Export, WritesFloatingQuantizationAsNodesToReadAndSaysSo) {
  const RecordedRun run("cnn_core", "TRT_INT8");
  if (!run.exists()) GTEST_SKIP() << run.missing();
  Network network = as_exported(run);
  Configuration& input = network.configurations[network.operation(*network.find_operation("conv0")).input_configs[0]];
  input.policy = {.per_channel = false, .floating = true, .asymmetric = false, .power_of_two = true, .dynamic = false};
  input.exponent_bits = 4, input.quant_min = -448, input.quant_max = 448;
  const Export made = export_network(network, "ONNXRUNTIMExporter");
  const Folder folder;
  const quant::OnnxModel model = quant::load_model(folder.write("fp8.onnx", made.files.at(0).bytes));
  ASSERT_EQ(model.nodes.at(0).type, "QuantizeFloating");
  EXPECT_EQ(model.nodes[0].real("min", 0), -448.0F);
  EXPECT_EQ(model.nodes[0].real("max", 0), 448.0F);
  EXPECT_EQ(model.nodes[0].integer("exponent", 0), 4);
  EXPECT_EQ(model.nodes[0].integer("mantissa", 0), 3);
  EXPECT_EQ(made.warnings, std::vector<std::string>{"conv0:in0: floating quantization has no ONNX operator; QuantizeFloating is only for people to read"});
}

TEST(Export, WarnsOfRoundingThatAFileCannotSay) {
  const RecordedRun run("cnn_core", "NXP_INT8");
  if (!run.exists()) GTEST_SKIP() << run.missing();
  const std::vector<std::string> warnings = export_network(as_exported(run), "ONNXRUNTIMExporter").warnings;
  EXPECT_NE(std::find(warnings.begin(), warnings.end(), "relu0:out0: the file rounds half to even, the quantization is ROUND_HALF_UP"), warnings.end());
}

TEST(Export, RefusesWhatAFormatCannotHold) {
  const RecordedRun run("cnn_core", "NCNN_INT8");
  if (!run.exists()) GTEST_SKIP() << run.missing();
  const Network network = as_exported(run);
  // Words of 6 bits have no type; scales per channel do not fit one number.
  EXPECT_THROW(export_network(network, "ONNXRUNTIMExporter"), Unsupported);
  for (const char* exporter : {"TengineExporter", "QNNDSPExporter", "SNPECaffeExporter", "AscendExporter", "MNNExporter"})
    EXPECT_THROW(export_network(network, exporter), Unsupported) << exporter;
  EXPECT_THROW(export_network(run.after("QuantizeSimplifyPass"), "QNNDSPExporter"), Unsupported);
}

TEST(Export, RefusesPickles) {
  EXPECT_THROW(export_network(Network{}, "NativeExporter"), Unsupported);
}

}  // namespace
}  // namespace assay::ppq::test

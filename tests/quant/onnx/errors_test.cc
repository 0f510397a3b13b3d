// What import refuses, and how it says so: every problem at once, with the node or tensor and the remedy.
#include <cmath>
#include <cstring>

#include "tests/quant/onnx/small_model.h"

namespace assay::quant::testing_onnx {
namespace {

SmallModel relu(int64_t opset = 13) {
  SmallModel model(opset);
  model.input("x", {2}).output("y").node("Relu", {"x"}, {"y"});
  return model;
}

TEST(ImportErrors, NameTheNodesOfACycle) {
  SmallModel model;
  model.input("x", {2}).output("y");
  model.node("Add", {"x", "c"}, {"a"}).name("first");
  model.node("Relu", {"a"}, {"b"}).name("second");
  model.node("Relu", {"b"}, {"c"}).name("third");
  model.node("Relu", {"c"}, {"y"}).name("after");
  const std::string text = input_error(model);
  expect_in(text, {"cycle", "'first'", "'second'", "'third'"});
  EXPECT_EQ(text.find("'after'"), std::string::npos) << text;
}

TEST(ImportErrors, AreNotCausedByNodesOutOfOrder) {
  SmallModel model;
  model.input("x", {2}).output("y");
  model.node("Relu", {"a"}, {"y"});
  model.node("Exp", {"x"}, {"a"});
  const Graph graph = model.import();
  EXPECT_EQ(graph.nodes.at(0).onnx_type, "Exp");
}

TEST(ImportErrors, GatherAllProblemsOfStructure) {
  SmallModel model;
  model.input("x", {2}).floats("x2", {1}).output("y").output("nowhere");
  model.node("Add", {"x", "missing"}, {"y"}).name("sum");
  model.node("Relu", {"x"}, {"x2"});
  expect_in(input_error(model), {"small.onnx", "'sum' (Add)", "'missing' is defined nowhere", "'x2': the name is defined twice", "'nowhere' is made by no node"});
}

TEST(ImportErrors, ListEveryUnsupportedOperatorAtOnce) {
  SmallModel model;
  model.input("x", {1, 2, 4}).output("y").output("z");
  model.node("Hardmax", {"x"}, {"a"}).name("one");
  model.node("Relu", {"a"}, {"b"});
  model.node("QLinearReduceMean", {"b"}, {"y"}).name("two").domain("com.microsoft");
  model.node("Sub", {"x", "x"}, {"d"});
  model.node("Div", {"x", "d"}, {"z"}).name("three");
  const std::string text = unsupported(model);
  expect_in(text, {"small.onnx", "'one' (Hardmax)", "'two' (com.microsoft:QLinearReduceMean)", "'three' (Div): it divides by a computed value"});
  EXPECT_EQ(text.find("Relu"), std::string::npos) << text;
}

TEST(ImportErrors, SayWhichAxesAreDynamicAndHowToGiveThem) {
  SmallModel model;
  model.input("x", {-1, 3, 8, -1}).output("y").node("Relu", {"x"}, {"y"});
  expect_in(input_error(model), {"'x'", "0 ('batch'), 3 ('batch')", "--shape x=1x3x8x224"});
  EXPECT_EQ(model.import({{{"x", {2, 3, 8, 9}}}}).values[0].shape, (Shape{2, 3, 8, 9}));
  EXPECT_EQ(model.import({{{"", {2, 3, 8, 9}}}}).values[0].shape, (Shape{2, 3, 8, 9}));
  expect_in(input_error(model, {{{"z", {1}}}}), {"--shape z", "no such input", "'x'"});
  expect_in(input_error(model, {{{"x", {1, 2}}}}), {"2 axes", "4"});
  expect_in(input_error(model, {{{"x", {1, 3, 8, -4}}}}), {"negative extent"});
  expect_in(input_error(model, {{{"x", {1, 3, 8, 0}}}}), {"no elements"});
  expect_in(input_error(model, {{{"x", {65536, 65536, 65536, 65536}}}}), {"2^31"});
}

TEST(ImportErrors, NameTheOpset) {
  expect_in(input_error(relu(6)), {"opset 6", "7 to 18"});
  expect_in(input_error(relu(19)), {"opset 19"});
  SmallModel model = relu();
  model.proto.clear_opset_import();
  expect_in(input_error(model), {"opset"});
}

TEST(ImportErrors, NameTheFirstWeightThatIsNoNumber) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    SmallModel model;
    model.input("x", {3}).output("y").floats("w", {3}, {1, 2, bad}).node("Add", {"x", "w"}, {"y"});
    expect_in(input_error(model), {"'w'", "element 2", std::isnan(bad) ? "NaN" : "infinite"});
  }
}

TEST(ImportErrors, SayWhenDataAndShapeOfATensorDiffer) {
  SmallModel raw;
  raw.input("x", {3}).output("y").node("Add", {"x", "w"}, {"y"});
  raw.tensor("w", {3}, onnx::TensorProto::FLOAT).set_raw_data(std::string(11, 'a'));
  expect_in(input_error(raw), {"'w'", "11 bytes", "12"});
  SmallModel typed;
  typed.input("x", {3}).output("y").floats("w", {3}, {1, 2}).node("Add", {"x", "w"}, {"y"});
  expect_in(input_error(typed), {"'w'", "2 elements", "needs 3"});
  SmallModel negative;
  negative.input("x", {3}).output("y").node("Add", {"x", "w"}, {"y"});
  negative.tensor("w", {-3}, onnx::TensorProto::FLOAT);
  expect_in(input_error(negative), {"'w'", "negative"});
  SmallModel huge;
  huge.input("x", {3}).output("y").node("Add", {"x", "w"}, {"y"});
  huge.tensor("w", {INT64_MAX, INT64_MAX}, onnx::TensorProto::FLOAT);
  expect_in(input_error(huge), {"'w'", "2^31"});
}

TEST(ImportErrors, DoNotComeFromOtherElementTypes) {
  SmallModel model;
  model.input("x", {2}).output("y").node("Sum", {"x", "h", "b", "d", "i"}, {"y"});
  auto& half = model.tensor("h", {2}, onnx::TensorProto::FLOAT16);
  half.add_int32_data(0x3E00);  // 1.5
  half.add_int32_data(0x8001);  // -2^-24
  auto& brain = model.tensor("b", {2}, onnx::TensorProto::BFLOAT16);
  brain.set_raw_data(std::string("\x80\x3F\x00\xC0", 4));  // 1, -2
  auto& twice = model.tensor("d", {2}, onnx::TensorProto::DOUBLE);
  twice.add_double_data(0.1);
  twice.add_double_data(-3);
  model.tensor("i", {2}, onnx::TensorProto::INT8).set_raw_data(std::string("\x80\x7F", 2));
  const Graph graph = model.import();
  const auto constant = [&](const std::string& name) {
    for (const Value& value : graph.values) {
      if (value.name == name) return value.constant->data;
    }
    return std::vector<float>{};
  };
  EXPECT_EQ(constant("h"), (std::vector<float>{1.5F, -0x1p-24F}));
  EXPECT_EQ(constant("b"), (std::vector<float>{1.0F, -2.0F}));
  EXPECT_EQ(constant("d"), (std::vector<float>{0.1F, -3.0F}));
  EXPECT_EQ(constant("i"), (std::vector<float>{-128.0F, 127.0F}));
}

TEST(ImportErrors, NameTheExternalFileAndTheTensor) {
  const auto model_with = [](const std::string& location, const std::string& offset) {
    SmallModel model;
    model.input("x", {2}).output("y").node("Add", {"x", "w"}, {"y"});
    auto& tensor = model.tensor("w", {2}, onnx::TensorProto::FLOAT);
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    const auto entry = [&](const char* key, const std::string& value) {
      auto& pair = *tensor.add_external_data();
      pair.set_key(key);
      pair.set_value(value);
    };
    entry("location", location);
    entry("offset", offset);
    entry("length", "8");
    return model.proto.SerializeAsString();
  };
  const Folder folder;
  const float data[] = {0, 1.5F, -2};
  write(folder.file("weights.bin"), std::string(reinterpret_cast<const char*>(data), sizeof data));
  const std::string path = folder.file("m.onnx");
  const auto import = [&](const std::string& location, const std::string& offset) {
    write(path, model_with(location, offset));
    return refusal<InputError>([&] { import_onnx(path); });
  };
  write(path, model_with("weights.bin", "4"));
  const Graph graph = import_onnx(path);
  EXPECT_EQ(graph.value(graph.nodes.at(0).inputs[1]).constant->data, (std::vector<float>{1.5F, -2}));
  expect_in(import("none.bin", "0"), {"m.onnx", "'w'", "'none.bin' is missing"});
  expect_in(import("weights.bin", "8"), {"'w'", "'weights.bin' is too short", "12 bytes"});
  expect_in(import("weights.bin", "18446744073709551615"), {"too short"});
  expect_in(import("weights.bin", "-4"), {"'-4'"});
  expect_in(import("../weights.bin", "0"), {"out of the model's folder"});
  expect_in(import("/etc/hostname", "0"), {"relative"});
  std::filesystem::create_symlink("/etc/hostname", folder.file("link.bin"));
  expect_in(import("link.bin", "0"), {"out of the model's folder"});
}

TEST(ImportErrors, DoNotComeFromInitializersListedAsInputs) {
  SmallModel model;
  model.input("x", {2}).input("w", {2}).floats("w", {2}).output("y").node("Add", {"x", "w"}, {"y"});
  EXPECT_EQ(model.import().inputs.size(), 1U);
}

TEST(ImportErrors, SayThatAnOutputIsConstantOrAnInputIsNotFloat) {
  SmallModel constant;
  constant.input("x", {2}).floats("w", {2}).output("y").node("Sqrt", {"w"}, {"y"});
  expect_in(unsupported(constant), {"'y'", "does not depend"});
  SmallModel integer;
  integer.input("x", {2}, onnx::TensorProto::INT64).output("y").node("Relu", {"x"}, {"y"});
  expect_in(unsupported(integer), {"'x'", "INT64"});
  SmallModel text;
  text.input("x", {2}).output("y").node("Add", {"x", "s"}, {"y"});
  text.tensor("s", {1}, onnx::TensorProto::STRING).add_string_data("a");
  expect_in(unsupported(text), {"'s'", "STRING"});
}

TEST(ImportErrors, SayWhichSecondaryOutputIsUsed) {
  SmallModel model;
  model.input("x", {1, 1, 4, 4}).output("y").output("at").node("MaxPool", {"x"}, {"y", "at"}).is("kernel_shape", {2, 2});
  expect_in(unsupported(model), {"MaxPool", "'at' is used"});
}

TEST(ImportErrors, KeepAComputedConstantSmall) {
  SmallModel model;
  model.input("x", {1}).ints("big", {1 << 20, 1 << 10}).output("y");
  model.node("ConstantOfShape", {"big"}, {"c"});
  model.node("Add", {"x", "c"}, {"y"});
  expect_in(input_error(model), {"ConstantOfShape", "2^26"});
}

}  // namespace
}  // namespace assay::quant::testing_onnx

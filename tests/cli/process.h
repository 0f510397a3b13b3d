// Runs the built `assay` as a user does, and small ONNX models for it.
#pragma once

#include <onnx/onnx_pb.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace assay::testing {

struct ProcessResult {
  int exit_code = 0;
  std::string output;  // standard output and standard error together
};

// `before` is put in front of the command, e.g. a ulimit.
inline ProcessResult assay(const std::string& arguments, const std::string& before = "") {
  const std::string command = "( " + before + " '" ASSAY_BINARY "' " + arguments + " ) 2>&1";
  ProcessResult result;
  FILE* pipe = popen(command.c_str(), "r");
  char buffer[4096];
  while (const size_t count = fread(buffer, 1, sizeof buffer, pipe)) result.output.append(buffer, count);
  const int status = pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

// A folder of its own for one test, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "assay-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A file in the place of one that is there: a file system may write out at once what is truncated and written anew, and that takes longer than the tests that damage files.
inline void write(const std::string& path, const std::string& bytes) {
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary) << bytes;
}

// A model of one input "x", one output "y" and the given nodes.
class ModelBuilder {
 public:
  explicit ModelBuilder(const std::vector<int64_t>& input_shape, int64_t opset = 13) {
    model_.set_ir_version(7);
    model_.add_opset_import()->set_version(opset);
    graph().set_name("test");
    add_io(*graph().add_input(), "x", input_shape);
    add_io(*graph().add_output(), "y", {});
  }

  onnx::GraphProto& graph() { return *model_.mutable_graph(); }

  onnx::NodeProto& node(const std::string& type, const std::vector<std::string>& inputs, const std::string& output) {
    auto& result = *graph().add_node();
    result.set_op_type(type);
    result.set_name(output + "_node");
    for (const auto& input : inputs) result.add_input(input);
    result.add_output(output);
    return result;
  }

  onnx::TensorProto& weight(const std::string& name, const std::vector<int64_t>& shape, const std::vector<float>& values) {
    auto& tensor = *graph().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    for (const auto extent : shape) tensor.add_dims(extent);
    for (const auto value : values) tensor.add_float_data(value);
    return tensor;
  }

  std::string bytes() const { return model_.SerializeAsString(); }

 private:
  // A negative extent is left open.
  static void add_io(onnx::ValueInfoProto& io, const std::string& name, const std::vector<int64_t>& shape) {
    io.set_name(name);
    auto& type = *io.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::TensorProto::FLOAT);
    if (shape.empty()) return;
    for (const auto extent : shape) {
      auto& dimension = *type.mutable_shape()->add_dim();
      if (extent < 0) {
        dimension.set_dim_param("N");
      } else {
        dimension.set_dim_value(extent);
      }
    }
  }

  onnx::ModelProto model_;
};

}  // namespace assay::testing

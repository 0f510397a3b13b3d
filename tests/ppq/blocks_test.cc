// Which operations PPQ's learning passes take together.
#include "quant/ppq/blocks.h"

#include <gtest/gtest.h>

#include "tests/ppq/recorded.h"

namespace assay::ppq {
namespace {

// Operations by name, each with the names of its producers; "x" is the network's input.
class DrawnNetwork {
 public:
  DrawnNetwork() {
    made_["x"] = network.add_variable("x");
    network.inputs = {made_["x"]};
  }
  DrawnNetwork& add(const std::string& name, const std::string& type, const std::vector<std::string>& producers) {
    Operation operation;
    operation.name = name, operation.type = type, operation.quantized = true;
    for (const std::string& producer : producers) operation.inputs.push_back(made_.at(producer));
    operation.outputs = {made_[name] = network.add_variable(name + "_out")};
    network.add_operation(std::move(operation));
    return *this;
  }
  std::string block(const std::string& start, int64_t limit) const { return text(build_block(network, network.find_operation(start).value(), limit)); }
  std::string text(const Block& block) const {
    std::string names;
    for (const OperationId id : block.operations) names += (names.empty() ? "" : " ") + network.operation(id).name;
    return names;
  }

  Network network;

 private:
  std::map<std::string, VariableId> made_;
};

TEST(Blocks, AChainIsTakenUpToTheLimitOfDepth) {
  DrawnNetwork drawing;
  drawing.add("a", "Conv", {"x"}).add("b", "Relu", {"a"}).add("c", "Conv", {"b"}).add("d", "Relu", {"c"}).add("e", "Conv", {"d"}).add("f", "Relu", {"e"});
  EXPECT_EQ(drawing.block("a", 4), "a b c d e");
  EXPECT_EQ(drawing.block("a", 1), "a b");
  EXPECT_EQ(drawing.block("c", 4), "c d e f");
  EXPECT_EQ(drawing.block("a", 0), "a");
}

TEST(Blocks, AnOperationWithAnotherProducerEndsAChain) {
  DrawnNetwork drawing;
  drawing.add("a", "Conv", {"x"}).add("b", "Conv", {"x"}).add("c", "Relu", {"b"}).add("sum", "Add", {"a", "c"});
  EXPECT_EQ(drawing.block("a", 4), "a");
  EXPECT_EQ(drawing.block("b", 4), "b c");
}

TEST(Blocks, BranchesAreTakenWhereTheyMeetWithinTheLimit) {
  DrawnNetwork drawing;
  drawing.add("a", "Conv", {"x"}).add("r", "Relu", {"a"}).add("b", "Conv", {"r"}).add("sum", "Add", {"r", "b"}).add("end", "Relu", {"sum"});
  EXPECT_EQ(drawing.block("a", 4), "a r b sum end");
  EXPECT_EQ(drawing.block("a", 3), "a r b sum");
  EXPECT_EQ(drawing.block("a", 2), "a r") << "the meeting point is at depth 3";
}

TEST(Blocks, BranchesThatNeverMeetEndTheBlock) {
  DrawnNetwork drawing;
  drawing.add("a", "Conv", {"x"}).add("b", "Relu", {"a"}).add("c", "Conv", {"a"});
  EXPECT_EQ(drawing.block("a", 4), "a");
}

TEST(Blocks, TheMeetingPointIsWhereNothingElseIsLeft) {
  DrawnNetwork drawing;  // b and c meet in m1 already, but d goes on to m2
  drawing.add("a", "Conv", {"x"}).add("b", "Relu", {"a"}).add("c", "Relu", {"a"}).add("d", "Relu", {"a"}).add("m1", "Add", {"b", "c"}).add("m2", "Add", {"m1", "d"});
  EXPECT_EQ(drawing.block("a", 4), "a b c d m1 m2");
  EXPECT_EQ(drawing.block("a", 2), "a");
}

TEST(Blocks, DepthIsTheLongestPath) {
  DrawnNetwork drawing;  // m is two edges from a by one path, five by the other
  drawing.add("a", "Conv", {"x"}).add("s", "Relu", {"a"}).add("l1", "Relu", {"a"}).add("l2", "Relu", {"l1"}).add("l3", "Relu", {"l2"}).add("l4", "Relu", {"l3"});
  drawing.add("m", "Add", {"s", "l4"});
  EXPECT_EQ(drawing.block("a", 4), "a");
  EXPECT_EQ(drawing.block("a", 5), "a s l1 l2 l3 l4 m");
}

TEST(Blocks, EachComputingOperationIsTakenOnce) {
  DrawnNetwork drawing;
  drawing.add("a", "Conv", {"x"}).add("b", "Conv", {"a"}).add("c", "Conv", {"b"}).add("d", "Relu", {"c"});
  drawing.network.operation(*drawing.network.find_operation("d")).quantized = false;
  const std::vector<Block> blocks = build_blocks(drawing.network, 1, {});
  ASSERT_EQ(blocks.size(), 2U);
  EXPECT_EQ(drawing.text(blocks[0]), "a b");
  EXPECT_EQ(drawing.text(blocks[1]), "c d");
  EXPECT_EQ(to_string(drawing.network, blocks[1]), "c -> d");
  const std::vector<Block> some = build_blocks(drawing.network, 1, {"b"});
  ASSERT_EQ(some.size(), 1U);
  EXPECT_EQ(drawing.text(some[0]), "a b");
}

TEST(Blocks, OfARecordedNetworkInTheOrderOfPpqsDictionary) {
  const test::RecordedRun run("cnn_core", "NXP_INT8");
  if (!run.exists()) GTEST_SKIP() << run.missing();
  const Network network = run.after("ParameterBakingPass");
  std::vector<std::string> names;
  for (const Block& block : build_blocks(network, 4, {})) names.push_back(to_string(network, block));
  // conv2 opens a branch-free chain up to the addition, whose other input comes from above. Folded convolutions are the last of the dictionary.
  EXPECT_EQ(names, (std::vector<std::string>{"conv2 -> conv3", "convp -> prelu", "convl -> lrelu", "convs -> sigmoid", "conv4 -> relu5", "gemm -> softmax", "conv0 -> relu0",
                                             "pw1 -> pw2"}));
}

}  // namespace
}  // namespace assay::ppq

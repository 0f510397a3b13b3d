#include "verify/corpus.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "emu/base/error.h"
#include "tests/verify/devices.h"

namespace assay::verify {
namespace {

const std::string kCorpus = std::string(ASSAY_SOURCE_DIR) + "/vectors/corpus";

class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("assay_corpus_" + std::to_string(::getpid()))) { std::filesystem::create_directories(path_); }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

TEST(Corpus, EveryCounterExampleGivesWhatItExpectsAndNotWhatTheWrongDeviceGave) {
  const auto corpus = load_corpus(kCorpus);
  EXPECT_GE(corpus.size(), 10U);
  for (const CorpusCase& one : corpus) {
    const emu::Target target = target_named(one.target);
    ASSERT_FALSE(vectors::illegal(target, one.op, one.operands)) << one.id;
    EXPECT_EQ(vectors::evaluate(target, one.op, one.operands).result, one.expected) << one.id;
    EXPECT_NE(one.expected, one.got) << one.id;
  }
}

TEST(Corpus, EveryPlantedBugIsFoundByTheCorpusAlone) {
  const auto corpus = load_corpus(kCorpus);
  for (const auto& [name, bug] :
       {std::pair{"nxp_int8", 1}, {"nxp_int8", 2}, {"nxp_int8", 3}, {"nxp_int8", 5}, {"nxp_int8", 6}, {"nxp_int8", 7}, {"dsp_int8", 1}, {"dsp_int8", 2}, {"dsp_int8", 4}}) {
    const emu::Target target = target_named(name);
    const Device device = open_library(library_of(name, bug), 10);
    size_t differing = 0;
    for (auto& [op, cases] : cases_of(corpus, target)) {
      for (const Tested& tested : test_cases(target, device, op, cases)) differing += tested.differs() ? 1 : 0;
    }
    EXPECT_GT(differing, 0U) << name << " bug " << bug;
  }
}

TEST(Corpus, WhatIsSavedIsReadBack) {
  const Folder folder;
  const auto saved = corpus_of(check_library("nxp_int8", 7, {ArithOp::dot}));
  ASSERT_EQ(saved.size(), 1U);
  save_corpus(folder.path(), saved);
  const auto read = load_corpus(folder.path());
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0].id, saved[0].id);
  EXPECT_EQ(read[0].operands, saved[0].operands);
  EXPECT_EQ(read[0].expected, 32768);
  EXPECT_EQ(read[0].got, 32767);
  EXPECT_EQ(read[0].law, "product_of_the_lowest_is_exact");
}

TEST(Corpus, BadFilesAreRefusedByName) {
  const Folder folder;
  for (const std::string text : {"", "[]", "{}", "{\"schema\": \"other\"}", "{\"schema\": \"assay corpus 1\", \"op\": \"dance\"}"}) {
    std::ofstream(folder.path() + "/bad.json") << text;
    try {
      load_corpus(folder.path());
      FAIL() << text;
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find("bad.json"), std::string::npos);
    }
  }
  std::ofstream(folder.path() + "/bad.json") << std::string(100000, '[');
  EXPECT_THROW(load_corpus(folder.path()), InputError);
  EXPECT_THROW(load_corpus("/nonexistent"), InputError);
}

}  // namespace
}  // namespace assay::verify

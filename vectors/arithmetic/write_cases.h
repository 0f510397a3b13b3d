// Cases as text or bytes, one after the other: nothing is gathered, so that millions need no memory. Same cases, same bytes. docs/testing.md (Stimuli) describes the formats for
// their readers.
//
//   json   a header (tool, target, level, seed, operations with operand names and source), then `cases`, one per line
//   csv    a line of column names before each operation's block, one line per case
//   hex    for $readmemh: one line per case of 64-bit two's complement words, operands first, then the result; lines of `dot` begin with the number of operands; comments by //
//   bin    int64 words, little-endian; see kBinMagic
// Of two targets (Pairs), each case is followed by the other's operands and result.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vectors/arithmetic/discriminate.h"

namespace assay::vectors {

enum class CaseFormat : uint8_t { json, csv, hex, bin };
std::optional<CaseFormat> parse_case_format(std::string_view name);

// The first word of a bin file, as text "ASSAYVC1". Then: level, seed, length of the target's name, the name padded with zero bytes to whole words; of pairs level is 0 and the
// other target's name follows in the same way. Then records: operation (place in kAllArithOps), flags, number of operands, operands, result; in files of pairs then flags, number
// of operands, operands and result of the other. Flags: bit 0 tie, 1 inexact, 2 intermediate, 3 output, 4 beyond_32, 5 beyond_24, 6 overflowed.
inline constexpr std::string_view kBinMagic = "ASSAYVC1";

struct CaseHeader {
  std::string tool;  // "assay 0.1.0"
  const emu::Target* target = nullptr;
  const emu::Target* against = nullptr;  // of pairs
  int level = 1;
  uint64_t seed = 1;
  std::vector<ArithOp> ops;
  std::vector<std::string> statements;
};

// The `source` of the target's section that decides the operation: [ops.conv] for requantize, [accumulate] for dot ...
std::string source_of(const emu::Target& target, ArithOp op);

// Hands pieces of the file to `write`, some 64 kB at a time.
class CaseWriter {
 public:
  CaseWriter(CaseFormat format, CaseHeader header, std::function<void(std::string_view)> write);
  void add(const Case& one);
  void add(const Pair& pair, uint64_t number);
  // The end of the file; must be called once.
  void finish();

 private:
  void begin();
  void begin_block(ArithOp op);
  void json_case(const Case& one, const Pair* pair);
  void csv_case(const Case& one, const Pair* pair);
  void hex_words(ArithOp op, const Operands& operands, int64_t result);
  void bin_words(const Outcome& outcome, const Operands& operands);
  void add(const Case& one, const Pair* pair);
  void flush_if_long();

  CaseFormat format_;
  CaseHeader header_;
  std::function<void(std::string_view)> write_;
  std::string text_;
  std::optional<ArithOp> block_;
  std::string source_, against_source_;  // of the block
  bool is_first_ = true;
};

}  // namespace assay::vectors

#include "vectors/arithmetic/write_cases.h"

#include <algorithm>
#include <charconv>

#include "emu/base/error.h"

namespace assay::vectors {
namespace {

constexpr size_t kPiece = size_t{1} << 16;
constexpr char kDigits[] = "0123456789abcdef";

void put(std::string& text, int64_t number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  text.append(digits, static_cast<size_t>(end - digits));
}

void put_json(std::string& text, std::string_view value) {
  text += '"';
  for (const char c : value) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text += '\\', text += c;
    } else if (code < 0x20) {
      text += "\\u00", text += kDigits[code >> 4], text += kDigits[code & 15];
    } else {
      text += c;
    }
  }
  text += '"';
}

void put_json(std::string& text, const Operands& operands) {
  text += '[';
  for (size_t i = 0; i < operands.size(); ++i) {
    if (i > 0) text += ',';
    put(text, operands[i]);
  }
  text += ']';
}

void put_csv(std::string& text, std::string_view value) {
  text += '"';
  for (const char c : value) text.append(c == '"' ? 2 : 1, c == '\n' ? ' ' : c);
  text += '"';
}

void put_hex(std::string& text, int64_t number) {
  for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[(static_cast<uint64_t>(number) >> shift) & 15U];
}

void put_bin(std::string& text, uint64_t word) {
  for (int shift = 0; shift < 64; shift += 8) text += static_cast<char>(static_cast<unsigned char>(word >> shift));
}

void put_bin(std::string& text, const std::string& name) {
  put_bin(text, name.size());
  text += name;
  text.append((8 - name.size() % 8) % 8, '\0');
}

uint64_t mask_of(const Flags& f) {
  const bool bits[] = {f.tie, f.inexact, f.intermediate, f.output, f.beyond_32, f.beyond_24, f.overflowed};
  uint64_t mask = 0;
  for (size_t i = 0; i < std::size(bits); ++i) mask |= static_cast<uint64_t>(bits[i]) << i;
  return mask;
}

bool is_open(ArithOp op) {
  return op == ArithOp::table || op == ArithOp::dot;
}

// Named operands in columns of their own; what follows them in one column, separated by blanks.
void put_csv_operands(std::string& text, ArithOp op, const Operands& operands) {
  const size_t named = operand_names(op).size();
  for (size_t i = 0; i < named; ++i) text += ',', put(text, operands[i]);
  if (!is_open(op)) return;
  text += ",\"";
  for (size_t i = named; i < operands.size(); ++i) {
    if (i > named) text += ' ';
    put(text, operands[i]);
  }
  text += '"';
}

std::string names_text(ArithOp op, std::string_view separator, std::string_view prefix = "") {
  std::string text;
  for (const std::string_view name : operand_names(op)) text += (text.empty() ? "" : std::string(separator)) + std::string(prefix) + std::string(name);
  if (op == ArithOp::table) text += std::string(separator) + std::string(prefix) + "entries";
  if (op == ArithOp::dot) text += std::string(separator) + std::string(prefix) + "pairs_of_x_and_w";
  return text;
}

}  // namespace

std::optional<CaseFormat> parse_case_format(std::string_view name) {
  if (name == "json") return CaseFormat::json;
  if (name == "csv") return CaseFormat::csv;
  if (name == "hex") return CaseFormat::hex;
  if (name == "bin") return CaseFormat::bin;
  return std::nullopt;
}

std::string source_of(const emu::Target& target, ArithOp op) {
  const auto section = [op]() -> std::string {
    switch (op) {
      case ArithOp::rounding: return "";
      case ArithOp::quantize: return "quantize";
      case ArithOp::requantize: return "ops.conv";
      case ArithOp::add: return "ops.add";
      case ArithOp::mul: return "ops.mul";
      case ArithOp::average_pool: return "ops.average_pool";
      case ArithOp::table: return "ops.table";
      case ArithOp::dot: return "accumulate";
    }
    ASSAY_ASSERT(!"an ArithOp outside its enumeration");
  }();
  for (const emu::Source& source : target.sources) {
    if (source.section == section) return source.text;
  }
  return "the definition of the rounding modes";
}

CaseWriter::CaseWriter(CaseFormat format, CaseHeader header, std::function<void(std::string_view)> write) : format_(format), header_(std::move(header)), write_(std::move(write)) {
  begin();
}

void CaseWriter::begin() {
  const std::string what = header_.tool + ", target " + header_.target->name +
                           (header_.against != nullptr ? " against " + header_.against->name : ", level " + std::to_string(header_.level)) + ", seed " +
                           std::to_string(header_.seed);
  const auto comments = [&](const char* mark) {
    text_ += mark + what + "\n";
    for (const std::string& statement : header_.statements) text_ += mark + statement + "\n";
  };
  switch (format_) {
    case CaseFormat::csv: return comments("# ");
    case CaseFormat::hex: return comments("// ");
    case CaseFormat::bin:
      text_ += kBinMagic;
      put_bin(text_, header_.against != nullptr ? 0 : static_cast<uint64_t>(header_.level)), put_bin(text_, header_.seed), put_bin(text_, header_.target->name);
      if (header_.against != nullptr) put_bin(text_, header_.against->name);
      return;
    case CaseFormat::json: break;
  }
  const auto field = [&](const char* name) { text_ += std::string(",\n \"") + name + "\": "; };
  text_ += "{\n \"tool\": ", put_json(text_, header_.tool);
  field("target"), put_json(text_, header_.target->name);
  if (header_.against != nullptr) {
    field("against"), put_json(text_, header_.against->name);
  } else {
    field("level"), put(text_, header_.level);
  }
  field("seed"), text_ += std::to_string(header_.seed);
  field("statements"), text_ += '[';
  for (size_t i = 0; i < header_.statements.size(); ++i) text_ += i > 0 ? ",\n  " : "\n  ", put_json(text_, header_.statements[i]);
  text_ += header_.statements.empty() ? "]" : "\n ]";
  field("operations"), text_ += "{";
  for (size_t i = 0; i < header_.ops.size(); ++i) {
    text_ += i > 0 ? ",\n  " : "\n  ", put_json(text_, to_string(header_.ops[i]));
    text_ += ": {\"operands\": [\"" + names_text(header_.ops[i], "\", \"") + "\"], \"source\": ";
    put_json(text_, source_of(*header_.target, header_.ops[i])), text_ += '}';
  }
  text_ += "\n }";
  field("cases"), text_ += '[';
}

void CaseWriter::begin_block(ArithOp op) {
  if (block_ == op) return;
  block_ = op;
  source_ = source_of(*header_.target, op);
  if (header_.against != nullptr) against_source_ = source_of(*header_.against, op);
  if (format_ == CaseFormat::csv) {
    text_ += "id,op,reason,flags,source,result," + names_text(op, ",");
    if (header_.against != nullptr) text_ += ",asked,against_flags,against_source,against_result," + names_text(op, ",", "against_");
    text_ += '\n';
  }
  if (format_ == CaseFormat::hex) {
    text_ += "// " + std::string(to_string(op)) + ": " + (op == ArithOp::dot ? "number_of_operands " : "") + names_text(op, " ") + " result";
    if (header_.against != nullptr) text_ += std::string(" ") + (op == ArithOp::dot ? "against_number_of_operands " : "") + names_text(op, " ", "against_") + " against_result";
    text_ += "\n";
  }
}

void CaseWriter::json_case(const Case& one, const Pair* pair) {
  text_ += is_first_ ? "\n  " : ",\n  ";
  const auto answer = [&](const Operands& operands, const Outcome& outcome, const std::string& source) {
    text_ += "\"operands\": ", put_json(text_, operands);
    text_ += ", \"result\": ", put(text_, outcome.result);
    text_ += ", \"flags\": \"" + to_string(outcome.flags) + "\", \"source\": ";
    put_json(text_, source);
  };
  text_ += "{\"id\": ", put_json(text_, one.id);
  text_ += ", \"op\": ", put_json(text_, to_string(one.op));
  text_ += ", \"reason\": ", put_json(text_, one.reason);
  if (pair != nullptr) text_ += ", \"asked\": ", put_json(text_, pair->asked);
  text_ += ", ", answer(one.operands, one.expected, source_);
  if (pair != nullptr) text_ += ", \"against\": {", answer(pair->b, pair->of_b, against_source_), text_ += '}';
  text_ += '}';
}

void CaseWriter::csv_case(const Case& one, const Pair* pair) {
  text_ += one.id, text_ += ',', text_ += to_string(one.op), text_ += ',';
  put_csv(text_, one.reason), text_ += ',', put_csv(text_, to_string(one.expected.flags)), text_ += ',', put_csv(text_, source_), text_ += ',';
  put(text_, one.expected.result), put_csv_operands(text_, one.op, one.operands);
  if (pair != nullptr) {
    text_ += ',', put_csv(text_, pair->asked), text_ += ',', put_csv(text_, to_string(pair->of_b.flags)), text_ += ',', put_csv(text_, against_source_), text_ += ',';
    put(text_, pair->of_b.result), put_csv_operands(text_, one.op, pair->b);
  }
  text_ += '\n';
}

void CaseWriter::hex_words(ArithOp op, const Operands& operands, int64_t result) {
  if (op == ArithOp::dot) put_hex(text_, static_cast<int64_t>(operands.size())), text_ += ' ';
  for (const int64_t operand : operands) put_hex(text_, operand), text_ += ' ';
  put_hex(text_, result);
}

void CaseWriter::bin_words(const Outcome& outcome, const Operands& operands) {
  put_bin(text_, mask_of(outcome.flags)), put_bin(text_, operands.size());
  for (const int64_t operand : operands) put_bin(text_, static_cast<uint64_t>(operand));
  put_bin(text_, static_cast<uint64_t>(outcome.result));
}

void CaseWriter::add(const Case& one, const Pair* pair) {
  begin_block(one.op);
  switch (format_) {
    case CaseFormat::json: json_case(one, pair); break;
    case CaseFormat::csv: csv_case(one, pair); break;
    case CaseFormat::hex:
      hex_words(one.op, one.operands, one.expected.result);
      if (pair != nullptr) text_ += ' ', hex_words(one.op, pair->b, pair->of_b.result);
      text_ += '\n';
      break;
    case CaseFormat::bin:
      put_bin(text_, static_cast<uint64_t>(one.op)), bin_words(one.expected, one.operands);
      if (pair != nullptr) bin_words(pair->of_b, pair->b);
      break;
  }
  is_first_ = false;
  flush_if_long();
}

void CaseWriter::add(const Case& one) {
  add(one, nullptr);
}

void CaseWriter::add(const Pair& pair, uint64_t number) {
  const std::string digits = std::to_string(number);
  add({std::string(to_string(pair.op)) + "-" + std::string(digits.size() < 6 ? 6 - digits.size() : 0, '0') + digits, pair.op, pair.a, pair.reason, pair.of_a}, &pair);
}

void CaseWriter::flush_if_long() {
  if (text_.size() < kPiece) return;
  write_(text_);
  text_.clear();
}

void CaseWriter::finish() {
  if (format_ == CaseFormat::json) text_ += is_first_ ? "]\n}\n" : "\n ]\n}\n";
  write_(text_);
  text_.clear();
}

}  // namespace assay::vectors

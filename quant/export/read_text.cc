// The formats that are lines of text. Numbers are read as C prints them, whatever the locale.
#include <charconv>
#include <cmath>
#include <map>
#include <sstream>

#include "quant/export/readers.h"

namespace assay::ppq {
namespace {

std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::string place(size_t line) {
  return "line " + std::to_string(line);
}

Slot input_slot_of(const Network& network, OperationId id, size_t input) {
  const Operation& of = network.operation(id);
  return {id, false, input, of.inputs[input], of.input_configs[input]};
}

// Quantized operations with a weight.
bool has_weight(const Network& network, OperationId id) {
  const Operation& operation = network.operation(id);
  return operation.quantized && is_computing(operation.type) && operation.inputs.size() >= 2 && operation.inputs[0] != kNone && operation.inputs[1] != kNone &&
         network.variable(operation.inputs[1]).is_parameter;
}

// A line of the table: 1/s of the input, or of the weight's channels (of its groups, each as many times as it has channels).
void read_table_line(Applier& applier, const std::vector<std::string>& words, const std::string& key) {
  const std::string suffix = "_param_0";
  std::string name = words[0];
  const bool weight = !applier.network().find_operation(name) && name.size() > suffix.size() && name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
  if (weight) name.resize(name.size() - suffix.size());
  const auto id = applier.operation(name, key);
  if (!id) return;
  if (!has_weight(applier.network(), *id)) return applier.problem(key, "operation '" + name + "' is no quantized operation with a weight in this network");
  ScaleOffset scale{{}, {}, weight};
  for (size_t i = 1; i < words.size(); ++i) {
    const auto inverse = number_of(words[i]);
    if (!inverse || *inverse <= 0) return applier.problem(key, "'" + words[i] + "' must be a positive number");
    scale.scale.push_back(static_cast<float>(1 / *inverse)), scale.offset.push_back(0);
  }
  const Slot slot = input_slot_of(applier.network(), *id, weight ? 1 : 0);
  if (!weight && scale.scale.size() != 1) return applier.problem(key, "an input has one scale, the line holds " + std::to_string(scale.scale.size()));
  const auto& value = applier.network().variable(slot.variable).value;
  const auto& group = applier.network().operation(*id).attributes.find("group");
  const int64_t* groups = group == applier.network().operation(*id).attributes.end() ? nullptr : std::get_if<int64_t>(&group->second);
  if (weight && groups != nullptr && *groups > 1 && value != nullptr && !value->shape.empty() && *groups == static_cast<int64_t>(scale.scale.size()) &&
      value->shape[0] % *groups == 0) {
    const auto times = static_cast<size_t>(value->shape[0] / *groups);
    ScaleOffset spread{{}, {}, true};
    for (const float of : scale.scale) spread.scale.insert(spread.scale.end(), times, of), spread.offset.insert(spread.offset.end(), times, 0.0F);
    scale = std::move(spread);
    if (times > 1) applier.note(name_of(applier.network(), slot) + ": the file holds one scale per group, the largest of its channels; all its channels have it");
  }
  applier.give_slot(slot, {scale}, key);
}

// "record { key: ... value { ... } }" as protobuf's text form has it, one field per line or many.
struct Record {
  std::string name;
  std::map<std::string, std::vector<double>> fields;
};

class RecordParser {
 public:
  RecordParser(Applier& applier, const std::string& text) : applier_(applier), text_(text) { next(); }

  std::vector<Record> run() {
    std::vector<Record> records;
    while (!token_.empty() && !applier_.failed()) {
      Record record;
      expect("record"), expect("{"), expect("key"), expect(":");
      if (token_.size() >= 2 && token_.front() == '"')
        record.name = token_.substr(1, token_.size() - 2);
      else
        fail("a name in quotes");
      next();
      expect("value"), expect("{");
      while (token_ != "}" && !applier_.failed()) read_field(record);
      expect("}"), expect("}");
      records.push_back(std::move(record));
    }
    return records;
  }

 private:
  void read_field(Record& record) {
    const std::string field = token_;
    next();
    expect(":");
    const auto value = number_of(token_);
    if (!value) fail("a number");
    record.fields[field].push_back(value.value_or(0));
    next();
  }

  void fail(const std::string& wanted) {
    if (!applier_.failed()) applier_.problem(place(line_), "found '" + token_.substr(0, 60) + "' where " + wanted + " must stand");
  }
  void expect(const std::string& wanted) {
    if (token_ != wanted) fail("'" + wanted + "'");
    next();
  }
  void next() {
    while (at_ < text_.size() && (std::isspace(static_cast<unsigned char>(text_[at_])) != 0)) line_ += text_[at_++] == '\n' ? 1 : 0;
    const size_t begin = at_;
    if (at_ < text_.size() && text_[at_] == '"') {
      const size_t end = text_.find('"', at_ + 1);
      at_ = end == std::string::npos ? text_.size() : end + 1;
      token_ = text_.substr(begin, at_ - begin);
      if (end == std::string::npos) token_ = "\"";
      return;
    }
    static const std::string kStops = "{}:";
    if (at_ < text_.size() && kStops.find(text_[at_]) != std::string::npos) {
      token_ = text_.substr(at_++, 1);
      return;
    }
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) == 0 && kStops.find(text_[at_]) == std::string::npos) ++at_;
    token_ = text_.substr(begin, at_ - begin);
  }

  Applier& applier_;
  const std::string& text_;
  size_t at_ = 0, line_ = 1;
  std::string token_;
};

void read_record(Applier& applier, const Record& record) {
  const std::string key = "record '" + record.name + "'";
  const auto id = applier.operation(record.name, key);
  if (!id) return;
  const Operation& operation = applier.network().operation(*id);
  const bool weighted = has_weight(applier.network(), *id);
  if (!operation.quantized || operation.inputs.empty() || operation.inputs[0] == kNone) return applier.problem(key, "the operation is not quantized in this network");
  for (const auto& [field, values] : record.fields) {
    const bool many = field == "scale_w" || field == "offset_w";
    const bool known = many || field == "scale_d" || field == "offset_d" || field == "channels" || field == "height" || field == "width";
    if (!known) applier.problem(key, "field '" + field + "' is unknown");
    if (known && !many && values.size() != 1) applier.problem(key, "field '" + field + "' is there " + std::to_string(values.size()) + " times");
  }
  const auto get = [&](const char* field) -> std::vector<double> {
    const auto found = record.fields.find(field);
    if (found != record.fields.end()) return found->second;
    applier.problem(key, std::string("field '") + field + "' is missing");
    return {};
  };
  const std::vector<double> scale = get("scale_d"), offset = get("offset_d");
  if (scale.size() != 1 || offset.size() != 1) return;
  applier.give_slot(input_slot_of(applier.network(), *id, 0), {{{static_cast<float>(scale[0])}, {static_cast<float>(offset[0] + 128)}, false}}, key);
  if (!weighted) {
    if (record.fields.count("scale_w") != 0) applier.problem(key, "holds scales of a weight, which the operation has not");
    return;
  }
  const std::vector<double> scales = get("scale_w"), offsets = get("offset_w");
  if (scales.size() != offsets.size() || scales.empty()) return applier.problem(key, "must have as many offset_w as scale_w, one or more");
  const Slot slot = input_slot_of(applier.network(), *id, 1);
  ScaleOffset weight{std::vector<float>(scales.begin(), scales.end()), std::vector<float>(offsets.begin(), offsets.end()),
                     scales.size() > 1 || applier.network().configurations[slot.config].policy.per_channel};
  applier.give_slot(slot, {weight}, key);
}

}  // namespace

void read_calibration_table(Applier& applier, const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  for (size_t number = 1; std::getline(lines, line); ++number) {
    const std::vector<std::string> words = words_of(line);
    if (words.empty()) continue;
    if (words.size() == 1) {
      applier.problem(place(number), "'" + words[0].substr(0, 60) + "' has no number");
    } else {
      read_table_line(applier, words, place(number));
    }
  }
  applier.demand([&](const Slot& slot) { return !slot.output && slot.index < 2 && has_weight(applier.network(), slot.operation); });
}

void read_scale_lines(Applier& applier, const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  for (size_t number = 1; std::getline(lines, line); ++number) {
    const std::vector<std::string> words = words_of(line);
    if (words.empty()) continue;
    const auto scale = words.size() == 3 ? number_of(words[1]) : std::nullopt, offset = words.size() == 3 ? number_of(words[2]) : std::nullopt;
    if (!scale || !offset) {
      applier.problem(place(number), "must be a name, a scale and a zero point");
    } else {
      applier.give_variable(words[0], {{{static_cast<float>(*scale)}, {static_cast<float>(*offset)}, false}}, place(number));
    }
  }
  applier.demand([&](const Slot& slot) { return !applier.network().variable(slot.variable).is_parameter; });
}

void read_calibration_records(Applier& applier, const std::string& text) {
  const std::vector<Record> records = RecordParser(applier, text).run();
  for (const Record& record : records) read_record(applier, record);
  applier.demand([&](const Slot& slot) {
    const std::string& type = applier.network().operation(slot.operation).type;
    const bool weighted = type == "Conv" || type == "ConvTranspose" || type == "Gemm";
    return !slot.output && (slot.index == 0 ? weighted || type == "AveragePool" : weighted && slot.index == 1);
  });
}

}  // namespace assay::ppq

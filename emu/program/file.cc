#include "emu/program/file.h"

#include <cstring>

#include "emu/base/error.h"
#include "emu/program/spelling.h"

namespace assay::emu {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements are written as they lie in memory");

constexpr std::string_view kMagic = "ASSAYQP5";

// Numbers are written in eight bytes; words (types, modes, names of operations) as they are spelled in the text, so that no file depends on the order of an enumeration.
class Writer {
 public:
  std::string bytes{kMagic};

  void number(int64_t value) {
    for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(static_cast<uint64_t>(value) >> shift & 0xff);
  }
  void word(std::string_view text) {
    number(static_cast<int64_t>(text.size()));
    bytes += text;
  }
  template <class Item, class Write>
  void list(const std::vector<Item>& items, Write write) {
    number(static_cast<int64_t>(items.size()));
    for (const Item& item : items) write(item);
  }
  void tensor(const Tensor& tensor) {
    word(to_string(tensor.type()));
    list(tensor.shape(), [this](int64_t extent) { number(extent); });
    bytes.append(static_cast<const char*>(tensor.bytes()), tensor.size() * tensor.element_bytes());
  }

  // The fields of an operation.
  void operator()(std::string_view, int64_t value) { number(value); }
  void operator()(std::string_view, const std::vector<int64_t>& values) {
    list(values, [this](int64_t value) { number(value); });
  }
  void operator()(std::string_view, const std::string& text) { word(text); }
  template <class Part>
  void operator()(std::string_view name, const std::optional<Part>& part) {
    number(part.has_value());
    if (part) (*this)(name, *part);
  }
  template <class Part>
  void operator()(std::string_view, const Part& part) {
    word(spelling::spell(part));
  }
  void operator()(std::string_view name, const Requant& requant) {
    (*this)(name, requant.scale);
    (*this)(name, requant.steps);
    (*this)(name, requant.clamp);
  }
  void operator()(std::string_view name, const TableForm& form) {
    number(form.fraction_bits);
    (*this)(name, form.round);
    (*this)(name, form.interpolation);
    number(form.fine_entries);
    number(form.fine_fraction_bits);
  }
};

class ByteReader {
 public:
  explicit ByteReader(const std::string& bytes) : bytes_(bytes) {}

  // Whoever called adds the file's name and the place.
  [[noreturn]] static void fail(const std::string& what) { throw InputError(what); }
  size_t at() const { return at_; }
  bool at_end() const { return at_ == bytes_.size(); }

  std::string_view take(size_t size, const char* what) {
    if (size > bytes_.size() - at_) {
      fail("the file ends within " + std::string(what) + " (" + std::to_string(size) + " bytes needed, " + std::to_string(bytes_.size() - at_) + " left)");
    }
    const std::string_view taken = std::string_view(bytes_).substr(at_, size);
    at_ += size;
    return taken;
  }
  int64_t number(const char* what) {
    uint64_t value = 0;
    const std::string_view taken = take(8, what);
    for (size_t i = 0; i < 8; ++i) value |= uint64_t{static_cast<unsigned char>(taken[i])} << (8 * i);
    return static_cast<int64_t>(value);
  }
  // A number in [0, limit].
  template <class Small>
  Small number_up_to(int64_t limit, const char* what) {
    const int64_t value = number(what);
    if (value < 0 || value > limit) fail(std::string(what) + " lies in 0.." + std::to_string(limit) + ", found " + std::to_string(value));
    return static_cast<Small>(value);
  }
  std::string_view word(const char* what) { return take(number_up_to<size_t>(INT64_MAX, what), what); }
  template <class Part>
  void part(Part& value, const char* what) {
    const std::string_view text = word(what);
    if (!spelling::read(text, value)) fail("'" + std::string(text.substr(0, 40)) + "' is no " + what);
  }
  // `read` takes at least `item_bytes` for each item: a count beyond what is left is refused, and memory grows only with what was read.
  template <class Item, class Read>
  void list(std::vector<Item>& items, size_t item_bytes, const char* what, Read read) {
    const auto count = number_up_to<size_t>(INT64_MAX, what);
    if (count > (bytes_.size() - at_) / item_bytes) fail("the file is too short for " + std::to_string(count) + " " + what);
    items.clear();
    for (size_t i = 0; i < count; ++i) read(items.emplace_back());
  }
  void shape(Shape& extents) {
    list(extents, 8, "extents", [this](int64_t& extent) { extent = number("an extent"); });
  }
  Tensor tensor();

  // The fields of an operation.
  void operator()(std::string_view, int64_t& value) { value = number("a number"); }
  void operator()(std::string_view, std::vector<int64_t>& values) {
    list(values, 8, "numbers", [this](int64_t& value) { value = number("a number"); });
  }
  void operator()(std::string_view, std::string& text) { text = word("a text"); }
  template <class Part>
  void operator()(std::string_view name, std::optional<Part>& field) {
    if (number_up_to<int>(1, "a presence flag") != 0) (*this)(name, field.emplace());
  }
  template <class Part>
  void operator()(std::string_view name, Part& field) {
    part(field, std::string(name).c_str());
  }
  void operator()(std::string_view name, Requant& requant) {
    (*this)(name, requant.scale);
    (*this)(name, requant.steps);
    (*this)(name, requant.clamp);
  }
  void operator()(std::string_view name, TableForm& form) {
    form.fraction_bits = number_up_to<uint8_t>(63, "fraction_bits");
    (*this)(name, form.round);
    (*this)(name, form.interpolation);
    form.fine_entries = number_up_to<uint16_t>(65535, "fine_entries");
    form.fine_fraction_bits = number_up_to<uint8_t>(63, "fine_fraction_bits");
  }

 private:
  const std::string& bytes_;
  size_t at_ = 0;
};

Tensor ByteReader::tensor() {
  IntType type = kS8;
  Shape extents;
  part(type, "type");
  shape(extents);
  const auto count = static_cast<size_t>(element_count(extents));
  const size_t element_bytes = Tensor(type, {0}).element_bytes();
  const std::string_view raw = take(count * element_bytes, "a constant's elements");
  Tensor tensor(type, extents);
  std::visit(
      [&](const auto& storage) {
        using Element = typename std::decay_t<decltype(storage)>::value_type;
        if (!raw.empty()) std::memcpy(tensor.data<Element>(), raw.data(), raw.size());
      },
      tensor.storage());
  if (type.bits == 8 * element_bytes && type.bits < 64) return tensor;
  for (size_t i = 0; i < count; ++i) {
    if (!type.holds(tensor.at(i))) fail("element " + std::to_string(i) + " of a constant is outside " + to_string(type));
  }
  return tensor;
}

void write_value(Writer& writer, const ValueInfo& value) {
  writer.word(value.name);
  writer.word(to_string(value.type));
  writer.list(value.shape, [&](int64_t extent) { writer.number(extent); });
  writer.number(value.zero_point);
  writer.list(value.scale, [&](const Dyadic& entry) { writer.word(to_string(entry)); });
}

void read_value(ByteReader& reader, ValueInfo& value) {
  value.name = reader.word("a value's name");
  reader.part(value.type, "type");
  reader.shape(value.shape);
  value.zero_point = reader.number("a zero point");
  reader.list(value.scale, 8, "entries of a scale", [&](Dyadic& entry) { reader.part(entry, "scale"); });
}

void write_instruction(Writer& writer, const Instruction& instruction) {
  writer.number(instruction.result);
  writer.word(operation_name(instruction.operation));
  std::visit(
      [&](const auto& op) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(op)>, std::monostate>) op.fields(op, writer);
      },
      instruction.operation);
}

void read_instruction(ByteReader& reader, Instruction& instruction) {
  instruction.result = reader.number_up_to<uint32_t>(UINT32_MAX, "a result's number");
  const std::string_view name = reader.word("an operation's name");
  const auto operation = operation_named(name);
  if (!operation) reader.fail("unknown operation '" + std::string(name.substr(0, 40)) + "'");
  instruction.operation = *operation;
  std::visit(
      [&](auto& op) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(op)>, std::monostate>) op.fields(op, reader);
      },
      instruction.operation);
}

Program read_program(ByteReader& reader) {
  Program program;
  if (reader.take(kMagic.size(), "the magic word") != kMagic) reader.fail("not a program: it does not begin with " + std::string(kMagic));
  program.target = reader.word("the target's name");
  program.model = reader.word("the model's name");
  reader.list(program.values, 40, "values", [&](ValueInfo& value) { read_value(reader, value); });
  reader.list(program.constants, 24, "constants", [&](Constant& constant) {
    constant.name = reader.word("a constant's name");
    constant.tensor = reader.tensor();
  });
  reader.list(program.scales, 8, "scales", [&](std::vector<QScale>& scale) {
    reader.list(scale, 64, "scale entries", [&](QScale& entry) {
      entry.multiplier = reader.number("a multiplier");
      entry.left.bits = reader.number_up_to<uint8_t>(kMaxShiftBits, "a left shift");
      entry.right.bits = reader.number_up_to<uint8_t>(kMaxShiftBits, "a right shift");
      entry.first.bits = reader.number_up_to<uint8_t>(kMaxShiftBits, "a first shift");
      for (Fp32* number : {&entry.fp32.scale, &entry.fp32.bias, &entry.fp32.output, &entry.fp32.slope}) number->bits = reader.number_up_to<uint32_t>(UINT32_MAX, "a binary32 word");
    });
  });
  reader.list(program.step_lists, 8, "step lists", [&](Steps& steps) { steps = parse_steps(reader.word("a step list")); });
  reader.list(program.inputs, 32, "inputs", [&](ProgramInput& input) {
    input.value = reader.number_up_to<uint32_t>(UINT32_MAX, "an input's value");
    reader.part(input.round, "rounding mode");
    input.low = reader.number("an input's low bound");
    input.high = reader.number("an input's high bound");
  });
  reader.list(program.instructions, 16, "instructions", [&](Instruction& instruction) { read_instruction(reader, instruction); });
  reader.list(program.outputs, 8, "outputs", [&](uint32_t& output) { output = reader.number_up_to<uint32_t>(UINT32_MAX, "an output's value"); });
  if (!reader.at_end()) reader.fail("bytes are left after the program");
  return program;
}

}  // namespace

std::string serialize(const Program& program) {
  Writer writer;
  writer.word(program.target);
  writer.word(program.model);
  writer.list(program.values, [&](const ValueInfo& value) { write_value(writer, value); });
  writer.list(program.constants, [&](const Constant& constant) {
    writer.word(constant.name);
    writer.tensor(constant.tensor);
  });
  writer.list(program.scales, [&](const std::vector<QScale>& scale) {
    writer.list(scale, [&](const QScale& entry) {
      writer.number(entry.multiplier);
      writer.number(entry.left.bits);
      writer.number(entry.right.bits);
      writer.number(entry.first.bits);
      for (const Fp32 number : {entry.fp32.scale, entry.fp32.bias, entry.fp32.output, entry.fp32.slope}) writer.number(number.bits);
    });
  });
  writer.list(program.step_lists, [&](const Steps& steps) { writer.word(to_string(steps)); });
  writer.list(program.inputs, [&](const ProgramInput& input) {
    writer.number(input.value);
    writer.word(to_string(input.round));
    writer.number(input.low);
    writer.number(input.high);
  });
  writer.list(program.instructions, [&](const Instruction& instruction) { write_instruction(writer, instruction); });
  writer.list(program.outputs, [&](uint32_t output) { writer.number(output); });
  return std::move(writer.bytes);
}

Program deserialize_unverified(const std::string& bytes, const std::string& origin) {
  ByteReader reader(bytes);
  try {
    return read_program(reader);
  } catch (const InputError& error) {
    throw InputError(origin + ": before byte " + std::to_string(reader.at()) + ": " + error.what());
  }
}

Program deserialize(const std::string& bytes, const std::string& origin) {
  Program program = deserialize_unverified(bytes, origin);
  try {
    verify(program);
  } catch (const InputError& error) {
    throw InputError(origin + ": the program is not valid:", error.problems());
  }
  return program;
}

}  // namespace assay::emu

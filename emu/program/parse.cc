#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "emu/base/error.h"
#include "emu/program/spelling.h"
#include "emu/program/text.h"

namespace assay::emu {
namespace {

using spelling::read;
using Words = std::vector<std::string_view>;

constexpr size_t kMaxProblems = 100;
constexpr size_t kMaxShownLine = 160;

// Splits at spaces that are not between quotes.
Words words_of(std::string_view line) {
  Words words;
  for (size_t i = 0; i < line.size();) {
    if (line[i] == ' ') {
      ++i;
      continue;
    }
    const size_t start = i;
    for (bool quoted = false; i < line.size() && (quoted || line[i] != ' '); ++i) {
      if (line[i] == '"') quoted = !quoted;
      if (line[i] == '\\' && quoted && i + 1 < line.size()) ++i;
    }
    words.push_back(line.substr(start, i - start));
  }
  return words;
}

// What is wrong with the line at hand; the parser adds the line's number and text, and goes on with the next line.
struct LineProblem {
  std::string what;
};
[[noreturn]] void fail(const std::string& what) {
  throw LineProblem{what};
}

std::string in_quotes(std::string_view word) {
  return "'" + std::string(word) + "'";
}

// The words name=value of one line, each of which must be asked for once.
class Attributes {
 public:
  explicit Attributes(const Words& words) {
    for (const std::string_view word : words) {
      const size_t equals = word.find('=');
      if (equals == std::string_view::npos) fail("expected name=value, found " + in_quotes(word));
      if (!values_.emplace(word.substr(0, equals), word.substr(equals + 1)).second) fail(in_quotes(word.substr(0, equals)) + " is given twice");
    }
  }

  bool has(std::string_view name) const { return values_.count(name) != 0; }

  std::string_view take(std::string_view name) {
    const auto found = values_.find(name);
    if (found == values_.end()) fail(in_quotes(name) + " is missing");
    const std::string_view value = found->second;
    values_.erase(found);
    return value;
  }

  template <class Part>
  void take(std::string_view name, Part& part) {
    const std::string_view value = take(name);
    if (!read(value, part)) fail(in_quotes(value) + " is not legal for " + in_quotes(name));
  }

  void end() const {
    if (!values_.empty()) fail(in_quotes(values_.begin()->first) + " is not known here");
  }

 private:
  std::map<std::string_view, std::string_view> values_;
};

// Fills one operation's fields; the first is the word without a name.
class FieldReader {
 public:
  FieldReader(std::string_view first, Attributes& attributes) : first_(first), attributes_(attributes) {}

  template <class Part>
  void operator()(std::string_view name, Part& part) {
    if (!std::exchange(is_first_, false)) return attributes_.take(name, part);
    if (!read(first_, part)) fail(in_quotes(first_) + " is not legal for " + in_quotes(name));
  }
  template <class Part>
  void operator()(std::string_view name, std::optional<Part>& part) {
    if (attributes_.has(name)) attributes_.take(name, part.emplace());
  }
  void operator()(std::string_view name, Requant& requant) {
    attributes_.take("scale", requant.scale);
    attributes_.take(name, requant.steps);
    attributes_.take("clamp", requant.clamp);
  }
  void operator()(std::string_view, TableForm& form) {
    form.fraction_bits = static_cast<uint8_t>(number("fraction_bits", 63));
    attributes_.take("round", form.round);
    if (attributes_.has("interpolation")) attributes_.take("interpolation", form.interpolation);
    if (!attributes_.has("fine_entries")) return;
    form.fine_entries = static_cast<uint16_t>(number("fine_entries", 65535));
    form.fine_fraction_bits = static_cast<uint8_t>(number("fine_fraction_bits", 63));
  }

 private:
  int64_t number(std::string_view name, int64_t most) {
    int64_t value = 0;
    attributes_.take(name, value);
    if (value < 0 || value > most) fail(std::string(name) + " lies in 0.." + std::to_string(most) + ", found " + std::to_string(value));
    return value;
  }

  std::string_view first_;
  Attributes& attributes_;
  bool is_first_ = true;
};

// "s8[1,64,28,28]"
void read_type_and_shape(std::string_view word, IntType& type, Shape& shape) {
  const size_t bracket = word.find('[');
  if (bracket == std::string_view::npos || word.back() != ']') fail("expected a type and shape such as s8[1,3,8,8], found " + in_quotes(word));
  const std::string_view extents = word.substr(bracket + 1, word.size() - bracket - 2);
  if (!read(word.substr(0, bracket), type)) fail(in_quotes(word.substr(0, bracket)) + " is no type; types are s1..s64 and u1..u64");
  if (extents.empty()) return shape.clear();
  if (extents == "none" || !read(extents, shape)) fail(in_quotes(extents) + " is no list of extents");
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Program parse() {
    for (size_t start = 0; start < text_.size() && problems_.size() < kMaxProblems;) {
      const size_t end = std::min(text_.find('\n', start), text_.size());
      std::string_view line = text_.substr(start, end - start);
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      start = end + 1;
      ++line_number_;
      try {
        parse_line(line);
      } catch (const LineProblem& problem) {
        report(problem.what, line);
      } catch (const InputError& error) {  // of a step or a shape
        report(error.what(), line);
      }
    }
    if (!has_header_) problems_.push_back("line 1: the first line must be 'assay program 2'");
    place_values();
    if (!problems_.empty()) throw InputError("the program's text is not legal:", problems_);
    return std::move(program_);
  }

 private:
  void report(const std::string& what, std::string_view line) {
    problems_.push_back("line " + std::to_string(line_number_) + ": " + what + ": " + std::string(line.substr(0, kMaxShownLine)) + (line.size() > kMaxShownLine ? " ..." : ""));
  }

  void parse_line(std::string_view line) {
    if (line.empty() || line.substr(0, 2) == "//") return;
    if (!has_header_) {
      if (line != "assay program 2") fail("expected 'assay program 2', which opens every program's text");
      has_header_ = true;
      return;
    }
    if (line.substr(0, 2) == "@k") return parse_constant(line);
    if (line[0] == '#') return parse_steps_line(line);
    const Words words = words_of(line);
    if (words.empty()) return;
    if (words[0] == "target") return parse_name(words, program_.target);
    if (words[0] == "model") return parse_name(words, program_.model);
    if (words[0] == "input") return parse_input(words);
    if (words[0] == "output") return parse_output(words);
    if (words[0].substr(0, 2) == "@s") return parse_scales(words);
    if (words[0][0] == '%') return parse_instruction(words);
    fail("expected target, model, @s0 =, #0 =, @k0 =, input, %0 = or output");
  }

  static void parse_name(const Words& words, std::string& name) {
    if (words.size() != 2 || !read(words[1], name)) fail("expected one quoted name");
  }

  // "@k3": tables are written in order, so that a line that got lost shows.
  static void expect_next(std::string_view found, std::string_view prefix, size_t next) {
    const std::string expected = std::string(prefix) + std::to_string(next);
    if (found != expected) fail("expected " + expected + ", the next in order");
  }

  void parse_scales(const Words& words) {
    expect_next(words[0], "@s", program_.scales.size());
    auto& scales = program_.scales.emplace_back();
    if (words.size() < 2 || words[1] != "=") fail("expected '='");
    for (size_t i = 2; i < words.size(); ++i) {
      if (!read(words[i], scales.emplace_back())) fail(in_quotes(words[i]) + " is no scale; expected multiplier/left/right");
    }
  }

  void parse_steps_line(std::string_view line) {
    const size_t equals = line.find(" = ");
    if (equals == std::string_view::npos) fail("expected #n = steps");
    expect_next(line.substr(0, equals), "#", program_.step_lists.size());
    const std::string_view steps = line.substr(equals + 3);
    auto& list = program_.step_lists.emplace_back();  // stays, empty, where the steps are wrong: later lists keep their numbers
    if (steps != "none") list = parse_steps(steps);
  }

  void parse_constant(std::string_view line) {
    const size_t colon = line.find(" :", line.rfind('"') == std::string_view::npos ? 0 : line.rfind('"'));
    const Words words = words_of(line.substr(0, colon));
    expect_next(words[0], "@k", program_.constants.size());
    Constant& constant = program_.constants.emplace_back();
    if (words.size() < 4 || words[1] != "=" || !read(words[3], constant.name)) fail("expected @kn = type[shape] \"name\" : elements");
    if (colon == std::string_view::npos) fail("the elements are missing (a text printed without constants is for reading only)");
    IntType type = kS8;
    Shape shape;
    read_type_and_shape(words[2], type, shape);
    constant.tensor = read_elements(line.substr(colon + 2), type, shape);
  }

  static Tensor read_elements(std::string_view text, IntType type, const Shape& shape) {
    const auto expected = static_cast<size_t>(element_count(shape));
    // Each element takes two characters at least: no memory is taken for elements that cannot be there.
    if (expected > text.size() / 2) fail("the shape " + to_string(shape) + " has " + std::to_string(expected) + " elements, more than the line can hold");
    Tensor tensor(type, shape);
    size_t found = 0;
    for (const char *at = text.data(), *end = at + text.size(); at != end; ++found) {
      int64_t value = 0;
      const auto [next, error] = *at == ' ' ? std::from_chars(at + 1, end, value) : std::from_chars_result{at, std::errc::invalid_argument};
      if (error != std::errc{}) fail("element " + std::to_string(found) + " is no number");
      if (!type.holds(value)) fail("element " + std::to_string(found) + " is " + std::to_string(value) + ", outside " + to_string(type));
      if (found < expected) tensor.set(found, value);
      at = next;
    }
    if (found != expected) fail("the shape " + to_string(shape) + " has " + std::to_string(expected) + " elements, found " + std::to_string(found));
    return tensor;
  }

  // The words after "->": what is known of the value `ref`.
  void define(Ref ref, const Words& words) {
    ValueInfo value;
    if (words.size() != 4 || !read(words[3], value.name)) fail("expected -> type[shape] zy=n scale=m*2^e \"name\"");
    read_type_and_shape(words[0], value.type, value.shape);
    Attributes attributes({words[1], words[2]});
    attributes.take("zy", value.zero_point);
    attributes.take("scale", value.scale);
    if (!values_.emplace(ref.index, std::move(value)).second) fail("%" + std::to_string(ref.index) + " is written twice");
  }

  static Ref value_ref(std::string_view word) {
    Ref ref;
    if (!read(word, ref) || ref.is_constant) fail("expected a value such as %0, found " + in_quotes(word));
    return ref;
  }

  // Splits at "->".
  static void at_arrow(const Words& words, Words& before, Words& after) {
    const auto arrow = std::find(words.begin(), words.end(), "->");
    if (arrow == words.end()) fail("'->' is missing");
    before.assign(words.begin(), arrow);
    after.assign(arrow + 1, words.end());
  }

  void parse_input(const Words& words) {
    Words before, after;
    at_arrow(words, before, after);
    if (before.size() < 2) fail("expected input %n round=.. clamp=.. -> ..");
    ProgramInput input;
    const Ref ref = value_ref(before[1]);
    input.value = ref.index;
    Attributes attributes({before.begin() + 2, before.end()});
    ClampBounds bounds;
    attributes.take("round", input.round);
    attributes.take("clamp", bounds);
    attributes.end();
    input.low = bounds.low;
    input.high = bounds.high;
    program_.inputs.push_back(input);
    define(ref, after);
  }

  void parse_output(const Words& words) {
    if (words.size() != 2) fail("expected output %n");
    program_.outputs.push_back(value_ref(words[1]).index);
  }

  void parse_instruction(const Words& words) {
    Words before, after;
    at_arrow(words, before, after);
    if (before.size() < 4 || before[1] != "=") fail("expected %n = operation operand name=value.. -> ..");
    const Ref ref = value_ref(before[0]);
    auto operation = operation_named(before[2]);
    if (!operation) {
      std::string names;
      for (const std::string_view name : operation_names()) names += (names.empty() ? "" : ", ") + std::string(name);
      fail("unknown operation " + in_quotes(before[2]) + "; the operations are " + names);
    }
    Attributes attributes({before.begin() + 4, before.end()});
    FieldReader reader(before[3], attributes);
    std::visit(
        [&](auto& op) {
          if constexpr (!std::is_same_v<std::decay_t<decltype(op)>, std::monostate>) op.fields(op, reader);
        },
        *operation);
    attributes.end();
    program_.instructions.push_back({ref.index, std::move(*operation)});
    define(ref, after);
  }

  // Values are numbered without gaps: a program with n of them writes %0 to %n-1.
  void place_values() {
    for (auto& [index, value] : values_) {
      if (index != program_.values.size())
        return problems_.push_back("%" + std::to_string(program_.values.size()) + " is written by no line, though values are numbered without gaps");
      program_.values.push_back(std::move(value));
    }
  }

  std::string_view text_;
  size_t line_number_ = 0;
  bool has_header_ = false;
  Program program_;
  std::map<uint32_t, ValueInfo> values_;
  std::vector<std::string> problems_;
};

}  // namespace

Program parse_program_unverified(std::string_view text) {
  return Parser(text).parse();
}

Program parse_program(std::string_view text) {
  Program program = parse_program_unverified(text);
  verify(program);
  return program;
}

}  // namespace assay::emu

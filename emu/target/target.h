// A chip as data: everything that changes a bit, read from one TOML file (targets/README.md is the dictionary of its keys). No default for anything: the loader
// demands every key. C++ knows arithmetic; a chip's name appears only in its file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "emu/arith/accumulator.h"
#include "emu/arith/requant.h"
#include "emu/arith/table.h"

namespace assay::emu {

enum class Symmetry : uint8_t { symmetric, asymmetric };
enum class Granularity : uint8_t { per_tensor, per_channel };
// Which real numbers a scale may be.
enum class ScaleKind : uint8_t { real, power_of_two };
// Several inputs of one instruction: `joint` = they must share one scale (the quantizer makes them), `requantize` = each is brought to the common scale by steps.
enum class InputScales : uint8_t { joint, requantize };
enum class AverageForm : uint8_t { divide, reciprocal };

// [storage]: how a class of tensors is stored. low..high may be narrower than the type (e.g. -127..127).
struct Storage {
  IntType type = kS8;
  int64_t low = 0;
  int64_t high = 0;
};

// [quantize.*]: how real numbers of this class become integers.
struct QuantizeRule {
  Symmetry symmetry = Symmetry::symmetric;
  Granularity granularity = Granularity::per_tensor;
  ScaleKind scale = ScaleKind::real;
  Round round = Round::half_even;
  std::string observer;  // the default calibration: minmax, percentile, kl, mse
};

// [multiplier]: how a real ratio of scales becomes a QScale.
struct MultiplierRule {
  uint8_t bits = 31;               // multiplier in [2^(bits-1), 2^bits); 1: always 1, the ratio must be a power of two
  Round round = Round::half_away;  // ratio * 2^n -> multiplier
  LeftShift max_left{31};          // legal amounts of the scale's shifts
  RightShift max_right{62};
};

struct AccumulateRule {
  Accumulator accumulator;
  SumOrder order = SumOrder::ky_kx_ic;
};

// [ops.*]: one per kind of instruction. Absent (supported = false): the target cannot do it, `forbidden_by` is the key to name.
struct StepsRule {
  Steps steps;
};
struct AddRule {
  InputScales inputs = InputScales::requantize;
  LeftShift headroom{0};  // operands are shifted left by this before they are scaled (TFLite: 20); the output's scale takes it back
  Steps operand_steps;
  Steps steps;
};
struct ConcatRule {
  InputScales inputs = InputScales::requantize;
  Steps steps;
};
struct AverageRule {
  AverageForm form = AverageForm::divide;
  Round round = Round::half_up;  // of the division; unused for reciprocal, whose steps round
  Steps steps;
};
struct TableRule {
  TableForm form;
  Round round = Round::half_even;  // real function value -> entry
};
struct SoftmaxRule {
  uint8_t exponent_bits = 16;  // e(0) = 2^exponent_bits - 1 steps of the table
  Round table_round = Round::half_even;
  Accumulator accumulator;
  Round divide = Round::half_up;
  Steps steps;
};

enum class Evidence : uint8_t { documented, measured, assumed };
struct Claim {
  std::string key;  // "ops.conv.steps"; a trailing ".*" covers a section
  Evidence evidence = Evidence::assumed;
  std::string note;
};

// Where the facts of one section come from: its `source`.
struct Source {
  std::string section;  // "storage", "ops.conv"
  std::string text;
};

struct Target {
  std::string name;
  std::string summary;
  std::string file;  // where it was read from
  struct {
    Storage input, activation, weight, bias;
  } storage;
  struct {
    QuantizeRule input, activation, weight;
    Round bias_round = Round::half_even;  // the scale of a bias is input scale * weight scale
  } quantize;
  MultiplierRule multiplier;
  AccumulateRule accumulate;
  std::optional<StepsRule> conv, conv_transpose, matmul, mul, requantize, leaky_relu;
  std::optional<AddRule> add;  // and sub
  std::optional<ConcatRule> concat;
  std::optional<AverageRule> average_pool;
  std::optional<TableRule> table;
  std::optional<SoftmaxRule> softmax;
  bool max_pool = false, pad = false, reshape = false, transpose = false, slice = false, resize_nearest = false;
  std::vector<Source> sources;
  std::vector<Claim> claims;
};

std::string_view to_string(Symmetry);
std::string_view to_string(Granularity);
std::string_view to_string(ScaleKind);
std::string_view to_string(InputScales);
std::string_view to_string(AverageForm);
std::string_view to_string(Evidence);

}  // namespace assay::emu

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
// One scale for the tensor, for each output channel, or for each group of so many output channels that follow each other (weights only).
enum class Granularity : uint8_t { per_tensor, per_channel, per_group };
// Which real numbers a scale may be.
enum class ScaleKind : uint8_t { real, power_of_two };
// Several inputs of one instruction: `joint` = they must share one scale (the quantizer makes them), `requantize` = each is brought to the common scale by steps.
enum class InputScales : uint8_t { joint, requantize };
// How the range of a tensor's values becomes its scale and zero point (quant/calibrate/encode.h).
enum class Encoding : uint8_t { range, range_half_away, nudged_range, magnitude, position };
// Inputs of a Concat: also `concatenate` = words are copied, and the output's channels keep the scales of the inputs that they come from; inputs joined on another axis have one.
enum class ConcatScales : uint8_t { joint, requantize, concatenate };
// Zero points within a sum or an average: `subtracted` = taken off each word, and the output's added by the steps; `kept` = the words themselves are averaged, or scaled and added,
// and the step add_zero_point of the sum brings one number that stands for all three zero points (kept_sum).
enum class ZeroPoints : uint8_t { subtracted, kept };
// axis_reciprocals: times floor(2^16 / width), cut by 16 bits, times floor(2^16 / height), cut by 16 bits.
enum class AverageForm : uint8_t { divide, reciprocal, axis_reciprocals };
// How a ratio of scales becomes a multiplier and shifts: `normalised` = the multiplier has exactly its bits; `narrowed` = it is made with 31 bits, then rounded half_up to its own,
// at most all ones; `nearest` = of all legal pairs (multiplier, right shift), the one whose value is nearest (quant/calibrate/derivations.h nearest_scale); `fixed_point` = the
// right shift is always the same one.
enum class MultiplierForm : uint8_t { normalised, narrowed, nearest, fixed_point };
// The scale of negative values of a leaky relu: slope * s_x / s_y by itself; rounded with the shift that the greater of the two scales has; or the positive one's times the slope
// as a fraction of 8 bits.
enum class SlopeScale : uint8_t { ratio, common_shift, over_256 };
// The arithmetic in which the chip's tools form a ratio (s_x * s_w) / s_y: exactly, or each operation rounded half_even to that format.
enum class RatioFormat : uint8_t { exact, binary64, binary32 };
// What Fp32Constants.scale is: s_x * s_w; (s_x * s_w) / s_y; that ratio rounded once; 1 / ((1 / s_x) * (1 / s_w)). Every operation rounded half_even to binary32.
enum class Fp32Scale : uint8_t { product, ratio, exact_ratio, reciprocal_product };
// What Fp32Constants.output is: s_y, or 1 / s_y.
enum class Fp32Output : uint8_t { scale, reciprocal };
// The scale of a bias: input scale * weight scale, or a power of two of its own, not finer than that product.
enum class BiasScale : uint8_t { product, power_of_two };
// The multipliers of the operands of a sum: each by itself as [multiplier] says, or with one right shift for both, which the output's scale then holds.
enum class OperandScale : uint8_t { normalised, common_shift };
// How 1 / count of an average becomes multiplier * 2^-right: part of the ratio of scales; ((2^30 + 1) << k) / count, 30 + k; (2^(31+k) + 2^k) / count, 31 + k;
// floor(2^24 / count), 24; a small factor chosen by the kernel's height and width; 15 bits after a first cut of ceil(log2(count)) + 1 (quant/calibrate/derivations.h).
enum class CountScale : uint8_t { ratio, reciprocal_30, reciprocal_31, floor_24, factor, first_cut_15 };
// Where the entries of tables come from: the real function; for sigmoid and tanh the fixed-point functions of arith/fixed_functions.h; or lines that the chip fits to the function
// (arith/piecewise.h, quant/exact/piecewise.h).
enum class TableSource : uint8_t { real, fixed_point, piecewise_linear };
// Whether entries between which a chip interpolates are moved so that the middle of each interval is nearer to the function (quant/exact/tables.h).
enum class TableCorrection : uint8_t { none, midpoint };
// hard_sigmoid of slope 1/6: the real function; or relu(x + 3) * 2731 / 2^14, saturated, in words of 2^-7.
enum class HardSigmoid : uint8_t { real, factor_2731 };

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
  Encoding encoding = Encoding::range;
  int64_t low = 0;  // the words that the range is spread over; low == high, which no file may say: the storage's
  int64_t high = 0;
};

struct WeightRule : QuantizeRule {
  uint16_t group = 0;  // per_group: output channels that share a scale (the last group may have fewer); else 0
};

// [multiplier]: how a real ratio of scales becomes a QScale.
struct MultiplierRule {
  MultiplierForm form = MultiplierForm::normalised;
  RatioFormat ratio = RatioFormat::exact;
  uint8_t bits = 31;               // multiplier in [2^(bits-1), 2^bits), or 0 .. 2^bits - 1 where nearest; 1: always 1, the ratio must be a power of two
  Round round = Round::half_away;  // ratio * 2^n -> multiplier
  LeftShift max_left{31};          // legal amounts of the scale's shifts
  RightShift min_right{0};
  RightShift max_right{62};
  RightShift max_first{0};  // of the first cut; 0 where no steps have one
};

// [second_multiplier]: another rule for some operators without weights. [multiplier] is that of all others.
struct SecondMultiplier {
  std::vector<std::string> operators;  // "add", "leaky_relu": the sections below ops
  MultiplierRule rule;
};

// [binary32]: how scales become the constants of steps in binary32. The bias stands in the units that the steps have where they add it.
struct Fp32Rule {
  Fp32Scale scale = Fp32Scale::product;
  FloatFormat scale_format = kFp32;  // the constant rounded to it, half_even
  FloatFormat bias_format = kFp32;
  Fp32Output output = Fp32Output::scale;
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
  ZeroPoints zero_points = ZeroPoints::subtracted;
  OperandScale operand_scale = OperandScale::normalised;
  uint8_t operand_bits = 0;  // common_shift: bits of the multiplier of the operand whose ratio is greater; 0 where normalised
  LeftShift headroom{0};     // operands are shifted left by this before they are scaled (TFLite: 20); the output's scale takes it back
  Steps operand_steps;
  Steps steps;
};
struct LeakyRule {
  SlopeScale slope = SlopeScale::ratio;
  Steps steps;
};
struct ConcatRule {
  ConcatScales inputs = ConcatScales::requantize;
  Steps steps;
};
struct AverageRule {
  InputScales inputs = InputScales::requantize;  // joint: the output has the input's scale
  ZeroPoints zero_point = ZeroPoints::subtracted;
  AverageForm form = AverageForm::divide;
  CountScale count_scale = CountScale::ratio;
  Round round = Round::half_up;  // of the division, or of the two cuts of axis_reciprocals; unused for reciprocal, whose steps round
  Steps steps;
};
struct TableRule {
  TableForm form;
  TableSource entries = TableSource::real;
  uint16_t segments = 0;            // piecewise_linear: 3 or more; else 0
  FloatFormat line_format = kFp32;  // of breakpoints, slopes, intercepts, arguments and values; fp32 elsewhere
  TableCorrection correction = TableCorrection::none;
  HardSigmoid hard_sigmoid = HardSigmoid::real;
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
    QuantizeRule input, activation;
    WeightRule weight;
    BiasScale bias_scale = BiasScale::product;
    Round bias_round = Round::half_even;
  } quantize;
  MultiplierRule multiplier;
  std::optional<SecondMultiplier> second_multiplier;
  std::optional<Fp32Rule> binary32;  // where any steps compute in binary32
  AccumulateRule accumulate;
  std::optional<StepsRule> depthwise_conv;  // of convolutions with one input per output channel; none: as conv
  std::optional<StepsRule> conv, conv_transpose, matmul, mul, requantize;
  std::optional<LeakyRule> leaky_relu;
  std::optional<AddRule> add;  // and sub
  std::optional<ConcatRule> concat;
  std::optional<AverageRule> average_pool;
  std::optional<TableRule> table;
  std::optional<SoftmaxRule> softmax;
  bool max_pool = false, pad = false, reshape = false, transpose = false, slice = false, resize_nearest = false;
  bool softmax_fixed_point = false;  // softmax as arith/fixed_operators.h has it, instead of `softmax`
  std::vector<Source> sources;
  std::vector<Claim> claims;
};

// The rule of an operator's multipliers. `key`: its section or a key below it, "ops.add", "ops.add.operand_steps".
const MultiplierRule& multiplier_of(const Target& target, std::string_view key);

// The steps on a sum of words whose zero points were kept. `brought` = what the zero points of the operands are after their multipliers, a's plus (sub: minus) b's. It is added
// back first, so that the sum is that of the words; then add_zero_point becomes `add N`, N = zero_point * 2^r - floor(brought / 2^l), l and r the right shifts before and after it.
Steps kept_sum(const Steps& steps, int64_t brought, int64_t zero_point, RightShift scale);

std::string_view to_string(Symmetry);
std::string_view to_string(Granularity);
std::string_view to_string(ScaleKind);
std::string_view to_string(InputScales);
std::string_view to_string(ConcatScales);
std::string_view to_string(ZeroPoints);
std::string_view to_string(AverageForm);
std::string_view to_string(MultiplierForm);
std::string_view to_string(SlopeScale);
std::string_view to_string(RatioFormat);
std::string_view to_string(Fp32Scale);
std::string_view to_string(Fp32Output);
std::string_view to_string(BiasScale);
std::string_view to_string(OperandScale);
std::string_view to_string(CountScale);
std::string_view to_string(TableSource);
std::string_view to_string(Encoding);
std::string_view to_string(TableCorrection);
std::string_view to_string(HardSigmoid);
std::string_view to_string(Evidence);

}  // namespace assay::emu

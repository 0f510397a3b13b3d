#include "tests/emu/program/samples.h"

#include <limits>

namespace assay::emu::samples {
namespace {

// " 3 -2 5 ...": `count` numbers in [low, low + range).
std::string elements(int count, int low, int range) {
  std::string text;
  for (int i = 0; i < count; ++i) text += " " + std::to_string(low + (i * 37 + 11) % range);
  return text;
}

std::string falling_exponentials() {
  std::string text;
  for (int i = 0; i < 256; ++i) text += " " + std::to_string(65535 * 16 / (16 + i * i));
  return text;
}

template <class Part>
Part any() {
  return *rc::gen::arbitrary<Part>();
}
template <class Number>
Number between(Number low, Number high) {
  return *rc::gen::inRange<Number>(low, static_cast<Number>(high + 1));
}
Round any_round() {
  return kAllRounds[between<size_t>(0, kAllRounds.size() - 1)];
}
std::string any_name() {
  return any<std::string>();
}
IntType any_type() {
  const bool is_signed = any<bool>();
  return {between<uint8_t>(1, is_signed ? 64 : 63), is_signed};
}
Shape any_shape() {
  Shape shape(between<size_t>(0, 4));
  for (int64_t& extent : shape) extent = between<int64_t>(0, 3);
  return shape;
}

Overflow any_overflow() {
  return any<bool>() ? Overflow::wrap : Overflow::saturate;
}

Accumulator any_accumulator() {
  if (between<int>(0, 3) == 0) {
    const auto order = static_cast<Fp32Order>(between<int>(0, 3));
    return {kS64, Overflow::saturate, std::nullopt, std::nullopt, Fp32Sum{order, order == Fp32Order::blocks ? between<uint32_t>(1, 1000) : 0}};
  }
  Accumulator accumulator{any_type(), any_overflow()};
  if (any<bool>()) accumulator.pairs = Stored{any_type(), any_overflow()};
  if (any<bool>()) accumulator.spill = Spill{2 * between<uint32_t>(1, 1000), {any_type(), any_overflow()}};
  return accumulator;
}

// Fills every field of an operation, whatever its kind.
struct Filler {
  void operator()(std::string_view, Ref& ref) { ref = {any<bool>(), any<uint32_t>()}; }
  void operator()(std::string_view, ScaleRef& ref) { ref.index = any<uint32_t>(); }
  void operator()(std::string_view, StepsRef& ref) { ref.index = any<uint32_t>(); }
  void operator()(std::string_view, int64_t& value) { value = any<int64_t>(); }
  void operator()(std::string_view, bool& value) { value = any<bool>(); }
  void operator()(std::string_view, std::string& value) { value = any_name(); }
  void operator()(std::string_view, Round& round) { round = any_round(); }
  void operator()(std::string_view, SumOrder& order) { order = any<bool>() ? SumOrder::ky_kx_ic : SumOrder::ic_ky_kx; }
  void operator()(std::string_view, Accumulator& accumulator) { accumulator = any_accumulator(); }
  void operator()(std::string_view, TableForm& form) {
    form = {between<uint8_t>(0, 63), any_round(), any<bool>() ? Interpolation::value : Interpolation::difference};
    if (any<bool>()) form.fine_entries = between<uint16_t>(0, 65535), form.fine_fraction_bits = between<uint8_t>(0, 63);
  }
  void operator()(std::string_view name, Requant& requant) {
    (*this)(name, requant.scale);
    (*this)(name, requant.steps);
    requant.clamp = {any<int64_t>(), any<int64_t>()};
  }
  template <class Part>
  void operator()(std::string_view name, std::optional<Part>& part) {
    part.reset();
    if (any<bool>()) (*this)(name, part.emplace());
  }
  template <class Part>
  void operator()(std::string_view name, std::vector<Part>& list) {
    list.resize(between<size_t>(0, 3));
    for (Part& part : list) (*this)(name, part);
  }
};

Step any_step() {
  const auto bits = [](int low, int high) { return any<bool>() ? std::optional(between<uint8_t>(static_cast<uint8_t>(low), static_cast<uint8_t>(high))) : std::nullopt; };
  const std::optional<uint8_t> amount = bits(0, kMaxShiftBits);
  const auto operand = [] { return any<bool>() ? Fp32Operand{Fp32{between<uint32_t>(0, 0x7f7fffff)}} : Fp32Operand{static_cast<Fp32Name>(between<int>(0, 3))}; };
  switch (between<int>(0, 19)) {
    case 0: return AddBias{};
    case 8: return AddNumber{between<int64_t>(-1000, 1000)};
    case 9: return Multiply{between<int64_t>(-1000, 1000)};
    case 10: return Clamp{Clamp::Bounds{between<int64_t>(-1000, 0), between<int64_t>(0, 1000)}};
    case 11: return ToFp32{};
    case 12: return MulFp32{operand()};
    case 13: return AddFp32{operand()};
    case 14: return DivFp32{operand()};
    case 15: return FmaFp32{operand(), operand()};
    case 16: return LeakyFp32{operand()};
    case 17: return ClampFp32{any<bool>() ? Fp32Bounds::output : Fp32Bounds::clamp};
    case 18: return RoundFp32{kBf16, any_round()};
    case 19: return ToInt{any_round()};
    case 1: return ShiftLeft{amount ? std::optional(LeftShift{*amount}) : std::nullopt};
    case 2: return Multiply{};
    case 3: return ShiftRight{amount ? std::optional(RightShift{*amount}) : std::nullopt, any_round()};
    case 4: return Saturate{bits(1, 64)};
    case 5: return Wrap{bits(1, 64)};
    case 6: return AddZeroPoint{};
    default: return Clamp{};
  }
}

Tensor any_tensor() {
  Tensor tensor(any_type(), any_shape());
  for (size_t i = 0; i < tensor.size(); ++i) {
    const bool end = between<int>(0, 3) == 0;
    tensor.set(i, static_cast<int64_t>(end ? (any<bool>() ? tensor.type().min() : tensor.type().max()) : wrap(any<int64_t>(), tensor.type())));
  }
  return tensor;
}

QScale any_scale() {
  QScale scale{any<int64_t>(), LeftShift{between<uint8_t>(0, kMaxShiftBits)}, RightShift{between<uint8_t>(0, kMaxShiftBits)}};
  if (any<bool>()) scale.fp32 = {Fp32{any<uint32_t>()}, Fp32{any<uint32_t>()}, Fp32{any<uint32_t>()}, Fp32{any<uint32_t>()}};
  return scale;
}

}  // namespace

std::string every_operation() {
  return "assay program 2\ntarget \"sample\"\nmodel \"every operation\"\n"
         "@s0 = 5/0/9\n"
         "@s1 = 5/0/9 7/0/10\n"
         "@s2 = 1073741824/0/30\n"
         "@s3 = -3/0/4\n"
         "@s4 = 255/0/16\n"
         "@s5 = 1073741824/23/0\n"
         "#0 = add_bias; multiply; shift_right scale half_up; add_zero_point; saturate output; clamp\n"
         "#1 = multiply; shift_right scale half_away; saturate 16; add_zero_point; saturate output; clamp\n"
         "#2 = shift_left 4; multiply; shift_right scale half_even\n"
         "#3 = multiply; shift_right scale half_up; add_zero_point; saturate output\n"
         "#4 = add_zero_point; saturate output\n"
         "@k0 = s8[2,2,3,3] \"conv.weight\" :" +
         elements(36, -9, 19) +
         "\n@k1 = s32[2] \"conv.bias\" : -40 1000\n"
         "@k2 = s8[2,2,2,2] \"up.weight\" :" +
         elements(16, -7, 15) + "\n@k3 = s8[256] \"sigmoid\" :" + elements(256, -128, 256) + "\n@k4 = s8[16,3] \"matmul.weight\" :" + elements(48, -20, 41) +
         "\n@k5 = u32[256] \"exp\" :" + falling_exponentials() +
         "\n"
         "input %0 round=half_even clamp=-128..127 -> s8[1,2,4,4] zy=-3 scale=1*2^-4 \"data\"\n"
         "%1 = conv %0 w=@k0 b=@k1 stride=1,1 pad=1,1,1,1 dilation=1,1 groups=1 zx=-3 zw=0 acc=s32.wrap order=ky,kx,ic scale=@s1 requant=#0 clamp=5..127"
         " -> s8[1,2,4,4] zy=5 scale=3*2^-9 \"relu \\\"1\\\"\"\n"
         "%2 = conv_transpose %1 w=@k2 stride=2,2 pad=0,0,0,0 dilation=1,1 groups=1 zx=5 zw=0 acc=s24.saturate order=ic,ky,kx scale=@s0 requant=#1 clamp=-128..127"
         " -> s8[1,2,8,8] zy=5 scale=3*2^-9 \"up\"\n"
         "%3 = average_pool %2 kernel=2,2 stride=2,2 pad=0,0,0,0 include_pad=false zx=5 acc=s32.wrap divide=half_up scale=@s2 requant=#4 clamp=-128..127"
         " -> s8[1,2,4,4] zy=5 scale=3*2^-9 \"average\"\n"
         "%4 = max_pool %3 kernel=2,2 stride=1,1 pad=0,0,1,1 dilation=1,1 -> s8[1,2,4,4] zy=5 scale=3*2^-9 \"max\"\n"
         "%5 = add %3 b=%4 za=5 zb=5 sa=@s0 sb=@s2 operands=#2 acc=s32.wrap scale=@s0 requant=#1 clamp=-128..127 -> s8[1,2,4,4] zy=0 scale=1*2^-5 \"sum\"\n"
         "%6 = sub %3 b=%4 za=5 zb=5 sa=@s0 sb=@s2 operands=#2 acc=s32.wrap scale=@s0 requant=#1 clamp=-128..127 -> s8[1,2,4,4] zy=0 scale=1*2^-5 \"difference\"\n"
         "%7 = mul %5 b=%6 za=0 zb=0 acc=s32.wrap scale=@s0 requant=#1 clamp=-128..127 -> s8[1,2,4,4] zy=0 scale=1*2^-5 \"product\"\n"
         "%8 = concat %5,%7 axis=1 zx=0,0 scales=@s0,@s2 steps=#3 -> s8[1,4,4,4] zy=1 scale=1*2^-5 \"both\"\n"
         "%9 = requantize %8 zx=1 scale=@s0 requant=#1 clamp=0..127 -> s8[1,4,4,4] zy=0 scale=1*2^-5 \"relu\"\n"
         "%10 = leaky_relu %9 zx=0 negative=@s3 scale=@s0 requant=#1 clamp=-128..127 -> s8[1,4,4,4] zy=0 scale=1*2^-5 \"leaky\"\n"
         "%11 = table_lookup %10 table=@k3 function=\"sigmoid\" fraction_bits=0 round=half_up -> s8[1,4,4,4] zy=-128 scale=1*2^-8 \"sigmoid\"\n"
         "%12 = pad %11 begins=0,0,1,0 ends=0,0,1,-1 value=-128 -> s8[1,4,6,3] zy=-128 scale=1*2^-8 \"padded\"\n"
         "%13 = slice %12 starts=0,0,4,0 steps=1,1,-1,2 -> s8[1,4,4,2] zy=-128 scale=1*2^-8 \"sliced\"\n"
         "%14 = resize_nearest %13 rows=0,1,2,3 columns=0,0,1,1 -> s8[1,4,4,4] zy=-128 scale=1*2^-8 \"resized\"\n"
         "%15 = transpose %14 permutation=0,2,3,1 -> s8[1,4,4,4] zy=-128 scale=1*2^-8 \"nhwc\"\n"
         "%16 = reshape %15 -> s8[4,16] zy=-128 scale=1*2^-8 \"rows\"\n"
         "%17 = matmul %16 w=@k4 zx=-128 zw=0 acc=s32.wrap scale=@s0 requant=#1 clamp=-128..127 -> s8[4,3] zy=0 scale=1*2^-4 \"logits\"\n"
         "%18 = softmax %17 table=@k5 axis=1 acc=s32.wrap divide=half_up scale=@s4 requant=#4 clamp=-128..127 -> s8[4,3] zy=-128 scale=1*2^-8 \"probabilities\"\n"
         "%19 = softmax_fixed_point %17 axis=1 difference=@s5 lowest=-248 -> s8[4,3] zy=-128 scale=1*2^-8 \"probabilities by polynomials\"\n"
         "output %18\n"
         "output %19\n"
         "output %14\n";
}

Program arbitrary_program(std::string_view operation) {
  Program program;
  program.target = any_name();
  program.model = any_name();
  const auto inputs = between<uint32_t>(0, 2);
  const auto instructions = between<uint32_t>(1, 3);
  program.values.resize(inputs + instructions);
  for (ValueInfo& value : program.values) {
    value = {any_name(), any_shape(), any_type(), any<int64_t>(), std::vector<Dyadic>(between<size_t>(0, 3))};
    for (Dyadic& scale : value.scale) scale = {any<int64_t>(), any<int32_t>()};
  }
  for (uint32_t i = 0; i < inputs; ++i) program.inputs.push_back({i, any_round(), any<int64_t>(), any<int64_t>()});
  for (uint32_t i = 0; i < instructions; ++i) {
    Operation filled = *operation_named(operation);
    std::visit(
        [](auto& op) {
          Filler filler;
          if constexpr (!std::is_same_v<std::decay_t<decltype(op)>, std::monostate>) op.fields(op, filler);
        },
        filled);
    program.instructions.push_back({program.values.size() > 0 ? inputs + instructions - 1 - i : 0, filled});
  }
  program.constants.resize(between<size_t>(0, 2));
  for (Constant& constant : program.constants) constant = {any_name(), any_tensor()};
  program.scales.resize(between<size_t>(0, 2));
  for (auto& scales : program.scales) {
    scales.resize(between<size_t>(0, 3));
    for (QScale& scale : scales) scale = any_scale();
  }
  program.step_lists.resize(between<size_t>(0, 2));
  for (Steps& steps : program.step_lists) {
    const auto count = between<size_t>(0, 5);
    for (size_t i = 0; i < count; ++i) steps.push_back(any_step());
  }
  program.outputs.resize(between<size_t>(0, 2));
  for (uint32_t& output : program.outputs) output = any<uint32_t>();
  return program;
}

}  // namespace assay::emu::samples

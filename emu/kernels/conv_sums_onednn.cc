// oneDNN computes S = sum of x' * w' with x' unsigned (x, or x + 128) and padded by zx' = zx or zx + 128, and w' signed (w, or w - 128). With zw' = zw or zw - 128 and K products:
//   sum (x - zx)(w - zw) = S - zx' * sum(w') - zw' * sum(x') + K * zx' * zw'
// |S| must stay below what the CPU's bodies keep exact (onednn_is_exact); the parts are added modulo 2^32 and the whole fits.
// Never signed x signed: oneDNN 2.6.3 then forgets its own correction in some grouped 1x1 convolutions (8 inputs and 2 outputs per group, for one). Never its bias or scales:
// they pass the sums through float32, which is exact only to 2^24.
#include <omp.h>

#include <cstdlib>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include "emu/kernels/bands.h"
#include "emu/kernels/vectorize.h"

namespace assay::emu {
namespace {

using dnnl::memory;

dnnl::engine& engine() {
  static dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

// The calling thread's own setting: whoever runs several samples has the other cores.
void use_one_thread() {
  omp_set_num_threads(1);
}

// No |S| may reach this. Without VNNI the products of neighbours saturate int16 before they are added; the AVX2-VNNI bodies pass the sums through float32.
int64_t exact_below() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::avx2_vnni: return int64_t{1} << 24;
    case dnnl::cpu_isa::avx512_core_vnni:
    case dnnl::cpu_isa::avx512_core_bf16:
    case dnnl::cpu_isa::avx512_core_amx: return int64_t{1} << 31;
    default: return 0;
  }
}

// Sum of `size` bytes.
ASSAY_VECTORIZE int32_t sum_of(const uint8_t* x, int64_t size) {
  int32_t sum = 0;
  for (int64_t i = 0; i < size; ++i) sum += x[i];
  return sum;
}

ASSAY_VECTORIZE void add_strided(int32_t* to, const int32_t* from, int64_t step, int64_t size) {
  for (int64_t i = 0; i < size; ++i) to[i] += from[i * step];
}

// Modulo 2^32: row + constant - factor * windows.
ASSAY_VECTORIZE void correct_row(uint32_t* row, int64_t size, uint32_t constant, uint32_t factor, const uint32_t* windows) {
  for (int64_t i = 0; i < size; ++i) row[i] += constant - factor * windows[i];
}
ASSAY_VECTORIZE void correct_row(uint32_t* row, int64_t size, uint32_t constant) {
  for (int64_t i = 0; i < size; ++i) row[i] += constant;
}

// windows: [G, pixels], the sum of the operand [height, width, C] over the window of each pixel and the channels of each group. channels: room for [G, height * width].
void sum_windows(const ConvGeometry& g, const uint8_t* operand, int32_t* channels, int32_t* windows) {
  const int64_t positions = g.height * g.width;
  for (int64_t i = 0; i < positions * g.groups; ++i) channels[i % g.groups * positions + i / g.groups] = sum_of(operand + i * g.group_inputs(), g.group_inputs());
  std::fill(windows, windows + g.groups * g.pixels(), 0);
  for (int64_t group = 0; group < g.groups; ++group) {
    for (int64_t oh = 0; oh < g.out_h; ++oh) {
      for (int64_t ky = 0; ky < g.kernel_h; ++ky) {
        const int32_t* const row = channels + group * positions + (oh * g.stride_h + ky * g.dilation_h) * g.width;
        for (int64_t kx = 0; kx < g.kernel_w; ++kx) add_strided(windows + group * g.pixels() + oh * g.out_w, row + kx * g.dilation_w, g.stride_w, g.out_w);
      }
    }
  }
}

class OnednnConv {
 public:
  OnednnConv(const ConvGeometry& geometry, IntType x_type, IntType w_type, const std::vector<int64_t>& weights) : bands_(geometry, x_type) {
    use_one_thread();  // first: a primitive remembers how many threads there were when it was described
    const ConvGeometry& g = bands_.band();
    const int64_t offset = w_type.is_signed ? 0 : 128, zx = bands_.unsigned_zx();
    zw_ = g.zw - offset;
    const memory::dims x_dims{1, g.channels, g.height, g.width}, y_dims{1, g.outputs, g.out_h, g.out_w};
    const memory::dims w_dims =
        g.groups == 1 ? memory::dims{g.outputs, g.channels, g.kernel_h, g.kernel_w} : memory::dims{g.groups, g.group_outputs(), g.group_inputs(), g.kernel_h, g.kernel_w};
    const auto w_tag = g.groups == 1 ? memory::format_tag::oihw : memory::format_tag::goihw;
    const memory::desc x_desc(x_dims, memory::data_type::u8, memory::format_tag::nhwc), y_desc(y_dims, memory::data_type::s32, memory::format_tag::nhwc);
    const dnnl::convolution_forward::desc desc(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, x_desc,
                                               memory::desc(w_dims, memory::data_type::s8, memory::format_tag::any), y_desc, {g.stride_h, g.stride_w},
                                               {g.dilation_h - 1, g.dilation_w - 1}, {0, 0}, {0, 0});
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    primitive_desc_ = dnnl::convolution_forward::primitive_desc(desc, attributes, engine());
    primitive_ = dnnl::convolution_forward(primitive_desc_);

    std::vector<int8_t> signed_weights(weights.size());
    constants_.resize(static_cast<size_t>(g.outputs));
    const auto products = static_cast<size_t>(g.products());
    for (size_t i = 0; i < weights.size(); ++i) {
      signed_weights[i] = static_cast<int8_t>(weights[i] - offset);
      constants_[i / products] -= static_cast<uint32_t>(zx * signed_weights[i]);
    }
    for (auto& constant : constants_) constant += static_cast<uint32_t>(g.products() * zx * zw_);
    packed_ = memory(primitive_desc_.weights_desc(), engine());
    dnnl::stream stream(engine());
    memory plain({w_dims, memory::data_type::s8, w_tag}, engine(), signed_weights.data());
    dnnl::reorder(plain, packed_).execute(stream, plain, packed_);
    stream.wait();
  }

  void run(const Tensor& x, const TakeSums& take) const {
    const ConvGeometry& g = bands_.band();
    const Scratch<uint8_t> operand(bands_.operand_size());
    const Scratch<int32_t> sums(bands_.sums_size());
    const Scratch<int32_t> channels(zw_ == 0 ? 0 : g.groups * g.height * g.width), windows(zw_ == 0 ? 0 : g.groups * g.pixels());
    use_one_thread();
    dnnl::stream stream(engine());
    const memory scratchpad(primitive_desc_.scratchpad_desc(), engine());
    const std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, memory(primitive_desc_.src_desc(), engine(), operand.data())},
                                                    {DNNL_ARG_WEIGHTS, packed_},
                                                    {DNNL_ARG_DST, memory(primitive_desc_.dst_desc(), engine(), sums.data())},
                                                    {DNNL_ARG_SCRATCHPAD, scratchpad}};
    const auto multiply = [&] {
      primitive_.execute(stream, arguments);
      stream.wait();
      if (zw_ != 0) sum_windows(g, operand.data(), channels.data(), windows.data());
    };
    const auto correct = [&](int64_t o, int32_t* row) {
      const uint32_t constant = constants_[static_cast<size_t>(o)];
      auto* const words = reinterpret_cast<uint32_t*>(row);
      if (zw_ == 0) return constant == 0 ? void() : correct_row(words, g.pixels(), constant);
      const auto* const of_group = reinterpret_cast<const uint32_t*>(windows.data() + o / g.group_outputs() * g.pixels());
      correct_row(words, g.pixels(), constant, static_cast<uint32_t>(zw_), of_group);
    };
    bands_.run(x, operand.data(), sums.data(), multiply, correct, take);
  }

 private:
  Bands bands_;
  int64_t zw_ = 0;                   // zw'
  std::vector<uint32_t> constants_;  // by output, modulo 2^32: K * zx' * zw' - zx' * sum(w')
  dnnl::convolution_forward::primitive_desc primitive_desc_;
  dnnl::convolution_forward primitive_;
  memory packed_;
};

}  // namespace

bool onednn_is_exact(const ConvGeometry& geometry, IntType w_type, const std::vector<int64_t>& weights) {
  const int64_t limit = exact_below();
  const int64_t offset = w_type.is_signed ? 0 : 128;
  const auto products = static_cast<size_t>(geometry.products());
  for (size_t o = 0; o < weights.size(); o += products) {
    int64_t worst = 0;
    for (size_t k = 0; k < products; ++k) worst += 255 * std::abs(weights[o + k] - offset);
    if (worst >= limit) return false;
  }
  return true;
}

ConvSums onednn_conv_sums(const ConvGeometry& geometry, IntType x_type, IntType w_type, const std::vector<int64_t>& weights) {
  const auto conv = std::make_shared<const OnednnConv>(geometry, x_type, w_type, weights);
  return [conv](const Tensor& x, const TakeSums& take) { conv->run(x, take); };
}

}  // namespace assay::emu

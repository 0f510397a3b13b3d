// oneDNN computes S = sum of x' * w' with x' unsigned (x, or x + 128) and padded by zx' = zx or zx + 128, and w' signed (w, or w - 128). With zw' = zw or zw - 128 and K products:
//   sum (x - zx)(w - zw) = S - zx' * sum(w') - zw' * sum(x') + K * zx' * zw'
// |S| must stay below what the CPU's bodies keep exact (onednn_is_exact); the parts are added modulo 2^32 and the whole fits.
// Never signed x signed: oneDNN 2.6.3 then forgets its own correction in some grouped 1x1 convolutions (8 inputs and 2 outputs per group, for one). Never its bias or scales:
// they pass the sums through float32, which is exact only to 2^24.
#include <omp.h>

#include <cstdlib>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>

#include "emu/kernels/conv_sums.h"

namespace assay::emu {
namespace {

using dnnl::memory;

dnnl::engine& engine() {
  static dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
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

// Sum of x over the channels of each group, at every padded position: [N, PH, PW, G].
std::vector<int32_t> channel_sums(const ConvGeometry& g, const std::vector<uint8_t>& x) {
  const size_t positions = static_cast<size_t>(g.batch * g.padded_h() * g.padded_w());
  const auto per_group = static_cast<size_t>(g.group_inputs());
  const auto groups = static_cast<size_t>(g.groups);
  std::vector<int32_t> sums(positions * groups);
  for (size_t i = 0; i < sums.size(); ++i) {
    int32_t sum = 0;
    for (size_t c = 0; c < per_group; ++c) sum += x[i * per_group + c];
    sums[i] = sum;
  }
  return sums;
}

// Sum of x over the window of output (n, oh, ow), one per group.
void window_sums(const ConvGeometry& g, const std::vector<int32_t>& channels, int64_t n, int64_t oh, int64_t ow, std::vector<int32_t>& sums) {
  std::fill(sums.begin(), sums.end(), 0);
  for (int64_t ky = 0; ky < g.kernel_h; ++ky) {
    for (int64_t kx = 0; kx < g.kernel_w; ++kx) {
      const int64_t row = oh * g.stride_h + ky * g.dilation_h;
      const int64_t column = ow * g.stride_w + kx * g.dilation_w;
      const int32_t* const at = channels.data() + ((n * g.padded_h() + row) * g.padded_w() + column) * g.groups;
      for (size_t k = 0; k < sums.size(); ++k) sums[k] += at[k];
    }
  }
}

class OnednnConv {
 public:
  OnednnConv(const ConvGeometry& geometry, IntType x_type, IntType w_type, const std::vector<int64_t>& weights) : g_(geometry), x_signed_(x_type.is_signed) {
    const int64_t offset = w_type.is_signed ? 0 : 128;
    zx_ = g_.zx + (x_signed_ ? 128 : 0);
    zw_ = g_.zw - offset;
    const memory::dims x_dims{g_.batch, g_.channels, g_.padded_h(), g_.padded_w()};
    const memory::dims y_dims{g_.batch, g_.outputs, g_.out_h, g_.out_w};
    const memory::dims w_dims =
        g_.groups == 1 ? memory::dims{g_.outputs, g_.channels, g_.kernel_h, g_.kernel_w} : memory::dims{g_.groups, g_.group_outputs(), g_.group_inputs(), g_.kernel_h, g_.kernel_w};
    const auto w_tag = g_.groups == 1 ? memory::format_tag::oihw : memory::format_tag::goihw;
    const memory::desc x_desc(x_dims, memory::data_type::u8, memory::format_tag::nhwc), y_desc(y_dims, memory::data_type::s32, memory::format_tag::nhwc);
    const dnnl::convolution_forward::desc desc(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, x_desc,
                                               memory::desc(w_dims, memory::data_type::s8, memory::format_tag::any), y_desc, {g_.stride_h, g_.stride_w},
                                               {g_.dilation_h - 1, g_.dilation_w - 1}, {0, 0}, {0, 0});
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    primitive_desc_ = dnnl::convolution_forward::primitive_desc(desc, attributes, engine());
    primitive_ = dnnl::convolution_forward(primitive_desc_);

    std::vector<int8_t> signed_weights(weights.size());
    constants_.resize(static_cast<size_t>(g_.outputs));
    const auto products = static_cast<size_t>(g_.products());
    for (size_t i = 0; i < weights.size(); ++i) {
      signed_weights[i] = static_cast<int8_t>(weights[i] - offset);
      constants_[i / products] -= static_cast<int32_t>(zx_) * signed_weights[i];
    }
    for (auto& constant : constants_) constant += static_cast<int32_t>(g_.products() * zx_ * zw_);
    packed_ = memory(primitive_desc_.weights_desc(), engine());
    dnnl::stream stream(engine());
    memory plain({w_dims, memory::data_type::s8, w_tag}, engine(), signed_weights.data());
    dnnl::reorder(plain, packed_).execute(stream, plain, packed_);
    stream.wait();
  }

  void run(const Tensor& x, int32_t* sums) const {
    const auto fill = static_cast<uint8_t>(zx_);
    std::vector<uint8_t> source_bytes =
        x_signed_ ? padded_channels_last<int8_t, uint8_t>(g_, x.data<int8_t>(), fill, -128) : padded_channels_last<uint8_t, uint8_t>(g_, x.data<uint8_t>(), fill, 0);
    omp_set_num_threads(1);  // this thread's own setting: whoever runs several samples has the other cores
    dnnl::stream stream(engine());
    memory source(primitive_desc_.src_desc(), engine(), source_bytes.data());
    memory result(primitive_desc_.dst_desc(), engine(), sums);
    memory scratchpad(primitive_desc_.scratchpad_desc(), engine());
    primitive_.execute(stream, {{DNNL_ARG_SRC, source}, {DNNL_ARG_WEIGHTS, packed_}, {DNNL_ARG_DST, result}, {DNNL_ARG_SCRATCHPAD, scratchpad}});
    stream.wait();
    if (zw_ == 0 && zx_ == 0) return;
    correct(zw_ == 0 ? std::vector<int32_t>() : channel_sums(g_, source_bytes), sums);
  }

  void correct(const std::vector<int32_t>& channels, int32_t* sums) const {
    std::vector<int32_t> windows(static_cast<size_t>(g_.groups));
    const auto per_group = static_cast<size_t>(g_.group_outputs());
    for (int64_t n = 0; n < g_.batch; ++n) {
      for (int64_t oh = 0; oh < g_.out_h; ++oh) {
        for (int64_t ow = 0; ow < g_.out_w; ++ow, sums += g_.outputs) {
          if (!channels.empty()) window_sums(g_, channels, n, oh, ow, windows);
          for (size_t o = 0; o < constants_.size(); ++o) {
            const auto term = static_cast<uint32_t>(constants_[o]) - static_cast<uint32_t>(zw_) * static_cast<uint32_t>(windows[o / per_group]);
            sums[o] = static_cast<int32_t>(static_cast<uint32_t>(sums[o]) + term);
          }
        }
      }
    }
  }

  ConvGeometry g_;
  bool x_signed_;
  int64_t zx_ = 0, zw_ = 0;         // zx' and zw'
  std::vector<int32_t> constants_;  // by output: K * zx' * zw' - zx' * sum(w')
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
  return [conv](const Tensor& x, int32_t* sums) { conv->run(x, sums); };
}

}  // namespace assay::emu

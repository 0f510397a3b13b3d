#include "tests/bench/onednn_peer.h"

#include <omp.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>
#include <vector>

namespace assay::bench {

using dnnl::memory;

struct OnednnFp32Conv::State {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  dnnl::convolution_forward primitive;
  std::unordered_map<int, memory> arguments;
};

OnednnFp32Conv::OnednnFp32Conv(const ConvShape& s) : state_(std::make_unique<State>()) {
  omp_set_num_threads(1);
  const int64_t pad = s.kernel / 2, out = s.out();
  const auto any = memory::format_tag::any;
  const auto number = memory::data_type::f32;
  const memory::dims w_dims =
      s.groups == 1 ? memory::dims{s.outputs, s.channels, s.kernel, s.kernel} : memory::dims{s.groups, s.outputs / s.groups, s.channels / s.groups, s.kernel, s.kernel};
  const dnnl::convolution_forward::desc desc(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, {{1, s.channels, s.size, s.size}, number, any},
                                             {w_dims, number, any}, {{s.outputs}, number, memory::format_tag::a}, {{1, s.outputs, out, out}, number, any}, {s.stride, s.stride},
                                             {pad, pad}, {pad, pad});
  const dnnl::convolution_forward::primitive_desc primitive_desc(desc, state_->engine);
  state_->primitive = dnnl::convolution_forward(primitive_desc);
  const auto filled = [&](const memory::desc& of) {
    memory tensor(of, state_->engine);
    auto* const numbers = static_cast<float*>(tensor.get_data_handle());
    for (size_t i = 0; i < of.get_size() / sizeof(float); ++i) numbers[i] = static_cast<float>(i % 251) / 128 - 1;
    return tensor;
  };
  state_->arguments = {{DNNL_ARG_SRC, filled(primitive_desc.src_desc())},
                       {DNNL_ARG_WEIGHTS, filled(primitive_desc.weights_desc())},
                       {DNNL_ARG_BIAS, filled(primitive_desc.bias_desc())},
                       {DNNL_ARG_DST, filled(primitive_desc.dst_desc())}};
}

OnednnFp32Conv::~OnednnFp32Conv() = default;

void OnednnFp32Conv::run() {
  state_->primitive.execute(state_->stream, state_->arguments);
  state_->stream.wait();
}

}  // namespace assay::bench

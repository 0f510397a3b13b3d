// What a sum in a register must be, for the tests of emu/ops: the terms with the place of each in the order, collected by walking the operands' elements (not the result's,
// as emu/ops does), then sorted and added in integers of any size.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "emu/arith/accumulator.h"
#include "emu/program/instructions.h"
#include "tests/oracle/exact.h"

namespace assay::oracle {

// A place in the order of summing, compared from the left.
using TermPlace = std::array<int64_t, 3>;
using Terms = std::vector<std::pair<TermPlace, Int>>;
// The terms of each output, by its indices.
using TermsByOutput = std::map<std::vector<int64_t>, Terms>;

struct RegisterSum {
  Int value;
  bool overflowed = false;
};

inline RegisterSum sum_in_order(Terms terms, const emu::Accumulator& accumulator) {
  std::sort(terms.begin(), terms.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  RegisterSum sum;
  for (const auto& [place, term] : terms) {
    const Int exact = sum.value + term;
    sum.value = accumulator.overflow == emu::Overflow::saturate ? saturated(exact, accumulator.type) : wrapped(exact, accumulator.type);
    sum.overflowed |= sum.value != exact;
  }
  return sum;
}

inline TermPlace place(emu::SumOrder order, int64_t ky, int64_t kx, int64_t i) {
  return order == emu::SumOrder::ky_kx_ic ? TermPlace{ky, kx, i} : TermPlace{i, ky, kx};
}

// Every element of the image meets every weight of its group, and says which output they belong to.
struct Images {
  assay::Shape x;  // [N, C, H, W]
  std::vector<int64_t> x_values;
  assay::Shape w;
  std::vector<int64_t> w_values;
};

template <class Visit>
void every_index(const assay::Shape& shape, const Visit& visit) {
  std::vector<int64_t> index(shape.size());
  for (const int64_t extent : shape) {
    if (extent == 0) return;
  }
  for (size_t flat = 0;; ++flat) {
    visit(index, flat);
    size_t axis = shape.size();
    while (axis > 0 && ++index[axis - 1] == shape[axis - 1]) index[--axis] = 0;
    if (axis == 0) return;
  }
}

inline TermsByOutput conv_terms(const emu::Conv& op, const Images& images) {
  TermsByOutput terms;
  const int64_t outputs_per_group = images.w[0] / op.groups;
  every_index(images.x, [&](const std::vector<int64_t>& x, size_t x_at) {
    every_index(images.w, [&](const std::vector<int64_t>& w, size_t w_at) {
      if (w[0] / outputs_per_group * images.w[1] + w[1] != x[1]) return;
      std::vector<int64_t> y{x[0], w[0]};
      for (size_t axis = 0; axis < 2; ++axis) {
        const int64_t distance = x[2 + axis] + op.pads[axis] - w[2 + axis] * op.dilation[axis];
        if (distance < 0 || distance % op.stride[axis] != 0) return;
        y.push_back(distance / op.stride[axis]);
      }
      terms[y].push_back({place(op.order, w[2], w[3], w[1]), Int(images.x_values[x_at] - op.zx) * (images.w_values[w_at] - op.zw)});
    });
  });
  return terms;
}

inline TermsByOutput conv_transpose_terms(const emu::ConvTranspose& op, const Images& images) {
  TermsByOutput terms;
  const int64_t inputs_per_group = images.w[0] / op.groups;
  every_index(images.x, [&](const std::vector<int64_t>& x, size_t x_at) {
    every_index(images.w, [&](const std::vector<int64_t>& w, size_t w_at) {
      if (w[0] != x[1]) return;
      std::vector<int64_t> y{x[0], x[1] / inputs_per_group * images.w[1] + w[1]};
      for (size_t axis = 0; axis < 2; ++axis) y.push_back(x[2 + axis] * op.stride[axis] + w[2 + axis] * op.dilation[axis] - op.pads[axis]);
      terms[y].push_back({place(op.order, w[2], w[3], w[0] % inputs_per_group), Int(images.x_values[x_at] - op.zx) * (images.w_values[w_at] - op.zw)});
    });
  });
  return terms;
}

}  // namespace assay::oracle

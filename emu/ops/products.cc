#include "emu/ops/products.h"

#include <utility>

#include "emu/base/error.h"

namespace assay::emu {
namespace {

// Where the images and kernels of one output plane lie: batch element n, output channel o counted over all groups.
struct Plane {
  Plane(const WindowProducts& p, int64_t n, int64_t o)
      : image(p.x.data() + (n * p.groups + o / p.out_channels) * p.in_channels * p.in_rows * p.in_columns),
        kernel(p.w.data() + o * p.in_channels * p.kernel_rows * p.kernel_columns),
        image_size(p.in_rows * p.in_columns),
        kernel_size(p.kernel_rows * p.kernel_columns) {}
  const int64_t* image;
  const int64_t* kernel;
  int64_t image_size;   // from one input channel to the next
  int64_t kernel_size;  // from one input channel to the next
};

int64_t output_size(const WindowProducts& p) {
  return static_cast<int64_t>(p.rows.size() * p.columns.size());
}

Sums zeros(const WindowProducts& p) {
  const auto size = static_cast<size_t>(p.batch * p.groups * p.out_channels * output_size(p));
  return {std::vector<int64_t>(size), std::vector<uint8_t>(size)};
}

void sum_plane_in_register(const WindowProducts& p, const Plane& plane, const Register& reg, SumOrder order, int64_t* sums, uint8_t* overflowed) {
  for (const auto& rows : p.rows) {
    for (const auto& columns : p.columns) {
      int64_t sum = 0;
      bool left_register = false;
      const auto add = [&](const Tap& row, const Tap& column, int64_t i) {
        const int64_t x = plane.image[i * plane.image_size + row.in * p.in_columns + column.in];
        const int64_t w = plane.kernel[i * plane.kernel_size + row.k * p.kernel_columns + column.k];
        sum = reg.add(sum, x * w, left_register);
      };
      switch (order) {
        case SumOrder::ky_kx_ic:
          for (const Tap& row : rows) {
            for (const Tap& column : columns) {
              for (int64_t i = 0; i < p.in_channels; ++i) add(row, column, i);
            }
          }
          break;
        case SumOrder::ic_ky_kx:
          for (int64_t i = 0; i < p.in_channels; ++i) {
            for (const Tap& row : rows) {
              for (const Tap& column : columns) add(row, column, i);
            }
          }
          break;
      }
      *sums++ = sum;
      *overflowed++ = left_register ? 1 : 0;
    }
  }
}

// The input position that kernel position k meets, or -1: padding.
std::vector<int64_t> inputs_by_tap(const std::vector<Tap>& taps, int64_t kernel) {
  std::vector<int64_t> inputs(static_cast<size_t>(kernel), -1);
  for (const Tap& tap : taps) inputs[static_cast<size_t>(tap.k)] = tap.in;
  return inputs;
}

// Every kernel position is a term, the padding's too, which is 0. sum(count, term) adds term(0), term(1) ... for one output.
template <class Sum>
void sum_plane_by_terms(const WindowProducts& p, const Plane& plane, SumOrder order, const Sum& sum) {
  const int64_t taps = p.kernel_rows * p.kernel_columns;
  for (const auto& row_taps : p.rows) {
    const std::vector<int64_t> rows = inputs_by_tap(row_taps, p.kernel_rows);
    for (const auto& column_taps : p.columns) {
      const std::vector<int64_t> columns = inputs_by_tap(column_taps, p.kernel_columns);
      const auto term = [&](int64_t at) {
        const int64_t tap = order == SumOrder::ky_kx_ic ? at / p.in_channels : at % taps;
        const int64_t i = order == SumOrder::ky_kx_ic ? at % p.in_channels : at / taps;
        const int64_t row = rows[static_cast<size_t>(tap / p.kernel_columns)], column = columns[static_cast<size_t>(tap % p.kernel_columns)];
        if (row < 0 || column < 0) return std::pair<int64_t, int64_t>{0, 0};
        return std::pair{plane.image[i * plane.image_size + row * p.in_columns + column], plane.kernel[i * plane.kernel_size + tap]};
      };
      sum(taps * p.in_channels, term);
    }
  }
}

void sum_plane_term_by_term(const WindowProducts& p, const Plane& plane, const Register& reg, SumOrder order, int64_t* sums, uint8_t* overflowed) {
  sum_plane_by_terms(p, plane, order, [&](int64_t count, const auto& factors) {
    const auto term = [&](int64_t at) {
      const auto [x, w] = factors(at);
      return x * w;
    };
    bool left_register = false;
    *sums++ = reg.sum(count, term, left_register);
    *overflowed++ = left_register ? 1 : 0;
  });
}

void sum_plane_of_numbers(const WindowProducts& p, const Plane& plane, const Fp32Sum& how, SumOrder order, int64_t* sums, uint8_t* overflowed) {
  std::vector<Fp32> terms;
  sum_plane_by_terms(p, plane, order, [&](int64_t count, const auto& factors) {
    terms.clear();
    for (int64_t at = 0; at < count; ++at) {
      const auto [x, w] = factors(at);
      terms.push_back(multiply(number(x), number(w)));
    }
    const Fp32 sum = sum_of_numbers(terms, how);
    *sums++ = sum.bits;
    *overflowed++ = overflowed_fp32(sum);
  });
}

// One weight at a time over the whole row of outputs that it reaches.
void sum_plane_plainly(const WindowProducts& p, const Plane& plane, const std::vector<TapRun>& column_runs, int64_t* sums) {
  const auto row_size = static_cast<int64_t>(p.columns.size());
  for (int64_t i = 0; i < p.in_channels; ++i) {
    const int64_t* image = plane.image + i * plane.image_size;
    const int64_t* kernel = plane.kernel + i * plane.kernel_size;
    for (size_t y = 0; y < p.rows.size(); ++y) {
      int64_t* out_row = sums + static_cast<int64_t>(y) * row_size;
      for (const Tap& row : p.rows[y]) {
        const int64_t* in_row = image + row.in * p.in_columns;
        for (int64_t kx = 0; kx < p.kernel_columns; ++kx) {
          const TapRun& run = column_runs[static_cast<size_t>(kx)];
          const int64_t w = kernel[row.k * p.kernel_columns + kx];
          int64_t* out = out_row + run.out_first;
          const int64_t* in = in_row + run.in_first;
          if (run.out_step == 1 && run.in_step == 1) {
            for (int64_t j = 0; j < run.count; ++j) out[j] += in[j] * w;
          } else {
            for (int64_t j = 0; j < run.count; ++j) out[j * run.out_step] += in[j * run.in_step] * w;
          }
        }
      }
    }
  }
}

// The sum of one output channel's weights' magnitudes.
Wide sum_of_magnitudes(const WindowProducts& p, const Plane& plane) {
  Wide sum = 0;
  for (int64_t i = 0; i < p.in_channels * plane.kernel_size; ++i) sum += plane.kernel[i] < 0 ? -plane.kernel[i] : plane.kernel[i];
  return sum;
}

}  // namespace

Sums sums_in_register(const WindowProducts& products, const Accumulator& accumulator, SumOrder order) {
  const Register reg(accumulator);
  Sums sums = zeros(products);
  const int64_t channels = products.groups * products.out_channels;
  for (int64_t at = 0; at < products.batch * channels; ++at) {
    const Plane plane(products, at / channels, at % channels);
    const int64_t offset = at * output_size(products);
    int64_t* const to = sums.values.data() + offset;
    uint8_t* const overflowed = sums.overflowed.data() + offset;
    if (products.is_float) {
      sum_plane_of_numbers(products, plane, accumulator.fp32.value(), order, to, overflowed);
      continue;
    }
    (reg.is_plain() ? sum_plane_in_register : sum_plane_term_by_term)(products, plane, reg, order, to, overflowed);
  }
  return sums;
}

Sums sums_of(const WindowProducts& products, const Accumulator& accumulator, SumOrder order) {
  if (products.is_float) return sums_in_register(products, accumulator, order);
  const Register reg(accumulator);
  Sums sums = zeros(products);
  const std::vector<TapRun> column_runs = runs_of(products.columns, products.kernel_columns);
  const Wide largest = largest_magnitude(products.x);
  const int64_t channels = products.groups * products.out_channels;
  for (int64_t at = 0; at < products.batch * channels; ++at) {
    const Plane plane(products, at / channels, at % channels);
    const int64_t offset = at * output_size(products);
    if (reg.never_overflows(largest * sum_of_magnitudes(products, plane))) {
      sum_plane_plainly(products, plane, column_runs, sums.values.data() + offset);
    } else {
      (reg.is_plain() ? sum_plane_in_register : sum_plane_term_by_term)(products, plane, reg, order, sums.values.data() + offset, sums.overflowed.data() + offset);
    }
  }
  return sums;
}

}  // namespace assay::emu

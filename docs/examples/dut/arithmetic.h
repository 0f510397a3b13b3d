/* What both example devices share: rounding, quantization and a table, written for clarity and without a look at Assay's own code. */
#ifndef EXAMPLE_ARITHMETIC_H
#define EXAMPLE_ARITHMETIC_H

#include <string.h>

#include "assay_dut.h"

#ifndef BUG
#define BUG 0 /* README.md lists the planted bugs */
#endif

static int64_t floor_shift(int64_t v, int64_t shift) {
  return v >> shift; /* arithmetic on every compiler that matters */
}

/* v / 2^shift rounded: the integer below, plus one where the mode says so. */
static int64_t rounded_shift(int64_t v, int64_t shift, int mode) {
  if (shift == 0) return v;
  const int64_t below = floor_shift(v, shift);
  const uint64_t rest = (uint64_t)v & (((uint64_t)1 << shift) - 1), half = (uint64_t)1 << (shift - 1);
  if (rest == 0) return below;
  const int negative = v < 0;
  int up = rest > half;
  switch (mode) {
    case ASSAY_DUT_FLOOR: up = 0; break;
    case ASSAY_DUT_CEIL: up = 1; break;
    case ASSAY_DUT_TOWARD_ZERO: up = negative; break;
    case ASSAY_DUT_AWAY_FROM_ZERO: up = !negative; break;
    case ASSAY_DUT_HALF_UP: up = rest >= half; break;
    case ASSAY_DUT_HALF_DOWN: break;
    case ASSAY_DUT_HALF_EVEN: up = rest > half || (rest == half && (below & 1)); break;
    case ASSAY_DUT_HALF_ODD: up = rest > half || (rest == half && !(below & 1)); break;
    case ASSAY_DUT_HALF_AWAY: up = rest > half || (rest == half && !negative); break;
    case ASSAY_DUT_HALF_TOWARD_ZERO: up = rest > half || (rest == half && negative); break;
    default: break;
  }
  return below + up;
}

static int64_t clamped(int64_t v, int64_t low, int64_t high) {
  return v < low ? low : v > high ? high : v;
}

/* The low 32 bits of a sum, as a register of that width keeps them. */
static int64_t wrapped_32(int64_t v) {
  return (int64_t)(int32_t)(uint32_t)(uint64_t)v;
}

static float float_of(int64_t word) {
  const uint32_t bits = (uint32_t)word;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* x / scale as binary32, to the nearest integer; ties up, or to even. Far numbers stop at 32 bits; not-a-number gives 0. */
static int64_t quantized(int64_t x_fp32, int64_t scale_fp32, int ties_to_even) {
  const volatile float quotient = float_of(x_fp32) / float_of(scale_fp32);
  const double q = quotient;
  if (q != q) return 0;
  if (q >= 2147483647.0) return INT32_MAX;
  if (q <= -2147483648.0) return INT32_MIN;
  int64_t below = (int64_t)q;
  if ((double)below > q) --below;
  const double rest = q - (double)below;
  return below + (ties_to_even ? rest > 0.5 || (rest == 0.5 && (below & 1)) : rest >= 0.5);
}

int assay_dut_abi_version(void) {
  return BUG == 10 ? ASSAY_DUT_ABI_VERSION + 1 : ASSAY_DUT_ABI_VERSION;
}

int assay_dut_round_shift(const assay_dut_round_shift_params* p, size_t n, const int64_t* values, int64_t* results) {
  for (size_t i = 0; i < n; ++i) results[i] = rounded_shift(values[i], p->shift, (int)p->mode);
  return 0;
}

int assay_dut_table(const assay_dut_table_params* p, size_t n, const int64_t* x, int64_t* results) {
  const int64_t lowest = LOWEST;
  for (size_t i = 0; i < n; ++i) {
    if (x[i] - lowest >= p->entry_count) return 1;
    results[i] = p->entries[x[i] - lowest];
    if (BUG == 6 && x[i] == 17) ++results[i];
  }
  return 0;
}

int assay_dut_dot(const assay_dut_dot_params* p, size_t n, const int64_t* x, const int64_t* w, int64_t* results) {
  for (size_t i = 0; i < n; ++i) {
    int64_t sum = 0, pair = 0;
    for (int64_t k = 0; k < p->length; ++k) {
      const int64_t product = (x[i * (size_t)p->length + (size_t)k] - p->zero_point_x) * (w[i * (size_t)p->length + (size_t)k] - p->zero_point_w);
      if (BUG != 7) {
        sum = wrapped_32(sum + product);
        continue;
      }
      pair += product; /* two products at a time go through 16 bits that saturate */
      if (k % 2 == 1 || k + 1 == p->length) {
        sum = wrapped_32(sum + clamped(pair, INT16_MIN, INT16_MAX));
        pair = 0;
      }
    }
    results[i] = sum;
  }
  return 0;
}

#endif

/* A device that computes as the target dsp_int8 says: 8-bit unsigned words with a zero point, a 31-bit multiplier and one rounded shift (ties up). */
#define LOWEST 0
#include "arithmetic.h"

enum { kTies = BUG == 1 ? ASSAY_DUT_HALF_EVEN : ASSAY_DUT_HALF_UP };

/* |v| <= 2^32 and multiplier < 2^31: the product fits 64 bits. */
static int64_t finished(int64_t v, int64_t multiplier, int64_t right_shift, int64_t zero_point, int64_t low, int64_t high) {
  int64_t product = v * multiplier;
  if (BUG == 4) {
    product = rounded_shift(product + zero_point, right_shift, kTies); /* too early: the zero point is shifted away with the rest */
  } else {
    product = rounded_shift(product, right_shift, kTies) + zero_point;
  }
  return clamped(clamped(product, BUG == 3 ? 1 : 0, 255), low, high);
}

int assay_dut_quantize(const assay_dut_quantize_params *p, size_t n, const int64_t *x_fp32, int64_t *results) {
  for (size_t i = 0; i < n; ++i) results[i] = clamped(quantized(x_fp32[i], p->scale_fp32, 1) + p->zero_point, p->low, p->high);
  return 0;
}

int assay_dut_requantize(const assay_dut_requantize_params *p, size_t n, const int64_t *accumulators, int64_t *results) {
  for (size_t i = 0; i < n; ++i) {
    int64_t v = accumulators[i] + p->bias;
    if (BUG == 2) v = wrapped_32(v);
    results[i] = finished(v, p->multiplier, p->right_shift, p->zero_point, p->low, p->high);
  }
  return 0;
}

int assay_dut_add(const assay_dut_add_params *p, size_t n, const int64_t *a, const int64_t *b, int64_t *results) {
  for (size_t i = 0; i < n; ++i) {
    const int64_t in_a = rounded_shift((a[i] - p->zero_point_a) * p->multiplier_a, p->right_shift_a, kTies);
    const int64_t in_b = rounded_shift((b[i] - p->zero_point_b) * p->multiplier_b, p->right_shift_b, kTies);
    const int64_t sum = wrapped_32(wrapped_32(in_a) + in_b);
    results[i] = finished(sum, p->multiplier, p->right_shift, p->zero_point, p->low, p->high);
  }
  return 0;
}

int assay_dut_mul(const assay_dut_mul_params *p, size_t n, const int64_t *a, const int64_t *b, int64_t *results) {
  for (size_t i = 0; i < n; ++i) {
    const int64_t product = (a[i] - p->zero_point_a) * (b[i] - p->zero_point_b);
    results[i] = finished(product, p->multiplier, p->right_shift, p->zero_point, p->low, p->high);
  }
  return 0;
}

/* The scale holds the reciprocal of the count. */
int assay_dut_average_pool(const assay_dut_average_pool_params *p, size_t n, const int64_t *sums, int64_t *results) {
  for (size_t i = 0; i < n; ++i) results[i] = finished(sums[i] - p->count * p->zero_point_x, p->multiplier, p->right_shift, p->zero_point, p->low, p->high);
  return 0;
}

/* A device that computes as the target nxp_int8 says: 8-bit symmetric words, power-of-two scales, one rounded shift (ties up). */
#define LOWEST (-128)
#include "arithmetic.h"

enum { kTies = BUG == 1 ? ASSAY_DUT_HALF_EVEN : ASSAY_DUT_HALF_UP };

/* v * 2^left / 2^right, rounded once. Only the difference of the shifts matters; whatever leaves 40 bits to the left will be saturated anyway. */
static int64_t scaled(int64_t v, int64_t left, int64_t right) {
  if (right >= left) return rounded_shift(v, right - left, kTies);
  const int64_t shift = left - right;
  if (v > ((int64_t)1 << 40 >> shift)) return (int64_t)1 << 40;
  if (v < -((int64_t)1 << 40 >> shift)) return -((int64_t)1 << 40);
  return v * ((int64_t)1 << shift);
}

static int64_t finished(int64_t v, int64_t low, int64_t high) {
  v = clamped(v, BUG == 3 ? -127 : -128, 127);
  return clamped(v, low, high);
}

int assay_dut_quantize(const assay_dut_quantize_params *p, size_t n, const int64_t *x_fp32, int64_t *results) {
  for (size_t i = 0; i < n; ++i) results[i] = clamped(quantized(x_fp32[i], p->scale_fp32, 0) + p->zero_point, p->low, p->high);
  return 0;
}

int assay_dut_requantize(const assay_dut_requantize_params *p, size_t n, const int64_t *accumulators, int64_t *results) {
  for (size_t i = 0; i < n; ++i) {
    int64_t v = accumulators[i] + p->bias;
    if (BUG == 2) v = wrapped_32(v);
    if (BUG == 8 && accumulators[i] < -1000) *(volatile int *)0 = 1;
    while (BUG == 9 && accumulators[i] < -1000) {
    }
    results[i] = finished(scaled(v, p->left_shift, p->right_shift), p->low, p->high);
  }
  return 0;
}

int assay_dut_add(const assay_dut_add_params *p, size_t n, const int64_t *a, const int64_t *b, int64_t *results) {
  for (size_t i = 0; i < n; ++i) {
    const int64_t sum = (a[i] - p->zero_point_a) + (b[i] - p->zero_point_b);
    results[i] = finished(scaled(sum, p->left_shift, p->right_shift), p->low, p->high);
  }
  return 0;
}

int assay_dut_mul(const assay_dut_mul_params *p, size_t n, const int64_t *a, const int64_t *b, int64_t *results) {
  for (size_t i = 0; i < n; ++i) {
    const int64_t product = (a[i] - p->zero_point_a) * (b[i] - p->zero_point_b);
    const int64_t v = scaled(product, p->left_shift, p->right_shift);
    results[i] = BUG == 5 ? clamped((int8_t)(uint8_t)(uint64_t)v, p->low, p->high) : finished(v, p->low, p->high);
  }
  return 0;
}

/* The mean: sum * 2^left / (count * 2^right), ties up, by one division that rounds down. */
int assay_dut_average_pool(const assay_dut_average_pool_params *p, size_t n, const int64_t *sums, int64_t *results) {
  if (p->left_shift > 31 || p->right_shift > 30) return 1; /* would need more than 64 bits */
  for (size_t i = 0; i < n; ++i) {
    const int64_t twice = 2 * (sums[i] - p->count * p->zero_point_x) * ((int64_t)1 << p->left_shift);
    const int64_t divisor = p->count * ((int64_t)1 << p->right_shift);
    const int64_t dividend = twice + divisor;
    int64_t quotient = dividend / (2 * divisor);
    if (quotient * 2 * divisor > dividend) --quotient;
    results[i] = finished(quotient, p->low, p->high);
  }
  return 0;
}

/* The C interface of a device under test: what a shared library offers so that `assay verify --dut lib.so --target T` can hold its arithmetic against a target's definition.
 * C99, no dependency; compile with `cc -std=c99 -shared -fPIC -I verify/device my_dut.c -o my_dut.so`.
 *
 * A library exports assay_dut_abi_version() and any of the functions below; what it does not export is reported as "not tested".
 * Every function computes n results at once from one set of shared parameters. Element i of each array belongs to result i. It returns 0 where all n results were written, anything
 * else where it cannot do what the parameters ask (these cases count as "not supported", not as wrong).
 *
 * All numbers are int64_t, whatever the width on the device: the values are always within the ranges given here. Stored words are integers of the target's activation type (or
 * weight type, for dot's w). A name that ends in _fp32 is a binary32 word, 0 .. 2^32 - 1. Results are stored words of the activation type, unless something else is said.
 *
 * A scale is three numbers: the ratio is multiplier * 2^left_shift / 2^(right_shift + what the target's steps shift by themselves). On targets that only shift, multiplier is 1.
 *   multiplier    |.| < 2^32; targets with a multiplier of N bits give 2^(N-1) .. 2^N - 1, or 0
 *   left_shift    0 .. 31        right_shift   0 .. 62
 * What the target computes in binary32 has four words instead (0 elsewhere): scale_fp32, bias_fp32, output_fp32, slope_fp32.
 * low .. high are the clamp bounds of a fused activation, within the activation type; zero_point is the result's, in the activation type.
 */
#ifndef ASSAY_DUT_H
#define ASSAY_DUT_H

#include <stddef.h>
#include <stdint.h>

#define ASSAY_DUT_ABI_VERSION 1

#if defined(__GNUC__)
#define ASSAY_DUT_EXPORT __attribute__((visibility("default")))
#else
#define ASSAY_DUT_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What happens to the bits that a right shift discards. */
typedef enum assay_dut_round {
  ASSAY_DUT_FLOOR = 0,           /* toward -infinity */
  ASSAY_DUT_CEIL = 1,            /* toward +infinity */
  ASSAY_DUT_TOWARD_ZERO = 2,     /* as C's division */
  ASSAY_DUT_AWAY_FROM_ZERO = 3,  /* */
  ASSAY_DUT_HALF_UP = 4,         /* nearest, ties to +infinity */
  ASSAY_DUT_HALF_DOWN = 5,       /* nearest, ties to -infinity */
  ASSAY_DUT_HALF_EVEN = 6,       /* nearest, ties to the even neighbour */
  ASSAY_DUT_HALF_ODD = 7,        /* nearest, ties to the odd neighbour */
  ASSAY_DUT_HALF_AWAY = 8,       /* nearest, ties away from zero */
  ASSAY_DUT_HALF_TOWARD_ZERO = 9 /* nearest, ties toward zero */
} assay_dut_round;

/* Must return ASSAY_DUT_ABI_VERSION. */
ASSAY_DUT_EXPORT int assay_dut_abi_version(void);

/* result = value / 2^shift, rounded. Any value, shift 0 .. 62. */
typedef struct assay_dut_round_shift_params {
  int64_t shift;
  int64_t mode; /* assay_dut_round */
} assay_dut_round_shift_params;
ASSAY_DUT_EXPORT int assay_dut_round_shift(const assay_dut_round_shift_params* params, size_t n, const int64_t* values, int64_t* results);

/* result = clamp(round(x / scale) + zero_point, low, high): a real number becomes a stored word. x_fp32: binary32 words. */
typedef struct assay_dut_quantize_params {
  int64_t scale_fp32;
  int64_t zero_point;
  int64_t low;
  int64_t high;
} assay_dut_quantize_params;
ASSAY_DUT_EXPORT int assay_dut_quantize(const assay_dut_quantize_params* params, size_t n, const int64_t* x_fp32, int64_t* results);

/* result = what the target's convolution makes of a finished accumulator: bias, scale, zero point, saturation, clamp. accumulators: within the target's accumulator type. */
typedef struct assay_dut_requantize_params {
  int64_t bias;
  int64_t multiplier;
  int64_t left_shift;
  int64_t right_shift;
  int64_t scale_fp32;
  int64_t bias_fp32;
  int64_t output_fp32;
  int64_t slope_fp32;
  int64_t zero_point;
  int64_t low;
  int64_t high;
  int64_t first_shift; /* of targets that cut twice: the right shift that comes before the bias and the multiplier; 0 elsewhere */
} assay_dut_requantize_params;
ASSAY_DUT_EXPORT int assay_dut_requantize(const assay_dut_requantize_params* params, size_t n, const int64_t* accumulators, int64_t* results);

/* result = a + b: each operand less its zero point, brought to a common scale, then scaled to the result's. */
typedef struct assay_dut_add_params {
  int64_t zero_point_a;
  int64_t zero_point_b;
  int64_t multiplier_a;
  int64_t left_shift_a;
  int64_t right_shift_a;
  int64_t multiplier_b;
  int64_t left_shift_b;
  int64_t right_shift_b;
  int64_t multiplier;
  int64_t left_shift;
  int64_t right_shift;
  int64_t zero_point;
  int64_t low;
  int64_t high;
} assay_dut_add_params;
ASSAY_DUT_EXPORT int assay_dut_add(const assay_dut_add_params* params, size_t n, const int64_t* a, const int64_t* b, int64_t* results);

/* result = (a - zero_point_a) * (b - zero_point_b), scaled to the result's scale. */
typedef struct assay_dut_mul_params {
  int64_t zero_point_a;
  int64_t zero_point_b;
  int64_t multiplier;
  int64_t left_shift;
  int64_t right_shift;
  int64_t scale_fp32;
  int64_t bias_fp32;
  int64_t output_fp32;
  int64_t slope_fp32;
  int64_t zero_point;
  int64_t low;
  int64_t high;
} assay_dut_mul_params;
ASSAY_DUT_EXPORT int assay_dut_mul(const assay_dut_mul_params* params, size_t n, const int64_t* a, const int64_t* b, int64_t* results);

/* result = the mean of a window. sums: of the window's `count` stored words; the zero point is still in each of them. */
typedef struct assay_dut_average_pool_params {
  int64_t count;
  int64_t zero_point_x;
  int64_t multiplier;
  int64_t left_shift;
  int64_t right_shift;
  int64_t zero_point;
  int64_t low;
  int64_t high;
} assay_dut_average_pool_params;
ASSAY_DUT_EXPORT int assay_dut_average_pool(const assay_dut_average_pool_params* params, size_t n, const int64_t* sums, int64_t* results);

/* result = what the table holds for x, directly or between two entries as the target says. entries: lowest x first. */
typedef struct assay_dut_table_params {
  int64_t entry_count;
  const int64_t* entries;
} assay_dut_table_params;
ASSAY_DUT_EXPORT int assay_dut_table(const assay_dut_table_params* params, size_t n, const int64_t* x, int64_t* results);

/* result = the accumulator (its register's value, not a stored word) after sum over k = 0 .. length - 1, in this order, of
 * (x[i * length + k] - zero_point_x) * (w[i * length + k] - zero_point_w). */
typedef struct assay_dut_dot_params {
  int64_t zero_point_x;
  int64_t zero_point_w;
  int64_t length;
} assay_dut_dot_params;
ASSAY_DUT_EXPORT int assay_dut_dot(const assay_dut_dot_params* params, size_t n, const int64_t* x, const int64_t* w, int64_t* results);

#ifdef __cplusplus
}
#endif

#endif

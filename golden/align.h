// The verdict: four columns, layer by layer. What is compared with what, and how a layer is judged, is decided here; reports/ only tells it.
//
//   fp32        the model in float32                    ppq_int8    the PPQ simulator (fake quantization)
//   emu_int8    this emulator on the target             target_int8 a dump from a device or library (where one is given)
//
// emu against ppq (and target) is judged on integers: EQUAL, CLOSE (only off by one, with the count), NOT_EQUAL, NOT_COMPARABLE (shape, type: never scored as a number).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "emu/machine.h"
#include "emu/program/program.h"
#include "emu/target/target.h"
#include "vectors/npy.h"

namespace assay::golden {

enum class Verdict : uint8_t { EQUAL, CLOSE, NOT_EQUAL, NOT_COMPARABLE };
std::string_view to_string(Verdict verdict);

// Sums over all elements of all inputs of one pair of real columns (x against reference r), in double, in a fixed order; merging is in input order.
struct RealDifference {
  double xx = 0, rr = 0, xr = 0;  // sums of x*x, r*r, x*r
  double abs_error = 0;           // sum of |x - r|
  double squared_error = 0;       // sum of (x - r)^2
  uint64_t elements = 0;

  void add(const std::vector<float>& x, const std::vector<float>& r);
  void merge(const RealDifference& other);
  double cosine() const;  // 1 where both are all zeros; 0 where one is, and where a NaN or an infinity came in
  double mean_absolute_error() const;
  double relative_euclidean() const;  // |x - r| / |r|
  double snr() const;                 // PPQ's: sum (x-r)^2 / (sum r^2 + 1e-7): noise over signal, larger is worse
};

struct FirstMismatch {
  std::string sample;
  std::vector<int64_t> index;  // (n, c, h, w)
  int64_t expected = 0;        // the ppq (or target) column
  int64_t got = 0;             // the emulator
};

// The histogram of differences ends here: wide outputs (s32) may differ by anything, and it must stay small.
inline constexpr int64_t kFarthest = 65536;

// Two columns of words. EQUAL: none differs; CLOSE: some do, each by exactly 1. Words of numbers differ by how many others lie between them.
struct IntDifference {
  Verdict verdict = Verdict::EQUAL;
  std::string why;                     // for NOT_COMPARABLE
  std::map<int64_t, uint64_t> off_by;  // got - expected -> count; 0 is left out; farther than kFarthest counts there
  uint64_t elements = 0;
  uint64_t differing = 0;
  std::optional<FirstMismatch> first;

  void add(const std::string& sample, const emu::Tensor& got, const emu::Tensor& expected);
  void merge(const IntDifference& other);  // `other` comes after this one in input order
};

// One quantized tensor of the program: a layer's output, or an input.
struct LayerAlignment {
  std::string name;       // the ONNX tensor
  std::string node;       // the ONNX node
  std::string operation;  // "conv", "table_lookup" ...
  Shape shape;
  bool is_output = false;
  RealDifference ppq_fp32, emu_fp32, emu_ppq;
  IntDifference emu_vs_ppq;
  emu::OverflowCounts overflows;
  std::string engine_note;  // why the reference ran instead of a kernel, or ""
};

struct Accuracy {
  uint64_t labelled = 0;
  uint64_t fp32_correct = 0, ppq_correct = 0, emu_correct = 0;
};

// The three verdicts, of the network's outputs; the worst output counts. Without an output among the layers the last layer stands for it; where nothing was compared, or an output
// is NOT_COMPARABLE, nothing holds that would need it.
struct Verdicts {
  double ppq_fp32 = 1, emu_ppq = 1, emu_fp32 = 1;  // cosines
  bool simulation_good = false;                    // cos(ppq, fp32) > 0.99
  bool aligned = false;                            // cos(emu, ppq) > 0.99
  bool precision_normal = false;                   // cos(emu, fp32) > 0.99
};

struct Alignment {
  std::string model, model_sha256, target;
  std::vector<emu::Claim> assumed;  // the target's assumed claims, printed first
  std::vector<std::string> notes;   // accumulators that can overflow, warnings
  uint64_t samples = 0;
  std::vector<LayerAlignment> layers;  // in order of execution
  std::optional<Accuracy> accuracy;

  Verdicts verdicts() const;
  // 0 aligned: all three verdicts hold; 1 otherwise.
  int exit_code() const;
};

inline constexpr double kAlignedCosine = 0.99;

// What one sample contributes; merge in sample order. An Alignment without layers takes everything from the first.
void merge(Alignment& into, const Alignment& sample);

// align.json: sorted keys, shortest round-trip decimals, no timestamps. Sums that are no number are null.
std::string to_json(const Alignment& alignment);
// Reads it back; `origin` names the file in errors (InputError).
Alignment from_json(const std::string& text, const std::string& origin);

}  // namespace assay::golden

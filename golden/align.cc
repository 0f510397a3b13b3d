#include "golden/align.h"

#include <algorithm>
#include <cmath>

#include "emu/base/error.h"

namespace assay::golden {
namespace {

std::vector<int64_t> unravel(size_t flat, const Shape& shape) {
  std::vector<int64_t> index(shape.size());
  auto rest = static_cast<int64_t>(flat);
  for (size_t axis = shape.size(); axis-- > 0;) {
    index[axis] = rest % shape[axis];
    rest /= shape[axis];
  }
  return index;
}

Verdict judged(const IntDifference& d) {
  if (!d.why.empty()) return Verdict::NOT_COMPARABLE;
  if (d.differing == 0) return Verdict::EQUAL;
  const bool by_one = std::all_of(d.off_by.begin(), d.off_by.end(), [](const auto& entry) { return entry.first == 1 || entry.first == -1; });
  return by_one ? Verdict::CLOSE : Verdict::NOT_EQUAL;
}

void add_counts(std::vector<uint64_t>& into, const std::vector<uint64_t>& other) {
  if (into.size() < other.size()) into.resize(other.size());
  for (size_t i = 0; i < other.size(); ++i) into[i] += other[i];
}

void merge_layer(LayerAlignment& into, const LayerAlignment& other) {
  ASSAY_ASSERT(into.name == other.name);
  into.ppq_fp32.merge(other.ppq_fp32);
  into.emu_fp32.merge(other.emu_fp32);
  into.emu_ppq.merge(other.emu_ppq);
  into.emu_vs_ppq.merge(other.emu_vs_ppq);
  add_counts(into.overflows.accumulator, other.overflows.accumulator);
  add_counts(into.overflows.intermediate, other.overflows.intermediate);
  add_counts(into.overflows.output, other.overflows.output);
  if (into.engine_note.empty()) into.engine_note = other.engine_note;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::EQUAL: return "EQUAL";
    case Verdict::CLOSE: return "CLOSE";
    case Verdict::NOT_EQUAL: return "NOT_EQUAL";
    case Verdict::NOT_COMPARABLE: return "NOT_COMPARABLE";
  }
  throw InternalError("a verdict without a name");
}

void RealDifference::add(const std::vector<float>& x, const std::vector<float>& r) {
  ASSAY_ASSERT(x.size() == r.size());
  RealDifference d;
  for (size_t i = 0; i < x.size(); ++i) {
    const double a = x[i];
    const double b = r[i];
    d.xx += a * a;
    d.rr += b * b;
    d.xr += a * b;
    d.abs_error += std::abs(a - b);
    d.squared_error += (a - b) * (a - b);
  }
  d.elements = x.size();
  merge(d);
}

void RealDifference::merge(const RealDifference& other) {
  xx += other.xx;
  rr += other.rr;
  xr += other.xr;
  abs_error += other.abs_error;
  squared_error += other.squared_error;
  elements += other.elements;
}

double RealDifference::cosine() const {
  if (!std::isfinite(xx) || !std::isfinite(rr) || !std::isfinite(xr)) return 0;
  if (xx == rr && xr == xx) return 1;  // the same values (or no values): what the division below may miss by a rounding
  if (xx == 0 || rr == 0) return 0;
  return std::clamp(xr / (std::sqrt(xx) * std::sqrt(rr)), -1.0, 1.0);
}

double RealDifference::mean_absolute_error() const {
  return elements == 0 ? 0 : abs_error / static_cast<double>(elements);
}

double RealDifference::relative_euclidean() const {
  if (squared_error == 0) return 0;
  return std::sqrt(squared_error) / std::sqrt(rr);
}

double RealDifference::snr() const {
  return squared_error / (rr + 1e-7);
}

void IntDifference::add(const std::string& sample, const emu::Tensor& got, const emu::Tensor& expected) {
  IntDifference d;
  if (got.shape() != expected.shape()) d.why = "shape " + assay::to_string(got.shape()) + " against " + assay::to_string(expected.shape());
  if (got.type() != expected.type()) d.why += (d.why.empty() ? "" : ", ") + ("type " + emu::to_string(got.type()) + " against " + emu::to_string(expected.type()));
  if (d.why.empty()) {
    d.elements = got.size();
    for (size_t i = 0; i < got.size(); ++i) {
      const int64_t g = got.at(i);
      const int64_t e = expected.at(i);
      if (g == e) continue;
      ++d.differing;
      const Wide off = Wide{emu::ordered(g, got.type())} - emu::ordered(e, got.type());
      ++d.off_by[static_cast<int64_t>(std::clamp<Wide>(off, -kFarthest, kFarthest))];
      if (!d.first) d.first = FirstMismatch{sample, unravel(i, got.shape()), e, g};
    }
  }
  merge(d);
}

void IntDifference::merge(const IntDifference& other) {
  if (why.empty()) why = other.why;
  elements += other.elements;
  differing += other.differing;
  for (const auto& [off, count] : other.off_by) off_by[off] += count;
  if (!first) first = other.first;
  verdict = judged(*this);
}

Verdicts Alignment::verdicts() const {
  std::vector<const LayerAlignment*> outputs;
  for (const LayerAlignment& layer : layers) {
    if (layer.is_output) outputs.push_back(&layer);
  }
  if (outputs.empty() && !layers.empty()) outputs.push_back(&layers.back());

  Verdicts v;
  bool compared = !outputs.empty();
  bool comparable = true;
  for (const LayerAlignment* output : outputs) {
    v.ppq_fp32 = std::min(v.ppq_fp32, output->ppq_fp32.cosine());
    v.emu_ppq = std::min(v.emu_ppq, output->emu_ppq.cosine());
    v.emu_fp32 = std::min(v.emu_fp32, output->emu_fp32.cosine());
    compared = compared && output->emu_fp32.elements > 0;
    comparable = comparable && output->emu_vs_ppq.verdict != Verdict::NOT_COMPARABLE;
  }
  if (!compared) v.ppq_fp32 = v.emu_ppq = v.emu_fp32 = 0;
  v.simulation_good = v.ppq_fp32 > kAlignedCosine;
  v.aligned = comparable && v.emu_ppq > kAlignedCosine;
  v.precision_normal = v.emu_fp32 > kAlignedCosine;
  return v;
}

int Alignment::exit_code() const {
  const Verdicts v = verdicts();
  return v.simulation_good && v.aligned && v.precision_normal ? 0 : 1;
}

void merge(Alignment& into, const Alignment& sample) {
  if (into.layers.empty()) {
    into = sample;
    return;
  }
  ASSAY_ASSERT(into.layers.size() == sample.layers.size());
  for (size_t i = 0; i < into.layers.size(); ++i) merge_layer(into.layers[i], sample.layers[i]);
  into.samples += sample.samples;
  if (!sample.accuracy) return;
  if (!into.accuracy) into.accuracy.emplace();
  into.accuracy->labelled += sample.accuracy->labelled;
  into.accuracy->fp32_correct += sample.accuracy->fp32_correct;
  into.accuracy->ppq_correct += sample.accuracy->ppq_correct;
  into.accuracy->emu_correct += sample.accuracy->emu_correct;
}

}  // namespace assay::golden

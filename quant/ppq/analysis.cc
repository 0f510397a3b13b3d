#include "quant/ppq/analysis.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <thread>

#include "emu/base/error.h"

namespace assay::ppq {
namespace {

constexpr size_t kAnalysedFetches = 4096;

size_t rows_of(const FloatTensor& tensor) {
  return tensor.shape.size() < 2 ? 1 : static_cast<size_t>(tensor.shape[0]);
}

// One row each.
Errors row_errors(const float* y, const float* r, size_t size) {
  double noise = 0, signal = 0, power = 0, product = 0;
  for (size_t i = 0; i < size; ++i) {
    const auto a = static_cast<double>(y[i]), b = static_cast<double>(r[i]);
    const auto difference = static_cast<double>(y[i] - r[i]);
    noise += difference * difference, signal += b * b, power += a * a, product += a * b;
  }
  return {noise / (signal + 1e-7), size == 0 ? 0 : noise / static_cast<double>(size), product / std::max(std::sqrt(power) * std::sqrt(signal), 1e-8)};
}

// A mean that grows, each entry weighted.
class Mean {
 public:
  void add(const Errors& errors, double weight) {
    weight_ += weight;
    sum_.snr += weight * errors.snr, sum_.mse += weight * errors.mse, sum_.cosine += weight * errors.cosine;
  }
  Errors value() const { return weight_ == 0 ? Errors{} : Errors{sum_.snr / weight_, sum_.mse / weight_, sum_.cosine / weight_}; }

 private:
  Errors sum_{0, 0, 0};
  double weight_ = 0;
};

std::vector<OperationErrors> rows_for(const Network& network) {
  std::vector<OperationErrors> rows;
  for (const OperationId id : network.order) {
    const Operation& operation = network.operation(id);
    if (operation.quantized && is_computing(operation.type)) rows.push_back({id, operation.name, {}});
  }
  return rows;
}

FloatTensor sampled(const FloatTensor& tensor) {
  const size_t rows = rows_of(tensor), size = rows == 0 ? 0 : tensor.size() / rows;
  FloatTensor result(Shape{static_cast<int64_t>(rows), static_cast<int64_t>(kAnalysedFetches)});
  const std::vector<size_t> indices = sampled_indices(size, kAnalysedFetches);
  for (size_t row = 0; row < rows; ++row) {
    for (size_t i = 0; i < kAnalysedFetches; ++i) result.data[row * kAnalysedFetches + i] = tensor.data[row * size + indices[i]];
  }
  return result;
}

// For one batch, the errors of each row of the analysis, and the size of the batch.
struct BatchErrors {
  std::vector<Errors> errors;
  double size = 1;
};

// Runs `analyse(input)` for steps + 1 inputs, context.threads of them side by side, and means what they give in their order.
template <class Analyse>
std::vector<OperationErrors> over_batches(std::vector<OperationErrors> rows, const Context& context, size_t steps, const std::string& what, Analyse analyse) {
  const size_t count = std::min(steps + 1, context.inputs.count), together = static_cast<size_t>(std::max(context.threads, 1));
  if (count == 0) throw InputError("there are no inputs to analyse the network with");
  std::vector<Mean> means(rows.size());
  for (size_t first = 0; first < count; first += together) {
    if (first > 0 && context.cancelled && context.cancelled()) break;
    std::vector<BatchErrors> batches(std::min(together, count - first));
    std::vector<std::exception_ptr> failed(batches.size());
    const auto one = [&](size_t i) {
      try {
        batches[i] = analyse(context.inputs.get(first + i));
      } catch (...) {
        failed[i] = std::current_exception();
      }
    };
    std::vector<std::thread> threads;
    for (size_t i = 1; i < batches.size(); ++i) threads.emplace_back(one, i);
    one(0);
    for (std::thread& thread : threads) thread.join();
    for (size_t i = 0; i < batches.size(); ++i) {
      if (failed[i]) std::rethrow_exception(failed[i]);
      for (size_t row = 0; row < rows.size(); ++row) means[row].add(batches[i].errors[row], batches[i].size);
    }
    if (context.progress) context.progress(what, first + batches.size(), count);
  }
  for (size_t row = 0; row < rows.size(); ++row) rows[row].errors = means[row].value();
  return rows;
}

double value_of(const Errors& errors, Measure measure) {
  switch (measure) {
    case Measure::snr: return errors.snr;
    case Measure::mse: return errors.mse;
    case Measure::cosine: return errors.cosine;
  }
  ASSAY_ASSERT(!"a Measure outside its enumeration");
}

}  // namespace

Errors errors_of(const FloatTensor& quantized, const FloatTensor& reference) {
  if (quantized.shape != reference.shape) {
    throw InputError("a tensor " + assay::to_string(quantized.shape) + " cannot be compared with one of " + assay::to_string(reference.shape));
  }
  const size_t rows = rows_of(reference), size = rows == 0 ? 0 : reference.size() / rows;
  Mean mean;
  for (size_t row = 0; row < rows; ++row) mean.add(row_errors(quantized.data.data() + row * size, reference.data.data() + row * size, size), 1);
  return mean.value();
}

std::vector<size_t> sampled_indices(size_t elements, size_t fetches) {
  ASSAY_ASSERT(elements > 0);
  std::vector<size_t> indices;
  uint32_t seed = 10086;
  for (size_t i = 0; i < fetches; ++i, seed = 0x343FD * seed + 0x269EC3) indices.push_back(seed % elements);
  return indices;
}

std::vector<OperationErrors> graphwise_analysis(const Network& network, const Context& context, size_t steps) {
  const std::vector<OperationErrors> rows = rows_for(network);
  const Executor executor(network);
  std::vector<size_t> row_of(network.operations.size(), rows.size());
  for (size_t row = 0; row < rows.size(); ++row) row_of[rows[row].operation] = row;
  return over_batches(rows, context, steps, "Graphwise analysis", [&](const std::vector<FloatTensor>& inputs) {
    std::vector<FloatTensor> real(rows.size());
    BatchErrors batch{std::vector<Errors>(rows.size()), 1};
    Executor::Hooks hooks;
    hooks.after = [&](OperationId id, const Tensors& outputs) {
      if (row_of[id] < rows.size()) real[row_of[id]] = sampled(outputs.at(0));
    };
    executor.run(inputs, Executor::Mode::fp32, hooks);
    hooks.after = [&](OperationId id, const Tensors& outputs) {
      if (row_of[id] < rows.size()) batch.errors[row_of[id]] = errors_of(sampled(outputs.at(0)), real[row_of[id]]);
    };
    executor.run(inputs, Executor::Mode::quantized, hooks);
    batch.size = static_cast<double>(rows_of(inputs.at(0)));
    return batch;
  });
}

std::vector<OperationErrors> layerwise_analysis(const Network& network, const Context& context, size_t steps) {
  const std::vector<OperationErrors> rows = rows_for(network);
  const Executor executor(network);
  return over_batches(rows, context, steps, "Layerwise analysis", [&](const std::vector<FloatTensor>& inputs) {
    const Tensors real = executor.run(inputs, Executor::Mode::fp32);
    BatchErrors batch{{}, static_cast<double>(rows_of(inputs.at(0)))};
    for (const OperationErrors& row : rows) {
      const Tensors outputs = executor.run(inputs, [&](OperationId id) { return id == row.operation ? Executor::Mode::quantized : Executor::Mode::fp32; });
      Mean mean;
      for (size_t i = 0; i < outputs.size(); ++i) mean.add(errors_of(outputs[i], real[i]), 1);
      batch.errors.push_back(mean.value());
    }
    return batch;
  });
}

std::string table_of(const std::vector<OperationErrors>& rows, Measure measure) {
  constexpr size_t kBlocks = 20;
  std::vector<OperationErrors> sorted = rows;
  const bool small_is_bad = measure == Measure::cosine;
  std::stable_sort(sorted.begin(), sorted.end(), [&](const OperationErrors& a, const OperationErrors& b) {
    const double x = value_of(a.errors, measure), y = value_of(b.errors, measure);
    return small_is_bad ? x < y : x > y;
  });
  const std::string label = "Layer";
  size_t width = label.size();
  double least = HUGE_VAL, most = -HUGE_VAL;
  for (const OperationErrors& row : sorted) {
    width = std::max(width, row.name.size());
    least = std::min(least, value_of(row.errors, measure)), most = std::max(most, value_of(row.errors, measure));
  }
  const char* const heading = measure == Measure::snr ? "NOISE:SIGNAL POWER RATIO" : (measure == Measure::mse ? "MEAN SQUARE ERROR" : "COSINE SIMILARITY");
  std::string text = label + std::string(width - label.size(), ' ') + "  | " + heading + "\n";
  for (const OperationErrors& row : sorted) {
    const double value = value_of(row.errors, measure), share = most > least ? (value - least) / (most - least) : 0;
    const auto blocks = static_cast<size_t>(std::lround((small_is_bad ? 1 - share : share) * static_cast<double>(kBlocks)));
    char number[40];
    std::snprintf(number, sizeof number, measure == Measure::snr ? "%.4f%%" : (measure == Measure::mse ? "%.6g" : "%.6f"), measure == Measure::snr ? value * 100 : value);
    text += row.name + ":" + std::string(width - row.name.size(), ' ') + " | ";
    for (size_t i = 0; i < kBlocks; ++i) text += i < blocks ? "█" : " ";
    text += std::string(" | ") + number + "\n";
  }
  return text;
}

}  // namespace assay::ppq

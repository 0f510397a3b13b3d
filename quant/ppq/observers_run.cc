#include "quant/ppq/observers_run.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <thread>

#include "emu/base/error.h"

namespace assay::ppq {
namespace {

using SeenByAll = std::vector<Observer::Seen>;

class Watch {
 public:
  Watch(const Network& network, const Executor& executor, const InputSet& inputs, const std::vector<Watched*>& watched)
      : network_(network), executor_(executor), inputs_(inputs), watched_(watched), of_operation_(network.operations.size()) {
    for (size_t i = 0; i < watched.size(); ++i) of_operation_[watched[i]->operation].push_back(i);
  }

  SeenByAll run(size_t input) const {
    SeenByAll seen(watched_.size());
    const auto look = [&](size_t i, const FloatTensor& tensor) {
      for (const float value : tensor.data) {
        if (!std::isfinite(value)) {
          throw InputError("calibration input " + std::to_string(input) + " makes " + (std::isnan(value) ? "NaN" : "an infinite value") + " at " +
                           slot_name(network_, *watched_[i]));
        }
      }
      seen[i] = watched_[i]->observer->look(tensor);
    };
    Executor::Hooks hooks;
    hooks.before = [&](OperationId id, const std::vector<const FloatTensor*>& values) {
      for (const size_t i : of_operation_[id]) {
        if (!watched_[i]->is_output) look(i, *values.at(watched_[i]->slot));
      }
    };
    hooks.computed = [&](OperationId id, const Tensors& values) {
      for (const size_t i : of_operation_[id]) {
        if (watched_[i]->is_output) look(i, values.at(watched_[i]->slot));
      }
    };
    executor_.run(inputs_.get(input), Executor::Mode::quantized, hooks);
    return seen;
  }

 private:
  const Network& network_;
  const Executor& executor_;
  const InputSet& inputs_;
  const std::vector<Watched*>& watched_;
  std::vector<std::vector<size_t>> of_operation_;  // indices into watched_
};

// Inputs [first, last) side by side.
std::vector<SeenByAll> run_together(const Watch& watch, size_t first, size_t last) {
  std::vector<SeenByAll> seen(last - first);
  std::vector<std::exception_ptr> errors(seen.size());
  const auto one = [&](size_t i) {
    try {
      seen[i] = watch.run(first + i);
    } catch (...) {
      errors[i] = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < seen.size(); ++i) threads.emplace_back(one, i);
  one(0);
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  return seen;
}

}  // namespace

std::string slot_name(const Network& network, const Watched& watched) {
  return network.operation(watched.operation).name + (watched.is_output ? ":out" : ":in") + std::to_string(watched.slot);
}

size_t observe(const Network& network, const Executor& executor, const Context& context, size_t steps, const std::string& what, const std::vector<Watched*>& watched) {
  if (context.inputs.count == 0) throw InputError("there are no calibration inputs");
  const Watch watch(network, executor, context.inputs, watched);
  const size_t different = std::min(steps, context.inputs.count), together = static_cast<size_t>(std::max(context.threads, 1));
  std::vector<SeenByAll> seen;  // by input; kept only where an input comes again
  size_t merged = 0;
  const auto merge = [&](const SeenByAll& batch) {
    for (size_t i = 0; i < watched.size(); ++i) watched[i]->observer->merge(batch[i]);
    ++merged;
  };
  for (size_t first = 0; first < different; first += together) {
    if (context.cancelled && first > 0 && context.cancelled()) return merged;
    for (SeenByAll& batch : run_together(watch, first, std::min(first + together, different))) {
      merge(batch);
      if (steps > different) seen.push_back(std::move(batch));
    }
    if (context.progress) context.progress(what, merged, steps);
  }
  while (merged < steps) merge(seen[merged % different]);
  if (context.progress && steps > different) context.progress(what, merged, steps);
  return merged;
}

}  // namespace assay::ppq

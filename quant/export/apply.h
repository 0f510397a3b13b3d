// Puts what a file says into a network's configurations; gathers problems and throws them together.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "quant/export/import.h"
#include "quant/export/view.h"
#include "quant/graph/tensor.h"

namespace assay::ppq {

// What a file says of a tensor; what it does not say is nullopt.
struct Given {
  ScaleOffset scale;
  std::optional<uint8_t> bits{};
  std::optional<int64_t> quant_min{}, quant_max{};
  std::optional<bool> asymmetric{};
  bool baked = false;  // the parameter has its quantized value already
};

class Applier {
 public:
  Applier(const Network& network, std::string path, std::string format);

  const Network& network() const { return network_; }
  Network& network() { return network_; }
  const std::string& path() const { return path_; }
  void problem(const std::string& key, const std::string& text);
  void note(const std::string& text) { report_.notes.push_back(text); }
  void count() { ++report_.given; }
  bool failed() const { return !problems_.empty(); }

  // All slots of the variable take it, each in its own way (apply.cc). `key` is the file's name of the entry.
  void give_variable(const std::string& name, const Given& given, const std::string& key);
  void give_slot(const Slot& slot, const Given& given, const std::string& key);
  // The slot's parameter becomes this value, quantized already.
  void bake(const Slot& slot, quant::FloatTensor value);
  // Its value rounded to its own scale.
  void bake(const Slot& slot);

  // Slots for which `wanted` holds and whose variable (slot) the file did not name: a problem each.
  void demand(const std::function<bool(const Slot&)>& wanted);

  // A name that stands for a slot: problems if there is none.
  std::optional<OperationId> operation(const std::string& name, const std::string& key);

  // Puts it in and gives the network back, or throws all problems.
  ImportReport finish(Network& network);

 private:
  struct Entry {
    Slot slot;
    Given given;
    std::string key;
  };
  bool check(const Entry& entry);
  void set(const Entry& entry);
  void settle();

  Network network_;
  std::string path_;
  ImportReport report_;
  std::vector<std::string> problems_;
  std::vector<Entry> entries_;
  std::set<std::string> named_;  // variables and slots
};

// Bits and limits that a configuration may have.
bool plausible_limits(int64_t bits, int64_t quant_min, int64_t quant_max);

}  // namespace assay::ppq

// The steps of loading, each in place, in the order in which load.cc takes them.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "quant/ppq/network.h"

namespace assay::ppq {

// A network under construction. Numbers of created variables go on through all steps, as PPQ's.
struct Loading {
  Network network;
  std::string path;
  std::set<std::string> names;  // of variables, once taken never free
  int64_t created = 0;

  // A parameter: under that name, or under PPQ_Variable_<n> where it is taken or empty.
  VariableId parameter(quant::Constant value, std::string name = {});
  // InputError that names the file and the operation.
  [[noreturn]] void fail(OperationId id, const std::string& what) const;
  bool is_output(VariableId id) const;
};

// load_format.cc
void constants_to_parameters(Loading& loading);
void clone_shared_parameters(Loading& loading);
void format_slices(Loading& loading);
void format_clips(Loading& loading);
void format_pads(Loading& loading);
void format_resizes(Loading& loading);
void remove_identities(Loading& loading);
void remove_isolated(Loading& loading);

// load_fold.cc
void fuse_bias_adds(Loading& loading);
void fold_normalizations(Loading& loading);
void normalizations_to_convolutions(Loading& loading);

// Attributes of an operation; InputError (through `loading`) where one is of another type.
std::optional<int64_t> integer_attribute(const Loading& loading, OperationId id, const std::string& key);
std::optional<float> real_attribute(const Loading& loading, OperationId id, const std::string& key);
std::optional<std::vector<int64_t>> integers_attribute(const Loading& loading, OperationId id, const std::string& key);

}  // namespace assay::ppq

// What a list of steps is for, and how its words are counted: the rules of validate.cc.
#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include "emu/arith/step_words.h"
#include "emu/target/target.h"

namespace assay::emu::schema {

template <class T>
int count(const Steps& steps) {
  return static_cast<int>(std::count_if(steps.begin(), steps.end(), [](const Step& s) { return std::holds_alternative<T>(s); }));
}
template <class T>
int first(const Steps& steps) {
  const auto it = std::find_if(steps.begin(), steps.end(), [](const Step& s) { return std::holds_alternative<T>(s); });
  return static_cast<int>(it - steps.begin());
}

inline int count_if(const Steps& steps, bool (*is_it)(const Step&)) {
  return static_cast<int>(std::count_if(steps.begin(), steps.end(), is_it));
}
inline bool stores_output(const Step& s) {
  return (std::holds_alternative<Saturate>(s) && !std::get<Saturate>(s).bits) || (std::holds_alternative<Wrap>(s) && !std::get<Wrap>(s).bits);
}

// What a list of steps is for, which decides the words that it must and must not have.
struct Purpose {
  std::string key;
  bool has_bias = false;  // conv, conv_transpose, matmul
  bool scales = true;     // it applies a QScale (else a division has, or nothing does)
  bool ends_in_output = true;
  std::optional<IntType> start;  // what the first step is given
  Begins begins = Begins::as_integer;
  bool shares_shift = false;                          // the operands of a sum whose common shift is the output's, or that output: the multiplier is theirs, the shift its
  std::optional<int> multiplier_bits = std::nullopt;  // where it isn't [multiplier]'s: 1 / count by itself
  bool cuts_by_count = false;                         // 'shift_right first' by what the count of an average says
  bool keeps_zero = false;                            // the zero point was never taken off
  bool folds_zero = false;                            // add_zero_point brings all three of a sum, in the units of its place
};

}  // namespace assay::emu::schema

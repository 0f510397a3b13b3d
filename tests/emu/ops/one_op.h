// Programs of a single instruction: what the tests of emu/ops run.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "emu/machine.h"
#include "emu/program/program.h"

namespace assay::emu::one_op {

using Values = std::vector<int64_t>;

struct Outcome {
  Values values;
  OverflowCounts overflows;
  std::vector<std::pair<std::string, Values>> stages;
  const Values& stage(const std::string& name) const;
};

class OneOp {
 public:
  Ref value(IntType type, const Shape& shape, const Values& values, int64_t zero_point = 0);
  Ref constant(IntType type, const Shape& shape, const Values& values);
  ScaleRef scale(const std::vector<QScale>& entries = {QScale{}});
  StepsRef steps(std::string_view text);
  Requant requant(std::string_view steps, const std::vector<QScale>& scale = {QScale{}}, ClampBounds clamp = {});
  OneOp& result(IntType type, const Shape& shape, int64_t zero_point = 0);

  // Verifies and runs by the reference, twice: watched, for the stages, and unwatched. Both must agree.
  Outcome run(const Operation& operation) const;
  // What verify says against it, joined by newlines; "" where it is content.
  std::string problems(const Operation& operation) const;

 private:
  Program with(const Operation& operation) const;

  Program program_;
  std::vector<Tensor> inputs_;
  ValueInfo result_{"y", {}, kS64, 0};
};

// A QScale of multiplier / 2^right.
QScale scaled(int64_t multiplier, int right);

// `count` numbers in [low, high], the ends more often than others.
Values random_values(std::mt19937_64& random, size_t count, int64_t low, int64_t high);
Values random_values(std::mt19937_64& random, size_t count, IntType type);
int64_t random_in(std::mt19937_64& random, int64_t low, int64_t high);

// Whether the outputs of a random test say anything: what share of them differs from their neighbour, and how many tests overflowed or did not.
class Spread {
 public:
  void add(const Values& outputs, bool overflowed);
  // Enough outputs, most of them unlike the one before; and both kinds of tests where overflow is the subject.
  void expect_telling(bool with_overflows) const;

 private:
  uint64_t outputs_ = 0;
  uint64_t differing_ = 0;
  uint64_t overflowed_ = 0;
  uint64_t tests_ = 0;
};

}  // namespace assay::emu::one_op

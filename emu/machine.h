// Runs a Program. The reference engine is the specification: the bodies in emu/ops, one element at a time. The fast engine uses emu/kernels where a kernel can prove
// (order_free, worst case of the sum, the CPU's instruction set) that its bytes are the same, and the reference elsewhere.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "emu/program/program.h"

namespace assay::emu {

// What overflowed while one instruction ran, by output channel (axis 1 of the result; the last axis for matmul and for results of rank < 2). Empty: nothing did.
struct OverflowCounts {
  std::vector<uint64_t> accumulator;   // outputs whose exact sum left the accumulator at least once
  std::vector<uint64_t> intermediate;  // outputs that a saturate or wrap before the last step changed
  std::vector<uint64_t> output;        // outputs that the step to the output's type changed
  friend bool operator==(const OverflowCounts&, const OverflowCounts&) = default;
};
uint64_t total(const std::vector<uint64_t>& counts);

// Watches a run. The only inheritance in the house. Calls come in order, from the thread that called run().
class Observer {
 public:
  virtual ~Observer() = default;
  // Asked before each instruction: true makes the machine keep and report the accumulators and every requantization step (by the reference bodies, so slowly).
  virtual bool wants_intermediates(size_t /*instruction*/) { return false; }
  // stage: "accumulator", then "step1 multiply" ... ; s64, in the result's shape (a value that leaves 64 bits between two steps is shown as the nearest s64).
  virtual void on_intermediate(size_t /*instruction*/, const std::string& /*stage*/, const Tensor& /*values*/) {}
  virtual void on_output(size_t /*instruction*/, const Tensor& /*result*/, const OverflowCounts& /*overflows*/) {}
};

enum class Engine : uint8_t { reference, fast };

// A program ready to run: kernels chosen and their constants repacked once.
class Machine {
 public:
  // The program must be verified, and outlive the machine.
  explicit Machine(const Program& program, Engine engine = Engine::fast);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // inputs[i] belongs to program.inputs[i] and must have its value's type and shape (InputError). Returns program.outputs. Safe to call from several threads at once.
  std::vector<Tensor> run(const std::vector<Tensor>& inputs, Observer& observer) const;

  // Why the reference runs an instruction, or "" where a kernel does.
  const std::string& why_reference(size_t instruction) const;

 private:
  struct Prepared;
  const Program& program_;
  std::unique_ptr<Prepared> prepared_;
};

// A machine for one run.
std::vector<Tensor> run(const Program& program, const std::vector<Tensor>& inputs, Observer& observer, Engine engine = Engine::fast);
std::vector<Tensor> run(const Program& program, const std::vector<Tensor>& inputs);

}  // namespace assay::emu

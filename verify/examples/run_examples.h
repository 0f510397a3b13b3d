// Arithmetic examples that others publish: `run_examples` reads a file of them, computes each by Assay's own arithmetic and compares the result with theirs.
//
// The file is one JSON object with a list `examples` (id, op, params, inputs, expected), a list `requant_programs` (target, program, acc, out), or both.
// What is computed follows from `op` and from which `params` there are, never from an id. The form and the operations: docs/testing.md.
#pragma once

#include <string>
#include <vector>

namespace assay::verify {

enum class ExampleStatus { passed, failed, not_supported };

struct ExampleResult {
  std::string id;
  std::string op;
  ExampleStatus status = ExampleStatus::passed;
  std::string message;  // why it failed or is not supported; "" where it passed
};

struct ExampleReport {
  std::vector<ExampleResult> results;  // in file order, requantization programs last
  int64_t count(ExampleStatus status) const;
};

// InputError where the file is missing, no JSON, or has no example.
ExampleReport run_examples(const std::string& path);

// The operations that run_examples knows, sorted; a name that ends in '*' stands for all that begin so.
std::vector<std::string> known_operations();

}  // namespace assay::verify

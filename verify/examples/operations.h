// The operations, by family: each family is one file, and adds its names to the one table that operations.cc makes.
#pragma once

#include <map>
#include <string>

#include "verify/examples/entry.h"

namespace assay::verify {

using Operation = Value (*)(const Entry& entry);
// A name that ends in '*' stands for all names that begin so; the longest that fits wins.
using Operations = std::map<std::string, Operation, std::less<>>;

void add_roundings_and_clamps(Operations& table);
void add_accumulators(Operations& table);
void add_stages(Operations& table);
void add_float_requant(Operations& table);
void add_float_formats(Operations& table);
void add_fixed_functions(Operations& table);
void add_elementwise(Operations& table);
void add_activations(Operations& table);
void add_pooling(Operations& table);
void add_scales(Operations& table);
void add_tables(Operations& table);

// nullptr for an operation that nobody knows.
Operation find_operation(const Operations& table, std::string_view op);
const Operations& all_operations();

// [["shr", 5, "half_up"], ...]: the value after all steps, for each accumulator.
Value run_program(const Json& program, const std::vector<Wide>& accumulators);

}  // namespace assay::verify

// As much of JSON Schema (draft-07) as golden/schema/*.json uses; a keyword that it does not know is a failure, so that none is believed to be checked.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace assay {

// The places where `value` is not as `schema` (with $refs into `root`) says; empty: it is.
std::vector<std::string> schema_problems(const nlohmann::json& schema, const nlohmann::json& root, const nlohmann::json& value, const std::string& place = "$");

}  // namespace assay

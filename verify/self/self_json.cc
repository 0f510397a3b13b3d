#include <nlohmann/json.hpp>

#include "verify/self/self.h"

namespace assay::verify {

std::string self_json(const std::vector<SelfLine>& lines) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const SelfLine& line : lines) {
    nlohmann::ordered_json entry;
    entry["what"] = line.what;
    entry["verdict"] = line.cases == 0 ? "untested" : line.different == 0 ? "EQUAL" : "NOT_EQUAL";
    entry["judges"] = line.judges;
    entry["cases"] = line.cases;
    entry["different"] = line.different;
    if (line.different > 0) entry["first"] = line.first;
    json.push_back(entry);
  }
  return json.dump(2);
}

}  // namespace assay::verify

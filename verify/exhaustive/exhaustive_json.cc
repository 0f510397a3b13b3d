#include <nlohmann/json.hpp>

#include "verify/exhaustive/exhaustive.h"

namespace assay::verify {

std::string exhaustive_json(ArithOp op, const ExhaustiveReport& report) {
  nlohmann::ordered_json json;
  json["op"] = vectors::to_string(op);
  if (report.untested.empty() || report.different > 0) {
    json["verdict"] = report.different == 0 ? "EQUAL" : "NOT_EQUAL";
  } else {
    json["verdict"] = "untested";
  }
  if (!report.untested.empty()) json["reason"] = report.untested;
  json["what"] = report.what;
  json["by"] = report.by;
  json["cases"] = report.cases;
  json["different"] = report.different;
  json["seconds"] = report.seconds;
  if (report.stopped_at) json["stopped_at"] = *report.stopped_at;
  return json.dump(2);
}

}  // namespace assay::verify

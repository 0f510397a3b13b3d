#include "cli/example_target.h"

#include <optional>
#include <variant>
#include <vector>

#include "emu/base/error.h"
#include "emu/target/load_target.h"
#include "quant/ppq/platform.h"
#include "vectors/arithmetic/cases.h"

namespace assay::cli {
namespace {

// A target by which every example can be run; none where the file is no target, or cannot be asked.
std::optional<emu::Target> suitable(const std::string& path) {
  try {
    emu::Target target = emu::load_target(path);
    for (const auto op : {vectors::ArithOp::requantize, vectors::ArithOp::add, vectors::ArithOp::mul}) {
      if (lacks(target, op)) return std::nullopt;
    }
    return target;
  } catch (const InputError&) {
    return std::nullopt;
  }
}

// The first rounding among the steps of conv, with another mode.
std::optional<std::string> changed_rounding(const emu::Target& target) {
  for (size_t i = 0; i < target.conv->steps.size(); ++i) {
    emu::Step step = target.conv->steps[i];
    const auto turned = [](emu::Round& round) { round = round == emu::Round::half_even ? emu::Round::half_up : emu::Round::half_even; };
    if (auto* shift = std::get_if<emu::ShiftRight>(&step)) {
      turned(shift->round);
    } else if (auto* to_int = std::get_if<emu::ToInt>(&step)) {
      turned(to_int->round);
    } else {
      continue;
    }
    return "ops.conv.steps[" + std::to_string(i) + "]=" + to_string(step);
  }
  return std::nullopt;
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
}

}  // namespace

Examples examples() {
  Examples found;
  std::vector<std::string> paths;
  try {
    paths = emu::list_targets(emu::default_targets_dir());
  } catch (const InputError&) {  // no such folder: a help text must be printed all the same
  }
  size_t count = 0;
  for (const std::string& path : paths) {
    const auto target = suitable(path);
    if (!target) continue;
    if (count++ > 0) {
      found.other = target->name;
      break;
    }
    found.target = found.other = target->name;
    found.change = changed_rounding(*target).value_or(found.change);
  }
  try {
    const auto platforms = ppq::platform_names(ppq::default_platforms_dir());
    if (!platforms.empty()) found.platform = platforms.front();
  } catch (const InputError&) {
  }
  return found;
}

std::string with_examples(std::string text) {
  const Examples found = examples();
  replace_all(text, "{target}", found.target), replace_all(text, "{other}", found.other), replace_all(text, "{change}", found.change);
  replace_all(text, "{platform}", found.platform);
  return text;
}

}  // namespace assay::cli

// TOML -> Target. All problems of a file in one pass, each with line number and the line's text.
#pragma once

#include <string>
#include <vector>

#include "emu/target/target.h"

namespace assay::emu {

// Unknown key, missing key, wrong type, value out of range, broken cross-field rule: InputError with every problem.
Target load_target(const std::string& path);
// The same from text; `origin` names it in errors.
Target parse_target(const std::string& toml, const std::string& origin);

// Cross-field rules, each a sentence; empty = legal.
std::vector<std::string> validate(const Target& target);

// Every key that the loader knows, in the order of schema.h: "name", "storage.input.type", ... What the dictionary must explain and a claim may name.
std::vector<std::string> known_keys();

// The folder of built-in targets: $ASSAY_TARGETS, or targets beside the source tree / installed share folder.
std::string default_targets_dir();
// Paths of *.toml in a folder, sorted by name.
std::vector<std::string> list_targets(const std::string& dir);
// A name without ".toml" (looked up in `dir`) or a path ending in .toml -> path. InputError lists what exists and the nearest name.
std::string find_target(const std::string& name_or_path, const std::string& dir);

// The whole target in plain sentences, for people: storage, scales, accumulator, each operator's steps, claims.
std::string explain(const Target& target);

}  // namespace assay::emu

// The words and figures that all reports share: how a number is shown, what a verdict means and what to do next. Each report only lays them out.
#pragma once

#include <string>
#include <vector>

#include "golden/align.h"

namespace assay::reports {

// Text from models and paths made safe to show: control characters and bytes that are no UTF-8 become '?'.
std::string printable(const std::string& text);
// printable, and safe inside XML and HTML, also between quotes.
std::string xml_escaped(const std::string& text);
// Characters, not bytes, of valid UTF-8.
size_t width_of(const std::string& text);
// The first `width` characters.
std::string beginning(const std::string& text, size_t width);
// At most `width` characters; what is too long loses its middle: "backbone..conv3".
std::string shortened(const std::string& text, size_t width);

// Six decimals; "1" only for exactly 1, and nothing below 1 is rounded up to it.
std::string cosine_text(double cosine);
// One decimal; "100.0 %" only for all, "0.0 %" only for none.
std::string percent_text(uint64_t part, uint64_t whole);

// "CLOSE 12 of 4096 (+1:7 -1:5)"; where that is wider than `width`, without "of 4096", and with as many of the smallest steps as fit, then "..".
std::string difference_text(const golden::IntDifference& difference, size_t width = 1000);
// Accumulators / intermediate steps / outputs that overflowed: "3/0/128"; "-" for none.
std::string overflow_text(const emu::OverflowCounts& counts);

// "accuracy  fp32 98.8 %  ppq 98.4 %  emulated 98.4 %  (256 labelled inputs)"
std::string accuracy_text(const golden::Accuracy& accuracy);

struct VerdictLine {
  std::string question;  // "simulation"
  std::string formula;   // "cos(ppq, fp32)"
  double cosine = 0;
  bool good = false;
  std::string word;     // "good", "NOT GOOD"
  std::string meaning;  // one sentence, and what to do where it is not good
};
std::vector<VerdictLine> verdict_lines(const golden::Alignment& alignment);

// Three kinds, never mixed: quantization error, emulation difference, not comparable.
struct ErrorKind {
  std::string name;
  std::string text;
};
std::vector<ErrorKind> error_kinds(const golden::Alignment& alignment);

// "first difference: layer 'conv2', sample 007, at (0,3,10,11): ppq 12, emulator 13"; "" where nothing differs.
std::string first_difference(const golden::Alignment& alignment);

// Accumulators that may overflow, warnings, and which layers ran without a kernel and why (one line per reason).
std::vector<std::string> note_lines(const golden::Alignment& alignment);

// "7 inputs", "1 input"
std::string counted(uint64_t count, const std::string& noun);

}  // namespace assay::reports

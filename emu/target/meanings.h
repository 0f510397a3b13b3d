// What the words of a target file mean, each in words of a sentence: for explain(), and for whoever tells a person about a target.
#pragma once

#include <string>

#include "emu/target/target.h"

namespace assay::emu {

std::string meaning(Round mode);           // "to the nearest, ties to +infinity"
std::string word_and_meaning(Round mode);  // "half_up (to the nearest, ties to +infinity)"
std::string meaning(Encoding encoding);
std::string meaning(const Step& step, const Target& target);
std::string meaning(const Accumulator& accumulator);
std::string meaning(const MultiplierRule& rule);
// "per output channel": what shares a scale.
std::string meaning(const WeightRule& rule);
std::string meaning(ConcatScales inputs);
std::string meaning(RatioFormat ratio);
std::string meaning(Fp32Scale scale);
std::string meaning(SlopeScale slope);
std::string meaning(CountScale scale);

}  // namespace assay::emu

// How the parts of a Program are spelled, once for the text and the binary form: spell() writes a part without spaces, read() is its inverse and answers false where the
// text is no such part. Internal to emu/program.
#pragma once

#include <string>
#include <string_view>

#include "emu/program/program.h"

namespace assay::emu::spelling {

std::string spell(int64_t value);
std::string spell(bool value);                      // true, false
std::string spell(Ref ref);                         // %7, @k3
std::string spell(ScaleRef ref);                    // @s3
std::string spell(StepsRef ref);                    // #0
std::string spell(ClampBounds bounds);              // -128..127
std::string spell(IntType type);                    // s8
std::string spell(const Accumulator& accumulator);  // s32.wrap
std::string spell(SumOrder order);                  // ky,kx,ic
std::string spell(Round mode);                      // half_even
std::string spell(Interpolation interpolation);     // difference
std::string spell(Dyadic value);                    // 3*2^-9
std::string spell(const QScale& scale);             // multiplier/left/right, +first where there is a first cut, and /scale/bias/output/slope where there are binary32 constants
std::string spell(const std::string& text);         // "quoted", escaped as in JSON; bytes from 0x80 on stay as they are

bool read(std::string_view text, int64_t& value);
bool read(std::string_view text, uint32_t& value);
bool read(std::string_view text, bool& value);
bool read(std::string_view text, Ref& ref);
bool read(std::string_view text, ScaleRef& ref);
bool read(std::string_view text, StepsRef& ref);
bool read(std::string_view text, ClampBounds& bounds);
bool read(std::string_view text, IntType& type);
bool read(std::string_view text, Accumulator& accumulator);
bool read(std::string_view text, SumOrder& order);
bool read(std::string_view text, Round& mode);
bool read(std::string_view text, Interpolation& interpolation);
bool read(std::string_view text, Dyadic& value);
bool read(std::string_view text, QScale& scale);
bool read(std::string_view text, std::string& value);

// Lists: 1,2,3; an empty one is the word none.
template <class Part>
std::string spell(const std::vector<Part>& list) {
  if (list.empty()) return "none";
  std::string text;
  for (const Part& part : list) text += (text.empty() ? "" : ",") + spell(part);
  return text;
}

template <class Part>
bool read(std::string_view text, std::vector<Part>& list) {
  list.clear();
  if (text == "none") return true;
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find(',', start), text.size());
    Part part;
    if (!read(text.substr(start, end - start), part)) return false;
    list.push_back(part);
    start = end + 1;
  }
  return true;
}

}  // namespace assay::emu::spelling

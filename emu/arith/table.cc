#include "emu/arith/table.h"

#include "emu/base/error.h"

namespace assay::emu {
namespace {

int64_t coarse_entries(IntType input, TableForm form) {
  ASSAY_ASSERT(input.bits <= kMaxTableBits && form.fraction_bits < input.bits);
  return (int64_t{1} << (input.bits - form.fraction_bits)) + (form.fraction_bits > 0 ? 1 : 0);
}

// Words that the second grid covers.
int64_t fine_words(TableForm form) {
  return form.fine_entries == 0 ? 0 : int64_t{form.fine_entries - 1} << form.fine_fraction_bits;
}

}  // namespace

std::string_view to_string(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::difference: return "difference";
    case Interpolation::value: return "value";
  }
  ASSAY_ASSERT(!"an Interpolation outside its enumeration");
}

bool has_sound_grids(IntType input, TableForm form) {
  if (form.fine_entries == 0) return form.fine_fraction_bits == 0;
  const int intervals = form.fine_entries - 1;
  if (intervals < 2 || (intervals & (intervals - 1)) != 0 || form.fine_fraction_bits >= form.fraction_bits) return false;
  return fine_words(form) <= int64_t{1} << input.bits;
}

int64_t table_entries(IntType input, TableForm form) {
  return coarse_entries(input, form) + form.fine_entries;
}

int64_t first_fine_word(IntType input, TableForm form) {
  return static_cast<int64_t>(input.min()) + ((int64_t{1} << input.bits) - fine_words(form)) / 2;
}

bool interpolates(IntType input, TableForm form) {
  return form.fraction_bits > 0 && (fine_words(form) != int64_t{1} << input.bits || form.fine_fraction_bits > 0);
}

TablePlace place_of(IntType input, TableForm form, int64_t x) {
  const int64_t from_fine = x - first_fine_word(input, form);
  const bool is_fine = from_fine >= 0 && from_fine < fine_words(form);
  const int64_t word = is_fine ? from_fine : x - static_cast<int64_t>(input.min());
  const uint8_t bits = is_fine ? form.fine_fraction_bits : form.fraction_bits;
  const int64_t index = word >> bits;
  return {static_cast<size_t>(index + (is_fine ? coarse_entries(input, form) : 0)), word - (index << bits), bits};
}

int64_t look_up(std::span<const int64_t> entries, IntType input, TableForm form, int64_t x) {
  ASSAY_ASSERT(input.holds(x));
  ASSAY_ASSERT(static_cast<int64_t>(entries.size()) == table_entries(input, form));
  const TablePlace at = place_of(input, form, x);
  if (at.fraction_bits == 0) return entries[at.left];
  const Wide left = entries[at.left], slope = (Wide{entries[at.left + 1]} - left) * at.fraction, one = Wide{1} << at.fraction_bits;
  switch (form.interpolation) {
    case Interpolation::difference: return static_cast<int64_t>(left + divide(slope, one, form.round));
    case Interpolation::value: return static_cast<int64_t>(divide(left * one + slope, one, form.round));
  }
  ASSAY_ASSERT(!"an Interpolation outside its enumeration");
}

}  // namespace assay::emu

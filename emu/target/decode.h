// TOML value -> field: for each type of a field, what is legal in words, and the decoding of a value that is.
#pragma once

#include <array>
#include <string>
#include <toml.hpp>
#include <type_traits>

#include "emu/target/schema.h"

namespace assay::emu {

// Every word of an enumeration.
constexpr std::array<Round, 10> all_of(Round) {
  return kAllRounds;
}
constexpr std::array<Interpolation, 2> all_of(Interpolation) {
  return {Interpolation::difference, Interpolation::value};
}
constexpr std::array<Symmetry, 2> all_of(Symmetry) {
  return {Symmetry::symmetric, Symmetry::asymmetric};
}
constexpr std::array<Granularity, 3> all_of(Granularity) {
  return {Granularity::per_tensor, Granularity::per_channel, Granularity::per_group};
}
constexpr std::array<ScaleKind, 2> all_of(ScaleKind) {
  return {ScaleKind::real, ScaleKind::power_of_two};
}
constexpr std::array<InputScales, 2> all_of(InputScales) {
  return {InputScales::joint, InputScales::requantize};
}
constexpr std::array<ConcatScales, 3> all_of(ConcatScales) {
  return {ConcatScales::joint, ConcatScales::requantize, ConcatScales::concatenate};
}
constexpr std::array<ZeroPoints, 2> all_of(ZeroPoints) {
  return {ZeroPoints::subtracted, ZeroPoints::kept};
}
constexpr std::array<AverageForm, 3> all_of(AverageForm) {
  return {AverageForm::divide, AverageForm::reciprocal, AverageForm::axis_reciprocals};
}
constexpr std::array<MultiplierForm, 4> all_of(MultiplierForm) {
  return {MultiplierForm::normalised, MultiplierForm::narrowed, MultiplierForm::nearest, MultiplierForm::fixed_point};
}
constexpr std::array<SlopeScale, 3> all_of(SlopeScale) {
  return {SlopeScale::ratio, SlopeScale::common_shift, SlopeScale::over_256};
}
constexpr std::array<RatioFormat, 3> all_of(RatioFormat) {
  return {RatioFormat::exact, RatioFormat::binary64, RatioFormat::binary32};
}
constexpr std::array<Fp32Scale, 4> all_of(Fp32Scale) {
  return {Fp32Scale::product, Fp32Scale::ratio, Fp32Scale::exact_ratio, Fp32Scale::reciprocal_product};
}
constexpr std::array<Fp32Output, 2> all_of(Fp32Output) {
  return {Fp32Output::scale, Fp32Output::reciprocal};
}
constexpr std::array<BiasScale, 2> all_of(BiasScale) {
  return {BiasScale::product, BiasScale::power_of_two};
}
constexpr std::array<OperandScale, 2> all_of(OperandScale) {
  return {OperandScale::normalised, OperandScale::common_shift};
}
constexpr std::array<CountScale, 6> all_of(CountScale) {
  return {CountScale::ratio, CountScale::reciprocal_30, CountScale::reciprocal_31, CountScale::floor_24, CountScale::factor, CountScale::first_cut_15};
}
constexpr std::array<TableSource, 3> all_of(TableSource) {
  return {TableSource::real, TableSource::fixed_point, TableSource::piecewise_linear};
}
constexpr std::array<Encoding, 5> all_of(Encoding) {
  return {Encoding::range, Encoding::range_half_away, Encoding::nudged_range, Encoding::magnitude, Encoding::position};
}
constexpr std::array<TableCorrection, 2> all_of(TableCorrection) {
  return {TableCorrection::none, TableCorrection::midpoint};
}
constexpr std::array<HardSigmoid, 2> all_of(HardSigmoid) {
  return {HardSigmoid::real, HardSigmoid::factor_2731};
}
constexpr std::array<Evidence, 3> all_of(Evidence) {
  return {Evidence::documented, Evidence::measured, Evidence::assumed};
}
constexpr std::array<SumOrder, 2> all_of(SumOrder) {
  return {SumOrder::ky_kx_ic, SumOrder::ic_ky_kx};
}

// "one of a, b, c"
template <class Words>
std::string one_of(const Words& words) {
  std::string text;
  for (const auto& word : words) {
    text += text.empty() ? "one of " : ", ";
    if constexpr (std::is_enum_v<std::decay_t<decltype(word)>>) {
      text += to_string(word);
    } else {
      text += word;
    }
  }
  return text;
}

template <class E>
requires std::is_enum_v<E> std::string legal(const E& word) {
  return one_of(all_of(word));
}
template <class E>
requires std::is_enum_v<E>
bool decode(const toml::value& value, E& out) {
  if (!value.is_string()) return false;
  for (const E word : all_of(out)) {
    if (to_string(word) == value.as_string().str) return out = word, true;
  }
  return false;
}

std::string legal(const std::string&);
std::string legal(const bool&);
std::string legal(const int64_t&);
std::string legal(const IntType&);
std::string legal(const Accumulator&);
std::string legal(const FloatFormat&);
std::string legal(const schema::Range& range);

bool decode(const toml::value& value, std::string& out);
bool decode(const toml::value& value, const std::vector<std::string>& legal, std::vector<std::string>& out);
bool decode(const toml::value& value, bool& out);
bool decode(const toml::value& value, int64_t& out);
bool decode(const toml::value& value, IntType& out);
bool decode(const toml::value& value, Accumulator& out);
bool decode(const toml::value& value, FloatFormat& out);

}  // namespace assay::emu

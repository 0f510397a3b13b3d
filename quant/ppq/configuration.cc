#include "quant/ppq/configuration.h"

#include "emu/base/error.h"

namespace assay::ppq {
namespace {

constexpr std::array<std::string_view, 7> kRoundings = {"ROUND_HALF_EVEN",          "ROUND_HALF_UP",     "ROUND_HALF_DOWN", "ROUND_HALF_TOWARDS_ZERO",
                                                        "ROUND_HALF_FAR_FORM_ZERO", "ROUND_TO_NEAR_INT", "ROUND_UP"};
constexpr std::array<std::string_view, 12> kStates = {"INITIAL",     "BAKED", "OVERLAPPED", "SLAVE",        "DEACTIVATED",   "ACTIVATED",
                                                      "DEQUANTIZED", "SOI",   "PASSIVE",    "PASSIVE_INIT", "PASSIVE_BAKED", "FP32"};

template <class Enum, size_t N>
std::optional<Enum> parse(const std::array<std::string_view, N>& names, std::string_view name) {
  for (size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

// What ppq.md 5.2 lists; anything may become FP32 (and come back from it: alignment and restoring).
bool may_become(State from, State to) {
  if (from == to || to == State::fp32 || from == State::fp32) return true;
  switch (from) {
    case State::initial: return to == State::overlapped || to == State::activated || to == State::passive || to == State::passive_init;
    case State::activated: return to == State::passive || to == State::passive_init || to == State::overlapped || to == State::baked;
    case State::overlapped: return to == State::passive || to == State::passive_init;
    case State::passive: return to == State::passive_baked || to == State::overlapped || to == State::passive_init;
    case State::passive_init: return to == State::passive || to == State::overlapped;
    case State::baked:
    case State::passive_baked:
    case State::slave:
    case State::deactivated:
    case State::dequantized:
    case State::soi:
    case State::fp32: return false;
  }
  return false;
}

}  // namespace

std::string_view to_string(Rounding rounding) {
  return kRoundings[static_cast<size_t>(rounding)];
}

std::optional<Rounding> parse_rounding(std::string_view name) {
  if (name == "ROUND_HALF_FAR_FROM_ZERO") return Rounding::half_far_from_zero;
  return parse<Rounding>(kRoundings, name);
}

std::string_view to_string(State state) {
  return kStates[static_cast<size_t>(state)];
}

std::optional<State> parse_state(std::string_view name) {
  if (name == "JOINT") return State::slave;
  if (name == "DEACTIVED") return State::deactivated;  // PPQ's spelling
  return parse<State>(kStates, name);
}

uint32_t Policy::bits() const {
  return (per_channel ? 2U : 1U) + (floating ? 8U : 4U) + (asymmetric ? 32U : 16U) + (power_of_two ? 64U : 0U) + (dynamic ? 128U : 0U);
}

ConfigId Configurations::add(Configuration configuration) {
  ASSAY_ASSERT(configuration.bits >= 2 && configuration.bits <= 32);
  const auto id = static_cast<ConfigId>(configurations_.size());
  configurations_.push_back(std::move(configuration));
  scales_.emplace_back();
  pointer_.push_back(id);
  return id;
}

ConfigId Configurations::root(ConfigId id) const {
  ConfigId found = id;
  while (pointer_.at(found) != found) found = pointer_[found];
  while (pointer_[id] != found) {
    const ConfigId next = pointer_[id];
    pointer_[id] = found;
    id = next;
  }
  return found;
}

bool Configurations::leads_through(ConfigId from, ConfigId via) const {
  while (from != via && pointer_.at(from) != from) from = pointer_[from];
  return from == via;
}

void Configurations::set_scale(ConfigId id, ScaleOffset scale) {
  ASSAY_ASSERT(is_root(id));
  const State state = configurations_.at(id).state;
  ASSAY_ASSERT(state == State::activated || state == State::fp32 || state == State::initial || state == State::passive || state == State::passive_init);
  ASSAY_ASSERT(scale.scale.size() == scale.offset.size());
  scales_[id] = std::move(scale);
}

void Configurations::dominate(ConfigId a, ConfigId b) {
  const ConfigId a_root = root(a), b_root = root(b);
  ASSAY_ASSERT(b_root != a);
  if (a_root == b_root) return;
  pointer_[a_root] = b_root;
  pointer_[a] = b_root;
  set_state(a, State::overlapped);
  set_state(a_root, State::overlapped);
}

void Configurations::master(ConfigId a, ConfigId m) {
  ASSAY_ASSERT(a == m || !leads_through(m, a));
  pointer_.at(a) = m;
  set_state(a, scale(a).set() ? State::passive : State::passive_init);
}

void Configurations::restore(ConfigId id, State state, ConfigId dominator, ScaleOffset scale) {
  ASSAY_ASSERT(dominator < size());
  configurations_.at(id).state = state;
  pointer_.at(id) = dominator;
  scales_.at(id) = std::move(scale);
}

void Configurations::set_state(ConfigId id, State state) {
  Configuration& changed = configurations_.at(id);
  if (!may_become(changed.state, state)) {
    const std::string text = "configuration " + std::to_string(id) + " cannot go from " + std::string(to_string(changed.state)) + " to " + std::string(to_string(state));
    throw InternalError(text);
  }
  changed.state = state;
}

}  // namespace assay::ppq

// PPQ's quantization configurations: one for each input and output slot of each quantized operation (ppq.md 1, 2.7, 5). This file decides states, policies and dominance; who sets
// what, and when, is the passes'. Words are PPQ's, as its files and logs have them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "emu/arith/rounding.h"

namespace assay::ppq {

// PPQ's seven rounding policies. Its tensor form and its scalar form differ (rounding.h).
enum class Rounding : uint8_t { half_even, half_up, half_down, half_towards_zero, half_far_from_zero, to_near_int, up };
// As PPQ's files spell it: "ROUND_HALF_EVEN" ... "ROUND_HALF_FAR_FORM_ZERO" (sic).
std::string_view to_string(Rounding rounding);
// Also takes "ROUND_HALF_FAR_FROM_ZERO". nullopt where it is none of them.
std::optional<Rounding> parse_rounding(std::string_view name);

// The twelve states. JOINT is an older name of SLAVE, which 0.6.6 merged into PASSIVE; DEACTIVATED, DEQUANTIZED and SOI are read from older files and never set here.
enum class State : uint8_t { initial, baked, overlapped, slave, deactivated, activated, dequantized, soi, passive, passive_init, passive_baked, fp32 };
std::string_view to_string(State state);  // "INITIAL", "PASSIVE_BAKED" ...
std::optional<State> parse_state(std::string_view name);
// ACTIVATED and PASSIVE: values pass through quantize and dequantize. In all other states they are left as they are.
constexpr bool quantizes(State state) {
  return state == State::activated || state == State::passive;
}

// PPQ's policy bits (ppq.md 2.7).
struct Policy {
  bool per_channel = false;  // else per tensor
  bool floating = false;     // else linear
  bool asymmetric = false;   // else symmetric
  bool power_of_two = false;
  bool dynamic = false;
  uint32_t bits() const;  // PER_TENSOR 1, PER_CHANNEL 2, LINEAR 4, FLOATING 8, SYMMETRICAL 16, ASYMMETRICAL 32, POWER_OF_2 64, DYNAMIC 128
  friend bool operator==(const Policy&, const Policy&) = default;
};

enum class Visibility : uint8_t { force_export, export_when_active, internal };

using ConfigId = uint32_t;

struct Configuration {
  Policy policy;
  uint8_t bits = 8;  // 2 to 32
  uint8_t exponent_bits = 0;
  int64_t quant_min = -128;
  int64_t quant_max = 127;
  Rounding rounding = Rounding::half_even;
  std::string observer = "percentile";
  State state = State::initial;
  std::optional<int64_t> channel_axis;  // of per-channel ones
  Visibility visibility = Visibility::export_when_active;
  std::map<std::string, double> detail;  // PPQ's keys: "OBSERVER_MIN_SCALE_MANUL_OVERRIDE" ...
};

// float32 as PPQ stores them: offsets too. Per tensor one entry, per channel one for each; empty: not set.
struct ScaleOffset {
  std::vector<float> scale, offset;
  bool per_channel = false;  // a list in PPQ's files even where it has one entry
  bool set() const { return !scale.empty(); }
  friend bool operator==(const ScaleOffset&, const ScaleOffset&) = default;
};

// All configurations of a network and the union-find of dominance over them (ppq.md 5.3): each has one pointer, at first to itself. root() shortens paths as it reads, which
// decides who follows whom after master(): it is implemented to the letter, so also const readers shorten.
class Configurations {
 public:
  ConfigId add(Configuration configuration);
  size_t size() const { return configurations_.size(); }
  Configuration& operator[](ConfigId id) { return configurations_.at(id); }
  const Configuration& operator[](ConfigId id) const { return configurations_.at(id); }

  ConfigId root(ConfigId id) const;
  bool is_root(ConfigId id) const { return pointer_.at(id) == id; }  // reads without shortening
  // Whether `via` is `from` or lies on its way to the root; reads without shortening.
  bool leads_through(ConfigId from, ConfigId via) const;
  // The root's. ScaleOffset.set() is false where it has none yet.
  const ScaleOffset& scale(ConfigId id) const { return scales_[root(id)]; }
  // What this one holds itself, whoever dominates it.
  const ScaleOffset& own_scale(ConfigId id) const { return scales_.at(id); }
  // Only on a root in state ACTIVATED, FP32, INITIAL, PASSIVE or PASSIVE_INIT; else it is our bug.
  void set_scale(ConfigId id, ScaleOffset scale);

  // a.dominated_by = b: both groups join under b's root; a and its old root become OVERLAPPED. a must not be b's root.
  void dominate(ConfigId a, ConfigId b);
  // a.master_by = m: only a's own pointer moves, to m; a becomes PASSIVE, or PASSIVE_INIT where m's root has no scale yet. a == m makes a a root of its own again.
  // m must not lead through a otherwise.
  void master(ConfigId a, ConfigId m);

  // As a file has it: state, dominator (itself: a root) and own scale, no transition checked.
  void restore(ConfigId id, State state, ConfigId dominator, ScaleOffset scale);

  // The transitions that ppq.md 5.2 lists; any other is our bug and says so, with both states.
  void set_state(ConfigId id, State state);

 private:
  std::vector<Configuration> configurations_;
  std::vector<ScaleOffset> scales_;
  mutable std::vector<ConfigId> pointer_;
};

}  // namespace assay::ppq

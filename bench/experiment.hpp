// Experiment: one question of the field, the loads that answer it, and what is claimed.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/metric.hpp"
#include "clients/load.hpp"

namespace echolab {

/// One load of a campaign.
struct Level {
  double at = 0;                         ///< where it lies on the experiment's axis
  std::string name;                      ///< "64 clients"; sentences say "At 64 clients"
  LoadPlan load{};                       ///< but for the server
  std::vector<std::string> arguments{};  ///< of echo_server, beside the campaign's
  std::optional<Endpoint> listen{};      ///< where servers listen for this load alone
  /// Of what is answered in a closed loop, its arrivals offer so much; 0: no share.
  double share_of_capacity = 0;
  bool has_closed = false;  ///< the baseline is asked in a closed loop, too
};

/// How large a campaign is.
enum class Preset { smoke, quick, standard, paper };
inline constexpr const char* preset_names[] = {"smoke", "quick", "standard", "paper"};

/// What is said of two models, to be held beside what is measured: that one has less of a
/// metric than the other or, with `within`, that both have about the same.
struct Claim {
  std::string_view text;
  std::string_view source;
  std::string_view metric;
  std::string_view less;           ///< this model has less of it …
  std::string_view more;           ///< … than this one
  std::optional<double> at;        ///< the level; empty: the greatest that both have
  std::string_view why_not;        ///< why it may be otherwise on today's kernels
  std::optional<double> within{};  ///< about the same: a ratio up to this factor, above 1
};

/// What the numbers of an axis are, and how they are typed.
enum class AxisUnit { count, bytes, milliseconds, percent, transport };

struct Experiment {
  enum class Scale { log, linear, category };

  std::string_view name;
  std::string_view question;
  std::string_view axis;  ///< what varies, with the unit of Level::at
  AxisUnit unit;
  std::string_view metric;    ///< the headline
  std::string_view baseline;  ///< the model that the others are divided by
  std::string_view models;    ///< --models, where it is not given; empty: its default
  std::size_t clients;        ///< active ones, where something else varies
  double stretch;             ///< of warm-up and window, over those of the preset
  std::array<std::string_view, 4> levels;  ///< of each preset: --at
  /// Makes the campaign's load that of `level.at`.
  void (*shape)(Level& level);
  std::span<const Claim> claims;

  [[nodiscard]] bool is_of_clients() const { return axis == "clients"; }
  /// Of a plot's axis; a logarithmic one may have a level 0.
  [[nodiscard]] Scale scale() const {
    return unit == AxisUnit::transport ? Scale::category
           : unit == AxisUnit::percent ? Scale::linear
                                       : Scale::log;
  }
};

std::span<const Experiment> experiments();
/// Throws UsageError for a name that is none.
const Experiment& find_experiment(std::string_view name);

/// Trials of a preset.
struct Length {
  Nanoseconds duration;
  Nanoseconds warm_up;
  std::uint64_t rounds;
  std::uint64_t repeats;  ///< of a disturbed trial
  bool is_checked;        ///< has an A/A pair and a ceiling in each round
};
Length length_of(Preset preset);

}  // namespace echolab

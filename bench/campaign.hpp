// A campaign: every contestant at every load, interleaved in random order, in rounds.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "bench/capacity.hpp"
#include "bench/experiment.hpp"
#include "bench/threshold.hpp"
#include "bench/topology.hpp"
#include "bench/trial.hpp"

namespace echolab {

/// What --rate has every contestant offered, in an open loop: one of the two.
struct OfferedRate {
  std::uint64_t per_second = 0;  ///< requests
  double share = 0;              ///< of the capacity at each load
};

struct CampaignPlan {
  const Experiment* experiment = &find_experiment("scaling");
  std::string baseline;  ///< the others are divided by it; empty: the experiment's
  std::string preset = "quick";  ///< or "custom", once options changed what it stands for
  std::vector<Contestant> contestants;
  std::vector<Absentee> absent;  ///< named, and not available here: never run
  std::vector<Level> levels;     ///< ascending
  std::uint64_t rounds = 6;      ///< each holds every (contestant, level) once
  std::uint64_t seed = 1;        ///< of the order
  bool is_shuffled = true;       ///< each round anew; else it goes as they are listed
  std::uint64_t repeats = 0;     ///< at most, of a NOISY or UNSTEADY trial
  Nanoseconds budget{0};  ///< after it nothing is repeated, no round begun; 0: none
  double precision = 0;   ///< of the wanted ratios, a share, ends it early; 0: never
  Start start;
  LoadPlan load;                       ///< what the levels were made of
  Placement placement;                 ///< of start.cpus and load.cpus, on this machine
  std::optional<OfferedRate> rate{};   ///< empty: the experiment's own loop
  std::optional<Capacity> capacity{};  ///< measured first, where rates are shares
  /// Of `experiment`, where that is not as it stands in the table; else none.
  std::shared_ptr<const Experiment> own_experiment{};
  bool tune = false;               ///< each model's own knobs first (bench/tuning.hpp)
  Nanoseconds tuning_took{0};      ///< of the budget
  std::vector<std::string> tuned;  ///< what came of it, in sentences; empty: not yet
  std::vector<Threshold> thresholds{};  ///< what it has to keep
};

/// One trial's place and outcome.
struct CampaignRow {
  std::size_t contestant;
  std::size_t level;
  std::uint64_t round;
  Trial trial;
  std::string excluded{};  ///< why it does not count; empty: it does
};

/// What half of a round trip costs at the very least: one thread that plays both ends.
struct Floor {
  double round_trip_ns = 0;  ///< median
  std::size_t samples = 0;
};

struct CampaignProgress {
  const CampaignPlan& plan;
  std::size_t done;         ///< trials
  std::size_t planned;      ///< of them, with the repeats that are known of
  std::size_t places_done;  ///< of all rounds: with a trial that counts
  std::size_t places;
  const Contestant& contestant;
  const Level& level;
  double seconds_left;       ///< with the repeats that are to be expected
  const LoadProgress* load;  ///< within the trial, else nullptr
  const CampaignRow* ended;  ///< the trial that just ended, else nullptr
};

/// Seconds that all rounds will take: windows, warm-ups, and what starting costs.
double estimated_seconds(const CampaignPlan& plan);

/// Client and server have no CPU in common.
bool is_parted(const CampaignPlan& plan);

/// Makes the levels of these places on the experiment's axis, from all that the plan has.
void set_levels(CampaignPlan& plan, const std::vector<double>& places);

/// Whether this contestant serves what that level is carried by.
bool serves(const Contestant& contestant, const Level& level);
/// Trials of one round.
std::size_t places_in_round(const CampaignPlan& plan);

/// The longest frame that somebody of this load sends.
std::uint64_t longest_frame(const LoadPlan& load);

/// What echo_server lends a conversation in streams, where it is told nothing else.
inline constexpr std::uint64_t usual_buffer_bytes = 16 * 1024;

/// How a contestant is started for a level.
Start start_at(const CampaignPlan& plan, const Level& level);

struct CampaignEnd {
  std::vector<CampaignRow> rows;
  std::string why;          ///< it ended before all rounds, in words; empty: it did not
  std::size_t missing = 0;  ///< places without a trial that counts
};

/// Runs all trials that are not among `rows`, which an earlier run kept, keeping each
/// with `keep` as soon as it ended; `order` counts all of them. Ends early when asked to
/// stop, after the trial under way, which is kept if it ends when it should; and after a
/// round when its budget is spent or its ratios are as precise as was wanted.
CampaignEnd run_campaign(
    const CampaignPlan& plan, std::vector<CampaignRow> rows,
    const std::function<void(const CampaignRow&, std::size_t order)>& keep,
    const std::function<void(const CampaignProgress&)>& progress,
    const std::stop_token& stop);

/// No contestant serves streams.
bool is_in_datagrams(const CampaignPlan& plan);

/// Measures the loopback floor with the `primitives` benchmark beside this program, on
/// the server's CPUs. Empty where it has no row for this transport and size. Where there
/// are contestants of both kinds it is that of the streams.
std::optional<Floor> measure_floor(const CampaignPlan& plan);

/// The median of some figures, and around it its 95 % interval; of fewer than 6, which
/// have none, the least and the greatest.
struct Range {
  double median = 0;
  double least = 0;
  double most = 0;
  std::size_t n = 0;
};
Range range_of(std::vector<double> figures);

/// Neither FAILED nor CORRUPT: its figures are figures.
bool is_measured(const CampaignRow& row);

/// Rounds that have rows, whole or not.
std::uint64_t rounds_in(const std::vector<CampaignRow>& rows);

/// One metric of a contestant at a level, by round, of the trials that count.
std::map<std::uint64_t, double> figures_of(const CampaignPlan& plan,
                                           const std::vector<CampaignRow>& rows,
                                           std::size_t contestant, std::size_t level,
                                           const Metric& metric);
/// The first over the second, of each round in which both have some of it: what slows a
/// whole round down does not count.
std::vector<double> ratios_of(const std::map<std::uint64_t, double>& some,
                              const std::map<std::uint64_t, double>& others);

struct Paper {
  std::size_t columns = 100;
  bool colour = false;
  const Metric* sorted_by = nullptr;  ///< of each load; nullptr: the headline
};

/// The table of the whole, no wider than the paper, and in words what it says.
std::string campaign_table(const CampaignPlan& plan, const std::vector<CampaignRow>& rows,
                           const std::optional<Floor>& floor, Paper paper);

}  // namespace echolab

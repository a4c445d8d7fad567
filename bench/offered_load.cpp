#include "bench/offered_load.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "common/error.hpp"
#include "common/units.hpp"

namespace echolab {
namespace {

constexpr std::uint64_t most_per_second = 1'000'000'000;

/// Of "50%" the 50, from 1 to 1000.
std::optional<double> percent_of(std::string_view text) {
  double percent = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, percent);
  if (error != std::errc() || std::string_view(rest, end) != "%") return std::nullopt;
  return percent >= 1 && percent <= 1000 ? std::optional(percent) : std::nullopt;
}

/// At the end of a level's name, what is offered there.
std::string offered_text(const CampaignPlan& plan, const Level& level) {
  const double rate = level.load.workload.arrivals->rate;
  if (rate > 0) return fmt::format(" ({} requests/s offered)", show_count(rate));
  if (!plan.rate) return "";  // the name says what share it is
  return fmt::format(" ({:g} % of its capacity offered)", level.share_of_capacity * 100);
}

/// At one rate all who keep up answer as many: what it costs them is what may differ.
void be_about_cost(CampaignPlan& plan) {
  if (plan.experiment->metric != "rate") return;
  auto own = std::make_shared<Experiment>(*plan.experiment);
  own->metric = "cpu_ns";
  plan.experiment = own.get();
  plan.own_experiment = std::move(own);
}

}  // namespace

OfferedRate parse_offered_rate(std::string_view option, std::string_view text) {
  if (const auto percent = percent_of(text)) return {.share = *percent / 100};
  const auto count = parse_count(text);
  if (count && *count >= 1 && *count <= most_per_second) return {.per_second = *count};
  throw UsageError(
      fmt::format("{}: '{}' is neither a rate such as 10k, in requests/s, nor a share of "
                  "the capacity such as 50%, from 1% to 1000%",
                  option, text));
}

void offer(CampaignPlan& plan) {
  if (plan.rate) be_about_cost(plan);
  for (Level& level : plan.levels) {
    auto& arrivals = level.load.workload.arrivals;
    if (plan.rate) {
      arrivals.emplace();
      arrivals->rate = static_cast<double>(plan.rate->per_second);
      level.share_of_capacity = plan.rate->share;
    }
    const bool is_share = level.share_of_capacity > 0;
    if (is_share && plan.capacity)
      arrivals->rate =
          std::max(1.0, std::round(level.share_of_capacity *
                                   plan.capacity->at(level.at).requests_per_second));
    if (is_share || plan.rate) level.name += offered_text(plan, level);
    level.has_closed =
        !plan.rate && level.share_of_capacity >= 1 && &level == &plan.levels.back();
  }
}

void add_closed(CampaignPlan& plan) {
  constexpr std::string_view mark = "(closed)";
  if (std::ranges::none_of(plan.levels, &Level::has_closed)) return;
  for (const Claim& claim : plan.experiment->claims) {
    if (!claim.less.ends_with(mark)) continue;
    const auto name = claim.less.substr(0, claim.less.size() - mark.size());
    const auto one = std::ranges::find(plan.contestants, name, &Contestant::name);
    if (one == plan.contestants.end()) continue;
    Contestant closed = *one;
    closed.twin_of = closed.name;
    closed.name = claim.less;
    closed.is_closed = true;
    plan.contestants.push_back(std::move(closed));
    return;
  }
}

std::uint64_t seed_of_round(const CampaignPlan& plan, std::uint64_t round) {
  return plan.seed + round;
}

void use_seed(LoadPlan& load, std::uint64_t seed) {
  for (LoadPlan& other : load.company) other.seed += seed - load.seed;
  load.seed = seed;
}

std::string loop_text(const CampaignPlan& plan) {
  const Workload& workload = plan.levels.front().load.workload;
  if (!workload.is_open()) return "closed loop";
  const std::string text = workload.arrivals->text();
  return fmt::format("open loop, {} arrivals", text.substr(0, text.find(',')));
}

}  // namespace echolab

#include "bench/campaign_ceiling.hpp"

#include <algorithm>

namespace echolab {

void add_ceiling(CampaignPlan& plan) {
  plan.start.ceiling_in_datagrams = is_in_datagrams(plan);
  plan.contestants.push_back(ceiling_contestant());
}

LoadPlan load_of(const Contestant& contestant, const Level& level) {
  LoadPlan load = level.load;
  if (contestant.is_closed) load.workload = Workload{};
  if (!contestant.is_ceiling) return load;
  load.workload = Workload{};
  if (load.work) load.work = WorkMix{};
  for (LoadPlan& other : load.company)
    if (other.work) other.work = WorkMix{};
  return load;
}

namespace {

/// What was disturbed says less than the client can do.
bool is_disturbed(const CampaignRow& row) {
  const Verdict verdict = row.trial.judgement.verdict;
  return verdict == Verdict::noisy || verdict == Verdict::unsteady;
}

}  // namespace

std::optional<Ceiling> ceiling_at(const CampaignPlan& plan,
                                  const std::vector<CampaignRow>& rows,
                                  std::size_t level) {
  std::vector<double> rates;
  for (const CampaignRow& row : rows)
    if (row.level == level && plan.contestants[row.contestant].is_ceiling &&
        row.excluded.empty() && is_measured(row) && !is_disturbed(row))
      rates.push_back(row.trial.load.requests_per_second());
  const Range range = range_of(rates);
  if (range.median <= 0) return std::nullopt;
  return Ceiling{.requests_per_second = range.median,
                 .least = range.least,
                 .most = range.most,
                 .n = range.n,
                 .made = "in this campaign"};
}

std::optional<Ceiling> ceiling_so_far(const CampaignPlan& plan,
                                      const std::vector<CampaignRow>& rows,
                                      const Contestant& contestant, std::size_t level) {
  if (contestant.is_ceiling) return std::nullopt;
  const Start start = start_at(plan, plan.levels[level]);
  const auto is_other = [&](const Contestant& one) {
    return one.is_ceiling && start.endpoint_of(one).is_datagram() !=
                                 start.endpoint_of(contestant).is_datagram();
  };
  if (std::ranges::any_of(plan.contestants, is_other)) return std::nullopt;
  return ceiling_at(plan, rows, level);
}

}  // namespace echolab

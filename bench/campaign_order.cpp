#include "bench/campaign_order.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>

namespace echolab {

CampaignOrder::CampaignOrder(const CampaignPlan& plan) : repeats_(plan.repeats) {
  std::vector<CampaignPlace> points;
  for (std::size_t i = 0; i < plan.contestants.size(); ++i)
    for (std::size_t level = 0; level < plan.levels.size(); ++level)
      if (serves(plan.contestants[i], plan.levels[level]))
        points.push_back({i, level, 0});
  std::mt19937_64 random(plan.seed);
  for (std::uint64_t round = 0; round < plan.rounds; ++round) {
    if (plan.is_shuffled) std::ranges::shuffle(points, random);
    std::vector<CampaignPlace> order = points;
    if (round == 0)  // what the client can do is known before anybody is judged by it
      std::stable_partition(order.begin(), order.end(), [&](const CampaignPlace& place) {
        return plan.contestants[place.contestant].is_ceiling;
      });
    for (CampaignPlace place : order) {
      place.round = round;
      entries_.push_back({place});
    }
  }
}

std::size_t CampaignOrder::index_of(const CampaignRow& row) const {
  const auto entry = std::ranges::find_if(entries_, [&](const Entry& one) {
    return one.place.contestant == row.contestant && one.place.level == row.level &&
           one.place.round == row.round;
  });
  return static_cast<std::size_t>(entry - entries_.begin());
}

void CampaignOrder::ran(const CampaignRow& row) {
  Entry& entry = entries_.at(index_of(row));
  entry.missing = !row.excluded.empty();
  if (entry.missing) ++excluded_;
  ++trials_;
  ++entry.trials;
}

std::size_t CampaignOrder::most_excluded() const {
  return std::max<std::size_t>(entries_.size() / 2, 24);
}

std::string CampaignOrder::excluded_because(const CampaignRow& row) const {
  const Verdict verdict = row.trial.judgement.verdict;
  const bool doubtful = verdict == Verdict::noisy || verdict == Verdict::unsteady;
  if (!doubtful || excluded_ >= most_excluded() ||
      entries_.at(index_of(row)).trials >= repeats_)
    return "";
  return fmt::format("repeated because {}", verdict_text(verdict));
}

std::optional<CampaignPlace> CampaignOrder::next() const {
  const Entry* best = nullptr;
  for (const Entry& entry : entries_) {
    if (best != nullptr && entry.place.round > best->place.round) break;
    if (entry.missing && (best == nullptr || entry.trials < best->trials)) best = &entry;
  }
  return best == nullptr ? std::nullopt : std::optional(best->place);
}

std::vector<CampaignPlace> CampaignOrder::missing() const {
  std::vector<CampaignPlace> places;
  for (const Entry& entry : entries_)
    if (entry.missing) places.push_back(entry.place);
  return places;
}

double CampaignOrder::cost_left(const std::function<double(std::size_t level)>& cost,
                                std::uint64_t rounds) const {
  constexpr double few = 10;  // trials, of which a share says little
  const double share =
      static_cast<double>(excluded_) / std::max(few, static_cast<double>(trials_));
  double once = 0;
  double again = 0;
  double repeats = 0;
  for (const Entry& entry : entries_) {
    if (!entry.missing || entry.place.round >= rounds) continue;
    const double one = cost(entry.place.level);
    once += one;
    double chance = 1;
    for (std::uint64_t trials = entry.trials; trials < repeats_; ++trials) {
      chance *= share;
      repeats += chance;
      again += chance * one;
    }
  }
  const auto allowed =
      static_cast<double>(most_excluded() - std::min(excluded_, most_excluded()));
  return once + (repeats > allowed ? again * allowed / repeats : again);
}

}  // namespace echolab

#include "bench/campaign_order.hpp"

#include <algorithm>
#include <random>

namespace echolab {

CampaignOrder::CampaignOrder(const CampaignPlan& plan) {
  std::vector<CampaignPlace> points;
  for (std::size_t i = 0; i < plan.contestants.size(); ++i)
    for (const std::uint64_t clients : plan.clients) points.push_back({i, clients, 0});
  std::mt19937_64 random(plan.seed);
  for (std::uint64_t round = 0; round < plan.rounds; ++round) {
    std::ranges::shuffle(points, random);
    for (CampaignPlace place : points) {
      place.round = round;
      entries_.push_back({place});
    }
  }
}

void CampaignOrder::ran(const CampaignRow& row) {
  for (Entry& entry : entries_)
    if (entry.place.contestant == row.contestant && entry.place.clients == row.clients &&
        entry.place.round == row.round)
      entry.missing = false;
}

std::optional<CampaignPlace> CampaignOrder::next() const {
  const auto entry = std::ranges::find(entries_, true, &Entry::missing);
  return entry == entries_.end() ? std::nullopt : std::optional(entry->place);
}

std::vector<CampaignPlace> CampaignOrder::missing() const {
  std::vector<CampaignPlace> places;
  for (const Entry& entry : entries_)
    if (entry.missing) places.push_back(entry.place);
  return places;
}

}  // namespace echolab

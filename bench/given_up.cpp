#include "bench/given_up.hpp"

#include <string_view>

namespace echolab {
namespace {

constexpr std::string_view not_again = "not started again: ";
constexpr std::size_t attempts = 2;  // one may have met a busy machine

bool was_not_ready(const CampaignRow& row) {
  const Judgement& judgement = row.trial.judgement;
  return judgement.verdict == Verdict::failed &&
         (judgement.reason.starts_with(not_ready) ||
          judgement.reason.starts_with(not_again));
}

}  // namespace

std::string why_given_up(const std::vector<CampaignRow>& rows, std::size_t contestant) {
  std::string why;
  std::size_t failed = 0;
  for (const CampaignRow& row : rows) {
    if (row.contestant != contestant) continue;
    if (!was_not_ready(row)) return "";
    why = row.trial.judgement.reason;
    ++failed;
  }
  if (failed < attempts) return "";
  return why.starts_with(not_again) ? why : std::string(not_again) + why;
}

}  // namespace echolab

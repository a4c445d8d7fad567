#include "bench/http_campaign.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <set>

#include "common/error.hpp"

namespace echolab {
namespace {

/// Those who brought so many bytes, each once.
using Bringers = std::map<std::uint64_t, std::set<std::string>>;

Bringers bringers_of(const CampaignPlan& plan, const std::vector<CampaignRow>& rows) {
  Bringers all;
  for (const CampaignRow& row : rows) {
    const Contestant& one = plan.contestants[row.contestant];
    if (row.excluded.empty() && is_measured(row) && one.twin_of.empty())
      all[row.trial.load.reply_bytes].insert(one.name);
  }
  return all;
}

/// "a, b", or of many how many.
std::string few_names(const std::set<std::string>& names) {
  constexpr std::size_t most = 3;
  return names.size() > most ? fmt::format("{} servers", names.size())
                             : fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

std::optional<std::string> speaks_no_http(const LoadPlan& load, const Model& model) {
  if (!load.http || model.transports != "datagram") return std::nullopt;
  return "HTTP needs a stream, and it serves datagrams";
}

std::vector<std::string> leave_out_datagrams(CampaignPlan& plan) {
  std::vector<std::string> notes;
  if (!plan.load.http) return notes;
  std::erase_if(plan.levels, [&](const Level& level) {
    const bool is_left_out = level.listen && level.listen->is_datagram();
    if (is_left_out) notes.push_back("left out, as HTTP needs a stream: " + level.name);
    return is_left_out;
  });
  if (plan.levels.empty())
    throw UsageError("--at: HTTP needs a stream, such as tcp4 or unix");
  return notes;
}

std::string requests_text(const LoadPlan& load) {
  return load.http && load.http->get
             ? fmt::format("GETs of {} over HTTP/1.1", *load.http->get)
             : fmt::format("{} B requests", load.payload_bytes);
}

std::string replies_in_words(const CampaignPlan& plan,
                             const std::vector<CampaignRow>& rows) {
  if (!plan.load.http || !plan.load.http->get) return "";
  const Bringers all = bringers_of(plan, rows);
  const std::string& path = *plan.load.http->get;
  if (all.empty()) return "";
  if (all.size() == 1)
    return fmt::format("Each GET of {} brought {} B.", path, all.begin()->first);
  std::vector<std::string> parts;
  for (const auto& [bytes, names] : all)
    parts.push_back(fmt::format("{} B from {}", bytes, few_names(names)));
  return fmt::format(
      "A GET of {} brought {}: who sends more does more, so between them it is not the "
      "servers alone that differ.",
      path, fmt::join(parts, "; "));
}

}  // namespace echolab

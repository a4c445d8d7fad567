#include "bench/resumption.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bench/campaign_order.hpp"
#include "bench/campaign_row.hpp"
#include "bench/environment.hpp"
#include "bench/manifest.hpp"
#include "common/error.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

using Json = nlohmann::json;

/// "a; b; c and 4 more": the first few.
std::string few(const std::vector<std::string>& all) {
  const std::size_t told = std::min<std::size_t>(all.size(), 3);
  std::string text = fmt::format(
      "{}", fmt::join(all.begin(), all.begin() + static_cast<long>(told), "; "));
  if (told < all.size()) text += fmt::format(" and {} more", all.size() - told);
  return text;
}

std::vector<CampaignRow> rows_of(const CampaignPlan& plan, const std::string& path,
                                 const std::vector<std::string>& lines) {
  std::vector<CampaignRow> rows;
  for (const std::string& line : lines) try {
      rows.push_back(row_of(plan, line));
    } catch (const UsageError& error) {
      throw UsageError(fmt::format("--resume: {}/trials.jsonl:{}: {}", path,
                                   rows.size() + 1, error.what()));
    }
  return rows;
}

/// What a reader of the results has to know of the interruption.
void tell(Json& manifest, std::size_t trials, const std::vector<std::string>& unlike) {
  if (!manifest["resumed"].is_array()) manifest["resumed"] = Json::array();
  manifest["resumed"].push_back(
      {{"at", time_text()}, {"trials_before", trials}, {"unlike", unlike}});
  if (!unlike.empty())
    manifest["warnings"].push_back(
        fmt::format("resumed after {} trials with another build or machine: {}", trials,
                    few(unlike)));
  manifest["partial"] = true;
  manifest["finished"] = nullptr;
}

}  // namespace

Resumption resume(const std::string& path, bool even_unlike) {
  ResultsFolder folder = ResultsFolder::reopened(path);
  Json manifest = folder.read_manifest();
  CampaignPlan plan = plan_of(manifest);
  const auto unlike = unlikeness(manifest, manifest_json(plan, {}));
  if (!unlike.empty() && !even_unlike)
    throw UsageError(
        fmt::format("--resume: {} is of another build or machine: {}; --resume-unlike "
                    "goes on all the same",
                    path, few(unlike)));
  const ResultsFolder::Trials trials = folder.read_trials();
  std::vector<CampaignRow> rows = rows_of(plan, path, trials.lines);
  folder.drop_cut_off(trials);
  CampaignOrder order(plan);
  for (const CampaignRow& row : rows) order.ran(row);
  const std::size_t missing = order.missing().size();
  const bool whole = missing == 0 && !manifest.value("partial", true);
  if (!whole) tell(manifest, rows.size(), unlike);
  std::vector<std::string> notes = {fmt::format(
      "resumed: {} trials are there and are kept, {} are missing", rows.size(), missing)};
  if (trials.cut_off_bytes > 0)
    notes.push_back(
        fmt::format("the last line of trials.jsonl was cut off ({} bytes), as a killed "
                    "run leaves it; "
                    "it is dropped and its trial run again",
                    trials.cut_off_bytes));
  if (!unlike.empty()) notes.push_back("unlike: " + few(unlike));
  return {std::move(folder), std::move(manifest), std::move(plan), std::move(rows),
          std::move(notes)};
}

}  // namespace echolab

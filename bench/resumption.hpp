// Going on with a campaign that was interrupted, as if it had never been.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/campaign.hpp"
#include "bench/results_folder.hpp"

namespace echolab {

/// A campaign and how far it got.
struct Resumption {
  ResultsFolder folder;
  nlohmann::json manifest;
  CampaignPlan plan;
  std::vector<CampaignRow> rows;   ///< of the trials that were kept, in their order
  std::vector<std::string> notes;  ///< sentences on what was found
};

/// Reads the folder and takes half a line off the end of its trials. Throws UsageError
/// for what is no campaign, for one that still runs and, unless `even_unlike`, for one of
/// another build or machine; the manifest then tells from which trial on.
Resumption resume(const std::string& path, bool even_unlike);

}  // namespace echolab

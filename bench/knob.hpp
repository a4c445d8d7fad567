// Knob: what echo_server lets one set of a model, and the settings that are worth a try.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/campaign.hpp"

namespace echolab {

/// One option of one model. The first of the settings is the default, which is no
/// argument at all; the others ascend.
struct Knob {
  struct Setting {
    std::string text;                      ///< "64", "16 KiB"
    std::vector<std::string> arguments{};  ///< of echo_server
  };

  std::string_view option;  ///< "--workers"
  std::vector<Setting> settings;
};

/// `--workers`, where the model's census depends on it: 1, the cores of the server, and
/// powers of four up to the first that has one for each connection of the load. A model
/// whose workers are held by connections that stay is not tried with too few.
/// Empty where there is nothing but the default.
std::optional<Knob> workers_knob(const Model& model, const LoadPlan& load,
                                 std::size_t cores);

/// `--buffer` of a model of streams: 4, 16 and 64 KiB, and 256 KiB where requests are
/// longer than 64; no less than the longest frame of all levels, or twice the head of a
/// GET, and for all connections together no more than 1 GiB. Datagrams are cut off by a
/// smaller one: it is no knob.
std::optional<Knob> buffer_knob(const Model& model, const CampaignPlan& plan,
                                const LoadPlan& load);

}  // namespace echolab

#include "bench/knob.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace echolab {
namespace {

constexpr std::uint64_t most_workers = 4096;  // as echo_server has it
constexpr std::uint64_t longest_host = 64;    // whichever a server has

bool has_workers(const Model& model) {
  constexpr std::size_t many_clients = 10'000;
  const Census one = model.census(many_clients, 1);
  const Census two = model.census(many_clients, 2);
  return one.threads != two.threads || one.processes != two.processes;
}

/// What echo_server takes of itself: it counts the cores that it may use.
std::uint64_t usual_workers(const Model& model, std::size_t cores) {
  return model.holds_a_worker_per_client() || cores == 0 ? default_workers(model) : cores;
}

/// The first power of four that has a worker for each; the most that there may be.
std::uint64_t enough_for(std::uint64_t connections) {
  std::uint64_t enough = 1;
  while (enough < connections && enough < most_workers) enough *= 4;
  return enough;
}

/// "16 KiB"; a frame may be of any length.
std::string text_of_bytes(std::uint64_t bytes) {
  return bytes % 1024 == 0 ? fmt::format("{} KiB", bytes / 1024)
                           : fmt::format("{} B", bytes);
}

/// Nothing but the default is no knob.
std::optional<Knob> knob_of(Knob knob) {
  return knob.settings.size() > 1 ? std::optional(std::move(knob)) : std::nullopt;
}

}  // namespace

std::optional<Knob> workers_knob(const Model& model, const LoadPlan& load,
                                 std::size_t cores) {
  if (!has_workers(model)) return std::nullopt;
  const std::uint64_t usual = usual_workers(model, cores);
  const std::uint64_t enough = enough_for(connections_of(load));
  const bool needs_all = model.holds_a_worker_per_client() && !load.manners.is_reborn();
  std::set<std::uint64_t> counts = {enough};
  if (!needs_all) {
    counts.insert(std::clamp<std::uint64_t>(cores, 1, enough));
    for (std::uint64_t count = 1; count < enough; count *= 4) counts.insert(count);
  }
  counts.erase(usual);
  Knob knob{"--workers", {{std::to_string(usual)}}};
  for (const std::uint64_t count : counts)
    knob.settings.push_back(
        {std::to_string(count), {"--workers", std::to_string(count)}});
  return knob_of(std::move(knob));
}

std::optional<Knob> buffer_knob(const Model& model, const CampaignPlan& plan,
                                const LoadPlan& load) {
  if (model.transports == "datagram") return std::nullopt;
  constexpr std::uint64_t most_in_all = 1ULL << 30;
  std::uint64_t least = 0;
  if (load.work)
    for (const Level& level : plan.levels)
      least = std::max(least, longest_frame(level.load));
  if (load.http) least = 2 * (longest_frame(load) + longest_host);  // a head has half
  std::uint64_t usual = usual_buffer_bytes;
  if (load.work) usual = std::max(usual, longest_frame(load));
  Knob knob{"--buffer", {{text_of_bytes(usual)}}};
  for (const std::uint64_t kib : {4U, 16U, 64U, 256U}) {
    const std::uint64_t bytes = kib * 1024;
    const bool is_too_long = kib > 64 && load.payload_bytes <= bytes / 4;
    if (bytes == usual || bytes < least || is_too_long ||
        bytes * connections_of(load) > most_in_all)
      continue;
    knob.settings.push_back(
        {text_of_bytes(bytes), {"--buffer", fmt::format("{}KiB", kib)}});
  }
  return knob_of(std::move(knob));
}

}  // namespace echolab

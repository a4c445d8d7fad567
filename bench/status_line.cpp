#include "bench/status_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "common/terminal.hpp"
#include "common/time_unit.hpp"
#include "common/units.hpp"

namespace echolab {
namespace {

struct Part {
  std::string text;
  int rank;  ///< the greatest is left out first; 0 never
};

constexpr std::size_t gap = 2;  // columns between parts

std::size_t width_of(const Part& part) {
  return static_cast<std::size_t>(std::ranges::count_if(part.text, [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) !=
           0x80;  // one for a character of UTF-8
  }));
}

std::string bar(const CampaignProgress& now, std::size_t width) {
  const std::size_t full = width * now.places_done / std::max<std::size_t>(now.places, 1);
  return std::string(full, '#') + std::string(width - full, '.');
}

/// Verified requests per second of the phase so far; empty where there are none to tell.
std::string rate(const LoadProgress& load) {
  constexpr double least_seconds = 0.05;
  const std::string_view phase = load.phase;
  const bool is_load = phase == "warm-up" || phase == "measuring";
  if (!is_load || load.phase_seconds < least_seconds) return "";
  return show_count(static_cast<double>(load.requests) / load.phase_seconds) + " req/s";
}

std::string errors(std::uint64_t number) {
  if (number == 0) return "";
  return fmt::format("{} error{}", number, number == 1 ? "" : "s");
}

/// In their order on the line.
std::vector<Part> parts_of(const CampaignProgress& now, const LastTrial& last,
                           std::size_t columns) {
  const std::size_t again = now.planned - std::min(now.planned, now.places);
  std::vector<Part> parts = {
      {bar(now, columns < 100 ? 10 : 20), 4},
      {fmt::format("{}/{}{}", now.places_done, now.places,
                   again > 0 ? fmt::format(" (+{})", again) : ""),
       0},
      {left_text(now.seconds_left) + " left", 1},
      {fmt::format("{} at {}", now.contestant.name, now.level.name), 2}};
  if (now.load != nullptr) {
    parts.push_back({now.load->phase, 6});
    parts.push_back({rate(*now.load), 5});
    parts.push_back({errors(now.load->errors), 3});
  }
  if (!last.verdict.empty()) parts.push_back({"last " + last.verdict, 7});
  parts.push_back({last.times, 8});
  std::erase_if(parts, [](const Part& part) { return part.text.empty(); });
  return parts;
}

}  // namespace

LastTrial last_trial(const Trial& trial) {
  LastTrial last{std::string(verdict_text(trial.judgement.verdict)), ""};
  const auto p50 = trial.load.response.quantile_ns(0.5);
  const auto p99 = trial.load.response.quantile_ns(0.99);
  if (p50) last.times = "p50 " + show_time(static_cast<double>(*p50));
  if (p50 && p99) last.times += ", p99 " + show_time(static_cast<double>(*p99));
  return last;
}

std::string left_text(double seconds) {
  const long whole = std::lround(seconds);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

std::string status_line(const CampaignProgress& now, const LastTrial& last,
                        std::size_t columns) {
  std::vector<Part> parts = parts_of(now, last, columns);
  const auto width = [&] {
    std::size_t sum = 0;
    for (const Part& part : parts) sum += width_of(part) + gap;
    return sum - gap;
  };
  while (parts.size() > 1 && width() > columns)
    parts.erase(std::ranges::max_element(parts, {}, &Part::rank));
  std::string line;
  for (const Part& part : parts)
    line += (line.empty() ? "" : std::string(gap, ' ')) + part.text;
  return clipped(line, columns);
}

}  // namespace echolab

#include "clients/arrivals.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <fstream>
#include <optional>
#include <string_view>
#include <system_error>

#include "common/error.hpp"
#include "common/units.hpp"

namespace echolab {
namespace {

constexpr double least_cv = 0.1;
constexpr double most_cv = 10;
constexpr std::uint64_t most_rate = 1'000'000'000;
constexpr Nanoseconds shortest_phase = std::chrono::microseconds(1);
constexpr Nanoseconds longest_phase = std::chrono::hours(1);
constexpr std::size_t most_moments = 16 << 20;  // 128 MiB of them
constexpr double longest_replay_s = 7 * 24 * 3600;

/// All of `text`, as a plain decimal number.
std::optional<double> parse_number(std::string_view text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] =
      std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

void parse_law(std::string_view text, ArrivalPlan& plan) {
  constexpr std::string_view gamma = "gamma:";
  if (text.empty() || text == "poisson") return;
  if (text == "fixed") {
    plan.law = ArrivalPlan::Law::fixed;
    return;
  }
  const auto cv =
      text.starts_with(gamma) ? parse_number(text.substr(gamma.size())) : std::nullopt;
  if (!cv || !(*cv >= least_cv && *cv <= most_cv))
    throw UsageError(
        fmt::format("--arrivals: '{}' is none of fixed, poisson and gamma:CV, such as "
                    "gamma:2, with a coefficient of variation of {} to {}",
                    text, least_cv, most_cv));
  plan.law = ArrivalPlan::Law::gamma;
  plan.cv = *cv;
}

std::optional<double> parse_rate(std::string_view text) {
  const auto rate = parse_count(text);
  if (!rate || *rate < 1 || *rate > most_rate) return std::nullopt;
  return static_cast<double>(*rate);
}

void parse_rates(std::string_view text, ArrivalPlan& plan) {
  const std::size_t dots = text.find("..");
  const auto first = parse_rate(text.substr(0, dots));
  const auto last = dots == text.npos ? first : parse_rate(text.substr(dots + 2));
  if (!first || !last)
    throw UsageError(
        fmt::format("-R: '{}' is neither a rate such as 10k, in requests/s, nor a "
                    "ramp such as 1k..10k; 1 to {} are right",
                    text, show_count(static_cast<double>(most_rate))));
  plan.rate = *first;
  if (dots != text.npos) plan.rate_end = *last;
}

void parse_bursts(std::string_view text, ArrivalPlan& plan) {
  const auto phase = [](std::string_view part) -> std::optional<std::int64_t> {
    const auto time = parse_duration(part);
    if (!time || *time < shortest_phase || *time > longest_phase) return std::nullopt;
    return time->count();
  };
  const std::size_t slash = text.find('/');
  const auto on = phase(text.substr(0, slash));
  const auto off = slash == text.npos ? std::nullopt : phase(text.substr(slash + 1));
  if (!on || !off)
    throw UsageError(fmt::format(
        "--on-off: '{}' is not ON/OFF such as 100ms/900ms, 1 us to 1 h each", text));
  plan.on_ns = *on;
  plan.off_ns = *off;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

/// Lines of seconds, and comments after a #.
std::vector<std::int64_t> read_moments(const std::string& path) {
  std::ifstream file(path);
  if (!file)
    throw UsageError(
        fmt::format("--replay: {}: {}", path, std::generic_category().message(errno)));
  std::vector<std::int64_t> moments;
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    const auto wrong = [&](std::string_view why) {
      return UsageError(fmt::format("--replay: {}:{}: {}", path, number, why));
    };
    const std::string_view text =
        trimmed(std::string_view(line).substr(0, line.find('#')));
    if (text.empty()) continue;
    const auto seconds = parse_number(text);
    if (!seconds || !(*seconds >= 0 && *seconds <= longest_replay_s))
      throw wrong(fmt::format("'{}' is no moment in seconds, such as 1.25, from 0 to {}",
                              text, longest_replay_s));
    const std::int64_t moment = std::llround(*seconds * 1e9);
    if (!moments.empty() && moment < moments.back())
      throw wrong(fmt::format("{} comes after a later moment; they must ascend", text));
    if (moments.size() == most_moments)
      throw wrong(fmt::format("more than {} moments", most_moments));
    moments.push_back(moment);
  }
  if (file.bad()) throw UsageError(fmt::format("--replay: {}: cannot be read", path));
  if (moments.empty())
    throw UsageError(
        fmt::format("--replay: {}: has no moment; lines of seconds are right", path));
  return moments;
}

std::string shown(std::int64_t ns) {
  return show_duration(static_cast<double>(ns));
}

std::string law_text(const ArrivalPlan& plan) {
  switch (plan.law) {
    case ArrivalPlan::Law::fixed:
      return "fixed";
    case ArrivalPlan::Law::poisson:
      return "poisson";
    case ArrivalPlan::Law::gamma:
      return fmt::format("gamma of cv {:g}", plan.cv);
  }
  return "";
}

}  // namespace

ArrivalPlan parse_arrivals(const ArrivalOptions& options) {
  ArrivalPlan plan;
  if (!options.replay.empty()) {
    for (const auto& [name, given] :
         {std::pair("--arrivals", &options.arrivals), std::pair("-R", &options.rate),
          std::pair("--on-off", &options.on_off)})
      if (!given->empty())
        throw UsageError(fmt::format(
            "{} {}: with --replay the file alone says when requests come", name, *given));
    plan.replay =
        std::make_shared<const std::vector<std::int64_t>>(read_moments(options.replay));
    return plan;
  }
  parse_law(options.arrivals, plan);
  parse_rates(options.rate, plan);
  if (options.on_off.empty()) return plan;
  if (plan.rate_end > 0)
    throw UsageError(fmt::format("--on-off {}: bursts have one mean rate, not -R {}",
                                 options.on_off, options.rate));
  parse_bursts(options.on_off, plan);
  return plan;
}

std::string ArrivalPlan::text() const {
  if (replay)
    return fmt::format("replay of {} requests in {}",
                       show_count(static_cast<double>(replay->size())),
                       shown(replay->back()));
  std::string text = fmt::format("{}, {}", law_text(*this), show_count(rate));
  if (rate_end > 0) text += fmt::format(" to {}", show_count(rate_end));
  text += " requests/s";
  if (on_ns > 0) text += fmt::format(", {} on, {} off", shown(on_ns), shown(off_ns));
  return text;
}

}  // namespace echolab

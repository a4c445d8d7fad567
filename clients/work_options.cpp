#include "clients/work_options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <utility>

namespace echolab {
namespace {

using std::chrono::microseconds;
using namespace std::chrono_literals;

constexpr Nanoseconds longest = 1min;  // no server allows more: --max-work
constexpr std::uint64_t longest_frame = 16 << 20;

/// The protocol counts in microseconds.
microseconds whole_us(const std::string& option, Nanoseconds time) {
  const auto us = std::chrono::duration_cast<microseconds>(time);
  if (us != time)
    throw UsageError(fmt::format("{}: {} ns is no whole number of microseconds", option,
                                 time.count()));
  return us;
}

/// "1%" as 0.01.
std::optional<double> parse_share(std::string_view text) {
  double percent = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] =
      std::from_chars(text.data(), end, percent, std::chars_format::fixed);
  const bool fits = error == std::errc() && std::string_view(rest, end) == "%" &&
                    percent > 0 && percent <= 100;
  return fits ? std::optional(percent / 100) : std::nullopt;
}

/// "1%:1ms": of how many requests, and how much more they compute.
std::pair<double, microseconds> parse_heavy(const std::string& text) {
  const std::size_t colon = text.find(':');
  const auto share = parse_share(std::string_view(text).substr(0, colon));
  const auto time =
      parse_duration(colon == text.npos ? "" : std::string_view(text).substr(colon + 1));
  if (!share || !time || *time > longest)
    throw UsageError(fmt::format(
        "--heavy: '{}' is not SHARE:TIME such as 1%:1ms, up to 100 % and 1 min", text));
  return {*share, whole_us("--heavy", *time)};
}

std::string shown(Nanoseconds time) {
  return show_duration(static_cast<double>(time.count()));
}

}  // namespace

void add_work_options(CLI::App& parser, WorkOptions& options) {
  add_choice(parser, "--protocol", options.protocol,
             "what is said; work: frames that ask the server to work",
             {"echo", "work", "http"});
  add_duration(parser, "--compute", options.compute, "work: CPU time of each request", 0s,
               longest);
  add_duration(parser, "--block", options.block, "work: then sleep, each request", 0s,
               longest);
  parser.add_option("--heavy", options.heavy,
                    "work: SHARE:TIME, such as 1%:1ms: so many compute so much more");
}

void complete_work(const WorkOptions& options, const CLI::App& parser, LoadPlan& plan) {
  if (options.protocol != "work") {
    for (const char* name : {"--compute", "--block", "--heavy"})
      if (parser.count(name) > 0)
        throw UsageError(
            fmt::format("{}: an echo does no work; give --protocol work", name));
    return;
  }
  WorkMix& mix = plan.work.emplace();
  mix.compute = whole_us("--compute", options.compute);
  mix.block = whole_us("--block", options.block);
  if (parser.count("--heavy") > 0)
    std::tie(mix.heavy_share, mix.heavy_compute) = parse_heavy(options.heavy);
  if (mix.most() > longest)
    throw UsageError(
        fmt::format("--compute, --block and --heavy ask for {}; no server "
                    "does more than {} for a request",
                    shown(mix.most()), shown(longest)));
  if (plan.request_bytes() > longest_frame)
    throw UsageError(
        fmt::format("--size {}: with its header of {} B a frame has {} B at most",
                    plan.payload_bytes, WorkHeader::size, longest_frame));
}

nlohmann::json work_json(const LoadPlan& plan) {
  if (!plan.work) return nullptr;
  return {{"compute_ns", Nanoseconds(plan.work->compute).count()},
          {"block_ns", Nanoseconds(plan.work->block).count()},
          {"heavy_share", plan.work->heavy_share},
          {"heavy_compute_ns", Nanoseconds(plan.work->heavy_compute).count()}};
}

std::string work_text(const LoadPlan& plan) {
  if (!plan.work) return "";
  std::string text = fmt::format("computes {}, blocks {}", shown(plan.work->compute),
                                 shown(plan.work->block));
  if (plan.work->heavy_share > 0)
    text += fmt::format(", {:g} % compute {} more", plan.work->heavy_share * 100,
                        shown(plan.work->heavy_compute));
  return text;
}

}  // namespace echolab

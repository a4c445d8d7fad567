#include "bench/series.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "clients/load_clock.hpp"
#include "clients/load_report.hpp"

namespace echolab {
namespace {

using namespace std::chrono_literals;

/// Of a second, with three decimals: more is noise.
double rounded(double cores) {
  return std::round(cores * 1000) / 1000;
}

}  // namespace

Nanoseconds series_interval(Nanoseconds window) {
  return std::max<Nanoseconds>(50ms, window / 20);
}

std::vector<std::pair<int, std::uint64_t>> quarter_octaves(const Histogram& response) {
  std::vector<std::pair<int, std::uint64_t>> parts;
  for (const Histogram::Bucket& bucket : response.non_empty()) {
    const double lower = std::max(1.0, static_cast<double>(bucket.lower_ns));
    const int k = static_cast<int>(std::floor(4 * std::log2(lower)));
    if (parts.empty() || parts.back().first != k) parts.emplace_back(k, 0);
    parts.back().second += bucket.count;
  }
  return parts;
}

Series::Series(Nanoseconds interval, std::vector<pid_t> tree)
    : interval_(interval), tree_(std::move(tree)) {}

void Series::begin(std::uint64_t errors) {
  errors_ = errors;
  const auto began = std::chrono::steady_clock::now();
  glances_.push_back(glance_at(tree_));
  looks_ = std::chrono::steady_clock::now() - began < interval_ / 100;
}

void Series::add(const LoadInterval& interval, std::uint64_t errors) {
  if (interval.is_rest || interval.seconds <= 0) return;
  points_.push_back({.begin_seconds = interval.begin_seconds,
                     .end_seconds = interval.begin_seconds + interval.seconds,
                     .errors = errors - std::exchange(errors_, errors),
                     .times = times_json(interval.response),
                     .buckets = quarter_octaves(interval.response)});
  if (looks_ && !is_over_) glances_.push_back(glance_at(tree_));
}

void Series::end() {
  if (looks_) glances_.push_back(glance_at(tree_));
  is_over_ = true;
}

double Series::seconds_of(const TreeGlance& look) const {
  const auto window_begin = glances_.front().read + Nanoseconds(2 * tick_ns);
  return std::chrono::duration<double>(look.read - window_begin).count();
}

const TreeGlance& Series::look_at(double seconds) const {
  const auto found = std::ranges::find_if(
      glances_, [&](const TreeGlance& look) { return seconds_of(look) >= seconds; });
  return found == glances_.end() ? glances_.back() : *found;
}

double Series::cpu_ns_at(double seconds) const {
  const TreeGlance& after = look_at(seconds);
  if (&after == &glances_.front() || seconds_of(after) <= seconds) return after.cpu_ns;
  const TreeGlance& before = *(&after - 1);
  const double share =
      (seconds - seconds_of(before)) / (seconds_of(after) - seconds_of(before));
  return std::lerp(before.cpu_ns, after.cpu_ns, share);
}

nlohmann::json Series::json() const {
  if (points_.empty()) return nullptr;
  nlohmann::json series = {
      {"interval_seconds", std::chrono::duration<double>(interval_).count()},
      {"server_cores", nullptr},
      {"server_threads", nullptr},
      {"server_rss_bytes", nullptr}};
  for (const Point& point : points_) {
    const bool is_empty = point.times["n"] == 0;
    series["requests"].push_back(point.times["n"]);
    series["errors"].push_back(point.errors);
    series["p50_ns"].push_back(point.times["p50"]);
    series["p99_ns"].push_back(point.times["p99"]);
    series["max_ns"].push_back(is_empty ? nlohmann::json() : point.times["max"]);
    series["buckets"].push_back(point.buckets);
    if (!looks_) continue;
    const double cpu_ns = cpu_ns_at(point.end_seconds) - cpu_ns_at(point.begin_seconds);
    series["server_cores"].push_back(
        rounded(cpu_ns / 1e9 / (point.end_seconds - point.begin_seconds)));
    const TreeGlance& look = look_at(point.end_seconds);
    series["server_threads"].push_back(look.threads);
    series["server_rss_bytes"].push_back(look.rss_bytes);
  }
  return series;
}

}  // namespace echolab

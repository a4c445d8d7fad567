#include "clients/littles_law.hpp"

#include <fmt/format.h>

namespace echolab {
namespace {

/// What threads may differ in when they begin and end their windows. Loads of 64 B and of
/// 64 KiB on 1 … 1 000 connections were off by 2.3 % at most in 300 ms, and by 0.4 % in
/// 2 s, always less than R/T.
constexpr double slack = 0.02;

}  // namespace

std::optional<LittlesLaw> littles_law(const LoadPlan& plan, const LoadResult& result) {
  if (plan.workload.is_open() || plan.server.is_datagram() || result.summed_rate ||
      result.response.count() == 0 || result.seconds <= 0)
    return std::nullopt;
  const double window_ns = result.seconds * 1e9;
  const auto slowest_ns = static_cast<double>(result.response.max_ns());
  LittlesLaw law;
  law.places = static_cast<double>(plan.connections * plan.pipeline);
  law.outstanding = static_cast<double>(result.response.totals().sum_ns) / window_ns;
  law.tolerance = slack + slowest_ns / window_ns;
  law.is_full = plan.workload.think.is_zero() && result.starved() == 0 &&
                result.connected == plan.connections &&
                (plan.requests == 0 || plan.threads == 1);
  return law;
}

std::string littles_law_text(const LittlesLaw& law) {
  return fmt::format(
      "throughput x mean response is {:.4g} requests outstanding, of {:.0f}",
      law.outstanding, law.places);
}

}  // namespace echolab

#include "clients/population_report.hpp"

#include <fmt/format.h>

#include "common/time_unit.hpp"
#include "common/units.hpp"

namespace echolab {
namespace {

/// Connections that ended before their time.
std::uint64_t failed(const LoadErrors& errors) {
  return errors.connect + errors.timeout + errors.reset + errors.closed_early +
         errors.mismatch;
}

std::string shown(const Histogram& times, double quantile) {
  const auto ns = times.quantile_ns(quantile);
  return ns ? show_time(static_cast<double>(*ns)) : "n too small";
}

std::string times_text(std::string_view name, const Histogram& times) {
  if (times.count() == 0) return "";
  return fmt::format("   {} p50 {} p99 {} max {}", name, shown(times, 0.5),
                     shown(times, 0.99), show_time(static_cast<double>(times.max_ns())));
}

std::string held_text(const LoadPlan& plan, const LoadResult& result) {
  if (plan.manners.is_reborn())
    return fmt::format("{} connections in {} places, {} failed",
                       result.details ? result.details->connect.count() : 0,
                       plan.connections, failed(result.errors));
  return fmt::format(
      "{} of {} connections held",
      plan.connections - std::min<std::uint64_t>(failed(result.errors), plan.connections),
      plan.connections);
}

}  // namespace

nlohmann::json class_json(const LoadPlan& plan) {
  if (plan.name.empty()) return nullptr;
  const Manners& manners = plan.manners;
  return {{"name", plan.name},
          {"kind", text_of(manners.kind)},
          {"requests_per_connection", manners.requests},
          {"ending", manners.ending == Manners::Ending::rst ? "rst" : "fin"},
          {"bytes_per_second", manners.rate}};
}

std::string manners_text(const Manners& manners) {
  std::string text(text_of(manners.kind));
  if (manners.rate > 0) text += fmt::format(" at {} B/s", show_count(manners.rate));
  if (manners.is_reborn())
    text += fmt::format(" of {} request{}", manners.requests,
                        manners.requests == 1 ? "" : "s");
  if (manners.ending == Manners::Ending::rst) text += ", RST";
  return text;
}

std::string company_table(const LoadPlan& plan, const LoadResult& result) {
  std::string table;
  for (std::size_t i = 0; i < result.company.size(); ++i) {
    const LoadPlan& its = plan.company[i];
    const LoadResult& got = result.company[i];
    table += fmt::format("  {:<14} {}: {}, {} each here\n", its.name,
                         manners_text(its.manners), held_text(its, got),
                         show_bytes(static_cast<double>(got.memory_bytes) /
                                    static_cast<double>(its.connections)));
    std::string times;
    if (its.manners.asks() && got.requests > 0)
      times += fmt::format("   {} requests/s", show_count(got.requests_per_second())) +
               times_text("response", got.response);
    if (got.details) {
      times += times_text("connect", got.details->connect);
      if (!its.manners.asks()) times += times_text("first byte", got.details->first_byte);
    }
    if (!times.empty()) table += fmt::format("  {:<14} {}\n", "", times.substr(3));
  }
  return table;
}

std::vector<std::string> company_warnings(const LoadPlan& plan,
                                          const LoadResult& result) {
  std::vector<std::string> warnings;
  for (std::size_t i = 0; i < result.company.size(); ++i) {
    const LoadResult& got = result.company[i];
    if (const std::uint64_t count = failed(got.errors); count > 0)
      warnings.push_back(fmt::format("class {}: {} of {} connections failed: {}",
                                     plan.company[i].name, count,
                                     plan.company[i].connections, got.first_failure));
  }
  return warnings;
}

std::uint64_t company_failed(const LoadResult& result) {
  std::uint64_t count = 0;
  for (const LoadResult& one : result.company) count += failed(one.errors);
  return count;
}

std::string company_corrupt(const LoadPlan& plan, const LoadResult& result) {
  for (std::size_t i = 0; i < result.company.size(); ++i)
    if (result.company[i].errors.mismatch > 0)
      return fmt::format("class {}: {} connections got wrong bytes: {}",
                         plan.company[i].name, result.company[i].errors.mismatch,
                         result.company[i].first_failure);
  return "";
}

}  // namespace echolab

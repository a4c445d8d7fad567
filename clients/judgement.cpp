#include <fmt/format.h>

#include <algorithm>

#include "clients/judgement.hpp"
#include "clients/littles_law.hpp"
#include "clients/load_report.hpp"
#include "clients/population_report.hpp"
#include "common/units.hpp"

namespace echolab {
namespace {

/// Above this share of its cores the generator, not the server, may be what is measured.
/// Epoll wake-ups and interrupts take the rest of a core that is in truth full: closed
/// loops against a faster server settle between 0.90 and 1.00.
constexpr double client_bound_share = 0.85;

double cores_available(const LoadPlan& plan) {
  const std::size_t cores = plan.cpus.empty() ? plan.threads : plan.cpus.size();
  return static_cast<double>(std::min(plan.threads, cores));
}

/// Above this share of the window spent on waiting for lost datagrams (of all requests
/// that could have been outstanding), the numbers are about --datagram-timeout.
constexpr double waiting_share = 0.05;

double waited_for_lost(const LoadPlan& plan, const LoadResult& result) {
  const double timeout_s = std::chrono::duration<double>(plan.datagram_timeout).count();
  const auto places = static_cast<double>(plan.connections * plan.pipeline);
  const auto lost = static_cast<double>(result.datagrams.lost_in_window);
  return result.seconds > 0 ? lost * timeout_s / (places * result.seconds) : 0;
}

/// A frame comes back unchanged from any echo: that the work was done shows in the time
/// alone. Clocks may differ by a little.
std::optional<std::string> work_left_out(const LoadPlan& plan, const LoadResult& result) {
  if (!plan.work) return std::nullopt;
  const Nanoseconds work = plan.work->compute + plan.work->block;
  const auto work_ns = static_cast<double>(work.count());
  const auto least_ns = static_cast<double>(result.response.min_ns());
  if (least_ns >= 0.99 * work_ns) return std::nullopt;
  return fmt::format(
      "a reply came after {}, before {} of work can have been done: the "
      "server does not speak the work protocol",
      show_duration(least_ns), show_duration(work_ns));
}

/// What an open loop may miss of what was offered, or have left over.
constexpr double missed_share = 0.01;
/// Above this share of the response's p99, the generator's own lag is in the answer. What
/// the machine's clock wakes late anyhow is no fault of the generator's.
constexpr double lag_share = 0.25;
constexpr double lag_over_clock = 4;

/// Of `n` arrivals, in words: "37 of 1000 arrivals (3.7 %)".
std::string of_arrivals(std::uint64_t some, std::uint64_t n) {
  return fmt::format("{} of {} arrivals ({:.2g} %)", some, n,
                     100 * static_cast<double>(some) / static_cast<double>(n));
}

/// Why the server did not keep up with an open loop, if it did not.
std::optional<std::string> why_overloaded(const LoadPlan& plan,
                                          const LoadResult& result) {
  const auto offered = static_cast<double>(result.offered);
  if (static_cast<double>(result.dropped) > missed_share * offered)
    return of_arrivals(result.dropped, result.offered) +
           " found no free connection and were dropped";
  if (static_cast<double>(result.unfinished) > missed_share * offered)
    return of_arrivals(result.unfinished, result.offered) +
           " had no reply when the load gave up";
  // As many as may be outstanding come and go by chance.
  const auto usual = static_cast<double>(plan.connections * plan.pipeline);
  if (static_cast<double>(result.backlog_growth) > missed_share * offered + usual)
    return fmt::format(
        "arrivals came faster than replies: {} more were waiting at the "
        "window's end than at its begin; response grows with the "
        "duration",
        result.backlog_growth);
  return std::nullopt;
}

/// Why an open loop's requests were late by the generator's own doing, if they were.
std::optional<std::string> why_late(const LoadResult& result) {
  if (!result.details) return std::nullopt;
  const auto lag = result.details->lag.quantile_ns(0.99);
  const auto response = result.response.quantile_ns(0.99);
  if (!lag || !response) return std::nullopt;
  const auto late = static_cast<double>(*lag);
  const bool shows = late > lag_share * static_cast<double>(*response);
  if (!shows || late <= lag_over_clock * result.clock_late_ns_p99) return std::nullopt;
  return fmt::format(
      "the client sent its requests late: p99 of its lag is {}, p99 of "
      "the response {}",
      show_duration(late), show_duration(static_cast<double>(*response)));
}

/// So many connections, and what became of them: those that are not 0.
using Counted = std::pair<std::uint64_t, std::string_view>;
std::string listed(std::initializer_list<Counted> all) {
  std::string text;
  for (const auto& [count, what] : all)
    if (count > 0)
      text += fmt::format("{}{} {} {}", text.empty() ? "" : ", ", count,
                          count == 1 ? "connection" : "connections", what);
  return text;
}

/// "3 connections got another connection's bytes (swapped)". Of files that do not tell
/// the kinds: that bytes were wrong.
std::string mismatches_text(const LoadErrors& errors) {
  const std::string text =
      listed({{errors.altered, "got bytes that nobody had sent (altered)"},
              {errors.duplicated, "got bytes of their own again (duplicated)"},
              {errors.dropped, "got a reply with bytes missing (dropped)"},
              {errors.swapped, "got another connection's bytes (swapped)"},
              {errors.unasked, "got bytes that they had not asked for (unasked)"},
              {errors.refused, "had another answer than the right one (refused)"}});
  return text.empty() ? listed({{errors.mismatch, "got wrong bytes"}}) : text;
}

/// How they were lost, where that is known: "; 2 connections …".
std::string losses_text(const LoadErrors& errors) {
  const std::string text =
      listed({{errors.truncated, "ended in the midst of a reply (truncated)"},
              {errors.stalled, "never had a reply (stalled)"},
              {errors.silent, "had no reply any more (silent)"}});
  return text.empty() ? text : "; " + text;
}

/// What a wake-up, a lost turn or a retransmission after 3 duplicates does not explain:
/// the least of Linux's retransmission timeouts, TCP_RTO_MIN.
constexpr double delay_ns = 200e6;
constexpr double delay_over_median = 10;

/// A response that was held up: no error, but no answer of a healthy server either.
std::optional<std::string> delay_in(const LoadResult& result) {
  const auto median = result.response.quantile_ns(0.5);
  if (!median || !result.slowest_at_ns) return std::nullopt;
  const auto slowest = static_cast<double>(result.response.max_ns());
  const auto usual = static_cast<double>(*median);
  if (slowest < delay_ns || slowest < delay_over_median * usual) return std::nullopt;
  return fmt::format(
      "a response was held up: {}, {:.0f} times the median, at {} of the "
      "window",
      show_duration(slowest), slowest / std::max(usual, 1.0),
      show_duration(static_cast<double>(*result.slowest_at_ns)));
}

Judgement judge_open(const LoadPlan& plan, const LoadResult& result, double busy) {
  if (const auto late = why_late(result)) return {Verdict::client_bound, *late};
  const auto overloaded = why_overloaded(plan, result);
  if (overloaded && busy > client_bound_share)
    return {Verdict::client_bound,
            fmt::format("{}; but the client used {:.0f} % of its core: what does not "
                        "keep up may be the client",
                        *overloaded, busy * 100)};
  if (overloaded) return {Verdict::overloaded, *overloaded};
  Judgement valid;
  if (const auto delay = delay_in(result)) valid.warnings.push_back(*delay);
  return valid;
}

}  // namespace

std::string lost_text(const DatagramCounts& datagrams) {
  return fmt::format("{} of {} lost ({:.2g} %)", datagrams.lost, datagrams.sent,
                     100 * static_cast<double>(datagrams.lost) /
                         static_cast<double>(std::max<std::uint64_t>(datagrams.sent, 1)));
}

std::string_view verdict_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::valid:
      return "VALID";
    case Verdict::client_bound:
      return "CLIENT-BOUND";
    case Verdict::overloaded:
      return "OVERLOADED";
    case Verdict::unsteady:
      return "UNSTEADY";
    case Verdict::noisy:
      return "NOISY";
    case Verdict::corrupt:
      return "CORRUPT";
    case Verdict::failed:
      return "FAILED";
  }
  return "";
}

ExitCode exit_code_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::valid:
      return ExitCode::ok;
    case Verdict::client_bound:
      return ExitCode::client_bound;
    case Verdict::overloaded:
      return ExitCode::overloaded;
    case Verdict::unsteady:
    case Verdict::noisy:
      return ExitCode::unsteady;
    case Verdict::corrupt:
      return ExitCode::corrupt;
    case Verdict::failed:
      return ExitCode::failure;
  }
  return ExitCode::failure;
}

namespace {

/// Of the population that leads.
Judgement judge_lead(const LoadPlan& plan, const LoadResult& result) {
  const LoadErrors& errors = result.errors;
  if (errors.mismatch > 0)
    return {Verdict::corrupt, mismatches_text(errors) + ": " + result.first_failure};
  if (errors.lost_replies > 0)
    return {Verdict::corrupt,
            fmt::format("{} replies were lost{}: {}", errors.lost_replies,
                        losses_text(errors), result.first_failure)};
  if (errors.total() > 0)
    return {Verdict::failed,
            fmt::format("{} of {} connections failed: {}", errors.total(),
                        plan.connections, result.first_failure)};
  if (result.requests == 0) return {Verdict::failed, std::string(nobody_was_answered)};
  if (plan.requests > 0 && result.requests < plan.requests && !result.interrupted)
    return {Verdict::failed, fmt::format("only {} of {} requests were answered in time",
                                         result.requests, plan.requests)};
  if (const auto work = work_left_out(plan, result)) return {Verdict::failed, *work};
  const auto law = littles_law(plan, result);
  if (law && law->is_broken())
    return {Verdict::failed, "the numbers contradict each other (Little's law): " +
                                 littles_law_text(*law)};
  if (const double waited = waited_for_lost(plan, result); waited > waiting_share)
    return {Verdict::overloaded,
            fmt::format("{}: waiting for them took {:.0f} % of the window",
                        lost_text(result.datagrams), std::min(waited, 1.0) * 100)};
  if (const auto reason = bound_by(result.ceiling, result.requests_per_second()))
    return {Verdict::client_bound, *reason};
  const double busy = result.client_cores_used() / cores_available(plan);
  if (plan.workload.is_open()) return judge_open(plan, result, busy);
  if (busy > client_bound_share)
    return {
        Verdict::client_bound,
        fmt::format("the client used {:.0f} % of its core{}: the server may be faster",
                    busy * 100, cores_available(plan) > 1 ? "s" : "")};
  Judgement valid;
  if (const auto near = warning_of(result.ceiling, result.requests_per_second()))
    valid.warnings.push_back(*near);
  if (law && law->hides_waiting())
    valid.warnings.push_back(
        "requests still waited at the window's end for longer than "
        "any response that was counted: " +
        littles_law_text(*law));
  if (const auto delay = delay_in(result)) valid.warnings.push_back(*delay);
  return valid;
}

/// What the machine did explains a load that is else valid, or that was overloaded.
Judgement with_noise(Judgement judgement, const LoadPlan& plan,
                     const LoadResult& result) {
  const auto disturbed = result.noise ? disturbance(*result.noise) : std::nullopt;
  if (!disturbed) return judgement;
  const bool may_be_noise =
      judgement.verdict == Verdict::valid || judgement.verdict == Verdict::overloaded;
  if (!plan.is_alone || !may_be_noise) {
    judgement.warnings.push_back(*disturbed);
    return judgement;
  }
  judgement.reason = judgement.reason.empty()
                         ? *disturbed
                         : fmt::format("{}; {}", *disturbed, judgement.reason);
  judgement.verdict = Verdict::noisy;
  return judgement;
}

/// A closed loop whose throughput changes has no one throughput. What disturbs a machine
/// that is shared may change as well: there it is only said.
Judgement with_drift(Judgement judgement, const LoadPlan& plan,
                     const LoadResult& result) {
  if (plan.workload.is_open() || judgement.verdict != Verdict::valid) return judgement;
  const auto drifts = drift(result.parts);
  if (!drifts) return judgement;
  if (plan.is_alone) return {Verdict::unsteady, *drifts, judgement.warnings};
  judgement.warnings.push_back(*drifts);
  return judgement;
}

}  // namespace

Judgement judge(const LoadPlan& plan, const LoadResult& result) {
  Judgement judgement =
      with_drift(with_noise(judge_lead(plan, result), plan, result), plan, result);
  if (const std::string corrupt = company_corrupt(plan, result);
      !corrupt.empty() && judgement.verdict != Verdict::corrupt)
    judgement = {Verdict::corrupt, corrupt};
  for (std::string& warning : company_warnings(plan, result))
    judgement.warnings.push_back(std::move(warning));
  return judgement;
}

}  // namespace echolab

#include "clients/explain.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "clients/load_report.hpp"
#include "common/units.hpp"

namespace echolab {
namespace {

using Sentences = std::vector<std::string>;

std::string rate_text(double per_second) {
  return show_count(per_second) + " requests/s";
}

std::string time_text(double ns) {
  return show_duration(ns);
}

double offered_rate(const LoadResult& result) {
  return result.seconds > 0 ? static_cast<double>(result.offered) / result.seconds : 0;
}

double percent(double part, double whole) {
  return whole > 0 ? 100 * part / whole : 0;
}

std::string clients_text(std::size_t clients) {
  return fmt::format("{} client{}", clients, clients == 1 ? "" : "s");
}

std::string asked_closed(const LoadPlan& plan) {
  const std::string who = plan.connections == 1
                              ? "one client"
                              : fmt::format("each of {} clients", plan.connections);
  const std::string does = plan.pipeline > 1
                               ? fmt::format("keeps {} requests under way", plan.pipeline)
                               : "waits for its reply";
  const std::string thinks = plan.workload.think.is_zero()
                                 ? ""
                                 : "thinks (" + plan.workload.think.text() + ") and ";
  return fmt::format(
      "You asked in a closed loop: {} {}, then {}asks again. A slow server is asked less "
      "often, so its stalls look rarer here than its users would find them.",
      who, does, thinks);
}

std::string asked(const LoadPlan& plan) {
  const Workload& workload = plan.workload;
  if (!workload.is_open()) return asked_closed(plan);
  if (workload.session_requests > 1)
    return fmt::format(
        "You asked in a partly open loop: sessions of {:g} requests on average arrive by "
        "a schedule, whatever the server does; inside a session, each request waits for "
        "the reply before it.",
        workload.session_requests);
  return "You asked in an open loop: requests arrive by a schedule, whatever the server "
         "does, as they do from many users; response counts from when a request was due, "
         "so that a stall is told whole.";
}

// --- what came out
// ----------------------------------------------------------------------

std::string overloaded_throughput(const LoadPlan& plan, const LoadResult& result) {
  if (!plan.workload.is_open())  // waiting for lost datagrams took its time
    return fmt::format(
        "Replies came for {}, but the clients spent so much time on datagrams that were "
        "lost that this is a figure of --datagram-timeout, not of the server.",
        rate_text(result.requests_per_second()));
  return fmt::format(
      "The server did not keep up: {} arrived, {} were answered while it was measured. "
      "What waits grows for as long as the load goes on, and response times with it: "
      "they say how long you measured, not what a user would feel.",
      rate_text(offered_rate(result)), rate_text(result.requests_per_second()));
}

std::string valid_throughput(const LoadPlan& plan, const LoadResult& result) {
  const std::string rate = rate_text(result.requests_per_second());
  if (!plan.workload.is_open())
    return fmt::format(
        "The server answered {}: that is its pace with the {} that it served, each reply "
        "verified byte by byte.",
        rate, clients_text(result.requests_per_connection.size() - result.starved()));
  const bool all =
      result.dropped + result.unfinished + result.datagrams.lost_in_window == 0;
  return fmt::format(
      "The server answered {}, {}. So it can do this much; how much more, this load does "
      "not say.",
      rate, all ? "all that arrived" : "nearly all that arrived");
}

std::string throughput(const LoadPlan& plan, const LoadResult& result, Verdict verdict) {
  const std::string rate = rate_text(result.requests_per_second());
  switch (verdict) {
    case Verdict::valid:
      return valid_throughput(plan, result);
    case Verdict::client_bound:
      return fmt::format(
          "The server can do at least {}. That is a lower bound: the client was as busy "
          "as it may be, or late, and the server may be faster.",
          rate);
    case Verdict::noisy:
      return fmt::format(
          "Something else disturbed the machine. Noise only slows down, so "
          "the server can do at least {}.",
          rate);
    case Verdict::overloaded:
      return overloaded_throughput(plan, result);
    case Verdict::unsteady:
      return "The load changed while it was measured: an average over it describes no "
             "moment of it, so none is told here.";
    case Verdict::corrupt:
      return "Bytes came back wrong, or not at all. A server that loses or changes what "
             "it is given may be as fast as it likes: no number of this load means "
             "anything.";
    case Verdict::failed:
      return "The load did not go as it should: no number of it says what the server can "
             "do.";
  }
  return "";
}

/// The best supported of the quantiles, in words.
std::string slow_ones(const Histogram& times) {
  const auto p50 = times.quantile_ns(0.5);
  const auto p99 = times.quantile_ns(0.99);
  if (!p50) return "";
  std::string text = fmt::format("Half of the requests took {} or less",
                                 time_text(static_cast<double>(*p50)));
  if (p99)
    text += fmt::format("; one request in a hundred took longer than {}, the slowest {}",
                        time_text(static_cast<double>(*p99)),
                        time_text(static_cast<double>(times.max_ns())));
  else
    text += fmt::format(
        "; what the slowest one in a hundred take cannot be told from {} "
        "requests (it takes 368)",
        times.count());
  return text;
}

void add_times(Sentences& said, const LoadResult& result, Verdict verdict) {
  if (verdict == Verdict::overloaded || verdict == Verdict::unsteady) return;
  const std::string text = slow_ones(result.response);
  if (text.empty()) return;
  if (verdict == Verdict::valid) return said.push_back(text + ".");
  said.push_back(text + (verdict == Verdict::noisy
                             ? ". The noise is in these times: without it they are at "
                               "most this long."
                             : ". The client's own delays are in these times: the "
                               "server's part is at most this long."));
}

/// Of an open loop. What had no reply has no parts.
void add_parts(Sentences& said, const LoadResult& result) {
  if (!result.details) return;
  const LoadDetails& parts = *result.details;
  const double blocked = parts.blocked.mean_ns();
  const double lag = parts.lag.mean_ns();
  const double whole = blocked + lag + parts.service.mean_ns();
  if (whole <= 0) return;
  said.push_back(fmt::format(
      "Where the time of an average request went: {:.0f} % until a connection was free "
      "(blocked: the server's back-pressure), {:.0f} % until the client had sent it "
      "(lag: "
      "ours, not the server's), {:.0f} % from then to the verified reply (service).",
      percent(blocked, whole), percent(lag, whole),
      percent(parts.service.mean_ns(), whole)));
  if (result.dropped > 0)
    said.push_back(fmt::format(
        "{} of {} arrivals found no free connection and were dropped, as --on-busy drop "
        "has it: they are in no response time.",
        result.dropped, result.offered));
}

void add_datagrams(Sentences& said, const LoadResult& result) {
  if (result.datagrams.lost == 0) return;
  said.push_back(
      fmt::format("{}: datagrams may be lost, and this is no error; but a lost one "
                  "has no response time at all.",
                  lost_text(result.datagrams)));
}

// --- who was the limit
// ------------------------------------------------------------------

double busy_share(const LoadPlan& plan, const LoadResult& result) {
  const std::size_t cores = plan.cpus.empty() ? plan.threads : plan.cpus.size();
  return result.client_cores_used() / static_cast<double>(std::min(plan.threads, cores));
}

std::string limit(const LoadPlan& plan, const LoadResult& result, Verdict verdict) {
  if (plan.spin && verdict != Verdict::client_bound)
    return "The client never sleeps (--spin): that its threads were busy says nothing of "
           "who was the limit.";
  std::string text =
      fmt::format("The client used {:.0f} % of the time of its thread{}",
                  100 * busy_share(plan, result), plan.threads == 1 ? "" : "s");
  if (result.ceiling)
    text += fmt::format(
        ", and reached {:.0f} % of its ceiling (what --calibrate found it can do at "
        "most)",
        percent(result.requests_per_second(), result.ceiling->requests_per_second));
  if (verdict == Verdict::client_bound) return text + ": it was, or may be, the limit.";
  if (verdict != Verdict::valid) return text + ".";
  return text + (result.ceiling ? ": it was not the limit."
                                : ". Nothing shows that it was the limit; --calibrate "
                                  "with the same options tells how fast it can be.");
}

/// Below this, shares are so unlike that it is worth a sentence: as if a tenth of the
/// clients had had nothing.
constexpr double fair_jain = 0.9;

/// In an open loop whoever is free gets the next arrival: shares say nothing there.
void add_fairness(Sentences& said, const LoadPlan& plan, const LoadResult& result) {
  const auto& shares = result.requests_per_connection;
  if (plan.workload.is_open() || shares.size() < 2) return;
  if (result.starved() == 0 && result.jain() >= fair_jain) return;
  const auto [least, most] = std::ranges::minmax_element(shares);
  std::string text = fmt::format(
      "Not everybody was served alike: one connection had {} replies, another {}", *most,
      *least);
  if (result.starved() > 0)
    text += fmt::format(
        "; {} of {} had none at all, as where a server takes one client after the other, "
        "or holds no more than its workers",
        result.starved(), shares.size());
  said.push_back(text + ". The times are those of the served.");
}

// --- what follows
// -----------------------------------------------------------------------

std::string meaning(const Judgement& judgement) {
  if (judgement.verdict == Verdict::valid)
    return "VALID: nothing speaks against these numbers. It is one run: repeat it before "
           "you compare.";
  return fmt::format("{}: {}.", verdict_text(judgement.verdict), judgement.reason);
}

/// "-R 800": so much of the rate that was answered.
std::string rate_flag(const LoadResult& result, double share) {
  return "-R " + show_count(std::max(1.0, share * result.requests_per_second()));
}

/// A limit of 1, 2 or 5 times a power of ten that is twice the p99 or more.
std::string search_flag(const LoadResult& result) {
  const auto p99 =
      static_cast<std::int64_t>(result.response.quantile_ns(0.99).value_or(0));
  std::int64_t limit_ns = 1'000;
  for (int step = 0; limit_ns < 2 * p99; ++step)
    limit_ns = step % 3 == 1 ? limit_ns / 2 * 5 : limit_ns * 2;
  return fmt::format("--search 'p99<{}'", write_duration(Nanoseconds(limit_ns)));
}

std::string next_of_overload(const LoadPlan& plan, const LoadResult& result) {
  if (plan.server.is_datagram() && result.datagrams.lost_in_window > 0)
    return "Next: fewer -c or a lower -R, until next to nothing is lost.";
  return fmt::format(
      "Next: {}, or --search 'p99<10ms' for the highest rate that it can "
      "take.",
      rate_flag(result, 0.8));
}

std::string next_of_client(const LoadPlan& plan) {
  if (plan.workload.is_open())
    return "Next: a lower -R, or --search 'p99<10ms', which tells what the client can "
           "vouch for.";
  if (plan.threads < plan.connections)
    return fmt::format(
        "Next: -t {}, where there are cores for it, and --calibrate with "
        "the same options to see how far that goes.",
        plan.threads + 1);
  return "Next: --protocol work --compute 50us, where the server speaks it: then the "
         "server "
         "has more to do than the client.";
}

std::string next(const LoadPlan& plan, const LoadResult& result, Verdict verdict) {
  const bool open = plan.workload.is_open();
  switch (verdict) {
    case Verdict::valid:
      return open ? fmt::format(
                        "Next: {} finds the highest rate with such response times.",
                        search_flag(result))
                  : fmt::format(
                        "Next: {} shows what users would feel at two thirds of "
                        "this rate, stalls included.",
                        rate_flag(result, 2.0 / 3));
    case Verdict::client_bound:
      return next_of_client(plan);
    case Verdict::overloaded:
      return next_of_overload(plan, result);
    case Verdict::unsteady:
      return "Next: a longer warm-up and a longer window, such as -w 5s -d 30s, and "
             "compare.";
    case Verdict::noisy:
      return "Next: repeat it when nothing else runs, or for longer, such as -d 30s.";
    case Verdict::corrupt:
      return "Next: -c 1 -n 1000, then more clients, to see when it begins; measure when "
             "the server is mended.";
    case Verdict::failed:
      return "Next: mend what the reason names, or try with fewer connections, such as "
             "-c 1.";
  }
  return "";
}

bool has_numbers(Verdict verdict) {
  return verdict != Verdict::corrupt && verdict != Verdict::failed;
}

}  // namespace

std::vector<std::string> explain(const LoadPlan& plan, const LoadResult& result,
                                 const Judgement& judgement) {
  const Verdict verdict = judgement.verdict;
  Sentences said = {asked(plan)};
  if (!plan.company.empty())
    said.push_back(
        fmt::format("Other clients were there at the same time; all that is "
                    "said here is of the first class, '{}'.",
                    plan.name));
  said.push_back(throughput(plan, result, verdict));
  if (has_numbers(verdict)) {
    add_times(said, result, verdict);
    if (plan.workload.is_open() && verdict != Verdict::unsteady) add_parts(said, result);
    add_datagrams(said, result);
    if (verdict != Verdict::unsteady) said.push_back(limit(plan, result, verdict));
    add_fairness(said, plan, result);
  }
  if (result.interrupted)
    said.push_back(
        "It was interrupted: fewer requests speak for these numbers than you "
        "asked for.");
  said.push_back(meaning(judgement));
  for (const std::string& warning : judgement.warnings)
    said.push_back("Mind: " + warning + ".");
  said.push_back(next(plan, result, verdict));
  return said;
}

std::string explanation_text(const std::vector<std::string>& sentences,
                             std::size_t width) {
  std::string text = "\nIn words\n";
  for (const std::string& sentence : sentences) {
    const char* mark = "  - ";
    for (const std::string& line : wrapped(sentence, width - 4)) {
      text += mark + line + "\n";
      mark = "    ";
    }
  }
  return text;
}

std::string explanation_text(const std::vector<std::string>& sentences) {
  return explanation_text(sentences, std::min<std::size_t>(100, columns_of(1)));
}

void add_explain_option(CLI::App& parser, bool& explain) {
  parser.add_flag(
      "--explain", explain,
      "below the table, say in plain words what it means and what to try next");
}

void check_explain(const CLI::App& parser) {
  if (parser.count("--explain") == 0) return;
  for (const char* name : {"--csv", "--calibrate", "--null-responder"})
    if (parser.count(name) > 0)
      throw UsageError(
          fmt::format("--explain: explains a load or a search, in its table or its "
                      "--json; not with {}",
                      name));
}

}  // namespace echolab

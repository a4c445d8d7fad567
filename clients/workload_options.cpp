#include "clients/workload_options.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "common/option_tree.hpp"

namespace echolab {
namespace {

void set_size(const std::string& text, LoadPlan& plan) {
  if (text.empty()) return;
  SizeLaw law = SizeLaw::parse("--size", text);
  law.seed(plan.seed);
  plan.payload_bytes = law.most();
  if (!law.is_fixed()) plan.sizes = law;
}

/// How many more connections than --connections, for arrivals that find none free.
constexpr std::size_t spare_for_each = 8;

void check_on_busy(const std::string& name, LoadPlan& plan) {
  const OnBusy on_busy = plan.workload.on_busy;
  if (on_busy == OnBusy::queue || on_busy == OnBusy::drop) return;
  if (plan.server.is_datagram())
    throw UsageError(fmt::format("--on-busy {}: is for streams", name));
  if (plan.workload.session_requests > 1)
    throw UsageError(
        fmt::format("--on-busy {}: a session asks on its own connection", name));
  if (on_busy == OnBusy::make) plan.spare_connections = spare_for_each * plan.connections;
}

/// Only an open loop takes these, or none does.
void refuse_without_arrivals(const CLI::App& parser) {
  for (const char* name : {"--arrivals", "--on-off", "--on-busy", "--session"})
    if (parser.count(name) > 0)
      throw UsageError(fmt::format(
          "{}: is for an open loop; say how many requests arrive, with --rate", name));
}

}  // namespace

void add_workload_options(CLI::App& parser, WorkloadOptions& options) {
  parser
      .add_option("-s,--size", options.size,
                  "bytes of a request: 64, uniform:64-4KiB, list:64@90,4KiB@10 or "
                  "exp:1KiB")
      ->default_str("64");
  parser.add_option("-R,--rate", options.arrivals.rate,
                    "open loop: requests/s in all; 1k..10k rises during the window");
  parser
      .add_option("--arrivals", options.arrivals.arrivals,
                  "open loop: the law of the gaps: fixed, poisson or gamma:CV")
      ->default_str("poisson");
  parser.add_option("--on-off", options.arrivals.on_off,
                    "open loop: bursts and silence, such as 100ms/900ms");
  takes(parser.add_option("--replay", options.arrivals.replay,
                          "open loop: a file of moments, a number of seconds a line"),
        {.kind = "file"});
  parser
      .add_option("--session", options.session_requests,
                  "partly open: sessions arrive, of so many requests on average")
      ->check(CLI::Range(1.0, 1e6));
  parser.add_option(
      "--think", options.think,
      "closed loop, sessions: 10ms, uniform:1ms-5ms or exp:10ms before asking "
      "again");
  add_choice(parser, "--on-busy", options.on_busy,
             "open loop: what an arrival does when none is free",
             {std::begin(on_busy_names), std::end(on_busy_names)});
}

void complete_workload(const WorkloadOptions& options, const CLI::App& parser,
                       LoadPlan& plan) {
  set_size(options.size, plan);
  Workload& workload = plan.workload;
  workload.think = TimeLaw();
  if (!options.think.empty()) workload.think = TimeLaw::parse("--think", options.think);
  if (options.arrivals.rate.empty() && options.arrivals.replay.empty())
    return refuse_without_arrivals(parser);
  workload.arrivals = parse_arrivals(options.arrivals);
  workload.arrivals->ramp_begin_ns = plan.warm_up.count();
  workload.arrivals->ramp_ns = plan.duration.count();
  workload.session_requests = options.session_requests;
  workload.on_busy = static_cast<OnBusy>(
      std::ranges::find(on_busy_names, options.on_busy) - std::begin(on_busy_names));
  check_on_busy(options.on_busy, plan);
  if (workload.session_requests <= 1 && !workload.think.is_zero())
    throw UsageError(
        "--think: in an open loop nobody thinks; give --session as well, or "
        "no --rate");
  if (workload.session_requests > 1 && plan.pipeline > 1)
    throw UsageError(fmt::format("--pipeline {}: a session has one request outstanding",
                                 plan.pipeline));
  if (workload.session_requests > 1 && workload.arrivals->replay)
    throw UsageError("--session: a replayed arrival is one request");
}

}  // namespace echolab

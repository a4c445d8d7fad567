// The table of experiments, in the order in which they are read.

#include <fmt/format.h>

#include <algorithm>

#include "bench/experiment.hpp"
#include "bench/experiment_loads.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

/// What a source calls comparable without a number: a ratio up to this factor.
constexpr double comparable = 1.10;

constexpr Claim scaling_claims[] = {
    {"event-driven servers beat a thread per connection, by about 18 % once all are "
     "tuned",
     "Pariag et al., EuroSys 2007", "cpu_ns", "epoll_level", "thread_per_client",
     std::nullopt,
     "their servers sent files from a cache over many cores; here a request is a few "
     "bytes "
     "on loopback, so that waking a thread is most of what it costs"},
    {"a process per client does not reach ten thousand clients, a loop does",
     "Kegel, The C10K problem", "cpu_ns", "epoll_level", "fork_per_client", std::nullopt,
     "switching between processes costs less than it did, and the clients here are never "
     "far apart"}};

constexpr Claim process_control_claims[] = {
    {"children made beforehand spare the fork that each client costs",
     "UNP 30.6, fig. 30.1", "cpu_ns_per_connection", "prefork", "fork_per_client",
     std::nullopt, "copy-on-write and a small process make fork cheaper than it was"},
    {"a thread for each client costs far less than a child for each",
     "UNP 30.10, fig. 30.1", "cpu_ns_per_connection", "thread_per_client",
     "fork_per_client", std::nullopt,
     "clone(2) is one call for both; what differs is the address space"},
    {"threads made beforehand are the cheapest", "UNP 30.11, fig. 30.1",
     "cpu_ns_per_connection", "prethread", "thread_per_client", std::nullopt,
     "to start a thread costs little today beside connecting and closing"}};

constexpr Claim churn_claims[] = {
    {"preforked children serve brief connections for less than fork does",
     "Apache prefork", "cpu_ns_per_connection", "prefork", "fork_per_client", 1,
     "connecting and closing are most of the cost for both"}};

constexpr Claim idle_crowd_claims[] = {
    {"select looks at everybody: its cost grows with the silent, epoll's does not; of "
     "the "
     "waiting alone, with one of N ready, it took there 2.0 times as much with N = 10, "
     "10 "
     "with 100, 170 with 1 000 and 1 120 with 10 000",
     "Kerrisk, LCA 2006; Banga 1999", "cpu_ns", "epoll_level", "select_loop",
     std::nullopt,
     "one call finds several who are ready, so the walk is shared among them, and a "
     "request is more than its wait"},
    {"poll does so, too; there 1.7 times as much with N = 10, 10 with 100, 176 with 1 "
     "000 "
     "and 1 800 with 10 000",
     "Kerrisk, LCA 2006; TLPI 63.4.5 has 1.5 with 10 and 1 500 with 10 000", "cpu_ns",
     "epoll_level", "poll_loop", std::nullopt,
     "one call finds several who are ready, so the walk is shared among them, and a "
     "request is more than its wait"},
    {"with nobody silent select is comparable to epoll",
     "Gammo, Brecht, Shukla and Pariag, Linux Symposium 2004", "cpu_ns", "epoll_level",
     "select_loop", 0,
     "their HTTP server spent much of its time in epoll_ctl, a call for each brief "
     "connection; here connections stay",
     comparable},
    {"with nobody silent poll is comparable to epoll",
     "Gammo, Brecht, Shukla and Pariag, Linux Symposium 2004", "cpu_ns", "epoll_level",
     "poll_loop", 0,
     "their HTTP server spent much of its time in epoll_ctl, a call for each brief "
     "connection; here connections stay",
     comparable}};

constexpr Claim blocking_work_claims[] = {
    {"an event loop stalls where a request waits; a pool is as wide as its workers",
     "Flash: Pai et al. 1999; SEDA: Welsh et al. 2001", "rate", "epoll_level",
     "thread_pool", std::nullopt, "it should not: the loop sleeps"}};

constexpr Claim cpu_work_claims[] = {
    {"behind a long request the short ones wait in a single loop (head-of-line blocking)",
     "SEDA: Welsh et al. 2001", "p90_ns", "thread_per_client", "epoll_level",
     std::nullopt,
     "threads share the core by time slices of some milliseconds, which may be as long "
     "as "
     "the request"}};

constexpr Claim overload_claims[] = {
    {"beyond capacity a thread per client collapses, an event-driven server holds",
     "SEDA: Welsh et al. 2001, thread collapse", "rate", "thread_per_client",
     "epoll_level", std::nullopt,
     "today's scheduler (CFS, EEVDF) works in constant or logarithmic time, and a few "
     "hundred threads are few"},
    {"in an open loop the same server answers far later than in a closed one",
     "Schroeder, Wierman, Harchol-Balter, NSDI 2006", "p99_ns", "epoll_level(closed)",
     "epoll_level", std::nullopt,
     "beyond capacity the open loop's response grows with the duration, and in a brief "
     "window it may not exceed what so many closed clients wait for each other"}};

constexpr Claim bad_company_claims[] = {
    {"slow clients take all workers of a pool, and cost a loop next to nothing",
     "slowloris, 2009", "rate", "thread_pool", "epoll_level", std::nullopt,
     "a pool with more workers (64 here) than there are slow clients is not full"}};

constexpr Claim memory_claims[] = {
    {"a thread per connection needs a stack for each; a loop needs a few fields",
     "Kegel, The C10K problem", "pss_per_client", "epoll_level", "thread_per_client",
     std::nullopt, "only the pages of a stack that were touched are in memory"},
    {"a process per connection needs more than a thread", "Kegel, The C10K problem",
     "pss_per_client", "thread_per_client", "fork_per_client", std::nullopt,
     "what a forked child has not written is shared"}};

constexpr Experiment table[] = {
    {"scaling",
     "How does it do as clients grow?",
     "clients",
     AxisUnit::count,
     "cpu_ns",
     "epoll_level",
     "",
     16,
     1,
     {"1,16", "1,16,256", "1,10,100,1000", "1,10,100,1000,5000,10000"},
     loads::scaling,
     scaling_claims},
    {"process_control",
     "What does a client cost before a byte is served?",
     "clients at once",
     AxisUnit::count,
     "cpu_ns_per_connection",
     "iterative",
     "iterative,fork_per_client,prefork,prefork_file_lock,prefork_mutex,"
     "prefork_fd_passing,thread_per_client,prethread,thread_pool",
     5,
     1,
     {"5", "5", "1,5,50", "1,5,50"},
     loads::process_control,
     process_control_claims},
    {"churn",
     "How many connections per second, and at what price?",
     "requests per connection",
     AxisUnit::count,
     "cpu_ns_per_connection",
     "epoll_level",
     "fork_per_client,prefork,thread_per_client,thread_pool,epoll_level,uring_multishot",
     16,
     1,
     {"1", "1,10,100", "1,10,100", "1,10,100,1000"},
     loads::churn,
     churn_claims},
    {"idle_crowd",
     "What do the silent cost the others?",
     "idle connections",
     AxisUnit::count,
     "cpu_ns",
     "epoll_level",
     "thread_per_client,select_loop,poll_loop,epoll_level,epoll_edge,uring_multishot",
     16,
     1,
     {"0,100", "0,100,900", "0,10,100,900,9000", "0,10,100,900,9000"},
     loads::idle_crowd,
     idle_crowd_claims},
    {"payload",
     "Bytes instead of messages: where does copying take over?",
     "payload per request, B",
     AxisUnit::bytes,
     "cpu_ns",
     "epoll_level",
     "thread_per_client,select_loop,epoll_level,epoll_edge,uring_multishot,coroutine",
     16,
     1,
     {"64,4KiB", "64,4KiB,256KiB", "1,64,1KiB,16KiB,256KiB,1MiB",
      "1,64,1KiB,16KiB,256KiB,1MiB"},
     loads::payload,
     {}},
    {"blocking_work",
     "What if a request waits?",
     "time waited per request, ms",
     AxisUnit::milliseconds,
     "rate",
     "epoll_level",
     "thread_per_client,thread_pool,epoll_level,half_sync_half_async,amped,seda",
     64,
     1,
     {"0,1ms", "0,1ms,10ms", "0,100us,1ms,10ms", "0,100us,1ms,10ms"},
     loads::blocking_work,
     blocking_work_claims},
    {"cpu_work",
     "What if a request computes, and 1 in 100 much longer?",
     "more for 1 request in 100, ms",
     AxisUnit::milliseconds,
     "p90_ns",
     "epoll_level",
     "thread_per_client,thread_pool,epoll_level,epoll_shared,half_sync_half_async",
     64,
     2,
     {"0,1ms", "0,1ms,10ms", "0,1ms,3ms,10ms", "0,1ms,3ms,10ms,30ms"},
     loads::cpu_work,
     cpu_work_claims},
    {"overload",
     "Beyond capacity: collapse or plateau?",
     "offered load, % of capacity",
     AxisUnit::percent,
     "rate",
     "epoll_level",
     "fork_per_client,thread_per_client,epoll_level,half_sync_half_async,seda",
     256,
     1,
     {"50,150", "50,90,150", "10,50,80,100,120,150", "10,25,50,75,90,100,110,125,150"},
     loads::overload,
     overload_claims},
    {"bad_company",
     "What do slow and resetting clients do to the good?",
     "bad clients",
     AxisUnit::count,
     "rate",
     "epoll_level",
     "prefork,thread_per_client,thread_pool,select_loop,epoll_level",
     16,
     1,
     {"0,9", "0,30,90", "0,9,30,90", "0,9,30,90"},
     loads::bad_company,
     bad_company_claims},
    {"burst",
     "What does the listen queue hide?",
     "clients connecting at once",
     AxisUnit::count,
     "connect_p99_ns",
     "epoll_level",
     "iterative,fork_per_client,thread_per_client,epoll_level",
     16,
     3,
     {"16", "16,512", "16,128,512,2000", "16,128,512,2000,5000"},
     loads::burst,
     {}},
    {"memory",
     "How many bytes does a connection take?",
     "held connections",
     AxisUnit::count,
     "pss_per_client",
     "epoll_level",
     "fork_per_client,thread_per_client,select_loop,epoll_level,uring_multishot,"
     "coroutine,"
     "fiber",
     1,
     0.5,
     {"10,100", "10,100,900", "10,100,900,5000", "10,100,900,9000"},
     loads::memory,
     memory_claims},
    {"transports",
     "What does the way of the bytes cost?",
     "transport",
     AxisUnit::transport,
     "cpu_ns",
     "epoll_level",
     "thread_per_client,epoll_level,epoll_edge,udp_iterative,udp_batched",
     16,
     1,
     {"tcp4,unix", "tcp4,tcp6,unix,udp", "tcp4,tcp6,unix,udp,unixgram",
      "tcp4,tcp6,unix,udp,unixgram"},
     loads::transports,
     {}},
};

}  // namespace

std::span<const Experiment> experiments() {
  return table;
}

const Experiment& find_experiment(std::string_view name) {
  const auto* const found = std::ranges::find(table, name, &Experiment::name);
  if (found != std::end(table)) return *found;
  std::vector<std::string> names;
  for (const Experiment& one : table) names.emplace_back(one.name);
  throw UsageError(fmt::format("'{}' is no experiment{}  (--list-experiments shows them)",
                               name, nearest(name, names)));
}

Length length_of(Preset preset) {
  using namespace std::chrono_literals;
  switch (preset) {
    case Preset::smoke:
      return {200ms, 100ms, 1, 0, false};
    case Preset::quick:
      return {300ms, 150ms, 9, 1, true};  // in 4 minutes, see experiment_test.cpp
    case Preset::standard:
      return {1s, 300ms, 9, 2, true};
    case Preset::paper:
      break;
  }
  return {5s, 1s, 15, 2, true};
}

}  // namespace echolab

// A trial: one fresh server, one load, one row of results.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "bench/contestant.hpp"
#include "bench/process_tree.hpp"
#include "clients/load.hpp"

namespace echolab {

/// What a server used per request in the measured window, and holds at its end.
struct ServerFigures {
  double cpu_ns_per_request = 0;
  double cpu_cores_used = 0;
  double voluntary_switches_per_request = 0;
  double involuntary_switches_per_request = 0;
  TreeSize size;
  std::uint64_t pss_bytes_idle = 0;  ///< before the load came
  /// By how much the kernel's memory grew with the load, in bytes: both ends of all
  /// connections, and whatever else this machine did. Empty: it did not grow.
  std::optional<std::uint64_t> kernel_bytes{};
  /// Of each thread that ran in the window, greatest first, 64 of them at most.
  std::vector<double> thread_cpu_seconds{};
  /// Held by each process at the window's end, likewise; empty: there is one process.
  std::optional<std::vector<std::uint64_t>> process_connections{};
};

/// What all CPUs of the machine did in the window.
struct MachineFigures {
  double busy_cores = 0;
  double client_cores = 0;        ///< of them this program's, all its threads
  double cpu_ns_per_request = 0;  ///< of the others: the server and its kernel work,
                                  ///< and the neighbours; 0: none was seen
};

/// How long connects took, all lives of all connections of the lead.
struct ConnectTimes {
  std::uint64_t n = 0;
  double p50_ns = 0;
  double p99_ns = 0;  ///< 0: too few for one
  double max_ns = 0;
};

struct Trial {
  LoadResult load;
  std::optional<ConnectTimes> connect{};  ///< none: datagrams, and failed trials
  ServerFigures server;
  Judgement judgement;
  std::uint64_t company_failed = 0;  ///< of its connections; the lead's make it FAILED
  nlohmann::json series{};           ///< Series::json()
  double stolen_share = 0;           ///< of all CPUs, taken by the hypervisor meanwhile
  std::optional<MachineFigures> machine{};
};

/// Starts `contestant`, loads it with `plan` (whose endpoint is set here) and stops it.
/// `ceiling` is the client's, where it is known. A server that does not get ready, or
/// dies, is a FAILED trial, not an error.
Trial run_trial(const Contestant& contestant, const Start& start, LoadPlan plan,
                const std::function<void(const LoadProgress&)>& progress,
                const std::stop_token& stop, const std::optional<Ceiling>& ceiling = {});

/// One without figures, and why.
Trial failed_trial(const std::string& why);

/// The members that depend on the trial alone of a row of trials.jsonl.
nlohmann::json trial_json(const LoadPlan& plan, const Trial& trial);

}  // namespace echolab

// Workload: how the requests of a load come about.
#pragma once

#include <optional>
#include <string>

#include "clients/laws.hpp"
#include "clients/schedule.hpp"

namespace echolab {

/// What becomes of an arrival that finds every slot taken (a slot: one request that a
/// connection may have outstanding).
enum class OnBusy {
  queue,  ///< it waits for one, and its response counts from when it arrived
  any,    ///< it is sent all the same, on the next connection in turn (streams)
  drop,   ///< it is not sent, and counted
  make    ///< it gets a new connection, which stays (--on-busy new; streams)
};
/// As --on-busy has it.
inline constexpr const char* on_busy_names[] = {"queue", "any", "drop", "new"};

/// Closed: a connection asks again once it was answered, after `think`: the load follows
/// the server's speed. Open: requests arrive by a schedule, whatever the server does.
/// Partly open: sessions arrive so, and are closed inside. (Schroeder, Wierman,
/// Harchol-Balter: Open Versus Closed, NSDI 2006.)
struct Workload {
  std::optional<ArrivalPlan> arrivals;  ///< empty: closed
  TimeLaw think;                        ///< between a reply and the next request
  double session_requests = 1;          ///< above 1: partly open; the mean, geometric
  OnBusy on_busy = OnBusy::queue;
  std::string told{};  ///< of a merged load: its text(), as its parts wrote it

  [[nodiscard]] bool is_open() const { return arrivals.has_value(); }
  /// "closed", "open", "partly open" or "replay".
  [[nodiscard]] std::string name() const;
  /// "closed loop, think 10.0 ms", "open loop, poisson, …": for people.
  [[nodiscard]] std::string text() const;
};

}  // namespace echolab

// Job: what every model is given.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/echo.hpp"
#include "common/http.hpp"
#include "common/listener.hpp"
#include "common/units.hpp"
#include "common/work.hpp"
#include "servers/seats.hpp"

namespace echolab {

using AnyProtocol = std::variant<Echo, Work, Http>;

/// A model serves clients from `listener` until Listener::stop(), then those that it has,
/// and returns. It visits `protocol` once, so that each session is statically typed.
struct Job {
  Listener& listener;
  AnyProtocol protocol;
  std::size_t workers;       ///< ≥ 1, where a model has workers
  std::size_t buffer_bytes;  ///< lent to each session
  std::size_t max_clients;   ///< held at once; one more is turned away
  Nanoseconds idle_timeout;  ///< a client silent for longer is closed; 0: never
  Seats& seats;              ///< one for each of max_clients, for each of workers
  std::size_t worker = 0;    ///< which of the workers this job is for
  /// A command that serves one client on its standard input with this protocol.
  std::vector<std::string> alone = {};

  /// The part of one worker, for a model that runs another one in each.
  [[nodiscard]] Job part(std::size_t number, Listener& its_listener) const {
    return {.listener = its_listener,
            .protocol = protocol,
            .workers = workers,
            .buffer_bytes = buffer_bytes,
            .max_clients = max_clients,
            .idle_timeout = idle_timeout,
            .seats = seats,
            .worker = number,
            .alone = alone};
  }

  /// The seat of a new client; empty: it is turned away, and that is said.
  [[nodiscard]] std::optional<Seats::Seat> seat() const {
    auto seat = seats.take(worker);
    if (!seat) listener.turned_away("--max-clients reached");
    return seat;
  }
};

}  // namespace echolab

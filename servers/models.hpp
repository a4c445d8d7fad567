// The catalogue of models as data: what models.def says.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "servers/job.hpp"

namespace echolab {

/// How many processes a model has, and threads in all of them together (the supervisor
/// of echo_server is not counted).
struct Census {
  std::size_t processes;
  std::size_t threads;
};

/// A point in the space of server designs, in the field's terms.
struct Axes {
  std::string_view accepts;  ///< one, each, sharded, passed
  std::string_view unit;     ///< none, process, thread, fiber, coroutine
  std::string_view
      readiness;  ///< blocking, busy, select, poll, signal, epoll_*, completion
  std::string_view dispatch;  ///< none, queue, round_robin, kernel_hash, turns
  std::string_view computes;  ///< loop, worker, stage
  std::string_view growth;    ///< none, fixed, adaptive, per_client

  /// Each with its name, for who prints them.
  [[nodiscard]] std::array<std::pair<const char*, std::string_view>, 6> named() const {
    return {{{"accepts", accepts},
             {"unit", unit},
             {"readiness", readiness},
             {"dispatch", dispatch},
             {"computes", computes},
             {"growth", growth}}};
  }
};

struct Model {
  std::string_view name;
  std::string_view family;
  std::string_view transports;  ///< stream, datagram
  Axes axes;
  std::string_view processes;  ///< the census as models.def writes it
  std::string_view threads;
  std::string_view calls;  ///< of one request of a lone client, as strace(1) names them
  std::string_view source;
  std::string_view shows;
  void (*run)(const Job&);  ///< serves until the listener is stopped; throws on set-up
  Census (*census)(std::size_t clients, std::size_t workers);

  /// How many clients have a turn at the same time, while the others wait or are refused:
  /// "1", "workers", "1023" (one bitmap), "max_clients", or "any", where there are no
  /// connections to count.
  [[nodiscard]] std::string_view serves_at_once() const {
    if (transports == "datagram") return "any";
    if (holds_a_worker_per_client()) return "workers";
    if (axes.readiness == "blocking" && axes.growth == "none") return "1";
    return axes.readiness == "select" ? "1023" : "max_clients";
  }

  [[nodiscard]] bool serves(const Endpoint& endpoint) const {
    const auto kind = endpoint.is_datagram() ? "datagram" : "stream";
    return transports.find(kind) != transports.npos;
  }

  /// A worker that serves a whole conversation is taken for as long as its client stays.
  [[nodiscard]] bool holds_a_worker_per_client() const {
    return transports != "datagram" && axes.readiness == "blocking" &&
           axes.growth != "per_client" && axes.growth != "none";
  }
};

/// All rows, in reading order.
std::span<const Model> models();

/// Throws UsageError with the nearest name that exists.
const Model& find_model(std::string_view name);

/// Throws UsageError, with a model that does, where `model` does not serve `endpoint`.
void check_serves(const Model& model, const Endpoint& endpoint);

/// `--workers` where none are given: 64 where each is taken by a client, else one a core.
std::size_t default_workers(const Model& model);

}  // namespace echolab

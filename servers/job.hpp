// Job: what every model is given.
#pragma once

#include <cstddef>
#include <variant>

#include "common/echo.hpp"
#include "common/listener.hpp"
#include "common/units.hpp"

namespace echolab {

using AnyProtocol = std::variant<Echo>;

struct Limits {
  std::size_t max_clients = 10'000;  ///< held at once; one more is turned away
  Nanoseconds idle_timeout{0};       ///< a client silent for longer is closed; 0: never
};

/// A model serves clients from `listener` until Listener::stop(), then those that it has,
/// and returns. It visits `protocol` once, so that each session is statically typed.
struct Job {
  Listener& listener;
  AnyProtocol protocol;
  std::size_t workers;       ///< ≥ 1, where a model has workers
  std::size_t buffer_bytes;  ///< lent to each session
  Limits limits;
};

}  // namespace echolab

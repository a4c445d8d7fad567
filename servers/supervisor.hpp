// The supervisor: starts a model as a process of its own, and ends it in order.
#pragma once

#include <functional>
#include <string>

#include "common/error.hpp"
#include "common/listener.hpp"
#include "common/units.hpp"

namespace echolab {

/// Runs `serve` in a child, which therefore is single-threaded and free of signal
/// handlers: a model is what its label says. SIGTERM, SIGINT and SIGHUP are blocked in
/// both and taken here with sigwait. The first stops the listener; the model then serves
/// the clients that it has, and returns. After `drain_timeout`, or at a second signal,
/// what is left is closed, with every process that the model made.
///
/// `started(model_pid)` is called once the model exists. Returns the exit code: the
/// model's own; ok after a drain, forced or not; 128 + signal after a second signal;
/// failure, with a line that says how, when the model was killed.
int supervise(const Listener& listener, Nanoseconds drain_timeout,
              const std::function<int()>& serve,
              const std::function<void(pid_t model)>& started);

}  // namespace echolab

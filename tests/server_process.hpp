// ServerProcess: an echo_server as a process of its own, for tests.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/endpoint.hpp"
#include "common/fd.hpp"
#include "tests/eventually.hpp"
#include "tests/process_tree.hpp"

namespace echolab::tests {

/// What a server is started with besides its model and endpoint.
struct StartOptions {
  struct Limit {
    __rlimit_resource resource;  ///< RLIMIT_...
    rlim_t value;                ///< soft and hard
  };
  std::vector<std::string> flags{};
  std::vector<Limit> limits{};
  std::optional<uid_t> uid{};  ///< needs root
  int descriptors = 0;         ///< that it inherits, of no use to it
};

/// Starts the echo_server of this build, and waits until it is ready or has ended. It
/// dies with the thread that started it, or with this object, whichever is first.
class ServerProcess {
 public:
  ServerProcess(std::string_view model, const std::string& endpoint,
                const StartOptions& options = {});
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;
  ~ServerProcess();  ///< kills it, and what it started, by pid

  /// False: it refused to start; wait_for_exit() and log() say how.
  [[nodiscard]] bool ready() const { return model_pid_ > 0; }

  [[nodiscard]] const Endpoint& endpoint() const {
    return endpoint_;
  }                                                 ///< the actual one
  [[nodiscard]] pid_t pid() const { return pid_; }  ///< of the supervisor
  [[nodiscard]] pid_t model_pid() const { return model_pid_; }

  /// All that it wrote on stdout and stderr so far.
  [[nodiscard]] std::string log() const;

  /// The model and all that it started; orphans too, for the supervisor adopts them.
  [[nodiscard]] ProcessTree tree() const { return descendants_of(pid_); }

  void signal(int number) const;

  /// The exit code, 128 + number when a signal killed it; empty when it still runs.
  std::optional<int> wait_for_exit(std::chrono::milliseconds bound = patience);

  /// SIGTERM, and the exit code; -1 when it did not end.
  int stop(std::chrono::milliseconds bound = patience);

 private:
  void start(const std::vector<std::string>& arguments, const StartOptions& options,
             int ready_fd);
  void await_ready(const Fd& ready);

  Endpoint endpoint_;
  Fd log_;
  Fd pidfd_;
  pid_t pid_ = -1;
  pid_t model_pid_ = -1;
  std::optional<int> exit_code_;
};

}  // namespace echolab::tests

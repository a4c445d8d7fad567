// Contestants: the servers that a comparison runs.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "bench/guarded_process.hpp"
#include "common/endpoint.hpp"
#include "common/fd.hpp"
#include "servers/models.hpp"

namespace echolab {

/// A model of the catalogue, any command that serves the campaign's protocol, or the null
/// responder: what it reaches is the client's ceiling, and says nothing of a model.
struct Contestant {
  std::string name;
  std::string family;
  std::string source;
  std::string shows;
  std::string command;           ///< external: run by sh, {port} replaced; else empty
  const Model* model = nullptr;  ///< its row; none: external, or the ceiling
  std::string twin_of{};         ///< A/A: whose second name this is; empty: of nobody
  bool is_ceiling = false;       ///< in no ranking and no ratio
  bool is_closed = false;        ///< a twin that is asked in a closed loop, for a claim
  std::vector<std::string> arguments{};  ///< its own, of echo_server: before all others

  [[nodiscard]] bool in_datagrams() const {
    return model != nullptr && model->transports == "datagram";
  }
};

/// One that the plan names and this machine cannot run.
struct Absentee {
  Contestant contestant;
  std::string reason;
};

/// Throws UsageError for a name that is no model.
Contestant model_contestant(std::string_view name);
/// "name=command with {port}". Throws UsageError when it is not of that form.
Contestant external_contestant(std::string_view text);
/// `null_responder`, of the family `ceiling`: echo_load beside this program.
Contestant ceiling_contestant();

/// Where and with what every contestant is started.
struct Start {
  Endpoint listen = Endpoint::parse("tcp://127.0.0.1:0");
  Endpoint listen_datagrams = Endpoint::parse("udp://127.0.0.1:0");
  std::vector<int> cpus;                  ///< affinity; empty: anywhere
  std::vector<std::string> arguments;     ///< of echo_server, for models
  bool work = false;                      ///< they speak the work protocol
  std::optional<std::string> http_get{};  ///< they speak HTTP: the path of every GET
  bool ceiling_in_datagrams = false;      ///< the null responder serves these

  [[nodiscard]] const Endpoint& endpoint_of(const Contestant& contestant) const {
    const bool datagrams =
        contestant.is_ceiling ? ceiling_in_datagrams : contestant.in_datagrams();
    return datagrams ? listen_datagrams : listen;
  }
};

/// The command that it is started with, as a shell takes it, without what only tells the
/// runner that it is ready. A port 0 stands for one that is free.
std::string command_text(const Contestant& contestant, const Start& start);

/// So the Failure of a server begins that does not get ready (bench/given_up.cpp).
inline constexpr std::string_view not_ready = "not ready in 10 s";

/// A fresh server process, ready: it has answered a verified echo, or GET. It is stopped
/// with all that it started, and dies with this program, whatever ended that.
class RunningServer {
 public:
  /// Throws Failure with what the server said when it does not get ready within 10 s, and
  /// when asked to stop meanwhile: within 2 s.
  RunningServer(const Contestant& contestant, const Start& start,
                const std::stop_token& stop = {});
  ~RunningServer();
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
  /// The root of what is measured: a model's own process, without its supervisor.
  [[nodiscard]] pid_t root() const { return root_; }
  /// What it wrote on stderr, the end of it, in one line.
  [[nodiscard]] std::string last_words() const;
  [[nodiscard]] bool alive() const { return process_->is_alive(); }
  /// Waits so long for what its connections may have told already.
  [[nodiscard]] bool has_ended_within(std::chrono::milliseconds patience) const {
    return process_->has_ended_within(patience);
  }

 private:
  /// How long it may take to get ready.
  struct Patience {
    std::chrono::steady_clock::time_point limit;
    const std::stop_token& stop;
  };
  /// Throws Failure once it is at an end.
  void check(const Patience& patience, const std::string& trouble) const;
  void await_ready_line(const Fd& ready, const Patience& patience);
  void await_reply(const Patience& patience, const Start& start);
  void stop();

  Endpoint endpoint_;
  Fd log_;
  std::optional<GuardedProcess> process_;
  pid_t root_ = -1;
};

/// One connection, 64 bytes there and back, in a frame where `work` is spoken, compared;
/// empty, or what went wrong.
std::string verify_echo(const Endpoint& endpoint, std::chrono::milliseconds patience,
                        bool work = false);

/// One connection, one GET of `path`, answered with 200 and a whole body that ends before
/// its connection does; empty, or what went wrong.
std::string verify_get(const Endpoint& endpoint, std::chrono::milliseconds patience,
                       const std::string& path);

/// The folder of this program, where its siblings are.
std::string own_folder();

}  // namespace echolab

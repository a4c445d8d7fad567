// What the tests of the promises share: which models a promise holds for, what a model's
// axes allow it, and a server that is held to it.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "servers/models.hpp"
#include "tests/eventually.hpp"
#include "tests/plain_client.hpp"
#include "tests/server_process.hpp"

namespace echolab::tests {

/// `--workers` of every server under test.
constexpr std::size_t workers = 4;

// What a model's axes allow it. A promise that a model keeps only in part is stated with
// these, so that it holds for models that are added later.

/// How many clients it serves at the same time: the others wait until one leaves.
std::size_t served_at_once(const Model& model);
/// It waits by asking again and again, and is charged for it.
bool waits_busily(const Model& model);
/// A client costs it a process or a thread.
bool grows_with_clients(const Model& model);
/// One thread waits for many clients.
bool waits_for_many(const Model& model);
/// Others than the process that it starts with do a part of the work.
bool has_worker_processes(const Model& model);
/// The process that accepts next may hold none of the clients, so that when they leave it
/// gains no descriptor: it gave them away, or others took them from the shared queue.
bool may_starve_alone(const Model& model);

/// A model behind a transport: tcp4, tcp6 or unix; udp4, udp6 or unixgram.
struct Case {
  const Model* model;
  std::string_view transport;
};
std::ostream& operator<<(std::ostream& out, const Case& where);
std::string name_of(const ::testing::TestParamInfo<Case>& info);

using Transports = std::initializer_list<std::string_view>;

/// Each stream model that `applies`, in each transport.
std::vector<Case> stream_models(
    Transports transports,
    bool (*applies)(const Model&) = [](const Model&) { return true; });

/// Each model of datagrams that `applies`, in each transport.
std::vector<Case> datagram_models(
    Transports transports,
    bool (*applies)(const Model&) = [](const Model&) { return true; });

/// Random bytes that a peer who does not read cannot be sent: the kernel has up to 10 MiB
/// for each direction (tcp_wmem and tcp_rmem: tcp(7)). Made once.
const std::string& more_than_buffers_hold();

/// A folder of its own, removed at the end.
class Folder {
 public:
  Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder();
  [[nodiscard]] std::string path(std::string_view name) const;

 private:
  std::string path_;
};

/// A test of one model behind one transport. Skipped, with the reason, where the machine
/// does not offer them.
class Promise : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override;

  [[nodiscard]] static const Model& model() { return *GetParam().model; }
  [[nodiscard]] std::string endpoint() const;

  /// A server that is ready, and that drains for as long as it takes unless the flags say
  /// otherwise: a client that it forgot to close is seen. Throws its last words.
  [[nodiscard]] std::unique_ptr<ServerProcess> start(StartOptions options) const;
  [[nodiscard]] std::unique_ptr<ServerProcess> start(
      std::vector<std::string> flags = {}) const;

  /// Clients that had an answer and stay: `wanted`, but no more than are served at once.
  static std::vector<PlainClient> hold(const ServerProcess& server, std::size_t wanted);

 private:
  Folder folder_;
};

/// What the server holds once that has not changed for a while.
ProcessTree settled(const ServerProcess& server);

/// True once `server` holds no more than in `before`, and no zombie. A pool that adapts
/// is slow to shrink, and may have a process more.
bool comes_back_to(const ProcessTree& before, const Model& model,
                   const ServerProcess& server);

/// True once `server` has as many processes and threads as its row says, with `clients`.
bool census_comes_true(const Model& model, std::size_t clients,
                       const ServerProcess& server);

/// For a message.
std::string counts(const ProcessTree& tree);

/// Each of them gets an answer.
bool all_served(std::vector<PlainClient>& clients);

/// `number` of them, one after the other.
std::vector<PlainClient> connect_clients(const ServerProcess& server, std::size_t number);

/// How many of `clients` get an answer while the others are turned away or wait.
std::size_t count_served(std::vector<PlainClient>& clients);

/// True once the server uses next to no CPU time for a while: one that spins never does.
bool comes_to_rest(const ServerProcess& server);

/// True once it has logged `text`.
bool says(const ServerProcess& server, std::string_view text);

/// SIGTERM, when all clients have left: exit code 0, no zombie or client forgotten, and
/// no sanitizer had anything to say.
void expect_clean_stop(ServerProcess& server);

}  // namespace echolab::tests

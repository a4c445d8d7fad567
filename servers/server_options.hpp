// The command line of echo_server: what it takes, and what follows from it.
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "common/program.hpp"
#include "servers/job.hpp"

namespace echolab {

struct Options {
  std::string model;
  Endpoint listen = Endpoint::parse("tcp://127.0.0.1:7007");
  std::uint64_t workers = 0;
  std::uint64_t backlog = SOMAXCONN;
  std::uint64_t max_clients = 10'000;
  std::uint64_t buffer = 16 * 1024;
  std::string protocol = "echo";
  std::uint64_t max_frame = 0;  ///< 0: what fits the buffer
  Nanoseconds max_work = std::chrono::milliseconds(10);
  std::uint64_t max_body = HttpLimits{}.max_body_bytes;
  Nanoseconds idle_timeout{0};
  Nanoseconds drain_timeout = std::chrono::seconds(5);
  int ready_fd = -1;
  bool inetd = false;
  std::string explain;
  bool list = false;
  bool json = false;
};

extern const char* const server_examples;

void add_options(CLI::App& parser, Options& options);

/// What was not given follows from the model and where it listens. Throws UsageError
/// where these do not go together.
void complete(Options& options, const CLI::App& parser);

/// The protocol with its limits. Throws UsageError for a limit of another one.
AnyProtocol protocol_of(const Options& options, const CLI::App& parser);

/// What exec_per_client executes.
std::vector<std::string> command_for_one(const Options& options);

}  // namespace echolab

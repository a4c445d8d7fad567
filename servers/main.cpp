// echo_server: any model of the catalogue behind one command line.

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "common/buffer.hpp"
#include "common/drive.hpp"
#include "common/program.hpp"
#include "common/ready.hpp"
#include "servers/availability.hpp"
#include "servers/listing.hpp"
#include "servers/models.hpp"
#include "servers/server_options.hpp"
#include "servers/supervisor.hpp"

namespace echolab {
namespace {

/// Lowers the client limit to what the descriptor limit can hold, and says so.
void fit_to_descriptors(Options& options, bool asked_for) {
  constexpr std::uint64_t own = 16;  // standard streams, listener, spare, epoll, …
  const std::uint64_t limit = raise_descriptor_limit(options.max_clients + own);
  if (limit >= options.max_clients + own) return;
  const std::uint64_t fit = limit > own ? limit - own : 1;
  if (asked_for)
    fmt::print(stderr,
               "echo_server: --max-clients {} needs {} descriptors, the limit is {}: "
               "lowered to {}; raise it with ulimit -n\n",
               options.max_clients, options.max_clients + own, limit, fit);
  options.max_clients = fit;
}

void announce(const Options& options, const Listener& listener, const Fd& ready_fd,
              pid_t model) {
  const std::string endpoint = listener.endpoint().text();
  fmt::print(stderr,
             "echo_server: {} serves {} (pid {}, {} clients at most); Ctrl-C drains\n",
             options.model, endpoint, ::getpid(), options.max_clients);
  say_ready(ready_fd, endpoint, model);
}

/// The conversation with the client on standard input.
ExitCode serve_standard_input(const Options& options, const AnyProtocol& any) {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &size) != 0)
    throw UsageError("--inetd: standard input is no socket");
  const Buffer memory(options.buffer);
  std::visit(
      [&](const auto& protocol) {
        converse(STDIN_FILENO, protocol.serve(memory.room()), options.idle_timeout);
      },
      any);
  return ExitCode::ok;
}

int serve(const Options& options, const AnyProtocol& protocol) {
  const Model& model = find_model(options.model);
  if (const auto why = unavailable_because(model))
    throw Failure(ExitCode::unavailable, fmt::format("{}: {}", model.name, *why));
  Fd ready_fd = take_ready_fd(options.ready_fd);  // before any other gets its number
  const std::size_t workers =
      options.workers > 0 ? options.workers : default_workers(model);
  Listener listener(options.listen,
                    {.backlog = static_cast<int>(options.backlog),
                     .shards = model.axes.accepts == "sharded" ? workers : 1});
  Seats seats(options.max_clients, workers);
  const Job job{.listener = listener,
                .protocol = protocol,
                .workers = workers,
                .buffer_bytes = options.buffer,
                .max_clients = options.max_clients,
                .idle_timeout = options.idle_timeout,
                .seats = seats,
                .alone = command_for_one(options)};
  const auto run = [&] {
    ready_fd.reset();  // the model's process has no use for it
    return run_program(fmt::format("echo_server --model {}", model.name), [&] {
      model.run(job);
      return ExitCode::ok;
    });
  };
  return supervise(listener, options.drain_timeout, run, [&](pid_t pid) {
    announce(options, listener, ready_fd, pid);
    ready_fd.reset();
  });
}

ExitCode start(int argc, char** argv) {
  Options options;
  CLI::App parser("Serves the echo protocol (RFC 862) with a model of your choice.",
                  "echo_server");
  set_up_parser(parser, server_examples);
  add_options(parser, options);
  if (!parse_command_line(parser, argc, argv)) return ExitCode::ok;
  if (options.list) {
    options.json ? list_models_as_json() : list_models();
    return ExitCode::ok;
  }
  if (options.inetd) return serve_standard_input(options, protocol_of(options, parser));
  if (parser.count("--explain") > 0) {
    explain_model(find_model(options.explain));
    return ExitCode::ok;
  }
  if (options.model.empty())
    throw UsageError("which model? --model NAME, and --list shows all");
  complete(options, parser);
  const AnyProtocol protocol = protocol_of(options, parser);
  fit_to_descriptors(options, parser.count("--max-clients") > 0);
  return static_cast<ExitCode>(serve(options, protocol));
}

}  // namespace
}  // namespace echolab

int main(int argc, char** argv) {
  return echolab::run_program("echo_server", [&] { return echolab::start(argc, argv); });
}

// echo_server: any model of the catalogue behind one command line.

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "common/buffer.hpp"
#include "common/drive.hpp"
#include "common/program.hpp"
#include "common/ready.hpp"
#include "servers/availability.hpp"
#include "servers/listing.hpp"
#include "servers/models.hpp"
#include "servers/supervisor.hpp"

namespace echolab {
namespace {

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
  Nanoseconds idle_timeout{0};
  Nanoseconds drain_timeout = std::chrono::seconds(5);
  int ready_fd = -1;
  bool inetd = false;
  std::string explain;
  bool list = false;
  bool json = false;
};

constexpr const char* examples =
    "Examples:\n"
    "  echo_server --model epoll_level              serve on tcp://127.0.0.1:7007\n"
    "  echo_server --model thread_pool --workers 8 --listen tcp://[::1]:7007\n"
    "  echo_server --model select_loop --listen unix:///tmp/echo.sock\n"
    "  echo_server --model udp_batched --listen udp://127.0.0.1:7007\n"
    "  echo_server --model thread_pool --protocol work --max-work 50ms\n"
    "  echo_server --list                           which models there are\n"
    "  echo_server --explain epoll_level            what one is, and what it costs\n"
    "SIGTERM or Ctrl-C stops accepting and drains; a second one ends at once.\n";

void add_options(CLI::App& parser, Options& options) {
  using namespace std::chrono_literals;
  parser.add_option("-m,--model", options.model, "which model serves; --list shows all");
  add_endpoint(parser, "-l,--listen", options.listen,
               "endpoint; port 0: any free one (a model of datagrams: udp://)");
  add_count(parser, "-w,--workers", options.workers,
            "workers of a pool (0: 64 where a client holds one, else one a core)", 0,
            4096);
  add_count(parser, "--backlog", options.backlog,
            "length of the listen queue; the kernel caps it at net.core.somaxconn", 1,
            1 << 20);
  add_count(parser, "--max-clients", options.max_clients,
            "clients held at once; one more is turned away", 1, 1 << 20);
  add_bytes(parser, "--buffer", options.buffer,
            "memory lent to each conversation (datagrams: 64KiB holds the longest)", 16,
            16 << 20);
  add_choice(parser, "--protocol", options.protocol,
             "frames that may ask the server to work", {"echo", "work"});
  add_bytes(parser, "--max-frame", options.max_frame,
            "work: longest frame, with its header of 16 B; default: --buffer",
            WorkHeader::size, 16 << 20)
      ->default_str("");
  add_duration(parser, "--max-work", options.max_work,
               "work: most that one frame may ask for", 0s, 1min);
  add_duration(parser, "--idle-timeout", options.idle_timeout,
               "close a client that is silent for longer; 0: never", 0s, 24h);
  add_duration(parser, "--drain-timeout", options.drain_timeout,
               "after SIGTERM, close what is left after this", 0s, 1h);
  add_ready_fd(parser, options.ready_fd);
  parser.add_flag(
      "--inetd", options.inetd,
      "serve one client on standard input and end, as inetd(8) starts servers");
  parser.add_flag("--list", options.list, "show the models and end");
  parser.add_option("--explain", options.explain, "show a model's card and end");
  parser.add_flag("--json", options.json, "with --list: as JSON, with axes and census");
}

/// The protocol with its limits, which say nothing where there are no frames.
AnyProtocol protocol_of(const Options& options, const CLI::App& parser) {
  if (options.protocol == "echo") {
    for (const char* name : {"--max-frame", "--max-work"})
      if (parser.count(name) > 0)
        throw UsageError(fmt::format("{}: limits --protocol work, not echo", name));
    return Echo{};
  }
  if (options.max_frame > options.buffer)
    throw UsageError(
        fmt::format("--max-frame {}: a frame has to fit into --buffer, which is {}",
                    options.max_frame, options.buffer));
  const std::uint64_t longest =
      options.max_frame > 0 ? options.max_frame : options.buffer;
  const auto most = std::chrono::floor<std::chrono::microseconds>(options.max_work);
  return Work{{.max_frame_bytes = static_cast<std::uint32_t>(longest),
               .max_work_us = static_cast<std::uint32_t>(most.count())}};
}

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

/// What was not given follows from the model and where it listens.
void complete(Options& options, const CLI::App& parser) {
  const Model& model = find_model(options.model);
  const Endpoint datagrams = Endpoint::parse("udp://127.0.0.1:7007");
  if (parser.count("--listen") == 0 && !model.serves(options.listen))
    options.listen = datagrams;
  check_serves(model, options.listen);
  if (parser.count("--buffer") == 0 && options.listen.is_datagram())
    options.buffer = 64 * 1024;
}

/// What exec_per_client executes.
std::vector<std::string> command_for_one(const Options& options) {
  std::vector<std::string> words = {
      "echo_server",    "--inetd",
      "--protocol",     options.protocol,
      "--buffer",       fmt::format("{}", options.buffer),
      "--idle-timeout", fmt::format("{}ns", options.idle_timeout.count())};
  if (options.protocol != "work") return words;
  words.insert(words.end(),
               {"--max-work", fmt::format("{}ns", options.max_work.count())});
  if (options.max_frame > 0)
    words.insert(words.end(), {"--max-frame", fmt::format("{}", options.max_frame)});
  return words;
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
  set_up_parser(parser, examples);
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

#include "servers/server_options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <string_view>
#include <utility>

#include "common/option_tree.hpp"
#include "common/ready.hpp"
#include "servers/models.hpp"

namespace echolab {

const char* const server_examples =
    "Examples:\n"
    "  echo_server --model epoll_level              serve on tcp://127.0.0.1:7007\n"
    "  echo_server --model thread_pool --workers 8 --listen tcp://[::1]:7007\n"
    "  echo_server --model select_loop --listen unix:///tmp/echo.sock\n"
    "  echo_server --model udp_batched --listen udp://127.0.0.1:7007\n"
    "  echo_server --model thread_pool --protocol work --max-work 50ms\n"
    "  echo_server --model epoll_level --protocol http   for curl, wrk, ab, browsers\n"
    "  echo_server --list                           which models there are\n"
    "  echo_server --explain epoll_level            what one is, and what it costs\n"
    "SIGTERM or Ctrl-C stops accepting and drains; a second one ends at once.\n";

void add_options(CLI::App& parser, Options& options) {
  using namespace std::chrono_literals;
  Takes model{.kind = "model"};
  for (const Model& row : models()) model.choices.emplace_back(row.name);
  takes(parser.add_option("-m,--model", options.model,
                          "which model serves; --list shows all"),
        model);
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
             "work: frames that ask for work; http: HTTP/1.1, echoes a POST",
             {"echo", "work", "http"});
  add_bytes(parser, "--max-frame", options.max_frame,
            "work: longest frame, with its header of 16 B; default: --buffer",
            WorkHeader::size, 16 << 20)
      ->default_str("");
  add_duration(parser, "--max-work", options.max_work,
               "work: most that one frame may ask for", 0s, 1min);
  add_bytes(parser, "--max-body", options.max_body,
            "http: longest body of a request; its head has to fit half of --buffer", 0,
            1 << 30);
  add_duration(parser, "--idle-timeout", options.idle_timeout,
               "close a client that is silent for longer; 0: never", 0s, 24h);
  add_duration(parser, "--drain-timeout", options.drain_timeout,
               "after SIGTERM, close what is left after this", 0s, 1h);
  add_ready_fd(parser, options.ready_fd);
  parser.add_flag(
      "--inetd", options.inetd,
      "serve one client on standard input and end, as inetd(8) starts servers");
  parser.add_flag("--list", options.list, "show the models and end")->configurable(false);
  takes(parser.add_option("--explain", options.explain, "show a model's card and end")
            ->configurable(false),
        model);
  parser.add_flag("--json", options.json, "with --list: as JSON, with axes and census");
}

namespace {

/// Throws where a limit was given that the protocol does not have.
void check_limits(const Options& options, const CLI::App& parser) {
  constexpr std::array<std::pair<const char*, std::string_view>, 3> limits = {
      {{"--max-frame", "work"}, {"--max-work", "work"}, {"--max-body", "http"}}};
  for (const auto& [limit, protocol] : limits)
    if (parser.count(limit) > 0 && options.protocol != protocol)
      throw UsageError(fmt::format("{}: limits --protocol {}, not {}", limit, protocol,
                                   options.protocol));
}

Work work_of(const Options& options) {
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

Http http_of(const Options& options) {
  if (options.buffer < HttpSession::least_bytes)
    throw UsageError(fmt::format("--buffer {}: --protocol http needs {} or more",
                                 options.buffer, HttpSession::least_bytes));
  return Http{{.max_body_bytes = options.max_body}};
}

}  // namespace

AnyProtocol protocol_of(const Options& options, const CLI::App& parser) {
  check_limits(options, parser);
  if (options.protocol == "work") return work_of(options);
  if (options.protocol == "http") return http_of(options);
  return Echo{};
}

void complete(Options& options, const CLI::App& parser) {
  const Model& model = find_model(options.model);
  const Endpoint datagrams = Endpoint::parse("udp://127.0.0.1:7007");
  if (parser.count("--listen") == 0 && !model.serves(options.listen))
    options.listen = datagrams;
  check_serves(model, options.listen);
  if (options.protocol == "http" && options.listen.is_datagram())
    throw UsageError(fmt::format("--protocol http: needs a stream, and {} serves {}",
                                 model.name, options.listen.text()));
  if (parser.count("--buffer") == 0 && options.listen.is_datagram())
    options.buffer = 64 * 1024;
}

std::vector<std::string> command_for_one(const Options& options) {
  std::vector<std::string> words = {
      "echo_server",    "--inetd",
      "--protocol",     options.protocol,
      "--buffer",       fmt::format("{}", options.buffer),
      "--idle-timeout", fmt::format("{}ns", options.idle_timeout.count())};
  if (options.protocol == "http")
    words.insert(words.end(), {"--max-body", fmt::format("{}", options.max_body)});
  if (options.protocol != "work") return words;
  words.insert(words.end(),
               {"--max-work", fmt::format("{}ns", options.max_work.count())});
  if (options.max_frame > 0)
    words.insert(words.end(), {"--max-frame", fmt::format("{}", options.max_frame)});
  return words;
}

}  // namespace echolab

// What the baselines share: the command line of echo_server as far as it concerns them.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <functional>
#include <string>

#include "common/listener.hpp"
#include "common/program.hpp"

namespace echolab::baseline {

/// One read buffer's size, as echo_server's --buffer has it by default.
inline constexpr std::size_t buffer_bytes = 16 * 1024;

/// Parses --listen and --ready-fd, listens, says READY and calls `serve(listener)`,
/// which never returns: SIGTERM ends a baseline at once, with 0.
inline int run(const std::string& name, int argc, char** argv,
               const std::function<void(Listener&)>& serve) {
  return run_program(name, [&] {
    Endpoint listen = Endpoint::parse("tcp://127.0.0.1:7007");
    int ready_fd = -1;
    CLI::App parser("An echo server to measure echolab's own against.", name);
    set_up_parser(parser, "");
    add_endpoint(parser, "--listen", listen, "endpoint; port 0: any free one");
    parser.add_option("--ready-fd", ready_fd, "where to write that it is ready");
    if (!parse_command_line(parser, argc, argv)) return ExitCode::ok;
    raise_descriptor_limit(20'000);
    std::signal(SIGTERM, [](int) { ::_exit(0); });
    Listener listener(listen);
    if (const Fd ready(ready_fd); ready) {
      const std::string line =
          fmt::format("READY endpoint={} pid={} model_pid={}\n",
                      listener.endpoint().text(), ::getpid(), ::getpid());
      checked(::write(ready.get(), line.data(), line.size()), "write(--ready-fd)");
    }
    serve(listener);
    return ExitCode::ok;
  });
}

}  // namespace echolab::baseline

#include "bench/contestant.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <thread>

#include "clients/http_fetch.hpp"
#include "clients/work_caller.hpp"
#include "common/buffer.hpp"
#include "common/drive.hpp"
#include "common/error.hpp"
#include "servers/models.hpp"

namespace echolab {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto start_limit = 10s;
constexpr auto stop_limit = 3s;

/// A port that was free a moment ago, for servers that cannot be asked which they took.
std::string free_port() {
  return Listener(Endpoint::parse("tcp://127.0.0.1:0")).endpoint().port;
}

std::string replace_all(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

/// The program that serves as `contestant` at `endpoint`, and tells `ready_fd`, which an
/// external one cannot.
std::vector<std::string> command_of(const Contestant& contestant, const Start& start,
                                    const Endpoint& endpoint, int ready_fd) {
  if (!contestant.command.empty())
    return {"sh", "-c",
            "exec " + replace_all(contestant.command, "{port}", endpoint.port)};
  const std::string fd = std::to_string(ready_fd);
  if (contestant.is_ceiling)
    return {own_folder() + "/echo_load",
            "--null-responder",
            endpoint.text(),
            "--protocol",
            start.http_get ? "http"
            : start.work   ? "work"
                           : "echo",
            "--ready-fd",
            fd,
            "-q"};
  std::vector<std::string> command = {own_folder() + "/echo_server",
                                      "--model",
                                      std::string(contestant.model->name),
                                      "--listen",
                                      endpoint.text(),
                                      "--ready-fd",
                                      fd};
  const auto& own = contestant.arguments;
  command.insert(command.end(), own.begin(), own.end());
  const auto& given = start.arguments;  // each option is followed by its value
  for (std::size_t i = 0; i + 1 < given.size(); i += 2)
    if (std::ranges::count(own, given[i]) == 0)
      command.insert(command.end(), {given[i], given[i + 1]});
  return command;
}

/// A word of a command, in quotes where a shell would not take it as it is.
std::string quoted(const std::string& word) {
  const auto is_plain = [](char c) {
    return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') ||
           std::string_view("-_./:,=+[]%@").find(c) != std::string_view::npos;
  };
  if (!word.empty() && std::ranges::all_of(word, is_plain)) return word;
  return fmt::format("'{}'", replace_all(word, "'", "'\\''"));
}

/// Says `bytes` of the words and waits for them to come back; empty, or what went wrong.
template <class Words>
std::string verify_reply(const Fd& fd, const Words& words, std::uint64_t bytes) {
  const Buffer memory(4096);
  Caller<Words> caller(words, 0, memory.room());
  caller.ask(bytes);
  while (!caller.done() && caller.verified() < bytes) {
    if (flush(fd.get(), caller) == Next::closed)
      return "the server closed the connection";
    const ssize_t n = receive(fd.get(), caller.input());
    if (would_block(n)) return "no reply in time";
    if (n <= 0) return "the server closed the connection";
    caller.received(static_cast<std::size_t>(n));
  }
  return caller.wrong() ? "the reply is not what was sent" : "";
}

}  // namespace

Contestant model_contestant(std::string_view name) {
  const Model& model = find_model(name);
  return {std::string(model.name),
          std::string(model.family),
          std::string(model.source),
          std::string(model.shows),
          "",
          &model};
}

Contestant external_contestant(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == text.npos || equals == 0 || text.find("{port}") == text.npos)
    throw UsageError(fmt::format(
        "--server: '{}' is not NAME=COMMAND with {{port}} in the command", text));
  return {std::string(text.substr(0, equals)),  "external", "", "",
          std::string(text.substr(equals + 1)), nullptr};
}

Contestant ceiling_contestant() {
  Contestant one{.name = "null_responder",
                 .family = "ceiling",
                 .source = "",
                 .shows = "how fast the client is by itself",
                 .command = ""};
  one.is_ceiling = true;
  return one;
}

std::string own_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

std::string verify_echo(const Endpoint& endpoint, std::chrono::milliseconds patience,
                        bool work) try {
  const Fd fd = connect_to(endpoint);
  const timeval limit{.tv_sec = patience.count() / 1000,
                      .tv_usec = patience.count() % 1000 * 1000};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  constexpr std::uint64_t payload_bytes = 64;
  const Pattern pattern(42);
  if (!work) return verify_reply(fd, pattern, payload_bytes);
  const WorkWords words(pattern, WorkMix(), payload_bytes, 42);
  return verify_reply(fd, words, WorkHeader::size + payload_bytes);
} catch (const Failure& failure) {
  return failure.what();
}

std::string command_text(const Contestant& contestant, const Start& start) {
  if (!contestant.command.empty()) return contestant.command;
  auto words = command_of(contestant, start, start.endpoint_of(contestant), 0);
  const auto ready = std::ranges::find(words, "--ready-fd");
  words.erase(ready, ready + 2);
  std::string text;
  for (const std::string& word : words)
    text += fmt::format("{}{}", text.empty() ? "" : " ", quoted(word));
  return text;
}

std::string verify_get(const Endpoint& endpoint, std::chrono::milliseconds patience,
                       const std::string& path) try {
  LoadPlan plan;
  plan.server = endpoint;
  plan.timeout = patience;
  plan.http = HttpAsk{path};
  (void)fetch_body(plan);
  return "";
} catch (const Failure& failure) {
  return failure.what();
}

RunningServer::RunningServer(const Contestant& contestant, const Start& start,
                             const std::stop_token& stop)
    : endpoint_(start.endpoint_of(contestant)),
      log_(checked(::memfd_create("server log", MFD_CLOEXEC), "memfd_create")) {
  std::array<int, 2> ends{};
  checked(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
  const Fd ready(ends[0]);
  Fd child_end(ends[1]);
  const Patience patience{Clock::now() + start_limit, stop};
  const bool is_ours = contestant.command.empty();
  if (is_ours)
    checked(::fcntl(child_end.get(), F_SETFD, 0), "fcntl(F_SETFD)");
  else
    endpoint_.port = free_port();
  process_.emplace(GuardedProcess::Program{
      command_of(contestant, start, endpoint_, child_end.get()), start.cpus, log_.get()});
  root_ = process_->pid();
  child_end.reset();
  try {
    if (is_ours) await_ready_line(ready, patience);
    await_reply(patience, start);
  } catch (...) {
    process_->stop(stop_limit);
    throw;
  }
}

RunningServer::~RunningServer() {
  process_->stop(stop_limit);
}

void RunningServer::check(const Patience& patience, const std::string& trouble) const {
  if (patience.stop.stop_requested())
    throw Failure(ExitCode::interrupted, "interrupted before it was ready");
  if (Clock::now() > patience.limit)
    throw Failure(ExitCode::unreachable,
                  fmt::format("{}: {}{}", not_ready, trouble, last_words()));
}

void RunningServer::await_ready_line(const Fd& ready, const Patience& patience) {
  std::string line;
  while (line.empty() || line.back() != '\n') {
    check(patience, "");
    pollfd news{.fd = ready.get(), .events = POLLIN, .revents = 0};
    if (::poll(&news, 1, 50) <= 0) continue;
    std::array<char, 512> bytes{};
    const ssize_t n = ::read(ready.get(), bytes.data(), bytes.size());
    if (n <= 0) {
      (void)has_ended_within(1s);
      throw Failure(ExitCode::unreachable, "it ended at once: " + last_words());
    }
    line.append(bytes.data(), static_cast<std::size_t>(n));
  }
  const auto value = [&](std::string_view key) {
    const std::size_t begin = line.find(key) + key.size();
    return line.substr(begin, line.find_first_of(" \n", begin) - begin);
  };
  endpoint_ = Endpoint::parse(value("endpoint="));
  root_ = std::stoi(value("model_pid="));
}

void RunningServer::await_reply(const Patience& patience, const Start& start) {
  for (;;) {
    const std::string trouble = start.http_get
                                    ? verify_get(endpoint_, 2s, *start.http_get)
                                    : verify_echo(endpoint_, 2s, start.work);
    if (trouble.empty()) return;
    if (!alive()) throw Failure(ExitCode::unreachable, "it ended: " + last_words());
    check(patience, trouble + "; ");
    std::this_thread::sleep_for(10ms);
  }
}

std::string RunningServer::last_words() const {
  std::string text(2000, '\0');
  const off_t size = ::lseek(log_.get(), 0, SEEK_END);
  const ssize_t n = ::pread(log_.get(), text.data(), text.size(),
                            std::max<off_t>(0, size - static_cast<off_t>(text.size())));
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.empty() ? "it said nothing" : replace_all(text, "\n", "; ");
}

}  // namespace echolab

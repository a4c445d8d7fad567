#include "clients/http_fetch.hpp"

#include <fmt/format.h>

#include <chrono>

#include "common/buffer.hpp"
#include "common/drive.hpp"
#include "common/error.hpp"

namespace echolab {
namespace {

using Clock = std::chrono::steady_clock;

/// A caller that stays with who drives it, and gives up at a moment: who sends a byte now
/// and then is never silent.
struct Borrowed {
  HttpCaller& caller;
  Clock::time_point limit;

  [[nodiscard]] Room input() const { return caller.input(); }
  void received(std::size_t n) const { caller.received(n); }
  [[nodiscard]] Bytes output() const { return caller.output(); }
  void sent(std::size_t n) const { caller.sent(n); }
  [[nodiscard]] bool done() const { return caller.done() || Clock::now() > limit; }
};

}  // namespace

HttpBody fetch_body(const LoadPlan& plan) {
  const std::string& path = plan.http->get.value();
  HttpBody body;
  const HttpWords words(path, http_host(plan.server), body);
  const Buffer memory(64 * 1024);
  HttpCaller caller(words, 0, memory.room());
  caller.ask(words.request_bytes());
  caller.finish();
  const Fd server = connect_to(plan.server);
  converse(server.get(), Borrowed{caller, Clock::now() + plan.timeout}, plan.timeout);
  if (body.is_whole) return body;
  const std::string fault = caller.refusal();
  throw Failure(ExitCode::failure,
                fmt::format("{}: GET {}: {}", plan.server.text(), path,
                            !fault.empty()   ? fault
                            : caller.wrong() ? "the reply is no HTTP/1.1"
                                             : "no whole reply"));
}

}  // namespace echolab

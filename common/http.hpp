// HTTP/1.1 (RFC 9110, RFC 9112), as little as is honest: a POST comes back as an echo, a
// GET is told so. So browsers, curl, wrk and ab can drive every model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/http_request.hpp"
#include "common/session.hpp"

namespace echolab {

struct HttpLimits {
  std::uint64_t max_body_bytes = 1 << 20;  ///< of a request, without its chunks' frames
};

/// The server's side, in lent memory of `least_bytes` or more, which it halves:
///
///     |  gone  |  head, or body, not done yet  |  free  |
///     0    in_first_                        in_last_  half_
///
///     |  gone  |  owed to the peer  |  head held back  |  free  |
///   half_   out_first_           owed_            out_last_   size
///
/// A head, a trailer and the line of a chunk have to fit the first half: 8 KiB of 16. A
/// body does not: it is echoed as it comes, within --max-body, and nothing is read on
/// while its echo does not fit. What a client sends without reading meanwhile has to fit
/// the kernel's buffers.
///
/// The echo of a body has the length that the request said, or its very chunks (without
/// their extensions), where it said none: so it need not be kept until its end, and how
/// the stream was cut does not show. The price is that a chunk that turns out to be bad
/// after others were echoed cannot be answered 400 any more. Then the echo ends without
/// its last chunk, which tells the client that it is not whole (RFC 9112, 8). Until the
/// first byte of a body is there, the head of the echo is held back, so that a bad first
/// chunk gets its 400.
///
/// A request that cannot be read is answered with why, and is the last one. What has come
/// behind it is not read, so the kernel may reset the connection; to linger (RFC 9112,
/// 9.6) needs a clock, which a session has not. Nor does it say a Date (RFC 9110, 6.6.1).
class HttpSession {
 public:
  static constexpr std::size_t least_bytes = 2048;

  HttpSession(Room memory, const HttpLimits& limits)
      : memory_(memory),
        max_body_bytes_(limits.max_body_bytes),
        half_(static_cast<std::uint32_t>(memory.size() / 2)) {}

  [[nodiscard]] Room input() {
    return over_ ? Room{} : memory_.subspan(in_last_, half_ - in_last_);
  }
  void received(std::size_t n) {
    in_last_ += static_cast<std::uint32_t>(n);
    proceed();
  }

  [[nodiscard]] Bytes output() const {
    return memory_.subspan(out_first_, owed_ - out_first_);
  }
  /// All that was owed has left: there is room for what had to wait.
  void sent(std::size_t n) {
    out_first_ += static_cast<std::uint32_t>(n);
    if (out_first_ < owed_) return;
    start_output_again();
    proceed();
  }

  [[nodiscard]] bool done() const { return over_ && out_first_ == owed_; }

 private:
  /// What the next bytes of the peer are.
  enum class Part : std::uint8_t {
    first_line,
    fields,
    body,
    chunk_line,
    chunk,
    chunk_end,
    trailer
  };
  /// The longest value of a Content-Type that is echoed.
  static constexpr std::size_t longest_type = 256;
  /// Nothing is begun while less is free: room for all that one step says but a body.
  static constexpr std::size_t longest_saying = 512;

  void proceed();
  bool step();
  bool step_line();
  bool step_body();
  bool step_chunk_end();
  std::optional<std::string_view> next_line();

  void take_first_line(std::string_view line);
  void take_field(std::string_view line);
  void take_chunk_line(std::string_view line);
  void take_trailer(std::string_view line);
  void begin_body();
  void end_request();
  void refuse(HttpStatus status);

  [[nodiscard]] bool echoes() const {
    return request_.method() == HttpRequest::Method::post;
  }
  [[nodiscard]] std::string_view type_of_echo() const;
  void forget(std::size_t n);
  void start_output_again();

  void say(std::string_view text);
  void say(std::uint64_t number, int base = 10);
  void say_head(HttpStatus status, std::string_view type, std::uint64_t length);
  /// What was said, and held back, is owed now.
  void owe() { owed_ = out_last_; }

  Room memory_;
  std::uint64_t max_body_bytes_;
  std::uint64_t left_ = 0;  ///< bytes to come of the body, or of its chunk
  std::uint64_t chunked_bytes_ = 0;
  std::uint32_t half_;
  std::uint32_t in_first_ = 0;
  std::uint32_t in_last_ = 0;
  std::uint32_t line_ = 0;     ///< from in_first_ to where the next line begins
  std::uint32_t scanned_ = 0;  ///< from in_first_ to where its end was not found yet
  std::uint32_t out_first_ = half_;
  std::uint32_t owed_ = half_;
  std::uint32_t out_last_ = half_;
  HttpRequest request_;
  Part part_ = Part::first_line;
  bool echo_begun_ = false;  ///< its head can be taken back no more
  bool over_ = false;
};

struct Http {
  HttpLimits limits;

  static constexpr bool may_block = false;
  [[nodiscard]] HttpSession serve(Room memory) const { return {memory, limits}; }
};

static_assert(Session<HttpSession> && Protocol<Http>);

}  // namespace echolab

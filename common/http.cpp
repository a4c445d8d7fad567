#include "common/http.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace echolab {
namespace {

constexpr std::string_view greeting =
    "This is echolab, a server that echoes: POST something, and it comes back.\n";
constexpr std::string_view plain_text = "text/plain";
constexpr std::string_view any_type = "application/octet-stream";

}  // namespace

void HttpSession::proceed() {
  while (step()) {
  }
  if (in_first_ == in_last_) {
    in_first_ = in_last_ = 0;
  } else if (in_last_ == half_ && in_first_ > 0) {
    in_last_ -= in_first_;
    std::memmove(memory_.data(), memory_.data() + in_first_, in_last_);
    in_first_ = 0;
  }
}

/// False when it needs more bytes, or room for what it would say.
bool HttpSession::step() {
  if (over_ || memory_.size() - out_last_ < longest_saying) return false;
  switch (part_) {
    case Part::body:
    case Part::chunk:
      return step_body();
    case Part::chunk_end:
      return step_chunk_end();
    case Part::first_line:
    case Part::fields:
    case Part::chunk_line:
    case Part::trailer:
      return step_line();
  }
  return false;
}

bool HttpSession::step_line() {
  const auto line = next_line();
  if (!line) return false;
  switch (part_) {
    case Part::first_line:
      take_first_line(*line);
      break;
    case Part::fields:
      take_field(*line);
      break;
    case Part::chunk_line:
      take_chunk_line(*line);
      break;
    default:
      take_trailer(*line);
  }
  return true;
}

/// The next line without its CRLF; nothing: it is not whole yet, or refused. No byte is
/// looked at twice for its end.
std::optional<std::string_view> HttpSession::next_line() {
  const Bytes here = memory_.subspan(in_first_, in_last_ - in_first_);
  const auto* text = reinterpret_cast<const char*>(here.data());
  const std::string_view all(text, here.size());
  const auto end = all.find('\n', scanned_);
  if (end == all.npos) {
    scanned_ = static_cast<std::uint32_t>(all.size());
    if (all.size() < half_) return std::nullopt;
    refuse(part_ == Part::first_line   ? HttpStatus::uri_too_long
           : part_ == Part::chunk_line ? HttpStatus::bad_request
                                       : HttpStatus::fields_too_large);
    return std::nullopt;
  }
  if (end == line_ || all[end - 1] != '\r') {
    refuse(HttpStatus::bad_request);
    return std::nullopt;
  }
  const auto line = all.substr(line_, end - 1 - line_);
  line_ = scanned_ = static_cast<std::uint32_t>(end + 1);
  return line;
}

/// Empty lines before it are left out (RFC 9112, 2.2).
void HttpSession::take_first_line(std::string_view line) {
  if (line.empty()) return forget(line_);
  const HttpStatus status = request_.take_first_line(line);
  if (status != HttpStatus::ok) return refuse(status);
  part_ = Part::fields;
}

void HttpSession::take_field(std::string_view line) {
  const HttpStatus status =
      line.empty() ? request_.judge(max_body_bytes_) : request_.take_field(line);
  if (status != HttpStatus::ok) return refuse(status);
  if (line.empty()) begin_body();
}

void HttpSession::begin_body() {
  const std::string_view type = type_of_echo();
  if (type.size() > longest_type) return refuse(HttpStatus::fields_too_large);
  if (request_.expects_continue() && request_.has_body()) {
    say("HTTP/1.1 100 Continue\r\n\r\n");
    owe();
  }
  if (echoes()) say_head(HttpStatus::ok, type, request_.length());  // not owed yet
  forget(line_);
  left_ = request_.length();
  chunked_bytes_ = 0;
  part_ = request_.is_chunked() ? Part::chunk_line : Part::body;
  if (!request_.has_body()) end_request();
}

/// That of the body. In the head, which is still there.
std::string_view HttpSession::type_of_echo() const {
  if (!echoes()) return {};
  const auto* text = reinterpret_cast<const char*>(memory_.data()) + in_first_;
  const auto type = http_field({text, line_}, "content-type");
  return type && !type->empty() ? *type : any_type;
}

bool HttpSession::step_body() {
  std::uint64_t n = std::min<std::uint64_t>(left_, in_last_ - in_first_);
  if (echoes()) n = std::min<std::uint64_t>(n, memory_.size() - out_last_);
  if (n == 0) return false;
  if (echoes()) {
    std::memcpy(memory_.data() + out_last_, memory_.data() + in_first_, n);
    out_last_ += static_cast<std::uint32_t>(n);
    owe();
    echo_begun_ = true;
  }
  forget(n);
  left_ -= n;
  if (left_ > 0) return true;
  if (part_ == Part::body)
    end_request();
  else
    part_ = Part::chunk_end;
  return true;
}

bool HttpSession::step_chunk_end() {
  if (in_last_ - in_first_ < 2) return false;
  const bool is_good = std::memcmp(memory_.data() + in_first_, "\r\n", 2) == 0;
  if (!is_good) {
    refuse(HttpStatus::bad_request);
    return false;
  }
  forget(2);
  if (echoes()) {
    say("\r\n");
    owe();
  }
  part_ = Part::chunk_line;
  return true;
}

void HttpSession::take_chunk_line(std::string_view line) {
  const auto size = http_chunk_size(line);
  if (!size) return refuse(HttpStatus::bad_request);
  if (*size > max_body_bytes_ - chunked_bytes_)
    return refuse(HttpStatus::content_too_large);
  chunked_bytes_ += *size;
  left_ = *size;
  forget(line_);
  if (left_ > 0 && echoes()) {
    say(left_, 16);
    say("\r\n");
  }
  part_ = left_ > 0 ? Part::chunk : Part::trailer;
}

/// Its fields are looked at, and left out (RFC 9112, 7.1.2).
void HttpSession::take_trailer(std::string_view line) {
  if (!line.empty() && !is_http_field(line)) return refuse(HttpStatus::bad_request);
  if (!line.empty()) return;
  forget(line_);
  if (echoes()) say("0\r\n\r\n");
  end_request();
}

void HttpSession::end_request() {
  const auto method = request_.method();
  if (method == HttpRequest::Method::other)
    say_head(HttpStatus::method_not_allowed, {}, 0);
  else if (!echoes())
    say_head(HttpStatus::ok, plain_text, greeting.size());
  if (method == HttpRequest::Method::get) say(greeting);
  owe();
  over_ = !request_.keeps_alive();
  request_ = {};
  echo_begun_ = false;
  part_ = Part::first_line;
}

/// An echo that was begun is left as it is, without its end.
void HttpSession::refuse(HttpStatus status) {
  over_ = true;
  if (echo_begun_) return;
  out_last_ = owed_;
  say_head(status, {}, 0);
  owe();
}

/// The first `n` bytes of the input are done.
void HttpSession::forget(std::size_t n) {
  in_first_ += static_cast<std::uint32_t>(n);
  line_ = scanned_ = 0;
}

/// Nothing is owed: what is held back moves to the front.
void HttpSession::start_output_again() {
  std::memmove(memory_.data() + half_, memory_.data() + owed_, out_last_ - owed_);
  out_last_ -= owed_ - half_;
  out_first_ = owed_ = half_;
}

void HttpSession::say(std::string_view text) {
  std::memcpy(memory_.data() + out_last_, text.data(), text.size());
  out_last_ += static_cast<std::uint32_t>(text.size());
}

void HttpSession::say(std::uint64_t number, int base) {
  std::array<char, 20> digits;
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), number, base);
  say(std::string_view(digits.data(), end.ptr));
}

/// `type` empty: there is no body, whatever its type.
void HttpSession::say_head(HttpStatus status, std::string_view type,
                           std::uint64_t length) {
  say("HTTP/1.1 ");
  say(status_text(status));
  if (status == HttpStatus::method_not_allowed) say("\r\nAllow: GET, HEAD, POST");
  if (over_ || !request_.keeps_alive())
    say("\r\nConnection: close");
  else if (request_.is_1_0())
    say("\r\nConnection: keep-alive");
  if (!type.empty()) {
    say("\r\nContent-Type: ");
    say(type);
  }
  if (status == HttpStatus::ok && echoes() && request_.is_chunked()) {
    say("\r\nTransfer-Encoding: chunked");
  } else {
    say("\r\nContent-Length: ");
    say(length);
  }
  say("\r\n\r\n");
}

}  // namespace echolab

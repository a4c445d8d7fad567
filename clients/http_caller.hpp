// The client's side of HTTP: it POSTs the pattern, or GETs a path, and checks every byte.
#pragma once

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clients/echo_caller.hpp"
#include "clients/frame_row.hpp"
#include "common/buffer.hpp"
#include "common/endpoint.hpp"
#include "common/http_request.hpp"

namespace echolab {

/// What the body of every reply to a GET has to be: that of the first one.
struct HttpBody {
  static constexpr std::uint64_t most_bytes = 1 << 20;

  std::vector<std::byte> bytes;
  bool is_whole = false;  ///< until then it is learned, byte by byte
};

/// The field Host for a server: "127.0.0.1:7007"; of a path on this machine "localhost",
/// as curl has it (RFC 9112, 3.2).
inline std::string http_host(const Endpoint& server) {
  if (server.is_local()) return "localhost";
  return server.text().substr(std::string_view("tcp://").size());
}

/// The head of every request: a GET of `path`, or where there is none a POST of so many
/// bytes.
inline std::string http_head(const std::optional<std::string>& path,
                             std::uint64_t payload_bytes, std::string_view host) {
  if (path) return fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", *path, host);
  return fmt::format("POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n", host,
                     payload_bytes);
}

/// What each connection says, an endless row of requests, and what the
/// bodies of their replies have to be: POSTs of the pattern's bytes, which come back; or
/// GETs. As with a Pattern, a POST follows from seed, connection and position alone. For
/// one thread: a request is put together in a memory of its own.
class HttpWords {
 public:
  using Place = FramePlace;

  /// `host` as the field Host has it: "127.0.0.1:7007".
  HttpWords(const Pattern& pattern, const SizeLaw& payloads, std::string_view host)
      : HttpWords(&pattern, nullptr, payloads, http_head(std::nullopt, 0, host)) {}
  /// All bodies of one length.
  HttpWords(const Pattern& pattern, std::uint64_t payload_bytes, std::string_view host)
      : HttpWords(pattern, SizeLaw(payload_bytes), host) {}
  /// GETs; a `body` that is not whole is learned from the first reply.
  HttpWords(const std::string& path, std::string_view host, HttpBody& body)
      : HttpWords(nullptr, &body, SizeLaw(0), http_head(path, 0, host)) {}

  /// Of the body of request `number`, and of the whole request.
  [[nodiscard]] std::uint64_t payload_bytes(std::uint64_t connection = 0,
                                            std::uint64_t number = 0) const {
    return row_.payload_bytes(connection, number);
  }
  [[nodiscard]] std::uint64_t request_bytes(std::uint64_t connection = 0,
                                            std::uint64_t number = 0) const {
    return row_.frame_bytes(connection, number);
  }
  [[nodiscard]] std::uint64_t head_bytes(std::uint64_t connection = 0,
                                         std::uint64_t number = 0) const {
    return request_bytes(connection, number) - payload_bytes(connection, number);
  }

  /// The bytes of `connection` from `position` on: 1 … `most`, good until the next call.
  /// Head and body lie together, or each request would take two sends.
  /// `place`: any request of the connection, the nearer the sooner; then the last one.
  [[nodiscard]] Bytes at(std::uint64_t connection, std::uint64_t position,
                         std::uint64_t most, Place& place) const {
    const Room room = memory_.room().first(std::min<std::uint64_t>(most, memory_bytes));
    for (std::size_t filled = 0; filled < room.size();) {
      const Room rest = room.subspan(filled);
      row_.seek(place, connection, position + filled);
      const Bytes next =
          piece(connection, place, position + filled - place.begin, rest.size());
      std::memcpy(rest.data(), next.data(), next.size());
      filled += next.size();
    }
    return room;
  }
  /// Where in the text of bodies that is, the next body's begin when it is in a head.
  [[nodiscard]] std::uint64_t body_position(std::uint64_t connection,
                                            std::uint64_t position, Place& place) const {
    row_.seek(place, connection, position);
    const std::uint64_t head = row_.frame_bytes(connection, place.number) -
                               payload_bytes(connection, place.number);
    const std::uint64_t inside = position - place.begin;
    return body_begin(place.number) + inside - std::min(inside, head);
  }
  /// Of body `number` in that text.
  [[nodiscard]] std::uint64_t body_begin(std::uint64_t number) const {
    return row_.text_begin(number);
  }
  /// The text of the bodies of the POSTs alone; each begins where there would be room for
  /// the longest before it.
  [[nodiscard]] Bytes body_at(std::uint64_t connection, std::uint64_t position,
                              std::uint64_t most) const {
    return pattern_->at(connection, position, most);
  }

  [[nodiscard]] bool is_get() const { return body_ != nullptr; }
  /// Of the body of any reply.
  [[nodiscard]] std::uint64_t most_reply_bytes() const {
    if (body_ == nullptr) return row_.most_payload_bytes();
    return body_->is_whole ? body_->bytes.size() : HttpBody::most_bytes;
  }
  /// How long the body of reply `number` has to be; while it is learned, at most.
  [[nodiscard]] std::uint64_t reply_bytes(std::uint64_t connection,
                                          std::uint64_t number) const {
    return body_ == nullptr ? payload_bytes(connection, number) : most_reply_bytes();
  }
  /// Whether it may be so long.
  [[nodiscard]] bool may_reply(std::uint64_t connection, std::uint64_t number,
                               std::uint64_t bytes) const {
    const std::uint64_t right = reply_bytes(connection, number);
    return is_learning() ? bytes <= right : bytes == right;
  }
  /// Whether these are the bytes of reply `number` on `connection`, from `inside` its
  /// body on, which do not go beyond its end.
  [[nodiscard]] bool is_right(std::uint64_t connection, std::uint64_t number,
                              std::uint64_t inside, Bytes news) const {
    if (is_learning()) {
      body_->bytes.insert(body_->bytes.end(), news.begin(), news.end());
      return true;
    }
    while (!news.empty()) {
      const Bytes right =
          body_ == nullptr ? body_at(connection, body_begin(number) + inside, news.size())
                           : Bytes(body_->bytes).subspan(inside, news.size());
      if (std::memcmp(news.data(), right.data(), right.size()) != 0) return false;
      inside += right.size();
      news = news.subspan(right.size());
    }
    return true;
  }
  /// A reply has ended: what was learned is known from now on.
  void end_reply() const {
    if (is_learning()) body_->is_whole = true;
  }
  /// Whether a body may have these bytes.
  [[nodiscard]] bool holds(Bytes bytes) const { return pattern_->holds(bytes); }

 private:
  static constexpr std::size_t memory_bytes = 64 * 1024;

  /// How long the head of a body is: that of an empty one, but for its length's digits.
  struct HeadBytes {
    std::uint64_t empty;
    std::uint64_t operator()(std::uint64_t payload_bytes) const {
      std::uint64_t digits = 1;
      for (std::uint64_t rest = payload_bytes; rest >= 10; rest /= 10) ++digits;
      return empty - 1 + digits;
    }
  };

  HttpWords(const Pattern* pattern, HttpBody* body, const SizeLaw& payloads,
            const std::string& empty_head)
      : pattern_(pattern),
        body_(body),
        row_(payloads, HeadBytes{empty_head.size()}),
        head_(empty_head),
        memory_(memory_bytes) {
    head_.reserve(empty_head.size() + most_digits);  // no allocation later
  }

  [[nodiscard]] bool is_learning() const { return body_ != nullptr && !body_->is_whole; }

  /// Part of the head, or of one body.
  [[nodiscard]] Bytes piece(std::uint64_t connection, const Place& request,
                            std::uint64_t inside, std::uint64_t most) const {
    const std::uint64_t payload = payload_bytes(connection, request.number);
    const std::uint64_t head = head_bytes(connection, request.number);
    if (inside < head) {
      if (body_ == nullptr) write_length(payload);
      const Bytes rest = std::as_bytes(std::span(head_)).subspan(inside);
      return rest.first(std::min<std::uint64_t>(rest.size(), most));
    }
    const std::uint64_t said = inside - head;
    return body_at(connection, body_begin(request.number) + said,
                   std::min(most, payload - said));
  }
  /// Into the head, which ends with it and two line ends.
  void write_length(std::uint64_t payload) const {
    if (payload == length_) return;
    constexpr std::string_view end = "\r\n\r\n";
    std::array<char, most_digits> digits{};
    const auto written = std::to_chars(digits.begin(), digits.end(), payload);
    head_.erase(head_.find_last_of(' ') + 1);
    head_.append(digits.begin(), written.ptr).append(end);
    length_ = payload;
  }

  static constexpr std::size_t most_digits = 20;

  const Pattern* pattern_ = nullptr;  ///< of POSTs
  HttpBody* body_ = nullptr;          ///< of GETs
  const FrameRow<HeadBytes> row_;
  mutable std::string head_;          ///< of the last request that was read
  mutable std::uint64_t length_ = 0;  ///< of the body that it announces
  const Buffer memory_;
};

/// Says what it is asked to, and compares the bodies that come back, whatever head a
/// server puts before them: fields in any order and case, a length or chunks (RFC 9112,
/// 6.3), 1xx before. What was received is checked at once, so callers that take turns may
/// share one `memory`, and their words.
///
/// A reply that ends with its connection (no length, no chunks) is none of a row of them,
/// and wrong.
class HttpCaller {
 public:
  using Words = HttpWords;

  HttpCaller(const Words& words, std::uint64_t connection, Room memory = {})
      : words_(&words), memory_(memory), connection_(connection) {}

  /// `bytes` more shall be said; whole requests.
  void ask(std::uint64_t bytes) { asked_ += bytes; }
  /// No more will be asked: done as soon as every reply has come.
  void finish() { finishing_ = true; }

  [[nodiscard]] Room input() const { return memory_; }
  void received(std::size_t n) { hear(memory_.first(n)); }
  void hear(Room whole) {
    Bytes news = whole;
    while (!news.empty() && !wrong_) {
      if (part_ == Part::body || part_ == Part::chunk)
        news = news.subspan(take_body(news));
      else
        news = news.subspan(take_line(news));
    }
  }

  [[nodiscard]] Bytes output() const {
    if (sent_ == asked_) return {};
    return words_->at(connection_, sent_, asked_ - sent_, said_);
  }
  void sent(std::size_t n) { sent_ += n; }

  [[nodiscard]] bool done() const {
    return wrong_ || (finishing_ && verified() == asked_);
  }

  /// Replies that came whole and right, and in order.
  [[nodiscard]] std::uint64_t answered() const { return answered_; }
  /// The bytes of the requests that they answer, to compare with what was asked.
  [[nodiscard]] std::uint64_t verified() const { return verified_; }
  [[nodiscard]] std::uint64_t unanswered() const { return asked_ - verified(); }
  [[nodiscard]] std::uint64_t asked() const { return asked_; }
  [[nodiscard]] std::uint64_t said() const { return sent_; }
  /// Whose words these are.
  [[nodiscard]] std::uint64_t connection() const { return connection_; }
  /// A reply is none, not 200, not the echo, or was never asked for.
  [[nodiscard]] bool wrong() const { return wrong_; }
  /// Of the last reply that had one; 0: none had.
  [[nodiscard]] int status() const { return status_; }
  /// When wrong(): what came instead. To be asked before others use the memory.
  [[nodiscard]] Fault fault(const Suspects& suspects) const {
    if (const std::string why = refusal(); !why.empty()) return {Wrong::refused, why};
    const bool is_early = sent_ <= verified();
    if (!wrong_body_.empty() && words_->is_get())
      return {
          Wrong::altered,
          fmt::format("connection {}, reply {}: its body is not that of the first GET",
                      connection_, answered_)};
    if (wrong_body_.empty())
      return {is_early ? Wrong::unasked : Wrong::altered,
              fmt::format("connection {}, reply {}: {}{}", connection_, answered_,
                          is_early ? "it was never asked for" : "not a right one",
                          status_ != 0 && status_ != 200
                              ? fmt::format(", its status is {}", status_)
                              : "")};
    const auto of_bodies = [this](std::span<const RequestPlace> requests) {
      std::vector<RequestPlace> places(requests.begin(), requests.end());
      for (RequestPlace& place : places) place.begin = words_->body_begin(place.number);
      return places;
    };
    const auto own = of_bodies(suspects.own);
    const auto others = of_bodies(suspects.others);
    const Speech speech{
        [this](std::uint64_t connection, std::uint64_t position, std::uint64_t most) {
          return words_->body_at(connection, position, most);
        },
        [this](Bytes bytes) { return words_->holds(bytes); }};
    HttpWords::Place place = said_;
    return explain({connection_, words_->body_begin(answered_) + body_bytes_,
                    words_->body_position(connection_, sent_, place), wrong_body_},
                   speech, {own, others, suspects.thorough});
  }
  /// The last reply said that no other will come (RFC 9112, 9.6).
  [[nodiscard]] bool is_over() const { return is_over_; }

  /// What is wrong with a reply, in words; "": a byte.
  [[nodiscard]] std::string refusal() const {
    if (is_refused_) return fmt::format("the server answered {}", status_);
    if (is_endless_)
      return "a reply has neither Content-Length nor chunks, so it ends with its "
             "connection: that is not supported";
    if (has_bad_length_)
      return fmt::format("a reply's body has {} B, and not {}{}", *length_,
                         words_->may_reply(connection_, answered_, 0) ? "up to " : "",
                         words_->reply_bytes(connection_, answered_));
    return "";
  }
  /// Why no other reply will come, in words.
  [[nodiscard]] std::string ending() const {
    return fmt::format("the server closed the connection after {} request{} ({})",
                       answered_, answered_ == 1 ? "" : "s",
                       is_1_0_ ? "HTTP/1.0 without keep-alive"
                               : "Connection: close; nginx: keepalive_requests");
  }

 private:
  enum class Part : std::uint8_t {
    status_line,
    fields,
    body,
    chunk_line,
    chunk,
    chunk_end,
    trailer
  };
  /// Of a line; what counts is shorter.
  static constexpr std::size_t longest_line = 128;
  /// Of a reply, beside its body's bytes: no server says more for nothing.
  static constexpr std::uint64_t longest_frame = 64 * 1024;

  void fail() { wrong_ = true; }

  /// Up to the end of a line; acts when it is there. Returns how many bytes that took.
  std::size_t take_line(Bytes news) {
    const auto end = std::ranges::find(news, std::byte{'\n'});
    const auto n = static_cast<std::size_t>(end - news.begin());
    const std::size_t kept = std::min(n, longest_line - line_size_);
    std::memcpy(line_.data() + line_size_, news.data(), kept);
    line_size_ += kept;
    frame_bytes_ += end == news.end() ? n : n + 1;
    // What nobody asked for, or a chatterer whose body never comes.
    if (sent_ <= verified() ||
        frame_bytes_ > longest_frame + words_->most_reply_bytes() * 8)
      fail();
    if (wrong_ || end == news.end()) return n;
    std::string_view line(line_.data(), line_size_);
    if (line.ends_with('\r')) line.remove_suffix(1);
    line_size_ = 0;
    act_on(line);
    return n + 1;
  }

  void act_on(std::string_view line) {
    switch (part_) {
      case Part::status_line:
        return take_status(line);
      case Part::fields:
        return line.empty() ? begin_body() : take_field(line);
      case Part::chunk_line:
        return take_chunk_line(line);
      case Part::chunk_end:
        if (!line.empty()) return fail();
        part_ = Part::chunk_line;
        return;
      default:  // a trailer: left out
        if (line.empty()) end_reply();
    }
  }

  void take_status(std::string_view line) {
    constexpr std::string_view begin = "HTTP/1.x 200";
    if (!line.starts_with("HTTP/1.") || line.size() < begin.size() || line[8] != ' ')
      return fail();
    const auto digits = line.substr(9, 3);
    const auto read =
        std::from_chars(digits.data(), digits.data() + digits.size(), status_);
    if (read.ptr != digits.data() + digits.size()) return fail();
    says_close_ = is_1_0_ = line[7] == '0';
    part_ = Part::fields;
  }

  void take_field(std::string_view line) {
    if (const auto value = http_value(line, "content-length")) {
      std::uint64_t length = 0;
      const auto* last = value->data() + value->size();
      if (std::from_chars(value->data(), last, length).ptr != last || value->empty() ||
          length_.value_or(length) != length)
        return fail();
      length_ = length;
    }
    if (const auto value = http_value(line, "transfer-encoding")) {
      chunked_ = is_http_word(*value, "chunked");
      if (!chunked_) fail();
    }
    if (const auto value = http_value(line, "connection")) {
      if (is_http_word(*value, "close")) says_close_ = true;
      if (is_1_0_ && is_http_word(*value, "keep-alive")) says_close_ = false;
    }
  }

  void begin_body() {
    if (status_ >= 100 && status_ < 200 && status_ != 101) return begin_head();
    is_refused_ = status_ != 200;
    is_endless_ = !chunked_ && !length_;
    has_bad_length_ =
        !chunked_ && length_ && !words_->may_reply(connection_, answered_, *length_);
    if (is_refused_ || is_endless_ || has_bad_length_ || (chunked_ && length_))
      return fail();
    left_ = length_.value_or(0);
    part_ = chunked_ ? Part::chunk_line : Part::body;
    if (!chunked_ && left_ == 0) end_reply();
  }

  void take_chunk_line(std::string_view line) {
    const auto size = http_chunk_size(line);
    if (!size || *size > words_->reply_bytes(connection_, answered_) - body_bytes_)
      return fail();
    left_ = *size;
    part_ = left_ > 0 ? Part::chunk : Part::trailer;
  }

  /// Returns how many bytes were the body's. An echo may begin before its request's end.
  std::size_t take_body(Bytes news) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, news.size()));
    const std::uint64_t payload = words_->payload_bytes(connection_, answered_);
    const std::uint64_t needed = words_->request_bytes(connection_, answered_) - payload +
                                 std::min<std::uint64_t>(body_bytes_ + n, payload);
    if (verified() + needed > sent_ ||
        !words_->is_right(connection_, answered_, body_bytes_, news.first(n))) {
      wrong_body_ = news.first(n);
      fail();
      return n;
    }
    body_bytes_ += n;
    left_ -= n;
    if (left_ == 0 && part_ == Part::chunk)
      part_ = Part::chunk_end;
    else if (left_ == 0)
      end_reply();
    return n;
  }

  void end_reply() {
    const std::uint64_t request = words_->request_bytes(connection_, answered_);
    if (wrong_ || !words_->may_reply(connection_, answered_, body_bytes_) ||
        verified() + request > sent_)
      return fail();
    words_->end_reply();
    ++answered_;
    verified_ += request;
    is_over_ = says_close_;
    body_bytes_ = frame_bytes_ = 0;
    begin_head();
  }

  void begin_head() {
    length_.reset();
    chunked_ = false;
    part_ = Part::status_line;
  }

  const Words* words_;
  Room memory_;
  Bytes wrong_body_;  ///< in the memory
  std::uint64_t connection_;
  std::uint64_t asked_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t verified_ = 0;     ///< bytes of the requests that were answered
  mutable FramePlace said_{};      ///< the request that is being said
  std::uint64_t left_ = 0;         ///< of the body, or of its chunk
  std::uint64_t body_bytes_ = 0;   ///< of this reply, so far
  std::uint64_t frame_bytes_ = 0;  ///< of this reply, all the others
  std::optional<std::uint64_t> length_;
  std::size_t line_size_ = 0;
  std::array<char, longest_line> line_;
  int status_ = 0;
  Part part_ = Part::status_line;
  bool chunked_ = false;
  bool is_1_0_ = false;
  bool says_close_ = false;
  bool is_over_ = false;
  bool is_refused_ = false;
  bool is_endless_ = false;
  bool has_bad_length_ = false;
  bool finishing_ = false;
  bool wrong_ = false;
};

static_assert(Session<HttpCaller>);

}  // namespace echolab

// HttpRequest: what a server has to know of the head of an HTTP/1.1 request, line by
// line.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace echolab {

/// RFC 9110, 15.
enum class HttpStatus : std::uint16_t {
  ok = 200,
  bad_request = 400,
  method_not_allowed = 405,
  content_too_large = 413,
  uri_too_long = 414,
  fields_too_large = 431,
  not_implemented = 501,
  version_not_supported = 505,
};

/// "200 OK", as a status line says it.
std::string_view status_text(HttpStatus status);

/// Begins empty, and takes the lines of a head as they come, without their CRLF. Each
/// call says what is wrong with the line, as the status to refuse it with, or `ok`.
/// Keeps none of the bytes. Strict where two readers of the same bytes could see two
/// different requests (RFC 9112, 11.2): one blank between the words of the first line, no
/// blank before a colon, no folded lines, one meaning of the length.
class HttpRequest {
 public:
  enum class Method : std::uint8_t { get, head, post, other };

  /// RFC 9112, 3.
  HttpStatus take_first_line(std::string_view line);
  /// RFC 9112, 5. Not for a trailer, of which only the form counts: is_http_field().
  HttpStatus take_field(std::string_view line);
  /// What only the whole head shows.
  [[nodiscard]] HttpStatus judge(std::uint64_t max_body_bytes) const;

  [[nodiscard]] Method method() const { return method_; }
  [[nodiscard]] bool is_chunked() const { return codings_ > 0; }
  /// Of the body, unless it is chunked; 0 without Content-Length (RFC 9112, 6.3).
  [[nodiscard]] std::uint64_t length() const { return length_.value_or(0); }
  [[nodiscard]] bool has_body() const { return is_chunked() || length() > 0; }
  /// The peer waits for "100 Continue" (RFC 9110, 10.1.1; not in HTTP/1.0).
  [[nodiscard]] bool expects_continue() const { return expects_continue_ && !is_1_0_; }
  /// RFC 9112, 9.3.
  [[nodiscard]] bool keeps_alive() const { return !close_ && (!is_1_0_ || keep_alive_); }
  [[nodiscard]] bool is_1_0() const { return is_1_0_; }

 private:
  HttpStatus take_length(std::string_view value);
  void take_coding(std::string_view coding);

  std::optional<std::uint64_t> length_;
  std::uint32_t codings_ = 0;  ///< listed in Transfer-Encoding
  std::uint32_t hosts_ = 0;
  Method method_ = Method::other;
  bool is_1_0_ = false;
  bool close_ = false;
  bool keep_alive_ = false;
  bool expects_continue_ = false;
  bool has_empty_coding_ = false;
  bool has_unknown_coding_ = false;
};

/// A field line or trailer has the right form: a name, a colon, no control characters.
bool is_http_field(std::string_view line);

/// `text` is `word`, which is in lower case.
bool is_http_word(std::string_view text, std::string_view word);

/// The value of a field line that is called `name` (in lower case); nothing: it is not.
std::optional<std::string_view> http_value(std::string_view line, std::string_view name);

/// The value of the first field called `name` (in lower case) in the lines of `head`,
/// each with its CRLF; nothing: there is none.
std::optional<std::string_view> http_field(std::string_view head, std::string_view name);

/// The size that a chunk's first line says (RFC 9112, 7.1), 2^59 where it is more;
/// nothing: it is bad.
std::optional<std::uint64_t> http_chunk_size(std::string_view line);

}  // namespace echolab

#include "common/http_request.hpp"

#include <algorithm>

namespace echolab {
namespace {

constexpr std::uint64_t huge = std::uint64_t{1} << 59;  // 16 times as much still fits
constexpr std::string_view blanks = " \t";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

/// RFC 9110, 5.6.2.
bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    const char l = lower(c);
    return (l >= 'a' && l <= 'z') || is_digit(c) ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

/// RFC 9110, 5.5: what is printed, blanks, and bytes that are no ASCII.
bool is_field_text(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  });
}

bool is_target(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(blanks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

/// The elements of a list with commas, empty ones as well (RFC 9110, 5.6.1).
template <class Take>
void each_of(std::string_view list, Take&& take) {
  for (;;) {
    const auto comma = list.find(',');
    take(trimmed(list.substr(0, comma)));
    if (comma == list.npos) return;
    list.remove_prefix(comma + 1);
  }
}

/// Adds a digit; a number that grows too large stays so.
std::uint64_t with_digit(std::uint64_t number, std::uint64_t base, int digit) {
  return std::min(huge, number * base + static_cast<std::uint64_t>(digit));
}

std::string_view name_of(std::string_view line) {
  return line.substr(0, line.find(':'));
}

std::string_view value_of(std::string_view line) {
  return trimmed(line.substr(line.find(':') + 1));
}

}  // namespace

std::string_view status_text(HttpStatus status) {
  switch (status) {
    case HttpStatus::ok:
      return "200 OK";
    case HttpStatus::bad_request:
      return "400 Bad Request";
    case HttpStatus::method_not_allowed:
      return "405 Method Not Allowed";
    case HttpStatus::content_too_large:
      return "413 Content Too Large";
    case HttpStatus::uri_too_long:
      return "414 URI Too Long";
    case HttpStatus::fields_too_large:
      return "431 Request Header Fields Too Large";
    case HttpStatus::not_implemented:
      return "501 Not Implemented";
    case HttpStatus::version_not_supported:
      return "505 HTTP Version Not Supported";
  }
  return {};
}

HttpStatus HttpRequest::take_first_line(std::string_view line) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == last) return HttpStatus::bad_request;
  const auto method = line.substr(0, first);
  const auto version = line.substr(last + 1);
  if (!is_token(method) || !is_target(line.substr(first + 1, last - first - 1)))
    return HttpStatus::bad_request;
  if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) ||
      version[6] != '.' || !is_digit(version[7]))
    return HttpStatus::bad_request;
  if (version[5] != '1') return HttpStatus::version_not_supported;
  is_1_0_ = version[7] == '0';
  method_ = method == "GET"    ? Method::get
            : method == "HEAD" ? Method::head
            : method == "POST" ? Method::post
                               : Method::other;
  return HttpStatus::ok;
}

HttpStatus HttpRequest::take_field(std::string_view line) {
  if (!is_http_field(line)) return HttpStatus::bad_request;
  const auto name = name_of(line);
  const auto value = value_of(line);
  if (is_http_word(name, "content-length")) return take_length(value);
  if (is_http_word(name, "host")) ++hosts_;
  if (is_http_word(name, "transfer-encoding"))
    each_of(value, [&](std::string_view coding) { take_coding(coding); });
  if (is_http_word(name, "connection"))
    each_of(value, [&](std::string_view option) {
      close_ = close_ || is_http_word(option, "close");
      keep_alive_ = keep_alive_ || is_http_word(option, "keep-alive");
    });
  if (is_http_word(name, "expect"))
    each_of(value, [&](std::string_view expected) {
      expects_continue_ = expects_continue_ || is_http_word(expected, "100-continue");
    });
  return HttpStatus::ok;
}

/// The same length twice is one length (RFC 9110, 8.6).
HttpStatus HttpRequest::take_length(std::string_view value) {
  HttpStatus status = HttpStatus::ok;
  each_of(value, [&](std::string_view digits) {
    std::uint64_t length = 0;
    for (const char c : digits) length = with_digit(length, 10, c - '0');
    if (digits.empty() || !std::ranges::all_of(digits, is_digit) ||
        length_.value_or(length) != length)
      status = HttpStatus::bad_request;
    length_ = length;
  });
  return status;
}

void HttpRequest::take_coding(std::string_view coding) {
  ++codings_;
  has_empty_coding_ = has_empty_coding_ || coding.empty();
  has_unknown_coding_ =
      has_unknown_coding_ || !(coding.empty() || is_http_word(coding, "chunked"));
}

HttpStatus HttpRequest::judge(std::uint64_t max_body_bytes) const {
  if (hosts_ > 1 || (hosts_ == 0 && !is_1_0_)) return HttpStatus::bad_request;
  if (is_chunked() && (length_ || is_1_0_ || has_empty_coding_))
    return HttpStatus::bad_request;  // smuggled past somebody: RFC 9112, 6.1
  if (has_unknown_coding_) return HttpStatus::not_implemented;
  if (codings_ > 1) return HttpStatus::bad_request;
  if (length() > max_body_bytes) return HttpStatus::content_too_large;
  return HttpStatus::ok;
}

bool is_http_word(std::string_view text, std::string_view word) {
  return std::ranges::equal(text, word, {}, lower);
}

bool is_http_field(std::string_view line) {
  return line.find(':') != line.npos && is_token(name_of(line)) && is_field_text(line);
}

std::optional<std::string_view> http_value(std::string_view line, std::string_view name) {
  if (line.find(':') == line.npos || !is_http_word(name_of(line), name))
    return std::nullopt;
  return value_of(line);
}

std::optional<std::string_view> http_field(std::string_view head, std::string_view name) {
  for (auto end = head.find("\r\n"); end != head.npos; end = head.find("\r\n")) {
    if (const auto value = http_value(head.substr(0, end), name)) return value;
    head.remove_prefix(end + 2);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> http_chunk_size(std::string_view line) {
  std::uint64_t size = 0;
  std::size_t digits = 0;
  for (; digits < line.size(); ++digits) {
    const char c = lower(line[digits]);
    if (is_digit(c))
      size = with_digit(size, 16, c - '0');
    else if (c >= 'a' && c <= 'f')
      size = with_digit(size, 16, c - 'a' + 10);
    else
      break;
  }
  const auto extension = trimmed(line.substr(digits));
  const bool is_good =
      extension.empty() ? digits == line.size() : extension.starts_with(';');
  if (digits == 0 || !is_good || !is_field_text(extension)) return std::nullopt;
  return size;
}

}  // namespace echolab

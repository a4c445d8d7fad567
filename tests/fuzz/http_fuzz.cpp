// Whatever a peer sends, and however it is cut: the replies are those that a reader of
// the whole stream would write, request by request, and the first bad one is the last.

#include "common/http.hpp"

#include <cctype>
#include <optional>
#include <string>

#include "tests/fuzz/fuzz.hpp"

namespace echolab::fuzz {
namespace {

using Text = std::string;

/// What the protocol says about a stream, written down a second time: it has the whole
/// stream and all the memory it wants.
class Reader {
 public:
  Reader(Text stream, std::uint64_t max_body, std::size_t longest_head)
      : stream_(std::move(stream)), max_body_(max_body), longest_(longest_head) {
    while (!closed_ && read_request()) {
    }
  }

  Text said;
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  struct Field {
    Text name, value;
  };
  enum Found { whole, unfinished, refused };

  bool refuse(const Text& status) {
    said += "HTTP/1.1 " + status + "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    closed_ = true;
    return false;
  }

  /// The next line of what begins at `begin`; it may be `longest_` long in all.
  Found line(std::size_t begin, const Text& too_long, Text& found) {
    const auto feed = stream_.find('\n', at_);
    const auto size = (feed == Text::npos ? stream_.size() : feed + 1) - begin;
    if (size > longest_ || (feed == Text::npos && size == longest_)) {
      refuse(too_long);
      return refused;
    }
    if (feed == Text::npos) return unfinished;
    found = stream_.substr(at_, feed - at_);
    at_ = feed + 1;
    if (found.empty() || found.back() != '\r') {
      refuse("400 Bad Request");
      return refused;
    }
    found.pop_back();
    return whole;
  }

  static Text lower(Text text) {
    for (char& c : text)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
  }
  static Text trim(Text text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
      text.erase(0, 1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.pop_back();
    return text;
  }
  static std::vector<Text> list(const Text& value) {
    std::vector<Text> parts(1);
    for (const char c : value)
      if (c == ',')
        parts.emplace_back();
      else
        parts.back() += c;
    for (Text& part : parts) part = trim(part);
    return parts;
  }
  static bool token(const Text& text) {
    const Text others = "!#$%&'*+-.^_`|~";
    for (const char c : text)
      if (c < 0 || (std::isalnum(c) == 0 && others.find(c) == Text::npos)) return false;
    return !text.empty();
  }
  static bool printed(const Text& text) {
    for (const char c : text)
      if ((c >= 0 && c < ' ' && c != '\t') || c == 127) return false;
    return true;
  }
  /// Of decimal or hexadecimal digits; as good as endless: 10^17.
  static std::optional<std::uint64_t> number(const Text& digits, unsigned base) {
    std::uint64_t value = 0;
    for (const char c : lower(digits)) {
      const auto digit = Text("0123456789abcdef").find(c);
      if (digit >= base) return std::nullopt;
      value = std::min<std::uint64_t>(value * base + digit, 100'000'000'000'000'000);
    }
    return digits.empty() ? std::nullopt : std::optional(value);
  }

  static std::optional<Field> field(const Text& line) {
    const auto colon = line.find(':');
    if (colon == Text::npos || !token(line.substr(0, colon)) || !printed(line))
      return std::nullopt;
    return Field{lower(line.substr(0, colon)), trim(line.substr(colon + 1))};
  }

  struct Request {
    Text method, type = "application/octet-stream";
    bool old = false, close = false, keep = false, expects = false;
    int hosts = 0;
    std::vector<Text> codings;
    std::optional<std::uint64_t> length;
    bool typed = false;

    [[nodiscard]] bool ends() const { return close || (old && !keep); }
  };

  /// The first line; empty: fine.
  static Text first_line(const Text& line, Request& request) {
    const auto method_end = line.find(' ');
    const auto target_end = line.find(' ', method_end + 1);
    if (method_end == Text::npos || target_end == Text::npos) return "400 Bad Request";
    request.method = line.substr(0, method_end);
    const Text target = line.substr(method_end + 1, target_end - method_end - 1);
    const Text version = line.substr(target_end + 1);
    const bool good_target = !target.empty() && std::ranges::all_of(target, [](char c) {
      return c > ' ' && c < 127;
    });
    if (!token(request.method) || !good_target || version.size() != 8 ||
        version.substr(0, 5) != "HTTP/" || version[6] != '.' ||
        !number(version.substr(5, 1), 10) || !number(version.substr(7, 1), 10))
      return "400 Bad Request";
    if (version[5] != '1') return "505 HTTP Version Not Supported";
    request.old = version[7] == '0';
    return {};
  }

  /// False: the request is to be refused.
  static bool take(const Field& field, Request& request) {
    const auto parts = list(field.value);
    const auto has = [&](const char* word) {
      return std::ranges::any_of(parts, [&](auto& part) { return lower(part) == word; });
    };
    if (field.name == "host") ++request.hosts;
    if (field.name == "connection") {
      request.close |= has("close");
      request.keep |= has("keep-alive");
    }
    if (field.name == "expect") request.expects |= has("100-continue");
    if (field.name == "transfer-encoding")
      for (const Text& part : parts) request.codings.push_back(lower(part));
    if (field.name == "content-type" && !request.typed) {
      request.typed = true;
      if (!field.value.empty()) request.type = field.value;
    }
    if (field.name != "content-length") return true;
    for (const Text& part : parts) {
      const auto length = number(part, 10);
      if (!length || request.length.value_or(*length) != *length) return false;
      request.length = length;
    }
    return true;
  }

  /// What the head as a whole is refused with; empty: fine.
  [[nodiscard]] Text judge(const Request& request) const {
    const auto& codings = request.codings;
    if (request.hosts > 1 || (request.hosts == 0 && !request.old))
      return "400 Bad Request";
    if (!codings.empty() && (request.length || request.old ||
                             std::ranges::find(codings, "") != codings.end()))
      return "400 Bad Request";
    if (std::ranges::any_of(codings, [](auto& coding) { return coding != "chunked"; }))
      return "501 Not Implemented";
    if (codings.size() > 1) return "400 Bad Request";
    if (request.length.value_or(0) > max_body_) return "413 Content Too Large";
    if (request.method == "POST" && request.type.size() > 256)
      return "431 Request Header Fields Too Large";
    return {};
  }

  static Text head(const Request& request, const Text& status, const Text& rest) {
    return "HTTP/1.1 " + status +
           (request.ends() ? "\r\nConnection: close"
            : request.old  ? "\r\nConnection: keep-alive"
                           : "") +
           rest + "\r\n\r\n";
  }

  /// False when there is no whole request any more, or a bad one.
  bool read_request() {
    Request request;
    Text text;
    do {
      begin_ = at_;
      if (line(begin_, "414 URI Too Long", text) != whole) return false;
    } while (text.empty());
    if (const Text wrong = first_line(text, request); !wrong.empty())
      return refuse(wrong);
    for (;;) {
      if (line(begin_, "431 Request Header Fields Too Large", text) != whole)
        return false;
      if (text.empty()) break;
      const auto found = field(text);
      if (!found || !take(*found, request)) return refuse("400 Bad Request");
    }
    if (const Text wrong = judge(request); !wrong.empty()) return refuse(wrong);
    const bool has_body = !request.codings.empty() || request.length.value_or(0) > 0;
    if (request.expects && !request.old && has_body)
      said += "HTTP/1.1 100 Continue\r\n\r\n";
    return answer(request);
  }

  bool answer(const Request& request) {
    const bool echoes = request.method == "POST";
    const bool chunked = !request.codings.empty();
    Text echo;  // said from its first byte of body on, or at the end
    if (echoes)
      echo = head(request, "200 OK",
                  "\r\nContent-Type: " + request.type +
                      (chunked ? "\r\nTransfer-Encoding: chunked"
                               : "\r\nContent-Length: " +
                                     std::to_string(request.length.value_or(0))));
    const Found end = chunked ? chunks(echo, echoes) : body(echo, echoes, request);
    if (end != whole) return false;
    if (echoes) said += echo;
    const Text greeting =
        "This is echolab, a server that echoes: POST something, and it comes back.\n";
    if (request.method == "GET" || request.method == "HEAD")
      said += head(request, "200 OK",
                   "\r\nContent-Type: text/plain\r\nContent-Length: " +
                       std::to_string(greeting.size()));
    else if (!echoes)
      said += "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD, POST" +
              head(request, "", "\r\nContent-Length: 0").substr(9);
    if (request.method == "GET") said += greeting;
    closed_ = request.ends();
    return true;
  }

  /// Moves up to `size` bytes of body; `echo` is said before the first.
  bool move(std::uint64_t size, Text& echo, bool echoes) {
    const Text here = stream_.substr(at_, size);
    at_ += here.size();
    if (echoes && !here.empty()) {
      said += echo + here;
      echo.clear();
    }
    return here.size() == size;
  }

  Found body(Text& echo, bool echoes, const Request& request) {
    return move(request.length.value_or(0), echo, echoes) ? whole : unfinished;
  }

  Found chunks(Text& echo, bool echoes) {
    bool begun = false;
    const auto stop = [&](Found found, const Text& before) {
      if (found == refused && begun && echoes) said = before;
      return found;
    };
    for (std::uint64_t total = 0;;) {
      const Text before = said;
      Text text;
      if (const Found found = line(at_, "400 Bad Request", text); found != whole)
        return stop(found, before);
      const auto digits = text.find_first_not_of("0123456789abcdefABCDEF");
      const auto size = number(text.substr(0, digits), 16);
      const Text rest = digits == Text::npos ? "" : trim(text.substr(digits));
      if (!size || (digits != Text::npos && rest.substr(0, 1) != ";") || !printed(rest)) {
        refuse("400 Bad Request");
        return stop(refused, before);
      }
      total += *size;
      if (total > max_body_) {
        refuse("413 Content Too Large");
        return stop(refused, before);
      }
      if (*size == 0) return stop(trailer(echo), before);
      if (echoes) echo += fmt::format("{:x}\r\n", *size);
      const bool all = move(*size, echo, echoes);
      begun = true;
      if (!all || stream_.size() - at_ < 2) return unfinished;
      if (stream_.substr(at_, 2) != "\r\n") {
        const Text now = said;
        refuse("400 Bad Request");
        return stop(refused, now);
      }
      at_ += 2;
      if (echoes) said += "\r\n";
    }
  }

  Found trailer(Text& echo) {
    const auto begin = at_;
    for (Text text;;) {
      const auto found = line(begin, "431 Request Header Fields Too Large", text);
      if (found != whole) return found;
      if (text.empty()) break;
      if (!field(text)) {
        refuse("400 Bad Request");
        return refused;
      }
    }
    echo += "0\r\n\r\n";
    return whole;
  }

  Text stream_;
  std::uint64_t max_body_;
  std::size_t longest_;
  std::size_t at_ = 0;
  std::size_t begin_ = 0;
  bool closed_ = false;
};

}  // namespace

/// Returns when the session kept its promises.
void converse_as_it_wants(Input input) {
  const HttpLimits limits{.max_body_bytes = input.choose(0, 3'000)};
  Memory memory(HttpSession::least_bytes + input.choose(0, 500));
  const Memory stream = input.stream();

  HttpSession session(memory, limits);
  const Memory back = converse(session, memory, stream, input);

  const Reader right({reinterpret_cast<const char*>(stream.data()), stream.size()},
                     limits.max_body_bytes, memory.size() / 2);
  const auto* said = reinterpret_cast<const char*>(back.data());
  require(std::string_view(said, back.size()) == right.said,
          "not what a reader of the whole stream would say");
  require(session.done() == right.closed(), "closes what goes on, or the reverse");
  require(session.input().empty() == right.closed(), "what is over is read on");
}

}  // namespace echolab::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  echolab::fuzz::converse_as_it_wants({bytes, size});
  return 0;
}

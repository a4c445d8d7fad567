#include "common/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "common/program.hpp"

namespace echolab {
namespace {

struct Wishes {
  bool no_colour = false;
  bool plain = false;
};

Wishes& wishes() {
  static Wishes ours;
  return ours;
}

bool is_able_terminal(int fd) {
  const char* term = std::getenv("TERM");
  return ::isatty(fd) == 1 && term != nullptr && *term != '\0' &&
         std::string_view(term) != "dumb";
}

bool is_continued(char c) {  // within a character of UTF-8
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

}  // namespace

void add_terminal_options(CLI::App& parser) {
  parser.add_flag("--no-color", wishes().no_colour,
                  "no colour, not on a terminal either; as with NO_COLOR");
  parser.add_flag("--plain", wishes().plain,
                  "no colour, and no line that is written over; as with TERM=dumb");
}

bool wants_colour(int fd) {
  const char* no_colour = std::getenv("NO_COLOR");
  return is_able_terminal(fd) && (no_colour == nullptr || *no_colour == '\0') &&
         !wishes().no_colour && !wishes().plain;
}

bool wants_live_line(int fd) {
  return is_able_terminal(fd) && !wishes().plain;
}

std::size_t live_columns(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

std::string clipped(std::string_view text, std::size_t columns) {
  std::string kept;
  std::size_t used = 0;
  for (const char c : text) {
    if (!is_continued(c) && used++ == columns) break;
    const auto code = static_cast<unsigned char>(c);
    kept += code < ' ' || code == 0x7F ? '?' : c;
  }
  return kept;
}

}  // namespace echolab

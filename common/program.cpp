#include "common/program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <numeric>
#include <sstream>
#include <system_error>
#include <utility>

#include "common/build.hpp"
#include "common/commit.hpp"
#include "common/config.hpp"
#include "common/option_tree.hpp"
#include "common/terminal.hpp"

namespace echolab {
namespace {

constexpr const char* exit_codes =
    "Exit codes: 0 ok, 1 failure, 2 usage, 3 cannot connect, 4 wrong or lost bytes,\n"
    "  5 client-bound, 6 unsteady, 7 overloaded, 8 regression, 9 threshold missed,\n"
    "  10 promise broken, 69 not available here, 77 skipped, 130 interrupted.";

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

/// Names the first thing on the command line that `parser` does not know.
[[noreturn]] void refuse_unknown(const CLI::App& parser) {
  std::string given = parser.remaining().front();
  given.resize(std::min(given.find('='), given.size()));  // --name=value
  std::vector<std::string> known;
  for (const CLI::Option* option : parser.get_options())
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  throw UsageError(fmt::format("unknown {} '{}'{}  (--help shows all)",
                               given.starts_with('-') ? "option" : "argument", given,
                               nearest(given, known)));
}

/// An option whose text is read by `parse`, shown by `show` and bounded.
template <class Value, class Parse, class Show>
CLI::Option* add_bounded(CLI::App& parser, const std::string& name, Value& value,
                         const std::string& help, Value least, Value most, Parse parse,
                         Show show, const char* kind, const char* example) {
  const auto read = [=, &value](const std::string& given) {
    const auto parsed = parse(given);
    const std::string option = name.substr(name.find_last_of(',') + 1);
    if (!parsed)
      throw UsageError(
          fmt::format("{}: '{}' is not a {} {}", option, given, kind, example));
    if (*parsed < least || *parsed > most)
      throw UsageError(fmt::format("{}: '{}' is out of range; it goes from {} to {}",
                                   option, given, show(least), show(most)));
    value = static_cast<Value>(*parsed);
  };
  auto* option = parser.add_option_function<std::string>(name, read, help);
  option->default_str(show(value))->type_name("")->run_callback_for_default(false);
  return takes(option, {.kind = kind, .least = show(least), .most = show(most)});
}

/// CLI11 parts groups by two blank lines, and has them in the order in which their first
/// options were added: what all programs have goes below what is the program's own.
class HelpText : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* parser, std::string name,
                        CLI::AppFormatMode mode) const override {
    std::string text = Formatter::make_help(parser, std::move(name), mode);
    for (std::size_t at = 0; (at = text.find("\n\n\n")) != text.npos;) text.erase(at, 1);
    const std::size_t begin = text.find(std::string("\n") + of_every_program + ":\n");
    const std::size_t end = text.find("\n\n", begin);
    const std::size_t footer = text.find("\n\n" + parser->get_footer());
    if (begin == text.npos || end >= footer || footer == text.npos) return text;
    const std::string group = text.substr(begin, end - begin);
    text.insert(footer, "\n" + group);
    return text.erase(begin, group.size() + 1);
  }
};

/// A standard stream that was closed is replaced by one that fails, so that no socket
/// takes its number and is written to as if it were the terminal.
void hold_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(fd, F_GETFD) < 0) [[maybe_unused]]
      const int held =
          ::open("/dev/null", (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
}

}  // namespace

int run_program(std::string_view name, const std::function<ExitCode()>& body) {
  hold_standard_streams();
  // A peer that is gone, a file that may not grow: errors of the call, and told as such.
  for (const int signal : {SIGPIPE, SIGXFSZ}) std::signal(signal, SIG_IGN);
  try {
    const int code = static_cast<int>(body());
    if (std::fflush(stdout) != 0)
      throw std::system_error(errno, std::generic_category(), "fflush");
    return code;
  } catch (const Failure& failure) {
    fmt::print(stderr, "{}: {}\n", name, failure.what());
    return static_cast<int>(failure.code);
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "{}: out of memory\n", name);
  } catch (const std::system_error& error) {  // {fmt}'s own does not say which file
    const bool at_stdout = std::ferror(stdout) != 0;
    fmt::print(stderr, "{}: {}{}\n", name, at_stdout ? "writing to stdout: " : "",
               error.what());
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", name, error.what());
  }
  return static_cast<int>(ExitCode::failure);
}

void set_up_parser(CLI::App& parser, const std::string& examples) {
  parser.formatter(std::make_shared<HelpText>());
  parser.get_formatter()->column_width(30);
  parser.set_version_flag("--version", version_text());
  add_tree_options(parser);
  add_config_options(parser);
  add_terminal_options(parser);
  for (CLI::Option* option : parser.get_options())
    if (option != parser.get_help_ptr()) option->group(of_every_program);
  parser.footer(examples + "\n" + exit_codes);
}

bool parse_command_line(CLI::App& parser, int argc, char** argv) {
  try {
    parser.parse(argc, argv);
    if (!wants_config(parser)) return true;
    fmt::print("{}", config_text(parser));
    return false;
  } catch (const CLI::Success& done) {
    std::ostringstream text;  // std::cout would not say why it could not be written
    parser.exit(done, text, text);
    fmt::print("{}", text.str());
    return false;
  } catch (const CLI::ExtrasError&) {
    refuse_unknown(parser);
  } catch (const CLI::ParseError& error) {
    throw UsageError(error.what());
  } catch (const UsageError&) {
    // The value of an unknown option looks like an argument: the option is what is wrong.
    const std::vector<std::string> unknown = parser.remaining();
    if (!unknown.empty() && unknown.front().starts_with('-')) refuse_unknown(parser);
    throw;
  }
}

CLI::Option* add_count(CLI::App& parser, const std::string& name, std::uint64_t& value,
                       const std::string& help, std::uint64_t least, std::uint64_t most) {
  const auto show = [](std::uint64_t n) { return std::to_string(n); };
  return add_bounded(parser, name, value, help, least, most, parse_count, show, "count",
                     "such as 64 or 10k");
}

CLI::Option* add_bytes(CLI::App& parser, const std::string& name, std::uint64_t& value,
                       const std::string& help, std::uint64_t least, std::uint64_t most) {
  return add_bounded(parser, name, value, help, least, most, parse_bytes, write_bytes,
                     "size", "such as 64, 16KiB or 1MB");
}

CLI::Option* add_duration(CLI::App& parser, const std::string& name, Nanoseconds& value,
                          const std::string& help, Nanoseconds least, Nanoseconds most) {
  return add_bounded(parser, name, value, help, least, most, parse_duration,
                     write_duration, "duration",
                     "with its unit, such as 300ms, 10s or 2m");
}

CLI::Option* add_endpoint(CLI::App& parser, const std::string& name, Endpoint& value,
                          const std::string& help) {
  const auto read = [&value](const std::string& given) {
    value = Endpoint::parse(given);
  };
  auto* option = parser.add_option_function<std::string>(name, read, help);
  option->default_str(value.text())->type_name("")->run_callback_for_default(false);
  return takes(option, {.kind = "endpoint"});
}

CLI::Option* add_choice(CLI::App& parser, const std::string& name, std::string& value,
                        const std::string& help, std::vector<std::string> choices) {
  const auto read = [name, &value, choices](const std::string& given) {
    if (std::ranges::find(choices, given) == choices.end())
      throw UsageError(fmt::format("{}: '{}' is none of {}{}", name, given,
                                   fmt::join(choices, ", "), nearest(given, choices)));
    value = given;
  };
  auto* option = parser.add_option_function<std::string>(
      name, read, fmt::format("{}: {}", fmt::join(choices, ", "), help));
  option->default_str(value)->type_name("")->run_callback_for_default(false);
  return takes(option, {.kind = "name", .choices = choices});
}

std::string nearest(std::string_view given, std::span<const std::string> known) {
  const std::string* best = nullptr;
  std::size_t least = std::max<std::size_t>(2, given.size() / 3) + 1;
  for (const std::string& name : known) {
    const std::size_t distance = edit_distance(given, name);
    if (distance >= least) continue;
    least = distance;
    best = &name;
  }
  return best == nullptr ? "" : fmt::format(", did you mean '{}'?", *best);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::size_t columns_of(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 100;
  return std::max<std::size_t>(60, size.ws_col);
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  const auto columns = [](std::string_view word) {  // one for each UTF-8 character
    return static_cast<std::size_t>(std::ranges::count_if(
        word, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  };
  std::vector<std::string> lines;
  std::size_t used = width;  // of the last line
  for (const std::string& word : split(text, ' ')) {
    if (lines.empty() || used + 1 + columns(word) > width) {
      lines.push_back(word);
      used = columns(word);
    } else {
      lines.back() += " " + word;
      used += 1 + columns(word);
    }
  }
  return lines;
}

std::uint64_t raise_descriptor_limit(std::uint64_t wanted) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit more{.rlim_cur = wanted,
                    .rlim_max = std::max<rlim_t>(wanted, limit.rlim_max)};
  if (wanted <= limit.rlim_max || ::setrlimit(RLIMIT_NOFILE, &more) != 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

std::string version_text() {
  std::string text =
      fmt::format("echolab {} ({}, {}", build::version, build::type, build::compiler);
  if (const auto commit = build::commit())
    text += fmt::format(", commit {}{}", commit->name, commit->is_dirty ? ", dirty" : "");
  return text + ")";
}

}  // namespace echolab

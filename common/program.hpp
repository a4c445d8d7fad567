// What every echolab program does alike: options with units, one line per error, the one
// table of exit codes.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/endpoint.hpp"
#include "common/error.hpp"
#include "common/units.hpp"

namespace CLI {  // its header costs a translation unit five seconds
class App;
class Option;
}  // namespace CLI

namespace echolab {

/// Runs `body` as main does: an error ends it with one line on stderr, `name: what`, and
/// its exit code. SIGPIPE and SIGXFSZ are ignored: a reader that is gone, a file that may
/// not grow are errors, not the end.
int run_program(std::string_view name, const std::function<ExitCode()>& body);

/// Adds --version and --config (common/config.hpp), the examples and the exit codes below
/// --help, and wide columns. Call it before any option of the program is added.
void set_up_parser(CLI::App& parser, const std::string& examples);

/// Parses. False when the program has said all that was asked (--help, --version,
/// --print-config). Throws UsageError for a wrong command line, with the nearest option
/// that exists.
bool parse_command_line(CLI::App& parser, int argc, char** argv);

// Options with units. What is given is checked when it is parsed; the error names the
// option, what was given and what would be right.
CLI::Option* add_count(CLI::App& parser, const std::string& name, std::uint64_t& value,
                       const std::string& help, std::uint64_t least, std::uint64_t most);
CLI::Option* add_bytes(CLI::App& parser, const std::string& name, std::uint64_t& value,
                       const std::string& help, std::uint64_t least, std::uint64_t most);
CLI::Option* add_duration(CLI::App& parser, const std::string& name, Nanoseconds& value,
                          const std::string& help, Nanoseconds least, Nanoseconds most);
CLI::Option* add_endpoint(CLI::App& parser, const std::string& name, Endpoint& value,
                          const std::string& help);

/// A text that is one of `choices`.
CLI::Option* add_choice(CLI::App& parser, const std::string& name, std::string& value,
                        const std::string& help, std::vector<std::string> choices);

/// ", did you mean 'x'?" for the nearest of `known` by edit distance, or nothing.
std::string nearest(std::string_view given, std::span<const std::string> known);

/// "a,b,c" in parts, without empty ones.
std::vector<std::string> split(std::string_view text, char separator = ',');

/// True for a terminal that wants colour: isatty, no NO_COLOR, TERM not dumb.
bool wants_colour(int fd);

/// The columns of the terminal at `fd`, 60 at least; elsewhere 100.
std::size_t columns_of(int fd);

/// The words of `text` in lines of at most `width` columns; one word that is longer has a
/// line of its own.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);

/// Raises the soft limit of open files to the hard one; as root to `wanted` if more.
/// Returns the limit that holds now.
std::uint64_t raise_descriptor_limit(std::uint64_t wanted);

/// Version of the suite, and how and from which commit this program was built.
std::string version_text();

}  // namespace echolab

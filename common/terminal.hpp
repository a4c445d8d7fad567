// What a terminal may be shown: colour, and a line that is written over.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace echolab {

/// --no-color and --plain. Of the whole program, from the parsing on; wants_colour()
/// (common/program.hpp) asks them, too.
void add_terminal_options(CLI::App& parser);

/// Whether a line at `fd` may be written over: it is a terminal, TERM is there and not
/// dumb, and --plain was not given.
bool wants_live_line(int fd);

/// The columns of the terminal at `fd`, however few they are; 80 where it does not say.
std::size_t live_columns(int fd);

/// The beginning of `text`, at most so many characters (UTF-8) of it; what would move
/// the cursor (a control character) is shown as '?'.
std::string clipped(std::string_view text, std::size_t columns);

}  // namespace echolab

// The options of a program as data, and what is made of them: completions for a shell, a
// man page, JSON.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace echolab {

/// The group of the options that all programs have. It stands below the others.
inline constexpr const char* of_every_program = "Of every program";

/// What an option takes, where CLI11 knows no more of it than that it is a text.
struct Takes {
  std::string kind;                    ///< one word for it: "file", "duration", "model"
  std::vector<std::string> choices{};  ///< there are no others
  bool is_list = false;                ///< several of them, comma-separated
  std::string least{};                 ///< both inclusive; empty: no bound
  std::string most{};
};

/// Lets the option carry it. --help does not show it, nor is it checked: whoever reads
/// the value does that. "file" and "folder" are kinds that a shell completes.
CLI::Option* takes(CLI::Option* option, const Takes& what);

/// One option, or one positional argument.
struct OptionRow {
  std::vector<std::string> names;  ///< "-d" and "--duration"; "server", where positional
  std::string group;
  std::string help;
  std::string default_value;  ///< as it would be typed; empty: none
  std::string variable;       ///< of the environment; empty: for the command line only
  Takes takes;                ///< a flag takes no kind
  bool is_positional = false;
  bool is_repeatable = false;        ///< may be given again, for one value more
  bool is_greedy = false;            ///< takes all values that follow
  std::vector<std::string> needs;    ///< options without which it is refused
  std::vector<std::string> refuses;  ///< options beside which it is refused

  [[nodiscard]] bool is_flag() const { return takes.kind.empty(); }
  /// The longest name, which messages and files use.
  [[nodiscard]] const std::string& name() const { return names.back(); }
};

struct ExitMeaning {
  int code;
  std::string text;
};

struct Example {
  std::string command;
  std::string purpose;  ///< may be empty
};

struct OptionTree {
  std::string program;
  std::string description;          ///< a sentence
  std::vector<OptionRow> rows;      ///< in the order of --help
  std::vector<std::string> groups;  ///< of options, in that order
  std::vector<Example> examples;
  std::vector<std::string> notes;  ///< the lines below them
  std::vector<ExitMeaning> exits;
};

/// "command  purpose", parted by two blanks or more; either may be empty.
std::pair<std::string, std::string> two_columns(std::string_view line);

/// Of a parser that has all its options. Examples, notes and exit codes are read out of
/// its footer, as set_up_parser puts it together.
OptionTree option_tree(CLI::App& parser);

/// Adds --completion, --man and --help-json: each prints and ends, whatever else is
/// given. Call it before any option of the program is added: an option that is wrong, or
/// a file that is not there, are then of no matter.
void add_tree_options(CLI::App& parser);

/// The tree as one object, for programs.
std::string help_json(const OptionTree& tree);

}  // namespace echolab

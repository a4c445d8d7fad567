// Options from a file and from the environment, and back into a file.
#pragma once

#include <string>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace echolab {

/// Adds --config and --print-config. Call it before any option of the program is added:
/// when CLI11 calls back for --config, each option that the command line does not give
/// takes its value from the environment (ECHOLAB_ and its name, as in ECHOLAB_WARM_UP;
/// an empty one gives nothing), else from the file, and is checked as if it were typed.
/// Throws UsageError that names the variable, or the file, the line and the key.
///
/// A key is the long name of an option with - or _, or the name of a positional one. An
/// option that shows something and ends is not configurable() and has none.
void add_config_options(CLI::App& parser);

/// ECHOLAB_WARM_UP of --warm-up; empty for an option that is for the command line only.
std::string variable_of(const CLI::Option& option);

/// True when --print-config asks for config_text instead of a run.
bool wants_config(const CLI::App& parser);

/// Every option as TOML below its help text. What was given, wherever, is set. What was
/// not stands in a comment with its default, because programs ask whether an option was
/// given: as a file, this means the same again. Throws UsageError for what is not UTF-8.
std::string config_text(const CLI::App& parser);

}  // namespace echolab

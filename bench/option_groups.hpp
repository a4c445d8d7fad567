// What the options of echo_compare are for, as --help groups them.
#pragma once

namespace CLI {
class App;
}

namespace echolab {

/// Puts each option of the program into its group. Call it when all have been added; one
/// that the table does not know stays where it is.
void group_compare_options(CLI::App& parser);

}  // namespace echolab

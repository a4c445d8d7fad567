// The unit of times that were measured: what fits each of them, or one for all.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace echolab {

/// --time-unit: auto, ns, us, ms, s. Of the whole program, from the parsing on.
void add_time_unit(CLI::App& parser);

/// Whether one was given: columns are wider then.
bool is_time_unit_fixed();

/// Three significant digits and what fits, "1.25 ms", or in the unit that was given, with
/// all digits before the point: "1250 us", "0.00125 s".
std::string show_time(double ns);

}  // namespace echolab

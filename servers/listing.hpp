// What echo_server --list prints.
#pragma once

namespace echolab {

/// The catalogue on stdout, by family, each model with its card in brief.
void list_models();
/// As a JSON array, with axes and census.
void list_models_as_json();

}  // namespace echolab

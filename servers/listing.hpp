// What echo_server --list and --explain print.
#pragma once

#include "servers/models.hpp"

namespace echolab {

/// The catalogue on stdout as a table, by family.
void list_models();
/// As a JSON array, with axes and census.
void list_models_as_json();
/// The card of one model, and its row of models.def.
void explain_model(const Model& model);

}  // namespace echolab

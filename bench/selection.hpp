// Which models a comparison takes: names, families, or all of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "servers/models.hpp"

namespace echolab {

/// "a,b": models by name, families by name ("many_loops", "user-level-threads"), "all",
/// or "classic", the six of the reference run. Nothing: those and the newer ones that a
/// reader will ask for. In the order of the catalogue, each once, whether it is available
/// here or not. Throws UsageError for a word that is none of these.
std::vector<const Model*> select_models(std::string_view text);

/// Every word that select_models knows, sorted.
std::vector<std::string> selection_words();

}  // namespace echolab

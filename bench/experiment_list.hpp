// The experiments, for people and for programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace echolab {

/// A paragraph each: name, question, what varies in each preset, and what is claimed.
std::string experiments_text(std::size_t width);
/// The same as an array of objects.
nlohmann::json experiments_json();

}  // namespace echolab

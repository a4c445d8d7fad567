// The metrics, for people and for programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace echolab {

/// A paragraph each: name, unit, which direction is better, and what it is.
std::string metrics_text(std::size_t width);
/// The same as an array of objects.
nlohmann::json metrics_json();

}  // namespace echolab

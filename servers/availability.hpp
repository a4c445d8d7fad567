// Whether this machine can run a model.
#pragma once

#include <optional>
#include <string>

#include "servers/models.hpp"

namespace echolab {

/// Empty: available. Else the reason in words, such as "io_uring is forbidden here".
std::optional<std::string> unavailable_because(const Model& model);

}  // namespace echolab

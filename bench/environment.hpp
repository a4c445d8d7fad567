// Where a result comes from: machine, kernel, limits, build, commit.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace echolab {

/// The member "environment" of a manifest (results/README.md). What cannot be read is
/// null.
nlohmann::json environment_json();
/// The member "build": how this program was compiled, and from which commit.
nlohmann::json build_json();

std::string host_name();

/// Who made the virtual machine; empty on a real one.
std::optional<std::string> hypervisor();

/// What about this machine or build makes its numbers less than they seem; one sentence
/// each, with a remedy where there is one.
std::vector<std::string> environment_warnings();

}  // namespace echolab

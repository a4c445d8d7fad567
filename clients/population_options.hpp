// --class: several populations of clients in one load.
#pragma once

#include <string>
#include <vector>

#include "clients/load.hpp"
#include "common/program.hpp"

namespace echolab {

/// Adds --class NAME:KEY=VALUE,... to the options of a load.
void add_class_options(CLI::App& parser, std::vector<std::string>& classes);

/// Makes `plan`, which has all other options already, the first of `classes`, which
/// leads, and the others its company. Each has the options of the load but for the keys
/// that it gives; arrivals (--rate) and a number of requests are the lead's alone.
/// Nothing to do where no class was given. Throws UsageError that names the class.
void complete_classes(const std::vector<std::string>& classes, const CLI::App& parser,
                      LoadPlan& plan);

}  // namespace echolab

// echo_load --search: loads at one rate after another, until the highest is known at
// which a promise holds.
#pragma once

#include <string>

#include "clients/load.hpp"
#include "clients/load_export.hpp"
#include "clients/workload_options.hpp"
#include "common/program.hpp"

namespace echolab {

/// As they were given.
struct SearchOptions {
  std::string promise;
  std::string precision = "5%";
};
void add_search_options(CLI::App& parser, SearchOptions& options);

/// Whether --search was given. Then refuses, by UsageError, what is for one load alone,
/// and gives the workload a rate to begin with where -R does not. To be called before
/// complete_workload().
bool is_search(const SearchOptions& options, const CLI::App& parser,
               WorkloadOptions& workload);

/// What is said for people alone.
struct SearchWords {
  bool quiet = false;    ///< no progress on stderr
  bool explain = false;  ///< the result in sentences, below the table or in the JSON
};

/// Searches and prints what was found, on SIGINT what was known by then. Throws as
/// run_load does, where not even the first load could run.
ExitCode search(const SearchOptions& options, const LoadPlan& plan,
                const ExportOptions& exports, const SearchWords& words);

}  // namespace echolab

// The options of a load that say how its requests come about, and how large they are.
#pragma once

#include <string>

#include "clients/arrivals.hpp"
#include "clients/load.hpp"
#include "common/program.hpp"

namespace echolab {

/// As they were given; empty: not given.
struct WorkloadOptions {
  ArrivalOptions arrivals;
  std::string think;
  double session_requests = 1;
  std::string on_busy = "queue";
  std::string size;
};
void add_workload_options(CLI::App& parser, WorkloadOptions& options);

/// Sets `plan.workload` and the sizes; a ramp lies where the measured window does. Throws
/// UsageError when the options do not fit together.
void complete_workload(const WorkloadOptions& options, const CLI::App& parser,
                       LoadPlan& plan);

}  // namespace echolab

// The options of a load that say what is asked with each request.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "clients/load.hpp"
#include "common/program.hpp"

namespace echolab {

/// `--protocol`, `--compute`, `--block` and `--heavy`, as they were given.
struct WorkOptions {
  std::string protocol = "echo";
  Nanoseconds compute{0};
  Nanoseconds block{0};
  std::string heavy;
};
void add_work_options(CLI::App& parser, WorkOptions& options);

/// Sets `plan.work`. Throws UsageError when the options do not fit together, or a request
/// does not fit the protocol.
void complete_work(const WorkOptions& options, const CLI::App& parser, LoadPlan& plan);

/// The member "work" of a plan: null for other protocols.
nlohmann::json work_json(const LoadPlan& plan);

/// "computes 50.0 us, blocks 2.00 ms, 1 % compute 1.00 ms more"; without work "".
std::string work_text(const LoadPlan& plan);

}  // namespace echolab

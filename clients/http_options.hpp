// The options of a load that say what is asked of an HTTP server.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "clients/load.hpp"
#include "common/program.hpp"

namespace echolab {

/// `--http-get`, as it was given. What is there before it is added is its default: then
/// there are no POSTs.
struct HttpOptions {
  std::string get;
};
void add_http_options(CLI::App& parser, HttpOptions& options);

/// Sets `plan.http` where `protocol` is "http". Throws UsageError when the options do not
/// fit together.
void complete_http(const HttpOptions& options, const std::string& protocol,
                   const CLI::App& parser, LoadPlan& plan);

/// The member "http" of a plan: null for other protocols, else {"get": the path, or null
/// for POSTs}.
nlohmann::json http_json(const LoadPlan& plan);

/// "200 and 612 B for each GET", or "POSTs, whose bodies come back".
std::string http_text(const LoadPlan& plan, const LoadResult& result);

}  // namespace echolab

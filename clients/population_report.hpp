// What the populations of a load are told as, beside the one that leads.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "clients/load.hpp"

namespace echolab {

/// {"name", "kind", "requests_per_connection", "ending", "bytes_per_second"}; null for a
/// load without classes.
nlohmann::json class_json(const LoadPlan& plan);

/// "slow-reader at 1.00k B/s", "churn of 10 requests, RST".
std::string manners_text(const Manners& manners);

/// Two lines for each of the company; "" where there is none.
std::string company_table(const LoadPlan& plan, const LoadResult& result);

/// What went wrong in the company, a text each: a connection that the server ended, or
/// that never had a reply. It is no fault of the lead's numbers.
std::vector<std::string> company_warnings(const LoadPlan& plan, const LoadResult& result);

/// How many connections of all the company failed; as there, that is no fault of the
/// lead.
std::uint64_t company_failed(const LoadResult& result);

/// Why nothing can be believed: somebody of the company got wrong bytes. Else empty.
std::string company_corrupt(const LoadPlan& plan, const LoadResult& result);

}  // namespace echolab

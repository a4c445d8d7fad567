// A search in plain sentences: what was sought, what was found, what limits it.
#pragma once

#include <string>
#include <vector>

#include "clients/search_report.hpp"

namespace echolab {

/// For who sees such a table for the first time, in the order of reading. A rate that no
/// trial of full length confirmed is called so, and what the client or the machine may
/// have broken is never the server's limit.
std::vector<std::string> explain_search(const SearchRecord& record);

}  // namespace echolab

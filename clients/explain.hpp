// A result in plain sentences: what was asked, what came out, what follows.
#pragma once

#include <string>
#include <vector>

#include "clients/load.hpp"
#include "common/program.hpp"

namespace echolab {

/// For who sees such a table for the first time, in the order of reading. Never more than
/// the verdict allows: of a load that is CORRUPT or FAILED no number is told, of one that
/// is UNSTEADY none that is an average, and of a CLIENT-BOUND or NOISY one all are
/// bounds.
std::vector<std::string> explain(const LoadPlan& plan, const LoadResult& result,
                                 const Judgement& judgement);

/// The sentences below a table, in lines of at most `width` columns.
std::string explanation_text(const std::vector<std::string>& sentences,
                             std::size_t width);
/// As wide as the terminal, 100 columns at most.
std::string explanation_text(const std::vector<std::string>& sentences);

/// Adds --explain.
void add_explain_option(CLI::App& parser, bool& explain);
/// Throws UsageError when --explain was given together with what has no place for it.
void check_explain(const CLI::App& parser);

}  // namespace echolab

// How often chance would make any of many ratios as one-sided as one of them.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace echolab {

/// Of two systems (> 0).
using RatiosByRound = std::map<std::uint64_t, double>;

/// The p of each of these ratios, corrected for all of them. Of two systems that are
/// alike A over B is in each round as likely as B over A: so whole rounds, with all
/// ratios in them, are turned over in every way, and p is the share of the ways in which
/// the greatest one-sidedness among all reaches that of the ratio looked at; step-down.
/// Of more than 12 rounds some ways are drawn, always the same. The report's numbers are
/// the same, and its text says more (scripts/report/sign_flips.py). Sources: Fisher, The
/// Design of Experiments, 21; Westfall and Young, Resampling-Based Multiple Testing,
/// 1993, 2.6.
std::vector<double> sign_flip_p(const std::vector<RatiosByRound>& family);

}  // namespace echolab

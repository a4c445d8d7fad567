// HdrHistogram's percentile distribution, the .hgrm files that its plotter takes.
#pragma once

#include <string>

#include "clients/histogram.hpp"

namespace echolab {

/// The text of HdrHistogram's outputPercentileDistribution: Value, Percentile,
/// TotalCount, 1/(1-Percentile), five steps to each half of the way to 100 %. Values are
/// in microseconds: three decimals are then whole nanoseconds. As there, a value is the
/// greatest of its bucket, Max too, and Mean and StdDeviation take each for its middle.
std::string percentile_distribution(const Histogram& histogram);

}  // namespace echolab

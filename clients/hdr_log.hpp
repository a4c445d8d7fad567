// HdrHistogram's interval log: a histogram that comes back exactly, bucket for bucket.
#pragma once

#include <string>
#include <string_view>

#include "clients/histogram.hpp"

namespace echolab {

/// What precedes the intervals of a log, format version 1.3: when it starts (seconds
/// since the epoch) and the legend. Interval_Max is in milliseconds, what is in the
/// histograms in nanoseconds, as the log tools have it by default.
std::string hdr_log_head(double start_unix_seconds);

/// One interval, a line of the log. `start_seconds` is counted from the log's start. A
/// `tag` tells several histograms of an interval apart (no comma or white space); tools
/// read the lines without one unless told otherwise. The histogram is in encoding V2:
/// counts as ZigZag LEB128, a run of empty buckets as one negative number, deflated, in
/// base64. Throws std::runtime_error when zlib fails.
std::string hdr_log_line(double start_seconds, double seconds, const Histogram& histogram,
                         std::string_view tag = "");

}  // namespace echolab

// The lines of an interval log; what is in them, HdrHistogram reads in
// histogram_files_test.py.

#include "clients/hdr_log.hpp"

#include <gtest/gtest.h>

namespace echolab {
namespace {

TEST(HdrLog, HasVersionStartAndLegendBeforeItsIntervals) {
  EXPECT_EQ(hdr_log_head(1'441'812'279.474),
            "#[Histogram log format version 1.3]\n"
            "#[StartTime: 1441812279.474 (seconds since epoch), "
            "Wed Sep 09 15:24:39 UTC 2015]\n"
            "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
            "\"Interval_Compressed_Histogram\"\n");
}

// The cookie of deflated V2 is 1c 84 93 14: "HISTF" in base64.
TEST(HdrLog, AnIntervalHasItsTimesAndItsMaximumInMilliseconds) {
  Histogram histogram;
  histogram.record(2'769'000);
  const std::string line = hdr_log_line(0.127, 1.007, histogram);
  EXPECT_TRUE(line.starts_with("0.127,1.007,2.769,HISTF")) << line;
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

TEST(HdrLog, ATagStandsBeforeTheIntervalItNames) {
  Histogram histogram;
  histogram.record(5);
  EXPECT_EQ(hdr_log_line(0, 1, histogram, "service"),
            "Tag=service," + hdr_log_line(0, 1, histogram));
}

}  // namespace
}  // namespace echolab

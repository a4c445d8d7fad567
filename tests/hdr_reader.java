// Reads interval logs with HdrHistogram's own reader: one JSON object a line and interval.
//   java -cp /usr/share/java/hdrhistogram.jar tests/hdr_reader.java FILE...

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.HistogramIterationValue;
import org.HdrHistogram.HistogramLogReader;

class HdrReader {
  public static void main(String[] files) throws Exception {
    for (String file : files) {
      HistogramLogReader reader = new HistogramLogReader(new File(file));
      while (reader.hasNext())
        System.out.println(json(file, (Histogram) reader.nextIntervalHistogram()));
      reader.close();
    }
  }

  static String json(String file, Histogram histogram) {
    List<String> buckets = new ArrayList<>();
    for (HistogramIterationValue value : histogram.recordedValues()) {
      long upper = value.getValueIteratedTo();
      buckets.add("[" + histogram.lowestEquivalentValue(upper) + "," + upper + ","
          + value.getCountAtValueIteratedTo() + "]");
    }
    return "{\"file\":" + text(file) + ",\"tag\":" + text(histogram.getTag())
        + ",\"start_ms\":" + histogram.getStartTimeStamp() + ",\"end_ms\":"
        + histogram.getEndTimeStamp() + ",\"n\":" + histogram.getTotalCount()
        + ",\"digits\":" + histogram.getNumberOfSignificantValueDigits() + ",\"min\":"
        + histogram.getMinValue() + ",\"max\":" + histogram.getMaxValue() + ",\"mean\":"
        + histogram.getMean() + ",\"p50\":" + histogram.getValueAtPercentile(50)
        + ",\"p90\":" + histogram.getValueAtPercentile(90) + ",\"p99\":"
        + histogram.getValueAtPercentile(99) + ",\"p999\":"
        + histogram.getValueAtPercentile(99.9) + ",\"histogram\":" + buckets
        + ",\"distribution\":" + text(distribution(histogram)) + "}";
  }

  /// In microseconds, five steps to each half of the way to 100 %.
  static String distribution(Histogram histogram) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    histogram.outputPercentileDistribution(new PrintStream(bytes), 5, 1000.0);
    return bytes.toString();
  }

  static String text(String text) {
    return text == null ? "null" : "\"" + text.replace("\n", "\\n") + "\"";
  }
}

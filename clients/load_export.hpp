// Where the result of a load goes besides the table: JSON, CSV, HdrHistogram's files.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "clients/histogram.hpp"
#include "clients/intervals.hpp"
#include "clients/load.hpp"
#include "common/fd.hpp"
#include "common/program.hpp"

namespace echolab {

/// `--json`, `--csv`, `--hgrm`, `--hdr-log` and `--intervals`, as they were given.
struct ExportOptions {
  bool json = false;
  bool csv = false;
  std::optional<std::string> hgrm;
  std::optional<std::string> hdr_log;
  std::optional<std::string> intervals;
};
void add_export_options(CLI::App& parser, ExportOptions& options);

/// A file that is there whole or not at all: it is written beside its place, and takes it
/// when it is complete. What was there stays until then.
class WholeFile {
 public:
  /// Throws UsageError naming `option` when it cannot be written there: tried now, for
  /// the work that fills it may take long.
  WholeFile(std::string option, std::string path);
  /// Removes what was not put in place.
  ~WholeFile();
  WholeFile(const WholeFile&) = delete;
  WholeFile& operator=(const WholeFile&) = delete;

  /// Writes all of it and puts it in place, once. Throws Failure naming the option.
  void put(std::string_view text);

 private:
  [[noreturn]] void fail() const;

  std::string option_;
  std::string path_;
  std::string temporary_;
  Fd fd_;
};

/// The files of one load.
class LoadFiles {
 public:
  /// Throws UsageError for a path that cannot be written, and for --json with --csv.
  explicit LoadFiles(const ExportOptions& options);

  /// A line of JSON at once, for who follows it; the HDR log has it in the end.
  void add(const LoadInterval& interval);

  /// `start_unix_seconds`: when the window began, since the epoch.
  void write(const Histogram& latency, double start_unix_seconds, double seconds);

 private:
  std::optional<WholeFile> hgrm_;
  std::optional<WholeFile> hdr_log_;
  std::string intervals_path_;
  Fd intervals_;
  std::string hdr_lines_;  ///< of the intervals
};

/// {"number", "begin_seconds", "seconds", "rest", "requests", "requests_per_second",
/// "latency_ns": {…}} of one interval.
nlohmann::json interval_json(const LoadInterval& interval);

/// Sets `plan.interval` where its files need one: 1 s. Throws UsageError for one below
/// 10 ms, or without a file that would tell of it.
void complete_intervals(const ExportOptions& options, LoadPlan& plan);

/// A header and one row (RFC 4180, but lines end as everywhere here) of what echo_load
/// --json has. What does not exist is empty.
std::string load_csv(const nlohmann::json& row);

}  // namespace echolab

#include "clients/load_export.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstring>
#include <filesystem>

#include "clients/hdr_log.hpp"
#include "clients/load_report.hpp"
#include "clients/percentile_distribution.hpp"
#include "common/option_tree.hpp"

namespace echolab {
namespace {

/// Replacing a device, or a folder, is not what anybody means.
bool is_replaceable(const std::string& path) {
  std::error_code unknown;
  const auto status = std::filesystem::status(path, unknown);
  return !std::filesystem::exists(status) || std::filesystem::is_regular_file(status);
}

struct Column {
  const char* name;
  const char* where;  ///< in the JSON: a pointer of RFC 6901
};
constexpr Column columns[] = {
    {"server", "/plan/server"},
    {"protocol", "/plan/protocol"},
    {"connections", "/plan/connections"},
    {"threads", "/plan/threads"},
    {"pipeline", "/plan/pipeline"},
    {"payload_bytes", "/plan/payload_bytes"},
    {"seconds", "/seconds"},
    {"requests", "/requests"},
    {"requests_per_second", "/requests_per_second"},
    {"latency_mean_ns", "/latency_ns/mean"},
    {"latency_min_ns", "/latency_ns/min"},
    {"latency_p50_ns", "/latency_ns/p50"},
    {"latency_p90_ns", "/latency_ns/p90"},
    {"latency_p99_ns", "/latency_ns/p99"},
    {"latency_p999_ns", "/latency_ns/p999"},
    {"latency_max_ns", "/latency_ns/max"},
    {"jain", "/fairness/jain"},
    {"starved", "/fairness/starved"},
    {"longest_starvation_ns", "/fairness/longest_starvation_ns"},
    {"errors_connect", "/errors/connect"},
    {"errors_timeout", "/errors/timeout"},
    {"errors_reset", "/errors/reset"},
    {"errors_closed_early", "/errors/closed_early"},
    {"errors_mismatch", "/errors/mismatch"},
    {"errors_lost_replies", "/errors/lost_replies"},
    {"datagrams_sent", "/datagrams/sent"},
    {"datagrams_lost", "/datagrams/lost"},
    {"client_cpu_ns_per_request", "/client/cpu_ns_per_request"},
    {"client_cpu_cores_used", "/client/cpu_cores_used"},
    {"partial", "/partial"},
    {"verdict", "/verdict"},
    {"reason", "/reason"},
};

std::string csv_field(const nlohmann::json& value) {
  if (value.is_null()) return "";
  if (!value.is_string()) return value.dump();
  auto text = value.get<std::string>();
  if (text.find_first_of("\",\r\n") == text.npos) return text;
  for (std::size_t at = 0; (at = text.find('"', at)) != text.npos; at += 2)
    text.insert(at, 1, '"');
  return '"' + text + '"';
}

}  // namespace

void add_export_options(CLI::App& parser, ExportOptions& options) {
  parser.add_flag("--json", options.json,
                  "one JSON object on stdout instead of the table");
  parser.add_flag("--csv", options.csv, "a header and one row of CSV instead of it");
  takes(parser.add_option(
            "--hgrm", options.hgrm,
            "write the latencies as HdrHistogram's percentile distribution, us"),
        {.kind = "file"});
  takes(parser.add_option(
            "--hdr-log", options.hdr_log,
            "write them as an HdrHistogram log (V2), ns: one interval, or --interval's"),
        {.kind = "file"});
  takes(parser.add_option("--intervals", options.intervals,
                          "write a line of JSON per --interval, as it ends"),
        {.kind = "file"});
}

WholeFile::WholeFile(std::string option, std::string path)
    : option_(std::move(option)),
      path_(std::move(path)),
      temporary_(fmt::format("{}.{}.tmp", path_, ::getpid())) {
  if (path_.empty()) throw UsageError(option_ + ": '' is no file");
  if (!is_replaceable(path_))
    throw UsageError(
        fmt::format("{}: '{}' is there, and no regular file", option_, path_));
  fd_ = Fd(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!fd_)
    throw UsageError(fmt::format("{}: '{}' cannot be written: {}", option_, path_,
                                 std::strerror(errno)));
}

WholeFile::~WholeFile() {
  if (fd_) ::unlink(temporary_.c_str());
}

void WholeFile::fail() const {
  throw Failure(ExitCode::failure, fmt::format("{}: writing '{}': {}", option_, path_,
                                               std::strerror(errno)));
}

void WholeFile::put(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd_.get(), text.data(), text.size());
    if (written < 0 && errno != EINTR) fail();
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(fd_.get()) < 0 || ::rename(temporary_.c_str(), path_.c_str()) < 0) fail();
  fd_.reset();
}

LoadFiles::LoadFiles(const ExportOptions& options) {
  if (options.json && options.csv) throw UsageError("--csv: not together with --json");
  if (options.hgrm && options.hgrm == options.hdr_log)
    throw UsageError(fmt::format("--hdr-log: '{}' is --hgrm's file", *options.hdr_log));
  if (options.hgrm) hgrm_.emplace("--hgrm", *options.hgrm);
  if (options.hdr_log) hdr_log_.emplace("--hdr-log", *options.hdr_log);
  if (!options.intervals) return;
  intervals_path_ = *options.intervals;
  intervals_ =
      Fd(::open(intervals_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!intervals_)
    throw UsageError(fmt::format("--intervals: '{}' cannot be written: {}",
                                 intervals_path_, std::strerror(errno)));
}

void LoadFiles::add(const LoadInterval& interval) {
  if (hdr_log_)
    hdr_lines_ +=
        hdr_log_line(interval.begin_seconds, interval.seconds, interval.response);
  if (!intervals_) return;
  const std::string line = interval_json(interval).dump() + "\n";
  for (std::string_view rest = line; !rest.empty();) {
    const ssize_t written = ::write(intervals_.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0)
      throw Failure(ExitCode::failure,
                    fmt::format("--intervals: writing '{}': {}", intervals_path_,
                                std::strerror(errno)));
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

void LoadFiles::write(const Histogram& latency, double start_unix_seconds,
                      double seconds) {
  if (hgrm_) hgrm_->put(percentile_distribution(latency));
  if (hdr_log_)
    hdr_log_->put(hdr_log_head(start_unix_seconds) +
                  (hdr_lines_.empty() ? hdr_log_line(0, seconds, latency) : hdr_lines_));
}

nlohmann::json interval_json(const LoadInterval& interval) {
  const auto requests = static_cast<double>(interval.response.count());
  return {{"number", interval.number},
          {"begin_seconds", interval.begin_seconds},
          {"seconds", interval.seconds},
          {"rest", interval.is_rest},
          {"requests", interval.response.count()},
          {"requests_per_second", interval.seconds > 0
                                      ? nlohmann::json(requests / interval.seconds)
                                      : nlohmann::json()},
          {"latency_ns", times_json(interval.response)}};
}

void complete_intervals(const ExportOptions& options, LoadPlan& plan) {
  using namespace std::chrono_literals;
  if (plan.interval == 0s) {
    if (options.intervals) plan.interval = 1s;
    return;
  }
  if (plan.interval < 10ms)
    throw UsageError(
        fmt::format("--interval: {} ns is less than 10 ms", plan.interval.count()));
  if (!options.intervals && !options.hdr_log)
    throw UsageError("--interval: give --intervals FILE or --hdr-log FILE as well");
}

std::string load_csv(const nlohmann::json& row) {
  std::string names;
  std::string values;
  for (const auto& [name, where] : columns) {
    const char* separator = names.empty() ? "" : ",";
    const nlohmann::json::json_pointer pointer(where);
    names += separator + std::string(name);
    values +=
        separator + csv_field(row.contains(pointer) ? row.at(pointer) : nlohmann::json());
  }
  return names + "\n" + values + "\n";
}

}  // namespace echolab

#include "clients/load_record.hpp"

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>
#include <utility>

#include "clients/error_kinds.hpp"
#include "clients/load_report.hpp"
#include "common/error.hpp"

namespace echolab {
namespace {

using Json = nlohmann::json;

/// Above this no counter of a load comes, and sums of thousands of them do not overflow.
constexpr std::uint64_t most = Histogram::most_values;
constexpr double longest_s = 100 * 365 * 86'400.0;
/// Of the rates, which are written as doubles.
constexpr double rounding = 1e-9;

/// A member of a file, that knows where it is: what is wrong names both.
class Member {
 public:
  Member(const std::string& file, const Json& value, std::string path = "")
      : file_(file), value_(value), path_(std::move(path)) {}

  [[noreturn]] void refuse(const std::string& why) const {
    throw UsageError(fmt::format("{}: {}: {}", file_, path_, why));
  }
  [[nodiscard]] Member operator[](const char* name) const {
    const std::string path = path_.empty() ? name : path_ + "." + name;
    if (!has(name)) Member(file_, value_, path).refuse("is missing");
    return {file_, value_.at(name), path};
  }
  [[nodiscard]] bool has(const char* name) const {
    return value_.is_object() && value_.contains(name);
  }
  [[nodiscard]] bool is_null() const { return value_.is_null(); }
  [[nodiscard]] const Json& json() const { return value_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  /// In ASCII, on one line.
  [[nodiscard]] std::string shown() const {
    const std::string text = value_.dump(-1, ' ', true, Json::error_handler_t::replace);
    return text.size() <= 40 ? text : text.substr(0, 37) + "...";
  }

  [[nodiscard]] std::uint64_t count(std::uint64_t greatest = most) const {
    if (!value_.is_number_unsigned() || value_.get<std::uint64_t>() > greatest)
      refuse(fmt::format("{} is no whole number from 0 to {}", shown(), greatest));
    return value_.get<std::uint64_t>();
  }
  [[nodiscard]] double number(double greatest) const {
    const double number = value_.is_number() ? value_.get<double>() : -1;
    if (!(number >= 0 && number <= greatest))
      refuse(fmt::format("{} is no number from 0 to {:g}", shown(), greatest));
    return number;
  }
  [[nodiscard]] Nanoseconds seconds() const {
    return Nanoseconds(std::llround(number(longest_s) * 1e9));
  }
  [[nodiscard]] std::chrono::microseconds whole_us() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(
        Nanoseconds(static_cast<std::int64_t>(count())));
  }
  [[nodiscard]] std::string text() const {
    if (!value_.is_string()) refuse(shown() + " is no text");
    return value_.get<std::string>();
  }
  [[nodiscard]] bool truth() const {
    if (!value_.is_boolean()) refuse(shown() + " is neither true nor false");
    return value_.get<bool>();
  }
  [[nodiscard]] std::vector<Member> list() const {
    if (!value_.is_array()) refuse(shown() + " is no list");
    std::vector<Member> members;
    for (const Json& value : value_)
      members.emplace_back(file_, value, fmt::format("{}[{}]", path_, members.size()));
    return members;
  }

 private:
  const std::string& file_;
  const Json& value_;
  std::string path_;
};

WorkMix read_work(const Member& work) {
  return {work["compute_ns"].whole_us(), work["block_ns"].whole_us(),
          work["heavy_share"].number(1), work["heavy_compute_ns"].whole_us()};
}

HttpAsk read_http(const Member& http) {
  if (http["get"].is_null()) return {};
  return {http["get"].text()};
}

/// What of it judges and describes a result.
Workload read_workload(const Member& row) {
  Workload workload;
  const std::string name = row["workload"].text();
  workload.told = name + " loop";
  if (!row.has("arrivals") || row["arrivals"].is_null()) return workload;
  workload.told += ", " + row["arrivals"].text();
  workload.arrivals.emplace();
  return workload;
}

LoadPlan read_plan(const Member& row) {
  LoadPlan plan;
  const Member server = row["server"];
  try {
    plan.server = Endpoint::parse(server.text());
  } catch (const UsageError&) {
    server.refuse(server.shown() + " is no endpoint");
  }
  plan.connections = row["connections"].count();
  plan.threads = row["threads"].count();
  plan.duration = row["duration_seconds"].seconds();
  plan.requests = row["requests"].count();
  plan.payload_bytes = row["payload_bytes"].count();
  plan.pipeline = row["pipeline"].count();
  plan.datagram_timeout = row["datagram_timeout_seconds"].seconds();
  plan.workload = read_workload(row);
  if (row.has("parts")) {
    plan.parts = row["parts"].count();
    const std::uint64_t part = row["part"].count();
    if (part < 1 || part > plan.parts)
      row["part"].refuse(fmt::format("{} of {}", part, plan.parts));
    plan.part = part - 1;
  }
  if (const Member work = row["work"]; !work.is_null()) plan.work = read_work(work);
  if (row.has("http") && !row["http"].is_null()) plan.http = read_http(row["http"]);
  if (plan.connections == 0) row["connections"].refuse("0 connections");
  if (plan.threads == 0) row["threads"].refuse("0 threads");
  if (plan.pipeline == 0) row["pipeline"].refuse("0 requests outstanding");
  return plan;
}

/// Of a row that has classes; else as they are without.
void read_class(const Member& row, LoadPlan& plan) {
  if (!row.has("class") || row["class"].is_null()) return;
  const Member its = row["class"];
  plan.name = its["name"].text();
  plan.manners.requests = its["requests_per_connection"].count();
  plan.manners.rate = its["bytes_per_second"].number(1e15);
  if (its["ending"].text() == "rst") plan.manners.ending = Manners::Ending::rst;
  constexpr int kinds = static_cast<int>(Manners::Kind::half_close) + 1;
  int kind = 0;
  while (kind < kinds && text_of(static_cast<Manners::Kind>(kind)) != its["kind"].text())
    ++kind;
  if (kind == kinds) its["kind"].refuse(its["kind"].shown() + " is no kind");
  plan.manners.kind = static_cast<Manners::Kind>(kind);
}

/// From the buckets, and the member that sums them up.
Histogram read_histogram(const Member& buckets_member, const Member& summary) {
  constexpr std::uint64_t any = ~std::uint64_t{0};
  std::vector<Histogram::Bucket> buckets;
  for (const Member& bucket : buckets_member.list()) {
    const std::vector<Member> numbers = bucket.list();
    if (numbers.size() != 3) bucket.refuse("is not [lower_ns, upper_ns, count]");
    buckets.push_back({numbers[0].count(any), numbers[1].count(any), numbers[2].count()});
  }
  const Histogram::Totals totals{summary["sum"].count(any), summary["min"].count(any),
                                 summary["max"].count(any), summary["overflow"].count()};
  try {
    Histogram histogram = Histogram::restored(buckets, totals);
    if (summary["n"].count() != histogram.count())
      summary["n"].refuse(fmt::format("{} values, in the buckets are {}",
                                      summary["n"].count(), histogram.count()));
    return histogram;
  } catch (const std::invalid_argument& error) {
    buckets_member.refuse(fmt::format("with {}: {}", summary.path(), error.what()));
  }
}

LoadDetails read_details(const Member& row) {
  const Member all = row["histograms"];
  return {read_histogram(all["service"], row["service_ns"]),
          read_histogram(all["blocked"], row["blocked_ns"]),
          read_histogram(all["lag"], row["lag_ns"]),
          read_histogram(all["connect"], row["connect_ns"]),
          read_histogram(all["first_byte"], row["first_byte_ns"]),
          read_histogram(all["close"], row["close_ns"])};
}

void read_offered(const Member& offered, LoadResult& result) {
  result.offered = offered["arrivals"].count();
  result.dropped = offered["dropped"].count();
  result.unfinished = offered["unfinished"].count();
  const Member growth = offered["backlog_growth"];
  if (!growth.json().is_number_integer()) growth.refuse("is no whole number");
  result.backlog_growth = growth.json().get<std::int64_t>();
  result.clock_late_ns_p99 = offered["clock_late_ns_p99"].number(1e15);
}

LoadErrors read_errors(const Member& errors) {
  LoadErrors read;
  for (const auto& [name, count] : error_ends) read.*count = errors[name].count();
  for (const auto& [name, count] : error_kinds)
    if (errors.has(name)) read.*count = errors[name].count();
  return read;
}

DatagramCounts read_datagrams(const Member& datagrams) {
  return {datagrams["sent"].count(),           datagrams["lost"].count(),
          datagrams["lost_in_window"].count(), datagrams["late"].count(),
          datagrams["duplicated"].count(),     datagrams["reordered"].count()};
}

Verdict read_verdict(const Member& verdict) {
  const std::string text = verdict.text();
  for (int i = 0; i <= static_cast<int>(Verdict::failed); ++i)
    if (verdict_text(static_cast<Verdict>(i)) == text) return static_cast<Verdict>(i);
  verdict.refuse(verdict.shown() + " is no verdict");
}

/// By when in the window the requests were answered.
void read_parts(const Member& parts, LoadResult& result) {
  const std::vector<Member> counts = parts.list();
  if (counts.size() != result.parts.size())
    parts.refuse(fmt::format("{} parts, not {}", counts.size(), result.parts.size()));
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i)
    sum += result.parts[i] = counts[i].count();
  if (sum != result.requests)
    parts.refuse(fmt::format("{} in all, requests are {}", sum, result.requests));
}

LoadResult read_result(const Member& row) {
  LoadResult result;
  result.seconds = row["seconds"].number(longest_s);
  result.requests = row["requests"].count();
  result.response = read_histogram(row["histogram"], row["latency_ns"]);
  if (row.has("slowest_at_seconds") && !row["slowest_at_seconds"].is_null())
    result.slowest_at_ns = row["slowest_at_seconds"].seconds().count();
  result.details.reset();
  if (row.has("histograms")) result.details = read_details(row);
  if (row.has("reply_body_bytes")) result.reply_bytes = row["reply_body_bytes"].count();
  if (row.has("offered")) read_offered(row["offered"], result);
  result.connected = row["connected"].count();
  result.errors = read_errors(row["errors"]);
  if (row.has("datagrams")) result.datagrams = read_datagrams(row["datagrams"]);
  result.client_cpu_ns =
      row["client"]["cpu_cores_used"].number(1e6) * 1e9 * result.seconds;
  if (row["client"].has("memory_bytes"))
    result.memory_bytes = row["client"]["memory_bytes"].count();
  if (row.has("first_failure")) result.first_failure = row["first_failure"].text();
  if (row.has("parts")) read_parts(row["parts"], result);
  const Member per_client = row["fairness"]["requests_per_client"];
  std::uint64_t sum = 0;
  for (const Member& one : per_client.list()) {
    result.requests_per_connection.push_back(one.count());
    sum += one.count();
  }
  if (sum != result.requests)
    per_client.refuse(fmt::format("{} in all, requests are {}", sum, result.requests));
  const double told = row["requests_per_second"].number(1e15);
  const double rate = result.requests_per_second();
  if (std::abs(told - rate) > rounding * rate)
    row["requests_per_second"].refuse(
        fmt::format("{:g}, requests / seconds are {:g}", told, rate));
  return result;
}

}  // namespace

LoadRecord load_from_json(const std::string& file, const std::string& text) {
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::exception& error) {
    throw UsageError(fmt::format("{}: is not JSON: {}", file, error.what()));
  }
  const Member row(file, json);
  if (row.has("merged_from")) row["merged_from"].refuse("merge its parts instead");
  if (row["schema_version"].count() != load_schema_version)
    row["schema_version"].refuse(fmt::format("not {}", load_schema_version));
  LoadRecord record;
  record.file = file;
  record.plan = read_plan(row["plan"]);
  read_class(row, record.plan);
  record.result = read_result(row);
  record.result.interrupted = row["partial"].truth();
  if (row.has("classes"))
    for (const Member& other : row["classes"].list()) {
      record.plan.company.push_back(read_plan(other["plan"]));
      read_class(other, record.plan.company.back());
      record.result.company.push_back(read_result(other));
    }
  record.judgement = {read_verdict(row["verdict"]), row["reason"].text()};
  if (row.has("warnings"))
    for (const Member& warning : row["warnings"].list())
      record.judgement.warnings.push_back(warning.text());
  record.started_unix_seconds = row["started_unix_seconds"].number(longest_s * 2);
  record.row = std::move(json);
  return record;
}

}  // namespace echolab

#include "clients/load_merge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

#include "clients/load_report.hpp"

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
  if (const Member work = row["work"]; !work.is_null()) plan.work = read_work(work);
  if (row.has("http") && !row["http"].is_null()) plan.http = read_http(row["http"]);
  if (plan.connections == 0) row["connections"].refuse("0 connections");
  if (plan.threads == 0) row["threads"].refuse("0 threads");
  if (plan.pipeline == 0) row["pipeline"].refuse("0 requests outstanding");
  return plan;
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
  // What a file does not tell of these, it was made before they were.
  const auto part = [&](const char* name) {
    return errors.has(name) ? errors[name].count() : 0;
  };
  LoadErrors read{.connect = errors["connect"].count(),
                  .timeout = errors["timeout"].count(),
                  .reset = errors["reset"].count(),
                  .closed_early = errors["closed_early"].count(),
                  .mismatch = errors["mismatch"].count(),
                  .lost_replies = errors["lost_replies"].count(),
                  .altered = part("altered"),
                  .duplicated = part("duplicated"),
                  .dropped = part("dropped"),
                  .swapped = part("swapped"),
                  .unasked = part("unasked"),
                  .refused = part("refused"),
                  .truncated = part("truncated"),
                  .stalled = part("stalled"),
                  .silent = part("silent")};
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
  result.interrupted = row["partial"].truth();
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

std::string content_of(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  if (!stream || !(text << stream.rdbuf()))
    throw UsageError(fmt::format("--merge: '{}' cannot be read, or is empty", file));
  return text.str();
}

/// Throws when two plans ask for different loads.
void check_alike(const LoadRecord& first, const LoadRecord& other) {
  static const std::set<std::string> free = {"seed", "server", "connections", "part",
                                             "alone"};
  const auto shown = [](const Json& row, const std::string& name) {
    return row.contains(name) ? row.at(name).dump() : "missing";
  };
  const auto refuse = [&](const std::string& name) {
    throw UsageError(fmt::format(
        "{}: plan.{} is {}, in {} it is {}: only loads of like plans are one load",
        other.file, name, shown(other.plan_row, name), first.file,
        shown(first.plan_row, name)));
  };
  if (other.plan.server.is_datagram() != first.plan.server.is_datagram())
    refuse("server");
  for (const Json* names : {&first.plan_row, &other.plan_row})
    for (const auto& [name, value] : names->items())
      if (!free.contains(name) &&
          shown(first.plan_row, name) != shown(other.plan_row, name))
        refuse(name);
}

void add(LoadResult& sum, const LoadRecord& part) {
  const LoadResult& result = part.result;
  if (result.response.totals().sum_ns > ~sum.response.totals().sum_ns ||
      result.response.count() > most - sum.response.count())
    throw UsageError(part.file +
                     ": latency_ns.sum: more with the others than is counted");
  sum.seconds = std::max(sum.seconds, result.seconds);
  if (sum.reply_bytes == 0) sum.reply_bytes = result.reply_bytes;
  if (sum.reply_bytes != result.reply_bytes)
    throw UsageError(fmt::format("{}: reply_body_bytes is {}, in another it is {}",
                                 part.file, result.reply_bytes, sum.reply_bytes));
  sum.requests += result.requests;
  sum.summed_rate = sum.summed_rate.value_or(0) + result.requests_per_second();
  if (result.response.count() > 0 &&
      (sum.response.count() == 0 || result.response.max_ns() > sum.response.max_ns()))
    sum.slowest_at_ns = result.slowest_at_ns;
  sum.response.merge(result.response);
  if (sum.details && result.details)
    sum.details->merge(*result.details);
  else
    sum.details.reset();
  sum.offered += result.offered;
  sum.dropped += result.dropped;
  sum.unfinished += result.unfinished;
  sum.backlog_growth += result.backlog_growth;
  sum.clock_late_ns_p99 = std::max(sum.clock_late_ns_p99, result.clock_late_ns_p99);
  sum.requests_per_connection.insert(sum.requests_per_connection.end(),
                                     result.requests_per_connection.begin(),
                                     result.requests_per_connection.end());
  sum.connected += result.connected;
  sum.errors += result.errors;
  sum.datagrams += result.datagrams;
  sum.client_cpu_ns += result.client_cpu_ns;
  sum.interrupted |= result.interrupted;
}

/// The worst of the parts, by its file's name; the sum's own when all are valid.
Judgement worst(const std::vector<LoadRecord>& parts, const Judgement& of_the_sum) {
  for (const Verdict verdict : {Verdict::corrupt, Verdict::failed, Verdict::overloaded,
                                Verdict::client_bound, Verdict::unsteady, Verdict::noisy})
    for (const LoadRecord& part : parts)
      if (part.judgement.verdict == verdict)
        return {verdict, fmt::format("{}: {}", part.file, part.judgement.reason)};
  return of_the_sum;
}

Json part_json(const LoadRecord& part) {
  return {{"file", part.file},
          {"server", part.plan.server.text()},
          {"connections", part.plan.connections},
          {"seed", part.plan_row.value("seed", Json())},
          {"started_unix_seconds", part.started_unix_seconds},
          {"seconds", part.result.seconds},
          {"requests", part.result.requests},
          {"requests_per_second", part.result.requests_per_second()},
          {"verdict", verdict_text(part.judgement.verdict)}};
}

std::vector<LoadRecord> read_all(const std::vector<std::string>& files) {
  std::vector<LoadRecord> parts;
  std::set<std::string> seen;
  for (const std::string& file : files) {
    if (!seen.insert(file).second)
      throw UsageError(fmt::format("--merge: '{}' is given twice", file));
    parts.push_back(load_from_json(file, content_of(file)));
    check_alike(parts.front(), parts.back());
  }
  return parts;
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
  record.plan_row = row["plan"].json();
  record.plan = read_plan(row["plan"]);
  record.result = read_result(row);
  record.judgement = {read_verdict(row["verdict"]), row["reason"].text()};
  record.started_unix_seconds = row["started_unix_seconds"].number(longest_s * 2);
  return record;
}

MergedLoad merge_loads(const std::vector<std::string>& files) {
  const std::vector<LoadRecord> parts = read_all(files);
  MergedLoad merged;
  merged.plan = parts.front().plan;
  merged.started_unix_seconds = parts.front().started_unix_seconds;
  merged.plan.connections = merged.plan.threads = merged.plan.requests = 0;
  auto from = Json::array();
  std::string lines = fmt::format("merged from {}:\n", parts.size());
  for (const LoadRecord& part : parts) {
    add(merged.result, part);
    merged.plan.connections += part.plan.connections;
    merged.plan.threads += part.plan.threads;
    merged.plan.requests += part.plan.requests;
    merged.started_unix_seconds =
        std::min(merged.started_unix_seconds, part.started_unix_seconds);
    from.push_back(part_json(part));
    lines += fmt::format("  {}   {}   {} verified\n", part.file, part.plan.server.text(),
                         part.result.requests);
  }
  merged.judgement = worst(parts, judge(merged.plan, merged.result));
  merged.table = lines + load_table(merged.plan, merged.result, merged.judgement);
  merged.row =
      load_row(merged.plan, merged.result, merged.judgement, merged.started_unix_seconds);
  Json plan_row = parts.front().plan_row;
  for (const char* name : {"connections", "threads", "requests"})
    plan_row[name] = merged.row["plan"][name];
  merged.row["plan"] = plan_row;
  merged.row["merged_from"] = from;
  return merged;
}

}  // namespace echolab

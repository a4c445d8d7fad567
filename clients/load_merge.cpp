#include "clients/load_merge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "clients/load_report.hpp"

namespace echolab {
namespace {

using Json = nlohmann::json;

std::string content_of(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  if (!stream || !(text << stream.rdbuf()))
    throw UsageError(fmt::format("--merge: '{}' cannot be read, or is empty", file));
  return text.str();
}

/// Throws when a population of two loads is not asked for alike.
void check_alike(const LoadRecord& first, const LoadRecord& other,
                 std::size_t population) {
  static const std::set<std::string> free = {"seed", "server", "connections", "part",
                                             "alone"};
  const Json& row = first.row_of(population);
  const Json& its = other.row_of(population);
  const std::string whose =
      population == 0 ? "" : fmt::format("classes[{}].", population - 1);
  const auto shown = [](const Json& members, const std::string& name) {
    return members.contains(name) ? members.at(name).dump() : "missing";
  };
  const auto refuse = [&](const std::string& member, const std::string& one,
                          const std::string& another) {
    throw UsageError(fmt::format(
        "{}: {}{} is {}, in {} it is {}: only loads of like plans are one load",
        other.file, whose, member, another, first.file, one));
  };
  if (other.plan.server.is_datagram() != first.plan.server.is_datagram())
    refuse("plan.server", shown(row["plan"], "server"), shown(its["plan"], "server"));
  for (const Json* names : {&row.at("plan"), &its.at("plan")})
    for (const auto& [name, value] : names->items()) {
      const std::string one = shown(row.at("plan"), name);
      const std::string another = shown(its.at("plan"), name);
      if (!free.contains(name) && one != another) refuse("plan." + name, one, another);
    }
  const auto manners = [](const Json& members) { return members.value("class", Json()); };
  if (manners(row) != manners(its))
    refuse("class", manners(row).dump(), manners(its).dump());
}

void check_alike(const LoadRecord& first, const LoadRecord& other) {
  const std::size_t others = first.plan.company.size();
  if (other.plan.company.size() != others)
    throw UsageError(fmt::format("{}: classes: {} beside the first, in {} it is {}",
                                 other.file, other.plan.company.size(), first.file,
                                 others));
  for (std::size_t i = 0; i <= others; ++i) check_alike(first, other, i);
}

/// Throws when two loads have the same part of the arrivals, or parts of two schedules.
void check_parts(const std::vector<LoadRecord>& parts) {
  const LoadRecord& first = parts.front();
  if (first.plan.parts < 2) return;
  const auto seed = [](const LoadRecord& record) {
    return record.row["plan"].value("seed", Json()).dump();
  };
  std::map<std::size_t, std::string> seen;
  for (const LoadRecord& record : parts) {
    const auto [place, is_new] = seen.emplace(record.plan.part, record.file);
    if (!is_new)
      throw UsageError(fmt::format("{}: plan.part is {}, as in {}", record.file,
                                   record.plan.part + 1, place->second));
    if (seed(record) != seed(first))
      throw UsageError(fmt::format(
          "{}: plan.seed is {}, in {} it is {}: parts of one load share its arrivals",
          record.file, seed(record), first.file, seed(first)));
  }
}

void add(LoadResult& sum, const LoadResult& result, const std::string& file) {
  if (result.response.totals().sum_ns > ~sum.response.totals().sum_ns ||
      result.response.count() > Histogram::most_values - sum.response.count())
    throw UsageError(file + ": latency_ns.sum: more with the others than is counted");
  sum.seconds = std::max(sum.seconds, result.seconds);
  if (sum.reply_bytes == 0) sum.reply_bytes = result.reply_bytes;
  if (sum.reply_bytes != result.reply_bytes)
    throw UsageError(fmt::format("{}: reply_body_bytes is {}, in another it is {}", file,
                                 result.reply_bytes, sum.reply_bytes));
  sum.requests += result.requests;
  for (std::size_t i = 0; i < sum.parts.size(); ++i) sum.parts[i] += result.parts[i];
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
  if (sum.longest_starvation_ns && result.longest_starvation_ns)
    sum.longest_starvation_ns =
        std::max(*sum.longest_starvation_ns, *result.longest_starvation_ns);
  else
    sum.longest_starvation_ns.reset();
  sum.connected += result.connected;
  sum.errors += result.errors;
  sum.datagrams += result.datagrams;
  sum.client_cpu_ns += result.client_cpu_ns;
  sum.interrupted |= result.interrupted;
  sum.memory_bytes += result.memory_bytes;
  if (sum.first_failure.empty()) sum.first_failure = result.first_failure;
  sum.company.resize(result.company.size());
  for (std::size_t i = 0; i < result.company.size(); ++i)
    add(sum.company[i], result.company[i], file);
}

/// `row["plan"]` of a population that was merged: what the parts have in common, and what
/// is of all.
void put_plan(Json& row, const Json& of_the_first) {
  Json plan = of_the_first;
  for (const char* name : {"connections", "threads", "requests"})
    plan[name] = row["plan"][name];
  row["plan"] = plan;
}

void add(LoadPlan& sum, const LoadPlan& plan) {
  sum.connections += plan.connections;
  sum.threads += plan.threads;
  sum.requests += plan.requests;
  for (std::size_t i = 0; i < sum.company.size(); ++i)
    add(sum.company[i], plan.company[i]);
}

/// A rate that is the sum of rates at different moments is none of any moment.
std::optional<std::string> unlike_windows(const std::vector<LoadRecord>& parts) {
  constexpr double enough = 0.9;
  double begin = parts.front().started_unix_seconds;
  double end = begin + parts.front().result.seconds;
  double longest = 0;
  for (const LoadRecord& part : parts) {
    begin = std::max(begin, part.started_unix_seconds);
    end = std::min(end, part.started_unix_seconds + part.result.seconds);
    longest = std::max(longest, part.result.seconds);
  }
  const double common = std::max(end - begin, 0.0);
  if (common >= enough * longest) return std::nullopt;
  return fmt::format(
      "the windows have {} of {} in common: rates of different moments were added "
      "(--start-at makes loads begin together)",
      show_duration(common * 1e9), show_duration(longest * 1e9));
}

/// What is wrong with the sum, and then what the parts said themselves.
std::vector<std::string> warnings_of(const std::vector<LoadRecord>& parts,
                                     std::vector<std::string> of_the_sum) {
  if (const auto unlike = unlike_windows(parts)) of_the_sum.push_back(*unlike);
  if (const std::size_t all = parts.front().plan.parts; parts.size() < all)
    of_the_sum.push_back(
        fmt::format("{} of {} parts: the load is not whole", parts.size(), all));
  for (const LoadRecord& part : parts)
    for (const std::string& warning : part.judgement.warnings)
      of_the_sum.push_back(fmt::format("{}: {}", part.file, warning));
  return of_the_sum;
}

/// The worst of the parts, by its file's name; the sum's own when all are valid.
Judgement worst(const std::vector<LoadRecord>& parts, const Judgement& of_the_sum) {
  for (const Verdict verdict : {Verdict::corrupt, Verdict::failed, Verdict::overloaded,
                                Verdict::client_bound, Verdict::unsteady, Verdict::noisy})
    for (const LoadRecord& part : parts)
      if (part.judgement.verdict == verdict)
        return {verdict, fmt::format("{}: {}", part.file, part.judgement.reason),
                of_the_sum.warnings};
  return of_the_sum;
}

Json part_json(const LoadRecord& part) {
  return {{"file", part.file},
          {"server", part.plan.server.text()},
          {"connections", part.plan.connections},
          {"seed", part.row["plan"].value("seed", Json())},
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
  check_parts(parts);
  return parts;
}

}  // namespace

MergedLoad merge_loads(const std::vector<std::string>& files) {
  const std::vector<LoadRecord> parts = read_all(files);
  MergedLoad merged;
  merged.plan = parts.front().plan;
  merged.started_unix_seconds = parts.front().started_unix_seconds;
  auto from = Json::array();
  std::string lines = fmt::format("merged from {}:\n", parts.size());
  for (const LoadRecord& part : parts) {
    add(merged.result, part.result, part.file);
    if (&part != &parts.front()) add(merged.plan, part.plan);
    merged.started_unix_seconds =
        std::min(merged.started_unix_seconds, part.started_unix_seconds);
    from.push_back(part_json(part));
    lines += fmt::format("  {}   {}   {} verified\n", part.file, part.plan.server.text(),
                         part.result.requests);
  }
  Judgement of_the_sum = judge(merged.plan, merged.result);
  of_the_sum.warnings = warnings_of(parts, std::move(of_the_sum.warnings));
  merged.judgement = worst(parts, of_the_sum);
  merged.table = lines + load_table(merged.plan, merged.result, merged.judgement);
  merged.row =
      load_row(merged.plan, merged.result, merged.judgement, merged.started_unix_seconds);
  put_plan(merged.row, parts.front().row["plan"]);
  for (std::size_t i = 0; i < merged.plan.company.size(); ++i)
    put_plan(merged.row["classes"][i], parts.front().row_of(i + 1)["plan"]);
  merged.row["merged_from"] = from;
  return merged;
}

}  // namespace echolab

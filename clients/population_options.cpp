#include "clients/population_options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "clients/arrivals.hpp"

namespace echolab {
namespace {

using Kind = Manners::Kind;

constexpr std::array kinds{Kind::active,      Kind::idle,        Kind::connect_only,
                           Kind::slow_reader, Kind::slow_writer, Kind::churn,
                           Kind::half_close};

/// One --class, in its parts.
class Class {
 public:
  explicit Class(const std::string& text) : text_(text) {
    const std::size_t colon = text.find(':');
    name_ = text.substr(0, colon);
    if (name_.empty() || name_.find_first_of("=,") != name_.npos)
      refuse("is not NAME:KEY=VALUE,... such as idle:c=5000");
    if (colon == text.npos) return;
    for (const std::string& part : split(std::string_view(text).substr(colon + 1))) {
      const std::size_t equals = part.find('=');
      if (equals != part.npos) {
        if (!keys_.emplace(part.substr(0, equals), part.substr(equals + 1)).second)
          refuse(fmt::format("gives {} twice", part.substr(0, equals)));
        last_ = part.substr(0, equals);
      } else if (last_ == "s") {  // a list of sizes has commas of its own
        keys_[last_] += "," + part;
      } else {
        refuse(fmt::format("has '{}', which is not KEY=VALUE", part));
      }
    }
  }

  [[noreturn]] void refuse(const std::string& why) const {
    throw UsageError(fmt::format("--class '{}' {}", text_, why));
  }
  [[nodiscard]] const std::string& name() const { return name_; }

  /// Takes a key, so that those that nobody took are seen.
  std::optional<std::string> take(const std::string& key) {
    const auto found = keys_.find(key);
    if (found == keys_.end()) return std::nullopt;
    return std::move(keys_.extract(found).mapped());
  }
  std::optional<std::uint64_t> take_count(const std::string& key, std::uint64_t most) {
    const auto text = take(key);
    if (!text) return std::nullopt;
    const auto count = parse_count(*text);
    if (!count || *count < 1 || *count > most)
      refuse(fmt::format("has {}={}, which is no number from 1 to {}", key, *text, most));
    return count;
  }
  /// What is left over has no meaning for this kind.
  void refuse_the_rest(std::string_view kind, std::string_view known) const {
    if (keys_.empty()) return;
    refuse(fmt::format("has {}={}, which {} does not take; it takes {}",
                       keys_.begin()->first, keys_.begin()->second, kind, known));
  }

 private:
  std::string text_;
  std::string name_;
  std::string last_;
  std::map<std::string, std::string> keys_;
};

/// By `kind=`, or by its name; any other name is that of an active class.
Kind kind_of(Class& its) {
  const auto given = its.take("kind");
  const std::string& word = given ? *given : its.name();
  const auto found = std::ranges::find(kinds, word, text_of);
  if (found != kinds.end()) return *found;
  if (!given) return Kind::active;
  std::vector<std::string> names;
  for (const Kind kind : kinds) names.emplace_back(text_of(kind));
  its.refuse(fmt::format("has kind={}; kinds are {}{}", *given, fmt::join(names, ", "),
                         nearest(*given, names)));
}

/// A rate of its own; how arrivals come is as the flags say.
void take_arrivals(Class& its, LoadPlan& plan) {
  const auto rate = its.take("R");
  if (!rate) return;
  ArrivalOptions options;
  options.rate = *rate;
  ArrivalPlan arrivals = parse_arrivals(options);
  if (const auto& flags = plan.workload.arrivals) {
    if (flags->replay) its.refuse("has a rate, and --replay has the moments");
    if (flags->on_ns > 0 && arrivals.rate_end > 0)
      its.refuse("has a ramp, and --on-off bursts: it is one or the other");
    arrivals.law = flags->law;
    arrivals.cv = flags->cv;
    arrivals.on_ns = flags->on_ns;
    arrivals.off_ns = flags->off_ns;
  }
  arrivals.ramp_begin_ns = plan.warm_up.count();
  arrivals.ramp_ns = plan.duration.count();
  plan.workload.arrivals = arrivals;
}

void take_requests(Class& its, LoadPlan& plan) {
  const bool gets = plan.http && plan.http->get;
  if (gets) plan.payload_bytes = 0;
  if (const auto size = its.take("s")) {
    if (gets) its.refuse("has a size, and a GET has no body");
    SizeLaw law = SizeLaw::parse("--class " + its.name() + ": s", *size);
    law.seed(plan.seed);
    plan.payload_bytes = law.most();
    plan.sizes.reset();
    if (!law.is_fixed()) plan.sizes = law;
  }
  if (const auto depth = its.take_count("p", 65'536)) plan.pipeline = *depth;
  take_arrivals(its, plan);
  if (const auto think = its.take("think"))
    plan.workload.think = TimeLaw::parse("--class " + its.name() + ": think", *think);
}

/// Bytes per second: a slow one is slower than a human reads a megabyte.
void take_rate(Class& its, std::uint64_t usual, Manners& manners) {
  manners.rate = static_cast<double>(its.take_count("rate", 10'000'000).value_or(usual));
}

void take_life(Class& its, std::uint64_t usual, Manners& manners) {
  manners.requests = its.take_count("n", 1'000'000'000).value_or(usual);
}

void take_ending(Class& its, Manners& manners) {
  const std::string ending = its.take("end").value_or("fin");
  if (ending != "fin" && ending != "rst")
    its.refuse(fmt::format("has end={}, which is neither fin nor rst", ending));
  manners.ending = ending == "rst" ? Manners::Ending::rst : Manners::Ending::fin;
}

void complete_kind(Class& its, const CLI::App& parser, LoadPlan& plan) {
  Manners& manners = plan.manners;
  std::string known = "c, t, kind";
  if (manners.asks()) known += ", s, p, R, think";
  switch (manners.kind) {
    case Kind::active:
    case Kind::idle:
    case Kind::connect_only:
      break;
    case Kind::slow_reader:  // large replies, or the kernel would hide it
      if (parser.count("--size") == 0) plan.payload_bytes = 64 * 1024;
      if (parser.count("--pipeline") == 0) plan.pipeline = 4;
      take_rate(its, 1'000, manners);
      known += ", rate (bytes/s)";
      break;
    case Kind::slow_writer:
      take_rate(its, 10, manners);
      known += ", rate (bytes/s)";
      break;
    case Kind::churn:
      take_life(its, 10, manners);
      take_ending(its, manners);
      known += ", n (requests per connection), end (fin or rst)";
      break;
    case Kind::half_close:
      take_life(its, 1, manners);
      plan.pipeline = std::min<std::uint64_t>(manners.requests, 65'536);
      known += ", n (requests per connection)";
      break;
  }
  if (manners.asks()) take_requests(its, plan);
  its.refuse_the_rest(fmt::format("the kind {}", text_of(manners.kind)), known);
}

LoadPlan population(Class its, const CLI::App& parser, LoadPlan plan) {
  plan.name = its.name();
  plan.manners.kind = kind_of(its);
  if (const auto count = its.take_count("c", 1'000'000)) plan.connections = *count;
  if (const auto count = its.take_count("t", 256)) plan.threads = *count;
  complete_kind(its, parser, plan);
  const Manners& manners = plan.manners;
  if (manners.rate > 0) plan.engine = EngineKind::epoll;  // which can leave off reading
  if (plan.threads > plan.connections)
    its.refuse(
        fmt::format("has {} threads for {} connections", plan.threads, plan.connections));
  if (manners.kind != Kind::active && plan.server.is_datagram())
    its.refuse("needs a stream: a datagram socket has no connection to hold or to end");
  if (manners.is_reborn() && plan.workload.is_open() && plan.pipeline > 1)
    its.refuse("ends its connections in an open loop: it needs p=1");
  return plan;
}

}  // namespace

void add_class_options(CLI::App& parser, std::vector<std::string>& classes) {
  parser
      .add_option("--class", classes,
                  "a population of clients, NAME:KEY=VALUE,... as below; the first leads")
      ->type_name("CLASS")
      ->allow_extra_args(false);
}

void complete_classes(const std::vector<std::string>& classes, const CLI::App& parser,
                      LoadPlan& plan) {
  if (classes.empty()) return;
  const LoadPlan flags = plan;
  plan = population(Class(classes.front()), parser, flags);
  if (!plan.manners.asks())
    throw UsageError(fmt::format(
        "--class '{}': the first class leads, and this one asks for nothing to measure",
        classes.front()));
  LoadPlan others = flags;
  others.workload.arrivals.reset();
  others.workload.session_requests = 1;
  others.requests = 0;
  for (std::size_t i = 1; i < classes.size(); ++i) {
    others.seed = flags.seed + i * 1'000'003;  // texts and arrivals of its own
    plan.company.push_back(population(Class(classes[i]), parser, others));
    const std::string& name = plan.company.back().name;
    const auto same = [&](const LoadPlan& other) { return other.name == name; };
    if (name == plan.name || std::ranges::count_if(plan.company, same) > 1)
      throw UsageError(fmt::format("--class '{}': the name is taken", classes[i]));
  }
}

}  // namespace echolab

#include "clients/load.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <fstream>
#include <memory>
#include <thread>

#include "clients/datagram_thread.hpp"
#include "clients/http_fetch.hpp"
#include "clients/load_loop.hpp"
#include "clients/noise.hpp"
#include "common/affinity.hpp"
#include "common/machine.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// The threads of one population.
class Population {
 public:
  /// `first`: how many connections other populations of the load have before it; `body`:
  /// what a GET has to bring, whole.
  Population(const LoadPlan& plan, const std::vector<Address>& addresses, HttpBody& body,
             std::size_t first, const Timetable& timetable)
      : plan_(plan),
        pattern_(plan.seed + plan.part),
        addresses_(addresses),
        body_(body),
        timetable_(timetable) {
    for (std::size_t i = 0; i < plan.threads; ++i) {
      const auto part_of = [&](auto all) {
        return all / plan.threads + (i < all % plan.threads);
      };
      const Share share{
          .first = first,
          .connections = part_of(plan.connections),
          .spare = part_of(plan.spare_connections),
          .quota = part_of(plan.requests),
          .stripe = {plan.part * plan.threads + i, plan.parts * plan.threads}};
      add(share);
      first += share.connections + share.spare;
    }
  }

  [[nodiscard]] const LoadPlan& plan() const { return plan_; }
  [[nodiscard]] const auto& members() const { return members_; }
  template <class Figure>
  [[nodiscard]] std::uint64_t sum(Figure figure) const {
    std::uint64_t total = 0;
    for (const auto& member : members_) total += ((*member).*figure)();
    return total;
  }
  [[nodiscard]] LoadResult result() const {
    LoadResult result;
    for (const auto& member : members_) member->add_to(result);
    result.reply_bytes = body_.bytes.size();
    return result;
  }

 private:
  /// A thread that says what the plan's protocol has to say.
  void add(const Share& share) {
    if (plan_.http) {
      const std::string host = http_host(plan_.server);
      if (plan_.http->get)
        add_streams<HttpCaller>(http_words_.emplace_back(*plan_.http->get, host, body_),
                                share);
      else
        add_streams<HttpCaller>(http_words_.emplace_back(pattern_, payloads(), host),
                                share);
    } else if (plan_.work) {
      add(work_words_.emplace_back(pattern_, *plan_.work, payloads(), plan_.seed), share);
    } else {
      add(pattern_, share);
    }
  }
  [[nodiscard]] SizeLaw payloads() const {
    return plan_.sizes.value_or(SizeLaw(plan_.payload_bytes));
  }
  template <class Words>
  void add(const Words& words, const Share& share) {
    if (plan_.server.is_datagram())
      members_.push_back(std::make_unique<DatagramLoop<Words>>(
          plan_, words, addresses_.front(), share, timetable_));
    else
      add_streams<Caller<Words>>(words, share);
  }
  template <class Caller>
  void add_streams(const typename Caller::Words& words, const Share& share) {
    if (plan_.engine == EngineKind::io_uring)
      members_.push_back(std::make_unique<LoadLoop<Caller, UringEngine>>(
          plan_, words, addresses_, share, timetable_));
    else
      members_.push_back(std::make_unique<LoadLoop<Caller, EpollEngine>>(
          plan_, words, addresses_, share, timetable_));
  }

  const LoadPlan& plan_;
  const Pattern pattern_;
  const std::vector<Address>& addresses_;
  HttpBody& body_;
  const Timetable& timetable_;
  std::deque<WorkWords> work_words_;  ///< one for each thread
  std::deque<HttpWords> http_words_;  ///< one for each thread
  std::vector<std::unique_ptr<LoadThread>> members_;
};

/// All threads of a load, and the phase that they are in. The first population leads: its
/// quota ends the window.
class Crew {
 public:
  Crew(const LoadPlan& plan, const std::vector<Address>& addresses, HttpBody& body) {
    std::size_t first = 0;
    const auto add = [&](const LoadPlan& its) {
      populations_.emplace_back(its, addresses, body, first, timetable_);
      first += its.connections + its.spare_connections;
    };
    add(plan);
    for (const LoadPlan& other : plan.company) add(other);
  }
  ~Crew() { join(); }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// Throws when a thread cannot be made; those that could are then joined.
  void start() {
    std::size_t total = 0;
    for (const Population& population : populations_)
      total += population.members().size();
    thread_ids_ = std::vector<std::atomic<pid_t>>(total);
    std::size_t i = 0;
    for (const Population& population : populations_)
      for (const auto& member : population.members())
        threads_.emplace_back([&, id = &thread_ids_[i++]] {
          pin_this_thread(population.plan().cpus);
          *id = ::gettid();
          member->run();
        });
  }
  /// Of those that run by now.
  [[nodiscard]] NoiseWatch watch_noise() const {
    std::vector<pid_t> ids;
    for (const std::atomic<pid_t>& id : thread_ids_)
      if (id != 0) ids.push_back(id);
    const std::vector<int>& cpus = lead().plan().cpus;
    return {ids, cpus.empty() ? allowed_cpus() : cpus};
  }
  void enter(Phase phase) { timetable_.phase.store(phase, std::memory_order_release); }
  /// The load begins at `moment_ns`, two ticks from now or later.
  void begin_at(std::int64_t moment_ns) {
    timetable_.load_begin_ns = moment_ns;
    enter(Phase::warm_up);
  }
  /// Two ticks from now; returns when it ends.
  std::int64_t open_window(Nanoseconds length) {
    timetable_.window_begin_ns = clock_ns() + 2 * tick_ns;
    timetable_.window_end_ns = timetable_.window_begin_ns + length.count();
    enter(Phase::measuring);
    return timetable_.window_end_ns;
  }
  void join() {
    enter(Phase::draining);
    threads_.clear();
  }

  template <class Figure>
  [[nodiscard]] std::uint64_t sum(Figure figure) const {
    std::uint64_t total = 0;
    for (const Population& population : populations_) total += population.sum(figure);
    return total;
  }
  [[nodiscard]] const Population& lead() const { return populations_.front(); }
  [[nodiscard]] std::size_t connections() const {
    std::size_t total = 0;
    for (const Population& population : populations_)
      total += population.plan().connections;
    return total;
  }
  /// Of the lead: the others do not matter then.
  [[nodiscard]] bool all_dead() const {
    return lead().sum(&LoadThread::failures) >= lead().plan().connections;
  }
  [[nodiscard]] bool quota_met() const {
    return std::ranges::all_of(lead().members(),
                               [](const auto& m) { return m->quota_met(); });
  }
  [[nodiscard]] bool finished() const {
    return std::ranges::all_of(populations_, [](const Population& population) {
      return std::ranges::all_of(population.members(),
                                 [](const auto& m) { return m->finished(); });
    });
  }
  /// Who has had a reply, and who waits for one, of those that ask before the load.
  [[nodiscard]] std::pair<std::size_t, std::size_t> greeted() const {
    std::size_t served = 0;
    std::size_t all = 0;
    for (const Population& population : populations_) {
      if (!population.plan().manners.greets()) continue;
      served += population.sum(&LoadThread::served);
      all += population.plan().connections;
    }
    return {served, all};
  }
  [[nodiscard]] LoadResult result() const {
    LoadResult result = lead().result();
    for (std::size_t i = 1; i < populations_.size(); ++i)
      result.company.push_back(populations_[i].result());
    return result;
  }

 private:
  Timetable timetable_;
  std::deque<Population> populations_;
  std::vector<std::atomic<pid_t>> thread_ids_;
  std::vector<std::jthread> threads_;
};

/// Tells the intervals of the lead as they become whole.
class IntervalTeller {
 public:
  IntervalTeller(const Population& lead, const LoadEvents& events)
      : lead_(lead),
        events_(events),
        length_s_(std::chrono::duration<double>(lead.plan().interval).count()) {}

  /// Those that are whole in every thread.
  void tell() {
    if (length_s_ == 0) return;
    std::uint64_t whole = std::numeric_limits<std::uint64_t>::max();
    for (const auto& member : lead_.members())
      whole = std::min(whole, member->intervals().whole());
    while (next_.number < whole) tell_next(length_s_);
  }
  /// After the window, which had `seconds`, and the last reply.
  void tell_the_rest(double seconds) {
    if (length_s_ == 0) return;
    std::uint64_t whole = 0;
    for (const auto& member : lead_.members())
      whole = std::max(whole, member->intervals().whole());
    while (next_.number < whole)
      tell_next(std::clamp(seconds - next_.begin_seconds, 0.0, length_s_));
    for (const auto& member : lead_.members())
      member->intervals().take_rest(next_.response);
    next_.is_rest = true;
    next_.begin_seconds = seconds;
    next_.seconds = 0;
    if (next_.response.count() > 0) events_.interval(next_);
  }

 private:
  void tell_next(double seconds) {
    for (const auto& member : lead_.members())
      member->intervals().take_until(next_.number + 1, next_.response);
    next_.seconds = seconds;
    events_.interval(next_);
    const std::uint64_t number = next_.number + 1;
    next_ = LoadInterval();
    next_.number = number;
    next_.begin_seconds = static_cast<double>(number) * length_s_;
  }

  const Population& lead_;
  const LoadEvents& events_;
  const double length_s_;
  LoadInterval next_;
};

/// Waits for a phase to end, telling how it goes. False when it was cut short.
template <class Ended>
bool wait_for(const Crew& crew, const char* phase, Nanoseconds planned,
              const LoadEvents& events, const std::stop_token& stop, Ended ended) {
  const auto begin = Clock::now();
  const double plan_s = std::max(1e-9, std::chrono::duration<double>(planned).count());
  for (;;) {
    const Nanoseconds past = Clock::now() - begin;
    const double past_s = std::chrono::duration<double>(past).count();
    const bool is_over = ended(past);  // before it is told: what made it so is then in it
    events.progress({phase, crew.sum(&LoadThread::connected),
                     crew.sum(&LoadThread::answered), crew.sum(&LoadThread::failures),
                     past_s, std::min(1.0, past_s / plan_s)});
    if (stop.stop_requested()) return false;
    if (is_over) return true;
    if (crew.all_dead()) return false;
    std::this_thread::sleep_for(std::clamp<Nanoseconds>(planned - past, 100us, 20ms));
  }
}

/// Of several (localhost is ::1 and 127.0.0.1), the first that takes a connection.
Address address_that_answers(const Endpoint& server) {
  const std::vector<Address> addresses = resolve(server);
  if (addresses.size() == 1) return addresses.front();
  const Fd probe = connect_to(server);
  Address peer;
  peer.size = sizeof peer.storage;
  checked(::getpeername(probe.get(), peer.get(), &peer.size), "getpeername");
  return peer;
}

/// How many ports a client has per source address (ip_local_port_range: ip(7)).
std::size_t ports_per_source() {
  std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
  std::size_t low = 32'768;
  std::size_t high = 60'999;
  file >> low >> high;
  return high - low + 1;
}

void check_limits(const LoadPlan& plan, const Address& server) {
  std::size_t connections = plan.connections + plan.spare_connections;
  std::size_t threads = plan.threads;
  for (const LoadPlan& other : plan.company) {
    connections += other.connections + other.spare_connections;
    threads += other.threads;
  }
  const std::size_t needed = connections + threads + 64;
  const std::size_t limit = raise_descriptor_limit(needed);
  if (limit < needed)
    throw UsageError(
        fmt::format("--connections {}: needs {} descriptors, the limit is {}; raise it "
                    "with ulimit -n",
                    connections, needed, limit));
  const bool many_sources = loopback_source(server, 1).has_value();
  if (server.family() != AF_UNIX && !many_sources && connections > ports_per_source())
    throw UsageError(
        fmt::format("--connections {}: one source address has {} ports "
                    "(net.ipv4.ip_local_port_range)",
                    connections, ports_per_source()));
}

/// Whether everybody was greeted: each connection asked once, and had its reply. A server
/// that holds its clients one by one, or in a pool, never comes to all of them: it is
/// over as well when no further one had a reply for `quiet`. Without this, a server that
/// forks for each of a thousand clients would be measured while it still does.
class Greeting {
 public:
  explicit Greeting(Nanoseconds quiet) : quiet_(quiet) {}

  bool over(Nanoseconds past, std::size_t served, std::size_t connections) {
    if (served > served_) {
      served_ = served;
      grew_ = past;
    }
    return served_ >= connections || past - grew_ >= quiet_;
  }

 private:
  Nanoseconds quiet_;
  Nanoseconds grew_{0};
  std::size_t served_ = 0;
};

/// Two ticks from now, when every thread knows of it, or at --start-at.
std::int64_t moment_to_begin(const LoadPlan& plan) {
  const std::int64_t soon_ns = clock_ns() + 2 * tick_ns;
  if (plan.start_at_ns == 0) return soon_ns;
  return std::max(soon_ns, plan.start_at_ns - clock_ns(CLOCK_REALTIME) + clock_ns());
}

/// Greeting, warm-up, window, and the moment after it. False when cut short. `noise` is
/// that of the window.
bool measure(Crew& crew, const LoadPlan& plan, const LoadEvents& events,
             const std::stop_token& stop, IntervalTeller& intervals,
             std::optional<Noise>& noise) {
  crew.enter(Phase::greeting);
  Greeting greeting(std::min<Nanoseconds>(plan.timeout, 300ms));
  if (!wait_for(crew, "greeting", plan.timeout, events, stop, [&](Nanoseconds past) {
        const auto [served, all] = crew.greeted();
        return greeting.over(past, served, all);
      }))
    return false;
  const std::int64_t begin_ns = moment_to_begin(plan);
  crew.begin_at(begin_ns);
  const Nanoseconds until_window = Nanoseconds(begin_ns - clock_ns()) + plan.warm_up;
  if (!wait_for(crew, "warm-up", until_window, events, stop,
                [&](Nanoseconds past) { return past >= until_window; }))
    return false;
  events.window_begins();
  const std::int64_t end_ns = crew.open_window(plan.duration);
  std::this_thread::sleep_for(2 * Nanoseconds(tick_ns));
  const NoiseWatch watch = crew.watch_noise();
  const bool whole =
      wait_for(crew, "measuring", Nanoseconds(end_ns - clock_ns()), events, stop,
               [&](Nanoseconds) {
                 intervals.tell();
                 return clock_ns() >= end_ns || (plan.requests > 0 && crew.quota_met());
               });
  noise = watch.until_now();
  crew.enter(Phase::cooling);
  events.window_ended();
  return whole;
}

/// What a sleeper's p99 on the load's processors is late, before there is any load.
double clock_late_ns_p99(const LoadPlan& plan) {
  double late_ns = 0;
  std::jthread([&] {
    pin_this_thread(plan.cpus);
    late_ns = static_cast<double>(sleep_lateness_ns().quantile_ns(0.99).value_or(0));
  }).join();
  return late_ns;
}

}  // namespace

LoadErrors& LoadErrors::operator+=(const LoadErrors& other) {
  connect += other.connect;
  timeout += other.timeout;
  reset += other.reset;
  closed_early += other.closed_early;
  mismatch += other.mismatch;
  lost_replies += other.lost_replies;
  altered += other.altered;
  duplicated += other.duplicated;
  dropped += other.dropped;
  swapped += other.swapped;
  unasked += other.unasked;
  refused += other.refused;
  truncated += other.truncated;
  stalled += other.stalled;
  silent += other.silent;
  return *this;
}

std::uint64_t& LoadErrors::of(Wrong kind) {
  switch (kind) {
    case Wrong::altered:
      return altered;
    case Wrong::duplicated:
      return duplicated;
    case Wrong::dropped:
      return dropped;
    case Wrong::swapped:
      return swapped;
    case Wrong::unasked:
      return unasked;
    case Wrong::refused:
      return refused;
  }
  return altered;
}

void LoadDetails::merge(const LoadDetails& other) {
  service.merge(other.service);
  blocked.merge(other.blocked);
  lag.merge(other.lag);
  connect.merge(other.connect);
  first_byte.merge(other.first_byte);
  close.merge(other.close);
}

std::uint64_t LoadErrors::total() const {
  return connect + timeout + reset + closed_early + mismatch + lost_replies;
}

DatagramCounts& DatagramCounts::operator+=(const DatagramCounts& other) {
  sent += other.sent;
  lost += other.lost;
  lost_in_window += other.lost_in_window;
  late += other.late;
  duplicated += other.duplicated;
  reordered += other.reordered;
  return *this;
}

void check_datagrams(const LoadPlan& plan) {
  if (!plan.server.is_datagram()) return;
  if (plan.http)
    throw UsageError(
        fmt::format("--protocol http: needs a stream, {} is none", plan.server.text()));
  const std::uint64_t header_bytes = plan.request_bytes() - plan.payload_bytes;
  const std::uint64_t least = plan.sizes ? plan.sizes->least() : plan.payload_bytes;
  if (least < DatagramLimits::least_payload || plan.request_bytes() > longest_datagram)
    throw UsageError(fmt::format(
        "--size {}: a datagram's request has {} bytes at least, which say which one it "
        "is, and {} at most",
        plan.sizes ? plan.sizes->text() : std::to_string(plan.payload_bytes),
        DatagramLimits::least_payload, longest_datagram - header_bytes));
  if (plan.pipeline > DatagramLimits::most_outstanding)
    throw UsageError(fmt::format("--pipeline {}: {} datagrams outstanding at most",
                                 plan.pipeline, DatagramLimits::most_outstanding));
}

LoadResult run_load(const LoadPlan& plan, const LoadEvents& events,
                    const std::stop_token& stop) {
  check_datagrams(plan);
  const std::vector<Address> addresses{address_that_answers(plan.server)};
  check_limits(plan, addresses.front());
  const double late_ns = plan.workload.is_open() ? clock_late_ns_p99(plan) : 0;
  HttpBody body;
  if (plan.http && plan.http->get) body = fetch_body(plan);
  Crew crew(plan, addresses, body);
  crew.start();
  IntervalTeller intervals(crew.lead(), events);
  bool whole = wait_for(crew, "connecting", plan.timeout, events, stop, [&](Nanoseconds) {
    return crew.sum(&LoadThread::settled) >= crew.connections();
  });
  std::optional<Noise> noise;
  if (whole && crew.lead().sum(&LoadThread::connected) > 0)
    whole = measure(crew, plan, events, stop, intervals, noise);
  crew.enter(Phase::draining);
  wait_for(crew, "draining", plan.timeout, events, {},
           [&](Nanoseconds) { return crew.finished(); });
  crew.join();
  LoadResult result = crew.result();
  intervals.tell_the_rest(result.seconds);
  result.interrupted = !whole;
  result.clock_late_ns_p99 = late_ns;
  result.noise = noise;
  if (result.connected == 0 && !stop.stop_requested())
    throw Unreachable(fmt::format("{}: {}", plan.server.text(), result.first_failure));
  return result;
}

}  // namespace echolab

// The load generator: many clients in a few threads, every byte verified.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "clients/ceiling.hpp"
#include "clients/histogram.hpp"
#include "clients/http_caller.hpp"
#include "clients/intervals.hpp"
#include "clients/manners.hpp"
#include "clients/noise_watch.hpp"
#include "clients/steadiness.hpp"
#include "clients/work_caller.hpp"
#include "clients/workload.hpp"
#include "clients/wrong_bytes.hpp"
#include "common/endpoint.hpp"
#include "common/units.hpp"

namespace echolab {

/// How a load thread has its streams served: a factor like any other.
enum class EngineKind { epoll, io_uring };
/// What a client asks of an HTTP server with each request.
struct HttpAsk {
  std::optional<std::string> get;  ///< the path of a GET; empty: POSTs, to be echoed
};

struct LoadPlan {
  Endpoint server = Endpoint::parse("tcp://127.0.0.1:7007");
  std::size_t connections = 16;  ///< in all threads together
  std::size_t threads = 1;       ///< each a loop of its own; nothing is shared
  /// Of each thread, under way: with fewer the server's listen queue is not flooded.
  std::size_t connects_at_once = 128;
  EngineKind engine = EngineKind::epoll;
  bool spin = false;      ///< never sleeps: asks the clock again and again
  std::vector<int> cpus;  ///< the threads' affinity; empty: anywhere
  /// Nobody else, the server neither, should run on their CPUs: then what others take
  /// makes the load NOISY. Else it is part of the set-up, and a warning.
  bool is_alone = false;
  Nanoseconds warm_up = std::chrono::milliseconds(500);
  Nanoseconds duration = std::chrono::seconds(10);
  Nanoseconds interval{0};     ///< of LoadEvents::interval; 0: none
  std::uint64_t requests = 0;  ///< ends the window after so many; 0: duration alone
  Workload workload{};         ///< closed, open or partly open
  std::size_t spare_connections = 0;  ///< of --on-busy new: so many more, when needed
  std::uint64_t payload_bytes = 64;  ///< of each request, unless `sizes` has a law for it
  std::optional<SizeLaw> sizes{};    ///< echo over streams
  std::size_t pipeline = 1;          ///< requests outstanding per connection
  Nanoseconds timeout = std::chrono::seconds(10);  ///< to connect, and for last replies
  std::uint64_t seed = 1;  ///< of the bytes, the arrivals and the sizes
  /// Of several processes that share this plan, which this is. Each has its connections;
  /// the arrivals are dealt out among them.
  std::size_t part = 0;
  std::size_t parts = 1;
  /// When the load begins (warm-up first): CLOCK_REALTIME, ns since 1970. 0: at once.
  std::int64_t start_at_ns = 0;
  /// A datagram whose reply has not come by then is lost; the next one takes its place.
  Nanoseconds datagram_timeout = std::chrono::milliseconds(200);
  std::optional<WorkMix> work{};  ///< speaks the work protocol …
  std::optional<HttpAsk> http{};  ///< … or HTTP; neither: the echo protocol
  Manners manners{};              ///< of its connections
  std::string name{};             ///< of the population, where there are several
  /// Other populations of the same load: same server, same moments, threads and
  /// histograms of their own.
  std::vector<LoadPlan> company{};

  /// "echo", "work" or "http".
  [[nodiscard]] std::string_view protocol() const {
    return work ? "work" : http ? "http" : "echo";
  }
  /// On the wire; the longest. An echo and a frame of work come back as long as that.
  [[nodiscard]] std::uint64_t request_bytes() const {
    const std::uint64_t body_bytes = sizes ? sizes->most() : payload_bytes;
    if (!http) return body_bytes + (work ? WorkHeader::size : 0);
    const std::uint64_t head_bytes =
        http_head(http->get, payload_bytes, http_host(server)).size();
    return head_bytes + (http->get ? 0 : body_bytes);
  }
};

/// Connections that ended before their time, by what ended them, and replies that failed.
struct LoadErrors {
  std::uint64_t connect = 0;       ///< not connected: refused, unreachable, no port left
  std::uint64_t timeout = 0;       ///< not connected, or not answered, in time
  std::uint64_t reset = 0;         ///< ECONNRESET, EPIPE, …
  std::uint64_t closed_early = 0;  ///< the server ended the connection
  std::uint64_t mismatch = 0;      ///< a byte that is not the expected one
  std::uint64_t lost_replies = 0;  ///< requests that were never answered in full

  // Of the mismatches, what came instead (Wrong): they sum up to them.
  std::uint64_t altered = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t dropped = 0;
  std::uint64_t swapped = 0;
  std::uint64_t unasked = 0;
  std::uint64_t refused = 0;
  /// Of the resets and early ends: in the midst of a reply. A datagram that is cut off is
  /// altered.
  std::uint64_t truncated = 0;
  // Of the timeouts: connected, and …
  std::uint64_t stalled = 0;  ///< … never had a reply
  std::uint64_t silent = 0;   ///< … had some, and then no more

  /// The counter of such mismatches.
  std::uint64_t& of(Wrong kind);

  LoadErrors& operator+=(const LoadErrors& other);
  [[nodiscard]] std::uint64_t total() const;
};

/// What became of the datagrams of the whole load, from the first connect to the end. One
/// that is lost is no error: datagrams may be. One that is wrong is
/// (LoadErrors::mismatch).
struct DatagramCounts {
  std::uint64_t sent = 0;            ///< requests
  std::uint64_t lost = 0;            ///< of them: no reply within the datagram timeout
  std::uint64_t lost_in_window = 0;  ///< of them: inside the measured window
  std::uint64_t late = 0;            ///< replies to requests that were given up as lost
  std::uint64_t duplicated = 0;      ///< replies to requests that had one
  std::uint64_t reordered = 0;       ///< replies that a later request's reply overtook

  DatagramCounts& operator+=(const DatagramCounts& other);
};

enum class Verdict { valid, client_bound, overloaded, unsteady, noisy, corrupt, failed };
/// As measurement.md spells it: "VALID", "CLIENT-BOUND", …
std::string_view verdict_text(Verdict verdict);

/// Where the time of a request goes: response = blocked + lag + service; and what a
/// connection takes as a whole.
struct LoadDetails {
  Histogram service;  ///< sent … verified
  Histogram blocked;  ///< intended … eligible: the server's back-pressure
  Histogram lag;      ///< eligible … sent: the generator's own, and it decides validity
  Histogram connect;  ///< of connections, each life: connect() … connected
  Histogram first_byte;  ///< connect() … first byte of the first reply
  Histogram close;       ///< half-close … the server's end

  void merge(const LoadDetails& other);
};

/// A request counts when its whole reply was verified inside the measured window. In an
/// open loop `response` has those that were intended inside it; each is followed to its
/// reply, or until --timeout.
struct LoadResult {
  double seconds = 0;  ///< the window's length
  std::uint64_t requests = 0;
  WindowParts parts{};  ///< the requests, by when in the window they were answered
  Histogram response;   ///< intended … verified
  /// When the slowest of them came, counted from the window's begin.
  std::optional<std::int64_t> slowest_at_ns;
  std::optional<LoadDetails> details{std::in_place};
  std::uint64_t offered = 0;        ///< open loop: arrivals inside the window
  std::uint64_t dropped = 0;        ///< of them: found no slot, and were not sent
  std::uint64_t unfinished = 0;     ///< of them: without a reply when the load ended
  std::int64_t backlog_growth = 0;  ///< arrivals without a reply, from begin to end
  double clock_late_ns_p99 = 0;     ///< how late this machine wakes whoever sleeps
  std::vector<std::uint64_t> requests_per_connection;
  /// The longest time inside the window in which a connection wanted a reply and got
  /// none; empty: an older file does not tell.
  std::optional<std::int64_t> longest_starvation_ns{0};
  std::size_t connected = 0;
  LoadErrors errors;
  DatagramCounts datagrams;       ///< none sent: the transport is a stream
  std::optional<Noise> noise;     ///< inside the window; empty: cut short, or merged
  double client_cpu_ns = 0;       ///< of the load threads, inside the window
  bool interrupted = false;       ///< stopped before the window's end
  std::string first_failure;      ///< of a connection, in words
  std::uint64_t reply_bytes = 0;  ///< of a GET: of the body of each reply
  /// Of loads that were merged: the sum of their requests per second.
  std::optional<double> summed_rate;

  std::optional<Ceiling> ceiling;     ///< the client's own, where it is known
  std::uint64_t memory_bytes = 0;     ///< of the load threads, for their connections
  std::vector<LoadResult> company{};  ///< one for each of LoadPlan::company

  [[nodiscard]] double requests_per_second() const;
  [[nodiscard]] double client_cores_used() const;
  /// Jain's index of requests_per_connection: 1 all alike … 1/n one has all.
  [[nodiscard]] double jain() const;
  [[nodiscard]] std::size_t starved() const;  ///< connections without one reply
};

struct Judgement {
  Verdict verdict = Verdict::valid;
  std::string reason;  ///< in words; empty when valid

  std::vector<std::string> warnings{};  ///< what to think of, though it does not decide
};
/// Whether the numbers can be believed.
Judgement judge(const LoadPlan& plan, const LoadResult& result);

struct LoadProgress {
  const char* phase;  ///< "connecting", "greeting", "warm-up", …, "draining"
  std::size_t connected;
  std::uint64_t requests;  ///< verified since the phase began
  std::uint64_t errors;
  double phase_seconds;
  double phase_share;  ///< 0 … 1 of the phase's planned length
};

/// Called by run_load's own thread, never by a load thread.
struct LoadEvents {
  std::function<void()> window_begins = [] {};
  std::function<void()> window_ended = [] {};  ///< the load is still held, and goes on
  std::function<void(const LoadProgress&)> progress = [](const LoadProgress&) {};
  /// Each interval of the window once, in order, soon after its end; then the rest, if
  /// there is one. Their histograms sum up to the result's.
  std::function<void(const LoadInterval&)> interval = [](const LoadInterval&) {};
};

/// Throws UsageError for what datagrams cannot do: HTTP, requests too short or too long.
void check_datagrams(const LoadPlan& plan);

/// Connects, lets each connection ask once until all were answered or no further one is,
/// warms up, measures, waits for every outstanding reply and closes. What a GET has to
/// bring is first learned over a connection of its own. Throws UsageError when the plan
/// asks for more connections than the limits allow, Unreachable when not one connection
/// came about, Failure when the first GET has no right reply.
LoadResult run_load(const LoadPlan& plan, const LoadEvents& events = {},
                    const std::stop_token& stop = {});

}  // namespace echolab

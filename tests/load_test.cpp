// The load generator and the client against servers that do right and servers that do
// wrong: each wrong gets its name, and nothing hangs.

#include "clients/load.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <thread>

#include "clients/load_report.hpp"
#include "common/buffer.hpp"
#include "common/drive.hpp"
#include "common/echo.hpp"
#include "common/listener.hpp"
#include "common/program.hpp"
#include "tests/eventually.hpp"
#include "tests/server_process.hpp"

namespace {

std::atomic<bool> counting{false};
std::atomic<std::uint64_t> allocations{0};
thread_local bool counted = true;  ///< of the threads that run_load starts

// Not inlined: gcc then takes malloc and free for a mismatched pair.
[[gnu::noinline]] void* allocate(std::size_t size) {
  if (counting.load(std::memory_order_relaxed) && counted) ++allocations;
  return std::malloc(size == 0 ? 1 : size);
}

[[gnu::noinline]] void* allocate_or_throw(std::size_t size) {
  void* memory = allocate(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

[[gnu::noinline]] void release(void* memory) {
  std::free(memory);
}

std::atomic<std::uint64_t> locks{0};

#if defined(ECHOLAB_TSAN) || defined(ECHOLAB_ASAN)
constexpr bool counts_locks = false;  // a sanitizer has this function for itself
#else
constexpr bool counts_locks = true;
#endif

}  // namespace

#if !defined(ECHOLAB_TSAN) && !defined(ECHOLAB_ASAN)
extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) {
  using Lock = int (*)(pthread_mutex_t*);
  static const auto next = reinterpret_cast<Lock>(::dlsym(RTLD_NEXT, __func__));
  if (counting.load(std::memory_order_relaxed) && counted) ++locks;
  return next(mutex);
}
#endif

// All of them, so that a sanitizer's own never frees what one of these has made.
void* operator new(std::size_t size) {
  return allocate_or_throw(size);
}
void* operator new[](std::size_t size) {
  return allocate_or_throw(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size);
}
void operator delete(void* memory) noexcept {
  release(memory);
}
void operator delete[](void* memory) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  release(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  release(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  release(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  release(memory);
}

namespace echolab::tests {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr std::size_t request_bytes = 64;
constexpr const char* any_port = "tcp://127.0.0.1:0";

/// What a server does with its listener, until that is stopped.
using Serve = std::function<void(Listener&)>;
/// What it does with one client; the connection is closed when this returns.
using Conversation = std::function<void(int client)>;
/// What it replies to the n-th request (0 …) of `request_bytes`.
using Reply = std::function<std::string(std::string request, unsigned n)>;

/// A server in a thread of this process. To be destroyed after its clients: a
/// conversation lasts until its client ends.
class TestServer {
 public:
  explicit TestServer(Serve serve, const std::string& endpoint = any_port,
                      const ListenOptions& options = {})
      : listener_(Endpoint::parse(endpoint), options),
        thread_([this, serve = std::move(serve)] {
          counted = false;
          serve(listener_);
        }) {}
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;
  ~TestServer() { listener_.stop(); }

  [[nodiscard]] const Endpoint& endpoint() const { return listener_.endpoint(); }

 private:
  Listener listener_;
  std::jthread thread_;
};

/// Every client in a thread of its own.
Serve each(Conversation conversation) {
  return [conversation = std::move(conversation)](Listener& listener) {
    std::vector<std::jthread> threads;
    while (Fd client = listener.accept())
      threads.emplace_back([&conversation, client = std::move(client)]() mutable {
        counted = false;
        const Fd mine = std::move(client);
        conversation(mine.get());
      });
  };
}

/// `size` bytes, or fewer when the client ends before.
std::string take(int client, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t taken = 0;
  while (taken < size) {
    const auto rest = std::as_writable_bytes(std::span(bytes)).subspan(taken);
    const ssize_t n = receive(client, rest);
    if (n <= 0) break;
    taken += static_cast<std::size_t>(n);
  }
  bytes.resize(taken);
  return bytes;
}

/// False when the client takes no more.
bool give(int client, const std::string& text) {
  Bytes bytes = std::as_bytes(std::span(text));
  while (!bytes.empty()) {
    const ssize_t n = transmit(client, bytes);
    if (n < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

void echo(int client) {
  const Buffer buffer(64 * 1024);
  converse(client, EchoSession(buffer.room()));
}

/// Reads whatever comes, and says nothing.
void listen_only(int client) {
  while (take(client, 4'096).size() == 4'096) {
  }
}

void close_with_reset(int client) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

Conversation replying(Reply reply) {
  return [reply = std::move(reply)](int client) {
    for (unsigned n = 0;; ++n) {
      std::string request = take(client, request_bytes);
      if (request.size() < request_bytes) return;
      if (!give(client, reply(std::move(request), n))) return;
    }
  };
}

/// So slow that no client of it is ever busy.
std::string reply_slowly(std::string request, unsigned) {
  std::this_thread::sleep_for(5ms);
  return request;
}

void never_accept(Listener&) {}

void one_after_the_other(Listener& listener) {
  while (const Fd client = listener.accept()) echo(client.get());
}

/// The reply to each of two clients goes to the other.
void swap_replies(Listener& listener) {
  const Fd a = listener.accept();
  const Fd b = listener.accept();
  for (;;) {
    const std::string from_a = take(a.get(), request_bytes);
    const std::string from_b = take(b.get(), request_bytes);
    if (from_a.size() < request_bytes || from_b.size() < request_bytes) return;
    give(a.get(), from_b);
    give(b.get(), from_a);
  }
}

/// A port that is taken, where nobody listens.
class RefusingServer {
 public:
  RefusingServer()
      : socket_(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")) {
    address_ = resolve(Endpoint::parse(any_port)).front();
    checked(::bind(socket_.get(), address_.get(), address_.size), "bind");
    checked(::getsockname(socket_.get(), address_.get(), &address_.size), "getsockname");
  }
  [[nodiscard]] Endpoint endpoint() const {
    return Endpoint::parse(endpoint_text(address_));
  }

 private:
  Fd socket_;
  Address address_;
};

/// Another program, whose output is kept. Killed when this object goes.
class Program {
 public:
  struct Streams {
    int input = -1;              ///< -1: nothing to read
    int output = -1;             ///< -1: kept, for output()
    bool output_closed = false;  ///< stdout is no descriptor at all
    rlim_t descriptors = 0;      ///< a hard limit that even root cannot raise; 0: none
  };

  Program(const char* path, std::vector<std::string> arguments, const Streams& streams)
      : output_(memory_file()), errors_(memory_file()) {
    arguments.insert(arguments.begin(), path);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const Fd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const int input = streams.input < 0 ? nothing.get() : streams.input;
    const int output = streams.output < 0 ? output_.get() : streams.output;
    pid_ = checked(::fork(), "fork");
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(input, STDIN_FILENO);
      ::dup2(output, STDOUT_FILENO);
      ::dup2(errors_.get(), STDERR_FILENO);
      if (streams.output_closed) ::close(STDOUT_FILENO);
      limit(streams.descriptors);
      ::execv(path, argv.data());
      ::_exit(127);
    }
    pidfd_ = watch(pid_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    if (ended_) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  void signal(int number) const {
    if (!ended_) ::kill(pid_, number);
  }
  [[nodiscard]] std::string output() const { return all_of(output_); }
  [[nodiscard]] std::string errors() const { return all_of(errors_); }
  [[nodiscard]] bool said(std::string_view text) const {
    return eventually([&] { return errors().find(text) != std::string::npos; });
  }

  /// Its exit code; -1 when a signal ended it, or it does not end.
  int wait() {
    pollfd ended{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&ended, 1, static_cast<int>(3 * patience.count())) != 1) return -1;
    int status = 0;
    ::waitpid(pid_, &status, 0);
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  static Fd memory_file() {
    return Fd(checked(::memfd_create("output", MFD_CLOEXEC), "memfd_create"));
  }
  static std::string all_of(const Fd& file) {
    std::string text(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END)), '\0');
    const ssize_t n = ::pread(file.get(), text.data(), text.size(), 0);
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    return text;
  }
  static void limit(rlim_t descriptors) {
    if (descriptors == 0) return;
    ::prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE);
    const rlimit both{.rlim_cur = descriptors, .rlim_max = descriptors};
    ::setrlimit(RLIMIT_NOFILE, &both);
  }

  Fd output_;
  Fd errors_;
  Fd pidfd_;
  pid_t pid_ = -1;
  bool ended_ = false;
};

/// A plan that ends by what it counts, not by time.
LoadPlan plan_for(const Endpoint& server, std::uint64_t requests = 0) {
  LoadPlan plan;
  plan.server = server;
  plan.connections = 4;
  plan.warm_up = 10ms;
  plan.duration = patience;
  plan.timeout = patience;
  plan.requests = requests;
  plan.payload_bytes = request_bytes;
  return plan;
}

/// Every reply right, the quota met, and the sums equal however they are taken.
void expect_exactly(const LoadPlan& plan, const LoadResult& result) {
  EXPECT_EQ(result.requests, plan.requests);
  EXPECT_EQ(result.response.count(), plan.requests);
  EXPECT_EQ(result.connected, plan.connections);
  EXPECT_EQ(result.errors.total(), 0u) << result.first_failure;
  EXPECT_FALSE(result.interrupted);
  EXPECT_GT(result.seconds, 0);
  const auto& each_one = result.requests_per_connection;
  EXPECT_EQ(each_one.size(), plan.connections);
  EXPECT_EQ(std::accumulate(each_one.begin(), each_one.end(), std::uint64_t{0}),
            plan.requests);
}

/// Only `kind` failed, on all connections. (Lost replies come with many kinds; of what
/// they are more exactly: wrong_server_test.cpp.)
void expect_only(const json& errors, const std::string& kind, std::size_t connections) {
  for (const char* name : {"connect", "timeout", "reset", "closed_early", "mismatch"})
    EXPECT_EQ(errors[name], name == kind ? connections : 0) << name;
}

TEST(RunLoad, CountsExactlyTheRequestsAskedFor) {
  const TestServer server(each(echo));
  for (const std::uint64_t requests : {1u, 7u, 1'000u}) {
    const LoadPlan plan = plan_for(server.endpoint(), requests);
    expect_exactly(plan, run_load(plan));
  }
}

TEST(RunLoad, ThreadsShareConnectionsAndRequestsExactly) {
  const TestServer server(each(echo));
  LoadPlan plan = plan_for(server.endpoint(), 1'000);
  plan.connections = 7;
  plan.threads = 3;
  expect_exactly(plan, run_load(plan));
}

TEST(RunLoad, LoadsWithoutAnyWarmUp) {
  const TestServer server(each(echo));
  for (int round = 0; round < 10; ++round) {
    LoadPlan plan = plan_for(server.endpoint(), 20);
    plan.warm_up = 0ms;
    expect_exactly(plan, run_load(plan));
  }
}

TEST(RunLoad, ServesUnixSockets) {
  const auto path = "/tmp/echolab_load_test." + std::to_string(::getpid());
  const TestServer server(each(echo), "unix://" + path);
  const LoadPlan plan = plan_for(server.endpoint(), 200);
  expect_exactly(plan, run_load(plan));
}

TEST(RunLoad, WaitsForAFullUnixQueue) {
  const auto path = "/tmp/echolab_load_test." + std::to_string(::getpid());
  const auto late = [](Listener& listener) {
    std::this_thread::sleep_for(100ms);
    each(echo)(listener);
  };
  const TestServer server(late, "unix://" + path, {.backlog = 1});
  LoadPlan plan = plan_for(server.endpoint(), 200);
  plan.connections = 20;
  expect_exactly(plan, run_load(plan));
}

TEST(RunLoad, ServesTcpOverIpv6) {
  try {
    const TestServer server(each(echo), "tcp://[::1]:0");
    const LoadPlan plan = plan_for(server.endpoint(), 200);
    expect_exactly(plan, run_load(plan));
  } catch (const Failure& failure) {
    GTEST_SKIP() << "no IPv6 loopback here: " << failure.what();
  }
}

struct Payload {
  std::uint64_t bytes;
  std::size_t pipeline;
};

std::ostream& operator<<(std::ostream& out, const Payload& one) {
  return out << one.bytes << " B x " << one.pipeline;
}

class PayloadLoad : public testing::TestWithParam<Payload> {};

TEST_P(PayloadLoad, IsEchoedAndVerified) {
  const TestServer server(each(echo));
  LoadPlan plan = plan_for(server.endpoint(), 40);
  plan.payload_bytes = GetParam().bytes;
  plan.pipeline = GetParam().pipeline;
  expect_exactly(plan, run_load(plan));
}

INSTANTIATE_TEST_SUITE_P(Sizes, PayloadLoad,
                         testing::Values(Payload{1, 1}, Payload{64, 1},
                                         Payload{64 << 10, 1}, Payload{1 << 20, 1},
                                         Payload{1, 16}, Payload{64 << 10, 16},
                                         Payload{1 << 20, 4}),
                         [](const auto& test) {
                           return fmt::format("{}BytesTimes{}", test.param.bytes,
                                              test.param.pipeline);
                         });

TEST(RunLoad, KeepsExactlyThePipelineOutstanding) {
  constexpr std::size_t depth = 7;
  std::atomic<int> rounds{0};
  std::atomic<bool> too_many{false};
  const TestServer server(each([&](int client) {
    for (;; ++rounds) {
      const std::string requests = take(client, depth * request_bytes);
      if (requests.size() < depth * request_bytes) return;
      pollfd more{.fd = client, .events = POLLIN, .revents = 0};
      if (::poll(&more, 1, 20) != 0) too_many = true;
      give(client, requests);
    }
  }));
  LoadPlan plan = plan_for(server.endpoint(), 10 * depth);
  plan.connections = 2;
  plan.pipeline = depth;
  expect_exactly(plan, run_load(plan));
  EXPECT_GE(rounds, 10);
  EXPECT_FALSE(too_many);
}

TEST(RunLoad, SeesAnIterativeServerStarveAllButOne) {
  const TestServer server(one_after_the_other);
  const LoadPlan plan = plan_for(server.endpoint(), 200);
  const LoadResult result = run_load(plan);
  expect_exactly(plan, result);
  EXPECT_EQ(result.starved(), 3u);
  EXPECT_DOUBLE_EQ(result.jain(), 0.25);
  const json fairness = load_json(plan, result)["fairness"];
  EXPECT_EQ(fairness["slowest_requests"], 0);
  EXPECT_EQ(fairness["fastest_requests"], 200);
  EXPECT_NEAR(fairness["longest_starvation_ns"].get<double>(), result.seconds * 1e9, 1);
}

TEST(RunLoad, DoesNotCountWarmUp) {
  std::atomic<int> replies{0};
  std::atomic<bool> withheld{false};
  const TestServer server(each(replying([&](std::string request, unsigned) {
    eventually([&] { return !withheld; });
    ++replies;
    return request;
  })));
  LoadPlan plan = plan_for(server.endpoint());
  plan.duration = 50ms;
  LoadEvents events;
  events.window_begins = [&] {
    EXPECT_TRUE(eventually([&] { return replies > 100; }));
    withheld = true;
  };
  events.window_ended = [&] { withheld = false; };
  const LoadResult result = run_load(plan, events);
  EXPECT_LE(result.requests, plan.connections) << "at most what was on its way";
  EXPECT_EQ(result.response.count(), result.requests);
  EXPECT_EQ(result.errors.total(), 0u);
}

TEST(RunLoad, CountsLatencyFromTheRequestsBegin) {
  const TestServer server(each(replying(reply_slowly)));
  const LoadPlan plan = plan_for(server.endpoint(), 40);
  const LoadResult result = run_load(plan);
  expect_exactly(plan, result);
  // Requests of the warm-up may be answered in the window, but they began before it.
  EXPECT_GE(result.response.min_ns(), 5'000'000u);
}

TEST(RunLoad, TellsItsPhasesInOrder) {
  const TestServer server(each(echo));
  std::vector<std::string> phases;
  LoadEvents events;
  events.window_begins = [&] { phases.emplace_back("window begins"); };
  events.window_ended = [&] { phases.emplace_back("window ended"); };
  events.progress = [&](const LoadProgress& now) {
    if (phases.empty() || phases.back() != now.phase) phases.emplace_back(now.phase);
    EXPECT_LE(now.connected, 4u);
    EXPECT_EQ(now.errors, 0u);
    EXPECT_GE(now.phase_share, 0);
    EXPECT_LE(now.phase_share, 1);
  };
  run_load(plan_for(server.endpoint(), 100), events);
  const std::vector<std::string> right{"connecting",    "greeting",  "warm-up",
                                       "window begins", "measuring", "window ended",
                                       "draining"};
  EXPECT_EQ(phases, right);
}

/// Of the load threads, inside the window of `plan`.
void expect_no_allocation_and_no_lock(const LoadPlan& plan, const char* what) {
  SCOPED_TRACE(what);
  LoadEvents events;
  events.window_begins = [] {
    allocations = locks = 0;
    counting = true;
  };
  events.window_ended = [] { counting = false; };
  const LoadResult result = run_load(plan, events);
  EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
  EXPECT_GT(result.requests, 0U);
  EXPECT_EQ(allocations, 0U);
  EXPECT_EQ(locks, 0U);
}

TEST(RunLoad, AllocatesNothingAndTakesNoLockWhileItMeasures) try {
  const TestServer server(each(echo));
  counted = false;
  for (const EngineKind engine : {EngineKind::epoll, EngineKind::io_uring}) {
    LoadPlan plan = plan_for(server.endpoint(), 0);
    plan.duration = 200ms;
    plan.engine = engine;
    plan.threads = 2;
    plan.interval = 20ms;
    plan.pipeline = 3;
    expect_no_allocation_and_no_lock(plan, "closed");
    plan.pipeline = 1;
    plan.workload.think = TimeLaw::parse("--think", "exp:1ms");
    expect_no_allocation_and_no_lock(plan, "thinking");
    plan.workload.think = TimeLaw();
    plan.workload.arrivals.emplace().rate = 3'000;
    expect_no_allocation_and_no_lock(plan, "open");
    plan.workload.on_busy = OnBusy::any;
    expect_no_allocation_and_no_lock(plan, "on any");
    plan.workload.on_busy = OnBusy::queue;
    plan.workload.session_requests = 3;
    expect_no_allocation_and_no_lock(plan, "partly open");
  }
} catch (const Failure& failure) {
  if (failure.code != ExitCode::unavailable) throw;
  GTEST_SKIP() << failure.what();
}

TEST(RunLoad, TheCountOfAllocationsAndLocksWorks) {
  counted = false;
  allocations = locks = 0;
  counting = true;
  std::mutex mutex;
  std::jthread([&] {
    const std::lock_guard lock(mutex);
    std::vector<int>(100).swap(*std::make_unique<std::vector<int>>());
  }).join();
  counting = false;
  EXPECT_GE(allocations, 1U);
  EXPECT_EQ(locks, counts_locks ? 1U : 0U);
}

/// The same promises on the other engine. Who forgets bytes that it should send waits for
/// ever: with a bound of its own, this says so before the test is killed.
TEST(RunLoad, AnIoUringServesAsWell) try {
  const TestServer server(each(echo));
  LoadPlan plan = plan_for(server.endpoint(), 200);
  plan.engine = EngineKind::io_uring;
  plan.duration = plan.timeout = slowness * 5s;
  for (const std::uint64_t bytes : {1U, 64U, 64U << 10, 1U << 20})
    for (const std::size_t depth : {1U, 4U}) {
      SCOPED_TRACE(fmt::format("{} B x {}", bytes, depth));
      plan.payload_bytes = bytes;
      plan.pipeline = depth;
      plan.requests = bytes > 100'000 ? 40 : 200;
      expect_exactly(plan, run_load(plan));
      if (HasFailure()) return;
    }
  plan.payload_bytes = 100;
  plan.requests = 0;
  plan.duration = 200ms;
  plan.manners = {.kind = Manners::Kind::churn, .requests = 3};
  for (const auto ending : {Manners::Ending::fin, Manners::Ending::rst}) {
    plan.manners.ending = ending;
    const LoadResult result = run_load(plan);
    EXPECT_EQ(result.errors.total(), 0U) << result.first_failure;
    EXPECT_GT(result.details->connect.count(), 3 * plan.connections);
  }
} catch (const Failure& failure) {
  if (failure.code != ExitCode::unavailable) throw;
  GTEST_SKIP() << failure.what();
}

TEST(RunLoad, AnIoUringNamesWhatIsWrong) try {
  const TestServer wrong(each(replying([](std::string request, unsigned n) {
    if (n == 2) request[0] = static_cast<char>(request[0] ^ 1);
    return request;
  })));
  LoadPlan plan = plan_for(wrong.endpoint(), 100);
  plan.engine = EngineKind::io_uring;
  LoadResult result = run_load(plan);
  EXPECT_EQ(result.errors.mismatch, plan.connections) << result.first_failure;
  EXPECT_EQ(judge(plan, result).verdict, Verdict::corrupt);
  const TestServer closing(each([](int) {}));
  plan.server = closing.endpoint();
  result = run_load(plan);
  EXPECT_EQ(result.errors.closed_early + result.errors.reset, plan.connections);
  plan.server = Endpoint::parse("tcp://127.0.0.1:1");
  EXPECT_THROW(run_load(plan), Unreachable);
} catch (const Failure& failure) {
  if (failure.code != ExitCode::unavailable) throw;
  GTEST_SKIP() << failure.what();
}

TEST(RunLoad, IsValidWhenTheServerIsSlow) {
  const TestServer server(each(replying(reply_slowly)));
  const LoadPlan plan = plan_for(server.endpoint(), 100);
  const LoadResult result = run_load(plan);
  const Judgement judgement = judge(plan, result);
  EXPECT_EQ(judgement.verdict, Verdict::valid) << judgement.reason;
  EXPECT_NE(load_table(plan, result).find("VALID"), std::string::npos);
  EXPECT_NE(load_table(plan, result).find("p99 n too small"), std::string::npos);
}

struct Fault {
  const char* name;
  Serve serve;
  const char* kind;  ///< what each connection fails with, as in LoadErrors
  Verdict verdict = Verdict::corrupt;
};

std::ostream& operator<<(std::ostream& out, const Fault& one) {
  return out << one.name;
}

Fault fault(const char* name, Reply reply, const char* kind) {
  return {name, each(replying(std::move(reply))), kind};
}

std::vector<Fault> replies_that_are_wrong() {
  return {
      fault(
          "FlipsABit",
          [](std::string request, unsigned n) {
            if (n == 1) request[17] = static_cast<char>(request[17] ^ 4);
            return request;
          },
          "mismatch"),
      fault(
          "DropsAByteInside",
          [](std::string request, unsigned n) {
            return n == 1 ? request.erase(20, 1) : request;
          },
          "mismatch"),
      fault(
          "DropsTheLastByte",
          [](std::string request, unsigned) {
            request.pop_back();
            return request;
          },
          "timeout"),
      fault(
          "Duplicates",
          [](const std::string& request, unsigned) { return request + request; },
          "mismatch"),
      fault(
          "AddsAByte",
          [](const std::string& request, unsigned n) {
            return n == 1 ? request + 'x' : request;
          },
          "mismatch"),
      fault(
          "AnswersWithoutEnd",
          [](const std::string& request, unsigned) {
            std::string endless;
            while (endless.size() < 4 << 20) endless += request;
            return endless;
          },
          "mismatch"),
      fault(
          "StallsAfterOneReply",
          [](const std::string& request, unsigned n) { return n == 0 ? request : ""; },
          "timeout"),
  };
}

void answer_early(int client) {
  give(client, "too soon");
  echo(client);
}

void answer_the_request_before(int client) {
  std::string last = take(client, request_bytes);
  give(client, last);
  for (;;) {
    std::string request = take(client, request_bytes);
    if (request.empty() || !give(client, std::exchange(last, request))) return;
  }
}

void truncate_and_close(int client) {
  give(client, take(client, request_bytes).substr(0, request_bytes / 2));
}

void truncate_and_reset(int client) {
  truncate_and_close(client);
  close_with_reset(client);
}

void reset_at_the_end(int client) {
  echo(client);
  close_with_reset(client);
}

std::vector<Fault> all_faults() {
  std::vector<Fault> faults = replies_that_are_wrong();
  faults.push_back({"AnswersEarly", each(answer_early), "mismatch"});
  faults.push_back(
      {"AnswersTheRequestBefore", each(answer_the_request_before), "mismatch"});
  faults.push_back({"TruncatesThenCloses", each(truncate_and_close), "closed_early"});
  faults.push_back({"ResetsAfterHalfAReply", each(truncate_and_reset), "reset"});
  faults.push_back({"NeverAnswers", each(listen_only), "timeout"});
  faults.push_back({"NeverAccepts", never_accept, "timeout"});
  faults.push_back({"SwapsRepliesOfTwo", swap_replies, "mismatch"});
  faults.push_back(
      {"ResetsAfterTheLastReply", each(reset_at_the_end), "reset", Verdict::failed});
  return faults;
}

class WrongServer : public testing::TestWithParam<Fault> {
 protected:
  /// A server that only stalls, or is good to the end, is held to account at the end.
  static bool ends_by_itself() {
    const bool stalls = std::string_view(GetParam().kind) == "timeout";
    return !stalls && GetParam().verdict != Verdict::failed;
  }
  static std::chrono::milliseconds duration() {
    return ends_by_itself() ? patience : 500ms;
  }
  static std::chrono::milliseconds timeout() { return slowness * 1'000ms; }
  static constexpr std::size_t clients = 2;
};

TEST_P(WrongServer, IsCaughtByRunLoad) {
  const TestServer server(GetParam().serve);
  LoadPlan plan = plan_for(server.endpoint());
  plan.connections = clients;
  plan.duration = duration();
  plan.timeout = timeout();
  const LoadResult result = run_load(plan);
  const Judgement judgement = judge(plan, result);
  EXPECT_EQ(verdict_text(judgement.verdict), verdict_text(GetParam().verdict));
  EXPECT_NE(judgement.reason.find(result.first_failure), std::string::npos);
  EXPECT_FALSE(result.first_failure.empty());
  expect_only(load_json(plan, result)["errors"], GetParam().kind, clients);
}

TEST_P(WrongServer, IsCaughtByEchoLoad) {
  const TestServer server(GetParam().serve);
  const auto ms = [](auto time) { return fmt::format("{}ms", time.count()); };
  Program load(ECHO_LOAD,
               {"--json", "-c", "2", "-w", "10ms", "-d", ms(duration()), "--timeout",
                ms(timeout()), server.endpoint().text()},
               {});
  EXPECT_EQ(load.wait(), static_cast<int>(exit_code_of(GetParam().verdict)));
  const json row = json::parse(load.output());
  EXPECT_EQ(row["verdict"], verdict_text(GetParam().verdict));
  EXPECT_NE(row["reason"], "");
  expect_only(row["errors"], GetParam().kind, clients);
}

INSTANTIATE_TEST_SUITE_P(Faults, WrongServer, testing::ValuesIn(all_faults()),
                         [](const auto& test) { return test.param.name; });

TEST(RunLoad, OneBadConnectionOfManySpoilsAll) {
  std::atomic<int> arrived{0};
  const TestServer server(each(
      [&](int client) { return ++arrived == 3 ? answer_early(client) : echo(client); }));
  LoadPlan plan = plan_for(server.endpoint(), 100);
  const LoadResult result = run_load(plan);
  EXPECT_EQ(result.errors.mismatch, 1u);
  EXPECT_EQ(result.requests, 100u);
  EXPECT_EQ(judge(plan, result).verdict, Verdict::corrupt);
}

// Whether a connection was asked before its end is seen depends on who is first.
TEST(RunLoad, SaysThatTheServerClosesAtOnce) {
  const TestServer server(each([](int) {}));
  const LoadPlan plan = plan_for(server.endpoint());
  const LoadResult result = run_load(plan);
  const LoadErrors& errors = result.errors;
  EXPECT_EQ(errors.closed_early + errors.reset, plan.connections);
  EXPECT_EQ(judge(plan, result).verdict,
            errors.lost_replies > 0 ? Verdict::corrupt : Verdict::failed);
  EXPECT_EQ(result.requests, 0u);
}

TEST(RunLoad, FailsWhenNoReplyCameInsideTheWindow) {
  std::atomic<bool> withheld{true};
  const TestServer server(each(replying([&](std::string request, unsigned) {
    eventually([&] { return !withheld; });
    return request;
  })));
  LoadPlan plan = plan_for(server.endpoint());
  plan.duration = 50ms;
  LoadEvents events;
  events.window_ended = [&] { withheld = false; };
  const LoadResult result = run_load(plan, events);
  EXPECT_EQ(result.errors.total(), 0u);
  EXPECT_EQ(judge(plan, result).verdict, Verdict::failed);
}

TEST(RunLoad, FailsWhenTheQuotaIsNotMetInTime) {
  const TestServer server(each(replying(reply_slowly)));
  LoadPlan plan = plan_for(server.endpoint(), 1'000'000);
  plan.duration = 300ms;
  const LoadResult result = run_load(plan);
  const Judgement judgement = judge(plan, result);
  EXPECT_EQ(judgement.verdict, Verdict::failed);
  EXPECT_NE(judgement.reason.find("of 1000000 requests"), std::string::npos);
}

TEST(RunLoad, RefusedConnectsAreUnreachable) {
  const RefusingServer server;
  EXPECT_THROW(run_load(plan_for(server.endpoint())), Unreachable);
}

TEST(RunLoad, UnansweredConnectsTimeOut) {
  const TestServer server(never_accept, any_port, {.backlog = 0});
  LoadPlan plan = plan_for(server.endpoint());
  plan.duration = 100ms;
  plan.timeout = 500ms;
  const LoadResult result = run_load(plan);
  EXPECT_LT(result.connected, plan.connections);
  EXPECT_EQ(result.errors.timeout, plan.connections);
}

TEST(RunLoad, IsUnreachableWhenNoConnectIsAnswered) {
  const TestServer server(never_accept, any_port, {.backlog = 0});
  const Fd first = connect_to(server.endpoint());  // fills the queue
  LoadPlan plan = plan_for(server.endpoint());
  plan.timeout = 300ms;
  EXPECT_THROW(run_load(plan), Unreachable);
}

TEST(RunLoad, StopsWhileItConnects) {
  const TestServer server(never_accept, any_port, {.backlog = 0});
  LoadPlan plan = plan_for(server.endpoint());
  plan.timeout = 1h;
  std::stop_source stop;
  LoadEvents events;
  events.progress = [&](const LoadProgress& now) {
    if (now.phase_seconds > 0.05) stop.request_stop();
  };
  const LoadResult result = run_load(plan, events, stop.get_token());
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.errors.total(), 0u) << "what was given up is no failure";
}

TEST(RunLoad, StopsWhileItMeasuresAndKeepsWhatItHas) {
  const TestServer server(each(echo));
  LoadPlan plan = plan_for(server.endpoint());
  plan.duration = 1h;
  std::stop_source stop;
  LoadEvents events;
  events.progress = [&](const LoadProgress& now) {
    if (std::string_view(now.phase) == "measuring" && now.requests > 100 &&
        now.phase_seconds > 0.05)
      stop.request_stop();
  };
  const LoadResult result = run_load(plan, events, stop.get_token());
  EXPECT_TRUE(result.interrupted);
  EXPECT_GT(result.requests, 100u);
  EXPECT_EQ(result.errors.total(), 0u);
  EXPECT_LT(result.seconds, 3'600);
}

/// A second of a load without a flaw, whose client used half its core.
LoadResult good_result() {
  LoadResult result;
  result.seconds = 1;
  result.requests = 1'000;
  result.connected = 4;
  result.client_cpu_ns = 0.5e9;
  result.requests_per_connection.assign(4, 250);
  return result;
}

Verdict verdict_of(const LoadResult& result, std::size_t threads = 1) {
  LoadPlan plan;
  plan.connections = 4;
  plan.threads = threads;
  return judge(plan, result).verdict;
}

TEST(Judge, ALoadWithoutAFlawIsValid) {
  const Judgement judgement = judge(LoadPlan(), good_result());
  EXPECT_EQ(judgement.verdict, Verdict::valid);
  EXPECT_EQ(judgement.reason, "");
}

TEST(Judge, ABusyClientIsClientBound) {
  LoadResult result = good_result();
  result.client_cpu_ns = 0.97e9;
  EXPECT_EQ(verdict_of(result), Verdict::client_bound);
  EXPECT_EQ(verdict_of(result, 2), Verdict::valid) << "of two cores it is half";
}

TEST(Judge, WrongBytesAreCorruptWhateverElseIsWrong) {
  LoadResult result = good_result();
  result.errors.mismatch = 1;
  result.errors.reset = 3;
  result.client_cpu_ns = 1e9;
  EXPECT_EQ(verdict_of(result), Verdict::corrupt);
}

TEST(Judge, LostRepliesAreCorrupt) {
  LoadResult result = good_result();
  result.errors.closed_early = 1;
  result.errors.lost_replies = 1;
  EXPECT_EQ(verdict_of(result), Verdict::corrupt);
}

TEST(Judge, ConnectionsThatFailBetweenRequestsAreAFailure) {
  for (const auto kind : {&LoadErrors::connect, &LoadErrors::timeout, &LoadErrors::reset,
                          &LoadErrors::closed_early}) {
    LoadResult result = good_result();
    result.errors.*kind = 1;
    EXPECT_EQ(verdict_of(result), Verdict::failed);
  }
}

TEST(Judge, EachVerdictHasItsExitCode) {
  const auto code = [](Verdict verdict) {
    return static_cast<int>(exit_code_of(verdict));
  };
  EXPECT_EQ(code(Verdict::valid), 0);
  EXPECT_EQ(code(Verdict::failed), 1);
  EXPECT_EQ(code(Verdict::corrupt), 4);
  EXPECT_EQ(code(Verdict::client_bound), 5);
  EXPECT_EQ(code(Verdict::unsteady), 6);
  EXPECT_EQ(code(Verdict::noisy), 6);
  EXPECT_EQ(code(Verdict::overloaded), 7);
}

TEST(Jain, IsOneWhenAllAreAlikeAndOneNthWhenOneHasAll) {
  LoadResult result;
  EXPECT_EQ(result.jain(), 0);
  result.requests_per_connection = {5, 5, 5};
  EXPECT_DOUBLE_EQ(result.jain(), 1);
  EXPECT_EQ(result.starved(), 0u);
  result.requests_per_connection = {0, 9, 0, 0};
  EXPECT_DOUBLE_EQ(result.jain(), 0.25);
  EXPECT_EQ(result.starved(), 3u);
}

/// What went wrong, in exactly one line that begins with `beginning`.
void expect_one_line(const Program& program, const std::string& beginning) {
  const std::string errors = program.errors();
  EXPECT_EQ(std::ranges::count(errors, '\n'), 1) << errors;
  EXPECT_TRUE(errors.starts_with(beginning)) << errors;
  EXPECT_EQ(program.output(), "");
}

TEST(EchoLoad, PrintsATableAndEndsWithZeroWhenValid) {
  const TestServer server(each(replying(reply_slowly)));
  Program load(ECHO_LOAD, {"-q", "-n", "50", server.endpoint().text()}, {});
  EXPECT_EQ(load.wait(), 0);
  EXPECT_EQ(load.errors(), "");
  EXPECT_NE(load.output().find("50 verified"), std::string::npos) << load.output();
  EXPECT_NE(load.output().find("VALID"), std::string::npos);
}

TEST(EchoLoad, JsonHasTheMembersOfATrialRow) {
  const TestServer server(each(replying(reply_slowly)));
  Program load(ECHO_LOAD, {"--json", "-n", "50", "-c", "3", server.endpoint().text()},
               {});
  EXPECT_EQ(load.wait(), 0);
  const json row = json::parse(load.output());
  for (const char* member : {"/schema_version",
                             "/verdict",
                             "/reason",
                             "/seconds",
                             "/requests",
                             "/requests_per_second",
                             "/errors/connect",
                             "/errors/reset",
                             "/errors/closed_early",
                             "/errors/mismatch",
                             "/errors/timeout",
                             "/errors/lost_replies",
                             "/latency_ns/n",
                             "/latency_ns/mean",
                             "/latency_ns/min",
                             "/latency_ns/p50",
                             "/latency_ns/p90",
                             "/latency_ns/p99",
                             "/latency_ns/p999",
                             "/latency_ns/max",
                             "/histogram/0/2",
                             "/fairness/jain",
                             "/fairness/slowest_requests",
                             "/fairness/fastest_requests",
                             "/fairness/starved",
                             "/fairness/longest_starvation_ns",
                             "/fairness/requests_per_client/2",
                             "/client/cpu_ns_per_request",
                             "/client/cpu_cores_used",
                             "/client/threads"})
    EXPECT_TRUE(row.contains(json::json_pointer(member))) << member;
  EXPECT_EQ(row["schema_version"], 1);
  EXPECT_EQ(row["requests"], 50);
  EXPECT_EQ(row["partial"], false);
  EXPECT_TRUE(row["latency_ns"]["p50"].is_number());
  EXPECT_TRUE(row["latency_ns"]["p99"].is_null()) << "n too small";
  EXPECT_EQ(row["plan"]["connections"], 3);
}

TEST(EchoLoad, NothingListensIsUnreachable) {
  const RefusingServer server;
  for (const std::string& endpoint :
       {server.endpoint().text(), std::string("unix:///nowhere/echo.sock")}) {
    Program load(ECHO_LOAD, {"-q", endpoint}, {});
    EXPECT_EQ(load.wait(), 3);
    expect_one_line(load, "echo_load: " + endpoint);
  }
}

TEST(EchoLoad, MoreConnectionsThanTheLimitsAllowIsAUsageError) {
  const TestServer server(never_accept);
  Program load(ECHO_LOAD, {"-q", "-c", "1000", server.endpoint().text()},
               {.descriptors = 200});
  EXPECT_EQ(load.wait(), 2);
  expect_one_line(load, "echo_load: --connections 1000: needs ");
  EXPECT_NE(load.errors().find("the limit is 200"), std::string::npos);
}

TEST(EchoLoad, AWrongCommandLineIsAUsageErrorThatNamesTheOption) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
      {{"-c", "0"}, "--connections"},
      {{"-d", "10"}, "--duration"},
      {{"-t", "8", "-c", "4"}, "--threads"},
      {{"-t", "2", "-n", "1"}, "--requests"},
      {{"-s", "0"}, "--size"},
      {{"--jsn"}, "unknown option '--jsn', did you mean"},
      {{"nonsense"}, "'nonsense'"}};
  for (const auto& [arguments, named] : wrong) {
    Program load(ECHO_LOAD, arguments, {});
    EXPECT_EQ(load.wait(), 2) << named;
    expect_one_line(load, "echo_load: " + named);
  }
}

TEST(EchoLoad, AnInterruptPrintsThePartOfTheResult) {
  std::atomic<int> replies{0};
  const TestServer server(each(replying([&](std::string request, unsigned) {
    ++replies;
    return request;
  })));
  Program load(ECHO_LOAD, {"--json", "-d", "1h", "-w", "10ms", server.endpoint().text()},
               {});
  ASSERT_TRUE(load.said("measuring"));
  const int before = replies;
  ASSERT_TRUE(eventually([&] { return replies > before + 1'000; }));
  load.signal(SIGINT);
  EXPECT_EQ(load.wait(), 130);
  const json row = json::parse(load.output());
  EXPECT_EQ(row["partial"], true);
  EXPECT_GT(row["requests"], 0);
  EXPECT_LT(row["seconds"], 3'600);
  expect_only(row["errors"], "none", 0);
}

TEST(EchoLoad, AnInterruptEndsItWhileItConnects) {
  const TestServer server(never_accept, any_port, {.backlog = 0});
  Program load(ECHO_LOAD, {"--json", "--timeout", "1h", server.endpoint().text()}, {});
  ASSERT_TRUE(load.said("connecting"));
  load.signal(SIGTERM);
  EXPECT_EQ(load.wait(), 130);
  EXPECT_EQ(json::parse(load.output())["requests"], 0);
}

TEST(EchoLoad, ASecondInterruptEndsItAtOnce) {
  const TestServer server(each(listen_only));
  Program load(
      ECHO_LOAD,
      {"--json", "-d", "1h", "--timeout", "1h", "-w", "10ms", server.endpoint().text()},
      {});
  ASSERT_TRUE(load.said("measuring"));
  load.signal(SIGINT);
  ASSERT_TRUE(load.said("draining"));
  load.signal(SIGINT);
  EXPECT_EQ(load.wait(), 130);
  EXPECT_EQ(load.output(), "");
}

TEST(EchoLoad, AResultThatCannotBeWrittenIsAFailure) {
  const TestServer server(each(replying(reply_slowly)));
  const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  Program load(ECHO_LOAD, {"-q", "-n", "20", server.endpoint().text()},
               {.output = full.get()});
  EXPECT_EQ(load.wait(), 1);
  expect_one_line(load, "echo_load: writing");
}

/// A file in memory to read from the begin.
Fd file_of(const std::string& text) {
  Fd file(checked(::memfd_create("input", MFD_CLOEXEC), "memfd_create"));
  EXPECT_EQ(::write(file.get(), text.data(), text.size()), std::ssize(text));
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

std::pair<Fd, Fd> make_pipe() {
  std::array<int, 2> ends{};
  checked(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
  return {Fd(ends[0]), Fd(ends[1])};
}

std::string some_text(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * i >> 7);
  return text;
}

TEST(EchoClient, ReturnsTheBytesThatItWasGiven) {
  const TestServer server(each(echo));
  for (const std::size_t size : {0u, 1u, 5'000u, 8u << 20}) {
    const std::string text = some_text(size);
    const Fd input = file_of(text);
    Program client(ECHO_CLIENT, {server.endpoint().text()}, {.input = input.get()});
    EXPECT_EQ(client.wait(), 0) << size;
    EXPECT_TRUE(client.output() == text) << size;
    EXPECT_EQ(client.errors(), "");
  }
}

TEST(EchoClient, RepliesComeBeforeTheInputEnds) {
  const TestServer server(each(echo));
  auto [input, keyboard] = make_pipe();
  Program client(ECHO_CLIENT, {server.endpoint().text()}, {.input = input.get()});
  for (const std::string typed : {"one", "onetwo"}) {
    ASSERT_EQ(::write(keyboard.get(), typed.data() + typed.size() - 3, 3), 3);
    EXPECT_TRUE(eventually([&] { return client.output() == typed; }));
  }
  keyboard.reset();
  EXPECT_EQ(client.wait(), 0);
}

TEST(EchoClient, NothingListensIsUnreachable) {
  const RefusingServer server;
  Program client(ECHO_CLIENT, {server.endpoint().text()}, {});
  EXPECT_EQ(client.wait(), 3);
  expect_one_line(client, "echo_client: cannot connect to");
}

TEST(EchoClient, FailsWhenTheServerClosesBeforeTheInputEnds) {
  const TestServer server(each([](int) {}));
  const auto [input, keyboard] = make_pipe();
  Program client(ECHO_CLIENT, {server.endpoint().text()}, {.input = input.get()});
  EXPECT_EQ(client.wait(), 1);
  expect_one_line(client, "echo_client: the server closed the connection");
}

TEST(EchoClient, FailsWhenNotEveryByteCameBack) {
  const TestServer server(each([](int client) {
    const std::string all = take(client, 4'096);
    give(client, all.substr(0, all.size() / 2));
  }));
  const Fd input = file_of(some_text(100));
  Program client(ECHO_CLIENT, {server.endpoint().text()}, {.input = input.get()});
  EXPECT_EQ(client.wait(), 1);
  EXPECT_TRUE(client.output() == some_text(50));
  EXPECT_NE(client.errors().find("50 of 100 B came back"), std::string::npos);
}

TEST(EchoClient, FailsWhenTheServerIsGoneInTheMiddle) {
  const TestServer server(each([](int client) {
    take(client, 1'000);
    close_with_reset(client);
  }));
  const Fd input = file_of(some_text(8 << 20));
  Program client(ECHO_CLIENT, {server.endpoint().text()}, {.input = input.get()});
  EXPECT_EQ(client.wait(), 1);
  EXPECT_TRUE(client.errors().starts_with("echo_client: "));
}

TEST(EchoClient, FailsWhenNobodyReadsItsOutput) {
  const TestServer server(each(echo));
  const Fd input = file_of(some_text(1'000));
  auto [reader, output] = make_pipe();
  reader.reset();
  Program client(ECHO_CLIENT, {server.endpoint().text()},
                 {.input = input.get(), .output = output.get()});
  EXPECT_EQ(client.wait(), 1);
  expect_one_line(client, "echo_client: writing: Broken pipe");
}

// The socket must not take the place of stdout, or replies would be echoed for ever.
TEST(EchoClient, FailsWhenItsOutputIsClosed) {
  const TestServer server(each(echo));
  const Fd input = file_of(some_text(1'000));
  Program client(ECHO_CLIENT, {server.endpoint().text()},
                 {.input = input.get(), .output_closed = true});
  EXPECT_EQ(client.wait(), 1);
  expect_one_line(client, "echo_client: writing: Bad file descriptor");
}

TEST(LargeLoad, TenThousandConnectionsAreHeldAndEveryByteVerified) {
  constexpr std::uint64_t clients = 10'000;
  constexpr std::uint64_t needed = clients + 100;
  if (const auto limit = raise_descriptor_limit(needed); limit < needed)
    GTEST_SKIP() << "10 000 CONNECTIONS NOT TESTED: they need " << needed
                 << " descriptors, the hard limit is " << limit << " (ulimit -Hn)";
  const ServerProcess server("epoll_level", any_port,
                             {.flags = {"--max-clients", std::to_string(clients)}});
  ASSERT_TRUE(server.ready()) << server.log();
  LoadPlan plan = plan_for(server.endpoint(), 5 * clients);
  plan.connections = clients;
  plan.duration = 6 * patience;
  plan.timeout = 6 * patience;
  LoadEvents events;
  events.window_begins = [&] {
    EXPECT_TRUE(eventually([&] { return server.tree().descriptors >= clients; }));
  };
  const LoadResult result = run_load(plan, events);
  expect_exactly(plan, result);
  EXPECT_EQ(result.starved(), 0u);
}

}  // namespace
}  // namespace echolab::tests

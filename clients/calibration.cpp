#include "clients/calibration.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "clients/load_report.hpp"
#include "clients/null_responder.hpp"
#include "common/affinity.hpp"
#include "common/interrupt.hpp"
#include "common/machine.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::size_t runs = 3;
constexpr std::size_t own_descriptors = 64;

/// An endpoint on this machine for a server of its own, of the transport and family that
/// `like` has; a Unix path lies in a new folder, which goes with this object.
class LoopbackEndpoint {
 public:
  explicit LoopbackEndpoint(const Endpoint& like) : endpoint_(like) {
    endpoint_.host = like.host.find(':') == like.host.npos ? "127.0.0.1" : "::1";
    endpoint_.port.assign(1, '0');  // not = "0": GCC bug 105651
    if (!like.is_local()) return;
    folder_ = fs::temp_directory_path() / "echolab-XXXXXX";
    if (::mkdtemp(folder_.data()) == nullptr)
      throw std::system_error(errno, std::generic_category(), folder_);
    endpoint_.path = folder_ + "/s";
  }
  LoopbackEndpoint(const LoopbackEndpoint&) = delete;
  LoopbackEndpoint& operator=(const LoopbackEndpoint&) = delete;
  ~LoopbackEndpoint() { remove(); }

  [[nodiscard]] const Endpoint& get() const { return endpoint_; }

  void remove() const {
    if (folder_.empty()) return;
    std::error_code gone;
    fs::remove(endpoint_.path, gone);
    fs::remove(folder_, gone);
  }

 private:
  Endpoint endpoint_;
  std::string folder_;
};

/// A null responder as a process of its own: it ends with this object and, by
/// PR_SET_PDEATHSIG, with the thread that made it. Ctrl-C is not for it.
class Responder {
 public:
  /// For the plan's protocol and connections, at an endpoint like its server's.
  Responder(const LoadPlan& plan, const std::vector<int>& cpus)
      : where_(plan.server), listener_(where_.get()) {
    std::fflush(nullptr);
    const pid_t parent = ::getpid();
    pid_ = checked(::fork(), "fork");
    if (pid_ == 0)
      ::_exit(run_program("echo_load: null responder", [&] {
        serve(parent, cpus, plan);
        return ExitCode::ok;
      }));
    listener_.close_in_child();  // or who connects would wait after the responder's end
  }
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  ~Responder() { end(); }

  [[nodiscard]] const Endpoint& endpoint() const { return listener_.endpoint(); }

 private:
  void serve(pid_t parent, const std::vector<int>& cpus, const LoadPlan& plan) {
    const StopOnSignal stop(listener_, {SIGTERM});
    std::signal(SIGINT, SIG_IGN);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) return where_.remove();  // it was too late to be told
    pin_this_thread(cpus);
    raise_descriptor_limit(plan.connections + own_descriptors);
    plan.http ? respond_http(listener_) : respond(listener_);
    where_.remove();  // the parent may have been killed
  }

  /// In order first; what has not ended after 2 s is killed.
  void end() const {
    ::kill(pid_, SIGTERM);
    const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    pollfd ended{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
    if (::poll(&ended, 1, 2'000) <= 0) ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  LoopbackEndpoint where_;
  Listener listener_;
  pid_t pid_ = -1;
};

/// What of the plan makes the ceiling: as ceiling_key() has it.
LoadPlan closed_loop(const LoadPlan& plan, const Endpoint& responder,
                     const std::vector<int>& cpus) {
  LoadPlan closed{.server = responder,
                  .connections = plan.connections,
                  .threads = plan.threads,
                  .cpus = cpus,
                  .warm_up = 200ms,
                  .duration = 500ms,
                  .payload_bytes = plan.payload_bytes,
                  .pipeline = plan.pipeline,
                  .timeout = plan.timeout,
                  .seed = plan.seed,
                  .datagram_timeout = plan.datagram_timeout,
                  .http = plan.http};
  if (plan.work) closed.work.emplace();
  return closed;
}

/// A client that is busy all the time is what a calibration wants.
void check_right(const LoadPlan& plan, const LoadResult& result) {
  const Judgement judgement = judge(plan, result);
  if (judgement.verdict == Verdict::valid || judgement.verdict == Verdict::client_bound)
    return;
  throw Failure(exit_code_of(judgement.verdict),
                fmt::format("against a null responder: {}: {}",
                            verdict_text(judgement.verdict), judgement.reason));
}

std::string now_in_utc() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  const std::size_t size =
      std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {text.data(), size};
}

Ceiling ceiling_of(std::vector<double> rates) {
  std::ranges::sort(rates);
  return {.requests_per_second = rates[rates.size() / 2],
          .least = rates.front(),
          .most = rates.back(),
          .n = rates.size(),
          .made = now_in_utc()};
}

}  // namespace

Calibration share_out(const std::vector<int>& allowed, const std::vector<int>& planned) {
  Calibration shares;
  shares.client_cpus = planned;
  if (planned.empty())
    shares.client_cpus.assign(allowed.begin(), allowed.end() - (allowed.size() > 1));
  for (const int cpu : allowed)
    if (std::ranges::find(shares.client_cpus, cpu) == shares.client_cpus.end())
      shares.responder_cpus = {cpu};
  shares.shared = shares.responder_cpus.empty();
  if (shares.shared) shares.responder_cpus = {allowed.back()};
  return shares;
}

std::optional<Calibration> calibrate(const LoadPlan& plan, const LoadEvents& events) {
  Calibration found = share_out(allowed_cpus(), plan.cpus);
  const Responder responder(plan, found.responder_cpus);
  const Interrupt interrupt;
  const LoadPlan closed = closed_loop(plan, responder.endpoint(), found.client_cpus);
  std::vector<double> rates;
  while (rates.size() < runs) {
    const LoadResult result = run_load(closed, events, interrupt.token());
    if (interrupt.happened()) return std::nullopt;
    check_right(closed, result);
    rates.push_back(result.requests_per_second());
  }
  found.ceiling = ceiling_of(std::move(rates));
  return found;
}

std::string calibration_table(const LoadPlan& plan, const Calibration& calibration) {
  const Ceiling& ceiling = calibration.ceiling;
  const std::string scheme = plan.server.text();
  return fmt::format(
      "null responder over {}{}: closed loop, {} connections x {} outstanding, {} B, {} "
      "thread{}\n"
      "  client ceiling {:>10} requests/s   median of {} runs, {} … {}\n"
      "  CPUs           client {}, responder {}{}\n",
      scheme.substr(0, scheme.find(':')), plan.http ? ", HTTP" : "", plan.connections,
      plan.pipeline, plan.payload_bytes, plan.threads, plan.threads == 1 ? "" : "s",
      show_count(ceiling.requests_per_second), ceiling.n, show_count(ceiling.least),
      show_count(ceiling.most), fmt::join(calibration.client_cpus, ","),
      fmt::join(calibration.responder_cpus, ","),
      calibration.shared ? ": shared, so the ceiling is lower than with one for each"
                         : "");
}

}  // namespace echolab

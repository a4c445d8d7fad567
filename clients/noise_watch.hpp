// NoiseWatch: what a machine takes from the threads of a load, while the load runs.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace echolab {

/// Summed over the threads of a load, or over the CPUs that they may use.
struct Noise {
  double seconds = 0;  ///< how long it was watched: the window, and some microseconds
  std::size_t threads = 0;
  std::size_t cpus = 0;
  /// The threads could run, and another had the CPU: the second number of schedstat
  /// (proc(5), sched-stats.rst). Empty where the kernel does not count it.
  std::optional<double> waited_seconds;
  double ran_seconds = 0;                  ///< the first number of it
  std::uint64_t involuntary_switches = 0;  ///< nonvoluntary_ctxt_switches: proc(5)
  double stolen_seconds = 0;  ///< by the hypervisor from the CPUs, in ticks of 10 ms
  /// What anybody but these threads used of the CPUs, beside interrupts: user, nice and
  /// system time of /proc/stat (in ticks) without the threads' own. The server's as well
  /// where it may run there.
  std::optional<double> others_seconds;

  /// Of the time in which the threads wanted a CPU, and of all their CPUs' time: 0 … 1.
  [[nodiscard]] double waited_share() const;
  [[nodiscard]] double stolen_share() const;
};

/// Reads when it is made, and when it is asked: some files of /proc, by the thread that
/// does so; those that are watched notice nothing.
class NoiseWatch {
 public:
  /// `threads`: of this process, by their ids (gettid(2)). `cpus`: where they may run.
  NoiseWatch(std::vector<pid_t> threads, std::vector<int> cpus);

  /// Since it was made. Threads that have ended in between count with nothing.
  [[nodiscard]] Noise until_now() const;

 private:
  struct Reading {
    std::int64_t moment_ns = 0;
    std::optional<double> waited_seconds;
    double ran_seconds = 0;
    std::uint64_t involuntary_switches = 0;
    double busy_seconds = 0;
    double stolen_seconds = 0;
  };
  [[nodiscard]] Reading read() const;

  std::vector<pid_t> threads_;
  std::vector<int> cpus_;
  Reading begin_;
};

/// How a load that has its CPUs to itself was disturbed, if it was: too much for its
/// numbers to be the server's. Empty also when it was watched for less than 100 ms, and
/// of waiting nothing is said when there are more threads than CPUs.
std::optional<std::string> disturbance(const Noise& noise);

/// "waited 0.3 % of the time for a CPU, 12 involuntary switches, …".
std::string noise_text(const Noise& noise);

}  // namespace echolab

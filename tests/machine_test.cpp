// What a machine tells of itself is understood, and what it does to numbers is said.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "bench/attempts.hpp"
#include "bench/cgroup.hpp"
#include "bench/doctor.hpp"
#include "bench/environment.hpp"
#include "common/machine.hpp"

namespace echolab {
namespace {

using namespace std::chrono_literals;
using Files = std::map<std::string, std::string>;
using State = Finding::State;

const std::string cpu_folder = "/sys/devices/system/cpu/";

/// Eight CPUs, two of each core, where nothing stands in the way of a measurement.
Files calm() {
  Files files = {
      {"/proc/cpuinfo",
       "processor\t: 0\nmodel name\t: Some CPU\nmicrocode\t: 0x2b\n"
       "cpu MHz\t\t: 2299.998\nflags\t\t: fpu vme\n"},
      {"/proc/stat", "cpu  5000 0 5000 90000 0 0 0 0 0 0\ncpu0 1 2 3\n"},
      {"/proc/loadavg", "0.10 0.20 0.30 1/99 4711\n"},
      {"/proc/cmdline", "BOOT_IMAGE=/vmlinuz ro isolcpus=2-3 quiet -- init nosmt\n"},
      {"/proc/self/personality", "00000000\n"},
      {"/proc/self/limits",
       "Limit                     Soft Limit           Hard Limit           Units     \n"
       "Max stack size            8388608              unlimited            bytes     \n"
       "Max processes             96365                96365                processes \n"
       "Max open files            1024                 20000                files     "
       "\n"},
      {"/proc/self/cgroup", "0::/a/b\n"},
      {"/proc/self/mountinfo",
       "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
       "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw\n"},
      {"/sys/fs/cgroup/a/b/cpu.max", "max 100000\n"},
      {"/sys/fs/cgroup/a/b/pids.max", "max\n"},
      {"/proc/sys/kernel/randomize_va_space", "2\n"},
      {"/proc/sys/kernel/threads-max", "96365\n"},
      {"/proc/sys/kernel/pid_max", "4194304\n"},
      {"/proc/sys/fs/nr_open", "1048576\n"},
      {"/proc/sys/net/core/somaxconn", "4096\n"},
      {"/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n"},
      {"/proc/sys/net/ipv4/tcp_tw_reuse", "2\n"},
      {"/proc/sys/net/ipv4/tcp_timestamps", "1\n"},
      {cpu_folder + "intel_pstate/no_turbo", "1\n"},
      {cpu_folder + "smt/active", "1\n"},
      {cpu_folder + "vulnerabilities/meltdown", "Not affected\n"},
      {cpu_folder + "cpu0/cache/index0/level", "1\n"},
      {cpu_folder + "cpu0/cache/index0/type", "Data\n"},
      {cpu_folder + "cpu0/cache/index0/size", "48K\n"},
      {cpu_folder + "cpu0/cache/index3/level", "3\n"},
      {cpu_folder + "cpu0/cache/index3/type", "Unified\n"},
      {cpu_folder + "cpu0/cache/index3/size", "32M\n"},
  };
  for (int cpu = 0; cpu < 8; ++cpu) {
    const std::string folder = fmt::format("{}cpu{}/", cpu_folder, cpu);
    files[folder + "topology/core_cpus_list"] =
        fmt::format("{},{}\n", cpu % 4, cpu % 4 + 4);
    files[folder + "topology/physical_package_id"] = "0\n";
    files[folder + "cpufreq/scaling_governor"] = "performance\n";
    files[folder + "cpufreq/cpuinfo_max_freq"] = "3500000\n";
    files[folder + "thermal_throttle/core_throttle_count"] = "0\n";
  }
  return files;
}

Machine machine_of(const Files& files) {
  return {made_of(files), {0, 1, 2, 3, 4, 5, 6, 7}, "release"};
}

std::vector<std::string> warnings(const Files& files, const Demand& demand = {}) {
  return environment_warnings(demand, machine_of(files));
}

/// Of these CPUs on that machine, as options say them.
Demand given(const Sides& sides) {
  const Machine machine = machine_of(calm());
  Demand demand;
  demand.placement = placement_of(sides, topology_of(machine.allowed, machine.files));
  demand.placement.is_given = true;
  return demand;
}

TEST(Checks, say_nothing_of_a_calm_machine) {
  EXPECT_EQ(warnings(calm()), std::vector<std::string>());
}

TEST(Checks, say_each_trouble_once_with_its_meaning_and_a_remedy) {
  const std::string cpu1 = cpu_folder + "cpu1/";
  const struct {
    std::string file;
    std::string text;
    std::string words;
  } troubles[] = {
      {cpu1 + "cpufreq/scaling_governor", "powersave", "governor performance, powersave"},
      {cpu_folder + "intel_pstate/no_turbo", "0", "echo 1 > "},
      {cpu1 + "cpufreq/cpuinfo_max_freq", "2100000", "clocks of 2100 to 3500 MHz"},
      {"/proc/stat", "cpu  5000 0 4000 90000 0 0 0 1000\n", "10.0 % of what was wanted"},
      {"/proc/loadavg", "3.31 1 1 1/99 1", "load average 3.3"},
      {cpu1 + "thermal_throttle/core_throttle_count", "17", "throttled 17 times"},
      {"/proc/sys/kernel/randomize_va_space", "0", "randomize_va_space=2"},
      {"/proc/self/personality", "00040000", "setarch -R"},
      {"/sys/fs/cgroup/a/cpu.max", "150000 100000", "a quota of 1.5 of 8 CPUs"},
      {"/sys/fs/cgroup/a/pids.max", "500", "500 threads and processes: not enough"},
      {"/proc/sys/net/core/somaxconn", "128", "somaxconn=4096"},
      {"/proc/sys/net/ipv4/tcp_tw_reuse", "0", ""},
      {"/proc/sys/net/ipv4/ip_local_port_range", "32768 32867", "100 ports"},
      {"/sys/hypervisor/type", "xen", "a virtual machine (xen)"},
  };
  for (const auto& [file, text, words] : troubles) {
    Files files = calm();
    files[file] = text + "\n";
    const auto said = warnings(files);
    ASSERT_EQ(said.size(), words.empty() ? 0U : 1U) << file;
    if (words.empty()) continue;
    EXPECT_NE(said.front().find(words), std::string::npos) << said.front();
    EXPECT_NE(said.front().find("; "), std::string::npos) << said.front();
  }
}

TEST(Checks, know_a_build_that_is_not_measured_with) {
  for (const auto& [type, words] : std::map<std::string, std::string>{
           {"debug", "not optimized"}, {"relwithdebinfo+address", "each access"}}) {
    const Machine machine = {made_of(calm()), {0, 1, 2, 3, 4, 5, 6, 7}, type};
    const auto said = environment_warnings({}, machine);
    ASSERT_EQ(said.size(), 1U);
    EXPECT_TRUE(said.front().starts_with(fmt::format("a {} build: {}", type, words)));
  }
}

TEST(Checks, know_ends_that_share_a_cpu_or_a_core) {
  const auto same = warnings(calm(), given({{0, 1, 2}, {2, 3}}));
  ASSERT_EQ(same.size(), 1U);
  EXPECT_TRUE(same.front().starts_with("server and client both on CPU 2: "));
  EXPECT_TRUE(same.front().ends_with("of whole cores: 0,4 | 1,5 | 2,6 | 3,7"));
  const auto siblings = warnings(calm(), given({{0, 1}, {4, 5}}));
  ASSERT_EQ(siblings.size(), 1U);
  EXPECT_TRUE(siblings.front().starts_with("server and client are siblings of one core"));
  const auto few = warnings(calm(), given({{0, 4}, {1, 5}}));
  ASSERT_EQ(few.size(), 1U);
  EXPECT_NE(few.front().find("single-core efficiency"), std::string::npos);
}

TEST(Checks, know_a_lone_core_and_a_lone_cpu) {
  const Machine core = {made_of(calm()), {0, 4}, "release"};
  const auto said = environment_warnings({}, core);
  ASSERT_EQ(said.size(), 2U);
  EXPECT_NE(said[0].find("four cores"), std::string::npos) << said[0];
  EXPECT_TRUE(said[1].ends_with("; give it a second core")) << said[1];
  const auto found = examine_machine({}, {made_of(calm()), {3}, "release"});
  EXPECT_FALSE(is_fit(found));
}

TEST(Checks, do_not_guess_who_are_siblings) {
  Files files = calm();
  for (int cpu = 0; cpu < 8; ++cpu)
    files.erase(fmt::format("{}cpu{}/topology/core_cpus_list", cpu_folder, cpu));
  const auto said = warnings(files);
  ASSERT_EQ(said.size(), 1U);
  EXPECT_NE(said.front().find("does not tell"), std::string::npos);
  Demand chosen = given({{0, 1}, {2, 3}});
  chosen.placement.is_known = false;
  EXPECT_TRUE(warnings(files, chosen).empty()) << "whoever chose them knows";
}

CampaignPlan plan_of(std::string_view experiment, double at, std::string_view model) {
  CampaignPlan plan;
  plan.experiment = &find_experiment(experiment);
  plan.contestants = {model_contestant(model)};
  plan.load.connections = plan.experiment->clients;
  plan.load.warm_up = 1s;
  plan.load.duration = 5s;
  set_levels(plan, {at});
  return plan;
}

TEST(Demand, is_that_of_the_plan) {
  const Demand scaling = demand_of(plan_of("scaling", 900, "thread_per_client"));
  EXPECT_EQ(scaling.clients, 900U);
  EXPECT_TRUE(scaling.has_task_per_client);
  EXPECT_EQ(scaling.queue, 128U) << "no more connect at once";
  EXPECT_EQ(scaling.ports, 900U);
  EXPECT_EQ(scaling.ports_left_behind, 0U);
  const Demand crowd = demand_of(plan_of("idle_crowd", 9000, "epoll_level"));
  EXPECT_EQ(crowd.clients, 9016U);
  EXPECT_FALSE(crowd.has_task_per_client);
  EXPECT_EQ(crowd.ports, 8192U) << "then comes the next address";
  EXPECT_EQ(demand_of(plan_of("burst", 2000, "epoll_level")).queue, 128U)
      << "of --backlog: that the queue is short is what it is about";
  EXPECT_EQ(demand_of(plan_of("churn", 1, "epoll_level")).ports_left_behind, 8192U);
}

TEST(Demand, of_one_client_address_counts_all_that_it_leaves_behind) {
  CampaignPlan plan = plan_of("churn", 1, "epoll_level");
  plan.start.listen = Endpoint::parse("tcp://[::1]:0");
  const Demand demand = demand_of(plan);
  EXPECT_EQ(demand.ports_left_behind, 120'000U);
  EXPECT_TRUE(warnings(calm(), demand).empty()) << "loopback gives them back";
  Files files = calm();
  files["/proc/sys/net/ipv4/tcp_tw_reuse"] = "0\n";
  const auto said = warnings(files, demand);
  ASSERT_EQ(said.size(), 1U);
  EXPECT_NE(said.front().find("28232 ports"), std::string::npos) << said.front();
  EXPECT_NE(said.front().find("tcp_tw_reuse=1"), std::string::npos) << said.front();
}

TEST(Demand, of_unix_sockets_has_no_ports_and_of_datagrams_no_queue) {
  Files files = calm();
  files["/proc/sys/net/ipv4/ip_local_port_range"] = "32768 32777\n";
  files["/proc/sys/net/core/somaxconn"] = "4\n";
  CampaignPlan plan = plan_of("scaling", 100, "epoll_level");
  plan.start.listen = Endpoint::parse("unix:///tmp/s");
  EXPECT_EQ(demand_of(plan).ports, 0U);
  const auto of_unix = warnings(files, demand_of(plan));
  ASSERT_EQ(of_unix.size(), 1U);
  EXPECT_TRUE(of_unix.front().starts_with("a listen queue of 4"));
  const auto of_datagrams =
      warnings(files, demand_of(plan_of("scaling", 100, "udp_iterative")));
  ASSERT_EQ(of_datagrams.size(), 1U);
  EXPECT_TRUE(of_datagrams.front().starts_with("10 ports"));
}

TEST(Doctor, has_a_meaning_and_a_remedy_for_all_that_is_not_in_order) {
  for (const Files& files : {calm(), Files()})
    for (const Finding& one : examine_machine({}, machine_of(files))) {
      EXPECT_EQ(one.state != State::ok, !one.means.empty()) << one.name;
      EXPECT_EQ(one.state != State::ok, !one.remedy.empty()) << one.name;
      EXPECT_FALSE(one.found.empty()) << one.name;
      EXPECT_LT(one.name.size(), 20U);
    }
}

TEST(Doctor, can_do_without_any_file) {
  const Machine machine = {made_of({}), {0, 1, 2, 3}, "release"};
  const auto said = environment_warnings({}, machine);
  EXPECT_EQ(said.size(), 2U) << "siblings and clock: not told";
}

TEST(ControlGroup, of_version_2_has_the_least_of_all_above) {
  Files files = calm();
  files["/sys/fs/cgroup/a/cpu.max"] = "400000 100000\n";
  files["/sys/fs/cgroup/a/b/cpu.max"] = "250000 100000\n";
  files["/sys/fs/cgroup/a/memory.max"] = "1000000\n";
  files["/sys/fs/cgroup/a/b/memory.max"] = "max\n";
  const CgroupLimits limits = cgroup_limits(made_of(files));
  EXPECT_EQ(limits.version, 2);
  EXPECT_EQ(limits.millicores->number, 2500U);
  EXPECT_EQ(limits.memory_bytes->number, 1'000'000U);
  ASSERT_TRUE(limits.tasks.has_value());
  EXPECT_FALSE(limits.tasks->number.has_value()) << "max";
}

TEST(ControlGroup, of_version_1_has_a_hierarchy_for_each_controller) {
  const CgroupLimits limits = cgroup_limits(made_of(
      {{"/proc/self/cgroup",
        "9:name=systemd:/\n4:memory:/docker/x\n2:cpu,cpuacct:/docker/x\n0::/\n"},
       {"/proc/self/mountinfo",
        "32 31 0:29 /docker/x /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup "
        "rw,cpu,cpuacct\n"
        "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"},
       {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n"},
       {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"},
       {"/sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes", "4096\n"},
       {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}}));
  EXPECT_EQ(limits.version, 1);
  EXPECT_EQ(limits.millicores->number, 500U);
  EXPECT_EQ(limits.memory_bytes->number, 4096U);
  EXPECT_FALSE(limits.tasks.has_value()) << "no such controller";
}

TEST(ControlGroup, that_is_not_there_limits_nothing) {
  const CgroupLimits limits = cgroup_limits(made_of({}));
  EXPECT_FALSE(limits.version || limits.millicores || limits.tasks);
}

TEST(Environment, has_what_the_kernel_tells) {
  const Machine machine = machine_of(calm());
  const auto all =
      environment_json(machine.files, machine.allowed, given({{0, 4}, {1, 5}}).placement);
  EXPECT_EQ(all["cpu_model"], "Some CPU");
  EXPECT_EQ(all["microcode"], "0x2b");
  EXPECT_EQ(all["caches"],
            (nlohmann::json{{"L1d_bytes", 48 << 10}, {"L3_bytes", 32 << 20}}));
  EXPECT_EQ(all["clock"]["max_mhz"], 3500);
  EXPECT_EQ(all["clock"]["now_mhz"], 2300);
  EXPECT_EQ(all["clock"]["boost"], false);
  EXPECT_EQ(all["governor"], "performance");
  EXPECT_EQ(all["smt"]["active"], true);
  EXPECT_EQ(all["topology"]["cores"], 4);
  EXPECT_EQ(all["topology"]["threads_per_core"], 2);
  EXPECT_EQ(all["mitigations"]["meltdown"], "Not affected");
  EXPECT_EQ(all["kernel_command_line"], "BOOT_IMAGE=/vmlinuz ro isolcpus=2-3 quiet");
  EXPECT_EQ(all["kernel_options"], nlohmann::json::array({"isolcpus=2-3"}));
  EXPECT_EQ(all["limits"]["nofile"], 1024);
  EXPECT_EQ(all["limits"]["nofile_hard"], 20000);
  EXPECT_EQ(all["limits"]["nproc"], 96365);
  EXPECT_TRUE(all["limits"]["memlock_bytes"].is_null());
  EXPECT_EQ(all["cgroup"]["cpus"], "unlimited");
  EXPECT_TRUE(all["cgroup"]["memory_bytes"].is_null());
  EXPECT_EQ(all["load_average"].at(0), 0.1);
  EXPECT_EQ(all["steal"]["share_since_boot"], 0.0);
  EXPECT_EQ(all["throttled"], 0);
  EXPECT_EQ(all["sysctl"]["net.core.somaxconn"], "4096");
  EXPECT_EQ(all["placement"]["server"]["cpus"], nlohmann::json::array({0, 4}));
  EXPECT_EQ(all["placement"]["siblings_shared"], false);
}

TEST(Environment, is_null_where_the_kernel_tells_nothing) {
  const auto all = environment_json(made_of({}), {0, 1}, {});
  for (const char* member :
       {"cpu_model", "topology", "caches", "governor", "microcode", "throttled", "steal",
        "load_average", "hypervisor", "clock_source", "kernel_command_line", "os"})
    EXPECT_TRUE(all.contains(member) && all[member].is_null()) << member;
  for (const char* member : {"clock", "smt", "cgroup", "limits", "sysctl"})
    for (const auto& [name, value] : all[member].items())
      EXPECT_TRUE(value.is_null()) << member << " " << name;
  EXPECT_TRUE(all["placement"]["siblings_shared"] == false);
}

TEST(Environment, of_this_machine_can_be_read) {
  const auto all = environment_json(MachineFiles(), allowed_cpus(), {});
  EXPECT_FALSE(all["limits"]["nofile"].is_null());
  EXPECT_FALSE(all["load_average"].is_null());
  EXPECT_FALSE(all["sysctl"]["kernel.pid_max"].is_null());
  const auto libraries = build_json()["libraries"];
  EXPECT_EQ(libraries.size(), 10U);
  for (const auto& [name, version] : libraries.items())
    EXPECT_TRUE(version.is_string()) << name;
}

TEST(Outcome, is_that_of_the_command_and_says_its_first_line) {
  EXPECT_TRUE(outcome_of({"true"}, 10s).worked);
  const Outcome failed = outcome_of({"sh", "-c", "echo no >&2; echo more; exit 3"}, 10s);
  EXPECT_FALSE(failed.worked);
  EXPECT_EQ(failed.said, "no");
  EXPECT_FALSE(outcome_of({"/nowhere/at/all"}, 10s).worked);
}

/// Some process has `argument` on its command line.
bool is_running(const std::string& argument) {
  const MachineFiles files;
  for (const std::string& name : files.names("/proc"))
    if (files.text("/proc/" + name + "/cmdline").value_or("").find(argument) !=
        std::string::npos)
      return true;
  return false;
}

TEST(Outcome, of_what_does_not_end_comes_in_time_and_leaves_nothing) {
  const auto begin = std::chrono::steady_clock::now();
  const std::string name = fmt::format("{}.25", 100'000 + ::getpid());
  const Outcome outcome =
      outcome_of({"sh", "-c", "sleep " + name + " & exec sleep " + name}, 200ms);
  EXPECT_FALSE(outcome.worked);
  EXPECT_NE(outcome.said.find("did not end in time"), std::string::npos);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
  for (int turn = 0; turn < 200 && is_running(name); ++turn) ::poll(nullptr, 0, 50);
  EXPECT_FALSE(is_running(name));
}

}  // namespace
}  // namespace echolab

// Machine: what a measurement depends on besides the programs, as the kernel tells it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace echolab {

/// Empty when the file cannot be read, or has no line.
std::optional<std::string> first_line(const std::filesystem::path& path);

/// The value of the first "key : value" or "key=value" line, without quotes.
std::optional<std::string> value_in(const std::filesystem::path& path,
                                    std::string_view key);

/// As uname(2) has it.
std::string kernel_release();

/// Empty where /proc/cpuinfo names none, as on most Arm machines.
std::optional<std::string> cpu_model();

/// The CPUs that this process may use, ascending (sched_getaffinity(2)).
std::vector<int> allowed_cpus();

/// Of the first CPU; empty where the clock is not Linux's to set, as in most virtual
/// machines.
std::optional<std::string> governor();

/// What is done against each known weakness of the CPU, by its name (the folder
/// /sys/devices/system/cpu/vulnerabilities).
std::map<std::string, std::optional<std::string>> mitigations();

/// Time that the hypervisor took away from all CPUs since boot, in seconds: in ticks of
/// 10 ms (/proc/stat: proc(5)).
double stolen_seconds();

/// Memory that the kernel holds for itself, in bytes: slabs that cannot be reclaimed,
/// kernel stacks and page tables (/proc/meminfo), and what TCP has queued
/// (/proc/net/sockstat of this network namespace). 0 where that cannot be read.
std::uint64_t kernel_memory_bytes();

}  // namespace echolab

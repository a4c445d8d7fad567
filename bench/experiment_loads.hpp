// The loads of the experiments: what each makes of a level.
#pragma once

#include "bench/experiment.hpp"

namespace echolab::loads {

/// `level.at` active clients in a closed loop.
void scaling(Level& level, std::size_t cores);
/// UNP's client (UNP 30.2): so many at once, each connects, asks for 4 000 bytes, ends.
void process_control(Level& level, std::size_t cores);
/// A new connection every `level.at` requests.
void churn(Level& level, std::size_t cores);
/// So many that asked once and are silent, beside the active ones.
void idle_crowd(Level& level, std::size_t cores);
/// Requests of so many bytes.
void payload(Level& level, std::size_t cores);
/// Each request waits for so many milliseconds.
void blocking_work(Level& level, std::size_t cores);
/// Each request computes 10 us, 1 in 100 so many milliseconds more; open loop, 40 % of a
/// core.
void cpu_work(Level& level, std::size_t cores);
/// Each request computes 100 us; open loop of so many percent of what all cores can do.
void overload(Level& level, std::size_t cores);
/// So many bad clients: a third each reads slowly, writes slowly, and resets. The good
/// connect anew every 10 requests.
void bad_company(Level& level, std::size_t cores);
/// So many connect at once, and again after each reply, before a queue of 128.
void burst(Level& level, std::size_t cores);
/// So many silent connections beside one active.
void memory(Level& level, std::size_t cores);
/// One of the transports, by its place in transport_names.
void transports(Level& level, std::size_t cores);

inline constexpr const char* transport_names[] = {"tcp4", "tcp6", "unix", "udp",
                                                  "unixgram"};

}  // namespace echolab::loads

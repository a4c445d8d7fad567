// The loads of the experiments: what each makes of a level.
#pragma once

#include "bench/experiment.hpp"

namespace echolab::loads {

/// `level.at` active clients in a closed loop.
void scaling(Level& level);
/// UNP's client (UNP 30.2): so many at once, each connects, asks for 4 000 bytes, ends.
void process_control(Level& level);
/// A new connection every `level.at` requests.
void churn(Level& level);
/// So many that asked once and are silent, beside the active ones.
void idle_crowd(Level& level);
/// Requests of so many bytes.
void payload(Level& level);
/// Each request waits for so many milliseconds.
void blocking_work(Level& level);
/// Each request computes 10 us, 1 in 100 so many milliseconds more; open loop, 40 % of a
/// core.
void cpu_work(Level& level);
/// Each request computes 100 us; open loop of so many percent of what the baseline
/// answers in a closed loop, which is measured before the campaign.
void overload(Level& level);
/// So many bad clients: a third each reads slowly, writes slowly, and resets. The good
/// connect anew every 10 requests.
void bad_company(Level& level);
/// So many connect at once, and again after each reply, before a queue of 128.
void burst(Level& level);
/// So many silent connections beside one active.
void memory(Level& level);
/// One of the transports, by its place in transport_names.
void transports(Level& level);

inline constexpr const char* transport_names[] = {"tcp4", "tcp6", "unix", "udp",
                                                  "unixgram"};

}  // namespace echolab::loads

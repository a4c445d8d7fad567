// Noise: what disturbs a measurement from outside, as seen from inside.
#pragma once

#include <cstddef>
#include <cstdint>

#include "clients/histogram.hpp"
#include "common/units.hpp"

namespace echolab {

/// How late this machine lets the calling thread wake up: it sleeps to `deadlines`
/// moments, `apart` from each other, and each gives one value, counted from the moment
/// itself, so a long stall makes many of them late. The timer slack, by which the kernel
/// may be late to save power (50 us unless changed), is 1 ns meanwhile
/// (PR_SET_TIMERSLACK: prctl(2)). Takes deadlines × apart at least. 400 is enough for a
/// p99 (Histogram::quantile_ns).
Histogram sleep_lateness_ns(std::size_t deadlines = 400,
                            Nanoseconds apart = std::chrono::milliseconds(1));

}  // namespace echolab

// Calibration: the same load against a null responder, to know the client's ceiling.
#pragma once

#include <optional>
#include <vector>

#include "clients/ceiling.hpp"
#include "clients/load.hpp"

namespace echolab {

struct Calibration {
  Ceiling ceiling;
  std::vector<int> client_cpus;
  std::vector<int> responder_cpus;
  bool shared =
      false;  ///< there is one CPU for both: the ceiling is less than it could be
};

/// Who gets which of the `allowed` CPUs: the client its plan's, or, where the plan says
/// nothing, all but the last; the responder, which is one thread, the last one that the
/// client does not use. Both the last one where nothing else is left.
Calibration share_out(const std::vector<int>& allowed, const std::vector<int>& planned);

/// Three runs of 500 ms, each after 200 ms of warm-up, in a closed loop; the requests ask
/// for no work. The responder is a process of its own on the loopback (a Unix socket lies
/// in a temporary folder), which ends with this one whatever happens. So this forks: to
/// be called while there is one thread. Ctrl-C ends it early: empty. Throws as run_load
/// does, and Failure where a run was not right.
std::optional<Calibration> calibrate(const LoadPlan& plan, const LoadEvents& events);

/// A table for a terminal.
std::string calibration_table(const LoadPlan& plan, const Calibration& calibration);

}  // namespace echolab

// Little's law: whether the throughput and the mean response of a closed loop agree.
#pragma once

#include <optional>
#include <string>

#include "clients/load.hpp"

namespace echolab {

/// Requests outstanding = throughput × mean response (Little 1961), which in a closed
/// loop without think time is known: each of connections × pipeline places always has
/// one, as the next is intended at the very moment of the last reply. So the responses of
/// a place lie end to end: those that are counted cover the window, but for what began
/// before it (more, by one response at most) and what had no reply at its end (less, by
/// as long as that had waited). With R the slowest response and T the window's length:
///
///     places × (1 - R/T) ≤ outstanding ≤ places × (1 + R/T)
///
/// where the left side holds unless something waited at the end for longer than anything
/// that was counted: then the response looks better than it was.
struct LittlesLaw {
  double places = 0;       ///< connections × pipeline
  double outstanding = 0;  ///< throughput × mean response
  double tolerance = 0;    ///< as a share of places: R/T, and 2 % for clocks and threads
  /// Whether every place should have been filled; false where a place may be empty (a
  /// think time), left without a reply (starved), or closed before the others (a quota of
  /// several threads). The right side holds all the same.
  bool is_full = false;

  /// More requests waited than there are places for: one of the numbers is wrong.
  [[nodiscard]] bool is_broken() const { return outstanding > places * (1 + tolerance); }
  [[nodiscard]] bool hides_waiting() const {
    return is_full && outstanding < places * (1 - tolerance);
  }
};

/// Empty where it does not apply: open loops, datagrams (which are lost), merged loads
/// (whose windows differ), and results without a response.
std::optional<LittlesLaw> littles_law(const LoadPlan& plan, const LoadResult& result);

/// "throughput x mean response is 12.3 requests outstanding, of 16".
std::string littles_law_text(const LittlesLaw& law);

}  // namespace echolab

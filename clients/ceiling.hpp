// Ceiling: how fast the client is by itself, and what that says of a run.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace echolab {

/// What this client reached against a server that costs next to nothing, with the same
/// load on the same machine (clients/calibration.hpp). No server is seen to be faster.
struct Ceiling {
  double requests_per_second = 0;  ///< median of the runs; above 0
  double least = 0;                ///< of them, in requests per second
  double most = 0;
  std::size_t n = 0;  ///< how many runs
  std::string made;   ///< when, in UTC: "2026-11-20T21:45:03Z"

  bool operator==(const Ceiling&) const = default;
};

/// Above this share of the ceiling the client may be what limits …
inline constexpr double ceiling_bound_share = 0.85;
/// … and above this one it is near enough to be said. Both are proposals.
inline constexpr double ceiling_near_share = 0.70;

/// Why a run of that rate says little of the server; empty: it may say what it says.
std::optional<std::string> bound_by(const std::optional<Ceiling>& ceiling,
                                    double requests_per_second);
/// What to think of where it is not bound, yet near.
std::optional<std::string> warning_of(const std::optional<Ceiling>& ceiling,
                                      double requests_per_second);

/// "123k requests/s (this run: 45 %)", or how to get a ceiling where there is none.
std::string ceiling_text(const std::optional<Ceiling>& ceiling,
                         double requests_per_second);

/// {"requests_per_second", "n", "least", "most", "made"}.
nlohmann::json ceiling_json(const Ceiling& ceiling);
/// The same with "share", that run's of the ceiling; null where there is no ceiling.
nlohmann::json ceiling_json(const std::optional<Ceiling>& ceiling,
                            double requests_per_second);

}  // namespace echolab

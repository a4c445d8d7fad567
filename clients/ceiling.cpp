#include "clients/ceiling.hpp"

#include <fmt/format.h>

#include "common/units.hpp"

namespace echolab {
namespace {

double share_of(const Ceiling& ceiling, double requests_per_second) {
  return requests_per_second / ceiling.requests_per_second;
}

/// "91 % of the client's ceiling (123k requests/s against a null responder, made …)"
std::string shown_share(const Ceiling& ceiling, double share) {
  return fmt::format(
      "{:.0f} % of the client's ceiling ({} requests/s against a null "
      "responder, made {})",
      share * 100, show_count(ceiling.requests_per_second), ceiling.made);
}

}  // namespace

std::optional<std::string> bound_by(const std::optional<Ceiling>& ceiling,
                                    double requests_per_second) {
  const double share = ceiling ? share_of(*ceiling, requests_per_second) : 0;
  if (share <= ceiling_bound_share) return std::nullopt;
  return fmt::format("the run reached {}: {}", shown_share(*ceiling, share),
                     share > 1 ? "the ceiling itself was measured too low; repeat "
                                 "--calibrate when nothing else runs"
                               : "the server may be faster");
}

std::optional<std::string> warning_of(const std::optional<Ceiling>& ceiling,
                                      double requests_per_second) {
  const double share = ceiling ? share_of(*ceiling, requests_per_second) : 0;
  if (share <= ceiling_near_share || share > ceiling_bound_share) return std::nullopt;
  return fmt::format("the run reached {}: part of its latency is the client's own",
                     shown_share(*ceiling, share));
}

std::string ceiling_text(const std::optional<Ceiling>& ceiling,
                         double requests_per_second) {
  if (!ceiling) return "unknown: --calibrate with the same options measures it";
  return fmt::format("{:>10} requests/s   (this run: {:.0f} %)",
                     show_count(ceiling->requests_per_second),
                     share_of(*ceiling, requests_per_second) * 100);
}

nlohmann::json ceiling_json(const Ceiling& ceiling) {
  return {{"requests_per_second", ceiling.requests_per_second},
          {"n", ceiling.n},
          {"least", ceiling.least},
          {"most", ceiling.most},
          {"made", ceiling.made}};
}

nlohmann::json ceiling_json(const std::optional<Ceiling>& ceiling,
                            double requests_per_second) {
  if (!ceiling) return nullptr;
  nlohmann::json member = ceiling_json(*ceiling);
  member["share"] = share_of(*ceiling, requests_per_second);
  return member;
}

}  // namespace echolab

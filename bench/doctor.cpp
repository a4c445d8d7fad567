#include "bench/doctor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

namespace echolab {
namespace {

using State = Finding::State;

std::string_view word(State state) {
  return state == State::ok ? "ok" : state == State::note ? "note" : "MISSING";
}

}  // namespace

std::vector<Finding> examine_machine(const Demand& demand, const Machine& machine) {
  const Demand asked = with_default_cpus(demand, machine);
  std::vector<Finding> findings;
  for (const Check& check : checks()) findings.push_back(check.look(machine, asked));
  return findings;
}

bool is_fit(const std::vector<Finding>& findings) {
  return std::ranges::count(findings, State::missing, &Finding::state) == 0;
}

std::string findings_text(const std::vector<Finding>& findings, bool colour,
                          const std::string& campaign) {
  std::string text;
  for (const Finding& one : findings) {
    const char* const paint = !colour                    ? ""
                              : one.state == State::ok   ? "\033[32m"
                              : one.state == State::note ? "\033[33m"
                                                         : "\033[1;31m";
    text += fmt::format("{}{:<8}{}{:<19} {}\n", paint, word(one.state),
                        colour ? "\033[0m" : "", one.name, one.found);
    if (!one.means.empty()) text += fmt::format("{:27} {}\n", "", one.means);
    if (!one.remedy.empty()) text += fmt::format("{:27} -> {}\n", "", one.remedy);
  }
  return text + (is_fit(findings) ? fmt::format("This machine can run {}.\n", campaign)
                                  : "What is MISSING has to be mended first.\n");
}

nlohmann::json findings_json(const std::vector<Finding>& findings) {
  auto rows = nlohmann::json::array();
  for (const Finding& one : findings) {
    std::string state(word(one.state));
    if (one.state == State::missing) state = "missing";
    rows.push_back({{"name", one.name},
                    {"state", state},
                    {"found", one.found},
                    {"means", one.means},
                    {"remedy", one.remedy}});
  }
  return {{"fit", is_fit(findings)}, {"findings", rows}};
}

}  // namespace echolab

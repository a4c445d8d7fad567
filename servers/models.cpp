#include "servers/models.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <thread>
#include <vector>

#include "common/program.hpp"

namespace echolab {

#define MODEL(name, ...) void name(const Job& job);
#include "servers/models.def"
#undef MODEL

namespace {

/// For a census that has a bound.
[[maybe_unused]] std::size_t min(std::size_t a, std::size_t b) {
  return std::min(a, b);
}

#define MODEL(name, family, transports, accepts, unit, readiness, dispatch, computes,    \
              growth, processes, threads, calls, source, shows)                          \
  Model{#name,                                                                           \
        #family,                                                                         \
        #transports,                                                                     \
        {#accepts, #unit, #readiness, #dispatch, #computes, #growth},                    \
        #processes,                                                                      \
        #threads,                                                                        \
        calls,                                                                           \
        source,                                                                          \
        shows,                                                                           \
        name,                                                                            \
        []([[maybe_unused]] std::size_t clients, [[maybe_unused]] std::size_t workers) { \
          return Census{processes, threads};                                             \
        }},
const std::array table{
#include "servers/models.def"
};
#undef MODEL

}  // namespace

std::span<const Model> models() {
  return table;
}

const Model& find_model(std::string_view name) {
  const auto row = std::ranges::find(table, name, &Model::name);
  if (row != table.end()) return *row;
  std::vector<std::string> known;
  for (const Model& model : table) known.emplace_back(model.name);
  throw UsageError(fmt::format("unknown model '{}'{}  (echo_server --list shows all)",
                               name, nearest(name, known)));
}

void check_serves(const Model& model, const Endpoint& endpoint) {
  if (model.serves(endpoint)) return;
  const auto other =
      std::ranges::find_if(table, [&](const Model& row) { return row.serves(endpoint); });
  throw UsageError(
      fmt::format("{} serves {}, not {}{}", model.name,
                  endpoint.is_datagram() ? "streams (tcp://, unix://)"
                                         : "datagrams (udp://, unixgram://)",
                  endpoint.text(),
                  other == table.end() ? "" : fmt::format("; {} does", other->name)));
}

std::size_t default_workers(const Model& model) {
  return model.holds_a_worker_per_client()
             ? 64
             : std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

}  // namespace echolab

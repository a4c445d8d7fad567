// Census: whether a server has as many processes and threads as its row of models.def
// says.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/contestant.hpp"
#include "clients/load.hpp"

namespace echolab {

/// What its row says of one server.
struct DeclaredCensus {
  const Model* model;
  std::size_t workers;  ///< that it was started with
  std::size_t clients;  ///< connections of the load
};

/// What a server is held to, started so, under this load. Empty for those that have no
/// row, and where it goes by the clients and these come and go.
std::optional<DeclaredCensus> declared_census(const Contestant& contestant,
                                              const Start& start, const LoadPlan& load);

/// What a look at a tree of processes finds: those that live (who has ended may wait to
/// be reaped), and their threads but for the kernel's own in them (io_uring's "iou-wrk").
Census census_of(const std::vector<pid_t>& tree);

/// "serves with 3 threads where models.def declares 65"; empty where it is as declared,
/// with at least `served` of the clients, who had a reply, and at most all. A pool that
/// adapts may have lent its spare workers, and have some more that it has not let go; of
/// who starts a process for each datagram only the least is known.
std::string census_contradiction(const DeclaredCensus& declared, std::uint64_t served,
                                 const Census& seen);

}  // namespace echolab

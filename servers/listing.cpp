#include "servers/listing.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "servers/models.hpp"

namespace echolab {

void list_models() {
  std::string_view family;
  for (const Model& model : models()) {
    if (model.family != family)
      fmt::print("{}{}\n", family.empty() ? "" : "\n", model.family);
    family = model.family;
    fmt::print("  {:<18} {}\n  {:<18} processes {}, threads {}; {}\n", model.name,
               model.shows, "", model.processes, model.threads, model.source);
  }
}

void list_models_as_json() {
  auto rows = nlohmann::json::array();
  for (const Model& model : models()) {
    rows.push_back(
        {{"name", model.name},
         {"family", model.family},
         {"transports", model.transports},
         {"axes",
          {{"accepts", model.axes.accepts},
           {"unit", model.axes.unit},
           {"readiness", model.axes.readiness},
           {"dispatch", model.axes.dispatch},
           {"computes", model.axes.computes},
           {"growth", model.axes.growth}}},
         {"census", {{"processes", model.processes}, {"threads", model.threads}}},
         {"calls", model.calls},
         {"serves_at_once", model.serves_at_once()},
         {"default_workers", default_workers(model)},
         {"source", model.source},
         {"shows", model.shows},
         {"available", true}});
  }
  fmt::print("{}\n", rows.dump(2));
}

}  // namespace echolab

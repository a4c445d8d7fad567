#include "servers/listing.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/program.hpp"
#include "servers/availability.hpp"
#include "servers/cards.hpp"

namespace echolab {
namespace {

/// Escape sequences, or nothing where no colour is wanted.
struct Ink {
  explicit Ink(bool colour)
      : bold(colour ? "\033[1m" : ""),
        dim(colour ? "\033[2m" : ""),
        warn(colour ? "\033[33m" : ""),
        plain(colour ? "\033[0m" : "") {}
  std::string_view bold, dim, warn, plain;
};

/// Name, what it shows, source: side by side, the latter two as high as they need.
struct Columns {
  std::size_t name;
  std::size_t shows;
  std::size_t source;
};

/// As wide as the terminal, but 120 columns at most and 80 at least.
Columns columns() {
  constexpr std::size_t indent = 2;
  constexpr std::size_t gaps = 4;
  std::size_t name = 0;
  for (const Model& model : models()) name = std::max(name, model.name.size());
  const std::size_t width = std::clamp<std::size_t>(columns_of(STDOUT_FILENO), 80, 120);
  const std::size_t source = width / 4;
  return {name, width - indent - gaps - name - source, source};
}

std::string words_of_family(std::string_view family) {
  std::string words(family);
  std::ranges::replace(words, '_', ' ');
  return words;
}

void list_model(const Model& model, const Columns& width, const Ink& ink) {
  const auto line = [](const std::vector<std::string>& lines, std::size_t i) {
    return i < lines.size() ? std::string_view(lines[i]) : std::string_view();
  };
  const auto shows = wrapped(model.shows, width.shows);
  const auto source = wrapped(model.source, width.source);
  const auto why = unavailable_because(model);
  for (std::size_t i = 0; i < std::max(shows.size(), source.size()); ++i)
    fmt::print("  {}{:<{}}{}  {:<{}}{}{}{}{}\n", why ? ink.dim : "",
               i == 0 ? model.name : "", width.name, why ? ink.plain : "", line(shows, i),
               i < source.size() ? width.shows + 2 : 0, "", ink.dim, line(source, i),
               ink.plain);
  if (!why) return;
  for (const std::string& words : wrapped("unavailable: " + *why, width.shows))
    fmt::print("  {:<{}}  {}{}{}\n", "", width.name, ink.warn, words, ink.plain);
}

}  // namespace

void list_models() {
  const Ink ink(wants_colour(STDOUT_FILENO));
  const Columns width = columns();
  std::string_view family;
  fmt::print("{}  {:<{}}  {:<{}}  {}{}\n", ink.dim, "model", width.name, "what it shows",
             width.shows, "source", ink.plain);
  for (const Model& model : models()) {
    if (model.family != family)
      fmt::print("\n{}{}{}\n", ink.bold, words_of_family(model.family), ink.plain);
    family = model.family;
    list_model(model, width, ink);
  }
  const auto all = models();
  fmt::print(
      "\n{} models, {} available here. echo_server --explain MODEL shows its card.\n",
      all.size(), std::ranges::count_if(all, [](const Model& model) {
        return !unavailable_because(model);
      }));
}

void list_models_as_json() {
  auto rows = nlohmann::json::array();
  for (const Model& model : models()) {
    const auto why = unavailable_because(model);
    auto axes = nlohmann::json::object();
    for (const auto& [axis, value] : model.axes.named()) axes[axis] = value;
    rows.push_back(
        {{"name", model.name},
         {"family", model.family},
         {"transports", model.transports},
         {"axes", axes},
         {"census", {{"processes", model.processes}, {"threads", model.threads}}},
         {"calls", model.calls},
         {"serves_at_once", model.serves_at_once()},
         {"default_workers", default_workers(model)},
         {"source", model.source},
         {"shows", model.shows},
         {"available", !why},
         {"unavailable_because", why ? nlohmann::json(*why) : nlohmann::json()}});
  }
  fmt::print("{}\n", rows.dump(2));
}

void explain_model(const Model& model) {
  const Ink ink(wants_colour(STDOUT_FILENO));
  const auto card = std::ranges::find(cards, model.name, &Card::model);
  if (card != std::end(cards)) fmt::print("{}\n\n", card->text);
  constexpr std::size_t label = 11;  // as in the cards
  const std::size_t width = std::clamp<std::size_t>(columns_of(STDOUT_FILENO), 80, 100);
  const auto field = [&](std::string_view name, const std::string& text) {
    for (const std::string& line : wrapped(text, width - label)) {
      fmt::print("{:<{}}{}\n", name, label, line);
      name = "";
    }
  };
  fmt::print("{}Its row in servers/models.def{}\n", ink.bold, ink.plain);
  field("Family", words_of_family(model.family));
  std::string axes;
  for (const auto& [axis, value] : model.axes.named())
    axes += fmt::format("{}={} ", axis, value);
  field("Axes", axes);
  field("Census",
        fmt::format(
            "processes: {}; threads of all together: {}; --workers unless given: {}",
            model.processes, model.threads, default_workers(model)));
  field("Calls", std::string(model.calls));
  field("Transports", std::string(model.transports));
  const auto why = unavailable_because(model);
  field("Here", why ? "unavailable: " + *why : "available");
}

}  // namespace echolab

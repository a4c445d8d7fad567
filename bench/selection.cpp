#include "bench/selection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include "common/program.hpp"

namespace echolab {
namespace {

constexpr std::array<std::string_view, 6> classic = {
    "iterative",   "fork_per_client", "thread_per_client",
    "thread_pool", "select_loop",     "epoll_level"};
constexpr std::array<std::string_view, 3> newer = {"epoll_edge", "uring_multishot",
                                                   "coroutine"};

std::string underscored(std::string_view name) {
  std::string words(name);
  std::ranges::replace_if(
      words, [](char c) { return c == ' ' || c == '-'; }, '_');
  return words;
}

bool fits(const Model& model, const std::string& word) {
  if (word == "all" || word == model.name) return true;
  if (word == "classic") return std::ranges::count(classic, model.name) > 0;
  return underscored(word) == underscored(model.family);
}

[[noreturn]] void refuse(const std::string& word) {
  throw UsageError(
      fmt::format("--models: '{}' is no model or family{}  (echo_server --list shows "
                  "them; all and classic are words too)",
                  word, nearest(word, selection_words())));
}

}  // namespace

std::vector<std::string> selection_words() {
  std::set<std::string> words = {"all", "classic"};
  for (const Model& model : models()) {
    words.emplace(model.name);
    words.insert(underscored(model.family));
  }
  return {words.begin(), words.end()};
}

std::vector<const Model*> select_models(std::string_view text) {
  std::vector<std::string> words = split(text);
  if (text.empty()) {
    words = {"classic"};
    for (const std::string_view name : newer)  // those that the catalogue has
      if (std::ranges::count(models(), name, &Model::name) > 0) words.emplace_back(name);
  }
  for (const std::string& word : words)
    if (std::ranges::none_of(models(),
                             [&](const Model& model) { return fits(model, word); }))
      refuse(word);
  std::vector<const Model*> selected;
  for (const Model& model : models())
    if (std::ranges::any_of(words, [&](const auto& word) { return fits(model, word); }))
      selected.push_back(&model);
  if (selected.empty())
    throw UsageError(fmt::format("--models: '{}' names no model", text));
  return selected;
}

}  // namespace echolab

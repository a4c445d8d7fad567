#include "common/option_tree.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <string_view>

#include "common/build.hpp"
#include "common/completion.hpp"
#include "common/config.hpp"
#include "common/error.hpp"
#include "common/man_page.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

/// The validator that is none: it is never active, so it checks nothing and --help does
/// not show it. Its description is a Takes, as JSON.
const std::string carrier = "takes";

/// "FLOAT:FLOAT in [1 - 1e+06]", as CLI11 says it.
Takes read_type(const std::string& type) {
  Takes what;
  what.kind = type.substr(0, std::min(type.find(':'), type.find(' ')));
  for (char& c : what.kind) c = c >= 'A' && c <= 'Z' ? char(c + 32) : c;
  if (what.kind.empty()) what.kind = "text";
  const std::size_t range = type.find(" in [");
  const std::size_t middle = type.find(" - ", range);
  if (range == type.npos || middle == type.npos) return what;
  what.least = type.substr(range + 5, middle - range - 5);
  what.most = type.substr(middle + 3, type.find(']', middle) - middle - 3);
  return what;
}

bool has_carrier(CLI::Option& option) {
  try {
    return option.get_validator(carrier) != nullptr;
  } catch (const CLI::OptionNotFound&) {
    return false;
  }
}

Takes takes_of(CLI::Option& option) {
  if (option.get_expected_min() == 0) return {};  // a flag
  if (!has_carrier(option)) return read_type(option.get_type_name());
  CLI::Validator read = *option.get_validator(carrier);
  const auto json = nlohmann::json::parse(read.active(true).get_description());
  return {json.at("kind"), json.at("choices"), json.at("is_list"), json.at("least"),
          json.at("most")};
}

std::vector<std::string> names_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  if (names.empty()) names.push_back(option.get_name(true));
  return names;
}

std::vector<std::string> names_of(const std::set<CLI::Option*>& options) {
  std::vector<std::string> names;
  for (const CLI::Option* option : options) names.push_back(names_of(*option).back());
  std::ranges::sort(names);  // a set of pointers has no order that stays
  return names;
}

OptionRow row_of(CLI::Option& option) {
  const bool has_many = option.get_items_expected_max() > 1;
  const bool is_shown = option.get_default_str().find('\0') == std::string::npos;
  return {.names = names_of(option),
          .group = option.get_group(),
          .help = option.get_description(),
          .default_value = is_shown ? option.get_default_str() : "",
          .variable = variable_of(option),
          .takes = takes_of(option),
          .is_positional = option.get_positional(),
          .is_repeatable = has_many,
          .is_greedy = has_many && option.get_allow_extra_args(),
          .needs = names_of(option.get_needs()),
          .refuses = names_of(option.get_excludes())};
}

/// "Exit codes: 0 ok, 1 failure, ...", in as many lines as it takes.
std::vector<ExitMeaning> read_exits(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  std::vector<ExitMeaning> exits;
  for (std::string part : split(text.substr(text.find(':') + 1))) {
    part.erase(0, part.find_first_not_of(' '));
    if (part.ends_with('.')) part.pop_back();
    const std::size_t blank = std::min(part.find(' '), part.size());
    exits.push_back({static_cast<int>(parse_count(part.substr(0, blank)).value()),
                     part.substr(std::min(blank + 1, part.size()))});
  }
  return exits;
}

/// A command with its purpose, or the purpose of the one before.
void read_example(std::string_view line, std::vector<Example>& examples) {
  const auto [command, purpose] = two_columns(line);
  if (!command.empty()) examples.push_back({command, ""});
  if (!examples.empty()) examples.back().purpose += purpose;
}

/// What stands below the options: "Examples:" and indented lines, what else there is to
/// say, and the exit codes.
void read_footer(const std::string& footer, OptionTree& tree) {
  const std::size_t end = std::min(footer.find("Exit codes:"), footer.size());
  if (end < footer.size()) tree.exits = read_exits(footer.substr(end));
  bool in_examples = false;
  for (const std::string& line : split(footer.substr(0, end), '\n')) {
    in_examples = line == "Examples:" || (in_examples && line.starts_with("  "));
    if (!in_examples)
      tree.notes.push_back(line);
    else if (line.starts_with("  "))
      read_example(line.substr(2), tree.examples);
  }
}

nlohmann::json text_or_null(const std::string& text) {
  return text.empty() ? nlohmann::json() : nlohmann::json(text);
}

nlohmann::json row_json(const OptionRow& row) {
  const auto dashes = [](const std::string& name) { return name.find_first_not_of('-'); };
  const bool has_short = !row.is_positional && dashes(row.names.front()) == 1;
  return {{"name", row.name()},
          {"short", has_short ? nlohmann::json(row.names.front()) : nlohmann::json()},
          {"positional", row.is_positional},
          {"takes", text_or_null(row.takes.kind)},
          {"choices", row.takes.choices},
          {"list", row.takes.is_list},
          {"least", text_or_null(row.takes.least)},
          {"most", text_or_null(row.takes.most)},
          {"repeatable", row.is_repeatable},
          {"default", text_or_null(row.default_value)},
          {"variable", text_or_null(row.variable)},
          {"needs", row.needs},
          {"refuses", row.refuses},
          {"group", row.group},
          {"help", row.help}};
}

/// As CLI11 does it for --version: what this throws is printed, and the program ends
/// well.
[[noreturn]] void show_and_end(std::string text) {
  if (text.ends_with('\n')) text.pop_back();  // one is added
  throw CLI::CallForVersion(text, CLI::ExitCodes::Success);
}

}  // namespace

CLI::Option* takes(CLI::Option* option, const Takes& what) {
  const nlohmann::json json = {{"kind", what.kind},
                               {"choices", what.choices},
                               {"is_list", what.is_list},
                               {"least", what.least},
                               {"most", what.most}};
  const auto nothing = [](std::string&) { return std::string(); };
  if (has_carrier(*option))
    throw std::logic_error(option->get_name() + ": said twice what it takes");
  return option->check(CLI::Validator(nothing, json.dump(), carrier).active(false));
}

std::pair<std::string, std::string> two_columns(std::string_view line) {
  const std::size_t end = std::min(line.find("  "), line.size());
  const std::size_t begin = std::min(line.find_first_not_of(' ', end), line.size());
  return {std::string(line.substr(0, end)), std::string(line.substr(begin))};
}

OptionTree option_tree(CLI::App& parser) {
  OptionTree tree;
  tree.program = parser.get_name();
  tree.description = parser.get_description();
  for (CLI::Option* option : parser.get_options()) {
    if (option->get_group().empty()) continue;  // --help hides it as well
    tree.rows.push_back(row_of(*option));
    const OptionRow& row = tree.rows.back();
    if (!row.is_positional && std::ranges::count(tree.groups, row.group) == 0)
      tree.groups.push_back(row.group);
  }
  std::stable_partition(
      tree.groups.begin(), tree.groups.end(),
      [](const std::string& group) { return group != of_every_program; });
  read_footer(parser.get_footer(), tree);
  return tree;
}

void add_tree_options(CLI::App& parser) {
  const std::vector<std::string> shells = {"bash", "zsh", "fish"};
  const auto complete = [&parser, shells](const std::string& shell) {
    if (std::ranges::count(shells, shell) == 0)
      throw UsageError(fmt::format("--completion: '{}' is none of {}{}", shell,
                                   fmt::join(shells, ", "), nearest(shell, shells)));
    show_and_end(completion(option_tree(parser), shell));
  };
  takes(parser
            .add_option_function<std::string>(
                "--completion", complete,
                "bash, zsh, fish: show the completion of this program for it and end")
            ->type_name("SHELL")
            ->configurable(false),
        {.kind = "shell", .choices = shells});
  parser
      .add_flag_callback(
          "--man", [&parser] { show_and_end(man_page(option_tree(parser))); },
          "show the manual page and end; for man -l -")
      ->configurable(false);
  parser
      .add_flag_callback(
          "--help-json", [&parser] { show_and_end(help_json(option_tree(parser))); },
          "show the options as JSON and end")
      ->configurable(false);
}

std::string help_json(const OptionTree& tree) {
  nlohmann::json json = {{"program", tree.program},
                         {"version", build::version},
                         {"description", tree.description},
                         {"options", nlohmann::json::array()},
                         {"examples", nlohmann::json::array()},
                         {"notes", tree.notes},
                         {"exit_codes", nlohmann::json::array()}};
  for (const OptionRow& row : tree.rows) json["options"].push_back(row_json(row));
  for (const Example& example : tree.examples)
    json["examples"].push_back(
        {{"command", example.command}, {"purpose", text_or_null(example.purpose)}});
  for (const ExitMeaning& exit : tree.exits)
    json["exit_codes"].push_back({{"code", exit.code}, {"means", exit.text}});
  return json.dump(2) + "\n";
}

}  // namespace echolab

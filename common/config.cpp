#include "common/config.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "common/config_file.hpp"
#include "common/error.hpp"
#include "common/option_tree.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

/// The default of --config: nobody can type it.
const std::string no_file(1, '\0');

std::string key_of(const CLI::Option& option) {
  return option.get_lnames().empty() ? option.get_name(true)
                                     : option.get_lnames().front();
}

bool is_setting(const CLI::Option& option) {
  return option.get_configurable() && !key_of(option).empty();
}

bool is_flag(const CLI::Option& option) {
  return option.get_expected_min() == 0;
}

bool is_list(const CLI::Option& option) {
  return option.get_items_expected_max() > 1;
}

std::string with_dashes(std::string key) {
  std::ranges::replace(key, '_', '-');
  return key;
}

/// The option takes the values as if they were typed; an error begins with `origin`
/// instead of the option's name.
void give(CLI::Option& option, const std::vector<std::string>& values,
          const std::string& origin) {
  for (const std::string& value : values) option.add_result(value);
  try {
    if (!values.empty()) option.run_callback();
  } catch (const std::runtime_error& error) {  // UsageError, or CLI11's own
    std::string_view what = error.what();
    const std::string name = "--" + key_of(option) + ": ";
    if (what.starts_with(name)) what.remove_prefix(name.size());
    throw UsageError(fmt::format("{}: {}", origin, what));
  }
}

void give_flag(CLI::Option& option, const std::string& value, const std::string& origin) {
  const bool yes = value == "true" || value == "1";
  if (!yes && value != "false" && value != "0")
    throw UsageError(fmt::format("{}: '{}' is not true or false", origin, value));
  give(option, {yes ? "true" : "false"}, origin);
}

void take_environment(const std::vector<CLI::Option*>& options) {
  for (CLI::Option* option : options) {
    const std::string name = variable_of(*option);
    const char* value = std::getenv(name.c_str());
    if (option->count() > 0 || value == nullptr || *value == '\0') continue;
    if (is_flag(*option))
      give_flag(*option, value, name);
    else
      give(*option, {value}, name);
  }
}

/// Throws UsageError when the file cannot set what it names.
CLI::Option* find(const std::vector<CLI::Option*>& options, const CLI::App& parser,
                  const Setting& setting, const std::string& place) {
  const std::string key = with_dashes(setting.key);
  std::vector<std::string> known;
  for (CLI::Option* option : options) {
    known.push_back(key_of(*option));
    if (key == known.back() || option->check_lname(key)) return option;
  }
  if (parser.get_option_no_throw("--" + key) != nullptr)
    throw UsageError(
        fmt::format("{}: '{}' is for the command line only", place, setting.key));
  throw UsageError(fmt::format("{}: unknown key '{}'{}  (--print-config shows all)",
                               place, setting.key, nearest(key, known)));
}

void take(CLI::Option& option, const Setting& setting, const std::string& origin) {
  using Shape = Setting::Shape;
  const std::string given = fmt::format("{}", fmt::join(setting.values, ", "));
  const bool truth = setting.shape == Shape::boolean;
  if (is_flag(option) && !truth)
    throw UsageError(
        fmt::format("{}: '{}' is not true or false, without quotes", origin, given));
  if (truth && !is_flag(option))
    throw UsageError(
        fmt::format("{}: {} is for a flag; this option takes a value", origin, given));
  if (setting.shape == Shape::list && !is_list(option))
    throw UsageError(
        fmt::format("{}: [{}] is a list; this option takes one value", origin, given));
  if (option.count() > 0) return;  // the command line or the environment comes first
  if (is_flag(option)) return give_flag(option, setting.values.front(), origin);
  give(option, setting.values, origin);
}

void take_file(const std::vector<CLI::Option*>& options, const CLI::App& parser,
               const std::string& path) {
  std::vector<std::pair<CLI::Option*, const Setting*>> found;
  const std::vector<Setting> settings = read_config_file(path);
  std::set<const CLI::Option*> seen;
  for (const Setting& setting : settings) {
    const std::string place = fmt::format("{}:{}", path, setting.line);
    CLI::Option* option = find(options, parser, setting, place);
    if (!seen.insert(option).second)
      throw UsageError(fmt::format("{}: '{}' is set twice", place, setting.key));
    found.emplace_back(option, &setting);
  }
  for (const auto& [option, setting] : found)
    take(*option, *setting, fmt::format("{}:{}: {}", path, setting->line, setting->key));
}

/// A JSON string is one of TOML too, but for DEL. A number of digits needs no quotes.
std::string toml_value(const std::string& text, const std::string& key) {
  const bool digits =
      std::ranges::all_of(text, [](char c) { return '0' <= c && c <= '9'; });
  const bool number = digits && !text.empty() && text.size() <= 18;
  if (number && (text == "0" || text.front() != '0')) return text;
  std::string quoted;
  try {
    for (const char c : nlohmann::json(text).dump())
      c == '\x7F' ? quoted += "\\u007F" : quoted += c;
  } catch (const nlohmann::json::type_error&) {
    throw UsageError(fmt::format("--{}: not UTF-8, as TOML has to be", key));
  }
  return quoted;
}

std::string toml_line(const CLI::Option& option) {
  const std::string key = key_of(option);
  if (option.count() == 0) {
    const std::string value = option.get_default_str();
    if (is_flag(option))
      return fmt::format("# {} = {}\n", key, value.empty() ? "false" : value);
    return fmt::format("# {} ={}\n", key,
                       value.empty() ? "" : " " + toml_value(value, key));
  }
  if (is_flag(option)) return fmt::format("{} = {}\n", key, option.as<bool>());
  std::vector<std::string> values;
  for (const std::string& value : option.results())
    values.push_back(toml_value(value, key));
  const std::string joined = fmt::format("{}", fmt::join(values, ", "));
  return is_list(option) ? fmt::format("{} = [{}]\n", key, joined)
                         : fmt::format("{} = {}\n", key, joined);
}

}  // namespace

std::string variable_of(const CLI::Option& option) {
  if (!is_setting(option)) return "";
  std::string name = "ECHOLAB_" + key_of(option);
  for (char& c : name) c = c == '-' ? '_' : c >= 'a' && c <= 'z' ? char(c - 32) : c;
  return name;
}

void add_config_options(CLI::App& parser) {
  const auto take_all = [&parser](const std::string& path) {
    const CLI::Option* help = parser.get_help_ptr();
    if (help != nullptr && help->count() > 0) return;  // it comes after all callbacks
    const auto options =
        parser.get_options([](const CLI::Option* option) { return is_setting(*option); });
    take_environment(options);
    if (path != no_file) take_file(options, parser, path);
  };
  auto* config = parser.add_option_function<std::string>(
      "--config", take_all,
      "options from a TOML or JSON file; flags and ECHOLAB_NAME come before it");
  config->option_text("FILE")
      ->configurable(false)
      ->default_str(no_file)
      ->force_callback();
  takes(config, {.kind = "file"});
  parser.add_flag("--print-config")
      ->description("show the options as such a file and end")
      ->configurable(false);
}

bool wants_config(const CLI::App& parser) {
  const CLI::Option* option = parser.get_option_no_throw("--print-config");
  return option != nullptr && option->count() > 0;
}

std::string config_text(const CLI::App& parser) {
  std::string text =
      fmt::format("# For {} --config FILE. What stands in a comment is the default.\n",
                  parser.get_name());
  for (const CLI::Option* option : parser.get_options()) {
    if (!is_setting(*option)) continue;
    std::string help = option->get_description();
    std::ranges::replace(help, '\n', ' ');
    text += fmt::format("\n# {}\n{}", help, toml_line(*option));
  }
  return text;
}

}  // namespace echolab

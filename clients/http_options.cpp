#include "clients/http_options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

namespace echolab {
namespace {

constexpr std::size_t longest_path = 4096;
constexpr std::size_t longest_shown = 80;

/// As a request line may have it (RFC 9112, 3.2.1), and no server refuses it for its
/// length.
bool is_path(std::string_view text) {
  return text.starts_with('/') && text.size() <= longest_path &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

/// Of an option that not every program has.
bool is_given(const CLI::App& parser, const char* name) {
  const CLI::Option* option = parser.get_option_no_throw(name);
  return option != nullptr && option->count() > 0;
}

}  // namespace

void add_http_options(CLI::App& parser, HttpOptions& options) {
  CLI::Option* get =
      parser
          .add_option(
              "--http-get", options.get,
              "http: GET this; every body has to be the first one's (1 MiB at most)")
          ->type_name("PATH");
  if (!options.get.empty()) get->capture_default_str();
}

void complete_http(const HttpOptions& options, const std::string& protocol,
                   const CLI::App& parser, LoadPlan& plan) {
  const bool is_asked = is_given(parser, "--http-get");
  if (protocol != "http") {
    if (is_asked)
      throw UsageError(
          fmt::format("--http-get {}: --protocol is {}; give --protocol http",
                      options.get, protocol));
    return;
  }
  plan.http.emplace();
  if (!is_asked && options.get.empty()) return;
  if (!is_path(options.get))
    throw UsageError(fmt::format(
        "--http-get: '{}'{} is no path such as /index.html, of {} characters at most, "
        "with %20 for a blank",
        options.get.substr(0, longest_shown),
        options.get.size() > longest_shown ? "…" : "", longest_path));
  if (is_given(parser, "--size"))
    throw UsageError(
        "--size: a GET has no body; how long the reply's is says the server");
  if (is_given(parser, "--calibrate"))
    throw UsageError(
        "--calibrate: how much a GET costs the client depends on what it brings; "
        "calibrate without --http-get");
  plan.http->get = options.get;
  plan.payload_bytes = 0;
}

nlohmann::json http_json(const LoadPlan& plan) {
  if (!plan.http) return nullptr;
  return {{"get", plan.http->get ? nlohmann::json(*plan.http->get) : nlohmann::json()}};
}

std::string http_text(const LoadPlan& plan, const LoadResult& result) {
  if (!plan.http->get) return "POSTs, whose bodies come back";
  return fmt::format("200 and {} B for each GET", result.reply_bytes);
}

}  // namespace echolab

#include "common/config_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

// The library that Debian builds of it would be one more to load for every process of
// exec_per_client.
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/error.hpp"
#include "common/fd.hpp"

namespace echolab {
namespace {

constexpr std::size_t longest_file = 1 << 20;

[[noreturn]] void refuse(const std::string& name, std::size_t line,
                         std::string_view what) {
  throw UsageError(fmt::format("{}:{}: {}", name, line, what));
}

/// What a parser says, which may quote all of a file, and bytes of any kind.
std::string shortened(std::string_view what) {
  constexpr std::size_t longest = 200;
  std::string text(what.substr(0, longest));
  std::ranges::replace_if(
      text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return what.size() > longest ? text + " …" : text;
}

[[noreturn]] void refuse_value(const std::string& name, const Setting& setting,
                               std::string_view kind) {
  refuse(name, setting.line,
         fmt::format("{}: {} is no value; text, a number, true, false or a list of "
                     "them is",
                     setting.key, kind));
}

std::string text_of(bool value) {
  return value ? "true" : "false";
}

// --- TOML

std::optional<std::string> toml_text(const toml::node& node) {
  if (auto text = node.value_exact<std::string>()) return text;
  if (const auto number = node.value_exact<std::int64_t>())
    return std::to_string(*number);
  if (const auto number = node.value_exact<double>()) return fmt::format("{}", *number);
  if (const auto truth = node.value_exact<bool>()) return text_of(*truth);
  return std::nullopt;
}

const char* toml_kind(const toml::node& node) {
  return node.is_table() ? "a table" : node.is_array() ? "a list in a list" : "a date";
}

Setting toml_setting(const toml::key& key, const toml::node& node,
                     const std::string& name) {
  using Shape = Setting::Shape;
  const toml::array* list = node.as_array();
  const Shape shape = list != nullptr     ? Shape::list
                      : node.is_boolean() ? Shape::boolean
                                          : Shape::single;
  Setting setting{std::string(key.str()), key.source().begin.line, shape, {}};
  const auto take = [&](const toml::node& one) {
    const auto text = toml_text(one);
    if (!text) refuse_value(name, setting, toml_kind(one));
    setting.values.push_back(*text);
  };
  if (list == nullptr)
    take(node);
  else
    for (const toml::node& one : *list) take(one);
  return setting;
}

std::vector<Setting> parse_toml(std::string_view text, const std::string& name) {
  toml::table table;
  try {
    table = toml::parse(text);
  } catch (const toml::parse_error& error) {
    refuse(name, error.source().begin.line, shortened(error.description()));
  }
  std::vector<Setting> settings;
  for (const auto& [key, node] : table) settings.push_back(toml_setting(key, node, name));
  std::ranges::stable_sort(settings, {}, &Setting::line);
  return settings;
}

// --- JSON

/// Reads text and counts the lines: the parser says where it is only when it fails.
class CountedText {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountedText(const char* at, std::size_t& line) : at_(at), line_(&line) {}
  reference operator*() const { return *at_; }
  CountedText& operator++() {
    if (*at_ == '\n') ++*line_;
    ++at_;
    return *this;
  }
  bool operator==(const CountedText& other) const { return at_ == other.at_; }

 private:
  const char* at_;
  std::size_t* line_;
};

/// Takes one object of texts, numbers, truths and lists of them.
class JsonSettings : public nlohmann::json_sax<nlohmann::json> {
 public:
  JsonSettings(std::string_view text, const std::string& name, const std::size_t& line)
      : text_(text), name_(name), line_(line) {}

  std::vector<Setting> take() { return std::move(settings_); }

  bool null() override { refuse_here("null"); }
  bool boolean(bool value) override {
    if (!in_list_ && !settings_.empty()) settings_.back().shape = Setting::Shape::boolean;
    return add(text_of(value));
  }
  bool number_integer(number_integer_t value) override {
    return add(std::to_string(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return add(std::to_string(value));
  }
  bool number_float(number_float_t, const string_t& text) override { return add(text); }
  bool string(string_t& text) override { return add(text); }
  bool binary(binary_t&) override { refuse_here("binary"); }
  bool start_object(std::size_t) override {
    if (in_object_) refuse_here("an object");
    in_object_ = true;
    return true;
  }
  bool end_object() override { return true; }
  bool key(string_t& key) override {
    // The lexer has read no further than the quote that ends the key.
    settings_.push_back({key, line_, Setting::Shape::single, {}});
    return true;
  }
  bool start_array(std::size_t) override {
    if (!in_object_ || in_list_) refuse_here("a list in a list");
    settings_.back().shape = Setting::Shape::list;
    in_list_ = true;
    return true;
  }
  bool end_array() override {
    in_list_ = false;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 2, column 0: what". Its line
    // is one too far when what it stumbled over is the end of the line.
    const std::string_view what = error.what();
    const std::size_t place = what.find("column ");
    const std::size_t start = what.find(": ", place == what.npos ? 0 : place);
    refuse(name_, line_at(position),
           shortened(start == what.npos ? what : what.substr(start + 2)));
  }

 private:
  bool add(std::string text) {
    if (!in_object_) refuse_here("this");
    settings_.back().values.push_back(std::move(text));
    return true;
  }
  [[noreturn]] void refuse_here(const char* kind) const {
    if (settings_.empty()) refuse(name_, 1, "the file has to be one object, { … }");
    refuse_value(name_, settings_.back(), kind);
  }
  /// Of the `position`-th byte, or of the last one that is not blank.
  std::size_t line_at(std::size_t position) const {
    const std::size_t last = text_.find_last_not_of(" \t\r\n");
    const std::size_t end = std::min(std::max<std::size_t>(position, 1) - 1, last + 1);
    const auto lines = std::ranges::count(text_.substr(0, end), '\n');
    return 1 + static_cast<std::size_t>(lines);
  }

  std::string_view text_;
  const std::string& name_;
  const std::size_t& line_;
  std::vector<Setting> settings_;
  bool in_object_ = false;
  bool in_list_ = false;
};

std::vector<Setting> parse_json(std::string_view text, const std::string& name) {
  std::size_t line = 1;
  JsonSettings settings(text, name, line);
  const char* end = text.data() + text.size();
  nlohmann::json::sax_parse(CountedText(text.data(), line), CountedText(end, line),
                            &settings);
  return settings.take();
}

std::string read_file(const std::string& path) {
  const auto refuse_file = [&](const char* why) {
    throw UsageError(fmt::format("--config: '{}': {}", path, why));
  };
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) refuse_file(std::strerror(errno));
  std::string text;
  std::array<char, 16 * 1024> bytes;
  for (;;) {
    const ssize_t n = ::read(file.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) refuse_file(std::strerror(errno));
    if (n == 0) return text;
    text.append(bytes.data(), static_cast<std::size_t>(n));
    if (text.size() > longest_file) refuse_file("longer than 1 MiB; the wrong file?");
  }
}

}  // namespace

std::vector<Setting> read_config_file(const std::string& path) {
  return parse_config(read_file(path), path);
}

std::vector<Setting> parse_config(std::string_view text, const std::string& name) {
  const std::size_t start = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  const std::size_t first = text.find_first_not_of(" \t\r\n", start);
  const bool json = name.ends_with(".json") || (first != text.npos && text[first] == '{');
  return json ? parse_json(text, name) : parse_toml(text, name);
}

}  // namespace echolab

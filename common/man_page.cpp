#include "common/man_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "common/build.hpp"

namespace echolab {
namespace {

/// As it stands in running text. groff makes typographic ones of some characters, which
/// nobody could then copy into a shell; a line that begins with . or ' would be a
/// request.
std::string troff(std::string_view text) {
  std::string result;
  for (const char c : text) switch (c) {
      case '\\':
        result += "\\e";
        break;
      case '-':
        result += "\\-";
        break;
      case '\'':
        result += "\\(aq";
        break;
      case '`':
        result += "\\(ga";
        break;
      case '^':
        result += "\\(ha";
        break;
      case '~':
        result += "\\(ti";
        break;
      default:
        result += c;
    }
  return text.starts_with('.') ? "\\&" + result : result;
}

/// In bold and back again.
std::string bold(std::string_view text) {
  return fmt::format("\\fB{}\\fR", troff(text));
}

/// Two columns, in lines that stay as they are.
std::string table(const std::vector<std::pair<std::string, std::string>>& rows) {
  std::size_t width = 0;
  for (const auto& row : rows) width = std::max(width, row.first.size());
  std::string text = ".PP\n.nf\n";
  for (const auto& [first, second] : rows)
    text += fmt::format("{}{:{}}{}\n", bold(first), "", width - first.size() + 2,
                        troff(second));
  return text + ".fi\n";
}

std::string sentence(const std::string& text) {
  return text.empty() || text.ends_with('.') ? text : text + '.';
}

/// "\fB\-d\fR, \fB\-\-duration\fR \fIduration\fR"
std::string tag_of(const OptionRow& row) {
  if (row.is_positional) return fmt::format("\\fI{}\\fR", troff(row.name()));
  std::vector<std::string> names;
  for (const std::string& name : row.names) names.push_back(bold(name));
  std::string tag = fmt::format("{}", fmt::join(names, ", "));
  if (!row.is_flag()) tag += fmt::format(" \\fI{}\\fR", troff(row.takes.kind));
  if (row.takes.is_list) tag += "[,...]";
  if (row.is_greedy) tag += " ...";
  return tag;
}

/// What is known of the value beside the help.
std::string facts_of(const OptionRow& row) {
  const Takes& takes = row.takes;
  const std::string choices = fmt::format("{}", fmt::join(takes.choices, ", "));
  std::string facts;
  if (!choices.empty() && !row.help.starts_with(choices))
    facts += fmt::format(" {}: {}.", takes.is_list ? "Of these" : "One of", choices);
  if (!takes.least.empty() && !takes.most.empty())
    facts += fmt::format(" From {} to {}.", takes.least, takes.most);
  if (!row.default_value.empty())
    facts += fmt::format(" Default: {}.", row.default_value);
  if (row.is_repeatable) facts += " May be repeated.";
  if (!row.needs.empty())
    facts += fmt::format(" Needs {}.", fmt::join(row.needs, " and "));
  if (!row.refuses.empty())
    facts += fmt::format(" Not with {}.", fmt::join(row.refuses, " or "));
  return facts;
}

std::string entry(const OptionRow& row) {
  return fmt::format(".TP\n{}\n{}\n", tag_of(row),
                     troff(sentence(row.help) + facts_of(row)));
}

std::string synopsis(const OptionTree& tree) {
  std::string text =
      fmt::format(".SH SYNOPSIS\n{} [\\fIoptions\\fR]", bold(tree.program));
  for (const OptionRow& row : tree.rows)
    if (row.is_positional) text += fmt::format(" [\\fI{}\\fR]", troff(row.name()));
  return text + "\n";
}

std::string options(const OptionTree& tree) {
  std::string positional;
  for (const OptionRow& row : tree.rows)
    if (row.is_positional) positional += entry(row);
  std::string text;
  if (!positional.empty()) text += ".SH ARGUMENTS\n" + positional;
  text += ".SH OPTIONS\n";
  for (const std::string& group : tree.groups) {
    if (group != tree.groups.front()) text += fmt::format(".SS {}\n", troff(group));
    for (const OptionRow& row : tree.rows)
      if (!row.is_positional && row.group == group) text += entry(row);
  }
  return text;
}

std::string examples(const OptionTree& tree) {
  if (tree.examples.empty()) return "";
  std::string text = ".SH EXAMPLES\n";
  for (const Example& example : tree.examples)
    text +=
        fmt::format(".TP\n{}\n{}\n", bold(example.command),
                    example.purpose.empty() ? ".br" : troff(sentence(example.purpose)));
  return text;
}

/// The lines below the examples: running text, and words with what they mean.
std::string notes(const OptionTree& tree) {
  if (tree.notes.empty()) return "";
  std::string text = ".SH NOTES\n";
  bool in_table = false;
  for (const std::string& line : tree.notes) {
    const bool is_row = line.starts_with("  ");
    if (is_row) {
      const auto [word, meaning] = two_columns(line.substr(2));
      text += fmt::format(".TP 14\n{}\n{}\n", bold(word), troff(meaning));
    } else {
      text += (in_table ? ".PP\n" : "") + troff(line) + "\n";
    }
    in_table = is_row;
  }
  return text;
}

std::string exit_status(const OptionTree& tree) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const ExitMeaning& exit : tree.exits)
    rows.emplace_back(std::to_string(exit.code), exit.text);
  return rows.empty() ? "" : ".SH EXIT STATUS\n" + table(rows);
}

std::string environment(const OptionTree& tree) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const OptionRow& row : tree.rows)
    if (!row.variable.empty()) rows.emplace_back(row.variable, row.name());
  rows.emplace_back("NO_COLOR", "not empty: a terminal gets no colour");
  rows.emplace_back("TERM", "dumb: the same, and no live line");
  return ".SH ENVIRONMENT\n"
         "An option that the command line does not give takes its value from here, and\n"
         "after that from the file of \\fB\\-\\-config\\fR; a flag is true or false. An\n"
         "empty variable gives nothing.\n" +
         table(rows);
}

std::string files() {
  return ".SH FILES\n.TP\n\\fIfile\\fR of \\fB\\-\\-config\\fR\n"
         "TOML, or JSON: keys are the long options, and the names of the arguments.\n"
         "\\fB\\-\\-print\\-config\\fR writes one.\n";
}

std::string see_also(const OptionTree& tree) {
  std::vector<std::string> pages;
  for (const char* name : {"echo_client", "echo_compare", "echo_load", "echo_server"})
    if (name != tree.program) pages.push_back(bold(name) + "(1)");
  return fmt::format(".SH SEE ALSO\n{}\n", fmt::join(pages, ",\n"));
}

}  // namespace

std::string man_page(const OptionTree& tree) {
  std::string title = tree.program;
  for (char& c : title) c = 'a' <= c && c <= 'z' ? static_cast<char>(c - 32) : c;
  std::string what = tree.description;
  if (what.ends_with('.')) what.pop_back();
  if (!what.empty() && 'A' <= what.front() && what.front() <= 'Z')
    what.front() = static_cast<char>(what.front() + 32);
  std::string text =
      fmt::format(".TH {} 1 \"\" \"echolab {}\" \"echolab\"\n", title, build::version);
  text += ".nh\n.ad l\n";  // names and values stay whole
  text += fmt::format(".SH NAME\n{} \\- {}\n", tree.program, troff(what));
  text += synopsis(tree);
  text += fmt::format(".SH DESCRIPTION\n{}\n", troff(tree.description));
  text += options(tree);
  text += examples(tree) + notes(tree);
  return text + exit_status(tree) + environment(tree) + files() + see_also(tree);
}

}  // namespace echolab

#include "common/completion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace echolab {
namespace {

// What a value is completed with.
enum class Values { none, words, list, files, folders };

Values values_of(const Takes& takes) {
  if (takes.kind == "file") return Values::files;
  if (takes.kind == "folder") return Values::folders;
  if (takes.choices.empty()) return Values::none;
  return takes.is_list ? Values::list : Values::words;
}

std::string words_of(const Takes& takes) {
  return fmt::format("{}", fmt::join(takes.choices, " "));
}

bool is_long(const std::string& name) {
  return name.starts_with("--");
}

/// `text` with `before` in front of each character that is one of `special`.
std::string escaped(std::string_view text, std::string_view special, char before) {
  std::string result;
  for (const char c : text) {
    if (special.find(c) != special.npos) result += before;
    result += c;
  }
  return result;
}

// --- bash
// -------------------------------------------------------------------------------

/// What stands after `name)` in the function below.
std::string bash_values(const Takes& takes) {
  switch (values_of(takes)) {
    case Values::none:
      return "";
    case Values::words:
      return fmt::format("mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$word\")",
                         words_of(takes));
    case Values::list:
      return fmt::format(
          "[[ $word == *,* ]] && first=${{word%,*}},\n"
          "      mapfile -t COMPREPLY < <(compgen -P \"$first\" -W '{}' -- "
          "\"${{word##*,}}\")\n"
          "      compopt -o nospace",
          words_of(takes));
    case Values::files:
      return "compopt -o default";
    case Values::folders:
      return "compopt -o dirnames";
  }
  return "";
}

/// Each option that takes a value, with what it takes.
std::string bash_cases(const OptionTree& tree) {
  std::string cases;
  for (const OptionRow& row : tree.rows) {
    if (row.is_positional || row.is_flag()) continue;
    const std::string values = bash_values(row.takes);
    cases += fmt::format("    {})\n      {}{}return ;;\n", fmt::join(row.names, " | "),
                         values, values.empty() ? "" : "\n      ");
  }
  return cases;
}

/// The options that take all that follows: the word before may be a value of theirs.
std::string bash_greedy(const OptionTree& tree) {
  std::vector<std::string> names;
  for (const OptionRow& row : tree.rows)
    if (row.is_greedy)
      for (const std::string& name : row.names) names.push_back(name);
  if (names.empty()) return "";
  return fmt::format(
      "  for ((at = COMP_CWORD - 1; at > 0; --at)); do\n"
      "    case ${{COMP_WORDS[at]}} in\n"
      "      {}) before=${{COMP_WORDS[at]}} ;;\n"
      "      -*) ;;\n"
      "      *) continue ;;\n"
      "    esac\n"
      "    break\n"
      "  done\n",
      fmt::join(names, " | "));
}

std::string bash_positional(const OptionTree& tree) {
  for (const OptionRow& row : tree.rows) {
    if (!row.is_positional) continue;
    const std::string values = bash_values(row.takes);
    if (values.empty()) return "";
    return fmt::format(
        "  else\n"
        "    for at in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n"
        "      [[ ' {} ' == *\" $at \"* ]] && return  # it is there\n"
        "    done\n"
        "    {}\n",
        words_of(row.takes), values);
  }
  return "";
}

std::string bash_completion(const OptionTree& tree) {
  std::vector<std::string> names;
  for (const OptionRow& row : tree.rows)
    if (!row.is_positional) names.insert(names.end(), row.names.begin(), row.names.end());
  return fmt::format(
      "# bash completion of {0}; in ~/.bashrc: source <({0} --completion bash)\n"
      "_{0}() {{\n"
      "  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}\n"
      "  local at first=\n"
      "  COMPREPLY=()\n"
      "  # readline takes --name=value for three words\n"
      "  if [[ $word == = ]]; then\n"
      "    word=\n"
      "  elif [[ $before == = ]]; then\n"
      "    before=${{COMP_WORDS[COMP_CWORD-2]}}\n"
      "  fi\n"
      "{1}"
      "  case $before in\n"
      "{2}"
      "  esac\n"
      "  if [[ $word == -* ]]; then\n"
      "    mapfile -t COMPREPLY < <(compgen -W '{3}' -- \"$word\")\n"
      "{4}"
      "  fi\n"
      "}}\n"
      "complete -F _{0} {0}\n",
      tree.program, bash_greedy(tree), bash_cases(tree), fmt::join(names, " "),
      bash_positional(tree));
}

// --- zsh
// --------------------------------------------------------------------------------

std::string zsh_text(std::string_view text) {
  std::string result;  // inside '…', and there inside a specification of _arguments
  for (const char c : escaped(text, "\\[]:", '\\'))
    c == '\'' ? result += "'\\''" : result += c;
  return result;
}

/// ":message:action", or nothing for a flag. () is an empty choice: without it, zsh would
/// not complete options where an argument may stand.
std::string zsh_values(const Takes& takes) {
  switch (values_of(takes)) {
    case Values::none:
      return takes.kind.empty() ? "" : fmt::format(":{}:()", takes.kind);
    case Values::words:
      return fmt::format(":{}:({})", takes.kind, words_of(takes));
    case Values::list:
      return fmt::format(":{0}:{{_values -s , {0} {1}}}", takes.kind, words_of(takes));
    case Values::files:
      return fmt::format(":{}:_files", takes.kind);
    case Values::folders:
      return fmt::format(":{}:_files -/", takes.kind);
  }
  return "";
}

/// One line each name: _arguments leaves out what a line excludes.
std::string zsh_lines(const OptionRow& row) {
  std::string values = zsh_values(row.takes);
  if (row.is_greedy && values_of(row.takes) == Values::files) values = ":*-*" + values;
  if (row.is_positional) return fmt::format("    '1{}' \\\n", values);
  std::string excluded = fmt::format("{}", fmt::join(row.names, " "));
  for (const std::string& name : row.refuses) excluded += " " + name;
  const std::string before = row.is_repeatable ? "*" : fmt::format("({})", excluded);
  std::string lines;
  for (const std::string& name : row.names)
    lines += fmt::format("    '{}{}{}[{}]{}' \\\n", before, name,
                         row.is_flag()   ? ""
                         : is_long(name) ? "="
                                         : "+",
                         zsh_text(row.help), values);
  return lines;
}

std::string zsh_completion(const OptionTree& tree) {
  std::string lines;
  for (const OptionRow& row : tree.rows) lines += zsh_lines(row);
  return fmt::format(
      "#compdef {0}\n"
      "# zsh completion of {0}, as a file _{0} in a folder of $fpath, or in ~/.zshrc "
      "after\n"
      "# compinit: source <({0} --completion zsh)\n"
      "_{0}() {{\n"
      "  _arguments -s \\\n"
      "{1}"
      "    && return\n"
      "}}\n"
      "if [[ ${{funcstack[1]}} == _{0} ]]; then\n"
      "  _{0} \"$@\"\n"
      "else\n"
      "  compdef _{0} {0}\n"
      "fi\n",
      tree.program, lines);
}

// --- fish
// -------------------------------------------------------------------------------

std::string fish_text(std::string_view text) {
  return fmt::format("'{}'", escaped(text, "\\'", '\\'));
}

std::string fish_values(const Takes& takes) {
  switch (values_of(takes)) {
    case Values::none:
      return takes.kind.empty() ? "" : " -x";
    case Values::words:
      return fmt::format(" -x -a {}", fish_text(words_of(takes)));
    case Values::list:
      return fmt::format(" -x -a {}",
                         fish_text(fmt::format("(__fish_complete_list , 'printf "
                                               "\"%s\\n\" {}')",
                                               words_of(takes))));
    case Values::files:
      return " -r -F";
    case Values::folders:
      return " -x -a '(__fish_complete_directories)'";
  }
  return "";
}

std::string fish_line(const OptionTree& tree, const OptionRow& row) {
  std::string line = fmt::format("complete -c {}", tree.program);
  if (row.is_positional && row.takes.choices.empty()) return "";
  if (row.is_positional)  // once
    line += fmt::format(" -n 'not __fish_seen_subcommand_from {}'", words_of(row.takes));
  else
    for (const std::string& name : row.names)
      line += is_long(name) ? " -l " + name.substr(2) : " -s " + name.substr(1);
  line += fmt::format("{} -d {}\n", fish_values(row.takes), fish_text(row.help));
  if (row.is_greedy && values_of(row.takes) == Values::files)
    line += fmt::format("complete -c {} -n '__fish_contains_opt {}' -F\n", tree.program,
                        row.name().substr(2));
  return line;
}

std::string fish_completion(const OptionTree& tree) {
  std::string text = fmt::format(
      "# fish completion of {0}; {0} --completion fish | source, or as\n"
      "# ~/.config/fish/completions/{0}.fish\n"
      "complete -c {0} -f\n",
      tree.program);
  for (const OptionRow& row : tree.rows) text += fish_line(tree, row);
  return text;
}

}  // namespace

std::string completion(const OptionTree& tree, std::string_view shell) {
  if (shell == "zsh") return zsh_completion(tree);
  return shell == "fish" ? fish_completion(tree) : bash_completion(tree);
}

}  // namespace echolab

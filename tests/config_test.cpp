// A file means what the same flags mean, and what is wrong in it is named with its line.

#include "common/config.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/config_file.hpp"
#include "common/program.hpp"

namespace echolab {
namespace {

using namespace std::chrono_literals;

/// A program with an option of each kind.
struct Program {
  Endpoint server = Endpoint::parse("tcp://127.0.0.1:7007");
  std::uint64_t connections = 16;
  std::uint64_t size = 16 * 1024;
  Nanoseconds warm_up = 1500ms;
  std::string protocol = "echo";
  std::string name;
  int level = 3;
  std::vector<std::string> parts;
  bool json = false;
  bool list = false;
  CLI::App parser{"A program.", "program"};

  Program() {
    set_up_parser(parser, "");
    add_endpoint(parser, "server", server, "endpoint");
    add_count(parser, "-c,--connections", connections, "a count", 1, 1000);
    add_bytes(parser, "-s,--size", size, "a size", 1, 1 << 20);
    add_duration(parser, "-w,--warm-up", warm_up, "a duration", 0s, 1h);
    add_choice(parser, "--protocol", protocol, "a choice", {"echo", "work"});
    parser.add_option("--name", name, "any text");
    parser.add_option("--level", level, "a number")->check(CLI::Range(0, 9));
    parser.add_option("--part", parts, "texts");
    parser.add_flag("--json", json, "a flag");
    parser.add_flag("--list", list, "shows and ends")->configurable(false);
  }

  bool run(std::vector<std::string> words = {}) {
    words.insert(words.begin(), "program");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    return parse_command_line(parser, static_cast<int>(argv.size()), argv.data());
  }
};

/// A file that is gone at the end.
class File {
 public:
  explicit File(std::string_view text, const std::string& ending = ".toml")
      : path_(testing::TempDir() + "config_test_" + std::to_string(::getpid()) + ending) {
    std::ofstream(path_, std::ios::binary) << text;
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A variable that is gone at the end.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    ::setenv(name, value, 1);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() { ::unsetenv(name_); }

 private:
  const char* name_;
};

/// What the program says about the file, from its line on.
std::string error_of(std::string_view text, const std::string& ending = ".toml") {
  const File file(text, ending);
  Program program;
  try {
    program.run({"--config", file.path()});
  } catch (const UsageError& error) {
    const std::string what = error.what();
    EXPECT_TRUE(what.starts_with(file.path() + ":")) << what;
    EXPECT_EQ(what.find('\n'), what.npos) << what;
    EXPECT_LT(what.size(), file.path().size() + 300);
    return what.substr(std::min(what.size(), file.path().size() + 1));
  }
  return "no error";
}

std::string error_of_words(const std::vector<std::string>& words) {
  Program program;
  try {
    program.run(words);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

constexpr std::string_view toml = R"(# every kind
server = "tcp://[::1]:8"
connections = 1_000
size = "4KiB"   # a comment
warm-up = "2s"
protocol = 'work'
name = "a\tb"
level = 9
part = ["x",
        "y"]
json = true
)";

constexpr std::string_view json = R"({
  "server": "tcp://[::1]:8", "connections": 1000, "size": "4KiB", "warm-up": "2s",
  "protocol": "work", "name": "a\tb", "level": 9, "part": ["x", "y"], "json": true
})";

void expect_all_set(const Program& program) {
  EXPECT_EQ(program.server.text(), "tcp://[::1]:8");
  EXPECT_EQ(program.connections, 1000U);
  EXPECT_EQ(program.size, 4096U);
  EXPECT_EQ(program.warm_up, 2s);
  EXPECT_EQ(program.protocol, "work");
  EXPECT_EQ(program.name, "a\tb");
  EXPECT_EQ(program.level, 9);
  EXPECT_EQ(program.parts, (std::vector<std::string>{"x", "y"}));
  EXPECT_TRUE(program.json);
}

TEST(Config, TomlAndJsonSetEveryKindOfOption) {
  const std::pair<std::string_view, std::string> files[] = {
      {toml, ".toml"}, {toml, ".conf"}, {json, ".json"}, {json, ".toml"}, {json, ""}};
  for (const auto& [text, ending] : files) {
    SCOPED_TRACE(ending);
    const File file(text, ending);
    Program program;
    ASSERT_TRUE(program.run({"--config", file.path()}));
    expect_all_set(program);
    EXPECT_EQ(program.parser.count("--connections"), 1U) << "as if it were typed";
  }
}

TEST(Config, AKeyMayHaveUnderscores) {
  const File file("warm_up = '3s'");
  Program program;
  program.run({"--config", file.path()});
  EXPECT_EQ(program.warm_up, 3s);
}

TEST(Config, AMarkOfByteOrderIsNoText) {
  for (const char* text : {"\xEF\xBB\xBFlevel = 4", "\xEF\xBB\xBF{\"level\": 4}"}) {
    const File file(text);
    Program program;
    program.run({"--config", file.path()});
    EXPECT_EQ(program.level, 4);
  }
}

TEST(Config, AFlagComesBeforeAVariableBeforeAFileBeforeTheDefault) {
  const auto connections = [](bool flag, bool variable, bool file) {
    const File set(file ? "connections = 2" : "size = 1");
    const Variable three("ECHOLAB_CONNECTIONS", variable ? "3" : "");
    std::vector<std::string> words{"--config", set.path()};
    if (flag) words.insert(words.end(), {"--connections", "4"});
    Program program;
    program.run(words);
    return program.connections;
  };
  for (const bool file : {false, true}) {
    EXPECT_EQ(connections(true, true, file), 4U);
    EXPECT_EQ(connections(true, false, file), 4U);
    EXPECT_EQ(connections(false, true, file), 3U);
  }
  EXPECT_EQ(connections(false, false, true), 2U);
  EXPECT_EQ(connections(false, false, false), 16U);
}

TEST(Config, AVariableSetsWithoutAFile) {
  const Variable warm_up("ECHOLAB_WARM_UP", "7s"), part("ECHOLAB_PART", "one");
  const Variable server("ECHOLAB_SERVER", "unix:///s");
  Program program;
  program.run();
  EXPECT_EQ(program.warm_up, 7s);
  EXPECT_EQ(program.parts, std::vector<std::string>{"one"});
  EXPECT_EQ(program.server.text(), "unix:///s");
}

TEST(Config, AVariableTurnsAFlagOnAndOff) {
  const std::pair<const char*, bool> values[] = {
      {"1", true}, {"true", true}, {"0", false}, {"false", false}};
  for (const auto& [value, on] : values) {
    const Variable variable("ECHOLAB_JSON", value);
    const File file(on ? "json = false" : "json = true");
    Program program;
    program.run({"--config", file.path()});
    EXPECT_EQ(program.json, on) << value;
  }
}

TEST(Config, AVariableOfNoOptionIsNotOurs) {
  const Variable bin("ECHOLAB_BIN", "x"), list("ECHOLAB_LIST", "1"),
      config("ECHOLAB_CONFIG", "/nowhere");
  Program program;
  EXPECT_TRUE(program.run());
  EXPECT_FALSE(program.list);
}

TEST(Config, AWrongVariableIsNamed) {
  {
    const Variable variable("ECHOLAB_CONNECTIONS", "7x");
    EXPECT_TRUE(error_of_words({}).starts_with("ECHOLAB_CONNECTIONS: '7x' is not a"));
    EXPECT_EQ(error_of_words({"-c", "7"}), "no error") << "the flag comes first";
  }
  const Variable variable("ECHOLAB_JSON", "yes");
  EXPECT_EQ(error_of_words({}), "ECHOLAB_JSON: 'yes' is not true or false");
}

TEST(Config, AFileMaySetWhatIsRequired) {
  const File file("name = 'here'");
  Program program;
  program.parser.get_option("--name")->required();
  program.run({"--config", file.path()});
  EXPECT_EQ(program.name, "here");
}

TEST(Config, AnErrorNamesLineKeyAndWhatWasGiven) {
  const std::pair<std::string_view, std::string_view> wrong[] = {
      {"\nconections = 5", "2: unknown key 'conections', did you mean 'connections'?"},
      {"level = 1\n\nwarmup = 5", "3: unknown key 'warmup', did you mean 'warm-up'?"},
      {"sise = 1\nconections = 5", "1: unknown key 'sise', did you mean 'size'?"},
      {"[load]\nlevel = 5", "1: load: a table is no value"},
      {"c = 5", "1: unknown key 'c'"},
      {"list = true", "1: 'list' is for the command line only"},
      {"config = 'x'", "1: 'config' is for the command line only"},
      {"warm-up = '1s'\nlevel = 1\nwarm_up = '1s'", "3: 'warm_up' is set twice"},
      {"level = 1\nlevel = 2", "2: "},
      {"\n\nconnections = '5x'", "3: connections: '5x' is not a count such as"},
      {"connections = -5", "1: connections: '-5' is not a count such as"},
      {"connections = 5.5", "1: connections: '5.5' is not a count such as"},
      {"connections = 1001", "1: connections: '1001' is out of range; it goes from 1 to"},
      {"warm_up = 10", "1: warm_up: '10' is not a duration with its unit"},
      {"size = '5 k'", "1: size: '5 k' is not a size such as"},
      {"protocol = 'wrok'", "1: protocol: 'wrok' is none of echo, work, did you mean"},
      {"server = 'localhost'", "1: server: 'localhost': no '://'"},
      {"level = 10", "1: level: "},
      {"level = 'x'", "1: level: "},
      {"connections = true", "1: connections: true is for a flag; this option takes"},
      {"connections = [1, 2]", "1: connections: [1, 2] is a list; this option takes"},
      {"json = 'true'", "1: json: 'true' is not true or false, without quotes"},
      {"json = [true]", "1: json: 'true' is not true or false, without quotes"},
      {"json = 1", "1: json: '1' is not true or false, without quotes"},
      {"part = true", "1: part: true is for a flag"},
      {"[level]\na = 1", "1: level: a table is no value"},
      {"part = [[1]]", "1: part: a list in a list is no value"},
      {"warm-up = 1979-05-27", "1: warm-up: a date is no value"},
      {"level = 1\nname = \"x\nsize = 1", "2: "},
      {"level = 1\nname\n", "2: "},
      {"level = 1\nsize = 1\nname = '\xFF'", "3: "},
      {"level = 99999999999999999999", "1: "}};
  for (const auto& [text, expected] : wrong) {
    const std::string what = error_of(text);
    EXPECT_TRUE(what.starts_with(expected)) << text << "\n" << what;
  }
}

TEST(Config, AnErrorInJsonNamesTheLineToo) {
  const std::pair<std::string_view, std::string_view> wrong[] = {
      {"", "1: "},
      {"[1]", "1: the file has to be one object"},
      {"\n5", "1: the file has to be one object"},
      {"{\"level\": 1,\n\n\"sise\": 1}", "3: unknown key 'sise', did you mean 'size'?"},
      {"{\"level\": 1,\n\"level\": 2}", "2: 'level' is set twice"},
      {"{\"level\": 1,\n\"size\":\n\n\"5x\"}", "2: size: '5x' is not a size"},
      {"{\n\"size\": 1e3}", "2: size: '1e3' is not a size"},
      {"{\n\"size\": -1}", "2: size: '-1' is not a size"},
      {"{\n\"json\": \"true\"}", "2: json: 'true' is not true or false"},
      {"{\n\"size\": null}", "2: size: null is no value"},
      {"{\n\"size\": {\n\"a\": 1}}", "2: size: an object is no value"},
      {"{\n\"part\": [\"x\",\n[1]]}", "2: part: a list in a list is no value"},
      {"{\n\"part\": [true]\n}", "no error"},
      {"{\n\"size\": tru\n}", "2: syntax error"},
      {"{\n\"size\": -\n}", "2: syntax error"},
      {"{\n\"name\": \"x\n}", "2: syntax error"},
      {"{\n\"level\": 1\n\"size\": 1\n}", "3: syntax error"},
      {"{\n\"level\" 12\n}", "2: syntax error"},
      {"{\n\"level\": 1\n\n", "2: syntax error"},
      {"{\n\"level\": 1\n}\n{", "4: syntax error"},
      {"{\n\n\"name\": \"\xFF\"}", "3: syntax error"}};
  for (const auto& [text, expected] : wrong) {
    const std::string what = error_of(text, ".json");
    EXPECT_TRUE(what.starts_with(expected)) << text << "\n" << what;
  }
}

TEST(Config, AnEmptyFileSetsNothing) {
  for (const char* text : {"", "\n", "# nothing\n", "{}"}) {
    const File file(text);
    Program program;
    EXPECT_TRUE(program.run({"--config", file.path()}));
    EXPECT_EQ(program.parser.count("--connections"), 0U);
  }
}

TEST(Config, AFileThatCannotBeReadIsNamed) {
  EXPECT_EQ(error_of_words({"--config", "/no/where"}),
            "--config: '/no/where': No such file or directory");
  EXPECT_EQ(error_of_words({"--config", ""}), "--config: '': No such file or directory");
  EXPECT_EQ(error_of_words({"--config", "/"}), "--config: '/': Is a directory");
  EXPECT_EQ(error_of_words({"--config", "/dev/zero"}),
            "--config: '/dev/zero': longer than 1 MiB; the wrong file?");
}

TEST(Config, WhatIsNestedWithoutEndIsRefused) {
  const std::string deep(500'000, '[');
  EXPECT_TRUE(error_of("part = " + deep).starts_with("1: "));
  EXPECT_TRUE(error_of("{\"part\": " + deep).starts_with("1: part: a list in a list"));
}

TEST(Config, HelpComesBeforeAWrongFile) {
  Program program;
  testing::internal::CaptureStdout();
  EXPECT_FALSE(program.run({"--config", "/no/where", "--help"}));
  const std::string shown = testing::internal::GetCapturedStdout();
  EXPECT_NE(shown.find("--config FILE"), shown.npos) << shown;
  EXPECT_NE(shown.find("--warm-up=1500ms"), shown.npos) << "as it can be typed";
}

std::string printed(const std::vector<std::string>& words) {
  Program program;
  EXPECT_TRUE(program.run(words));
  return config_text(program.parser);
}

TEST(Config, WhatIsPrintedMeansTheSameAgain) {
  const std::vector<std::string> lines[] = {
      {},
      {"-c", "10", "-s", "4KiB", "-w", "2s", "--protocol", "work", "--json", "unix:///s"},
      {"--json=false", "--level", "0"},
      {"--part", "a", "--part", "b,\"c\"", "--part", "007"},
      {"--name", "quote \" back \\ tab \t line \n del \x7F é 😀 \x01 # '"},
      {"--name", ""},
      {"--name", "007"},
      {"--name", "1234567890123456789012"},
      {"--name", "true"},
      {"--name", "--json"}};
  for (const auto& words : lines) {
    const std::string text = printed(words);
    SCOPED_TRACE(text);
    const File file(text);
    EXPECT_EQ(printed({"--config", file.path()}), text);
    Program typed, read;
    typed.run(words);
    read.run({"--config", file.path()});
    EXPECT_EQ(read.name, typed.name);
    EXPECT_EQ(read.parts, typed.parts);
    EXPECT_EQ(read.server.text(), typed.server.text());
    EXPECT_EQ(read.warm_up, typed.warm_up);
    EXPECT_EQ(read.size, typed.size);
    EXPECT_EQ(read.json, typed.json);
  }
}

TEST(Config, WhatIsPrintedHasEachOptionWithItsHelpAndTheGivenOnesSet) {
  const std::string text = printed({"-c", "10", "--part", "a"});
  EXPECT_EQ(text,
            "# For program --config FILE. What stands in a comment is the default.\n\n"
            "# no colour, not on a terminal either; as with NO_COLOR\n"
            "# no-color = false\n\n"
            "# no colour, and no line that is written over; as with TERM=dumb\n"
            "# plain = false\n\n"
            "# endpoint\n# server = \"tcp://127.0.0.1:7007\"\n\n"
            "# a count\nconnections = 10\n\n"
            "# a size\n# size = \"16KiB\"\n\n"
            "# a duration\n# warm-up = \"1500ms\"\n\n"
            "# echo, work: a choice\n# protocol = \"echo\"\n\n"
            "# any text\n# name =\n\n"
            "# a number\n# level =\n\n"
            "# texts\npart = [\"a\"]\n\n"
            "# a flag\n# json = false\n");
}

TEST(Config, ADefaultThatIsPrintedCanBeSet) {
  std::string text = printed({});
  for (const char* key :
       {"server", "connections", "size", "warm-up", "protocol", "json"}) {
    const std::size_t at = text.find("# " + std::string(key) + " = ");
    ASSERT_NE(at, text.npos) << key;
    text.erase(at, 2);
  }
  const File file(text);
  Program program;
  program.run({"--config", file.path()});
  EXPECT_EQ(program.parser.count("--warm-up"), 1U);
  EXPECT_EQ(program.warm_up, 1500ms);
  EXPECT_EQ(program.size, 16U * 1024);
  EXPECT_EQ(program.server.text(), "tcp://127.0.0.1:7007");
}

TEST(Config, WhatIsNotUtf8CannotBePrinted) {
  Program program;
  program.run({"--name", "\xFF"});
  EXPECT_THROW(config_text(program.parser), UsageError);
}

}  // namespace
}  // namespace echolab

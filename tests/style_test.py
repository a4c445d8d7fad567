#!/usr/bin/python3
"""The rules of the house that a machine can see, each with a snippet that breaks it.

    tests/style_test.py --include . --include build/release/generated
    tests/style_test.py --untracked ...      also files that git does not know yet

A rule looks at one file and says what is wrong with it; `bad` and `good` are its own
test.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
OPTIONS = argparse.Namespace(include=[], untracked=False,
                             compiler=os.environ.get("CXX", "g++"))

# --- the words of models.def ------------------------------------------------------------
FAMILIES = {"sequential", "process", "thread", "readiness", "many_loops", "staged",
            "completion", "user_level_threads", "libraries", "datagram"}
TRANSPORTS = {"stream", "datagram"}
AXES = {
    "accepts": {"one", "each", "sharded", "passed"},
    "unit": {"none", "process", "thread", "fiber", "coroutine"},
    "readiness": {"blocking", "busy", "select", "poll", "signal", "epoll_level",
                  "epoll_edge", "epoll_oneshot", "completion"},
    "dispatch": {"none", "queue", "round_robin", "kernel_hash", "turns"},
    "computes": {"loop", "worker", "stage"},
    "growth": {"none", "fixed", "adaptive", "per_client"},
}
COLUMNS = ["name", "family", "transports", *AXES, "processes", "threads", "calls",
           "source", "shows"]
CARD = ["The idea", "Waits in", "Calls", "Costs", "Traps", "Source", "Next"]
TOP_LEVEL = {"CMakeLists.txt", "CMakePresets.json", "README.md", "CONTRIBUTING.md",
             "LICENSE", "servers", "clients", "bench", "scripts", "results", "common",
             "tests", "lab"}


# --- reading ----------------------------------------------------------------------------
def tracked():
    """The project's files, as paths from the root."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached"]
    if OPTIONS.untracked:
        command += ["--others", "--exclude-standard"]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return sorted(path for path in set(out.split("\0")) if path and is_file(path))


def is_file(path):
    return (ROOT / path).is_file()


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"'
                   r"|(?<![0-9a-zA-Z_])'(?:\\.|[^'\\\n])*'", re.S)


def code_of(text):
    """C++ without comments and texts, every line where it was."""
    def blank(match):
        found = match.group()
        if found.startswith("/"):
            return re.sub(r"[^\n]", " ", found)
        return found[0] + re.sub(r"[^\n]", " ", found[1:-1]) + found[-1]

    without_includes = re.sub(r'(?m)^#include "[^"\n]*"', "", text)
    return TOKEN.sub(blank, without_includes)


KEYWORDS = "return|co_return|co_await|co_yield|else|do|case|not|and|or|throw"


def line_at(text, position):
    return text.count("\n", 0, position) + 1


def inside(text, opening):
    """What stands between the parenthesis at `opening` and the one that closes it."""
    depth = 0
    for position in range(opening, len(text)):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if depth == 0:
            return text[opening + 1:position]
    return text[opening + 1:]


def calls(code, name):
    """(line, arguments) of each call of the C function `name`: ::name(...), or name(...)
    where the file has no function of its own of that name."""
    own = re.search(rf"(?:\w[\w>&*]*\s+(?:\w+(?:<\w+>)?::)*|\w::){name}\s*\([^;{{]*\)[^;(]*[;{{]",
                    re.sub(rf"\b({KEYWORDS})\b", ";", code))
    for found in re.finditer(rf"(::\s*)?\b{name}\s*\(", code):
        before = code[:found.start()]
        if found.group(1):
            if re.search(r"[\w>]$", before):  # some::name(
                continue
        elif own or re.search(r"(\.|->|~)\s*$", before) or re.search(
                rf"\b(?!(?:{KEYWORDS})\s*$)\w+\s*$", before):  # a.name(, int name(
            continue
        yield line_at(code, found.start()), inside(code, found.end() - 1)


def rows_of(text):
    """The rows of models.def, as dictionaries of their columns."""
    rows = []
    text = re.sub(r"(?m)^\s*//.*$", "", text)
    for found in re.finditer(r"(?m)^MODEL\(", text):
        arguments = inside(text, found.end() - 1)
        parts = re.findall(r'(?:"(?:\\.|[^"])*"|\((?:[^()]|\([^()]*\))*\)|[^,"()])+',
                           arguments)
        parts = [" ".join(part.split()) for part in parts]
        rows.append(dict(zip(COLUMNS, parts)) | {"columns": len(parts)})
    return rows


def model_rows():
    return rows_of(read("servers/models.def"))


# --- rules ------------------------------------------------------------------------------
RULES = {}


def rule(where, bad, good=()):
    """Registers a rule for the paths that match `where`. `bad` and `good` are (path,
    text): the rule complains of each bad one and of no good one."""
    def register(check):
        RULES[check.__name__] = (re.compile(where), check, bad, good)
        return check
    return register


CPP = r"\.[ch]pp$"
OURS = r"^(servers|clients|common)/.*\.[ch]pp$"
LONG = "int " + "x" * 90 + ";\n"


@rule(CPP, [("common/a.cpp", LONG), ("common/a.hpp", "// " + "µ" * 88 + "\n")],
      [("common/a.cpp", "// " + "µ" * 87 + "\n")])
def lines_have_90_columns_at_most(_, text):
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > 90:
            yield number, f"{len(line)} columns"


def function_of(lines):
    return "void f(\n    int a) {\n" + "  g();\n" * lines + "}\n"


@rule(CPP, [("common/a.cpp", function_of(48)),
            ("common/a.cpp",
             "A::A(int x)\n    : a{x}, b(x) {\n" + "  g();\n" * 49 + "}\n"),
            ("common/a.hpp",
             "struct S {\n  int f() const {\n" + "    g();\n" * 50 + "  }\n};\n"),
            ("common/a.hpp", "auto f() -> int {\n" + "  g();\n" * 50 + "}\n")],
      [("common/a.cpp", function_of(47)),
       ("common/a.cpp", "namespace n {\n" + "int g();\n" * 80 + "}\n"),
       ("common/a.cpp", "struct S {\n" + "  int g();\n" * 80 + "};\n")])
def functions_have_50_lines_at_most(_, text):
    code = re.sub(r"(?m)^#.*(?:\\\n.*)*", lambda m: re.sub(r"[^\n]", " ", m.group()),
                  code_of(text))
    open_functions = []  # a (line of its head, whether it is a function) per open brace
    head = 0             # where the statement of the next brace starts
    for position, char in enumerate(code):
        if char == "{":
            statement = code[head:position].strip()
            start = head + len(code[head:position]) - len(code[head:position].lstrip())
            open_functions.append((line_at(code, start), is_function_head(statement)))
        elif char == "}" and open_functions:
            first, is_function = open_functions.pop()
            length = line_at(code, position) - first + 1
            if is_function and length > 50:
                yield first, f"a function of {length} lines"
        if char in "{};":
            head = position + 1


def is_function_head(statement):
    if re.match(r"(namespace|class|struct|enum|union|extern|if|for|while|switch|do|else|"
                r"try|catch|case)\b", statement):
        return False
    after = r"const|noexcept|override|final|mutable|&&?|->[^;]*|:[^;]*|\s"
    return re.search(rf"\)\s*({after})*$", statement) is not None


@rule(r"^servers/.*\.cpp$",
      [("servers/x.cpp", "void x(const Job& job) {\n}\n" + "\n" * 149)],
      [("servers/x.cpp", "void x(const Job& job) {\n}\n" + "\n" * 148),
       ("servers/main.cpp", "\n" * 300)])
def a_model_has_150_lines_at_most(path, text):
    if is_model(path, text) and text.count("\n") > 150:
        yield 151, f"a model of {text.count(chr(10))} lines"


def is_model(path, text):
    name = pathlib.Path(path).stem
    return re.search(rf"(?m)^void {name}\(const Job&( \w+)?\)", text) is not None


GOOD_CARD = """// x: says it once.
//
// The idea   One line,
//            and another.
// Waits in   accept.
// Calls      recvfrom, sendto.
// Costs      Nothing.
// Traps      None.
// Shares     Nothing.
// Source     UNP 1.
// Next       unheard_of: the opposite.

void x(const Job& job) {}
"""


@rule(r"^servers/.*\.cpp$",
      [("servers/x.cpp", GOOD_CARD.replace("// x:", "// y:")),
       ("servers/x.cpp", "\n" + GOOD_CARD),
       ("servers/x.cpp", GOOD_CARD.replace("// Traps      None.\n", "")),
       ("servers/x.cpp", GOOD_CARD.replace("Costs ", "Price ")),
       ("servers/x.cpp", GOOD_CARD.replace("//            and", "// and")),
       ("servers/x.cpp", GOOD_CARD.replace("//            and another.\n",
                                           "//            and another.\n" * 5)),
       ("servers/x.cpp", GOOD_CARD.replace("// Source     UNP 1.\n", "").replace(
           "// Waits in", "// Source     UNP 1.\n// Waits in"))],
      [("servers/x.cpp", GOOD_CARD), ("servers/main.cpp", "// The program.\n")])
def a_model_opens_with_its_card(path, text):
    if not is_model(path, text):
        return
    name = pathlib.Path(path).stem
    card = text.split("\n\n")[0].split("\n")
    if not re.match(rf"// {name}: \S", card[0]):
        yield 1, f"the first line is not '// {name}: ...'"
        return
    fields, sizes = [], {}
    for number, line in enumerate(card[1:], 2):
        field = re.match(r"// ([A-Z][a-z]+( [a-z]+)?) +(?<=^.{14})\S", line)
        if field:
            fields.append(field.group(1))
        elif line != "//" and not (fields and re.match(r"// {12}\S", line)):
            yield number, "neither a field nor indented as its continuation"
        if fields:
            sizes[fields[-1]] = sizes.get(fields[-1], 0) + 1
    if [field for field in fields if field in CARD] != CARD:
        yield 1, f"the card has {fields}, and must have {CARD} in this order"
    if sizes.get("The idea", 0) > 5:
        yield 1, "the idea has more than five lines"


ROW = """MODEL(iterative, sequential, stream,
      one, none, blocking, none, loop, none,
      1, 1 + clients,
      "recvfrom sendto",
      "UNP 30.2; CS:APP 11.4",
      "one client at a time: what (the others) pay, for waiting")
"""


@rule(r"^servers/models\.def$",
      [("servers/models.def", ROW.replace("one, none", "some, none")),
       ("servers/models.def", ROW.replace("blocking", "epoll")),
       ("servers/models.def", ROW.replace("loop", "reactor")),
       ("servers/models.def", ROW.replace("sequential", "iterative")),
       ("servers/models.def", ROW.replace("stream", "tcp")),
       ("servers/models.def", ROW.replace("1, 1 + clients,\n", "1,\n")),
       ("servers/models.def", ROW.replace("1 + clients", "1 + users")),
       ("servers/models.def", ROW.replace('"UNP 30.2; CS:APP 11.4"', '""')),
       ("servers/models.def", ROW.replace("iterative", "no_such_file")),
       ("servers/models.def", ROW + ROW)],
      [("servers/models.def", "// MODEL(name)\n" + ROW)])
def rows_use_the_words_of_the_catalogue(_, text):
    names = []
    for number, row in enumerate(rows_of(text), 1):
        if row["columns"] != len(COLUMNS):
            yield number, f"row {row['name']} has {row['columns']} columns"
            continue
        for axis, words in AXES.items():
            if row[axis] not in words:
                yield number, f"{row['name']}: {axis} '{row[axis]}' is none of {words}"
        if row["family"].replace(" ", "_") not in FAMILIES:
            yield number, f"{row['name']}: family '{row['family']}'"
        if not set(re.findall(r"\w+", row["transports"])) <= TRANSPORTS:
            yield number, f"{row['name']}: transports '{row['transports']}'"
        for column in ("processes", "threads"):
            if not set(re.findall(r"[a-z_]+", row[column])) <= {"clients", "workers",
                                                                  "min"}:
                yield number, f"{row['name']}: {column} '{row[column]}'"
        if not all(re.fullmatch(r'".{3,}"', row[c]) for c in ("calls", "source", "shows")):
            yield number, f"{row['name']}: no calls, no source, or nothing that it shows"
        if row["name"] in names or not is_file(f"servers/{row['name']}.cpp"):
            yield number, f"{row['name']}: twice, or without servers/{row['name']}.cpp"
        names.append(row["name"])


@rule(r"^servers/.*\.cpp$",
      [("servers/x.cpp", "void no_row_has_this(const Job& job) {}\n"),
       ("servers/select_loop.cpp", "void iterative(const Job& job) {}\n")],
      [("servers/iterative.cpp", "void iterative(const Job& job) {}\n"),
       ("servers/main.cpp", "int serve(const Options&) {}\n")])
def a_model_has_a_row_and_the_name_of_its_file(path, text):
    names = {row["name"] for row in model_rows()}
    for found in re.finditer(r"(?m)^void (\w+)\(const Job&(?: \w+)?\)", text):
        if found.group(1) not in names or pathlib.Path(path).stem != found.group(1):
            yield line_at(text, found.start()), f"{found.group(1)} has no row or file"


@rule(r"^servers/.*\.cpp$",
      [("servers/iterative.cpp", GOOD_CARD.replace("unheard_of", "epoll_level").replace(
          "x(const", "iterative(const"))],
      [("servers/x.cpp", GOOD_CARD)])
def the_next_of_a_card_is_the_next_row(path, text):
    names = [row["name"] for row in model_rows()]
    name = pathlib.Path(path).stem
    following = re.search(r"(?m)^// Next +(\w+)", text)
    if is_model(path, text) and name in names[:-1] and following:
        said, right = following.group(1), names[names.index(name) + 1]
        if said in names and said != right:
            yield line_at(text, following.start()), f"Next is {said}, the row is {right}"


@rule(r"^servers/.*\.cpp$",
      [("servers/iterative.cpp", GOOD_CARD.replace("x:", "iterative:").replace(
          "recvfrom, sendto", "recvfrom").replace("x(const", "iterative(const"))],
      [("servers/iterative.cpp", GOOD_CARD.replace("x(const", "iterative(const")),
       ("servers/x.cpp", GOOD_CARD)])
def the_calls_of_a_card_are_those_of_its_row(path, text):
    rows = {row["name"]: row for row in model_rows()}
    row = rows.get(pathlib.Path(path).stem)
    said = re.search(r"(?m)^// Calls +([^.;:]*(?:\n//  [^.;:]*)*)", text)
    if row and said and is_model(path, text):
        if re.findall(r"\w+", said.group(1)) != re.findall(r"\w+", row["calls"]):
            yield line_at(text, said.start()), f"the row's calls are {row['calls']}"


SESSION = "class ASession {\n  void f() { %s }\n};\n"
SOCKET_CALLS = ("recv|recvfrom|recvmsg|recvmmsg|send|sendto|sendmsg|sendmmsg|read|readv|"
                "write|writev|accept|accept4|connect|socket|poll|ppoll|select|pselect|"
                "epoll_wait|epoll_ctl|epoll_create1|close|shutdown|receive|transmit")


@rule(r"^common/[^/]*\.hpp$",
      [("common/a.hpp", SESSION % "::recv(fd, a, b, 0);"),
       ("common/a.hpp", SESSION % "return write(fd, a, b);"),
       ("common/a.hpp", SESSION % "if (poll(a, 1, 0)) g();"),
       ("common/a.hpp", SESSION % "receive(fd, room);"),
       ("common/a.hpp", "#include <sys/socket.h>\n" + SESSION % "g();"),
       ("common/a.hpp", '#include "common/drive.hpp"\n' + SESSION % "g();"),
       ("common/a.hpp", SESSION % "std::vector<int> grows;"),
       ("common/a.hpp", SESSION % "new int;"),
       ("common/a.hpp", SESSION % "auto t = steady_clock::now();")],
      [("common/a.hpp", "// recv() and select() it\n" + SESSION % "other.read(1);"),
       ("common/a.hpp", "struct NoProtocol { void f() { ::recv(fd, a, b, 0); } };\n")])
def a_protocol_knows_no_socket_no_heap_and_no_clock(_, text):
    code = code_of(text)
    if not re.search(r"\b(class|struct) \w*Session\b(?! *;)", code):
        return
    for name in SOCKET_CALLS.split("|"):
        for line, _ in calls(code, name):
            yield line, f"calls {name}()"
    for found in re.finditer(r"(?m)^#include (<(?:sys|netinet|arpa)/.*>|<poll.h>|"
                             r'<unistd.h>|"common/(?:drive|fd|listener|endpoint).hpp")',
                             text):
        yield line_at(text, found.start()), f"includes {found.group(1)}"
    for found in re.finditer(r"std::(vector|string|map|deque|list|function|shared_ptr|"
                             r"unique_ptr)\b|\bnew\b|\b\w+_clock::now", code):
        yield line_at(code, found.start()), f"uses {found.group()}"


@rule(r"^common/", [("common/a.cpp", "  ::epoll_wait(fd, a, b, 0);\n"),
                    ("common/a.hpp", "#include <sys/epoll.h>\n")],
      [("common/a.hpp", "/// wakes epoll_wait\n")])
def common_knows_no_epoll(_, text):
    for found in re.finditer(r"epoll", code_of(text)):
        yield line_at(text, found.start()), "epoll is a model's, or a client's"


@rule(r"^(servers|clients|common)/.*\.[ch]pp$",
      [("servers/a.cpp", "sockaddr_in name{};\n"),
       ("common/drive.hpp", "sockaddr_un a;")],
      [("common/endpoint.cpp", "sockaddr_in name{};\n"),
       ("common/listener.hpp", "sockaddr_un name{};\n"),
       ("servers/a.cpp", "// a sockaddr_in\n")])
def only_endpoint_and_listener_name_addresses(path, text):
    if re.match(r"common/(endpoint|listener)\.", path):
        return
    for found in re.finditer(r"\bsockaddr_\w+", code_of(text)):
        yield line_at(text, found.start()), f"names {found.group()}"


@rule(r"^(servers|clients|common|bench)/.*\.[ch]pp$",
      [("servers/a.cpp", "void f() { ::close(fd); }\n"),
       ("servers/a.cpp", "void f() { close(fd); }\n"),
       ("servers/a.cpp", "void f() {\n  if (x)\n    return close(fd);\n}\n"),
       ("common/listener.cpp", "int e = ::close(fd);\n")],
      [("common/fd.hpp", "void f() { ::close(fd); }\n"),
       ("servers/a.cpp", "void f() { queue.close(); other->close(); }\n"),
       ("clients/a.cpp", "void f() { close(x); }\nvoid A::close(X& x) {}\n"),
       ("clients/a.cpp", "void f() { close(x); }\nvoid A<B>::close(X& x) {}\n")])
def only_fd_closes(path, text):
    if path != "common/fd.hpp":
        for line, _ in calls(code_of(text), "close"):
            yield line, "close() is Fd's"


@rule(OURS, [("servers/a.cpp", "void f() { ::send(fd, a, b, 0); }\n"),
             ("servers/a.cpp", "auto n = sendmsg(fd, &message,\n    MSG_DONTWAIT);\n"),
             ("servers/a.cpp", "void f() { io_uring_prep_send(e, fd, a, b, 0); }\n")],
      [("servers/a.cpp", "auto n = ::send(fd, a, b,\n    flags | MSG_NOSIGNAL);\n")])
def every_send_has_msg_nosignal(_, text):
    code = code_of(text)
    for name in ("send", "sendto", "sendmsg", "sendmmsg", r"io_uring_prep_send\w*"):
        for line, arguments in calls(code, name):
            if "MSG_NOSIGNAL" not in arguments:
                yield line, "a send without MSG_NOSIGNAL"


CLOEXEC = ("socket|socketpair|accept4|open|openat|epoll_create1|eventfd|timerfd_create|"
           "signalfd|pipe2|inotify_init1|memfd_create|io_uring_prep_accept|"
           "io_uring_prep_multishot_accept|mkostemp")
NO_CLOEXEC = "accept|epoll_create|pipe|dup|creat|inotify_init|mkstemp|fopen"


@rule(OURS, [("common/a.cpp", "Fd f(::socket(AF_INET, SOCK_STREAM, 0));\n"),
             ("common/a.cpp", "Fd f(::open(path, O_RDONLY));\n"),
             ("common/a.cpp", "auto f = epoll_create1(0);\n"),
             ("common/a.cpp", "Fd f(::accept(fd, nullptr, nullptr));\n"),
             ("common/a.cpp", "Fd f(::accept4(fd, 0, 0,\n    SOCK_NONBLOCK));\n"),
             ("common/a.cpp", "int f = ::dup(0);\n"),
             ("common/a.cpp", "int f = ::fcntl(0, F_DUPFD, 3);\n")],
      [("common/a.cpp", "Fd f(::socket(AF_INET, SOCK_STREAM |\n    SOCK_CLOEXEC, 0));\n"),
       ("common/a.cpp", "Fd Listener::accept() {}\nauto c = listener.accept();\n"),
       ("common/a.cpp", "std::ifstream f; f.open(path);\n"),
       ("common/a.cpp", "int f = ::fcntl(0, F_DUPFD_CLOEXEC, 3);\n")])
def every_descriptor_is_closed_on_exec(_, text):
    code = code_of(text)
    for name in CLOEXEC.split("|"):
        for line, arguments in calls(code, name):
            if "CLOEXEC" not in arguments:
                yield line, f"{name}() without CLOEXEC"
    for name in NO_CLOEXEC.split("|"):
        for line, _ in calls(code, name):
            yield line, f"{name}() cannot close on exec"
    for found in re.finditer(r"\bF_DUPFD\b", code):
        yield line_at(code, found.start()), "F_DUPFD without CLOEXEC"


@rule(CPP, [("common/a.cpp", "using namespace std;\n"),
            ("common/a.cpp", "namespace a {\nusing namespace std::chrono;\n}\n"),
            ("common/a.hpp", "using namespace std::chrono_literals;\n")],
      [("common/a.cpp", "void f() {\n  using namespace std::chrono;\n}\n"),
       ("common/a.cpp", "using namespace std::chrono_literals;\n")])
def no_namespace_is_used_at_file_scope(path, text):
    """But for one of literals, in a source: it brings no name that could clash."""
    for found in re.finditer(r"(?m)^using namespace ([\w:]+)", code_of(text)):
        if path.endswith(".hpp") or not re.fullmatch(r"std::\w*literals", found.group(1)):
            yield line_at(text, found.start()), found.group()


@rule(CPP, [("common/a.cpp", "int a = rand();\n"), ("common/a.cpp", "std::srand(1);\n")],
      [("common/a.cpp", "int a = operand(1); random();\n")])
def nobody_calls_rand(_, text):
    for found in re.finditer(r"\bs?rand\s*\(", code_of(text)):
        yield line_at(text, found.start()), "rand() cannot be repeated: <random>"


LATER = "|".join(["TO" "DO", "FIX" "ME", "XX" "X"])


@rule(r"(\.(?:[ch]pp|def|py|sh|cmake|md|txt|in)|/[^./]+)$",
      [("common/a.cpp", "// " + word + ": later\n") for word in LATER.split("|")],
      [("common/a.cpp", 'mkdtemp("/tmp/XXXXXX");\n')])
def nothing_is_left_for_later(_, text):
    for found in re.finditer(rf"\b({LATER})\b", text):
        yield line_at(text, found.start()), found.group()


@rule(r"\.(?:[ch]pp|def)$",
      [("common/a.cpp", '#include "fd.hpp"\n'),
       ("common/a.cpp", '#include "../common/fd.hpp"\n'),
       ("common/a.cpp", '#include "common/no_such_file.hpp"\n'),
       ("common/a.cpp", "#include <common/fd.hpp>\n")],
      [("common/a.cpp", '#include "common/fd.hpp"\n#include "common/build.hpp"\n'),
       ("common/a.cpp", "#include <sys/socket.h>\n")])
def own_headers_are_included_from_the_root(_, text):
    for found in re.finditer(r'(?m)^#\s*include\s+(["<])([^">]+)', text):
        quote, header = found.groups()
        there = is_file(header) or is_file(header + ".in")
        if (quote == '"') != (there and "/" in header and ".." not in header):
            yield line_at(text, found.start()), f"include {header}"


@rule(CPP, [("common/a.hpp", "class ClientHandler {\n};\n"),
            ("common/a.hpp", "struct StringUtils {};\n"),
            ("common/a.hpp", "using TestContext = int;\n"),
            ("common/a.hpp", "enum class ManagerState { a };\n"),
            ("common/a.hpp", "template <class T>\nconcept SomeHelper = true;\n")],
      [("common/a.hpp", "boost::asio::io_context context;\n")])
def types_are_named_after_what_they_are(_, text):
    for found in re.finditer(r"\b(?:class|struct|enum|union|concept|using) +"
                             r"(\w*(?:Handler|Manager|Helper|Util|Context)\w*)",
                             code_of(text).replace("enum class", "enum")):
        yield line_at(text, found.start()), f"{found.group(1)} says nothing"


@rule(r"\.hpp$",
      [("common/a.hpp", "class A;\n"), ("common/a.hpp", "// An a.\nclass A;\n")],
      [("common/a.hpp", "// An a.\n#pragma once\n")])
def a_header_says_what_it_is_and_is_read_once(_, text):
    if not text.startswith("// "):
        yield 1, "no sentence at the top"
    if not re.search(r"(?m)^#pragma once$", text):
        yield 1, "no #pragma once"


@rule(r"(\.sh|/[^./]+|^\.ci/.*)$",
      [("scripts/a.sh", "#!/bin/bash\necho a\n"),
       ("scripts/run", "#!/usr/bin/env bash\n# Runs.\nset -e\nset -euo pipefail\n"),
       ("scripts/a.sh", "#!/bin/sh\n")],
      [("scripts/run", "#!/bin/bash\n# Runs.\n\nset -euo pipefail\n"),
       ("scripts/run", "#!/usr/bin/python3\nprint()\n")])
def shell_scripts_stop_at_the_first_error(path, text):
    shebang = re.match(r"#!.*\b(ba|da|z)?sh\b", text)
    if not shebang and not path.endswith(".sh"):
        return
    lines = [line for line in text.split("\n") if line and not line.startswith("#")]
    if not lines or lines[0] != "set -euo pipefail":
        yield 1, "the first command is not 'set -euo pipefail'"


@rule(r"", [("notes.txt", ""), ("src/a.cpp", ""), ("build/a", "")],
      [("common/a.cpp", ""), (".ci/run", ""), (".clang-format", ""), ("README.md", "")])
def the_top_level_has_no_new_rooms(path, _):
    top = path.split("/")[0]
    if top not in TOP_LEVEL and not top.startswith("."):
        yield 1, f"{top} does not belong to the top level"


# --- tests ------------------------------------------------------------------------------
class Rules(unittest.TestCase):
    """One test per rule for the tree, one that the rule can fail."""


def tree_test(where, check):
    def test(self):
        wrong = []
        looked_at = [path for path in tracked() if where.search(path)]
        for path in looked_at:
            try:
                text = read(path)
            except UnicodeDecodeError:
                continue
            wrong += [f"{path}:{line}: {what}" for line, what in check(path, text)]
        self.assertFalse(wrong, "\n" + "\n".join(wrong))
    return test


def self_test(where, check, bad, good):
    def test(self):
        self.assertTrue(bad, "a rule needs something that it rejects")
        for path, text in bad:
            with self.subTest(bad=text):
                self.assertRegex(path, where)
                self.assertTrue(list(check(path, text)))
        for path, text in good:
            with self.subTest(good=text):
                self.assertEqual(list(check(path, text)), [])
    return test


for NAME, (WHERE, CHECK, BAD, GOOD) in RULES.items():
    setattr(Rules, f"test_{NAME}", tree_test(WHERE, CHECK))
    setattr(Rules, f"test_the_rule_can_fail_{NAME}", self_test(WHERE, CHECK, BAD, GOOD))


class Tree(unittest.TestCase):
    def test_the_rules_see_the_tree(self):
        files = tracked()
        self.assertIn("servers/models.def", files)
        self.assertGreaterEqual(len(model_rows()), 6)
        models = [path for path in files
                  if path.startswith("servers/") and is_model(path, read(path))]
        self.assertEqual({pathlib.Path(path).stem for path in models} |
                         self.rows_without_tracked_file(files),
                         {row["name"] for row in model_rows()})

    @staticmethod
    def rows_without_tracked_file(files):
        return {row["name"] for row in model_rows()
                if f"servers/{row['name']}.cpp" not in files}


class Formatting(unittest.TestCase):
    """Debian 12's clang-format decides: versions differ in what they do."""

    def clang_format(self, *arguments, **options):
        program = shutil.which("clang-format-14") or shutil.which("clang-format")
        self.assertIsNotNone(program, "missing: apt install clang-format")
        return subprocess.run([program, "--dry-run", "-Werror", *arguments], cwd=ROOT,
                              capture_output=True, text=True, check=False, **options)

    def test_every_file_is_formatted(self):
        files = [path for path in tracked() if re.search(CPP, path)]
        done = self.clang_format(*files)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_rule_can_fail_every_file_is_formatted(self):
        done = self.clang_format("--assume-filename=common/a.cpp", input="int  a ;\n")
        self.assertNotEqual(done.returncode, 0)


class Headers(unittest.TestCase):
    def compile(self, header):
        """What the compiler says to a file that includes only `header`; "": nothing."""
        includes = [f"-I{path}" for path in OPTIONS.include]
        done = subprocess.run(
            [OPTIONS.compiler, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra",
             "-Wshadow", "-Wconversion", "-Werror", *includes, "-x", "c++", "-include",
             header, "/dev/null"], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stderr or ("" if done.returncode == 0 else "failed")

    def test_every_header_compiles_alone(self):
        self.assertTrue(OPTIONS.include, "give the include paths: --include DIR ...")
        headers = [path for path in tracked() if path.endswith(".hpp")]
        self.assertGreaterEqual(len(headers), 10)
        with concurrent.futures.ThreadPoolExecutor(max_workers=2) as jobs:
            for header, said in zip(headers, jobs.map(self.compile, headers)):
                with self.subTest(header=header):
                    self.assertEqual(said, "")

    def test_the_rule_can_fail_every_header_compiles_alone(self):
        self.assertIn("no_such_header", self.compile("common/no_such_header.hpp"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--include", action="append", default=[], metavar="DIR")
    parser.add_argument("--untracked", action="store_true")
    parser.add_argument("--compiler", default=OPTIONS.compiler)
    given, rest = parser.parse_known_args()
    given.include = [os.path.abspath(path) for path in given.include]
    vars(OPTIONS).update(vars(given))
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""What --help shows is in the completions, the manual page and the JSON, and nothing else.

    ECHOLAB_BIN=build/release tests/option_tree_test.py

The completions are tried in the shells themselves: in bash, and in zsh and fish where
they are installed. A key after TAB lets the shell write down its line, so that nothing
has to be guessed of what it draws.
"""

import json
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

BIN = pathlib.Path(os.environ.get("ECHOLAB_BIN", "build/release")).resolve()
PROGRAMS = ("echo_server", "echo_client", "echo_load", "echo_compare")
SHELLS = ("bash", "zsh", "fish")
BASH_COMPLETION = pathlib.Path("/usr/share/bash-completion/bash_completion")
PATIENCE = 60  # seconds, for a shell on a machine that is busy


def run(program, *arguments, **more):
    return subprocess.run([str(BIN / program), *arguments], capture_output=True, text=True,
                          timeout=PATIENCE, check=False, **more)


def shown(program, *arguments):
    """What it prints, when it ends well."""
    done = run(program, *arguments)
    if (done.returncode, done.stderr) != (0, ""):
        raise AssertionError(f"{program} {arguments}: {done.returncode} {done.stderr}")
    return done.stdout


def options_of_help(program):
    """All names, of --help."""
    names = set()
    for line in shown(program, "--help").split("\nExamples:")[0].split("\n"):
        found = re.match(r"  ((?:-\w,)?--[\w-]+)", line)
        if found:
            names.update(found.group(1).split(","))
    return names


def positionals_of_help(program):
    text = shown(program, "--help")
    part = re.search(r"\nPositionals:\n(.*?)\n\n", text, re.S)
    return set(re.findall(r"(?m)^  (\w+)", part.group(1))) if part else set()


def tree_of(program):
    return json.loads(shown(program, "--help-json"))


def rows_of(program):
    return {row["name"]: row for row in tree_of(program)["options"]}


def models():
    return [row["name"] for row in json.loads(shown("echo_server", "--list", "--json"))]


# --- what each rendering has ------------------------------------------------------------
def options_of_json(program):
    return {name for row in tree_of(program)["options"] if not row["positional"]
            for name in (row["name"], row["short"]) if name}


def options_of_man(program):
    """The bold names of the tags below OPTIONS."""
    part = shown(program, "--man").split("\n.SH OPTIONS\n")[1].split("\n.SH ")[0]
    return {name.replace("\\-", "-") for tag in re.findall(r"(?m)^\.TP\n(.*)", part)
            for name in re.findall(r"\\fB(.*?)\\fR", tag)}


def options_of_bash(program):
    """The words where an option is completed; a case of each that takes a value."""
    text = shown(program, "--completion", "bash")
    return set(re.search(r"if \[\[ \$word == -\* \]\]; then\n.*-W '(.*?)'", text)
               .group(1).split())


def options_of_zsh(program):
    return set(re.findall(r"(?m)^    '(?:\*|\(.*?\))?(--?[\w-]+)[=+]?\[",
                          shown(program, "--completion", "zsh")))


def options_of_fish(program):
    text = shown(program, "--completion", "fish")
    before = [line.split(" -d ")[0] for line in text.split("\n")]
    return {"-" + dashes + name for line in before
            for kind, name in re.findall(r" -([sl]) ([\w-]+)", line)
            for dashes in ["-" if kind == "l" else ""]}


class Renderings(unittest.TestCase):
    def test_each_has_the_options_that_help_shows_and_no_other(self):
        for program in PROGRAMS:
            expected = options_of_help(program)
            self.assertIn("--help-json", expected)
            for options_of in (options_of_json, options_of_man, options_of_bash,
                               options_of_zsh, options_of_fish):
                with self.subTest(program, rendering=options_of.__name__):
                    self.assertEqual(options_of(program), expected)

    def test_each_has_the_arguments(self):
        for program in PROGRAMS:
            expected = positionals_of_help(program)
            with self.subTest(program):
                rows = rows_of(program).values()
                self.assertEqual({row["name"] for row in rows if row["positional"]},
                                 expected)
                part = shown(program, "--man").split("\n.SH ARGUMENTS\n")[1:]
                tags = re.findall(r"(?m)^\.TP\n\\fI(\w+)", "".join(part).split(".SH ")[0])
                self.assertEqual(set(tags), expected)

    def test_they_go_first_whatever_else_is_wrong(self):
        for program in PROGRAMS:
            for rendering in (["--completion", "bash"], ["--man"], ["--help-json"]):
                with self.subTest(program, rendering=rendering):
                    done = run(program, "--config", "/is/not/there", *rendering,
                               env=os.environ | {"ECHOLAB_TIMEOUT": "nonsense"})
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertEqual(done.stdout, shown(program, *rendering))

    def test_none_is_a_setting(self):
        for program in PROGRAMS:
            printed = shown(program, "--print-config")
            for key in ("completion", "man", "help-json"):
                self.assertNotRegex(printed, rf"(?m)^(# )?{key} =")

    def test_another_shell_is_refused_by_name(self):
        done = run("echo_load", "--completion", "fisch")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertEqual(done.stderr, "echo_load: --completion: 'fisch' is none of bash, "
                                      "zsh, fish, did you mean 'fish'?\n")


class Json(unittest.TestCase):
    def test_says_what_a_value_is_from_where_to_where(self):
        row = rows_of("echo_load")["--duration"]
        self.assertEqual(row, {
            "name": "--duration", "short": "-d", "positional": False, "takes": "duration",
            "choices": [], "list": False, "least": "1ms", "most": "24h",
            "repeatable": False, "default": "10s", "variable": "ECHOLAB_DURATION",
            "needs": [], "refuses": [], "group": "Options",
            "help": "length of the measured window"})
        row = rows_of("echo_load")["--ready-fd"]
        self.assertEqual((row["takes"], row["least"], row["most"], row["needs"]),
                         ("int", "0", "1048576", ["--null-responder"]))
        row = rows_of("echo_load")["--null-responder"]
        self.assertEqual((row["takes"], row["refuses"]), (None, ["--calibrate"]))
        self.assertTrue(rows_of("echo_load")["--merge"]["repeatable"])
        self.assertIsNone(rows_of("echo_load")["--config"]["default"])

    def test_every_choice_is_one_and_nothing_else_is(self):
        """The program takes each choice, up to what it then misses; and no other word."""
        for program in PROGRAMS:
            for row in tree_of(program)["options"]:
                if not row["choices"] or row["positional"] or row["name"] == "--completion":
                    continue
                with self.subTest(program, option=row["name"]):
                    done = run(program, row["name"], row["choices"][0], "--print-config")
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(rows_of("echo_server")["--model"]["choices"], models())
        self.assertEqual(rows_of("echo_server")["--explain"]["choices"], models())
        for word in rows_of("echo_compare")["--models"]["choices"]:
            done = run("echo_compare", "--models", word, "--dry-run")
            self.assertNotIn("is no model or family", done.stderr)
        self.assertLessEqual({"all", "classic", "readiness", *models()},
                             set(rows_of("echo_compare")["--models"]["choices"]))
        experiments = re.findall(r"(?m)^(\w+)", shown("echo_compare", "--list-experiments"))
        self.assertEqual(rows_of("echo_compare")["experiment"]["choices"], experiments)

    def test_every_default_is_the_one_of_help(self):
        for program in PROGRAMS:
            text = shown(program, "--help")
            for name, row in rows_of(program).items():
                if row["default"]:
                    self.assertRegex(text, rf"(?m)^  (-\w,)?{name}( [A-Z]+)?="
                                           rf"{re.escape(row['default'])}\s")

    def test_every_variable_is_taken(self):
        for program in PROGRAMS:
            for name, row in rows_of(program).items():
                if row["variable"]:
                    value = row["default"] or row["least"] or "1"
                    value = value if row["takes"] else "true"
                    done = run(program, "--print-config", *row["needs"],
                               env=os.environ | {row["variable"]: value})
                    key = re.escape(name.removeprefix("--"))
                    # A comparison is planned first, and one that cannot be is refused.
                    self.assertRegex(done.stdout + done.stderr,
                                     rf"(?m)^{key} = |^echo_compare: --{key}\b")

    def test_every_option_of_a_comparison_stands_with_those_of_its_purpose(self):
        """A new one has to be put into its group: bench/option_groups.cpp."""
        rows = rows_of("echo_compare").values()
        self.assertEqual([row["name"] for row in rows if row["group"] == "Options"
                          and not row["positional"]], ["--help"])
        heads = re.findall(r"(?m)^([A-Z][\w ]+):\n  ", shown("echo_compare", "--help"))
        self.assertEqual(heads, [
            "Positionals", "Options", "What is compared", "The load", "Statistics",
            "The machine", "Output", "Of every program", "Examples"])

    def test_the_presets_are_told_and_are_so(self):
        rows, notes = rows_of("echo_compare"), tree_of("echo_compare")["notes"]
        for name in ("--rounds", "--repeats", "--duration", "--warm-up"):
            self.assertIsNone(rows[name]["default"])
            self.assertIn("of the preset", rows[name]["help"])
        for preset in rows["--preset"]["choices"]:
            (note,) = [line for line in notes if line.startswith(f"  {preset} ")]
            found = re.search(r"(\d+) rounds? of (\d+)(m?s) after (\d+m?s)", note)
            printed = shown("echo_compare", "--preset", preset, "--print-config")
            self.assertIn(f'\n# warm-up = "{found[4]}"\n', printed)
            plan = shown("echo_compare", "--preset", preset, "--dry-run")
            self.assertIn(f"x {found[1]} rounds = ", plan)
            self.assertRegex(plan, rf"trials of {found[2]}(\.0+)? {found[3]}, about")
            self.assertEqual("--aa" in note, "null responder" in plan)
            self.assertEqual(re.findall("once|twice", note),
                             re.findall("at the end of its round, (once|twice)", plan))

    def test_has_the_exit_codes_and_the_examples(self):
        tree = tree_of("echo_load")
        codes = {row["code"]: row["means"] for row in tree["exit_codes"]}
        self.assertEqual(sorted(codes), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 69, 77, 130])
        self.assertEqual((codes[0], codes[9], codes[130]),
                         ("ok", "threshold missed", "interrupted"))
        self.assertEqual(tree["examples"][0], {
            "command": "echo_load tcp://127.0.0.1:7007",
            "purpose": "16 connections for 10 s"})
        for program in PROGRAMS:
            for example in tree_of(program)["examples"]:
                self.assertIn(program, example["command"])


class ManPage(unittest.TestCase):
    def formatted(self, program):
        """As a terminal of 80 columns shows it; nothing to warn of."""
        done = subprocess.run(
            ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-"],
            input=shown(program, "--man"), capture_output=True, text=True, check=False,
            timeout=PATIENCE, env=os.environ | {
                "MANWIDTH": "80", "GROFF_NO_SGR": "1", "LC_ALL": "C.UTF-8"})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return re.sub(".\b", "", done.stdout)

    def test_has_no_warning_and_fits_80_columns(self):
        for program in PROGRAMS:
            with self.subTest(program):
                for line in self.formatted(program).split("\n"):
                    self.assertLessEqual(len(line), 80, line)

    def test_has_its_sections_in_order(self):
        for program in PROGRAMS:
            sections = re.findall(r"(?m)^([A-Z][A-Z ]+)$", self.formatted(program))
            usual = ["NAME", "SYNOPSIS", "DESCRIPTION", "ARGUMENTS", "OPTIONS", "EXAMPLES",
                     "NOTES", "EXIT STATUS", "ENVIRONMENT", "FILES", "SEE ALSO"]
            if not positionals_of_help(program):
                usual.remove("ARGUMENTS")
            self.assertEqual(sections, usual, program)

    def test_shows_what_can_be_copied(self):
        text = self.formatted("echo_load")
        self.assertIn("       -d, --duration duration\n"
                      "              length of the measured window. From 1ms to 24h. "
                      "Default: 10s.\n", text)
        self.assertIn("       echo_load -c 100 --search 'p99<2ms'\n", text)
        self.assertIn("\n       half-close    says n=1 requests", text)
        self.assertRegex(text, r"\n       ECHOLAB_WARM_UP +--warm-up\n")
        self.assertIn("\n       2    usage\n", text)
        self.assertIn("\n       130  interrupted\n", text)
        self.assertIn("\n   Of every program\n       --version\n", text)
        self.assertIn("'READY endpoint=… pid=…", text)
        self.assertIn("echo_client(1), echo_compare(1), echo_server(1)", text)

    def test_is_whole(self):
        """Every word of --help's texts is there: no request has swallowed a line."""
        for program in PROGRAMS:
            words = self.formatted(program).split()
            for row in tree_of(program)["options"]:
                for word in row["help"].split():
                    self.assertTrue(word in words or word + "." in words, word)
            for note in tree_of(program)["notes"]:
                self.assertLessEqual(set(note.split()), set(words))


# --- shells -----------------------------------------------------------------------------
class Shells(unittest.TestCase):
    """In a folder with files, and a folder."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="echolab-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.work = self.folder / "work"
        self.work.mkdir()
        (self.work / "moments.txt").touch()
        (self.work / "my file.txt").touch()
        (self.work / "mountain").mkdir()
        self.environment = {
            name: value for name, value in os.environ.items()
            if name in ("PATH", "LD_LIBRARY_PATH")} | {
            "HOME": str(self.folder), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        self.environment["PATH"] = f"{BIN}:{self.environment['PATH']}"

    def scripts(self, shell):
        for program in PROGRAMS:
            path = self.folder / f"{program}.{shell}"
            path.write_text(shown(program, "--completion", shell))
            yield path

    def needs(self, shell):
        if not shutil.which(shell):
            self.skipTest(f"{shell} is not installed: its completion is not tried")

    def line_after(self, command, keys):
        """The line that the shell on a terminal has when it was sent `keys`. The last of
        them makes it write $LINE."""
        said = self.folder / "line"
        said.unlink(missing_ok=True)
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.work)
            os.execvpe(command[0], command, self.environment | {"SAID": str(said)})
        reader = threading.Thread(target=drain, args=(terminal,), daemon=True)
        reader.start()  # or the shell would wait for somebody to read what it draws
        try:
            os.write(terminal, keys.encode())
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                if said.exists() and said.read_text().endswith("\n"):
                    return said.read_text()[:-1]
                time.sleep(0.01)
            raise AssertionError(f"{command[0]} said nothing after {keys!r}")
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            reader.join(PATIENCE)
            os.close(terminal)

    # What is typed before TAB, and the line after it.
    COMPLETED = [
        ("echo_load --dur", "echo_load --duration "),
        ("echo_load --connections mom", "echo_load --connections mom"),
        ("echo_load mom", "echo_load mom"),
        ("echo_load --protocol=w", "echo_load --protocol=work "),
        ("echo_load -q --protocol w", "echo_load -q --protocol work "),
        ("echo_load --replay mom", "echo_load --replay moments.txt "),
        ("echo_load --replay=mom", "echo_load --replay=moments.txt "),
        ("echo_load --replay my", r"echo_load --replay my\ file.txt "),
        ("echo_load --merge a.json mom", "echo_load --merge a.json moments.txt "),
        ("echo_compare --results m", "echo_compare --results mountain/"),
        ("echo_compare id", "echo_compare idle_crowd "),
        ("echo_compare --tune id", "echo_compare --tune idle_crowd "),
        ("echo_compare churn id", "echo_compare churn id"),
        ("echo_compare -m epoll_level,classi", "echo_compare -m epoll_level,classic"),
        ("echo_server -m iter", "echo_server -m iterative "),
        ("echo_server --completion f", "echo_server --completion fish "),
        ("echo_client --help-", "echo_client --help-json "),
    ]


def drain(terminal):
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:  # the shell is gone
        pass


class Bash(Shells):
    ALL = "\033*"  # insert-completions
    SAY = "\007"

    def shell(self, first=""):
        rc = self.folder / "bashrc"
        rc.write_text(
            "bind 'set bell-style none'\n"
            "bind -x '\"\\C-g\": printf \"%s\\n\" \"$READLINE_LINE\" >\"$SAID\"'\n" +
            first + "".join(f"source {script}\n" for script in self.scripts("bash")))
        return ["bash", "--noprofile", "--rcfile", str(rc), "-i"]

    def check_all(self, command):
        for typed, expected in self.COMPLETED:
            with self.subTest(typed):
                self.assertEqual(self.line_after(command, typed + "\t" + self.SAY),
                                 expected)
        line = self.line_after(command, "echo_server --model epo" + self.ALL + self.SAY)
        self.assertEqual(line.split()[2:],
                         sorted(name for name in models() if name.startswith("epo")))

    def test_completes_alone(self):
        self.check_all(self.shell())

    def test_completes_under_nounset(self):
        shell = self.shell("set -u\n")
        for typed, expected in [("echo_load --dur", "echo_load --duration "),
                                ("echo_compare -m all,amp", "echo_compare -m all,amped"),
                                ("echo_compare -m amp", "echo_compare -m amped")]:
            self.assertEqual(self.line_after(shell, typed + "\t" + self.SAY), expected)

    def test_completes_beside_bash_completion(self):
        if not BASH_COMPLETION.exists():
            self.skipTest("bash-completion is not installed: not tried beside it")
        self.check_all(self.shell(f"source {BASH_COMPLETION}\n"))

    def test_the_script_is_sourced_without_a_word(self):
        for script in self.scripts("bash"):
            done = subprocess.run(["bash", "--norc", "-euc", f"source {script}"],
                                  capture_output=True, text=True, check=False,
                                  env=self.environment, timeout=PATIENCE)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))


class Zsh(Shells):
    END = " =,"  # what it takes back when the word ends there
    ALL = "\x01"  # ^A
    SAY = "\007"

    def setUp(self):
        super().setUp()
        self.needs("zsh")

    def shell(self):
        (self.folder / ".zshrc").write_text(
            "PS1='$ '\nautoload -Uz compinit\ncompinit -u -D\n"
            "zstyle ':completion:all-matches:*' completer _all_matches _complete\n"
            "zstyle ':completion:all-matches:*' insert true\n"
            "zle -C all-matches complete-word _generic\nbindkey '^A' all-matches\n"
            "say() { print -r -- \"$BUFFER\" >\"$SAID\" }\nzle -N say\nbindkey '^G' say\n"
            "setopt no_beep\n" +
            "".join(f"source {script}\n" for script in self.scripts("zsh")))
        return ["zsh", "-i"]

    def test_completes(self):
        command = self.shell()
        for typed, expected in self.COMPLETED:
            with self.subTest(typed):
                line = self.line_after(command, typed + "\t" + self.SAY)
                self.assertEqual(line.rstrip(self.END), expected.rstrip())
        line = self.line_after(command, "echo_server --model epo" + self.ALL + self.SAY)
        self.assertEqual(sorted(line.split()[2:]),
                         sorted(name for name in models() if name.startswith("epo")))

    def test_completes_as_a_function_of_fpath(self):
        for program in PROGRAMS:
            (self.work / f"_{program}").write_text(shown(program, "--completion", "zsh"))
        command = self.shell()
        rc = self.folder / ".zshrc"
        lines = [line for line in rc.read_text().split("\n") if "source " not in line]
        rc.write_text(f"fpath=({self.work} $fpath)\n" + "\n".join(lines))
        line = self.line_after(command, "echo_load --dur\t" + self.SAY)
        self.assertEqual(line.rstrip(self.END), "echo_load --duration")


class Fish(Shells):
    def setUp(self):
        super().setUp()
        self.needs("fish")

    def candidates(self, typed):
        sources = "".join(f"source {script}; " for script in self.scripts("fish"))
        done = subprocess.run(
            ["fish", "--no-config", "-c", sources + 'complete -C "$LINE"'],
            env=self.environment | {"LINE": typed}, cwd=self.work, capture_output=True,
            text=True, timeout=PATIENCE, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return [line.split("\t")[0] for line in done.stdout.split("\n") if line]

    def test_completes(self):
        for typed, expected in self.COMPLETED:
            with self.subTest(typed):
                word = expected.split(" ", typed.count(" "))[-1].strip()
                wanted = [word.replace("\\", "")] if expected != typed else []
                found = [name for name in self.candidates(typed)]
                self.assertEqual([name.replace("\\", "") for name in found], wanted)
        self.assertEqual(sorted(self.candidates("echo_server --model epo")),
                         sorted(name for name in models() if name.startswith("epo")))


if __name__ == "__main__":
    unittest.main()

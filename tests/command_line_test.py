#!/usr/bin/python3
"""Whatever people type, they get one line that names it, and an exit code that fits.

    ECHOLAB_BIN=build/release tests/command_line_test.py

Other people's clients are people too: nc and socat talk to every model.
"""

import fcntl
import json
import os
import pathlib
import pty
import re
import shutil
import socket
import stat
import struct
import subprocess
import tempfile
import termios
import threading
import time
import unittest

import schemas
from wrong_command_lines import (FAILURE, OPTIONS, PROGRAMS, SERVE, UNREACHABLE, USAGE,
                                 WRONG)

BIN = pathlib.Path(os.environ.get("ECHOLAB_BIN", "build/release")).resolve()
NOBODY = 65534
PATIENCE = 30  # seconds that nothing here takes, but for a program that hangs


def path_of(program):
    return str(BIN / program)


def run(program, *arguments, before=(), folder=None, **options):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    if "input" not in options:
        options["stdin"] = subprocess.DEVNULL
    return subprocess.run([*before, path_of(program), *arguments], cwd=folder, text=True,
                          timeout=PATIENCE, check=False, **options)


def on_a_terminal(columns, program, *arguments, **environment):
    """What it shows on a terminal of that many columns."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    with subprocess.Popen([path_of(program), *arguments], stdin=subprocess.DEVNULL,
                          stdout=its, stderr=its,
                          env=os.environ | {"TERM": "xterm"} | environment):
        os.close(its)
        shown = b""
        try:
            while more := os.read(ours, 65536):
                shown += more
        except OSError:  # EIO: the other side is closed
            pass
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


def without_colour(text):
    return re.sub(r"\033\[\d*m", "", text)


def models():
    """The models that serve streams, and are available here."""
    return [model for model in json.loads(run("echo_server", "--list", "--json").stdout)
            if "stream" in model["transports"] and model["available"]]


class Server:
    """An echo_server that is ready; stopped, in order, at the end of the `with`."""

    def __init__(self, model, listen, *flags):
        reader, writer = os.pipe()
        self.process = subprocess.Popen(
            [path_of("echo_server"), "--model", model, "--listen", listen, "--ready-fd",
             str(writer), *flags], pass_fds=[writer], stderr=subprocess.PIPE, text=True)
        os.close(writer)
        with os.fdopen(reader) as ready:
            self.ready = ready.readline()
        self.endpoint = dict(re.findall(r"(\w+)=(\S+)", self.ready)).get("endpoint", "")
        self.port = self.endpoint.rpartition(":")[2]
        self.path = self.endpoint.removeprefix("unix://")

    def stop(self):
        """(exit code, seconds that it took, what it said on stderr)"""
        start = time.monotonic()
        self.process.terminate()
        try:
            said = self.process.communicate(timeout=PATIENCE)[1]
        except subprocess.TimeoutExpired:
            self.process.kill()
            said = self.process.communicate()[1]
        return self.process.returncode, time.monotonic() - start, said

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()
        self.process.stderr.close()


class CommandLine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        missing = [program for program in PROGRAMS if not (BIN / program).is_file()]
        if missing:
            raise AssertionError(f"not built in {BIN} (ECHOLAB_BIN): {missing}")

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="echolab-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def assert_one_line(self, done, program, code, names):
        """It ended with `code` and exactly one line on stderr that has all `names`."""
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout or "", "")
        self.assertRegex(done.stderr, rf"\A{program}: [^\n]+\n\Z")
        for name in names:
            self.assertIn(name, done.stderr)
        self.assertLess(len(done.stderr), 400, "who reads that?")


class WrongCommands(CommandLine):
    def test_each_is_one_line_that_names_it_and_its_exit_code(self):
        for program, arguments, code, names in WRONG:
            with self.subTest(program, arguments=arguments):
                done = run(program, *arguments, folder=self.folder)
                self.assert_one_line(done, program, code, names)

    def test_a_number_that_is_none_is_named_with_its_option(self):
        for program, options in OPTIONS.items():
            for option, (nonsense, too_far) in options.items():
                for given in nonsense + too_far:
                    with self.subTest(program, option=option, given=given):
                        done = run(program, f"{option}={given}", folder=self.folder)
                        self.assert_one_line(done, program, USAGE, [option, given])

    def test_every_option_with_a_unit_is_in_the_table(self):
        """An option of --help that shows a default number is one that takes a number."""
        for program in PROGRAMS:
            shown = re.findall(r"(--[a-z-]+)=[0-9]", run(program, "--help").stdout)
            self.assertEqual(set(shown) - set(OPTIONS[program]) - {"--clients"}, set())

    def test_a_port_in_use_is_named_with_its_endpoint(self):
        with Server("iterative", "tcp://127.0.0.1:0") as first:
            done = run("echo_server", *SERVE, first.endpoint)
            self.assert_one_line(done, "echo_server", FAILURE,
                                 [first.endpoint, "another server has it"])

    def test_a_unix_path_in_use_is_named_and_stays(self):
        with Server("iterative", f"unix://{self.folder}/s") as first:
            done = run("echo_server", *SERVE, first.endpoint)
            self.assert_one_line(done, "echo_server", FAILURE,
                                 [first.endpoint, "another server has it"])
            self.assertTrue(stat.S_ISSOCK(os.stat(first.path).st_mode))

    def test_a_ready_fd_that_is_closed_is_named(self):
        for number in (3, 4, 5, 99, 1000):
            with self.subTest(number=number):
                done = run("echo_server", *SERVE, "tcp://127.0.0.1:0", "--ready-fd",
                           str(number))
                self.assert_one_line(done, "echo_server", USAGE,
                                     ["--ready-fd", str(number)])

    def test_output_that_cannot_be_written_is_a_failure(self):
        for program, arguments in [*[(program, ["--help"]) for program in PROGRAMS],
                                   ("echo_server", ["--list"]),
                                   ("echo_server", ["--list", "--json"])]:
            with self.subTest(program, arguments=arguments), \
                 open("/dev/full", "w", encoding="utf-8") as full:
                done = run(program, *arguments, stdout=full)
                self.assert_one_line(done, program, FAILURE, ["stdout", "No space left"])


class ConfigFile(CommandLine):
    """--config with a file, the environment before it and flags before both."""

    def setUp(self):
        super().setUp()
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith("ECHOLAB_")}

    def file(self, content, name="echolab.toml"):
        path = pathlib.Path(self.folder, name)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def run_with(self, program, *arguments, **variables):
        return run(program, *arguments, env=self.environment | variables,
                   folder=self.folder)

    def set_by(self, program, *arguments, **variables):
        """What --print-config shows as given, but for the seed that echo_compare draws."""
        done = self.run_with(program, *arguments, "--print-config", **variables)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return [line for line in done.stdout.split("\n") if line and line[0] != "#"
                and (program != "echo_compare" or not line.startswith("seed = "))]

    def test_a_load_runs_by_it_and_a_flag_comes_before_it(self):
        with Server("epoll_level", "tcp://127.0.0.1:0") as server:
            path = self.file(f"server = '{server.endpoint}'\nrequests = 40\n"
                             "connections = 4\nwarm_up = '0'\njson = true\n")
            done = self.run_with("echo_load", "--config", path, "-q", "-c", "2",
                                 ECHOLAB_SIZE="100")
            plan = json.loads(done.stdout)["plan"]
            self.assertEqual((plan["connections"], plan["requests"],
                              plan["payload_bytes"]), (2, 40, 100))

    def test_a_server_starts_by_it(self):
        path = self.file('{"model": "iterative", "listen": "unix://%s/s"}' % self.folder,
                         "server.json")
        with subprocess.Popen([path_of("echo_server"), "--config", path],
                              stderr=subprocess.PIPE, text=True,
                              env=self.environment) as server:
            said = server.stderr.readline()
            server.terminate()
            self.assertEqual(server.wait(PATIENCE), 0)
        self.assertIn(f"iterative serves unix://{self.folder}/s", said)

    def test_flag_before_variable_before_file_in_every_program(self):
        for program, key, values in [("echo_load", "timeout", ("1s", "2s", "3s")),
                                     ("echo_client", "timeout", ("1s", "2s", "3s")),
                                     ("echo_server", "max-work", ("1s", "2s", "3s")),
                                     ("echo_compare", "warm-up", ("1s", "2s", "3s"))]:
            flag, variable, given = values
            name = "ECHOLAB_" + key.upper().replace("-", "_")
            config = ["--config", self.file(f"{key} = '{given}'")]
            for arguments, environment, value in [
                    (config, {}, given), (config, {name: variable}, variable),
                    ([*config, f"--{key}", flag], {name: variable}, flag)]:
                with self.subTest(program, value=value):
                    self.assertEqual(self.set_by(program, *arguments, **environment),
                                     [f'{key} = "{value}"'])

    def test_what_is_printed_is_the_same_plan(self):
        given = ["--models", "iterative,fork_per_client", "--clients", "1,2", "--seed", "5",
                 "--server", "mine=./mine {port}", "--server", "its=./its {port}",
                 "--protocol", "work", "--block", "2ms", "-r", "3", "--no-aa",
                 "--no-ceiling"]
        printed = self.run_with("echo_compare", *given, "--print-config")
        path = self.file(printed.stdout)
        again = self.run_with("echo_compare", "--config", path, "--print-config")
        self.assertEqual(again.stdout, printed.stdout)
        plans = [self.run_with("echo_compare", *arguments, "--dry-run")
                 for arguments in (given, ["--config", path])]
        self.assertEqual(plans[0].returncode, 0, plans[0].stderr)
        self.assertIn("4 servers x 2 loads x 3 rounds", plans[0].stdout)
        self.assertEqual(plans[0].stdout, plans[1].stdout)

    def test_what_is_printed_of_a_comparison_is_what_holds_and_its_seed(self):
        """What preset, experiment and machine fill in stands there as the default."""
        for given, holds in [
                ([], {"rounds": "9", "repeats": "1", "duration": '"300ms"',
                      "warm-up": '"150ms"', "at": '"1,16,256"', "baseline":
                      '"epoll_level"', "aa": "true", "ceiling": "true", "budget":
                      '"4min"'}),
                (["churn", "--preset", "standard", "--no-aa"],
                 {"rounds": "9", "repeats": "2", "duration": '"1s"', "at": '"1,10,100"',
                  "clients": "16", "aa": "false", "ceiling": "true"}),
                (["--preset", "smoke", "--precision", "5%", "--at", "7"],
                 {"rounds": "50", "duration": '"200ms"', "aa": "false"}),
                (["payload", "-b", "1h"], {"clients": "16", "budget": None})]:
            with self.subTest(given):
                printed = self.run_with("echo_compare", *given, "--print-config").stdout
                shown = dict(re.findall(r"(?m)^# ([\w-]+) = (.*)$", printed))
                self.assertEqual({key: shown.get(key) for key in holds}, holds)
                seed = re.search(r"(?m)^seed = (\d+)$", printed)[1]
                path = self.file(printed)
                plans = [self.run_with("echo_compare", *arguments, "--dry-run").stdout
                         for arguments in ([*given, "--seed", seed], ["--config", path])]
                self.assertEqual(plans[0], plans[1])
                self.assertIn(f"order from seed {seed}\n", plans[0])
                again = self.run_with("echo_compare", "--config", path, "--print-config")
                self.assertEqual(again.stdout, printed)

    def test_a_comparison_that_cannot_be_is_not_printed(self):
        done = self.run_with("echo_compare", "--models", "epol_level", "--print-config")
        self.assert_one_line(done, "echo_compare", USAGE, ["'epol_level'"])

    def test_what_is_printed_of_defaults_changes_nothing(self):
        """--requests makes the window longer unless --duration was given."""
        with Server("epoll_level", "tcp://127.0.0.1:0") as server:
            plans = []
            given = ["-q", "-n", "10", "-w", "0", "--json", server.endpoint]
            path = self.file(self.run_with("echo_load", *given, "--print-config").stdout)
            for arguments in (given, ["--config", path]):
                done = self.run_with("echo_load", *arguments)
                plans.append(json.loads(done.stdout)["plan"])
            self.assertEqual(plans[0], plans[1])

    def test_what_is_wrong_is_one_line_with_file_line_and_key(self):
        for content, name, names in [
                ("\nconections = 5", "a.toml", [":2: ", "'conections'", "'connections'"]),
                ("\n\nconnections = 'x'", "a.toml", [":3: connections: 'x'", "count"]),
                ("connections = true", "a.toml", [":1: connections: true"]),
                ("{\n\"json\": 1}", "a.json", [":2: json: '1'", "true or false"]),
                ("{\n\"json\": true\n", "a.json", [":2: "]),
                ("", "a.json", [":1: "]),
                (b"size = 5\nserver = '\xff'", "a.toml", [":2: "]),
                (b"{\n\"server\": '\xff'", "a.json", [":2: "]),
                (b"size = 5\0\n", "a.toml", [":1: "]),
                (os.urandom(1000).replace(b"\n", b"?"), "a.toml", [":1: "]),
                ("# more\n" * 2_000_000, "a.toml", ["1 MiB"])]:
            with self.subTest(names=names):
                path = self.file(content, name)
                done = self.run_with("echo_load", "--config", path)
                self.assert_one_line(done, "echo_load", USAGE, [path, *names])

    def test_a_file_that_cannot_be_read_is_named(self):
        for path, why in [(f"{self.folder}/none.toml", "No such file"),
                          (self.folder, "Is a directory"), ("", "No such file")]:
            with self.subTest(path=path):
                done = self.run_with("echo_load", "--config", path)
                self.assert_one_line(done, "echo_load", USAGE,
                                     ["--config", f"'{path}'", why])

    def test_an_empty_file_and_a_pipe_are_files(self):
        self.assertEqual(self.set_by("echo_load", "--config", self.file("")), [])
        done = run("echo_load", "--config", "/dev/stdin", "--print-config",
                   input='{"size": 5}', env=self.environment)
        self.assertIn("\nsize = 5\n", done.stdout)

    def test_a_wrong_variable_is_named(self):
        done = self.run_with("echo_load", ECHOLAB_CONNECTIONS="5x", ECHOLAB_BIN="x")
        self.assert_one_line(done, "echo_load", USAGE, ["ECHOLAB_CONNECTIONS", "'5x'"])


class WithoutPermission(CommandLine):
    """As a user who may not: nobody, when the tests run as root."""

    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)
        self.program = shutil.copy(path_of("echo_server"), self.folder)
        self.as_nobody = []
        if os.geteuid() == 0:
            self.assertIsNotNone(shutil.which("setpriv"),
                                 "missing: apt install util-linux")
            self.as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
                              "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]

    def serve(self, endpoint):
        return subprocess.run([*self.as_nobody, self.program, *SERVE, endpoint],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE, check=False)

    def test_a_privileged_port_is_named(self):
        start = pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()
        if int(start) <= 1:
            self.skipTest(f"every port is free for all here: {start}")
        self.assert_one_line(self.serve("tcp://127.0.0.1:1"), "echo_server", FAILURE,
                             ["tcp://127.0.0.1:1", "no permission", "1024"])

    def test_a_folder_that_is_not_ours_is_named(self):
        closed = os.path.join(self.folder, "closed")
        os.mkdir(closed, 0o555 if os.geteuid() else 0o755)
        self.assert_one_line(self.serve(f"unix://{closed}/s"), "echo_server", FAILURE,
                             [f"unix://{closed}/s", "no permission", "another folder"])


class Help(CommandLine):
    def test_help_and_version_go_to_stdout_and_end_well(self):
        for program in PROGRAMS:
            for option in ("--help", "-h", "--version"):
                with self.subTest(program, option=option):
                    done = run(program, option)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertTrue(done.stdout)

    def test_help_shows_an_example_and_the_exit_codes(self):
        for program in PROGRAMS:
            shown = run(program, "--help").stdout
            self.assertIn(f"\n  {program} ", shown)
            self.assertIn("Exit codes: 0 ok, 1 failure, 2 usage, 3 ", shown)

    def test_version_says_how_it_was_built(self):
        said = {run(program, "--version").stdout for program in PROGRAMS}
        self.assertEqual(len(said), 1, "all programs are of one build")
        self.assertRegex(said.pop(), r"\Aecholab \d+\.\d+\.\d+ \(.+, .+\)\n\Z")

    def test_version_says_of_which_commit_where_there_is_one(self):
        top = pathlib.Path(__file__).resolve().parent.parent
        if not (top / ".git").exists() or not shutil.which("git"):
            self.skipTest("the sources came without their history")
        self.assertRegex(run("echo_server", "--version").stdout,
                         r", commit [0-9a-f]{12}(, dirty)?\)\n\Z")

    def test_help_is_not_wider_than_a_wide_terminal(self):
        for program in PROGRAMS:
            for line in run(program, "--help").stdout.split("\n"):
                self.assertLessEqual(len(line), 110, f"{program}: {line}")


class List(CommandLine):
    def test_as_text_names_every_model(self):
        shown = run("echo_server", "--list")
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        for model in models():
            self.assertRegex(shown.stdout, rf"(?m)^  {model['name']} ")

    def test_as_json_has_axes_census_and_source_of_every_row(self):
        listed = json.loads(run("echo_server", "--list", "--json").stdout)
        text = (pathlib.Path(__file__).parent.parent / "servers/models.def").read_text()
        rows = re.findall(r"(?m)^MODEL\((\w+)", text)
        self.assertEqual([model["name"] for model in listed], rows)
        for model in listed:
            with self.subTest(model["name"]):
                self.assertEqual(set(model["axes"]), {"accepts", "unit", "readiness",
                                                      "dispatch", "computes", "growth"})
                self.assertTrue(all(model["axes"].values()))
                self.assertEqual(set(model["census"]), {"processes", "threads"})
                for key in ("family", "transports", "source", "shows"):
                    self.assertTrue(model[key])
                self.assertIs(type(model["available"]), bool)
                self.assertEqual(model["available"],
                                 model["unavailable_because"] is None)
                self.assertGreaterEqual(model["default_workers"], 1)


    def test_as_text_has_each_family_once_and_says_how_many_there_are(self):
        shown = run("echo_server", "--list").stdout
        listed = json.loads(run("echo_server", "--list", "--json").stdout)
        families = list(dict.fromkeys(m["family"].replace("_", " ") for m in listed))
        self.assertEqual(re.findall(r"(?m)^([a-z].*)$", shown), families)
        self.assertIn(f"{len(listed)} models, {sum(m['available'] for m in listed)} "
                      "available here", shown)
        for model in listed:
            if not model["available"]:
                self.assertIn(model["unavailable_because"], " ".join(shown.split()))

    def test_as_text_fits_the_terminal_and_loses_no_word(self):
        listed = json.loads(run("echo_server", "--list", "--json").stdout)
        for columns in (80, 100, 120, 200):
            with self.subTest(columns=columns):
                shown = without_colour(on_a_terminal(columns, "echo_server", "--list"))
                self.assertLessEqual(max(map(len, shown.split("\n"))), min(columns, 120))
                words = set(shown.split())
                for model in listed:
                    self.assertLessEqual(set(model["shows"].split()), words)
                    self.assertLessEqual(set(model["source"].split()), words)

    def test_only_a_terminal_gets_colour(self):
        self.assertIn("\033[1m", on_a_terminal(100, "echo_server", "--list"))
        self.assertNotIn("\033", run("echo_server", "--list").stdout)
        os.environ["NO_COLOR"] = "1"
        self.addCleanup(os.environ.pop, "NO_COLOR")
        self.assertNotIn("\033", on_a_terminal(100, "echo_server", "--list"))

    def test_a_terminal_gets_none_where_it_is_not_wanted(self):
        for arguments, environment in ((["--no-color"], {}), (["--plain"], {}),
                                       ([], {"TERM": "dumb"})):
            self.assertNotIn("\033", on_a_terminal(100, "echo_server", "--list", *arguments,
                                                   **environment))


class Metrics(CommandLine):
    def test_are_listed_for_people_and_for_programs(self):
        listed = json.loads(run("echo_compare", "--list-metrics", "--json").stdout)
        names = [one["name"] for one in listed]
        asked = json.loads(run("echo_compare", "--list-experiments", "--json").stdout)
        self.assertLessEqual({one["metric"] for one in asked}, set(names))
        self.assertEqual({one["better"] for one in listed}, {"more", "less"})
        shown = run("echo_compare", "--list-metrics").stdout
        self.assertEqual(re.findall(r"(?m)^(\w+)", shown), names)
        for one in listed:
            self.assertTrue(one["unit"] and one["definition"], one)
            unit = "" if one["unit"] == "1" else f", in {one['unit']}"
            self.assertIn(f"{one['words']}{unit}; {one['better']} is better\n", shown)
            self.assertIn(one["definition"], " ".join(shown.split()))
        self.assertLessEqual(max(map(len, shown.split("\n"))), 100)


class LiveLine(CommandLine):
    """Of a load, which is rewritten on a terminal and nowhere else."""

    def shown(self, columns, *arguments, **environment):
        with Server("iterative", "tcp://127.0.0.1:0") as server:
            return on_a_terminal(columns, "echo_load", "-c", "1", "-n", "50", "-w", "0",
                                 *arguments, server.endpoint, **environment)

    def test_never_wraps(self):
        for columns in (20, 100):
            # The last one is cleared: the result stands in its place.
            lines = re.findall(r"\r\033\[K([^\r\n\033]*)", self.shown(columns))[:-1]
            self.assertTrue(any("connect" in line for line in lines), lines)
            self.assertLess(max(map(len, lines)), columns)

    def test_is_not_there_where_it_is_not_wanted(self):
        for arguments, environment in ((["--plain"], {}), ([], {"TERM": "dumb"})):
            shown = self.shown(100, *arguments, **environment)
            self.assertNotIn("\033", shown)
            self.assertIn("echo_load: connecting\n", shown)


class Explain(CommandLine):
    SERVERS = pathlib.Path(__file__).parent.parent / "servers"

    def test_prints_the_whole_card_and_the_row_of_every_model(self):
        for model in json.loads(run("echo_server", "--list", "--json").stdout):
            with self.subTest(model["name"]):
                text = (self.SERVERS / f"{model['name']}.cpp").read_text()
                card = re.sub("(?m)^// ?", "", text.split("\n\n")[0])
                done = run("echo_server", "--explain", model["name"])
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertTrue(done.stdout.startswith(card + "\n\n"), done.stdout)
                row = " ".join(done.stdout[len(card):].split())  # however it is wrapped
                for axis, value in model["axes"].items():
                    self.assertIn(f"{axis}={value}", row)
                self.assertIn(f"processes: {model['census']['processes']};", row)
                self.assertIn(f"threads of all together: {model['census']['threads']};",
                              row)
                self.assertIn(f" Calls {model['calls']} Transports", row)
                self.assertIn(f" Transports {model['transports']} ", row)

    def test_is_not_wider_than_a_terminal(self):
        for model in json.loads(run("echo_server", "--list", "--json").stdout):
            for line in run("echo_server", "--explain", model["name"]).stdout.split("\n"):
                self.assertLessEqual(len(line), 100)


class ExplainedLoad(CommandLine):
    def test_says_the_same_below_the_table_and_in_json(self):
        with Server("iterative", "tcp://127.0.0.1:0") as server:
            given = ["-q", "-c", "2", "-n", "50", "-w", "0", "--timeout", "1s",
                     server.endpoint]
            plain = run("echo_load", *given).stdout
            self.assertNotIn("In words", plain)
            table, words = run("echo_load", *given, "--explain").stdout.split("\nIn words\n")
            self.assertIn("  verdict  ", table.split("\n")[-2])
            self.assertRegex(words, r"\A  - You asked in a closed loop: each of 2 clients")
            self.assertRegex(words, r"(?m)^  - Next: ")
            for columns, most in ((80, 80), (200, 100)):
                shown = on_a_terminal(columns, "echo_load", *given, "--explain")
                shown = shown.replace("\r", "").split("In words\n")[1]
                self.assertLessEqual(max(map(len, shown.split("\n"))), most)
            row = json.loads(run("echo_load", *given, "--explain", "--json").stdout)
            schemas.check(self, "load", row)
            self.assertEqual(row["explanation"][0], " ".join(
                words.split("\n  - ")[0].removeprefix("  - ").split()))
            self.assertTrue(row["explanation"][-1].startswith("Next: "))
            self.assertNotIn("explanation",
                             json.loads(run("echo_load", *given, "--json").stdout))


class TimeUnit(CommandLine):
    def test_all_times_of_a_load_have_the_unit_that_was_given(self):
        with Server("iterative", "tcp://127.0.0.1:0") as server:
            given = ["-q", "-c", "1", "-n", "400", "-w", "0", server.endpoint]
            for unit, least, most in (("ns", 1e3, 1e10), ("us", 1, 1e7), ("ms", 1e-3, 1e4),
                                      ("s", 1e-6, 10)):
                with self.subTest(unit):
                    shown = run("echo_load", *given, "--time-unit", unit).stdout
                    line = re.search(r"(?m)^  latency +(.*)$", shown).group(1)
                    times = re.findall(r"([\d.]+(?:e-\d+)?) (ns|us|ms|s)\b", line)
                    self.assertGreaterEqual(len(times), 3, line)
                    for value, its in times:
                        self.assertEqual(its, unit, line)
                        self.assertTrue(least < float(value) < most, line)
                    self.assertRegex(shown, rf"(?m)^  client +[\d.e-]+ {unit} CPU")
            self.assert_one_line(run("echo_load", *given, "--time-unit", "min"),
                                 "echo_load", USAGE, ["--time-unit: 'min' is none of auto"])


class Ready(CommandLine):
    def test_the_line_names_the_endpoint_and_both_processes(self):
        with Server("iterative", "tcp://127.0.0.1:0") as server:
            found = re.fullmatch(r"READY endpoint=tcp://127\.0\.0\.1:(\d+) "
                                 r"pid=(\d+) model_pid=(\d+)\n", server.ready)
            self.assertIsNotNone(found, server.ready)
            self.assertNotEqual(found.group(1), "0")
            self.assertEqual(int(found.group(2)), server.process.pid)
            parent = pathlib.Path(f"/proc/{found.group(3)}/stat").read_text().split()[3]
            self.assertEqual(int(parent), server.process.pid)

    def test_the_server_serves_when_the_line_is_there(self):
        with Server("iterative", "tcp://127.0.0.1:0") as server, \
             socket.create_connection(("127.0.0.1", int(server.port))) as client:
            client.sendall(b"echo")
            self.assertEqual(client.recv(4, socket.MSG_WAITALL), b"echo")


class DatagramServer(threading.Thread):
    """Replies to the n-th datagram (1 ...) with what `script` makes of it."""

    def __init__(self, script):
        super().__init__(daemon=True)
        self.script = script
        self.heard = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.endpoint = "udp://127.0.0.1:%d" % self.socket.getsockname()[1]
        self.start()

    def run(self):
        while True:
            request, sender = self.socket.recvfrom(1 << 16)
            self.heard.append(request)
            for reply in self.script(request, len(self.heard)):
                self.socket.sendto(reply, sender)


class Datagrams(CommandLine):
    def client(self, server, text, *options):
        return run("echo_client", *options, server.endpoint, input=text)

    def test_each_line_is_one_with_its_end(self):
        server = DatagramServer(lambda request, n: [request])
        done = self.client(server, "one\n\nthree\nno end")
        self.assertEqual((done.returncode, done.stdout), (0, "one\n\nthree\nno end"))
        self.assertEqual(server.heard, [b"one\n", b"\n", b"three\n", b"no end"])

    def test_a_line_that_is_too_long_is_several(self):
        server = DatagramServer(lambda request, n: [request])
        text = "x" * 100_000 + "\n"
        done = self.client(server, text)
        self.assertEqual((done.returncode, done.stdout), (0, text))
        self.assertEqual([len(request) for request in server.heard], [65507, 34494])

    def test_a_lost_one_is_named_and_fails_but_the_others_go_on(self):
        server = DatagramServer(lambda request, n: [] if n == 2 else [request])
        done = self.client(server, "one\ntwo\nthree\n", "--timeout", "300ms")
        self.assertEqual((done.returncode, done.stdout), (FAILURE, "one\nthree\n"))
        self.assertIn("no reply to datagram 2 (4 B) within 300 ms", done.stderr)
        self.assertIn("1 of 3 datagrams were lost", done.stderr)

    def test_what_is_not_the_reply_is_never_taken_for_it(self):
        server = DatagramServer(lambda request, n: [b"late\n", request])
        done = self.client(server, "one\n")
        self.assertEqual((done.returncode, done.stdout), (0, "one\n"))
        self.assertIn("ignored: 5 B", done.stderr)

    def test_nobody_there_is_unreachable(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        done = run("echo_client", f"udp://127.0.0.1:{port}", input="hello\n")
        self.assert_one_line(done, "echo_client", UNREACHABLE, ["refused", str(port)])

    def test_every_model_of_datagrams_answers(self):
        for model in json.loads(run("echo_server", "--list", "--json").stdout):
            if "datagram" not in model["transports"]:
                continue
            with self.subTest(model=model["name"]), \
                    Server(model["name"], f"unixgram://{self.folder}/echo.sock") as server:
                done = run("echo_client", server.endpoint, input="a\nb\n")
                self.assertEqual((done.returncode, done.stdout), (0, "a\nb\n"))


class OtherPeoplesClients(CommandLine):
    """nc and socat, with more than any buffer holds, on TCP and on a Unix socket."""

    WORDS = os.urandom(300_000)

    def commands(self, server):
        if server.endpoint.startswith("unix://"):
            return [["nc", "-N", "-U", server.path],
                    ["socat", "-t", "10", "-", f"UNIX-CONNECT:{server.path}"]]
        host, family = ("::1", "6") if "[::1]" in server.endpoint else ("127.0.0.1", "4")
        target = f"[{host}]" if family == "6" else host
        return [["nc", "-N", host, server.port],
                ["socat", "-t", "10", "-", f"TCP{family}:{target}:{server.port}"]]

    def assert_echo(self, server):
        for command in self.commands(server):
            self.assertIsNotNone(
                shutil.which(command[0]),
                "missing: apt install " +
                {"nc": "netcat-openbsd"}.get(command[0], command[0]))
            done = subprocess.run(command, input=self.WORDS, capture_output=True,
                                  timeout=PATIENCE, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(done.stdout == self.WORDS,
                            f"{command}: {len(done.stdout)} of {len(self.WORDS)} bytes")

    def assert_echo_and_stop(self, model, listen):
        with self.subTest(model, listen=listen), Server(model, listen) as server:
            self.assertTrue(server.endpoint, "it did not start")
            self.assert_echo(server)
            code, seconds, said = server.stop()
            self.assertEqual(code, 0, said)
            self.assertLess(seconds, 2, f"nobody is there, and it drains: {said}")

    def test_get_every_byte_from_every_model_which_then_stops_at_once(self):
        for model in models():
            self.assert_echo_and_stop(model["name"], "tcp://127.0.0.1:0")
            self.assert_echo_and_stop(model["name"], f"unix://{self.folder}/echo.sock")
            self.assertFalse(os.path.exists(f"{self.folder}/echo.sock"))

    def test_get_every_byte_over_ipv6(self):
        self.assert_echo_and_stop("iterative", "tcp://[::1]:0")

    def test_and_our_own_client_does_as_well(self):
        for listen in ("tcp://127.0.0.1:0", f"unix://{self.folder}/echo.sock"):
            with self.subTest(listen=listen), Server("iterative", listen) as server:
                done = subprocess.run([path_of("echo_client"), server.endpoint],
                                      input=self.WORDS, capture_output=True,
                                      timeout=PATIENCE, check=False)
                self.assertEqual((done.returncode, done.stderr), (0, b""))
                self.assertTrue(done.stdout == self.WORDS)


if __name__ == "__main__":
    unittest.main()

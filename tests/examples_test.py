#!/usr/bin/python3
"""The example files: each says its question, its command and what to look at, and is so.

ECHOLAB_BIN names the build folder. A comparison is planned (--dry-run), a load is run,
cut down by flags, which come before the file.
"""

import itertools
import json
import os
import pathlib
import re
import shlex
import subprocess
import tempfile
import tomllib
import unittest

TOP = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(os.environ.get("ECHOLAB_BIN", "build/release")).resolve()
PATIENCE = 200  # seconds; a search that is cut down takes 96 at most
COMPARISONS = sorted((TOP / "bench/examples").glob("*.toml"))
LOADS = sorted((TOP / "clients/examples").glob("*.toml"))
CUT = ["-w", "100ms", "--timeout", "60s", "-q", "--json"]
# So many replies, however long a slow machine takes for them; a search has its windows.
BRIEF, SEARCH = ["-d", "100s", "-n", "50"], ["-d", "2s"]
SMALLER = {"connections": ["-c", "8"], "rate": ["-R", "100"]}  # of the file's keys
SECONDS = {"ms": 0.001, "s": 1}

CACHE = tempfile.TemporaryDirectory(prefix="echolab-test-")


def setUpModule():
    """Whoever runs this keeps the ceilings that are theirs."""
    os.environ["XDG_CACHE_HOME"] = CACHE.name
    unittest.addModuleCleanup(CACHE.cleanup)


def head(path):
    """The comment that a file opens with, as lines."""
    lines = path.read_text("utf-8").splitlines()
    return [line[2:] for line in itertools.takewhile(lambda one: one[:1] == "#", lines)]


def command(path, program):
    """What the head runs of that program, as words."""
    begin = f"  build/release/{program} "
    lines = [line.rstrip(" &") for line in head(path) if line.startswith(begin)]
    return shlex.split(lines[0].replace("build/release", str(BIN)))


def codes(path):
    """The exit codes that the head names."""
    said = " ".join(head(path)).partition("Ends with ")[2]
    return {int(code) for code in re.findall(r"\b\d\b", re.sub(r"\bp\d+", "", said))}


def keys_of(path):
    return tomllib.loads(path.read_text("utf-8"))


def told(value):
    """As --print-config shows it: a count is a number, however it was given."""
    if isinstance(value, list):
        return [str(one) for one in value]
    return value if isinstance(value, bool) else str(value)


def seconds(text):
    number, unit = re.fullmatch(r"([\d.]+) ?(m?s)", text).groups()
    return float(number) * SECONDS[unit]


def run(words):
    return subprocess.run(words, cwd=TOP, capture_output=True, text=True,
                          timeout=PATIENCE)


class Examples(unittest.TestCase):
    def test_there_are_some_for_each_program(self):
        self.assertGreaterEqual(len(COMPARISONS) + len(LOADS), 8)
        names = {path.name for path in [*COMPARISONS, *LOADS]}
        self.assertLessEqual({"coursework.toml", "ci.toml", "c10k.toml"}, names)

    def test_each_says_its_question_its_command_and_what_to_look_at(self):
        for path, program in [*((p, "echo_compare") for p in COMPARISONS),
                              *((p, "echo_load") for p in LOADS)]:
            with self.subTest(path.name):
                text = " ".join(head(path))
                self.assertRegex(text.split("build/")[0], r"\?")
                self.assertIn("Look at: ", text)
                words = command(path, program)
                self.assertEqual(words[words.index("--config") + 1],
                                 str(path.relative_to(TOP)))

    def test_each_is_listed_in_the_recipes(self):
        recipes = TOP / "bench/recipes.md"
        linked = {(recipes.parent / link).resolve() for link in
                  re.findall(r"\]\(([^)#:]+\.toml)\)", recipes.read_text("utf-8"))}
        self.assertEqual(linked, {*COMPARISONS, *LOADS})

    def test_the_program_takes_what_the_file_says(self):
        for path, program in [*((p, "echo_compare") for p in COMPARISONS),
                              *((p, "echo_load") for p in LOADS)]:
            with self.subTest(path.name):
                done = run([*command(path, program), "--print-config"])
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                taken = tomllib.loads(done.stdout)
                asked = keys_of(path)
                if program == "echo_compare" and "seed" not in asked:
                    self.assertGreater(taken.pop("seed"), 0)    # one that is drawn
                self.assertEqual({key: told(value) for key, value in taken.items()},
                                 {key: told(value) for key, value in asked.items()})


class Comparisons(unittest.TestCase):
    def test_the_plan_is_the_files(self):
        for path in COMPARISONS:
            with self.subTest(path.name):
                done = run([*command(path, "echo_compare"), "--dry-run"])
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assert_planned(keys_of(path), done.stdout)

    def assert_planned(self, keys, plan):
        self.assertEqual(plan.split(":")[0], keys["experiment"])
        servers, loads, rounds, length = re.search(
            r"(\d+) servers[\w ]* x (\d+) loads x (\d+) rounds = \d+ trials of "
            r"([\d.]+ \w+)", plan).groups()
        named = [*keys["models"].split(","), *keys.get("server", [])]
        has_twin = keys.get("preset") != "smoke" and not keys.get("no-aa")
        self.assertEqual(int(servers) + plan.count("\n  without "), len(named) + has_twin)
        self.assertEqual(int(loads) + plan.count("left out, as a process may have"),
                         len(keys["at"].split(",")))
        if "rounds" in keys:
            self.assertEqual(int(rounds), keys["rounds"])
        if "duration" in keys:
            self.assertEqual(seconds(length), seconds(keys["duration"]))
        self.assertEqual("before that tunes each model" in plan, keys.get("tune", False))
        self.assertEqual("once all ratios are precise to 5 %" in plan,
                         keys.get("precision") == "5%")
        self.assertEqual("and a null responder" in plan, keys.get("preset") != "smoke")


class Loads(unittest.TestCase):
    def test_each_runs_and_ends_as_it_says(self):
        for path in LOADS:
            with self.subTest(path.name):
                keys = keys_of(path)
                few = SEARCH if "search" in keys else [*BRIEF, *(
                    word for key in SMALLER if key in keys for word in SMALLER[key])]
                done = run([*command(path, "echo_load"), self.served(path), *CUT, *few])
                self.assertIn(0, codes(path))
                self.assertIn(done.returncode, codes(path), done.stdout + done.stderr)
                row = json.loads(done.stdout)
                self.assert_asked(keys, row)
                if "search" in keys:
                    self.assert_searched(keys, row)
                else:
                    self.assert_loaded(keys, row)

    def served(self, path):
        """The endpoint of the server that the head starts."""
        words = command(path, "echo_server")
        scheme = "udp" if "udp" in " ".join(words) else "tcp"
        server = subprocess.Popen(
            [*words, "--listen", f"{scheme}://127.0.0.1:0", "--ready-fd", "1"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait, 20)
        self.addCleanup(server.terminate)
        return re.search(r"endpoint=(\S+)", server.stdout.readline()).group(1)

    def assert_asked(self, keys, row):
        """The plan has what the file says."""
        plan, work = row["plan"], row["plan"]["work"] or {}
        wanted = {"protocol": plan["protocol"], "think": plan["think"],
                  "session": plan["session_requests"],
                  "size": plan["sizes"] or plan["payload_bytes"],
                  "http-get": (plan["http"] or {}).get("get"),
                  "compute": f"{work.get('compute_ns', 0) // 1000}us",
                  "heavy": f"{100 * work.get('heavy_share', 0):g}%:"
                           f"{work.get('heavy_compute_ns', 0) // 10 ** 6}ms"}
        for key, found in wanted.items():
            if key in keys:
                self.assertEqual(found, keys[key], key)
        self.assertEqual(plan["arrivals"] is not None, "rate" in keys)

    def assert_loaded(self, keys, row):
        self.assertGreater(row["requests"], 0)
        self.assertEqual("explanation" in row, keys.get("explain", False))
        self.assertEqual([one["promise"] for one in row.get("assertions", [])],
                         [part for part in keys.get("assert", "").split(",") if part])
        classes = [row["class"], *(other["class"] for other in row["classes"])]
        self.assertEqual([one["name"] for one in classes if one],
                         [text.split(":")[0] for text in keys.get("class", [])])

    def assert_searched(self, keys, row):
        self.assertEqual(row["promise"], keys["search"])
        self.assertGreater(sum(trial["row"]["requests"] for trial in row["trials"]), 0)


if __name__ == "__main__":
    unittest.main()

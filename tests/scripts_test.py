#!/usr/bin/python3
"""scripts/run and scripts/test do what they say with what they are given.

ECHOLAB_BIN names the build folder. Each test has a tree of its own, in which the scripts
are real, and echo_compare where it only plans or lists. What would install, build, measure
or report writes down how it was called.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(os.environ.get("ECHOLAB_BIN", "build/release")).resolve()
COMPARE = BIN / "echo_compare"
PATIENCE = 120  # seconds that nothing here takes, but for a program that hangs

# Takes only what the real one takes; ends with the code that stands in exit_EXPERIMENT.
MEASURE = """
for argument; do
  case $argument in
    --list-*|--dry-run|--print-config|--help|--version) exec "$real" "$@" ;;
  esac
done
"$real" "$@" --dry-run >/dev/null || exit
echo "compare $*" >>"$top/calls"
code=$(cat "$top/exit_$1" 2>/dev/null || echo 0)
while [ $# -gt 0 ]; do
  case $1 in --folder-file) file=$2 ;; --results) results=$2 ;; esac
  shift
done
mkdir -p "${results:=results}/one"
printf %s "$results/one" >"$file"
exit "$code"
"""


def experiments():
    out = subprocess.run([COMPARE, "--list-experiments", "--json"], check=True,
                         capture_output=True, text=True).stdout
    return json.loads(out)


class Scripts(unittest.TestCase):
    def setUp(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="echolab-test-"))
        self.addCleanup(shutil.rmtree, self.top)
        self.program("scripts/setup", 'test "$1" != "$(cat "$top/no_package")"')
        self.program("scripts/report.py", 'echo "report $*" >>"$top/calls"')
        self.program("bin/cmake", "")
        self.program("bin/ctest", 'echo "ctest $*" >>"$top/calls"')
        self.program("build/release/echo_compare", MEASURE)
        for name in ("run", "test"):
            shutil.copy(TOP / "scripts" / name, self.top / "scripts")
        (self.top / "no_package").write_text("none")

    def program(self, name, text):
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\ntop='{self.top}' real='{COMPARE}'\n{text}\n")
        path.chmod(0o755)

    def script(self, name, *arguments, **environment):
        """How it ended, and the calls that it made."""
        (self.top / "calls").write_text("")
        path = f"{self.top}/bin:{os.environ['PATH']}"
        done = subprocess.run(
            [self.top / "scripts" / name, *arguments], capture_output=True, text=True,
            timeout=PATIENCE, env={**os.environ, "PATH": path, **environment})
        return done, (self.top / "calls").read_text().splitlines()


class Run(Scripts):
    def test_all_experiments_are_planned(self):
        done, calls = self.script("run", "all", "--dry-run", "--models", "classic")
        self.assertEqual((done.returncode, calls), (0, []), done.stderr)
        for one in experiments():
            self.assertIn(f"{one['name']}: {one['question']}", done.stdout)

    def test_all_are_measured_below_one_folder_and_a_failure_is_told_at_the_end(self):
        (self.top / "exit_churn").write_text("1")
        done, calls = self.script("run", "all", "--preset", "smoke", "--results", "a b")
        self.assertEqual(done.returncode, 1, done.stderr)
        names = [one["name"] for one in experiments()]
        measured = [call for call in calls if call.startswith("compare")]
        self.assertEqual([call.split()[1] for call in measured], names)
        (folder,) = {re.search(r"--results (.*) --folder", call)[1] for call in measured}
        self.assertRegex(folder, r"^a b/\d{4}-\d\d-\d\dT\d{4}-.*-all$")
        for call in measured:
            self.assertEqual((call.count("--results"), call.count(" all ")), (1, 0), call)
        self.assertEqual(calls.count(f"report {folder}/one"), len(names))
        self.assertEqual(calls[-1], f"report --index {folder}")

    def test_ctrl_c_ends_all_of_them_and_the_page_of_what_there_is_is_written(self):
        (self.top / "exit_scaling").write_text("130")
        for arguments, environment in ((["-oelsewhere"], {}), (["-o", "elsewhere"], {}),
                                       (["--results=elsewhere"], {}),
                                       ([], {"ECHOLAB_RESULTS": "elsewhere"})):
            with self.subTest(arguments):
                done, calls = self.script("run", "all", *arguments, **environment)
                self.assertEqual(done.returncode, 130, done.stderr)
                self.assertEqual([call.split()[0] for call in calls],
                                 ["compare", "report", "report"])
                self.assertRegex(calls[-1], r"^report --index elsewhere/.*-all$")
                self.assertEqual(calls[0].count("elsewhere"), 1)

    def test_what_one_of_them_refuses_is_said_before_anything_is_measured(self):
        done, calls = self.script("run", "all", "--size", "4KiB")
        self.assertEqual((done.returncode, calls), (2, []))
        self.assertIn("--size: process_control sets it itself", done.stderr)

    def test_one_is_measured_and_its_report_written(self):
        done, calls = self.script("run", "scaling", "--all", "-q")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(calls[1:], ["report results/one"])
        self.assertRegex(calls[0], "^compare scaling --models all -q --folder-file [^ ]+$")

    def test_whoever_wants_the_folder_s_path_gets_it(self):
        done, calls = self.script("run", "churn", "--folder-file", "where")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(calls, ["compare churn --folder-file where", "report results/one"])
        self.assertEqual((self.top / "where").read_text(), "results/one")

    def test_what_only_shows_something_is_shown_once_and_measures_nothing(self):
        for arguments in (["--help"], ["all", "--help"], ["all", "--list-experiments"]):
            done, calls = self.script("run", *arguments)
            self.assertEqual((done.returncode, calls), (0, []), done.stderr)
            shown = subprocess.run([COMPARE, arguments[-1]], capture_output=True, text=True)
            self.assertEqual(done.stdout.count(shown.stdout[-200:]), 1)

    def test_it_knows_every_option_that_only_shows_something(self):
        tree = json.loads(subprocess.run([COMPARE, "--help-json"], check=True,
                                         capture_output=True).stdout)
        script = (TOP / "scripts/run").read_text()
        ending = [one["name"] for one in tree["options"]
                  if re.search(r"\band (end|exit)\b", one["help"])]
        self.assertGreater(len(ending), 7)
        for name in ending:
            self.assertRegex(script, rf"[ |]{name}[|)]")


class Test(Scripts):
    def test_without_a_package_of_chromium_all_that_needs_it_is_left_out(self):
        for missing, left_out in (("none", False), ("browser", True)):
            (self.top / "no_package").write_text(missing)
            done, calls = self.script("test", "release", "-R", "some")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual("-LE ^browser$ -R some" in calls[0], left_out, calls)
            self.assertEqual("LEFT OUT" in done.stderr, left_out)

    def test_whatever_starts_chromium_has_the_label(self):
        cmake = "".join(path.read_text() for path in
                        (TOP / "tests/CMakeLists.txt", *(TOP / "tests").glob("*.cmake")))
        tests = dict(re.findall(r"add_python_test\((\w+) (\w+\.py)", cmake))
        needing = {name for name, script in tests.items()
                   if re.search(r"/usr/bin/chromiu[m]|^from report_browser_test import",
                                (TOP / "tests" / script).read_text(), re.M)}
        self.assertGreaterEqual(len(needing), 5)
        listed = subprocess.run(["ctest", "--test-dir", BIN, "-N", "-L", "^browser$"],
                                check=True, capture_output=True, text=True).stdout
        self.assertEqual(set(re.findall(r"#\d+: (\w+)", listed)), needing)


if __name__ == "__main__":
    unittest.main()

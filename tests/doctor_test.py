#!/usr/bin/python3
"""echo_compare --doctor says what this machine can measure, and sees what is missing."""

import json
import os
import pathlib
import re
import resource
import subprocess
import tempfile
import unittest

COMPARE = pathlib.Path(os.environ["ECHOLAB_BIN"]) / "echo_compare"
STATES = {"ok", "note", "missing"}


def doctor(*arguments, **how):
    return subprocess.run([COMPARE, "--doctor", *arguments], capture_output=True, text=True,
                          timeout=60, **how)


def findings(**how):
    done = doctor("--json", **how)
    report = json.loads(done.stdout)
    return done.returncode, report["fit"], {f["name"]: f for f in report["findings"]}


def limited(which, most):
    return lambda: resource.setrlimit(which, (most, most))


class Doctor(unittest.TestCase):
    def test_text_and_json_say_the_same_and_the_code_follows(self):
        code, fit, found = findings()
        self.assertEqual(code, 0 if fit else 1)
        self.assertEqual(fit, all(f["state"] != "missing" for f in found.values()))
        self.assertLessEqual({f["state"] for f in found.values()}, STATES)
        text = doctor()
        self.assertEqual(text.stderr, "")
        lines = text.stdout.splitlines()
        shown = {line[8:27].strip(): line[:8].strip().lower() for line in lines[:-1]
                 if not line.lstrip().startswith("->")}
        self.assertEqual(shown, {name: f["state"] for name, f in found.items()})
        self.assertEqual(sum(line.lstrip().startswith("->") for line in lines),
                         sum(bool(f["remedy"]) for f in found.values()))

    def test_what_is_not_in_order_has_a_remedy_and_what_is_has_none(self):
        for name, one in findings()[2].items():
            self.assertEqual(one["state"] != "ok", bool(one["remedy"]), name)
            self.assertTrue(one["found"], name)

    def test_a_build_that_is_not_measured_with_is_missing(self):
        version = subprocess.run([COMPARE, "--version"], stdout=subprocess.PIPE, text=True)
        wanted = "ok" if re.search(r"\brelease\b(?!\+)", version.stdout) else "missing"
        self.assertEqual(findings()[2]["build"]["state"], wanted)

    def test_few_descriptors(self):
        for most, state in ((600, "missing"), (4000, "note")):
            code, fit, found = findings(preexec_fn=limited(resource.RLIMIT_NOFILE, most))
            self.assertEqual(found["descriptors"]["state"], state)
            self.assertIn(str(most), found["descriptors"]["found"])
            if state == "missing":
                self.assertEqual((code, fit), (1, False))

    def test_few_tasks(self):
        _, _, found = findings(preexec_fn=limited(resource.RLIMIT_NPROC, 900))
        self.assertEqual(found["tasks"]["state"], "missing")

    def test_one_processor(self):
        one = {min(os.sched_getaffinity(0))}
        code, _, found = findings(preexec_fn=lambda: os.sched_setaffinity(0, one))
        self.assertEqual(found["processors"]["state"], "missing")
        self.assertEqual(code, 1)

    def test_tools_that_are_not_there_are_named(self):
        _, _, found = findings(env={**os.environ, "PATH": "/nonexistent"})
        self.assertEqual(found["tools"]["state"], "note")
        for tool in ("strace", "wrk", "chromium"):
            self.assertIn(tool, found["tools"]["found"])

    def test_it_makes_no_folder_of_results(self):
        with tempfile.TemporaryDirectory() as here:
            doctor(cwd=here)
            self.assertEqual(os.listdir(here), [])


if __name__ == "__main__":
    unittest.main()

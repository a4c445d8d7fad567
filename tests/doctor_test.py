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
                 if not line.startswith(" ")}
        self.assertEqual(shown, {name: f["state"] for name, f in found.items()})
        self.assertEqual(sum(line.lstrip().startswith("->") for line in lines),
                         sum(bool(f["remedy"]) for f in found.values()))

    def test_what_is_not_in_order_has_a_remedy_and_what_is_has_none(self):
        for name, one in findings()[2].items():
            self.assertEqual(one["state"] != "ok", bool(one["remedy"]), name)
            self.assertEqual(one["state"] != "ok", bool(one["means"]), name)
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

    def fakes(self, **scripts):
        """A PATH where these programs are what the scripts say, and all others as usual."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, script in scripts.items():
            path = pathlib.Path(folder.name) / name
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
        return {**os.environ, "PATH": f"{folder.name}:{os.environ['PATH']}"}

    def test_strace_and_netem_are_tried_and_not_only_looked_for(self):
        _, _, found = findings(env=self.fakes(
            strace="echo not with me >&2; exit 1", tc="exit 0",
            unshare="echo no such qdisc; exit 2"))
        for name, words in (("strace", "not with me"), ("netem", "no such qdisc")):
            self.assertEqual((found[name]["state"], found[name]["found"]), ("note", words))
        _, _, found = findings(env=self.fakes(strace="exit 0", tc="exit 0",
                                               unshare="exit 0"))
        for name in ("strace", "netem"):
            self.assertEqual(found[name]["state"], "ok")

    def about(self, *arguments, **how):
        done = doctor("--json", *arguments, **how)
        report = json.loads(done.stdout)
        return done.returncode, {f["name"]: f for f in report["findings"]}

    def test_it_looks_at_the_campaign_that_is_asked_for(self):
        _, found = self.about("--listen", "unix:///tmp/none", "--clients", "7")
        self.assertEqual(found["ports"]["found"], "no load takes any")
        self.assertIn("enough for 7 clients", found["descriptors"]["found"])
        _, found = self.about("--models", "udp_iterative")
        self.assertEqual(found["listen queue"]["found"], "nobody waits in one")
        few = limited(resource.RLIMIT_NOFILE, 600)
        code, found = self.about("idle_crowd", "--at", "9000", preexec_fn=few)
        self.assertEqual((code, found["campaign"]["state"]), (1, "missing"))
        self.assertIn("9000 idle connections", found["campaign"]["found"])
        _, found = self.about("idle_crowd", "--at", "10,9000", preexec_fn=few)
        self.assertEqual(found["campaign"]["state"], "note")
        self.assertEqual(found["descriptors"]["state"], "ok")

    def test_a_wrong_command_line_is_wrong_usage_here_too(self):
        self.assertEqual(doctor("--at", "none").returncode, 2)

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "there is one CPU")
    def test_cpus_that_are_given_to_both_ends_are_seen(self):
        cpu = str(min(os.sched_getaffinity(0)))
        _, found = self.about("--server-cpus", cpu, "--client-cpus", cpu)
        self.assertEqual(found["sides"]["state"], "note")
        self.assertIn(f"both on CPU {cpu}", found["sides"]["found"])
        _, found = self.about("--server-cpus", cpu)
        self.assertNotIn("both", found["sides"]["found"])

    def test_it_makes_no_folder_of_results(self):
        with tempfile.TemporaryDirectory() as here:
            doctor(cwd=here)
            self.assertEqual(os.listdir(here), [])


if __name__ == "__main__":
    unittest.main()

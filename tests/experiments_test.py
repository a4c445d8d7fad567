#!/usr/bin/python3
"""Every experiment of echo_compare runs, keeps what it says, and answers its question.

ECHOLAB_BIN names the build folder. The smoke preset: what is tested is that the loads come
about, not the numbers.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import schemas

BIN = pathlib.Path(os.environ.get("ECHOLAB_BIN", "build/release")).resolve()
COMPARE = BIN / "echo_compare"
if not COMPARE.exists():
    sys.exit(f"{COMPARE} is not there: build it, or set ECHOLAB_BIN")
REPORT = pathlib.Path(__file__).resolve().parent.parent / "scripts" / "report.py"
sys.path.insert(0, str(REPORT.parent))

from report import claims, data  # noqa: E402

EXPERIMENTS = json.loads(subprocess.run([COMPARE, "--list-experiments", "--json"],
                                        check=True, stdout=subprocess.PIPE).stdout)
MEASURED = ("VALID", "CLIENT-BOUND", "NOISY", "UNSTEADY", "OVERLOADED")


class Experiments(unittest.TestCase):
    def campaign(self, name, *arguments):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.done = subprocess.run(
            [COMPARE, name, "--preset", "smoke", "--duration", "300ms", "--results",
             folder.name, *arguments],
            capture_output=True, text=True, timeout=200)
        self.assertEqual(self.done.returncode, 0, self.done.stdout + self.done.stderr)
        (self.folder,) = pathlib.Path(folder.name).iterdir()
        text = (self.folder / "manifest.json").read_text()
        lines = (self.folder / "trials.jsonl").read_text().splitlines()
        schemas.check_lines(self, "manifest", [text])
        schemas.check_lines(self, "trial", lines)
        return json.loads(text), [json.loads(line) for line in lines]

    def of(self, name, at=None, **wanted):
        """The rows of one level, and what must be the same in all of them."""
        manifest, rows = self.campaign(name)
        self.assertEqual(manifest["experiment"]["name"], name)
        self.assertEqual(len(rows), manifest["planned_trials"])
        levels = [level["at"] for level in manifest["experiment"]["levels"]]
        self.assertEqual({row["at"] for row in rows}, set(levels))
        for row in rows:
            self.assertIn(row["verdict"], MEASURED, row["reason"])
            self.assertGreater(row["requests"], 0, row["model"])
        self.answers(manifest)
        chosen = [row for row in rows if at is None or row["at"] == at]
        for row in chosen:
            self.assertEqual({name: row[name] for name in wanted}, wanted)
        return chosen

    def answers(self, manifest):
        """The question, a sentence for each level, and each claim, on stdout."""
        out = " ".join(self.done.stdout.split())
        experiment = manifest["experiment"]
        self.assertIn(experiment["question"], out)
        for level in experiment["levels"]:
            self.assertIn(f"At {level['name']}, ", out)
        for claim in experiment["claims"]:
            self.assertIn(f"Claim: {claim['text']} ({claim['source']}). Here: ", out)
        self.assertEqual(re.findall(r"\. Here: ([\w ]+);", out), self.reported_words())

    def reported_words(self):
        """The outcomes of the claims by the report's own reading of the folder."""
        return [outcome.word for outcome in claims.outcomes(data.load(self.folder))]

    def test_scaling(self):
        self.of("scaling", 16, clients=16, connections=16, load="16 active")

    def test_process_control(self):
        rows = self.of("process_control", 5, clients=5, requests_per_connection=1)
        self.assertTrue(all(row["connect_ns"]["n"] > row["clients"] for row in rows))

    def test_churn(self):
        self.of("churn", 1, load="16 churn", requests_per_connection=1)

    def test_idle_crowd(self):
        self.of("idle_crowd", 100, clients=16, connections=116, load="16 active, 100 idle")

    def test_payload(self):
        self.of("payload", 4096)

    def test_blocking_work(self):
        rows = self.of("blocking_work", 1)
        rates = {row["model"]: row["requests_per_second"] for row in rows}
        self.assertLess(rates["epoll_level"], 1000)     # one wait of 1 ms at a time
        self.assertGreater(rates["thread_pool"], 2 * rates["epoll_level"])

    def test_cpu_work(self):
        rows = self.of("cpu_work", 1)
        self.assertTrue(all(row["offered_per_second"] > 0 for row in rows))

    def test_overload(self):
        for row in self.of("overload", 150):
            self.assertGreater(row["offered_per_second"], row["requests_per_second"])
            self.assertIn(row["verdict"], ("OVERLOADED", "NOISY"))  # whichever is worse

    def test_bad_company(self):
        self.of("bad_company", 9, clients=16, connections=25,
                load="16 good, 3 slow-reader, 3 slow-writer, 3 resetting")

    def test_burst(self):
        rows = self.of("burst", 16)
        self.assertTrue(all(row["connect_ns"]["p50"] > 0 for row in rows))

    def test_memory(self):
        self.of("memory", 100, clients=1, connections=101)

    def test_transports(self):
        manifest, rows = self.campaign("transports", "--at", "tcp4,tcp6,unix,udp,unixgram")
        served = {}
        for row in rows:
            served.setdefault(row["at"], set()).add(row["model"])
        streams = {"thread_per_client", "epoll_level", "epoll_edge"}
        datagrams = {"udp_iterative", "udp_batched"}
        self.assertEqual(served, {0: streams, 1: streams, 2: streams, 3: datagrams,
                                  4: datagrams})
        self.answers(manifest)

    def test_each_has_a_test(self):
        tests = {name.removeprefix("test_") for name in dir(self) if "test_" in name}
        self.assertLessEqual({one["name"] for one in EXPERIMENTS}, tests)

    def test_a_campaign_goes_on_with_its_levels_and_has_a_report(self):
        manifest, rows = self.campaign("idle_crowd", "--models", "select_loop,epoll_level",
                                       "--rounds", "3")
        trials = self.folder / "trials.jsonl"
        kept = trials.read_text().splitlines(keepends=True)
        trials.write_text("".join(kept[:2]))
        done = subprocess.run([COMPARE, "--resume", self.folder], capture_output=True,
                              text=True, timeout=100)
        self.assertEqual(done.returncode, 0, done.stderr)
        again = [json.loads(line) for line in trials.read_text().splitlines()]
        self.assertEqual([(r["model"], r["at"]) for r in again],
                         [(r["model"], r["at"]) for r in rows])
        self.done = done
        self.answers(manifest)
        self.assertIn(" / epoll_level at 100 idle connections, ", " ".join(
            done.stdout.split()))
        self.assertIn("no figure of poll_loop", " ".join(done.stdout.split()))
        subprocess.run([REPORT, self.folder], check=True, timeout=100,
                       capture_output=True)
        self.assertIn("select_loop", (self.folder / "report.html").read_text())

    def test_what_needs_too_many_descriptors_is_left_out_and_told(self):
        done = subprocess.run(
            ["prlimit", "--nofile=1000:1000", COMPARE, "idle_crowd", "--at",
             "10,5000", "--dry-run"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("left out, as a process may have 1000 descriptors (ulimit -Hn): "
                      "5000 idle connections", done.stdout)
        self.assertIn("loads: 10 idle connections\n", done.stdout)


if __name__ == "__main__":
    unittest.main()

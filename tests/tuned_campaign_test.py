#!/usr/bin/python3
"""echo_compare --tune: what it tries, what it then uses, and what it keeps.

ECHOLAB_BIN names the build folder. The load waits 5 ms in each request of 16 clients: what a
pool reaches is as its workers are many, however slow the machine is.
"""

import errno
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import schemas

BIN = pathlib.Path(os.environ.get("ECHOLAB_BIN", "build/release")).resolve()
COMPARE = BIN / "echo_compare"
if not COMPARE.exists():
    sys.exit(f"{COMPARE} is not there: build it, or set ECHOLAB_BIN")
LOAD = ["blocking_work", "--at", "0,5ms", "--clients", "16", "--duration", "800ms",
        "--warm-up", "20ms", "--tune", "--no-ceiling",
        "--server-cpus", str(min(os.sched_getaffinity(0)))]    # so its default is 1 worker
PLAN = [*LOAD, "--models", "half_sync_half_async", "--rounds", "2", "--repeats", "0", "--aa"]
TRIALS = 3 * (3 + 3)    # rounds; workers 1, 4 and 16, buffers of 16, 4 and 64 KiB


def run(*arguments):
    return subprocess.run([COMPARE, *arguments], capture_output=True, text=True, timeout=120)


def lines(path):
    return path.read_text().splitlines(keepends=True)


class Tuning(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.results = pathlib.Path(folder.name) / "results"

    def folder(self):
        (folder,) = self.results.iterdir()
        return folder

    def manifest(self):
        text = (self.folder() / "manifest.json").read_text()
        schemas.check_lines(self, "manifest", [text])
        return json.loads(text)

    def rows(self, name="trials.jsonl"):
        found = lines(self.folder() / name)
        schemas.check_lines(self, "tuning" if name.startswith("tuning") else "trial", found)
        return [json.loads(line) for line in found]

    def chosen_workers(self):
        """Of the manifest; the rows of the sweep and of the campaign are held to it."""
        (model,) = self.manifest()["tuned"]["models"]
        self.assertEqual(model["model"], "half_sync_half_async")
        self.assertEqual(model["level"]["at"], 5)
        workers, buffer = model["knobs"]
        self.assertEqual((workers["option"], buffer["option"]), ("--workers", "--buffer"))
        self.assertNotEqual(workers["chosen"], workers["default"], workers)
        self.assertEqual(model["arguments"][:2], ["--workers", workers["chosen"]])
        sweep = self.rows("tuning.jsonl")
        self.assertEqual(len(sweep), TRIALS)
        self.assertEqual({row["at"] for row in sweep}, {5})
        for setting in workers["settings"]:
            rates = {row["round"]: row["requests_per_second"] for row in sweep
                     if row["arguments"] == setting["arguments"]
                     and "--buffer" not in row["model"]}
            self.assertEqual(setting["by_round"], [rates[n] for n in range(3)])
        rows = self.rows()
        self.assertEqual(len(rows), 2 * 2 * 2)          # the twin's, too
        self.assertEqual({row["server"]["threads"] for row in rows},
                         {1 + int(workers["chosen"])})  # its census in models.def
        return workers["chosen"]

    def test_a_campaign_runs_with_what_was_best_and_goes_on_with_it(self):
        done = run(*PLAN, "--results", self.results)
        self.assertEqual(done.returncode, 0, done.stderr)
        chosen = self.chosen_workers()
        for text in (done.stdout, done.stderr):
            self.assertRegex(" ".join(text.split()), "(?i)tuned: half_sync_half_async "
                             rf"--workers {chosen} \(default \d+\): ")
        before = self.manifest()["tuned"]
        trials = self.folder() / "trials.jsonl"
        trials.write_text("".join(lines(trials)[:3]))
        done = run("--resume", self.folder())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.manifest()["tuned"], before)
        self.assertEqual(self.chosen_workers(), chosen)

    def stopped(self, how, trials, *arguments):
        """Ended by this signal in its sweep, once that has so many trials; its exit code."""
        running = subprocess.Popen([COMPARE, *arguments], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.addCleanup(running.wait)
        self.addCleanup(running.kill)
        limit = time.monotonic() + 60
        while self.trials_kept() < trials and time.monotonic() < limit:
            time.sleep(0.02)
        running.send_signal(how)
        code = running.wait()
        self.assertNotIn("tuned", self.manifest())
        self.assertEqual(self.rows(), [])
        self.assertIn(self.trials_kept(), range(trials, TRIALS))
        return code

    def trials_kept(self):
        sweep = list(self.results.glob("*/tuning.jsonl"))
        return sweep[0].read_bytes().count(b"\n") if sweep else 0

    def test_a_sweep_that_was_killed_or_interrupted_goes_on_where_it_was(self):
        self.stopped(signal.SIGKILL, 2, *PLAN, "--results", self.results)
        sweep = self.folder() / "tuning.jsonl"
        kept = sweep.read_bytes()
        kept = kept[:kept.rfind(b"\n") + 1]
        sweep.write_bytes(kept + b'{"schema_version": 1, "mod')
        code = self.stopped(signal.SIGINT, 4, "--resume", self.folder())
        self.assertEqual(code, 130)
        self.assertTrue(self.manifest()["partial"])
        done = run("--resume", self.folder())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(sweep.read_bytes().startswith(kept))
        self.chosen_workers()
        self.assertFalse(self.manifest()["partial"])

    def test_a_disk_that_fills_up_in_the_sweep_is_said_and_it_goes_on(self):
        brief = [word if word != "800ms" else "100ms" for word in PLAN]
        self.assertEqual(run(*brief, "--results", self.results).returncode, 0)
        sizes = [len(line) for line in lines(self.folder() / "tuning.jsonl")]
        room = max((self.folder() / "manifest.json").stat().st_size + 2000, 3 * max(sizes))
        self.assertGreater(sum(sizes), 1.5 * room)
        shutil.rmtree(self.results)
        full = subprocess.run(
            [COMPARE, *brief, "--results", self.results], capture_output=True, text=True,
            timeout=120, preexec_fn=lambda: resource.setrlimit(     # as a full disk does
                resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY)))
        self.assertEqual(full.returncode, 1, full.stderr)
        self.assertIn(os.strerror(errno.EFBIG), full.stderr)
        kept = lines(self.folder() / "tuning.jsonl")
        self.assertTrue(1 <= len(kept) < TRIALS, len(kept))
        self.assertEqual(self.rows(), [])
        self.assertNotIn("tuned", self.manifest())
        done = run("--resume", self.folder())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(lines(self.folder() / "tuning.jsonl")[:len(kept)], kept)
        self.assertEqual(len(self.rows("tuning.jsonl")), TRIALS)

    def test_the_sweep_and_its_time_are_told_before(self):
        plain = [option for option in PLAN if option != "--tune"]
        texts = [run(*plan, "--dry-run").stdout for plan in (plain, PLAN)]
        self.assertNotIn("tunes", texts[0])
        self.assertRegex(texts[1], r"by requests per second, one knob at a time.* 0:1[5-9]:")
        self.assertRegex(texts[1], "--workers 1 \\(default\\), 4, 16: half_sync")
        self.assertIn("--buffer 16 KiB (default), 4 KiB, 64 KiB: half_sync", texts[1])

    def test_a_budget_holds_the_sweep(self):
        plan = [*LOAD, "--models", "half_sync_half_async", "--no-aa", "--dry-run"]
        done = run(*plan, "--budget", "8s")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--budget 8.00 s: tuning and three rounds of this plan take ",
                      done.stderr)
        self.assertRegex(run(*plan, "--budget", "60s").stdout, r"about (0:5\d|1:00) in all")

    def test_workers_for_all_contradict_it(self):
        done = run("--tune", "--workers", "3", "--dry-run")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--workers: --tune finds the best of each model; leave out one",
                      done.stderr)


if __name__ == "__main__":
    unittest.main()

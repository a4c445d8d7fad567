#!/usr/bin/python3
"""The files of a load say what its JSON says, to those who read them elsewhere: the log to
HdrHistogram's own reader (Debian: libhdrhistogram-java), the .hgrm text as it writes it."""

import csv
import io
import json
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import load_rows
from load_rows import PATIENCE, bucket_of, put, random_counts, row_of, run, serve

READER = pathlib.Path(__file__).with_name("hdr_reader.java")
JAR = "/usr/share/java/hdrhistogram.jar"
FLAGS = ("--hgrm", "--hdr-log")
NOBODY = "unix:///no/server"  # whoever gets so far as to connect says exit code 3


def read_logs(*files):
    """One reading of each: Java starts once for all of them."""
    java = shutil.which("java") or "/usr/bin/java"
    done = subprocess.run([java, "-cp", JAR, READER, *files], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE)
    if done.returncode != 0:
        raise AssertionError(f"HdrHistogram's reader: {done.stderr}")
    readings = [json.loads(line) for line in done.stdout.splitlines()]
    if [reading["file"] for reading in readings] != [str(file) for file in files]:
        raise AssertionError(f"not one interval in each of {files}")
    return readings


class InAFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.hgrm = self.folder / "latency.hgrm"
        self.log = self.folder / "latency.hlog"
        self.files = ("--hgrm", self.hgrm, "--hdr-log", self.log)

    def assert_same_distribution(self, ours, theirs):
        """The same text, but for the last digit where Java rounds halves up and C to
        even."""
        ours, theirs = ours.splitlines(), theirs.splitlines()
        self.assertEqual(len(ours), len(theirs))
        for our, their in zip(ours, theirs):
            if our == their:
                continue
            self.assertEqual(len(our), len(their), (our, their))
            our, their = our.split(), their.split()
            units = [10 ** -len(word.strip("],").partition(".")[2])
                     if "." in word else 0 for word in their]
            self.assertEqual(len(our), len(their))
            for word, other, unit in zip(our, their, units):
                if word != other:
                    self.assertGreater(unit, 0, (our, their))
                    self.assertAlmostEqual(float(word.strip("],")),
                                           float(other.strip("],")), delta=1.01 * unit
                                           + 1e-15 * abs(float(other.strip("],"))))

    def assert_same_histogram(self, row, reading):
        """Of a row without overflow."""
        latency = row["latency_ns"]
        self.assertEqual(reading["histogram"], row["histogram"])
        self.assertEqual(reading["n"], latency["n"])
        self.assertEqual(reading["digits"], 3)
        self.assertIsNone(reading["tag"])
        self.assertEqual(reading["max"], bucket_of(latency["max"])[1])
        self.assertEqual(reading["min"], bucket_of(latency["min"])[0])
        # Java's mean takes the middle of a bucket, off by half its width: 1/2048 at most.
        self.assertAlmostEqual(reading["mean"], latency["mean"],
                               delta=latency["mean"] / 2048 + 1e-6)
        for name, least in load_rows.ENOUGH.items():
            if latency["n"] < least:
                self.assertIsNone(latency[name])
                continue
            found = load_rows.quantiles(latency, row["histogram"], name)
            self.assertIn(latency[name], found)
            self.assertIn(min(reading[name], latency["max"]), found)


class Files(InAFolder):
    def test_a_load_comes_back_from_its_log_as_its_json_has_it(self):
        began = time.time()
        done = run("--json", "-q", "-c", 4, "-n", 5000, "-w", "50ms", *self.files,
                   serve(self))
        ended = time.time()
        row = json.loads(done.stdout)
        self.assertEqual(row["latency_ns"]["n"], 5000, done.stderr)
        self.assertEqual(row["latency_ns"]["overflow"], 0)
        [reading] = read_logs(self.log)
        self.assert_same_histogram(row, reading)
        self.assert_same_distribution(self.hgrm.read_text(), reading["distribution"])
        self.assertLessEqual(began - 0.001, reading["start_ms"] / 1e3)
        self.assertLessEqual(reading["end_ms"] / 1e3, ended + 0.002)
        self.assertAlmostEqual(reading["start_ms"] / 1e3, row["started_unix_seconds"],
                               delta=0.002)  # both are cut to milliseconds
        self.assertAlmostEqual((reading["end_ms"] - reading["start_ms"]) / 1e3,
                               row["seconds"], delta=0.002)
        self.assertEqual(sorted(self.folder.iterdir()), [self.hgrm, self.log])

    def through_the_files(self, rows):
        """(JSON, .hgrm, reading) of each row, written by --merge of it alone."""
        written = []
        for i, row in enumerate(rows):
            part = put(self.folder / f"{i}.json", row)
            log, hgrm = part.with_suffix(".hlog"), part.with_suffix(".hgrm")
            done = run("--json", "--hgrm", hgrm, "--hdr-log", log, "--merge", part)
            self.assertTrue(done.stdout, done.stderr)
            written.append((json.loads(done.stdout), hgrm.read_text(), log))
        readings = read_logs(*(log for _, _, log in written))
        return [(row, text, reading)
                for (row, text, _), reading in zip(written, readings)]

    def test_every_histogram_comes_back_bucket_for_bucket(self):
        generator = random.Random(1)
        bounds = {bucket_of(max(0, (1 << bits) + near))[end]: 1
                  for bits in range(37) for near in (-1, 0, 1) for end in (0, 1)}
        counts = [{}, {0: 1}, {2047: 3}, {2048: 1, 2051: 1}, {2 ** 37 - 1: 7}, bounds,
                  {value: 1 for value in range(3000)}, {5: 2 ** 47, 80_000: 3},
                  *(random_counts(generator, generator.randint(1, 400))
                    for _ in range(20))]
        for row, text, reading in self.through_the_files(map(row_of, counts)):
            with self.subTest(n=row["latency_ns"]["n"]):
                self.assert_same_histogram(row, reading)
                self.assert_same_distribution(text, reading["distribution"])

    def test_what_is_beyond_the_range_counts_at_the_maximum(self):
        greatest = (2 ** 37, 2 ** 40 + 12345, 2 ** 63 - 1)
        rows = [row_of({70_000: 400, value: 1}) for value in greatest]
        for value, (row, text, reading) in zip(greatest, self.through_the_files(rows)):
            with self.subTest(greatest=value):
                self.assertEqual(row["latency_ns"]["overflow"], 1)
                self.assertEqual(reading["histogram"],
                                 [*row["histogram"], [*bucket_of(value), 1]])
                self.assertEqual(reading["max"], bucket_of(value)[1])
                self.assert_same_distribution(text, reading["distribution"])

    def test_the_distribution_is_in_whole_nanoseconds_of_microseconds(self):
        [(row, text, _)] = self.through_the_files([row_of({1234: 3, 56_789: 1})])
        lines = [line.split() for line in text.splitlines()]
        self.assertEqual(lines[0], ["Value", "Percentile", "TotalCount",
                                    "1/(1-Percentile)"])
        self.assertEqual(lines[2], ["1.234", "0.000000000000", "3", "1.00"])
        upper = bucket_of(56_789)[1] / 1000
        self.assertIn([f"{upper:.3f}", "1.000000000000", "4"], lines)
        self.assertEqual(row["latency_ns"]["max"], 56_789)

    def test_an_interrupted_load_leaves_its_files(self):
        load = subprocess.Popen([load_rows.BIN / "echo_load", "--json", "-d", "10m", "-w",
                                 "0", *map(str, self.files), serve(self)], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for line in load.stderr:
            if "measuring" in line:
                break
        load.send_signal(signal.SIGINT)
        out, _ = load.communicate(timeout=PATIENCE)
        self.assertEqual(load.returncode, 130)
        row = json.loads(out)
        self.assertTrue(row["partial"])
        [reading] = read_logs(self.log)
        self.assertEqual(reading["histogram"], row["histogram"])


class Paths(InAFolder):
    def test_one_that_cannot_be_written_is_a_usage_error_before_the_load(self):
        wrong = [("", "is no file"), (self.folder, "no regular file"),
                 ("/dev/null", "no regular file"),
                 (self.folder / "none" / "x", "No such file or directory")]
        for flag in FLAGS:
            for path, reason in wrong:
                with self.subTest(flag=flag, path=path):
                    done = run("-q", flag, path, NOBODY)
                    self.assertEqual(done.returncode, 2, done.stderr)
                    for word in (flag, f"'{path}'", reason):
                        self.assertIn(word, done.stderr)
        done = run("--hgrm", self.log, "--hdr-log", self.log, NOBODY)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--hdr-log", done.stderr)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_load_that_fails_leaves_what_was_there(self):
        self.hgrm.write_text("older")
        self.assertEqual(run("-q", *self.files, NOBODY).returncode, 3)
        self.assertEqual(self.hgrm.read_text(), "older")
        self.assertEqual(list(self.folder.iterdir()), [self.hgrm])

    def test_a_file_that_was_there_is_replaced(self):
        self.hgrm.write_text("older")
        part = put(self.folder / "a.json", row_of({7: 500}))
        self.assertEqual(run("--hgrm", self.hgrm, "--merge", part).returncode, 0)
        self.assertIn("Percentile", self.hgrm.read_text())
        self.assertEqual(sorted(self.folder.iterdir()), [part, self.hgrm])


class Csv(InAFolder):
    @staticmethod
    def only_row(text):
        [row] = csv.DictReader(io.StringIO(text), strict=True)
        return row

    def test_a_load_is_one_row_below_the_names(self):
        done = run("--csv", "-q", "-c", 3, "-n", 500, "-w", 0, serve(self))
        self.assertEqual(len(done.stdout.splitlines()), 2)
        row = self.only_row(done.stdout)
        self.assertEqual((row["requests"], row["connections"]), ("500", "3"))
        self.assertEqual(row["errors_reset"], "0")

    def test_the_row_says_what_the_json_says(self):
        part = row_of({1000: 300, 2500: 100})
        part |= {"verdict": "FAILED", "reason": 'was "reset",\n and lost'}
        path = put(self.folder / "a.json", part)
        row = self.only_row(run("--csv", "--merge", path).stdout)
        told = json.loads(run("--json", "--merge", path).stdout)
        self.assertEqual(row["reason"], told["reason"])
        self.assertIn('"reset",\n', row["reason"])
        for name in ("seconds", "requests", "requests_per_second", "verdict"):
            self.assertEqual(row[name], str(told[name]))
        for name in ("mean", "min", "p50", "p90", "p99", "max"):
            self.assertEqual(row[f"latency_{name}_ns"], str(told["latency_ns"][name]))
        self.assertEqual(row["latency_p999_ns"], "")  # too few
        self.assertEqual(row["datagrams_sent"], "")
        self.assertEqual(row["server"], told["plan"]["server"])

    def test_is_not_together_with_json(self):
        done = run("--csv", "--json", NOBODY)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("--csv", done.stderr)
        self.assertIn("--json", done.stderr)


if __name__ == "__main__":
    unittest.main()

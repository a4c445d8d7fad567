#!/usr/bin/python3
"""echo_load --merge: what several did at once is one load, added up exactly; what is no
such thing is refused by the name of the file and the member."""

import copy
import json
import pathlib
import random
import subprocess
import tempfile
import time
import unittest

import load_rows
import schemas
from load_rows import put, random_counts, row_of, run, serve

FREE = {"seed", "server", "connections", "part"}
KINDS = ("altered", "duplicated", "dropped", "swapped", "unasked", "refused", "truncated",
         "stalled", "silent")
OF_THE_SUM = {"connections", "threads", "requests"}


def added(*histograms):
    sums = {}
    for histogram in histograms:
        for lower, upper, count in histogram:
            sums[lower, upper] = sums.get((lower, upper), 0) + count
    return [[*bounds, sums[bounds]] for bounds in sorted(sums)]


def jain(counts):
    return sum(counts) ** 2 / (len(counts) * sum(count ** 2 for count in counts))


class InAFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def put(self, *rows):
        return [put(self.folder / f"{name}.json", row) for name, row in zip("abcdef", rows)]

    def merged(self, *rows):
        done = run("--json", "--merge", *self.put(*rows))
        self.assertTrue(done.stdout, done.stderr)
        merged = schemas.parse(done.stdout)
        schemas.check(self, "load", merged, whole=False)
        return merged

    def assert_refused(self, done, *words):
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def assert_is_the_sum(self, merged, parts):
        for name in ("requests", "connected"):
            self.assertEqual(merged[name], sum(part[name] for part in parts))
        for name in merged["errors"]:
            self.assertEqual(merged["errors"][name],
                             sum(part["errors"].get(name, 0) for part in parts))
        latency = merged["latency_ns"]
        parts_of_it = [part["latency_ns"] for part in parts]
        for name in ("n", "sum", "overflow"):
            self.assertEqual(latency[name], sum(part[name] for part in parts_of_it))
        self.assertEqual(latency["max"], max(part["max"] for part in parts_of_it))
        self.assertEqual(latency["min"],
                         min(part["min"] for part in parts_of_it if part["n"] > 0))
        self.assertEqual(latency["mean"], latency["sum"] / latency["n"])
        self.assertEqual(merged["histogram"], added(*(part["histogram"] for part in parts)))
        for name, least in load_rows.ENOUGH.items():
            if latency["n"] < least:
                self.assertIsNone(latency[name])
            else:
                self.assertIn(latency[name],
                              load_rows.quantiles(latency, merged["histogram"], name))
        self.assertEqual(merged["seconds"], max(part["seconds"] for part in parts))
        self.assertAlmostEqual(merged["requests_per_second"],
                               sum(part["requests"] / part["seconds"] for part in parts),
                               delta=1e-9 * merged["requests_per_second"])
        per_client = sum((part["fairness"]["requests_per_client"] for part in parts), [])
        self.assertEqual(merged["fairness"]["requests_per_client"], per_client)
        self.assertAlmostEqual(merged["fairness"]["jain"], jain(per_client))
        self.assertEqual(merged["fairness"]["starved"], per_client.count(0))


class Sums(InAFolder):
    def test_two_loads_of_two_servers_are_one(self):
        servers = [serve(self), serve(self, "thread_per_client")]
        lines = self.folder / "intervals"
        parts = []
        for i, server in enumerate(servers):
            done = run("--json", "-q", "-c", 3 + i, "-d", "300ms", "-w", "50ms", "--seed",
                       i + 1, "--intervals", lines, server)
            parts.append(json.loads(done.stdout))
            schemas.check_lines(self, "interval", lines.read_text().splitlines())
        self.assertGreater(min(part["requests"] for part in parts), 0)
        merged = self.merged(*parts)
        for row in (*parts, merged):
            schemas.check(self, "load", row)
        self.assert_is_the_sum(merged, parts)
        cores = sum(part["client"]["cpu_cores_used"] * part["seconds"] for part in parts)
        self.assertAlmostEqual(merged["client"]["cpu_cores_used"],
                               cores / merged["seconds"], places=9)
        self.assertEqual(merged["started_unix_seconds"], parts[0]["started_unix_seconds"])
        self.assertEqual([part["server"] for part in merged["merged_from"]], servers)
        self.assertEqual([part["requests"] for part in merged["merged_from"]],
                         [part["requests"] for part in parts])
        self.assertEqual([part["file"] for part in merged["merged_from"]],
                         [str(self.folder / name) for name in ("a.json", "b.json")])
        for name, value in parts[0]["plan"].items():
            if name in OF_THE_SUM:
                value = sum(part["plan"][name] for part in parts)
            self.assertEqual(merged["plan"][name], value, name)

    def test_any_histograms_are_added_bucket_for_bucket(self):
        generator = random.Random(1)
        for _ in range(30):
            parts = [row_of(random_counts(generator, generator.randint(0, 300), 39))
                     for _ in range(generator.randint(1, 5))]
            for part in parts:
                part["seconds"] = generator.choice((0.5, 2.0, 2.25))
                part["requests_per_second"] = part["requests"] / part["seconds"]
                kinds = KINDS if generator.random() < 0.5 else ()  # none: an older file
                part["errors"] = {name: generator.randrange(9)
                                  for name in (*part["errors"], *kinds)}
            if any(part["requests"] for part in parts):
                self.assert_is_the_sum(self.merged(*parts), parts)

    def test_datagrams_are_added(self):
        endpoint = serve(self, "udp_iterative")
        parts = [json.loads(run("--json", "-q", "-c", 2, "-n", 300, "-w", 0,
                                endpoint).stdout) for _ in range(2)]
        parts[1]["datagrams"] |= {"late": 3, "duplicated": 4, "reordered": 5}
        schemas.check(self, "load", parts[0])
        for name, value in self.merged(*parts)["datagrams"].items():
            self.assertEqual(value, sum(part["datagrams"][name] for part in parts), name)
            self.assertTrue(value > 0 or name.startswith("lost"), name)

    def test_two_parts_of_an_open_loop_share_its_arrivals_and_are_one(self):
        moment = f"{time.time() + 1.5:.3f}"
        endpoint = serve(self)
        loads = [subprocess.Popen(
            [load_rows.BIN / "echo_load", "--json", "-q", "-c", "4", "-R", "400", "-d",
             "500ms", "-w", "50ms", "--part", f"{k}/2", "--start-at", moment, endpoint],
            stdout=subprocess.PIPE, text=True) for k in (1, 2)]
        parts = [json.loads(load.communicate(timeout=60)[0]) for load in loads]
        merged = self.merged(*parts)
        schemas.check(self, "load", parts[0])
        self.assert_is_the_sum(merged, parts)
        for name in ("arrivals", "dropped", "unfinished", "backlog_growth"):
            self.assertEqual(merged["offered"][name],
                             sum(part["offered"][name] for part in parts), name)
        for name in ("service", "blocked", "lag", "connect", "first_byte", "close"):
            self.assertEqual(merged["histograms"][name],
                             added(*(part["histograms"][name] for part in parts)), name)
            self.assertEqual(merged[f"{name}_ns"]["sum"],
                             sum(part[f"{name}_ns"]["sum"] for part in parts), name)
        # 400/s for half a second, in two halves; 5 standard deviations of a Poisson count.
        self.assertAlmostEqual(merged["offered"]["arrivals"], 200, delta=5 * 200 ** 0.5)

    def test_classes_of_two_parts_are_added_one_by_one(self):
        moment = f"{time.time() + 1.5:.3f}"
        endpoint = serve(self)
        loads = [subprocess.Popen(
            [load_rows.BIN / "echo_load", "--json", "-q", "-d", "500ms", "-w", "50ms",
             "--part", f"{k}/2", "--start-at", moment, "--class", "good:c=4,R=400",
             "--class", "idle:c=20", "--class", f"churn:c={1 + k},n=5,end=rst", endpoint],
            stdout=subprocess.PIPE, text=True) for k in (1, 2)]
        parts = [json.loads(load.communicate(timeout=60)[0]) for load in loads]
        self.assertGreater(min(part["classes"][1]["requests"] for part in parts), 0)
        merged = self.merged(*parts)
        for row in (*parts, merged):
            schemas.check(self, "load", row)
        self.assert_is_the_sum(merged, parts)
        self.assertEqual(merged["class"], parts[0]["class"])
        self.assertEqual([its["class"] for its in merged["classes"]],
                         [its["class"] for its in parts[0]["classes"]])
        self.assertAlmostEqual(merged["offered"]["arrivals"], 200, delta=5 * 200 ** 0.5)
        self.assertFalse([text for text in merged["warnings"] if "in common" in text])
        for place, connections in enumerate((40, 5)):
            its = merged["classes"][place]
            one_by_one = [part["classes"][place] for part in parts]
            self.assertEqual(its["plan"], one_by_one[0]["plan"] |
                             {"connections": connections, "threads": 2})
            self.assertEqual(its["connected"], connections)
            self.assertEqual(its["requests"], sum(one["requests"] for one in one_by_one))
            self.assertEqual(its["parts"], [sum(counts) for counts in
                                            zip(*(one["parts"] for one in one_by_one))])
            self.assertEqual(its["client"]["memory_bytes"],
                             sum(one["client"]["memory_bytes"] for one in one_by_one))
            self.assertEqual(its["histogram"],
                             added(*(one["histogram"] for one in one_by_one)))
            self.assertEqual(its["histograms"]["connect"],
                             added(*(one["histograms"]["connect"] for one in one_by_one)))
        files = self.put(*parts)
        table = run("--merge", *files).stdout
        self.assertIn("idle: 40 of 40 connections held", table)
        self.assertIn("connections in 5 places, 0 failed", table)
        self.refuses_what_is_no_part_of_it(*parts)

    def refuses_what_is_no_part_of_it(self, one, other):
        self.assert_refused(run("--merge", *self.put(one, other | {"classes": []})),
                            "b.json: classes: 0 ", "2")
        for place, member, value in (("plan", "pipeline", 7), ("plan", "on_busy", "drop"),
                                     ("class", "kind", "active"), ("class", "name", "x")):
            changed = copy.deepcopy(other)
            changed["classes"][1][place][member] = value
            self.assert_refused(run("--merge", *self.put(one, changed)),
                                f"b.json: classes[1].{place}", str(value))

    def test_parts_of_one_load_are_all_there_once_and_of_one_schedule(self):
        rows = [row_of({1000: 400}, part=k, parts=3) for k in (1, 2, 3)]
        self.assertEqual(self.merged(*rows)["warnings"], [])
        self.assertIn("2 of 3 parts", self.merged(*rows[:2])["warnings"][0])
        self.assert_refused(run("--merge", *self.put(rows[0], rows[1], rows[1])),
                            "c.json: plan.part is 2", "b.json")
        rows[1]["plan"]["seed"] = 5
        self.assert_refused(run("--merge", *self.put(*rows)), "b.json: plan.seed is 5")

    def test_windows_of_different_moments_are_a_warning(self):
        rows = [row_of({1000: 400}) for _ in range(2)]  # 2 s each
        rows[1]["started_unix_seconds"] += 0.15
        self.assertEqual(self.merged(*rows)["warnings"], [])
        rows[1]["started_unix_seconds"] += 0.35
        self.assertIn("1.50 s of 2.00 s in common", self.merged(*rows)["warnings"][0])

    def test_no_warning_of_a_part_is_lost(self):
        rows = [row_of({1000: 400}) for _ in range(2)]
        rows[1]["warnings"] = ["others used its CPUs"]
        self.assertEqual([text.removeprefix(str(self.folder) + "/")
                          for text in self.merged(*rows)["warnings"]],
                         ["b.json: others used its CPUs"])

    def test_the_windows_parts_are_added(self):
        rows = [row_of({1000: 400}) | {"parts": [400 - k] + [0] * 62 + [k]} for k in (1, 2)]
        self.assertEqual(self.merged(*rows)["parts"], [797] + [0] * 62 + [3])
        rows[1]["parts"][5] = 1
        self.assert_refused(run("--merge", *self.put(*rows)), "b.json: parts: 401 in all")

    def test_gets_of_one_body_are_one_load_and_of_two_are_none(self):
        asked = {"protocol": "http", "payload_bytes": 0, "http": {"get": "/a.html"}}
        parts = [row_of({1000: 400}, **asked) | {"reply_body_bytes": 612}
                 for _ in range(2)]
        merged = self.merged(*parts)
        self.assertEqual(merged["reply_body_bytes"], 612)
        self.assertEqual(merged["plan"]["http"], {"get": "/a.html"})
        said = run("--merge", *self.put(*parts)).stdout
        self.assertIn("200 and 612 B for each GET", said)
        parts[1]["reply_body_bytes"] = 613
        self.assert_refused(run("--merge", *self.put(*parts)), "b.json",
                            "reply_body_bytes", "613", "612")

    def test_the_table_has_the_sum_and_its_parts(self):
        files = self.put(row_of({1000: 400}), row_of({3000: 300}))
        done = run("--merge", *files)
        self.assertEqual(done.returncode, 0, done.stderr)
        for text in ("merged from 2", *map(str, files), "4 connections", "2 threads",
                     "350 requests/s", "700 verified", "VALID"):
            self.assertIn(text, done.stdout)

    def test_no_verdict_gets_better(self):
        parts = [row_of({1000: 400}) for _ in range(3)]
        parts[1] |= {"verdict": "CLIENT-BOUND", "reason": "one core"}
        done = run("--json", "--merge", *self.put(*parts))
        self.assertEqual(done.returncode, 5)
        row = json.loads(done.stdout)
        self.assertEqual(row["verdict"], "CLIENT-BOUND")
        self.assertIn("b.json: one core", row["reason"])
        parts[2] |= {"verdict": "CORRUPT", "reason": "a wrong byte", "partial": True}
        parts[2]["errors"]["mismatch"] = 1
        row = self.merged(*parts)
        self.assertEqual((row["verdict"], row["partial"]), ("CORRUPT", True))
        self.assertIn("c.json: a wrong byte", row["reason"])

    def test_the_sum_is_judged_as_well(self):
        part = row_of({1000: 400})
        part["client"]["cpu_cores_used"] = 0.99
        self.assertEqual(self.merged(part, part)["verdict"], "CLIENT-BOUND")


class Refusals(InAFolder):
    def test_unlike_plans_by_the_member_that_differs(self):
        other = {"workload": "open", "threads": 2, "cpus": [1], "warm_up_seconds": 1.0,
                 "duration_seconds": 3.0, "requests": 5, "payload_bytes": 65,
                 "pipeline": 2, "protocol": "work", "timeout_seconds": 1.0,
                 "datagram_timeout_seconds": 0.1, "rate_per_second": 7,
                 "work": {"block_ns": 0, "compute_ns": 1000, "heavy_compute_ns": 0,
                          "heavy_share": 0}, "http": {"get": "/a"},
                 "server": "udp://127.0.0.1:7007"}
        usual = row_of({1000: 400})
        self.assertEqual(set(usual["plan"]) - set(other), FREE - {"server", "part"})
        for name, value in other.items():
            for rows in ((usual, row_of({1000: 400}, **{name: value})),
                         (row_of({1000: 400}, **{name: value}), usual)):
                with self.subTest(member=name):
                    self.assert_refused(run("--merge", *self.put(*rows)), "b.json",
                                        "a.json", f"plan.{name} ",
                                        json.dumps(value, separators=(",", ":"))
                                        if rows[0] is usual else "")

    def test_but_not_what_may_differ(self):
        rows = [row_of({1000: 400}), row_of({1000: 400}, seed=2,
                                            server="unix:///tmp/other",
                                            per_client=[100, 100, 200])]
        self.assertEqual(self.merged(*rows)["plan"]["connections"], 5)

    def test_a_member_that_is_missing_or_wrong_by_its_name(self):
        row = row_of({1000: 400, 2500: 1})
        wrong = {("latency_ns", "sum"): 5, ("latency_ns", "n"): 400,
                 ("latency_ns", "min"): 999, ("latency_ns", "max"): 1000,
                 ("latency_ns", "overflow"): 1, ("requests",): 400,
                 ("requests_per_second",): 201, ("seconds",): 3.0,
                 ("schema_version",): 2, ("verdict",): "FINE", ("partial",): 0,
                 ("histogram",): [[1000, 1001, 400]], ("errors", "reset"): -1,
                 ("fairness", "requests_per_client"): [1, 2],
                 ("started_unix_seconds",): "now", ("plan", "server"): "nowhere",
                 ("plan", "connections"): 0, ("plan", "work"): {"compute_ns": 5}}
        for path, value in wrong.items():
            for broken in (self.with_value(row, path, value), self.without(row, path)):
                with self.subTest(path=path):
                    self.assert_refused(run("--merge", *self.put(broken)), "a.json: ",
                                        path[-1] if "value" in broken else path[0])

    @staticmethod
    def with_value(row, path, value):
        row = copy.deepcopy(row)
        place = row
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value
        return row

    @staticmethod
    def without(row, path):
        row = copy.deepcopy(row)
        place = row
        for name in path[:-1]:
            place = place[name]
        del place[path[-1]]
        return row

    def leaves(self, value, path=()):
        yield path
        items = value.items() if isinstance(value, dict) else enumerate(value) \
            if isinstance(value, list) else ()
        for name, part in items:
            yield from self.leaves(part, (*path, name))

    def test_anything_at_any_place_is_one_line_and_never_a_crash(self):
        row = row_of({1000: 400, 2500: 1, 2 ** 38: 1}, per_client=[402],
                     http={"get": "/"},
                     work={"compute_ns": 0, "block_ns": 0, "heavy_share": 0.0,
                           "heavy_compute_ns": 0})
        for path in self.leaves(row):
            for value in (None, -1, 1.5, 1e300, 2 ** 48 + 1, 2 ** 64 - 1, "é\n", [], {}):
                broken = self.with_value({"": row}, ("", *path), value)[""]
                done = run("--merge", *self.put(broken))
                self.assertIn(done.returncode, (0, 1, 2, 4, 5, 6, 7), (path, value))
                if done.returncode == 2:
                    self.assert_refused(done, "a.json: ")

    def test_a_file_that_was_cut_off(self):
        text = json.dumps(row_of({1000: 400}))
        path = self.folder / "a.json"
        for length in range(0, len(text), 37):
            path.write_text(text[:length])
            self.assert_refused(run("--merge", path), "a.json")

    def test_files_that_are_no_parts(self):
        [path] = self.put(row_of({1000: 400}))
        self.assert_refused(run("--merge", path, path), "--merge", "a.json", "twice")
        self.assert_refused(run("--merge", self.folder / "none"), "--merge", "none")
        self.assert_refused(run("--merge", self.folder), "--merge", str(self.folder))
        merged = self.merged(row_of({1000: 400}))
        self.assert_refused(run("--merge", *self.put(merged)), "a.json", "merged_from")

    def test_options_of_a_load(self):
        [path] = self.put(row_of({1000: 400}))
        self.assert_refused(run("--merge", path, "-c", 5), "--merge", "--connections")
        self.assert_refused(run("tcp://127.0.0.1:1", "--merge", path), "--merge", "server")


if __name__ == "__main__":
    unittest.main()

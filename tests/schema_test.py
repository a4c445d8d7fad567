#!/usr/bin/python3
"""results/schema says what the results hold: the committed campaigns, and the campaigns
that other tests make up, are so, and the report takes whatever is so. That what the programs
write is so, is held wherever a test reads it (schemas.py).
"""

import copy
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import experiment_campaigns
import schemas
from report_campaigns import failed, manifest, run, trial, watched, write

TOP = pathlib.Path(__file__).resolve().parent.parent
REFERENCE = TOP / "results" / "reference"
sys.path.insert(0, str(TOP / "scripts"))

from report import (cautions, claims, data, exports, findings, summary,  # noqa: E402
                    tables)


def rows_of(folder):
    return gzip.decompress((folder / "trials.jsonl.gz").read_bytes()).decode().splitlines()


def a_row():
    """One with all that this version writes of a closed loop over streams."""
    row = watched(trial("epoll_level", 16, 0, 0), connections=[8, 8])
    row["errors"] |= dict.fromkeys(("altered", "duplicated", "dropped", "swapped", "unasked",
                                    "refused", "truncated", "stalled", "silent"), 0)
    row["latency_ns"] |= {"sum": 16_000_000_000, "overflow": 0}
    row["server"] |= {"kernel_bytes": 70_000}
    row["client"] |= {"memory_bytes": 2752}
    return row | {
        "at": 16, "load": "16 active", "connections": 16, "requests_per_connection": None,
        "excluded": None, "offered_per_second": None, "connected": 16,
        "company_failed": None, "load_seed": 7, "machine": {
            "busy_cores": 1.9, "client_cores": .9, "cpu_ns_per_request": 9000.0}, "parts": [1562] * 64, "slowest_at_seconds": .25,
        "connect_ns": {"n": 16, "p50": 31000.0, "p99": None, "max": 90000.0},
        "noise": {"seconds": 1.0, "threads": 1, "cpus": 1, "waited_seconds": .01,
                  "ran_seconds": .9, "involuntary_switches": 3, "stolen_seconds": .0,
                  "others_seconds": .02},
        "littles_law": {"places": 16, "outstanding": 15.9, "tolerance": .1},
        "client_ceiling": {"requests_per_second": 3e5, "n": 3, "least": 2.9e5, "most": 3.1e5,
                           "made": "in this campaign", "share": .33}}


def members(schema, place=()):
    """(path, its schema) of every member that is described, files that are referred to
    included."""
    schema = resolved(schema)
    for name, member in schema.get("properties", {}).items():
        yield (*place, name), member
        yield from members(member, (*place, name))
    for one in schema.get("anyOf", ()):
        yield from members(one, place)


def resolved(schema, depth=0):
    """What a reference leads to; those within a file are to be absolute."""
    reference = schema.get("$ref", "")
    if not reference or depth > 9:
        return schema
    name, _, pointer = reference.partition("#")
    found = json.loads((schemas.FOLDER / name).read_text("utf-8"))
    absolute(found, name)
    for part in filter(None, pointer.split("/")):
        found = found[part]
    return resolved(found, depth + 1)


def absolute(value, name):
    if isinstance(value, dict):
        if value.get("$ref", "").startswith("#"):
            value["$ref"] = name + value["$ref"]
        for member in value.values():
            absolute(member, name)
    elif isinstance(value, list):
        for element in value:
            absolute(element, name)


def described(name):
    """{path: its schema} of a file."""
    return dict(members({"$ref": f"{name}.json"}))


def is_nullable(member):
    schema = resolved(member)
    kinds = schema.get("type", [])
    return "null" in ([kinds] if isinstance(kinds, str) else kinds) or any(
        is_nullable(one) for one in schema.get("anyOf", ()))


class Schemas(unittest.TestCase):
    def test_each_stands_in_the_guide(self):
        guide = (TOP / "results" / "README.md").read_text("utf-8")
        for path in sorted(schemas.FOLDER.iterdir()):
            self.assertIn(f"`schema/{path.name}`", guide)

    def test_every_member_is_either_always_written_or_says_when_it_is_not(self):
        for name in ("trial", "manifest"):
            required = resolved({"$ref": f"{name}.json"})["required"]
            for (member, *below), its in described(name).items():
                said = its.get("description", "") + resolved(its).get("description", "")
                if not below and member not in required:
                    self.assertRegex(said, "absent|only in", f"{name}: {member}")

    def test_the_committed_campaigns_are_so(self):
        folders = sorted(path.parent for path in REFERENCE.glob("*/manifest.json"))
        self.assertGreater(len(folders), 5)
        for folder in folders:
            with self.subTest(folder.name):
                about = schemas.parse((folder / "manifest.json").read_text("utf-8"))
                schemas.check(self, "manifest", about, whole=False)
                seen = set()
                for line in rows_of(folder):
                    row = schemas.parse(line)
                    kind = row["model"], row["verdict"], row["series"] is None \
                        if "series" in row else None
                    if kind not in seen:        # all others are like one of these
                        seen.add(kind)
                        schemas.check(self, "trial", row, whole=False)
                self.assertGreaterEqual(len(seen), 6)

    def test_the_campaigns_that_tests_make_up_are_so(self):
        given = {"clients": 16, "round_": 0, "order": 3}
        line = trial("epoll_level", **given)
        for row in (line, watched(copy.deepcopy(line)),
                    failed("select_loop", **given)):
            schemas.check(self, "trial", row, whole=False)
        schemas.check(self, "manifest", manifest(["a"], [1, 16], 3), whole=False)
        with tempfile.TemporaryDirectory() as folder:
            for name in ("churn", "overload", "transports"):
                made = experiment_campaigns.write(pathlib.Path(folder) / name, name,
                                                  rounds=1, watch=True)
                schemas.check(self, "manifest", json.loads(
                    (made / "manifest.json").read_text("utf-8")), whole=False)
                for text in (made / "trials.jsonl").read_text("utf-8").splitlines()[:9]:
                    schemas.check(self, "trial", json.loads(text), whole=False)


class Faults(unittest.TestCase):
    def setUp(self):
        self.row = a_row()
        schemas.check(self, "trial", self.row)

    def wrong(self, **changes):
        return schemas.faults("trial", self.row | changes)

    def test_a_member_that_is_not_described_is_noticed(self):
        self.assertIn("of_tomorrow", " ".join(self.wrong(of_tomorrow=1)))
        for name in ("server", "series", "fairness", "client", "latency_ns", "errors",
                     "connect_ns"):
            found = self.wrong(**{name: {**self.row[name], "of_tomorrow": 1}})
            self.assertTrue(found and found[0].startswith(name), (name, found))

    def test_a_member_that_is_not_written_any_more_is_noticed(self):
        for name in ("ended", "parts", "excluded", "server"):
            less = {key: value for key, value in self.row.items() if key != name}
            self.assertIn(f"'{name}' is a required", " ".join(schemas.faults("trial", less)))
            self.assertEqual(schemas.faults("trial", less, whole=False), [])

    def test_wrong_kinds_and_ranges_are_noticed(self):
        latency = self.row["latency_ns"]
        for changes in ({"verdict": "FINE"}, {"seconds": -1}, {"seconds": "1"},
                        {"requests": 1.5}, {"round": None}, {"warnings": "none"},
                        {"parts": [0] * 63}, {"histogram": [[1, 2]]},
                        {"latency_ns": {**latency, "p50": "fast"}},
                        {"latency_ns": {**latency, "n": -1}},
                        {"server": {**self.row["server"],
                                    "thread_cpu_seconds": [1.0] * 65}}):
            self.assertTrue(self.wrong(**changes), changes)

    def test_a_fault_at_the_end_of_a_long_list_is_noticed(self):
        buckets = [[n, n, 1] for n in range(1000)]
        self.assertEqual(self.wrong(histogram=buckets), [])
        self.assertTrue(self.wrong(histogram=[*buckets, [1, 2, -1]]))

    def test_nan_is_no_json(self):
        for constant in ("NaN", "Infinity", "-Infinity"):
            self.assertRaises(ValueError, schemas.parse, f'{{"seconds": {constant}}}')


class TheReport(unittest.TestCase):
    """It takes what the schemas take."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def told(self, about, rows):
        """All that it says in words and tables, and the exports."""
        campaign = data.load(write(self.folder, about, rows))
        for say in (findings.sentences, cautions.sentences, cautions.warnings,
                    claims.outcomes,
                    tables.summary, tables.costs, tables.of_latency, tables.of_resources,
                    exports.csv, exports.markdown, exports.google_benchmark):
            say(campaign)
        schemas.check(self, "summary", schemas.parse(summary.as_json(campaign)))

    def test_whatever_may_be_null_is_no_figure_and_no_error(self):
        about, row = manifest(["epoll_level"], [16], 1), a_row()
        rows = [row, {**row, "model": "select_loop"}]
        paths = [path for path, member in described("trial").items()
                 if is_nullable(member) and path[0] in row]
        self.assertGreater(len(paths), 15)
        self.assertIn(("server",), paths)
        self.assertIn(("latency_ns", "p99"), paths)
        for path in paths:
            with self.subTest(path):
                without = copy.deepcopy(rows)
                for one in without:
                    place = one
                    for name in path[:-1]:
                        place = place[name]
                    place[path[-1]] = None
                schemas.check(self, "trial", without[0])
                self.told(about, without)

    def test_what_older_files_lack_is_no_error(self):
        row = a_row()
        for name in row.keys() - {"model", "clients", "round", "verdict"}:
            with self.subTest(name):
                less = {key: value for key, value in row.items() if key != name}
                self.told(manifest(["epoll_level"], [16], 1), [less])

    def test_all_null_at_once_has_a_page(self):
        row = a_row()
        for path, member in described("trial").items():
            if len(path) == 1 and path[0] in row and is_nullable(member):
                row[path[0]] = None
        schemas.check(self, "trial", row)
        write(self.folder, {**manifest([row["model"]], [16], 1),
                                        "floor": None}, [row])
        done = run(self.folder)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


class Export(unittest.TestCase):
    def exported(self, folder):
        done = subprocess.run([TOP / "scripts" / "export", folder, "--json"], timeout=120,
                              capture_output=True, text=True, check=True)
        found = schemas.parse(done.stdout)
        schemas.check(self, "summary", found)
        return found

    def test_what_is_exported_of_a_committed_campaign_is_so(self):
        for name in ("churn", "catalogue"):
            found = self.exported(REFERENCE / name)
            names = {metric for point in found["points"] for metric in point["metrics"]}
            self.assertLessEqual(names, found["units"].keys())
            self.assertLessEqual({"requests_per_second", "latency_p999_ns"}, names)
            self.assertEqual("connections_per_second" in names, name == "churn")


if __name__ == "__main__":
    unittest.main()

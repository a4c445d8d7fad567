#!/usr/bin/python3
"""The report's summary: percentiles and what stands in place of one, errors by kind, and
what a server makes and holds for its connections. On campaigns whose truth is known."""

import csv
import io
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import unittest

import experiment_campaigns as campaigns
import report_campaigns
import schemas
from report_campaigns import failed, manifest, trial, write

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "scripts"))

from report import data, experiment_figures, figures, summary, tables  # noqa: E402

TOO_FEW = "n too small"


class SummaryTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name) / "results"

    def read(self, *rows, models=("epoll_level",)):
        return data.load(write(self.folder, manifest(list(models), [4], 3), rows))

    def cells(self, campaign, table=tables.summary):
        """{(model, level): {header: Cell}}"""
        made = table(campaign)
        heads = [text for text, _ in made.headers]
        return {(model, at): dict(zip(heads, cells, strict=True))
                for model, at, cells in made.rows}

    def export(self, form):
        return subprocess.run([TOP / "scripts" / "export", self.folder, form], check=True,
                              capture_output=True, text=True, timeout=60).stdout


def sparse(samples, round_=0, **members):
    """A trial of so few responses, all of them between 1 and 2 µs."""
    line = trial("epoll_level", 4, round_, round_, rate=max(samples, 8.0))
    line["histogram"] = [[1000, 1999, samples]] if samples else []
    enough = {"p50": 6, "p90": 36, "p99": 368, "p999": 3688}
    line["latency_ns"] |= {
        "n": samples, **{p: 1999 if samples >= n else None for p, n in enough.items()},
        "max": 1960 + round_, **members}
    return line


class Percentiles(SummaryTest):
    def test_too_few_replies_are_said_and_none_is_a_dash(self):
        for samples, wanted in (
                (4000, ["2.00 µs"] * 4), (400, ["2.00 µs"] * 3 + [TOO_FEW]),
                (40, ["2.00 µs"] * 2 + [TOO_FEW] * 2), (0, ["–"] * 4)):
            cells = self.cells(self.read(sparse(samples)))["epoll_level", 4]
            found = [cells[p].text.replace("\u202f", " ")
                     for p in ("p50", "p90", "p99", "p99.9")]
            self.assertEqual(found, wanted, samples)
            self.assertEqual([cells[p].value is None for p in ("p99", "p99.9")],
                             [text[0] in "n–" for text in wanted[2:]])

    def test_rounds_support_one_together_that_none_supports_alone(self):
        campaign = self.read(*[sparse(200, r) for r in range(3)])
        cells = self.cells(campaign)["epoll_level", 4]
        self.assertEqual(cells["p99"].value, 1999)
        self.assertEqual(cells["max"].value, 1962)
        rounds = self.cells(campaign, tables.of_latency)["epoll_level", 4]
        self.assertEqual(rounds["p99 of the rounds"].text, TOO_FEW)

    def test_without_histograms_the_figures_of_the_rounds_are_taken(self):
        rows = [sparse(4000, r, p99=1900 + r, p999=None) | {"histogram": None}
                for r in range(3)]
        cells = self.cells(self.read(*rows))["epoll_level", 4]
        self.assertEqual((cells["p99"].value, cells["p99.9"].text), (1901, TOO_FEW))

    def test_it_is_said_in_the_page_and_in_both_exports(self):
        self.read(sparse(40))
        done = report_campaigns.run(self.folder)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        page = (self.folder / "report.html").read_text("utf-8")
        table = re.search(r'id="summary-table".*?</table>', page, re.S)[0]
        self.assertEqual(table.count(f'<td data-v="">{TOO_FEW}</td>'), 2)
        self.assertIn("n too small: too few replies support that percentile", page)
        self.assertIn(f"| {TOO_FEW} |", self.export("--markdown"))
        told = schemas.parse(self.export("--json"))
        schemas.check(self, "summary", told)
        (point,) = told["points"]
        self.assertEqual(point["metrics"]["latency_p99_ns"] | {"n": 0}, {
            "n": 0, "median": None, "low_95": None, "high_95": None, "least": None,
            "most": None, "is_bound": False, "reason": TOO_FEW})
        self.assertEqual(point["metrics"]["latency_p50_ns"]["reason"],
                         "fewer than 6 rounds: no interval")

    def test_of_connecting_it_is_said_as_well(self):
        for n, wanted in ((16, TOO_FEW), (0, "–")):
            line = sparse(40) | {"connect_ns": {"n": n, "p50": None, "p99": None, "max": 9}}
            cells = self.cells(self.read(line), tables.of_connecting)["epoll_level", 4]
            self.assertEqual(cells["connect p99"].text, wanted)


class Errors(SummaryTest):
    def test_they_are_counted_by_kind_over_all_trials_failed_ones_included(self):
        bad = failed("epoll_level", 4, 1, 1)
        bad["errors"] = dict.fromkeys(tables.ERRORS, 0) | {"reset": 3, "lost_replies": 2}
        worse = failed("epoll_level", 4, 2, 2, "CORRUPT")
        worse["errors"] = dict.fromkeys(tables.ERRORS, 0) | {"reset": 1, "mismatch": 5}
        campaign = self.read(trial("epoll_level", 4, 0, 0), bad, worse)
        cell = self.cells(campaign)["epoll_level", 4]["errors"]
        self.assertEqual((cell.text, cell.value), ("11", 11))
        self.assertEqual(cell.note, "4 reset, 5 wrong bytes, 2 lost replies")

    def test_none_is_a_number_and_not_known_is_a_dash(self):
        line = trial("epoll_level", 4, 0, 0)
        self.assertEqual(self.cells(self.read(line))["epoll_level", 4]["errors"].text, "0")
        cell = self.cells(self.read(line | {"errors": None}))["epoll_level", 4]["errors"]
        self.assertEqual((cell.text, cell.value), ("–", None))

    def test_why_a_model_has_no_figures_is_exported(self):
        self.read(trial("epoll_level", 4, 0, 0), failed("select_loop", 4, 0, 1),
                  models=("epoll_level", "select_loop"))
        points = {p["model"]: p for p in json.loads(self.export("--json"))["points"]}
        self.assertEqual((points["select_loop"]["metrics"], points["select_loop"]["reason"]),
                         ({}, "the server ended with signal 11"))
        self.assertIsNone(points["epoll_level"]["reason"])


class Columns(SummaryTest):
    def test_those_that_the_page_may_hide_are_there_and_marked(self):
        report_campaigns.campaign(self.folder, {"epoll_level": {}, "select_loop": {}})
        self.assertEqual(report_campaigns.run(self.folder).returncode, 0)
        page = (self.folder / "report.html").read_text("utf-8")
        head = re.search(r'id="summary-table".*?</thead>', page, re.S)[0]
        marked = re.findall(r"<th[^>]* data-more[^>]*>([^<]+)</th>", head)
        self.assertEqual(marked, ["p90", "p99.9", "max", "errors"])
        self.assertEqual(page.count(" data-more"), 4, "and in no other table")
        self.assertNotIn("hidden", re.search(r'id="summary-table".*?</table>', page,
                                             re.S)[0])


class Connections(SummaryTest):
    def churn(self, **given):
        return data.load(campaigns.write(self.folder, "churn", **given))

    def test_their_rate_is_that_of_the_requests_over_those_of_a_connection(self):
        campaign = self.churn(rounds=3)
        for (model, at), point in campaign.points.items():
            rates = [t.number("requests_per_second") / at for t in point.trials]
            self.assertEqual(point.spread("connections_per_second").median,
                             statistics.median(rates), (model, at))

    def test_it_has_a_figure_where_connections_are_brief(self):
        figure = experiment_figures.connection_rate(self.churn(rounds=2))
        self.assertEqual(figure.name, "connection_rate")
        shown = {(model, at): cells[2].value for model, at, cells in figure.table.rows}
        self.assertEqual(set(shown), {(m, at) for m in campaigns.MODELS
                                      for at in (1, 10, 100)})
        for model in campaigns.MODELS:
            self.assertIn(f'id="connection_rate-{model}"', figure.svg)
        for name in ("payload", "burst"):       # the one stays, the other's is not recorded
            other = data.load(campaigns.write(self.folder / name, name, rounds=2))
            self.assertIsNone(experiment_figures.connection_rate(other))

    def test_it_is_a_bound_where_the_client_was_the_limit(self):
        self.churn(rounds=6)
        path = self.folder / "trials.jsonl"
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        path.write_text("".join(json.dumps(line | ({"verdict": "CLIENT-BOUND"} if
                                line["model"] == "uring" else {})) + "\n"
                                for line in lines), "utf-8")
        figure = experiment_figures.connection_rate(data.load(self.folder))
        series = re.search(r'(?s)<g id="connection_rate-uring".*?(?=<g id="connection_rate-|'
                           r"$)", figure.svg)[0]
        self.assertIn('class="bound"', series)
        self.assertIn("lower bounds", figure.answer)
        rows = list(csv.DictReader(io.StringIO(self.export("--csv"), newline="")))
        bounds = {row["model"]: row["is_bound"] for row in rows
                  if (row["metric"], row["at"]) == ("connections_per_second", "1")}
        self.assertEqual((bounds["uring"], bounds["select_loop"]), ("1", "0"))


class Resources(SummaryTest):
    def test_threads_processes_and_descriptors_are_drawn_against_the_clients(self):
        report_campaigns.realistic(self.folder)
        campaign = data.load(self.folder)
        figure = figures.resources_by_clients(campaign)
        shown = {(model, at): [cell.value for cell in cells[2:]]
                 for model, at, cells in figure.table.rows}
        self.assertEqual(shown["thread_per_client", 256], [1, 257, 262])
        self.assertEqual(shown["fork_per_client", 16], [17, 17, 22])
        self.assertEqual(len(shown), 18)
        for value in ("257 threads", "257 processes", "262 descriptors"):
            self.assertIn(f"256 clients: {value}<", figure.svg)
        self.assertEqual(figure.svg.count('class="name"'), 2 * 6, "one list of names")
        self.assertNotIn('class="leader"', figure.svg, "names of several panels")

    def test_one_level_is_no_line(self):
        report_campaigns.campaign(self.folder, {"epoll_level": {}}, (4,))
        self.assertIsNone(figures.resources_by_clients(data.load(self.folder)))


class Units(unittest.TestCase):
    def test_they_follow_from_the_names(self):
        for member, wanted in (
                ("latency_p99_ns", "ns"), ("server_pss_bytes_per_client", "B"),
                ("requests_per_second", "requests/s"), ("fairness_jain", "1"),
                ("connections_per_second", "connections/s"), ("clients_starved", "clients"),
                ("switches_per_request", "switches/request")):
            self.assertEqual(summary.unit(member), wanted, member)


if __name__ == "__main__":
    unittest.main()

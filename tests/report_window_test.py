#!/usr/bin/python3
"""The figures of what happened inside the measured window, of who got what, and the knee
of throughput, on campaigns whose truth is known."""

import math
import pathlib
import re
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET

import experiment_campaigns
import report_campaigns
from report_campaigns import INTERVAL, INTERVALS, manifest, trial, watched, write

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "scripts"))

from report import (data, figures, knee, marks, moments, sharing,  # noqa: E402
                    sharing_figures, window_figures, window_panels)
from report.point import Point  # noqa: E402
from report.trial import Trial  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
STALL = (9, 10)                             # intervals: 0.45 s to 0.55 s


class WindowTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def campaign(self, truths, rounds=3, edit=lambda line: line, family="external"):
        """truths: {model: (what trial() is given, what watched() is)}"""
        lines = [edit(watched(trial(model, 16, round_, 0, **given), **more))
                 for round_ in range(rounds) for model, (given, more) in truths.items()]
        about = manifest(list(truths), [16], rounds)
        for row in about["models"]:
            row["family"] = family
        return data.load(write(self.folder, about, lines))

    def stalled(self):
        return self.campaign({"steady": ({}, {}), "stalls": ({}, {"stall": STALL})})


def rows(figure):
    """{(model, second column): values of the others}"""
    return {(cells[0].text, cells[1].text): [cell.value for cell in cells[2:]]
            for _, _, cells in figure.table.rows}


def parts(figure, model, name, panel=""):
    """The elements of a part of a model's series."""
    group = next(g for g in ET.fromstring(figure.svg).iter(SVG + "g")
                 if g.get("id") == f"{figure.name}-{model}{panel}")
    return [g for g in group if name in g.get("class", "").split()]


def titles(elements):
    return [title.text.replace("\u202f", " ") for e in elements
            for title in e.iter(SVG + "title")]


def path_of(element):
    return [(float(x), float(y)) for x, y in re.findall(
        r"(-?[\d.]+) (-?[\d.]+)", element.find(f".//{SVG}path").get("d"))]


# -- moment by moment --------------------------------------------------------------------

class Moments(WindowTest):
    def test_a_stall_in_the_middle_is_seen_in_the_series(self):
        figure = window_figures.series(self.stalled())
        found = rows(figure)
        replies = found["stalls", window_figures.REPLIES.label]
        self.assertEqual([i for i, v in enumerate(replies) if v == 0], list(STALL))
        steady = found["steady", window_figures.REPLIES.label]
        self.assertEqual(len(steady), INTERVALS)
        self.assertGreater(min(steady), 0.9 * max(steady))
        p99 = found["stalls", window_figures.P99.label]
        self.assertEqual([i for i, v in enumerate(p99) if v is None], list(STALL))
        self.assertEqual([h for h, _ in figure.table.headers][2 + STALL[0]], "0.45 s")

    def test_the_stall_is_marked_where_it_is_and_the_line_goes_down_to_it(self):
        figure = window_figures.series(self.stalled())
        least, most = titles(parts(figure, "stalls", "median"))
        self.assertRegex(least, r"^around 0\.475 s: 0 replies/s ")
        self.assertIn("<title>stalls, around 0.475 s: ", figure.svg_file)
        self.assertNotIn(": 0 replies", most)
        line = path_of(parts(figure, "stalls", "line")[0])
        self.assertEqual(len(line), INTERVALS)
        lowest = max(y for _, y in line)
        self.assertEqual([i for i, (_, y) in enumerate(line) if y == lowest], list(STALL))
        steady = path_of(parts(figure, "steady", "line")[0])
        height = lowest - min(y for _, y in line)
        self.assertLess(max(y for _, y in steady), lowest - 0.7 * height)

    def test_what_hardly_differs_is_drawn_so(self):
        figure = window_figures.series(self.campaign({"a": ({}, {}), "b": ({}, {})}))
        panels = ET.fromstring(figure.svg).get("data-panels").split(";")
        self.assertEqual(len(panels), 5)
        for panel in panels:
            *_, scale, low, high = panel.split()
            if scale == "log":
                self.assertGreater(float(high), 6 * float(low))

    def test_a_percentile_that_nobody_supports_there_is_a_gap(self):
        figure = window_figures.series(self.stalled())
        line = parts(figure, "stalls", "line", "-2")[0].find(f".//{SVG}path").get("d")
        self.assertEqual(line.count("M "), 2)
        self.assertEqual(parts(figure, "steady", "line", "-2")[0].find(
            f".//{SVG}path").get("d").count("M "), 1)
        self.assertEqual(len(parts(figure, "stalls", "band", "-2")), 2)

    def test_a_moment_that_is_alone_is_drawn(self):
        pieces = window_panels.runs([1, 2, 3, 4], [None, "a", None, "b"], 0.25)
        self.assertEqual(pieces, [[(1.75, "a"), (2.25, "a")], [(3.75, "b"), (4.25, "b")]])

    def test_line_and_band_are_those_of_the_rounds(self):
        found = self.campaign({"a": ({}, {})}, rounds=5, edit=lambda t: {**t, "series": {
            **t["series"], "requests": [100 * (1 + t["round"] ** 2)] * INTERVALS}})
        (window,) = moments.windows(found, 16).values()
        for spread in window.spreads("requests"):
            self.assertEqual([round(v * INTERVAL) for v in spread[:3]], [500, 100, 1700])

    def test_p50_stands_in_where_there_are_too_few_replies(self):
        def few(line):
            line["series"]["p99_ns"] = [None] * INTERVALS
            return line
        found = self.campaign({"a": ({}, {}), "b": ({}, {})}, edit=few)
        figure = window_figures.series(found)
        self.assertIn(("a", window_figures.P50.label), rows(figure))
        self.assertNotIn("p99", figure.answer)
        self.assertIn("p99", window_figures.series(self.stalled()).answer)

    def test_failures_are_drawn_where_there_are_any(self):
        def failing(line):
            if line["model"] == "b":
                line["series"]["errors"][4] = 7
            return line
        truths = {"a": ({}, {}), "b": ({}, {})}
        figure = window_figures.series(self.campaign(truths, edit=failing))
        self.assertEqual(list(map(round, rows(figure)["b", window_figures.ERRORS.label])),
                         [0] * 4 + [round(7 / INTERVAL)] + [0] * 15)
        self.assertNotIn("failed", window_figures.series(self.campaign(truths)).answer)

    def test_what_was_not_looked_at_has_no_panel(self):
        def blind(*names):
            def edit(line):
                return {**line, "series": {**line["series"], **dict.fromkeys(names)}}
            return self.campaign({"a": ({}, {})}, edit=edit)
        seen = [window_figures.REPLIES, window_figures.P99]
        held = "server_rss_bytes", "server_threads"
        for absent, more in ((held[:1], [window_figures.CORES, window_figures.THREADS]),
                             ((*held, "server_cores"), [])):
            figure = window_figures.series(blind(*absent))
            self.assertEqual([what for _, what in rows(figure)],
                             [measure.label for measure in [*seen, *more]])
            self.assertEqual(figure.svg.count('class="panel"'), 2 + len(more))

    def test_resources_are_those_of_the_rows(self):
        found = rows(window_figures.series(self.campaign(
            {"a": ({"threads": 5, "cpu_ns": 4000, "rate": 100_000}, {})})))
        self.assertEqual(found["a", window_figures.THREADS.label], [5] * INTERVALS)
        for value in found["a", window_figures.CORES.label]:
            self.assertAlmostEqual(value, 0.4, delta=0.02)
        memory = found["a", window_figures.RESIDENT.label]
        self.assertAlmostEqual(memory[-1] - memory[0], 19 * 4096 / 2 ** 20)

    def test_many_models_have_their_lines_and_those_in_colour_their_rows(self):
        names = [f"m{i}" for i in range(20)]
        truths = {m: ({"cpu_ns": 3000 + i}, {}) for i, m in enumerate(names)}
        found = self.campaign(truths, rounds=2, family="one")
        figure = window_figures.series(found)
        self.assertEqual({m for m, _ in rows(figure)}, found.chosen)
        self.assertLess(len(found.chosen), len(names))
        for model in names:
            self.assertEqual(len(parts(figure, model, "line")), 1)
            self.assertEqual(len(parts(figure, model, "band")), model in found.chosen)


class Reading(WindowTest):
    def window(self, member, seconds, most=moments.MOMENTS):
        line = {**trial("a", 4, 0, 0), "seconds": seconds, "series": member}
        return moments.window(Point("a", 4, [Trial(line)]), most)

    def test_a_last_interval_that_is_shorter_has_its_own_rate(self):
        found = self.window({"interval_seconds": 0.1, "requests": [100, 100, 60]}, 0.26)
        self.assertEqual([round(s.median) for s in found.spreads("requests")],
                         [1000, 1000, 1000])

    def test_a_rest_that_is_very_short_belongs_to_the_last(self):
        member = {"interval_seconds": 0.1, "requests": [100, 100, 3],
                  "p99_ns": [5, 6, 900], "max_ns": [7, 8, 900], "server_threads": [1, 2, 3]}
        found = self.window(member, 0.203)
        self.assertEqual(len(found), 2)
        self.assertEqual(round(found.spreads("requests")[1].median), 1000)
        for name, value in (("p99_ns", 6), ("max_ns", 900), ("server_threads", 3)):
            self.assertEqual(found.spreads(name)[1].median, value, name)

    def test_long_windows_are_joined_and_nothing_is_lost(self):
        count = 12_000
        rows_ = [[[40, 9], [44 + i % 3, 1]] for i in range(count)]
        found = self.window({
            "interval_seconds": 0.05, "requests": [10] * count, "buckets": rows_,
            "p99_ns": [None] * count, "p50_ns": [1100] * count,
            "server_cores": [i % 2 for i in range(count)]}, 600.0)
        self.assertEqual(len(found), moments.MOMENTS)
        self.assertEqual({round(s.median) for s in found.spreads("requests")}, {200})
        self.assertEqual(sum(sum(found.replies(i).values()) for i in range(60)),
                         10 * count)
        for spread in found.spreads("server_cores"):
            self.assertAlmostEqual(spread.median, 0.5)
        for spread in found.spreads("p99_ns"):      # the last of the slow tenth
            self.assertTrue(2 ** (46 / 4) <= spread.median <= 2 ** (47 / 4))
        for spread in found.spreads("p50_ns"):
            self.assertTrue(2 ** (40 / 4) <= spread.median <= 2 ** (41 / 4))

    def test_a_percentile_lies_in_its_bucket_in_proportion(self):
        half = moments.percentile({8: 100, 12: 100}, 0.25)
        self.assertAlmostEqual(half, 2 ** (8.5 / 4))
        self.assertIsNone(moments.percentile({8: 367}, 0.99))
        self.assertIsNone(moments.percentile({}, 0.5))

    def test_members_of_the_wrong_kind_are_as_if_absent(self):
        good = watched(trial("a", 4, 0, 0))
        for odd in (None, 7, "x", ["3"], {"a": []}, True, [None] * INTERVALS,
                    [[["x", 1], [3], 7, [1e9, 2]]] * INTERVALS):
            for name in (None, *good["series"]):
                member = odd if name is None else {**good["series"], name: odd}
                lines = [{**good, "round": r, "series": member,
                          "server": {**good["server"], "thread_cpu_seconds": odd,
                                     "process_connections": odd},
                          "fairness": {"requests_per_client": odd}} for r in (0, 1)]
                with self.subTest(name=name, odd=str(odd)[:20]):
                    found = data.load(write(self.folder, manifest(["a"], [4], 2), lines))
                    windows = moments.windows(found, 4)
                    self.assertEqual(bool(windows), name not in (
                        None, "requests", "interval_seconds") or (
                        (name, odd) == ("interval_seconds", 7)))
                    if name == "buckets":
                        self.assertFalse(any(map(windows["a"].replies, range(INTERVALS))))
                    self.assertIsNone(sharing.of_threads(found.points["a", 4]))
                    self.assertEqual(sharing.of_clients(found.points["a", 4]), [])

    def test_odd_members_are_drawn_without_a_word(self):
        odd = [[["x", 1], [3], 7]] * INTERVALS
        found = self.campaign({"a": ({}, {})}, rounds=1, edit=lambda line: {
            **line, "series": {**line["series"], "buckets": odd, "p99_ns": 3,
                               "p50_ns": "x", "server_cores": {}, "server_threads": 7,
                               "server_rss_bytes": [1]}})
        self.assertIsNone(window_figures.heat_map(found))
        self.assertEqual([what for _, what in rows(window_figures.series(found))],
                         [window_figures.REPLIES.label])


# -- the map -----------------------------------------------------------------------------

class Maps(WindowTest):
    def cells(self, figure, model, place):
        """[(begin, end, height)] in shares of the panel, of the model's map."""
        root = ET.fromstring(figure.svg)
        panel = [g for g in root.iter(SVG + "g") if g.get("class") == "panel"][place]
        corners = path_of(panel[0])
        left, right = min(x for x, _ in corners), max(x for x, _ in corners)
        top, bottom = min(y for _, y in corners), max(y for _, y in corners)
        found = []
        for group in parts(figure, model, "cells"):
            for x, y, end in re.findall(r"M ([\d.]+) ([\d.]+) H ([\d.]+)",
                                        group.find(SVG + "path").get("d")):
                found.append(((float(x) - left) / (right - left),
                              (float(end) - left) / (right - left),
                              (bottom - float(y)) / (bottom - top)))
        self.assertTrue(found)
        return found

    def test_a_stall_is_a_blank_column_and_what_waited_stands_high_beside_it(self):
        figure = window_figures.heat_map(self.stalled())
        cells = self.cells(figure, "stalls", 1)
        self.assertEqual([c for c in cells if c[0] < 0.54 and c[1] > 0.46], [])
        highest = max(cells, key=lambda c: c[2])
        self.assertAlmostEqual(highest[0], 0.55, delta=0.005)
        self.assertAlmostEqual(highest[1], 0.60, delta=0.005)
        others = [c[2] for c in cells if c is not highest]
        self.assertGreater(highest[2], max(others) + 0.05)
        steady = self.cells(figure, "steady", 0)
        for i in range(INTERVALS):
            middle = (i + 0.5) / INTERVALS
            self.assertTrue(any(a < middle < b for a, b, _ in steady), middle)
        half = rows(figure)["stalls", "half within, µs"]
        self.assertEqual([i for i, v in enumerate(half) if v is None], list(STALL))

    def test_shades_are_those_of_the_shares_and_neighbours_are_one(self):
        member = {"interval_seconds": 0.5, "requests": [1000, 1000],
                  "buckets": [[[40, 900], [50, 100]], [[40, 850], [50, 150]]]}
        line = {**trial("a", 4, 0, 0), "seconds": 1.0, "series": member}
        window = moments.window(Point("a", 4, [Trial(line)]), 60)
        self.assertEqual(window_panels.cells(window),
                         {6: [[0, 1.0, 40]], 5: [[0, 1.0, 50]]})
        member["buckets"][1] = [[40, 970], [50, 30]]
        self.assertEqual(window_panels.cells(moments.window(Point("a", 4, [
            Trial({**line, "series": member})]), 60)), {
                6: [[0, 1.0, 40]], 5: [[0, 0.5, 50]], 4: [[0.5, 1.0, 50]]})
        for share, step in ((0.0005, 0), (0.001, 1), (0.05, 4), (0.1, 5), (1, 6)):
            self.assertEqual(window_panels.shade(share), step)
        self.assertEqual([window_panels.between(i) for i in (0, 3, 6)],
                         ["0 to 0.1 %", "1 to 3 %", "30 to 100 %"])

    def test_rounds_are_added_up(self):
        found = self.campaign({"a": ({}, {})}, rounds=4)
        (window,) = moments.windows(found, 16).values()
        whole = sum(n for t in found.trials for row in t.raw["series"]["buckets"]
                    for _, n in row)
        self.assertEqual(sum(sum(window.replies(i).values()) for i in range(INTERVALS)),
                         whole)

    def test_a_map_for_each_of_twelve_at_most_and_all_in_the_table(self):
        names = [f"m{i:02}" for i in range(14)]
        found = self.campaign({m: ({}, {}) for m in names}, rounds=1)
        self.assertEqual(len(found.chosen), 14)
        figure = window_figures.heat_map(found)
        self.assertEqual(figure.svg.count('class="panel"'), 12)
        self.assertEqual(len({model for model, _ in rows(figure)}), 14)
        self.assertIn("12 models in colour at first; all are in the table",
                      figure.caption)

    def test_shades_are_in_order_in_both_themes_and_known_to_the_page(self):
        for theme, paper in (("light", 1), ("dark", -1)):
            contrasts = [marks.contrast(getattr(v, theme), marks.PAPER[theme])
                         for v in marks.HEAT]
            self.assertEqual(contrasts, sorted(contrasts))
            self.assertGreater(contrasts[0], 1.2, theme)
            lightness = [marks.luminance(getattr(v, theme)) ** (1 / 3)
                         for v in marks.HEAT]
            steps = [paper * (a - b) for a, b in zip(lightness, lightness[1:])]
            self.assertLess(max(steps), 1.6 * min(steps), theme)
        svg = window_figures.heat_map(self.stalled()).svg
        for step in range(len(marks.HEAT)):
            self.assertIn(f"var(--heat{step})", svg)
            self.assertNotIn(marks.HEAT[step].light, svg)


# -- who gets what -----------------------------------------------------------------------

class Clients(WindowTest):
    def clients(self, **counts):
        """A figure of models whose clients had these requests, in two rounds."""
        lines = []
        for round_ in (0, 1):
            for model, row in counts.items():
                line = trial(model, len(row), round_, 0)
                line["fairness"].update(requests_per_client=row, starved=row.count(0))
                lines.append(line)
        found = data.load(write(self.folder, manifest(list(counts), [16], 2), lines))
        figure = sharing_figures.clients(found)
        return figure, {cells[0].text: [c.value for c in cells[1:]]
                        for _, _, cells in figure.table.rows}

    def test_one_starved_client_is_seen(self):
        figure, found = self.clients(even=[100] * 16, starves=[0] + [100] * 15)
        self.assertEqual(found["even"], [32, 1, 1, 1, 1, 1, 1, 1, 0])
        self.assertEqual(found["starves"][1], 0)
        self.assertEqual(found["starves"][-1], 1)
        self.assertAlmostEqual(found["starves"][-2], 16 / 15)
        (hollow,) = titles(parts(figure, "starves", "hollow"))
        self.assertIn("1 got no reply at all", hollow)
        self.assertEqual(parts(figure, "even", "hollow"), [])
        zero = path_of(parts(figure, "starves", "range")[0])[0][0]
        self.assertLess(zero, path_of(parts(figure, "even", "range")[0])[0][0] - 50)
        self.assertIn("1 got none", figure.svg)

    def test_quantiles_are_those_of_the_clients(self):
        _, found = self.clients(two=[50] * 8 + [150] * 8, one=[100] * 16)
        self.assertEqual(found["two"], [32, .5, .5, .5, .5, 1.5, 1.5, 1.5, 0])
        self.assertEqual(list(found), ["one", "two"], "the fairest first")

    def test_a_strip_lies_where_the_axis_says(self):
        figure, _ = self.clients(two=[50] * 8 + [200] * 8, one=[100] * 16)
        one = path_of(parts(figure, "one", "range")[0])[0][0]
        (low, _), (high, _) = path_of(parts(figure, "two", "bar")[0])
        self.assertAlmostEqual((one - low) / math.log(1 / .4),
                               (high - one) / math.log(1.6), delta=1)

    def test_a_lone_client_has_nobody_to_share_with(self):
        line = trial("a", 1, 0, 0)
        found = data.load(write(self.folder, manifest(["a"], [1], 1), [line]))
        self.assertIsNone(sharing_figures.clients(found))


class Work(WindowTest):
    def work(self, more, **given):
        found = self.campaign({m: ({"threads": 4, **given}, one)
                               for m, one in more.items()}, rounds=2)
        return sharing_figures.work_shares(found)

    def row(self, figure, model):
        return next({h: c.value for (h, _), c in zip(figure.table.headers[:-1], cells)}
                    for _, _, cells in figure.table.rows if cells[0].text == model)

    def test_one_worker_with_most_of_the_work_is_seen(self):
        cpu = 0.5                           # of 100 000 requests at 5 µs
        most = [share * cpu for share in (.9, .04, .03, .03)]
        figure = self.work({"one": {"threads": most}, "even": {"threads": [cpu / 4] * 4}})
        self.assertEqual([cells[0].text for _, _, cells in figure.table.rows],
                         ["even", "one"])
        row = self.row(figure, "one")
        for name, value in (("busiest", .9), ("second", .04), ("third", .03),
                            ("if all were equal", .25), ("threads at work", 4)):
            self.assertAlmostEqual(row[name], value, msg=name)
        for model, share in (("one", .9), ("even", .25)):
            first = path_of(parts(figure, model, "bar")[0])
            rest = path_of(parts(figure, model, "others")[0])
            width = first[1][0] - first[0][0]
            self.assertAlmostEqual(width / (rest[1][0] - first[0][0]), share, delta=.005)
            equal = path_of(parts(figure, model, "equal")[0])[0][0]
            self.assertAlmostEqual((equal - first[0][0]) / width, .25 / share, delta=.01)
        self.assertEqual(len(path_of(parts(figure, "even", "cuts")[0])), 6)

    def test_models_with_one_thread_at_work_are_not_there(self):
        figure = self.work({"one": {"threads": [.5, .001, 0, 0]},
                            "two": {"threads": [.25, .25, .001, 0]}})
        self.assertEqual(set(re.findall('data-model="([^"]*)"', figure.svg)), {"two"})
        self.assertIsNone(self.work({"one": {"threads": [.5, .001]}}))
        row = self.row(figure, "two")
        self.assertEqual((row["threads"], row["threads at work"]), (4, 2))
        self.assertEqual(row["if all were equal"], 0.5)

    def test_what_is_not_listed_is_a_part_of_the_whole(self):
        figure = self.work({"many": {"threads": [.004] * 64}}, threads=128)
        row = self.row(figure, "many")
        self.assertAlmostEqual(row["not listed"], 1 - .256 / .5)
        self.assertEqual(row["threads"], 128)
        self.assertEqual(len(parts(figure, "many", "unlisted")), 1)

    def test_connections_of_processes_are_shown_where_they_are_known(self):
        figure = self.work({"a": {"threads": [.2, .3], "connections": [12, 4]},
                            "b": {"threads": [.25, .25]}})
        row = self.row(figure, "a")
        self.assertEqual(row["most connections"], .75)
        self.assertEqual(row["processes with clients"], 2)
        self.assertIsNone(self.row(figure, "b")["most connections"])
        self.assertEqual(figure.svg.count('class="panel"'), 2)
        self.assertEqual(self.work({"b": {"threads": [.25, .25]}}).svg.count(
            'class="panel"'), 1)

    def test_shares_are_means_of_the_rounds_by_rank(self):
        shares = sharing.shares([([3, 1], 0, 0), ([1, 1], 0, 0)])
        self.assertEqual(shares[:3], ([.625, .375], 0, 2))
        self.assertIsNone(sharing.shares([([], 0, 0), ([0, 0], 0, 0)]))


# -- the knee ----------------------------------------------------------------------------

class Knee(unittest.TestCase):
    LEVELS = (1, 4, 16, 64)

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def campaign(self, levels=LEVELS, bound=(), **rates):
        truths = {model: lambda level, round_, row=row, model=model: {
            "rate": row[levels.index(level)] * 1000, "verdict":
            "CLIENT-BOUND" if (model, level) in bound else "VALID"}
            for model, row in rates.items()}
        return data.load(report_campaigns.campaign(self.folder, truths, levels))

    def knees(self, *arguments, **given):
        return {model: point.at for model, point in
                knee.find(self.campaign(*arguments, **given)).items()}

    def test_is_the_first_level_within_five_percent_of_the_most(self):
        self.assertEqual(self.knees(a=[20, 60, 96, 100], b=[20, 94, 94, 100],
                                    c=[20, 95, 100, 70], d=[50, 40, 30, 20]),
                         {"a": 16, "c": 4, "d": 1})

    def test_is_not_said_of_what_still_gains(self):
        self.assertEqual(self.knees(a=[20, 60, 90, 100]), {})

    def test_is_not_said_where_the_client_was_the_limit(self):
        for level in self.LEVELS:
            self.assertEqual(self.knees(bound={("a", level)}, a=[20, 60, 96, 100],
                                        b=[20, 60, 96, 100]), {"b": 16}, level)

    def test_is_not_said_of_two_levels(self):
        self.assertEqual(self.knees((1, 4), a=[100, 100]), {})

    def test_is_not_said_where_something_else_varies(self):
        found = data.load(experiment_campaigns.write(self.folder, "blocking_work",
                                                     rounds=1))
        self.assertEqual(knee.find(found), {})
        levels = {p.at for p in found.points.values() if not p.client_bound}
        self.assertGreaterEqual(len(levels), knee.LEVELS)

    def test_is_not_said_of_an_open_loop(self):
        found = self.campaign(a=[20, 60, 96, 100])
        self.assertEqual(len(knee.find(found)), 1)
        for line in found.trials:
            line.raw["offered_per_second"] = 1e6
        self.assertEqual(knee.find(found), {})

    def test_is_a_ring_on_the_line_and_in_words_and_table(self):
        figure = figures.throughput(self.campaign(a=[20, 60, 96, 100], b=[1, 9, 9, 9.2],
                                                  c=[1, 2, 3, 4]))
        (ring,) = parts(figure, "a", "knee")
        place = ring.find(f".//{SVG}use")
        marks = [(u.get("x"), u.get("y")) for g in parts(figure, "a", "median")
                 for u in g.iter(SVG + "use")]
        self.assertEqual(marks[2], (place.get("x"), place.get("y")))
        self.assertIn("16 clients: the knee", titles([ring])[0])
        self.assertEqual(parts(figure, "c", "knee"), [])
        self.assertIn("throughput: 4 clients for b; 16 clients for a. None for 1 model: ",
                      figure.answer)
        self.assertEqual({(cells[1].text, cells[0].text) for _, _, cells in
                          figure.table.rows if cells[-1].text == "knee"},
                         {("a", "16"), ("b", "4")})
        old = figures.throughput(self.campaign((1, 4), a=[1, 2], b=[2, 3]))
        self.assertNotIn("knee", old.answer + old.svg + str(old.table))


# -- all together ------------------------------------------------------------------------

class Page(report_campaigns.ReportTest):
    def test_a_folder_of_before_has_the_figures_of_before(self):
        report_campaigns.campaign(self.folder, {"epoll_level": {}, "thread_pool": {
            "threads": 9}})
        page = self.page()
        self.assertEqual(re.findall('<figure id="fig-([a-z_]+)"', page), [
            "cpu_per_request", "cpu_by_clients", "throughput", "ratios", "latency",
            "latency_by_throughput", "percentiles", "shares", "memory_per_client",
            "memory_by_clients", "resources_by_clients", "fairness", "clients", "drift"])

    def test_failed_trials_and_mixed_rows_are_no_hindrance(self):
        lines = [watched(trial("a", 4, 0, 0)), trial("a", 4, 1, 1),
                 report_campaigns.failed("a", 4, 2, 2) | {"series": None}]
        write(self.folder, manifest(["a"], [4], 3), lines)
        page = self.page()
        self.assertIn('id="fig-series"', page)
        self.assertIn('id="fig-heat_map"', page)


if __name__ == "__main__":
    unittest.main()

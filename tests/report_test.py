#!/usr/bin/python3
"""Promises of scripts/report.py, kept on campaigns whose truth is known: its words, its
page and its numbers."""

import html
import json
import math
import pathlib
import random
import re
import tempfile
import unittest

from report_campaigns import (CATALOGUE, FAMILY, FIGURES, HOSTILE, WITH_WORKERS,
                              ReportTest, campaign, catalogue, hostile, raw_of,
                              realistic, run, text_of)
from report import data, marks, pairing, point, units
from report.campaign import AXES


class Words(ReportTest):
    def found(self, truths, **changes):
        campaign(self.folder, truths, **changes)
        page = self.bare()
        return text_of(page, "findings"), text_of(page, "cautions")

    def test_a_factor_of_two_is_called_about_two(self):
        found, _ = self.found({
            "epoll_level": lambda c, r: {"cpu_ns": 3000 + 40 * r},
            "select_loop": lambda c, r: {"cpu_ns": 6000 + 80 * r}})
        self.assertIn("epoll_level used the least server CPU per request: 3.04 µs", found)
        self.assertIn("select_loop used about 2.00 times as much (2.00 to 2.00)", found)
        self.assertIn("1.17 times the loopback floor", found)

    def test_ratios_are_paired_by_round(self):
        found, _ = self.found({                 # the machine slows; the ratio does not
            "epoll_level": lambda c, r: {"cpu_ns": 2000 * (1 + r)},
            "select_loop": lambda c, r: {"cpu_ns": 3000 * (1 + r)}})
        self.assertIn("about 1.50 times as much (1.50 to 1.50)", found)

    def test_one_odd_round_of_nine_makes_no_tie_and_one_of_five_does(self):
        for rounds, tie in ((9, False), (5, True)):
            campaign(self.folder, {
                "epoll_level": {"cpu_ns": 5000},
                "poll_loop": lambda level, r: {"cpu_ns": 4000 if r == 2 else 6000 + 9 * r}},
                (16,), rounds)
            found = data.load(self.folder)
            a, b = (found.points[m, 16] for m in ("poll_loop", "epoll_level"))
            ratio = pairing.compare(a, b, "cpu_ns")
            self.assertEqual(ratio.tie, tie, ratio)
            self.assertEqual(ratio.low < 1, tie, ratio)

    def test_ties_are_called_ties(self):
        found, _ = self.found({
            "epoll_level": {"cpu_ns": 3000}, "poll_loop": {"cpu_ns": 3050},
            "select_loop": lambda c, r: {"cpu_ns": (2900, 3200, 3300)[r]},
            "thread_pool": {"cpu_ns": 3300}})
        self.assertIn("poll_loop and select_loop tie with it: no difference was shown",
                      found)
        self.assertIn("thread_pool used about 1.10 times", found)

    def test_client_bound_is_said_and_drawn_as_a_lower_bound(self):
        found, cautions = self.found({
            "epoll_level": {"cpu_ns": 3000, "verdict": "CLIENT-BOUND"},
            "select_loop": {"cpu_ns": 4000}})
        self.assertIn("client-bound for epoll_level (at 1 and 16)", cautions)
        self.assertNotIn("answered the most", found)
        page = self.page()
        self.assertIn("≥ 100", page)
        series = re.search(r'<g id="throughput-epoll_level".*?<g id="throughput-sel',
                           page, re.S)[0]
        self.assertIn('class="hollow"', series)
        self.assertIn('class="bound"', series)
        self.assertNotIn('class="median"', series)

    def test_waking_the_other_core_is_said_where_it_is_the_price(self):
        floor = 2600  # what campaign() writes as half a round trip, in ns
        dear = {"cpu_ns": 5 * floor}
        cheap = {"cpu_ns": 2 * floor}
        _, cautions = self.found({"epoll_level": dear, "select_loop": dear})
        self.assertIn("With 1 client every model pays at least 5", cautions)
        _, cautions = self.found({"epoll_level": dear, "select_loop": cheap})
        self.assertNotIn("With 1 client every model", cautions)

    def test_starved_is_said_and_not_ranked_first(self):
        found, _ = self.found({
            "iterative": lambda c, r: {"cpu_ns": 2000, "starved": c - 1},
            "epoll_level": {"cpu_ns": 3000}, "select_loop": {"cpu_ns": 4000}})
        self.assertIn("epoll_level used the least server CPU per request of the models "
                      "that served every client", found)
        self.assertIn("Clients were starved, left without any reply, by iterative up to "
                      "15 of 16", found)

    def test_a_workload_on_which_iterative_ties_does_not_discriminate(self):
        truths = {"iterative": {"cpu_ns": 3000}, "epoll_level": {"cpu_ns": 3000},
                  "thread_pool": {"cpu_ns": 3000}}
        self.assertIn("does not discriminate", self.found(truths)[0])
        truths["thread_pool"] = {"cpu_ns": 3300}
        self.assertNotIn("does not discriminate", self.found(truths)[0])

    def test_the_machine_is_part_of_the_caution(self):
        _, cautions = self.found({"epoll_level": {}, "select_loop": {}})
        for words in ("one core", "virtual machine (kvm)", "3 rounds are few",
                      "closed loop"):
            self.assertIn(words, cautions)

    def test_many_models_are_not_all_listed(self):
        found, _ = self.found({f"m{i}": {"cpu_ns": 3000 + 500 * i} for i in range(12)},
                              clients=[4], rounds=2)
        self.assertIn("6 more up to 2.83 times (m11)", found)


class Catalogue(ReportTest):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.whole = catalogue(pathlib.Path(temporary.name) / "results")
        done = run(cls.whole)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        cls.text = (cls.whole / "report.html").read_text("utf-8")

    def test_is_one_page_of_two_megabytes_at_most(self):
        self.assertLess(len(self.text.encode()), 2_000_000)

    def test_the_data_that_are_embedded_are_all_but_the_long_members(self):
        lines = [json.loads(line) for line in
                 (self.whole / "trials.jsonl").read_text("utf-8").splitlines()]
        embedded = raw_of(self.text)
        self.assertEqual(embedded["manifest"],
                         json.loads((self.whole / "manifest.json").read_text("utf-8")))
        for line in lines:
            del line["histogram"], line["series"], line["fairness"]["requests_per_client"]
            del line["server"]["thread_cpu_seconds"]
            del line["server"]["process_connections"]
        self.assertEqual(embedded["trials"], lines)

    def test_the_legend_has_each_family_with_its_models(self):
        legend = re.search(r'<details id="legend".*?</details>', self.text, re.S)[0]
        found = [(family, re.findall(r'data-model="(\w+)"', models)) for family, models in
                 re.findall(r'<span data-family="([\w ]+)">(.*?)</div>', legend, re.S)]
        wanted = {}
        for line in CATALOGUE.strip().split("\n"):
            name, family, *_ = line.split()
            wanted.setdefault(family.replace("_", " "), []).append(name)
        self.assertEqual(found, list(wanted.items()))

    def test_files_on_disk_are_as_clear_as_the_page(self):
        text = (self.whole / "figures" / "throughput.svg").read_text("utf-8")
        faint = re.search(r'<g id="throughput-seda".*?</g></g>', text, re.S)[0]
        self.assertIn(marks.FAINT, faint)
        self.assertNotIn(marks.mark("seda").light, text)
        self.assertIn(marks.mark("epoll_level").light, text)
        self.assertNotIn(">seda<", text)
        self.assertIn(">epoll_level<", text)

    def test_what_could_not_run_is_named_with_its_reason(self):
        self.assertIn("Not available there: uring_of_tomorrow (needs Linux 9.1, this is "
                      "6.18).", text_of(self.text, "cautions"))
        self.assertNotIn('data-model="uring_of_tomorrow"', self.text)

    def rows(self):
        """[axis, a, what it has, b, what it has, ratio at each load] of the pairs."""
        body = re.search(r'id="pairs-table".*?<tbody>(.*?)</tbody>', self.text, re.S)[1]
        return [[html.unescape(re.sub("<[^>]+>", "|", cell)).strip("|") for cell in
                 re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)]
                for row in re.findall(r"<tr.*?</tr>", body, re.S)]

    def test_pairs_differ_in_one_axis_and_name_it(self):
        of = {line.split()[0]: dict(zip(AXES, line.split()[2:]))
              for line in CATALOGUE.strip().split("\n")}
        rows = self.rows()
        self.assertTrue(20 < len(rows) < 80, len(rows))
        for axis, a, b, *_ in rows:
            (a, has_a), (b, has_b) = (re.split(r"\|+", cell) for cell in (a, b))
            self.assertEqual([x for x in AXES if of[a][x] != of[b][x]], [axis])
            self.assertEqual((has_a, has_b), (of[a][axis], of[b][axis]))
        named = {tuple(re.split(r"\|+", c)[0] for c in row[1:3]) for row in rows}
        for pair in (("fork_per_client", "thread_per_client"),
                     ("select_loop", "poll_loop"), ("select_loop", "epoll_level"),
                     ("epoll_level", "uring")):
            self.assertIn(pair, named)
        for a, b in named:              # not the same thing: one is no stream
            self.assertEqual(a.startswith("udp"), b.startswith("udp"))

    def test_pairs_have_the_ratio_of_each_load_and_none_where_clients_starve(self):
        for axis, a, b, *ratios in self.rows():
            self.assertEqual(len(ratios), 4)
            if a.startswith("epoll_level|") and b.startswith("uring|"):
                for ratio in ratios:
                    value, low, high = map(float, re.findall(r"\d\.\d+", ratio))
                    self.assertTrue(low <= value <= high and 1.0 < value < 1.15, ratio)
            if a.startswith("iterative|"):
                self.assertEqual([r for r in ratios if "starves" in r], ratios[1:])


class Page(ReportTest):
    def test_hostile_text_stays_text(self):
        hostile(self.folder)
        page_text = self.page()
        self.assertNotIn("<img", page_text)
        self.assertNotRegex(page_text, r"<script>alert")
        self.assertEqual(page_text.count("</script>"), 2)
        for mark in "\u202e\0":
            self.assertNotIn(mark, page_text)
        self.assertIn("{{ 7*7 }}", page_text)
        self.assertIn(HOSTILE[0], [t["model"] for t in raw_of(page_text)["trials"]])

    def test_same_input_same_bytes(self):
        realistic(self.folder, rounds=2)
        self.page()
        before = {p: p.read_bytes() for p in self.folder.rglob("*") if p.is_file()}
        self.assertEqual(len(before), 2 + 1 + 2 * FIGURES)
        self.page()
        self.assertEqual(before, {p: p.read_bytes() for p in before})

    def test_self_contained(self):
        realistic(self.folder)
        page = self.page()
        markup = re.sub(r' xmlns(:\w+)?="[^"]*"', "", page)
        self.assertNotRegex(markup, r"(?i)https?://|@import")
        self.assertEqual(markup.count("<link"), 1)
        for value in re.findall(r'(?:src|href|action|data)="([^"]*)"', markup):
            self.assertTrue(value.startswith(("#", "data:")), value)
        for value in re.findall(r"url\(([^)]*)\)", markup):
            self.assertTrue(value.startswith("#"), value)
        self.assertIn("default-src 'none'; style-src 'unsafe-inline'", page)
        self.assertLess(len(page.encode()), 2_000_000)

    def test_ids_are_unique_and_references_resolve(self):
        realistic(self.folder)
        page = self.page()
        ids = re.findall(r'[<\s]id="([^"]*)"', page)
        self.assertEqual(len(ids), len(set(ids)))
        wanted = re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', page)
        self.assertLessEqual({a or b for a, b in wanted}, set(ids))

    def test_every_figure_has_a_group_per_model_and_a_table(self):
        realistic(self.folder)
        page = self.page()
        figures = re.findall(r'<figure id="fig-(\w+)".*?</figure>', page, re.S)
        self.assertEqual(len(figures), FIGURES)
        for name in figures:
            for model in FAMILY if name != "work_shares" else WITH_WORKERS:
                self.assertIn(f'id="{name}-{model}"', page)
            self.assertIn(f"(results/reading.md#{name.replace('_', '-')})", page)
            png = self.folder / "figures" / f"{name}.png"
            self.assertGreater(png.stat().st_size, 5000)
        self.assertEqual(page.count("<summary>The same as a table</summary>"), FIGURES)

    def test_output_elsewhere(self):
        campaign(self.folder, {"a": {}}, clients=[1], rounds=1)
        done = run(self.folder, "--output", self.folder / "else.html")
        self.assertEqual(done.stdout.strip(), str(self.folder / "else.html"))
        self.assertFalse((self.folder / "report.html").exists())


class Numbers(unittest.TestCase):
    def test_merged_percentiles_equal_brute_force(self):
        chance = random.Random(3)
        for _ in range(50):
            rounds, everything = [], []
            for _ in range(chance.randint(1, 5)):
                values = [int(chance.lognormvariate(8, 1)) // 16 for _ in range(500)]
                counts = {v: values.count(v) for v in values}
                rounds.append([[16 * v, 16 * v + 16, n]
                               for v, n in sorted(counts.items())])
                everything += values
            everything.sort()
            merged = point.merge(rounds)
            for p in (0.5, 0.9, 0.99):
                brute = everything[math.ceil(p * len(everything) - 1e-9) - 1]
                self.assertEqual(point.percentile(merged, p), 16 * brute + 16)

    def test_unsupported_percentiles_are_not_given(self):
        self.assertIsNone(point.percentile([(1, 2, 367)], 0.99))
        self.assertEqual(point.percentile([(1, 2, 368)], 0.99), 2)
        self.assertIsNone(point.percentile([(1, 2, 3000)], 0.999))

    def test_three_significant_digits(self):
        for value, text in ((0, "0"), (3.1, "3.10"), (9.996, "10.0"), (99.96, "100"),
                            (123421, "123\u202f000"), (0.00123, "0.00123"),
                            (-2.5, "−2.50"), (999.6, "1\u202f000"), (None, "–")):
            self.assertEqual(units.sig(value), text)
        self.assertEqual(units.duration(999.9), "1.00\u202fµs")
        self.assertEqual(units.memory(1536), "1.50\u202fKiB")

    def test_every_mark_is_its_own_and_has_contrast(self):
        seen = {marks.mark(name) for name in marks.PLACES}
        self.assertEqual(len(seen), len(marks.PLACES))
        without_colour = {(mark.marker, mark.dash) for mark in seen}
        self.assertEqual(len(without_colour), len(marks.PLACES))
        for name in [*marks.PLACES, *map(str, range(200))]:
            mark = marks.mark(name)
            self.assertGreater(marks.contrast(mark.light, marks.PAPER["light"]), 3, name)
            self.assertGreater(marks.contrast(mark.dark, marks.PAPER["dark"]), 3, name)

    def test_marks_do_not_depend_on_who_else_is_there(self):
        self.assertEqual(marks.mark("epoll_level"),
                         marks.Mark(*FIXED["epoll_level"]))

    def test_text_has_contrast_in_both_themes(self):
        page = {v.name: v for v in marks.PAGE}
        for name in ("ink", "muted", "accent", "warn"):
            for paper in ("paper", "desk", "soft"):
                for theme in ("light", "dark"):
                    ratio = marks.contrast(getattr(page[name], theme),
                                           getattr(page[paper], theme))
                    self.assertGreater(ratio, 4.5, (name, paper, theme))


FIXED = {"epoll_level": ("#0a654c", "#42b992", "o", (9, 2))}

if __name__ == "__main__":
    unittest.main()

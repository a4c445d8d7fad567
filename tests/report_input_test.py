#!/usr/bin/python3
"""What scripts/report.py makes of folders that are odd, partial, failed or broken."""

import gzip
import json
import subprocess
import unittest

from report_campaigns import (REPORT, ReportTest, campaign, failed, manifest, run, text_of,
                              trial, write)
from report import data, marks, pairing


class OddCampaigns(ReportTest):
    def test_a_folder_without_axes_has_no_pairs(self):
        campaign(self.folder, {"epoll_level": {}, "select_loop": {}})
        self.assertNotIn("One idea apart", self.bare())

    def test_axes_of_the_wrong_kind_are_no_axes(self):
        about = manifest(["a", "b"], [1], 1)
        about["models"][0].update(axes=[1], unavailable_because=7)
        about["models"][1].update(axes={"unit": {"x": 1}})
        write(self.folder, about, [trial("a", 1, 0, 0), trial("b", 1, 0, 1)])
        self.assertNotIn("One idea apart", self.bare())

    def test_a_reference_loses_nothing_but_the_fineness_of_histograms(self):
        fine = [[lower, lower + 15, 2] for lower in range(16384, 32768, 16)]
        trials = [{**trial(m, 4, 0, i), "histogram": fine} for i, m in enumerate("ab")]
        write(self.folder, manifest(["a", "b"], [4], 1), trials)
        references = self.folder / "reference"
        subprocess.run([REPORT.parent / "reference", self.folder, "--to", references],
                       check=True, capture_output=True, timeout=120)
        made = references / "catalogue"         # as of before there were experiments
        old, new = data.load(self.folder), data.load(made)
        self.assertEqual([len(t.raw["histogram"]) for t in new.trials], [128, 128])
        for a, b in zip(old.trials, new.trials, strict=True):
            count = [sum(n for _, _, n in t.raw["histogram"]) for t in (a, b)]
            self.assertEqual(*count)
            for low, high, _ in b.raw["histogram"]:
                self.assertLessEqual(high - low, low / 128)
            self.assertEqual({**a.raw, "histogram": 0}, {**b.raw, "histogram": 0})
        self.assertTrue((made / "report.html").is_file())
        self.assertFalse((made / "figures").exists(), "README shows none of them")
        self.assertIn("catalogue/report.html", (references / "index.html").read_text())

    def test_a_packed_campaign_gives_the_same_page(self):
        campaign(self.folder, {"epoll_level": {"cpu_ns": 3000},
                               "select_loop": {"cpu_ns": 4000}})
        page = self.page()
        plain = self.folder / "trials.jsonl"
        packed = self.folder / "trials.jsonl.gz"
        packed.write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
        self.assertEqual(self.page(), page)

    def test_empty_says_so(self):
        write(self.folder, manifest([], [], 0), [])
        self.assertIn("No trial was recorded", text_of(self.page(), "findings"))

    def test_one_model_one_load_one_round(self):
        campaign(self.folder, {"epoll_level": {}}, clients=[1], rounds=1)
        page = self.page()
        self.assertIn("nothing is compared", text_of(page, "findings"))
        self.assertIn("One round shows no spread", text_of(page, "cautions"))

    def test_partial_run_with_a_cut_last_line(self):
        campaign(self.folder, {"epoll_level": {}, "select_loop": {}}, finished=None,
                 partial=True)
        with open(self.folder / "trials.jsonl", "ab") as file:
            file.write('{"model": "é'.encode()[:-1])
        cautions = text_of(self.bare(), "cautions")
        self.assertIn("partial run: 12 of 12", cautions)
        self.assertIn("Line 13 of trials.jsonl is cut off", cautions)

    def test_failed_trials_are_counted_and_shown_without_figures(self):
        lines = [trial("epoll_level", c, r, c + r) for c in (1, 16) for r in (0, 1)]
        lines += [failed("select_loop", 16, r, 30 + r) for r in (0, 1)]
        lines += [trial("select_loop", 1, 0, 40),
                  failed("select_loop", 1, 1, 41, "CORRUPT")]
        write(self.folder, manifest(["epoll_level", "select_loop"], [1, 16], 2), lines)
        page = self.page()
        self.assertIn("3 of 8 trials failed and count nowhere: select_loop (3)",
                      text_of(page, "cautions"))
        self.assertIn("FAILED: the server ended with signal 11", page)
        self.assertIn("At 1 client", text_of(page, "findings"))

    def test_all_failed(self):
        write(self.folder, manifest(["a"], [4], 1), [failed("a", 4, 0, 0)])
        self.assertIn("all of them failed", text_of(self.page(), "findings"))

    def test_without_floor_and_with_every_optional_member_missing(self):
        line = {"model": "a", "clients": 2, "round": 0, "verdict": "VALID",
                "requests_per_second": 10.5}
        write(self.folder, {"floor": None}, [line, {**line, "model": "b"}])
        self.assertIn("floor was not measured", text_of(self.page(), "cautions"))

    def test_members_of_the_wrong_kind_are_no_figure(self):
        line = trial("a", 2, 0, 0)
        line.update(server="x", latency_ns=[1], histogram=[[1, 2], "y", [1, 2, 0]],
                    fairness={"jain": "z", "starved": True}, warnings="no")
        write(self.folder, manifest(["a"], [2], 1), [line, {**line, "model": "b"}])
        self.page()

    def test_zero_requests_and_zero_clients_served(self):
        line = trial("a", 4, 0, 0)
        line.update(requests_per_second=0, histogram=[], latency_ns=None, fairness={
            "jain": 0, "slowest_requests": 0, "fastest_requests": 0, "starved": 4})
        line["server"].update(cpu_ns_per_request=None, pss_bytes=0)
        write(self.folder, manifest(["a"], [4], 1), [line])
        self.assertIn("up to 4 of 4", text_of(self.page(), "findings"))

    def test_the_work_that_was_asked_for_is_named_everywhere(self):
        campaign(self.folder, {"loop": {"rate": 480}, "pool": {"rate": 7000}})
        about = json.loads((self.folder / "manifest.json").read_text("utf-8"))
        about["options"].update(protocol="work", work={
            "compute_ns": 50_000, "block_ns": 2_000_000, "heavy_share": 0.01,
            "heavy_compute_ns": 1_000_000})
        (self.folder / "manifest.json").write_text(json.dumps(about), "utf-8")
        page = self.page()
        asked = "computes 50.0 µs, blocks 2.00 ms, 1.00 % compute 1.00 ms more"
        found = text_of(page, "findings")
        self.assertTrue(found.startswith(f"Each request {asked}"), found)
        self.assertLess(found.index("pool answered the most requests at 16 clients"),
                        found.index("server CPU per request:"))
        self.assertIn(f"16 clients, each request {asked}, payload",
                      page.replace("\u202f", " "))

    def test_what_was_asked_over_http_and_how_much_came_is_named_everywhere(self):
        campaign(self.folder, {"epoll_level": {}, "nginx": {}})
        about = json.loads((self.folder / "manifest.json").read_text("utf-8"))
        about["options"].update(protocol="http", payload_bytes=0, http={"get": "/<b>&x"})
        lines = [json.loads(line) for line in
                 (self.folder / "trials.jsonl").read_text("utf-8").splitlines()]
        for line in lines:
            line["reply_body_bytes"] = 1612 if line["model"] == "nginx" else 74
        write(self.folder, about, lines)
        page = self.page().replace("\u202f", " ")
        self.assertIn("GETs of /&lt;b&gt;&amp;x over HTTP/1.1, 74 to 1 612 B each; server",
                      page)
        self.assertNotIn("payload 0 B", page)
        unlike = "not equally long: 74 B from epoll_level and 1 612 B from nginx."
        self.assertIn(unlike, text_of(page, "cautions"))
        write(self.folder, about, [{**line, "reply_body_bytes": 74} for line in lines])
        page = self.page()
        self.assertIn("over HTTP/1.1, 74 B each; server", page)
        self.assertNotIn("not equally long", page)

    def test_datagrams_are_not_what_streams_are_measured_by(self):
        campaign(self.folder, {"udp": {"cpu_ns": 1000, "rate": 300000},
                               "tcp": {"cpu_ns": 3000, "rate": 90000},
                               "slow": {"cpu_ns": 9000, "rate": 30000}})
        about = json.loads((self.folder / "manifest.json").read_text("utf-8"))
        about["models"][0]["endpoint"] = "udp://127.0.0.1:0"
        (self.folder / "manifest.json").write_text(json.dumps(about), "utf-8")
        page = self.bare()
        found = text_of(page, "findings")
        self.assertIn("tcp used the least server CPU per request", found)
        self.assertIn("tcp answered the most requests", found)
        self.assertNotIn("udp", found)
        self.assertIn("udp answers in datagrams", text_of(page, "cautions"))

    def test_a_repeated_trial_counts_once(self):
        lines = [trial("a", 1, 0, 0, cpu_ns=9000), trial("a", 1, 0, 1, cpu_ns=3000)]
        write(self.folder, manifest(["a"], [1], 1), lines)
        page = self.bare()
        self.assertIn("3.00 µs", text_of(page, "findings"))
        self.assertIn("1 trial was repeated", text_of(page, "cautions"))

    def test_an_excluded_trial_is_in_no_figure_and_is_counted_in_words(self):
        lines = [trial("a", 1, 0, 0, cpu_ns=3000), trial("a", 1, 1, 1, cpu_ns=3000)]
        write(self.folder, manifest(["a"], [1], 2), lines)
        figures = data.load(self.folder).points["a", 1].spread("cpu_ns")
        self.assertNotIn("excluded", text_of(self.bare(), "cautions"))
        for round_, verdict in ((0, "NOISY"), (1, "UNSTEADY"), (1, "NOISY")):
            lines.append(trial("a", 1, round_, len(lines), cpu_ns=9e9, verdict=verdict)
                         | {"excluded": f"repeated because {verdict}"})
        write(self.folder, manifest(["a"], [1], 2), lines)
        campaign_ = data.load(self.folder)
        self.assertEqual(campaign_.points["a", 1].spread("cpu_ns"), figures)
        self.assertEqual(len(campaign_.trials), 2)
        said = text_of(self.bare(), "cautions")
        self.assertIn("3 trials are excluded and in no figure: 2 repeated because NOISY "
                      "and 1 repeated because UNSTEADY", said)
        self.assertNotIn("partial run", said)
        self.assertNotIn("disturbed by other work", said)

    def test_an_aa_pair_is_no_model_and_makes_ties(self):
        def ran(twin_ns):
            names = ["a", "b", "a(A/A)"]
            costs = {"a": [3000, 3000], "b": [3600, 3700], "a(A/A)": twin_ns}
            lines = [trial(name, 4, round_, 0, cpu_ns=costs[name][round_])
                     for round_ in (0, 1) for name in names]
            about = manifest(names, [4], 2)
            about["models"][2]["twin_of"] = "a"
            write(self.folder, about, lines)
            read = data.load(self.folder)
            self.assertEqual(read.models, ["a", "b"])
            self.assertEqual(set(read.points), {("a", 4), ("b", 4)})
            page = self.bare()
            self.assertNotIn("partial run", text_of(page, "cautions"))
            self.assertNotIn("a(A/A)", text_of(page, "findings"))
            tie = pairing.compare(read.points["b", 4], read.points["a", 4], "cpu_ns").tie
            return tie, text_of(page, "cautions")

        tie, said = ran([3000, 3060])
        self.assertFalse(tie)
        self.assertIn("At 4 clients, a against itself (A/A) used 1.01 times the CPU per "
                      "request (1.00 to 1.02): differences up to 1.02 times are ties", said)
        for twin in ([3000, 3900], [2300, 3000]):
            tie, said = ran(twin)
            self.assertTrue(tie)
            self.assertIn("differences up to 1.30 times are ties", said)

    def test_the_cpu_of_the_whole_machine_is_shown_where_it_was_recorded(self):
        lines = [trial("a", 4, r, r) for r in range(3)]
        write(self.folder, manifest(["a"], [4], 3), lines)
        self.assertNotIn("whole machine", text_of(self.bare(), "costs"))
        for r, line in enumerate(lines):
            line["machine"] = {"busy_cores": 1.5, "client_cores": .5,
                               "cpu_ns_per_request": None if r == 2 else 7100.0 + 100 * r}
        write(self.folder, manifest(["a"], [4], 3), lines)
        said = text_of(self.bare(), "costs")
        self.assertIn("whole machine /request", said)
        self.assertRegex(said, r"7\.15\sµs ?7\.10\sµs – 7\.20\sµs")

    def test_a_company_that_did_not_stay_is_said(self):
        def page(ended):
            lines = [trial(m, 4, r, 0) | {"company_failed": n if m == "select_loop" else 0}
                     for m in ("epoll_level", "select_loop") for r, n in enumerate(ended)]
            write(self.folder, manifest(["epoll_level", "select_loop"], [4], 3), lines)
            return text_of(self.bare(), "cautions")
        self.assertIn("not all of the other connections stayed with select_loop "
                      "(41 ended)", page([40, 41, 50]))
        self.assertNotIn("other connections", page([0, 0, 50]))

    def test_warnings_that_differ_in_numbers_are_one(self):
        lines = [trial("a", 1, r, r, warnings=[f"a stall of {r + 1.5} ms"])
                 for r in range(3)]
        write(self.folder, manifest(["a"], [1], 3), lines)
        said = text_of(self.bare(), "warnings")
        self.assertRegex(said, r"3a stall of 1\.5 ms \(and 2 more with other numbers\)")

    def test_what_was_excluded_does_not_stand_in_for_its_repeat(self):
        lines = [trial("a", 1, 0, 0), trial("a", 1, 1, 1, verdict="NOISY")
                 | {"excluded": "repeated because NOISY"}]
        write(self.folder, manifest(["a"], [1], 2), lines)
        self.assertEqual(list(data.load(self.folder).points["a", 1].by_round), [0])
        self.assertIn("partial run: 1 of 2", text_of(self.bare(), "cautions"))

    def test_forty_models_twelve_levels_ten_rounds(self):
        names = [*marks.PLACES, "my_server", "reference"]
        truths = {m: {"cpu_ns": 3000 + 77 * i, "rate": 90000 - 900 * i}
                  for i, m in enumerate(names)}
        campaign(self.folder, truths, clients=[2 ** i for i in range(12)], rounds=10)
        self.assertLess(len(self.page("--quiet").encode()), 12_000_000)


class BadInput(ReportTest):
    def test_missing_folder(self):
        self.refused(2, "no such folder")

    def test_missing_manifest(self):
        self.folder.mkdir()
        self.refused(2, "manifest.json", "No such file")

    def test_broken_line_is_named(self):
        campaign(self.folder, {"a": {}}, clients=[1], rounds=1)
        path = self.folder / "trials.jsonl"
        path.write_text('{"model": 1,,}\n' + path.read_text("utf-8"), "utf-8")
        self.refused(2, "trials.jsonl:1: broken JSON at column 13", "delete the line")

    def test_broken_manifest_nan_missing_member_and_newer_schema(self):
        campaign(self.folder, {"a": {}}, clients=[1], rounds=1)
        good = (self.folder / "trials.jsonl").read_text("utf-8")
        for line, word in (('{"x": NaN}', "NaN"), ('{"model": "a"}', '"clients"'), ("[1]",
                           '"model"'), (good.replace('"schema_version": 1',
                                                     '"schema_version": 2'), "is 2"),
                           (good.replace('"clients": 1,', '"clients": 0,'), "at least")):
            (self.folder / "trials.jsonl").write_text(line.strip() + "\n", "utf-8")
            self.refused(2, "trials.jsonl:1", word)
        (self.folder / "manifest.json").write_text('{\n"a":\n}', "utf-8")
        self.refused(2, "manifest.json:3: broken JSON")

    def test_wrong_usage(self):
        self.assertEqual(run(self.folder, "--colour").returncode, 2)

    def test_unwritable_output(self):
        campaign(self.folder, {"a": {}}, clients=[1], rounds=1)
        done = run(self.folder, "--output", self.folder / "no" / "page.html")
        self.assertEqual(done.returncode, 1)
        self.assertIn("--output", done.stderr)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/python3
"""The report of an experiment: its question, its answer, its claims, and its figures, on
campaigns whose truth is known."""

import csv
import html
import io
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import experiment_campaigns as campaigns
import report_campaigns

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "scripts"))

from report import (  # noqa: E402
    answer, claims, data, experiment, families, findings, words)


class ExperimentTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def made(self, name, **given):
        """A campaign of this experiment, read."""
        return data.load(campaigns.write(self.folder / name, name, **given))

    def page(self, name):
        done = report_campaigns.run(self.folder / name)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return (self.folder / name / "report.html").read_text("utf-8")

    def change(self, name, edit):
        """Every trial of the campaign, edited; those that edit returns False for go."""
        path = self.folder / name / "trials.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines
                                if edit(line) is not False))
        return data.load(self.folder / name)


def said(campaign):
    return " ".join(answer.plain(s) for s in answer.sentences(campaign))


class Reading(ExperimentTest):
    def test_levels_are_those_of_the_experiment_with_their_names(self):
        found = self.made("idle_crowd")
        self.assertEqual(found.levels, [0, 10, 100, 1000])
        self.assertEqual([found.level(at) for at in found.levels],
                         ["no idle connections", "10 idle connections",
                          "100 idle connections", "1000 idle connections"])
        self.assertEqual(found.points["uring", 1000].clients, 16)
        self.assertEqual({t.connections for t in found.points["uring", 1000].trials},
                         {1016})

    def test_levels_with_a_fraction_of_none_are_whole(self):
        self.made("idle_crowd", rounds=1)
        found = self.change("idle_crowd", lambda t: t.update(at=float(t["at"])))
        self.assertEqual(list(map(str, found.levels)), ["0", "10", "100", "1000"])
        self.assertEqual(found.level(1000.0), "1000 idle connections")

    def test_a_folder_without_an_experiment_varies_clients(self):
        report_campaigns.campaign(self.folder, {"a": {}, "b": {}}, (1, 16))
        found = data.load(self.folder)
        self.assertEqual((found.levels, found.level(1), found.level(16)),
                         ([1, 16], "1 client", "16 clients"))
        self.assertIs(found.experiment, experiment.CLIENTS)
        self.assertEqual(answer.sentences(found), [])
        self.assertEqual(claims.outcomes(found), [])

    def test_a_level_without_a_name_is_called_by_its_axis(self):
        for axis, words in (("payload, B", "payload 0.5 B"), ("clients", "0 clients"),
                            ("idle connections", "0.5 idle connections")):
            self.assertEqual(experiment.Experiment("x", axis=axis).level(.5), words)

    def test_members_of_the_wrong_kind_are_as_if_absent(self):
        for wrong in ([1], "x", 7, {"levels": 3, "claims": [1, {"less": 2}],
                                    "metric": "no_such", "scale": "round", "axis": None},
                      {"levels": [{"at": "x"}, {"at": True, "name": "y"}]}):
            with self.subTest(wrong=wrong):
                campaigns.write(self.folder / "churn", "churn", rounds=1)
                path = self.folder / "churn" / "manifest.json"
                about = json.loads(path.read_text())
                about["experiment"] = wrong
                path.write_text(json.dumps(about))
                found = data.load(self.folder / "churn")
                self.assertEqual(found.levels, [1, 10, 100])
                self.assertEqual(found.experiment.metric, "cpu_ns")
                self.assertEqual(claims.outcomes(found), [])
                self.page("churn")

    def test_the_null_responder_is_no_model(self):
        found = self.made("idle_crowd")
        self.assertNotIn("null_responder", found.models)
        self.assertNotIn("null_responder", {model for model, _ in found.points})
        self.assertEqual(sorted(found.ceiling), found.levels)
        page = self.page("idle_crowd")
        visible = re.sub(r'<script.*?</script>|<section id="environment".*?</section>', "",
                         page, flags=re.S)
        self.assertNotIn("null_responder", visible)
        self.assertIn("null_responder",
                      {t["model"] for t in report_campaigns.raw_of(page)["trials"]})
        self.assertNotIn("partial run", report_campaigns.text_of(page, "cautions"))

    def test_a_rate_near_the_ceiling_is_a_bound_in_a_closed_loop(self):
        self.made("idle_crowd", rounds=2)
        found = self.change("idle_crowd", lambda t: t.update(
            requests_per_second=.9 * campaigns.CEILING) if (
            t["model"] == "uring" and t["at"] == 10) else None)
        self.assertEqual({(p.model, p.at) for p in found.points.values()
                          if p.client_bound}, {("uring", 10)})
        self.change("idle_crowd", lambda t: t.update(offered_per_second=1e6))
        found = data.load(self.folder / "idle_crowd")
        self.assertFalse(any(p.client_bound for p in found.points.values()))

    def test_memory_is_divided_by_all_connections(self):
        found = self.made("memory", models={"uring": campaigns.MODELS["uring"],
                                            "epoll_level": campaigns.MODELS["epoll_level"]})
        each = found.points["uring", 1000].spread("pss_per_client").median
        self.assertAlmostEqual(each, 600, delta=6)

    def test_cost_of_a_connection_is_that_of_its_requests(self):
        point = self.made("churn").points["epoll_level", 10]
        self.assertAlmostEqual(point.spread("cpu_ns_per_connection").median,
                               10 * point.spread("cpu_ns").median)

    def test_slopes_are_those_of_the_law(self):
        found = self.made("memory")
        for model, law in campaigns.MODELS.items():
            slopes = list(found.slopes(model, "pss_added").values())
            self.assertEqual(len(slopes), campaigns.ROUNDS)
            self.assertAlmostEqual(sorted(slopes)[4], law.bytes_each,
                                   delta=.01 * law.bytes_each)
        kernel = found.slopes("epoll_level", "kernel_bytes")
        self.assertAlmostEqual(kernel[0], 4200)
        self.assertEqual(self.made("payload").slopes("uring", "pss_added"), {})


class Answer(ExperimentTest):
    def test_names_the_cheapest_the_dearest_and_the_baseline_with_intervals(self):
        text = said(self.made("idle_crowd"))
        self.assertRegex(text, r"^At 1000 idle connections, uring had the lowest server "
                         r"CPU per request: [34]\.\d+ µs \([34]\.\d+ µs to [34]\.\d+ µs, "
                         r"n = 8\), 0\.8\d+ times that of epoll_level \(0\.8\d+ to ")
        self.assertRegex(text, r"poll_loop had the highest .* times that of epoll_level")
        self.assertIn("iterative left clients without any reply there", text)
        self.assertRegex(text, r"The 7 models differ \(Friedman, p = \d\.?\d*e-\d+, 8 ")

    def test_ties_are_called_ties_and_alike_models_do_not_differ(self):
        alike = {m: campaigns.MODELS["epoll_level"] for m in
                 ("epoll_level", "uring", "poll_loop", "select_loop")}
        text = said(self.made("idle_crowd", models=alike))
        self.assertIn("tie with it: no difference was shown", text)
        self.assertNotRegex(text, r"<strong>|[2-9]\.\d+ times")
        self.assertRegex(text, r"The 4 models were not shown to differ \(Friedman, p = 0")

    def test_nobody_is_told_beside_a_baseline_that_starves_a_client(self):
        self.made("idle_crowd")
        text = said(self.change("idle_crowd", lambda t: t["fairness"].update(starved=1)
                                if t["model"].startswith("epoll_level") else None))
        self.assertRegex(text, "^At 1000 idle connections, uring had the lowest")
        self.assertIn("iterative and epoll_level left clients without any reply", text)
        self.assertNotIn("that of epoll_level", text)
        self.page("idle_crowd")

    def test_few_rounds_are_too_few_and_say_so(self):
        text = said(self.made("idle_crowd", rounds=3))
        self.assertIn("n = 3 is too small to show a difference", text)

    def test_six_rounds_show_a_difference_of_many_and_five_show_none(self):
        for rounds, word in ((5, "n too small"), (6, "different")):
            found = self.made("idle_crowd", rounds=rounds)
            verdicts = families.of_level(found, 1000, "cpu_ns")
            self.assertEqual(verdicts["select_loop"].word, word)
            text = said(found)
            self.assertNotRegex(text, r"(select_loop|poll_loop)[^.]* ties? with it")
            self.assertRegex(text, r"poll_loop had the highest .* times that of epoll_level "
                             r"\([45]\.\d+ to 5\.\d+\)")
            self.assertEqual("n = 5 is too small to show a difference." in text, rounds == 5)

    def test_more_is_better_where_it_is(self):
        text = said(self.made("blocking_work"))
        self.assertRegex(text, "At 10 ms blocked, (thread_pool|thread_per_client|fork_per_"
                         "client) had the highest throughput")

    def test_throughput_at_the_clients_limit_ranks_nobody(self):
        self.made("blocking_work")
        found = self.change("blocking_work", lambda t: t.update(
            verdict="CLIENT-BOUND") if t["model"] in ("uring", "thread_pool") else None)
        text = said(found)
        self.assertIn("the client was the limit for thread_pool and uring", text)
        self.assertIn("which is the best is not known", text)

    def test_levels_without_an_order_are_compared_with_the_first(self):
        found = self.made("transports")
        text = said(found)
        self.assertRegex(text, r"^epoll_level had a server CPU per request of 4\.[56]\d+ µs "
                         r"\(.*, n = 8\) at TCP over IPv4\. Over that, it had 1\.0\d* times "
                         r"\([\d.]+ to [\d.]+\), tie at TCP over IPv6 and 0\.(59|60)\d* times "
                         r"\([\d.]+ to [\d.]+\) at Unix sockets\. At ")
        self.change("transports", lambda t: t["at"] < 2 or t["model"] == "uring")
        found = data.load(self.folder / "transports")
        self.assertEqual((found.levels[-1], found.top), (2, 1))

    def test_no_headline_figure_is_no_answer(self):
        self.made("burst")
        found = self.change("burst", lambda t: t.update(connect_ns=None))
        self.assertEqual(said(found), "")
        self.page("burst")


class Claims(ExperimentTest):
    def outcomes(self, *rows, **given):
        found = self.made("idle_crowd", claims=list(rows), **given)
        return found, claims.outcomes(found)

    def test_same_order_reversed_and_not_shown(self):
        claim = campaigns.claim
        found, outcomes = self.outcomes(
            claim("a", "s", "epoll_level", "select_loop"),
            claim("b", "s", "select_loop", "epoll_level"),
            claim("c", "s", "epoll_level", "thread_pool"),
            claim("d", "s", "epoll_level", "no_such_model"),
            claim("e", "s", "epoll_level", "select_loop", at=5))
        self.assertEqual([o.word for o in outcomes], [
            "same order", "reversed", "not shown", "not measured", "not measured"])
        law = campaigns.MODELS["select_loop"]
        truth = (law.cpu_ns + law.growth_ns * 1016) / campaigns.MODELS["epoll_level"].cpu_ns
        ratio = outcomes[0].ratio
        self.assertTrue(ratio.low < truth < ratio.high, ratio)
        self.assertAlmostEqual(outcomes[1].ratio.median, 1 / ratio.median, delta=.001)
        self.assertIn("no figure of no_such_model", claims.measured(found, outcomes[3]))
        self.assertEqual(claims.tally(outcomes), "Of 5 claims: 1 in the same order, 1 "
                         "reversed, 1 not shown, 2 not measured.")

    def test_a_claim_is_looked_at_at_its_own_level(self):
        claim = campaigns.claim
        _, outcomes = self.outcomes(*[
            claim("a", "s", "epoll_level", "select_loop", at=at) for at in (0, 1000, None)])
        self.assertEqual([o.at for o in outcomes], [0, 1000, 1000])
        self.assertLess(outcomes[0].ratio.median, 1.2)
        self.assertGreater(outcomes[1].ratio.median, 3)

    def test_the_greatest_level_is_one_that_both_have(self):
        self.outcomes(campaigns.claim("a", "s", "epoll_level", "select_loop"))
        found = self.change("idle_crowd", lambda t: not (
            t["model"] == "select_loop" and t["at"] > 100))
        self.assertEqual(claims.outcomes(found)[0].at, 100)

    def test_a_bound_of_the_client_shows_an_order_only_upwards(self):
        claim = campaigns.claim
        rows = [claim("a", "s", "select_loop", "epoll_level", "rate"),
                claim("b", "s", "epoll_level", "uring", "rate"),
                claim("c", "s", "epoll_level", "select_loop", "rate")]
        self.outcomes(*rows)
        found = self.change("idle_crowd", lambda t: t.update(
            verdict="CLIENT-BOUND") if t["model"] == "epoll_level" else None)
        self.assertEqual([o.word for o in claims.outcomes(found)],
                         ["same order", "not shown", "not shown"])
        self.assertIn("≥ ", claims.measured(found, claims.outcomes(found)[0]))

    def test_what_starves_and_few_rounds_are_said_beside_it(self):
        found, outcomes = self.outcomes(
            campaigns.claim("a", "s", "iterative", "epoll_level"), rounds=3)
        text = claims.measured(found, outcomes[0])
        self.assertIn("iterative left 15 clients without any reply", text)
        self.assertIn("3 rounds only", text)
        for rounds, word in ((3, "not shown"), (5, "not shown"), (6, "same order")):
            found, outcomes = self.outcomes(
                campaigns.claim("a", "s", "epoll_level", "select_loop"), rounds=rounds)
            self.assertEqual(outcomes[0].word, word)
            self.assertIn(f"n = {rounds})", claims.measured(found, outcomes[0]))

    def test_what_is_claimed_to_be_about_the_same_is_alike_or_unlike(self):
        claim = campaigns.claim
        rows = [claim("a", "s", "epoll_level", model, at=at) | {"within": within}
                for model, at, within in (("uring", 0, 1.3), ("select_loop", 1000, 1.1),
                                          ("select_loop", 1000, 10))]
        found, outcomes = self.outcomes(*rows)
        self.assertEqual([o.word for o in outcomes], ["alike", "unlike", "alike"])
        self.assertEqual(claims.tally(outcomes), "Of 3 claims: 2 alike, 1 unlike.")
        self.assertIn("about the same is a ratio within 30 % of 1",
                      claims.measured(found, outcomes[0]))
        page = self.page("idle_crowd")
        self.assertEqual(re.findall(r'<li data-outcome="(\w+)"', page),
                         ["alike", "unlike", "alike"])
        self.assertEqual(page.count("Why it may differ"), 1)
        text = answer.as_text(found)
        self.assertRegex(text, r"(?m)^  unlike        a \(s\)$")


class Words(ExperimentTest):
    def test_one_rule_gives_the_words_of_table_forest_answer_and_export(self):
        found = self.made("idle_crowd")
        verdicts = families.of_level(found, 1000, "cpu_ns")
        page = self.page("idle_crowd")
        rows = re.search(r'<figure id="fig-ratios".*?</figure>', page, re.S)[0]
        table = {re.search(r"<bdi>(\w+)", row)[1]: re.findall(r">([^<>]+)</td>", row)[-1]
                 for row in re.findall(r"<tr>(.*?)</tr>", rows, re.S) if "<bdi>" in row}
        self.assertEqual(table.pop("epoll_level"), "baseline")
        self.assertEqual(table, {m: v.word for m, v in verdicts.items()})
        self.assertEqual(set(table.values()), {"different", "tie", "starves clients"})
        done = subprocess.run([TOP / "scripts/export", self.folder / "idle_crowd", "--csv"],
                              capture_output=True, text=True, timeout=60, check=True)
        lines = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
        self.assertEqual({line["experiment"] for line in lines}, {"idle_crowd"})
        exported = {line["model"]: line["verdict"] for line in lines
                    if (line["at"], line["metric"]) == ("1000", "server_cpu_ns_per_request")
                    and line["verdict"]}
        self.assertEqual(exported, table)

    def test_nothing_speaks_of_clients_where_something_else_varies(self):
        self.made("idle_crowd", models={m: campaigns.MODELS[m] for m in (
            "uring", "poll_loop", "epoll_level")})
        page = self.page("idle_crowd")
        text = html.unescape(re.sub(r"<script.*?</script>|<style.*?</style>|<[^>]+>", " ",
                                    page, flags=re.S))
        for words in (r"\bAt \d+ clients?\b", r"number of clients", r"as clients are added",
                      r"\d clients\b"):
            self.assertNotRegex(text, words)
        self.assertIn("idle connections: 0, 10, 100 and 1", text)
        self.assertIn("(16 active, 0 idle up to 16 active, 1000 idle)", text)

    def test_the_aa_pair_of_many_levels_is_one_sentence(self):
        cautions = report_campaigns.text_of(
            report_campaigns.bare(self.made("idle_crowd")), "cautions")
        self.assertEqual(cautions.count("(A/A)"), 1)
        self.assertRegex(cautions, r"epoll_level against itself \(A/A\) used 0\.9\d to "
                         r"1\.0\d times the CPU per request at the 4 levels: there "
                         r"differences up to 1\.0\d to 1\.\d\d times are ties")

    def test_of_many_models_the_best_in_the_headline_are_in_colour(self):
        named = {m: campaigns.MODELS["epoll_level"] for m in (
            "prefork", "prefork_mutex", "fork_per_client", "exec_per_client",
            "thread_pool", "prethread", "thread_per_client", "select_loop", "poll_loop",
            "epoll_level", "epoll_edge", "uring", "seda")}
        named["prefork_mutex"] = named["prefork_mutex"]._replace(accept_ns=50)
        named["exec_per_client"] = named["exec_per_client"]._replace(cpu_ns=4500)
        found = self.made("burst", models=named)
        self.assertIn("prefork_mutex", found.chosen)
        self.assertNotIn("exec_per_client", found.chosen)

    def test_open_loops_are_called_open(self):
        self.made("overload", rounds=2)
        page = self.page("overload")
        self.assertIn("Open loop, ", page)
        self.assertNotIn("Closed loop", page)
        self.assertIn("The load is an open loop", page)
        self.assertNotIn(" arrivals, ", page)       # a folder that does not tell them
        self.made("churn", rounds=2)
        self.assertIn("Closed loop, ", self.page("churn"))

    def test_what_a_share_is_of_is_said_and_by_which_law_requests_came(self):
        found = self.made("overload", rounds=2)
        found.manifest["capacity"] = {"sentence": "Capacity: <i>8k</i>."}
        said = " ".join(findings.sentences(found))
        self.assertTrue(said.endswith("Capacity: &lt;i&gt;8k&lt;/i&gt;."), said)
        self.assertNotIn("arrivals", words.caption(found, "Note"))
        found.experiment.arrivals.update({at: "poisson, 4.17k requests/s"
                                          for at in found.levels})
        one = words.caption(found, "Note")
        self.assertIn("Open loop, 50 % of capacity", one)
        self.assertIn("poisson, 4.17k requests/s offered, ", one)
        found.experiment.arrivals[150] = "poisson, 8.34k requests/s"
        self.assertIn(", poisson arrivals, ", words.caption(found, "Note"))

    def test_a_capacity_of_the_wrong_kind_is_as_if_absent(self):
        found = self.made("overload", rounds=1)
        for wrong in (7, [], {"sentence": 7}, {"loads": 7}):
            found.manifest["capacity"] = wrong
            self.assertEqual(list(findings.capacity(found)), [])


class Figures(ExperimentTest):
    def figures(self, name, **given):
        """{name: the figure's part of the page}, in order."""
        self.made(name, **given)
        return self.drawn(name)

    def drawn(self, name):
        return dict(re.findall(r'(?s)<figure id="fig-(\w+)"(.*?)</figure>',
                               self.page(name)))

    def test_the_headline_figure_is_the_first(self):
        for name, first in (("idle_crowd", "cpu_by_clients"), ("churn", "headline"),
                            ("overload", "throughput"), ("cpu_work", "latency"),
                            ("burst", "headline"), ("memory", "headline")):
            self.assertEqual(list(self.figures(name, rounds=2))[:2], [first, "ratios"])

    def test_a_headline_that_spans_decades_has_a_log_axis(self):
        def is_log(figure):
            return "µs (log scale), against" in figure

        self.assertTrue(is_log(self.figures("burst", rounds=2)["headline"]))

        def queues(trial):
            if trial["connect_ns"]:
                trial["connect_ns"]["p99"] = 10 ** 6 + trial["at"]

        self.change("burst", queues)
        self.assertFalse(is_log(self.drawn("burst")["headline"]))

    def test_each_experiment_has_the_figures_that_it_is_about(self):
        for name, more in (("overload", "offered"), ("memory", "memory_slopes"),
                           ("churn", "connecting"), ("burst", "connecting")):
            found = self.figures(name, rounds=2)
            self.assertIn(more, found)
            for model in campaigns.MODELS:
                self.assertIn(f'data-model="{model}"', found[more])
        self.assertEqual({"offered", "memory_slopes", "connecting"} & {
            *self.figures("payload", rounds=2)}, set())

    def test_the_ceiling_is_drawn_where_throughput_is(self):
        for name in ("scaling", "idle_crowd"):
            found = self.figures(name, rounds=2)
            self.assertEqual(found["throughput"].count('class="ceiling"'), 1)
            self.assertEqual(found["cpu_by_clients"].count('class="ceiling"'), 0)
        self.change("idle_crowd", lambda t: t["model"] != "null_responder")
        self.assertNotIn('class="ceiling"', self.page("idle_crowd"))

    def test_every_round_is_drawn(self):
        found = self.figures("churn")["headline"]
        raw = re.search(r'(?s)<g id="headline-uring".*?<g class="raw"><path d="([^"]*)"',
                        found)[1]
        self.assertEqual(raw.count(" h 11"), campaigns.ROUNDS * 3)

    def test_a_level_of_none_has_its_place_on_a_log_axis(self):
        found = self.figures("idle_crowd", rounds=2)["cpu_by_clients"]
        line = re.search(r'(?s)id="cpu_by_clients-uring".*?class="line"><path d="([^"]*)"',
                         found)[1]
        xs = [float(x) for x in re.findall(r"([\d.]+) [\d.]+", line)]
        self.assertEqual(len(xs), 4)
        gaps = [b - a for a, b in zip(xs, xs[1:])]
        self.assertGreater(min(gaps), 40, xs)

    def test_the_forest_has_the_band_of_the_aa_pair(self):
        self.made("idle_crowd")
        self.change("idle_crowd", lambda t: t["server"].update(
            cpu_ns_per_request=t["server"]["cpu_ns_per_request"] * 1.3)
            if t["model"] == "epoll_level(A/A)" and t["round"] in (2, 3) else None)
        page = self.page("idle_crowd")
        self.assertRegex(page, r"ties, ratios up to 1\.[23]\d times, as the A/A pair has it")
        self.assertIn('class="band"', page)


class Scripts(ExperimentTest):
    def test_the_answer_is_printed_and_nothing_written(self):
        self.made("idle_crowd")
        before = sorted(self.folder.rglob("*"))
        done = report_campaigns.run(self.folder / "idle_crowd", "--answer")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(sorted(self.folder.rglob("*")), before)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0], "What do the silent cost the others?")
        self.assertLessEqual(max(map(len, lines)), 88)
        self.assertRegex(done.stdout, r"(?m)^  same order    select looks at everybody")
        self.assertRegex(done.stdout, r"(?m)^  reversed      poll costs less than select")
        self.assertIn("Why it may differ: today's kernel", done.stdout)

    def test_an_old_folder_prints_what_was_found(self):
        report_campaigns.campaign(self.folder, {"epoll_level": {"cpu_ns": 3000}, "b": {}})
        done = report_campaigns.run(self.folder, "--answer")
        self.assertTrue(done.stdout.startswith("At 16 clients, epoll_level used the least"))

    def compare(self, *arguments):
        return subprocess.run([TOP / "scripts/compare", *arguments], capture_output=True,
                              text=True, timeout=60)

    def test_unlike_experiments_are_refused(self):
        self.made("idle_crowd", rounds=2)
        self.made("churn", rounds=2)
        done = self.compare(self.folder / "idle_crowd", self.folder / "churn")
        self.assertEqual(done.returncode, 2)
        self.assertIn("compare: experiment.name: idle_crowd → churn", done.stderr)
        report_campaigns.campaign(self.folder / "old", {"epoll_level": {}, "uring": {}})
        done = self.compare(self.folder / "old", self.folder / "churn")
        self.assertIn("compare: experiment.name: not recorded → churn", done.stderr)

    def test_alike_experiments_are_compared_by_level_and_headline(self):
        models = {m: campaigns.MODELS[m] for m in ("uring", "epoll_level")}
        self.made("churn", models=models)
        (self.folder / "churn").rename(self.folder / "old")
        self.made("churn", models=models, preset="standard")
        self.change("churn", lambda t: t["server"].update(
            cpu_ns_per_request=t["server"]["cpu_ns_per_request"] * 1.5))
        done = self.compare(self.folder / "old", self.folder / "churn", "--json")
        self.assertEqual(done.returncode, 8, done.stderr)
        rows = json.loads(done.stdout)["rows"]
        found = {(r["experiment"], r["at"], r["clients"]) for r in rows}
        self.assertEqual(found, {("churn", at, 16) for at in (1, 10, 100)})
        words = {r["verdict"] for r in rows
                 if r["metric"] == "server_cpu_ns_per_connection"}
        self.assertEqual(words, {"regression"})

    def test_same_input_same_bytes(self):
        for name in ("idle_crowd", "memory", "overload"):
            self.made(name, rounds=2)
            first = self.page(name)
            self.assertEqual(self.page(name), first)


class Index(ExperimentTest):
    def index(self, *names, code=0, **given):
        for name in names:
            campaigns.write(self.folder / name, name, **given)
        done = report_campaigns.run("--index", self.folder)
        self.assertEqual(done.returncode, code, done.stderr)
        self.errors = done.stderr
        path = self.folder / "index.html"
        return path.read_text("utf-8") if path.exists() else ""

    def rows(self, page):
        """{need: the texts of its cells}"""
        body = re.search(r'id="decision-table".*?<tbody>(.*?)</tbody>', page, re.S)[1]
        rows = [[html.unescape(re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", cell))).strip()
                 for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)]
                for row in re.findall(r"<tr data.*?</tr>", body, re.S)]
        return {need: cells for need, *cells in rows}

    def test_the_table_says_what_the_laws_say(self):
        rows = self.rows(self.index("idle_crowd", "memory", "churn", "blocking_work"))
        best, dear, starving, where = rows["Many silent clients"]
        self.assertRegex(best, r"^uring \d\.\d+ µs$")
        self.assertRegex(dear, r"^select_loop 4\.\d+, poll_loop 5\.\d+ 4 in between$")
        self.assertEqual(starving, "iterative 15 of 16")
        self.assertEqual(where,
                         "idle crowd server CPU per request at 1000 idle connections")
        best, dear, *_ = rows["Requests that block"]
        self.assertEqual({*re.findall(r"[a-z]+_\w+", best)},
                         {"fork_per_client", "thread_per_client", "thread_pool"})
        self.assertEqual({*re.findall(r"[a-z]+\w+", dear)},
                         {"select_loop", "epoll_level", "poll_loop", "uring"})
        best, dear, *_ = rows["Least memory per connection"]
        self.assertTrue(best.startswith("iterative , select_loop 0 B"), best)
        self.assertIn("fork_per_client 5", dear)
        best, dear, *_ = rows["Short connections"]
        self.assertIn("uring", best)
        self.assertIn("fork_per_client", dear)

    def test_what_is_missing_is_named(self):
        page = self.index("idle_crowd", rounds=2)
        rows = self.rows(page)
        self.assertEqual(rows["Bad company"], ["bad company was not measured"])
        self.assertEqual(len([r for r in rows.values() if r[0].endswith("measured")]), 11)
        missing = re.search(r'<li id="missing">.*?</li>', page, re.S)[0]
        self.assertEqual(len(re.findall("<code>[a-z_]+</code>", missing)), 11)
        self.assertNotIn("idle_crowd", missing)

    def test_models_that_tie_are_as_good(self):
        alike = {m: campaigns.MODELS["epoll_level"] for m in
                 ("epoll_level", "uring", "poll_loop")}
        best, dear, *_ = self.rows(self.index("idle_crowd", models=alike))[
            "Many silent clients"]
        self.assertEqual({*re.findall(r"[a-z]+\w+", best)} - {"µs"}, {*alike})
        self.assertEqual(dear, "–")

    def test_bounds_of_the_client_are_best_together_where_the_best_is_one(self):
        campaigns.write(self.folder / "blocking_work", "blocking_work")

        def bound(*models):
            self.change("blocking_work", lambda t: t.update(
                verdict="CLIENT-BOUND" if t["model"] in models else "VALID"))
            best, dear, *_ = self.rows(self.index())["Requests that block"]
            return {*re.findall(r"[a-z]+_\w+", best)}, best, dear
        pools = {"fork_per_client", "thread_pool", "thread_per_client"}
        best, text, dear = bound(*pools)
        self.assertEqual(best, pools)
        self.assertRegex(text, r"at least 6 \d+ requests/s$")
        self.assertIn("epoll_level 6", dear)
        best, text, dear = bound("epoll_level")     # it may be anything from there on
        self.assertEqual(best, pools)
        self.assertNotIn("at least", text)
        self.assertNotIn("epoll_level", dear)

    def test_each_experiment_has_its_question_answer_and_claims(self):
        page = self.index("idle_crowd", "churn")
        found = dict(re.findall(r'(?s)<article [^>]*data-folder="(\w+)">(.*?)</article>',
                                page))
        self.assertEqual(list(found), ["churn", "idle_crowd"])
        self.assertIn("What do the silent cost the others?", found["idle_crowd"])
        self.assertIn("Of 4 claims: 1 in the same order, 2 reversed, 1 not measured.",
                      found["idle_crowd"])
        self.assertIn("had the lowest server CPU per request", found["idle_crowd"])
        self.assertNotIn("<a href", found["idle_crowd"])
        self.page("idle_crowd")
        self.assertIn('<a href="idle_crowd/report.html"><bdi>What do', self.index())

    def test_the_latest_of_several_counts_and_old_folders_have_a_place(self):
        campaigns.write(self.folder / "first", "churn", rounds=2)
        path = self.folder / "first" / "manifest.json"
        path.write_text(path.read_text().replace("2026-11-20T21:45", "2026-11-19T21:45"))
        self.change("first", lambda t: t["server"].update(
            cpu_ns_per_request=t["server"]["cpu_ns_per_request"] * 100))
        report_campaigns.campaign(self.folder / "old", {"epoll_level": {}, "uring": {}})
        page = self.index("churn", rounds=2)
        self.assertEqual(page.count("<article"), 3)
        self.assertIn("2 server models compared", page)
        self.assertRegex(self.rows(page)["Short connections"][0], r"uring 1\d\.\d µs")

    def test_what_cannot_be_read_is_left_out_and_said(self):
        (self.folder / "broken").mkdir()
        (self.folder / "broken" / "manifest.json").write_text("{")
        page = self.index("churn", rounds=2)
        self.assertIn("broken is left out: ", html.unescape(page))
        self.assertIn("broken is left out", self.errors)

    def test_unlike_machines_are_said(self):
        campaigns.write(self.folder / "churn", "churn", rounds=1)
        path = self.folder / "churn" / "manifest.json"
        path.write_text(path.read_text().replace("6.18.44", "6.19.1"))
        page = self.index("idle_crowd", rounds=1)
        self.assertIn("The campaigns are unlike in environment.kernel: 6.19.1, 6.18.44",
                      page)

    def test_no_campaign_is_wrong_usage(self):
        self.index(code=2)
        self.assertIn("holds no campaign", self.errors)
        done = report_campaigns.run("--index", self.folder / "none")
        self.assertEqual(done.returncode, 2)

    def test_same_input_same_bytes_and_nothing_fetched(self):
        page = self.index("idle_crowd", "churn", rounds=2)
        self.assertEqual(self.index(), page)
        self.assertNotRegex(page, r"(?i)https?://|@import")
        self.assertIn("default-src 'none'; style-src 'unsafe-inline'", page)


if __name__ == "__main__":
    unittest.main()

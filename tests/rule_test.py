#!/usr/bin/python3
"""The runner and the report judge a campaign by one rule: same words, same reasons.

Campaigns whose truth is known, and a hundred by chance, are read by both. ECHOLAB_BIN
names the build folder.
"""

import gzip
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

import report_campaigns
from report import answer, claims, data, families, findings, trial

BIN = pathlib.Path(os.environ.get("ECHOLAB_BIN", "build/release")).resolve()
JUDGED = BIN / "tests" / "judged_campaign"
if not JUDGED.exists():
    sys.exit(f"{JUDGED} is not there: build it, or set ECHOLAB_BIN")

NAMES = {0: "no bad client", 30: "30 bad clients", 90: "90 bad clients"}
CLIENTS = 16
SAME, SHY, REVERSED, UNMEASURED = "same order", "not shown", "reversed", "not measured"
ALIKE, UNLIKE = "alike", "unlike"


# -- campaigns -------------------------------------------------------------------------

def claim(less="epoll_level", more="thread_pool", metric="cpu_ns", at=None, within=None):
    return {"text": "t", "source": "s", "metric": metric, "less": less, "more": more,
            "at": at, "why_not": "w", "within": within}


def line(model, at, round_, cpu_ns=5000.0, rate=1000, p90=50, verdict="VALID", starved=0,
         reason="", excluded=None, offered=None):
    """A row of trials.jsonl, as far as both sides read it."""
    row = {"schema_version": 1, "model": model, "family": "f", "clients": CLIENTS,
           "at": at, "round": round_, "order": 0, "verdict": verdict, "reason": reason,
           "excluded": excluded, "connections": CLIENTS + at,
           "requests_per_connection": 10, "offered_per_second": offered}
    if verdict in trial.UNMEASURED:
        return {**row, **dict.fromkeys(("seconds", "requests", "requests_per_second",
                                        "latency_ns", "histogram", "fairness", "server",
                                        "connect_ns", "offered_per_second"))}
    counts = [0] * starved + [rate] * (CLIENTS - starved)
    return {**row, "seconds": 1.0, "requests": rate, "requests_per_second": float(rate),
            "latency_ns": {"sum": p90 * rate, "min": p90, "max": p90, "overflow": 0,
                           "p50": p90, "p90": p90, "p99": p90},
            "histogram": [[p90, p90, rate]], "connect_ns": None,
            "fairness": {"starved": starved, "requests_per_client": counts},
            "server": {"cpu_ns_per_request": cpu_ns, "cpu_cores_used": 0.5,
                       "voluntary_switches_per_request": 0,
                       "involuntary_switches_per_request": 0, "processes": 1,
                       "threads": 1, "descriptors": 9, "pss_bytes": 2, "pss_bytes_idle": 1}}


def nobody():
    return {"verdict": "FAILED", "reason": trial.NOBODY}


def write(folder, lines, claims_=(), metric="cpu_ns", experiment="bad_company",
          names=None):
    """A results folder; the names tell the A/A pair, the null responder and datagrams."""
    names = names or NAMES
    models = list(dict.fromkeys(row["model"] for row in lines))
    about = report_campaigns.manifest(models, [CLIENTS], 9)
    for row in about["models"]:
        if row["name"].endswith("(A/A)"):
            row["twin_of"] = row["name"].removesuffix("(A/A)")
        if row["name"].endswith("(closed)"):
            row.update(role="closed", twin_of=row["name"].removesuffix("(closed)"))
        if row["name"] == "null_responder":
            row["role"] = "ceiling"
        if row["name"].startswith("udp_"):
            row["endpoint"] = "udp://127.0.0.1:0"
    about["experiment"] = {
        "name": experiment, "preset": "quick", "question": "?", "axis": "bad clients",
        "scale": "log", "metric": metric,
        "baseline": "epoll_level" if "epoll_level" in models else models[0],
        "levels": [{"at": at, "name": name} for at, name in names.items()],
        "claims": list(claims_)}
    return report_campaigns.write(folder, about, lines)


def rows(truths, rounds=9, noise=.004, ats=(90,)):
    """truths: {model: what line() is given, or a function of the round}. The noise goes
    up and down in turn, so that a ratio has some, and no chance is in it."""
    found = []
    for round_ in range(rounds):
        for at in ats:
            for place, (model, given) in enumerate(truths.items()):
                given = dict(given(round_) if callable(given) else given)
                shaken = 1 + noise * ((round_ * (place + 2)) % 3 - 1)
                for figure in ("cpu_ns", "rate"):
                    if figure in given:
                        given[figure] = type(given[figure])(given[figure] * shaken)
                found.append(line(model, at, round_, **given))
    return found


# -- what both say ---------------------------------------------------------------------

def reported(folder):
    """As judged_campaign prints it."""
    campaign = data.load(folder)
    return {"claims": [claim_row(found) for found in claims.outcomes(campaign)],
            "levels": [level_row(campaign, at) for at in campaign.levels]}


def claim_row(found):
    ratio = found.ratio
    return {"word": found.word, "at": found.at, "bound": found.bound,
            "notes": list(found.notes),
            "ratio": ratio and [ratio.median, ratio.low, ratio.high, ratio.n]}


def level_row(campaign, at):
    name, points = campaign.experiment.metric, answer.ranked(campaign, at)
    limit = answer.limited(points, name)
    here = findings.alike(campaign, [p for m in campaign.models
                                     if (p := campaign.points.get((m, at)))])
    ranked = [p.model for p in points]
    there = [m for m in campaign.models if (m, at) in campaign.points]
    chances = families.chances(campaign, name)
    return {"at": at, "ranked": ranked,
            "p": {a: {b: chances.get(frozenset(((a, at), (b, at))), 1) for b in there}
                  for a in there},
            "ties": {p.model for p in answer.tied(points, name)}
            if points and not limit else set(),
            "limited": {p.model for p in limit},
            "starving": {p.model for p in here if p.spread(name) and p.starved
                         and p.model not in ranked},
            "unanswered": {p.model for p in here if p.answered_nobody},
            "compared": list(answer.compared(campaign, at)),
            "factor": 1 + families.band(here[0], name)}


def judged(folders):
    done = subprocess.run([JUDGED, *folders], check=True, capture_output=True, text=True,
                          timeout=100)
    return [json.loads(text) for text in done.stdout.splitlines()]


class RuleTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def agree(self, runner, folder):
        report = reported(folder)
        for here, there in zip(report["claims"], runner["claims"], strict=True):
            for a, b in zip(here.pop("ratio") or [], there.pop("ratio") or [], strict=True):
                self.assertAlmostEqual(a, b, delta=1e-12 * a)
            self.assertEqual(here, there)
        tried = {level["at"] for level in report["levels"]}
        levels = [level for level in runner["levels"] if level["at"] in tried]
        for here, there in zip(report["levels"], levels, strict=True):
            self.assertAlmostEqual(here.pop("factor"), there.pop("factor"))
            self.agree_on_chance(here.pop("p"), there.pop("p"))
            for name in ("ties", "limited", "starving", "unanswered"):
                there[name] = set(there[name])
            self.assertEqual(here, {name: there[name] for name in here})

    def agree_on_chance(self, here, there):
        self.assertEqual(here.keys(), there.keys())
        for a, row in here.items():
            for b, p in row.items():
                self.assertAlmostEqual(p, there[a][b], delta=1e-12, msg=f"{a} / {b}")

    def both(self, lines, *claims_, **given):
        """What the report makes of it, once the runner has made the same."""
        folder = write(self.folder / "campaign", lines, claims_, **given)
        self.runner, = judged([folder])
        self.agree(json.loads(json.dumps(self.runner)), folder)
        self.campaign = data.load(folder)
        return claims.outcomes(self.campaign)

    def words(self, lines, *claims_, **given):
        return [found.word for found in self.both(lines, *claims_, **given)]


class Claims(RuleTest):
    def test_same_order_reversed_and_a_tie(self):
        found = self.words(
            rows({"epoll_level": {"cpu_ns": 5000.0}, "thread_pool": {"cpu_ns": 6000.0},
                  "poll_loop": {"cpu_ns": 5050.0}}),
            claim(), claim("thread_pool", "epoll_level"), claim(more="poll_loop"))
        self.assertEqual(found, [SAME, REVERSED, SHY])

    def test_the_number_of_rounds_decides_what_may_be_shown(self):
        for rounds, word, note in (
                (1, SHY, "1 round only, too few to decide"),
                (3, SHY, "3 rounds only, too few to decide"),
                (5, SHY, "5 rounds only, too few to decide"),
                (6, SAME, None), (9, SAME, None)):
            with self.subTest(rounds=rounds):
                found, alike = self.both(rows({"epoll_level": {"cpu_ns": 5000.0},
                                               "thread_pool": {"cpu_ns": 6000.0}}, rounds),
                                         claim(), claim(within=1.1))
                self.assertEqual((found.word, found.ratio.n), (word, rounds))
                self.assertEqual(found.notes, (note,) if note else ())
                self.assertEqual(alike.word, SHY if note else UNLIKE)
                self.assertIn(f"n = {rounds})", claims.measured(self.campaign, found))
                self.assertIn(f"Here: {word}; ", self.runner["texts"][0])
                self.assertIn(f"n = {rounds})", self.runner["texts"][0])

    def test_about_the_same_is_within_what_the_claim_or_the_aa_pair_says(self):
        wide = lambda r: {"cpu_ns": 5000.0 * (1.3 if r in (3, 4) else 1)}
        wavy = lambda r: {"cpu_ns": 5000.0 * (1.3 if r % 2 else 1)}
        for pool, twin, word, percent in (
                ({"cpu_ns": 5100.0}, {}, ALIKE, 10),        # though the 2 % are shown
                ({"cpu_ns": 5400.0}, {}, ALIKE, 10), ({"cpu_ns": 5600.0}, {}, UNLIKE, 10),
                ({"cpu_ns": 4400.0}, {}, UNLIKE, 10), (wavy, {}, SHY, 10),
                ({"cpu_ns": 5600.0}, {"epoll_level(A/A)": wide}, ALIKE, 30)):
            with self.subTest(pool=pool, twin=twin):
                found, = self.both(rows({"epoll_level": {"cpu_ns": 5000.0}, **twin,
                                         "thread_pool": pool}, noise=0),
                                   claim(within=1.1))
                self.assertEqual(found.word, word)
                note = f"about the same is a ratio within {percent} % of 1"
                self.assertEqual(found.notes, (note,))
                self.assertIn(note, self.runner["texts"][0])
                self.assertEqual("It may differ" in self.runner["texts"][0], word != ALIKE)

    def test_about_the_same_is_nothing_that_a_bound_shows(self):
        bound = {"rate": 1000, "verdict": "CLIENT-BOUND"}
        for less, more in (({"rate": 1000}, bound), (bound, {"rate": 1000})):
            self.assertEqual(self.words(rows({"epoll_level": less, "thread_pool": more}),
                                        claim(metric="rate", within=1.1)), [SHY])

    def test_one_round_that_contradicts_does_not_hide_an_order(self):
        for rounds, word in ((5, SHY), (6, SHY), (9, SAME)):
            with self.subTest(rounds=rounds):
                pool = lambda r: {"cpu_ns": 4000.0 if r == 0 else 6000.0}
                self.assertEqual(self.words(rows({
                    "epoll_level": {"cpu_ns": 5000.0}, "thread_pool": pool}, rounds),
                    claim()), [word])

    def test_the_band_is_as_wide_as_the_interval_of_the_aa_pair(self):
        def apart(share, off=(3, 4)):
            twin = lambda r: {"cpu_ns": 5000.0 * (share if r in off else 1)}
            return rows({"epoll_level": {"cpu_ns": 5000.0}, "epoll_level(A/A)": twin,
                         "thread_pool": {"cpu_ns": 5500.0}}, noise=0)
        for share, word in ((1, SAME), (1.09, SAME), (1.2, SHY), (1 / 1.2, SHY)):
            with self.subTest(share=share):
                self.assertEqual(self.words(apart(share), claim()), [word])
        self.assertAlmostEqual(self.runner["levels"][-1]["factor"], 1.2)
        self.assertEqual(self.words(apart(1.2, off=(4,)), claim()), [SAME])     # one of nine

    def test_the_band_is_that_of_the_claims_own_metric(self):
        twin = lambda r: {"cpu_ns": 5000.0 * (1.3 if r in (3, 4) else 1), "rate": 1000}
        lines = rows({"epoll_level": {"rate": 1000}, "epoll_level(A/A)": twin,
                      "thread_pool": {"rate": 1100, "cpu_ns": 5500.0}}, noise=0)
        self.assertEqual(self.words(lines, claim(), claim(metric="rate")), [SHY, SAME])

    def test_throughput_that_the_client_limits_is_a_bound_upwards_alone(self):
        bound = {"verdict": "CLIENT-BOUND"}
        slow, fast = {"rate": 1000}, {"rate": 2000}
        for less, more, word, is_bound in (
                (slow, {**fast, **bound}, SAME, True),      # at least so many times
                ({**fast, **bound}, slow, SHY, False),      # nobody knows how much
                (fast, {**slow, **bound}, SHY, True),       # it may be more
                ({**slow, **bound}, {**fast, **bound}, SHY, True)):
            with self.subTest(less=less, more=more):
                found, = self.both(rows({"epoll_level": less, "thread_pool": more}),
                                   claim(metric="rate"))
                self.assertEqual((found.word, found.bound), (word, is_bound))
                self.assertEqual("≥ " in claims.measured(self.campaign, found), is_bound)
                self.assertEqual("≥ " in self.runner["texts"][0], is_bound)
        found, = self.both(rows({"epoll_level": slow, "thread_pool": {**fast, **bound}}),
                           claim("thread_pool", "epoll_level", "p90_ns"))
        self.assertFalse(found.bound)               # it is of throughput alone

    def test_who_is_near_the_clients_ceiling_is_at_its_limit(self):
        def at(ceiling, verdict="VALID"):
            return rows({"epoll_level": {"rate": 1000}, "thread_pool": {"rate": 2000},
                         "null_responder": {"rate": ceiling, "verdict": verdict}})
        for ceiling, verdict, is_bound in ((2200, "VALID", True), (3000, "VALID", False),
                                           (2200, "NOISY", False)):
            with self.subTest(ceiling=ceiling, verdict=verdict):
                found, = self.both(at(ceiling, verdict), claim(metric="rate"))
                self.assertEqual(found.bound, is_bound)

    def test_who_starves_clients_is_named(self):
        pool = lambda r: {"cpu_ns": 4000.0, "starved": 12 if r == 3 else 2}
        found, = self.both(rows({"epoll_level": {"cpu_ns": 5000.0}, "thread_pool": pool}),
                           claim())
        self.assertEqual(found.word, REVERSED)
        self.assertEqual(found.notes, ("thread_pool left 12 clients without any reply",))

    def test_in_an_open_loop_nobody_is_starved(self):
        names = {50: "50 % of capacity (x)"}
        self.both(rows({"epoll_level": {"cpu_ns": 5000.0, "offered": 500.0},
                        "thread_pool": {"cpu_ns": 6000.0, "starved": 3, "offered": 500.0}},
                       ats=(50,)), claim(), experiment="overload", names=names)
        self.assertEqual(len(answer.ranked(self.campaign, 50)), 2)

    def test_who_keeps_up_with_an_open_loop_is_no_better_than_another(self):
        for rate, whole in ((995, True), (980, False)):
            with self.subTest(rate=rate):
                self.both(rows({m: {"rate": rate, "offered": 1000.0,
                                    "verdict": "CLIENT-BOUND"}
                                for m in ("epoll_level", "thread_pool")}, noise=0, ats=(50,)),
                          experiment="overload", metric="rate", names={50: "half"})
                said = " ".join(map(answer.plain, answer.sentences(self.campaign)))
                for words, told in ((self.runner["levels"][0]["words"],
                                     "every server answers what is offered."),
                                    (said, "At half, every model answered what was offered.")):
                    (self.assertIn if whole else self.assertNotIn)(told, words)
                    (self.assertNotIn if whole else self.assertIn)("limit", words)
    def test_who_is_asked_in_a_closed_loop_is_in_its_claim_alone(self):
        lines = rows({"epoll_level": {"p90": 90, "offered": 500.0},
                      "thread_pool": {"p90": 95, "offered": 500.0}}, ats=(50, 150)) + rows(
            {"epoll_level(closed)": {"p90": 30}}, ats=(150,))
        found, = self.both(lines, claim("epoll_level(closed)", "epoll_level", "p90_ns"),
                           experiment="overload", names={50: "50 %", 150: "150 %"})
        self.assertEqual((found.word, found.at, found.ratio.median), (SAME, 150, 3))
        self.assertEqual(self.campaign.models, ["epoll_level", "thread_pool"])
        self.assertEqual(self.campaign.twin_names, {})

    def test_what_was_not_measured_says_why(self):
        lines = rows({"epoll_level": {}}) + [
            line("thread_pool", 90, r, verdict="FAILED", reason="it ended")
            for r in range(9)] + [line("poll_loop", 30, r) for r in range(9)]
        found = self.both(lines, claim(), claim("no_such_model", "thread_pool", at=90),
                          claim(at=30), claim(at=5), claim(more="poll_loop"))
        self.assertEqual({o.word for o in found}, {UNMEASURED})
        self.assertEqual([o.notes for o in found], [
            ("no figure of thread_pool",),
            ("no figure of no_such_model or of thread_pool at 90 bad clients",),
            ("no figure of epoll_level or of thread_pool at 30 bad clients",),
            ("the level 5 of bad clients was not measured",),
            ("the two share no level",)])

    def test_two_that_share_no_round_are_not_measured(self):
        found, = self.both([line("epoll_level", 90, 0), line("thread_pool", 90, 1)],
                           claim())
        self.assertEqual((found.word, found.notes), (UNMEASURED, ("they share no round",)))

    def test_a_claim_is_looked_at_at_its_level_or_the_greatest_that_both_have(self):
        lines = rows({"epoll_level": {"cpu_ns": 5000.0}, "thread_pool": {"cpu_ns": 6000.0}},
                     ats=(0, 30)) + rows({"epoll_level": {}}, ats=(90,))
        found = self.both(lines, claim(), claim(at=0), claim(at=90))
        self.assertEqual([o.at for o in found], [30, 0, None])

    def test_what_is_excluded_counts_for_neither(self):
        lines = rows({"epoll_level": {"cpu_ns": 5000.0}, "thread_pool": {"cpu_ns": 6000.0}})
        odd = [line("thread_pool", 90, r, 1.0, excluded="repeated because NOISY",
                    verdict="NOISY", starved=9) for r in range(9)]
        self.assertEqual(self.words(odd + lines, claim()), [SAME])


class Nobody(RuleTest):
    def both_rates(self, loop, pool, rounds=9, *more):
        return self.both(rows({"epoll_level": loop, "thread_pool": pool}, rounds),
                         claim("thread_pool", "epoll_level", "rate"), *more)[0]

    def test_who_answers_nobody_has_less_throughput_than_who_does(self):
        found = self.both_rates({"rate": 1000}, nobody())
        self.assertEqual((found.word, found.at, found.ratio), (SAME, 90, None))
        self.assertEqual(found.notes, ("thread_pool answered nobody",))
        self.assertEqual(claims.measured(self.campaign, found),
                         "at 90 bad clients: thread_pool answered nobody")
        self.assertIn("Here: same order; at 90 bad clients: thread_pool answered nobody.",
                      self.runner["texts"][0])
        self.assertEqual(self.both_rates(nobody(), {"rate": 1000}).word, REVERSED)
        self.assertEqual(self.both_rates(nobody(), nobody()).word, SHY)

    def test_fewer_than_six_rounds_of_it_show_nothing(self):
        found = self.both_rates({"rate": 1000}, nobody(), 5)
        self.assertEqual((found.word, found.notes), (
            SHY, ("thread_pool answered nobody", "5 rounds only, too few to decide")))
        self.assertEqual(self.both_rates({"rate": 1000}, nobody(), 6).word, SAME)
        self.assertEqual(self.words(rows({"epoll_level": {"rate": 1000},
                                          "thread_pool": nobody()}),
                                    claim(metric="rate", within=1.1)), [UNLIKE])

    def test_some_rounds_of_it_are_noted_beside_the_ratio_of_the_others(self):
        found = self.both_rates({"rate": 1000},
                                lambda r: nobody() if r % 3 == 0 else {"rate": 100})
        self.assertEqual((found.word, found.ratio.n), (SAME, 6))
        self.assertEqual(found.notes, ("thread_pool answered nobody in 3 rounds",))

    def test_of_another_metric_it_says_nothing_but_that(self):
        for at, level in ((90, 90), (None, 90)):
            found, = self.both(rows({"epoll_level": {}, "thread_pool": nobody()}),
                               claim(at=at))
            self.assertEqual((found.word, found.notes), (
                UNMEASURED, (f"thread_pool answered nobody at {NAMES[level]}",)))

    def test_the_answer_says_it_too(self):
        self.both(rows({"epoll_level": {"rate": 1000}, "poll_loop": {"rate": 500},
                        "thread_pool": nobody()}), metric="rate")
        report = " ".join(map(answer.plain, answer.sentences(self.campaign)))
        self.assertIn("thread_pool answered nobody there.", report)
        self.assertIn(" Answered nobody: thread_pool.", self.runner["levels"][-1]["words"])

    def test_another_failure_is_no_silence(self):
        found = self.both_rates({"rate": 1000}, {"verdict": "FAILED", "reason": "it ended"})
        self.assertEqual(found.word, UNMEASURED)


class Answers(RuleTest):
    def level(self, truths, rounds=9, noise=.004, **given):
        """The runner's answer at the only level, after the report's was the same."""
        self.both(rows(truths, rounds, noise), **given)
        return next(level for level in self.runner["levels"] if level["at"] == 90)

    def test_the_best_and_who_ties_with_it(self):
        found = self.level({"epoll_level": {"cpu_ns": 5000.0},
                            "thread_pool": {"cpu_ns": 5030.0},
                            "poll_loop": {"cpu_ns": 7000.0}})
        self.assertEqual(found["ranked"], ["epoll_level", "thread_pool", "poll_loop"])
        self.assertEqual(found["ties"], ["thread_pool"])

    def said(self):
        """The report's answer, in words."""
        return " ".join(map(answer.plain, answer.sentences(self.campaign)))

    def test_how_many_differ_from_the_baseline_is_said(self):
        four = {"epoll_level": {"cpu_ns": 5000.0}, "thread_pool": {"cpu_ns": 5030.0},
                "poll_loop": {"cpu_ns": 7000.0}, "prefork": {"cpu_ns": 4000.0}}
        for rounds, shown, words in (
                (9, 2, "2 of 3 comparisons with epoll_level are shown (p < 0.05 in the "
                       "whole campaign)."),
                (5, 0, "0 of 3 comparisons with epoll_level are shown (p < 0.05 in the "
                       "whole campaign); to show any takes 6 rounds.")):
            with self.subTest(rounds=rounds):
                found = self.level(four, rounds)
                self.assertEqual(found["compared"], [shown, 3, rounds])
                self.assertIn(words, found["words"])
                self.assertIn(words, self.said())

    def test_without_a_baseline_that_serves_all_nothing_is_counted(self):
        pool = {"cpu_ns": 6000.0}
        gone = {"verdict": "FAILED", "reason": "it ended"}
        for given in ({"epoll_level": gone}, {"epoll_level": {"starved": 1}}):
            found = self.level({"thread_pool": pool, "prefork": {"cpu_ns": 9000.0}, **given})
            self.assertEqual(found["compared"], [0, 0, 0])
            self.assertNotIn("comparison", found["words"] + self.said())
        found = self.level({"epoll_level": {"rate": 1000}, "thread_pool": {
            "rate": 500, "verdict": "CLIENT-BOUND"}}, metric="rate")
        self.assertEqual(found["compared"], [0, 0, 0])

    def test_too_few_rounds_are_named_and_are_no_tie_however_many_models_there_are(self):
        many = {f"m{i}": {"cpu_ns": 5000.0 + 1000 * i} for i in range(9)}
        found = self.level({**many, "epoll_level": {"cpu_ns": 4000.0}}, 5)
        self.assertEqual(found["ties"], [])
        self.assertIn("n = 5 is too small to show a difference", found["words"])
        for rounds in (6, 9):
            found = self.level({**many, "epoll_level": {"cpu_ns": 4000.0}}, rounds)
            self.assertNotIn("too small", found["words"])
            self.assertEqual(found["ties"], [])

    def test_what_would_be_shown_of_two_may_be_chance_of_many(self):
        """4 % with one round of nine that says otherwise: a lone pair may be told apart,
        but not among pairs that go up and down by chance."""
        one = lambda r: {"cpu_ns": 4000.0 if r == 4 else 6000.0}
        for others, ties in ((0, 0), (8, 1)):
            with self.subTest(others=others):
                chance = random.Random(3)
                noisy = lambda r: {"cpu_ns": 5.9e6 * math.exp(chance.gauss(0, .2))}
                found = self.level({"epoll_level": {"cpu_ns": 5000.0}, "thread_pool": one} | {
                    f"m{i}": noisy for i in range(others)}, noise=0)
                self.assertEqual(len(found["ties"]), ties)

    def test_who_starves_a_client_in_any_round_is_not_ranked(self):
        found = self.level({"epoll_level": {}, "thread_pool": lambda r: {
            "cpu_ns": 1000.0, "starved": int(r == 5)}})
        self.assertEqual((found["ranked"], found["starving"]),
                         (["epoll_level"], ["thread_pool"]))

    def test_where_all_starve_both_say_so(self):
        found = self.level({"epoll_level": {"starved": 1, "cpu_ns": 5000.0},
                            "thread_pool": {"starved": 2, "cpu_ns": 9000.0}})
        self.assertEqual(found["ranked"], ["epoll_level", "thread_pool"])
        self.assertIn("no server answered every client", found["words"])
        self.assertIn("no model answered every client", " ".join(
            map(answer.plain, answer.sentences(self.campaign))))

    def test_throughput_at_the_clients_limit_has_no_best(self):
        found = self.level({"epoll_level": {"rate": 1000, "verdict": "CLIENT-BOUND"},
                            "thread_pool": {"rate": 500}}, metric="rate")
        self.assertEqual(found["limited"], ["epoll_level"])
        self.assertIn("the client was the limit for epoll_level: at least", found["words"])
        self.assertIn("which is the best is not known", found["words"])

    def test_datagrams_are_not_ranked_with_streams(self):
        found = self.level({"epoll_level": {"cpu_ns": 5000.0}, "udp_iterative": {
            "cpu_ns": 2000.0}, "thread_pool": {"cpu_ns": 6000.0}})
        self.assertEqual(found["ranked"], ["epoll_level", "thread_pool"])
        self.assertIn("In datagrams, which promise less, udp_iterative", found["words"])


class Chance(RuleTest):
    """What nobody thought of."""
    MODELS = ("epoll_level", "thread_pool", "poll_loop", "select_loop", "prefork",
              "iterative", "thread_per_client", "epoll_edge")

    def campaign(self, seed):
        chance = random.Random(seed)
        models = chance.sample(self.MODELS, chance.randint(2, len(self.MODELS)))
        rounds, noise = chance.randint(1, 12), chance.choice((0, .005, .02, .1))
        rates = {m: chance.choice((1000, 1000, 1010, 1030, 1300, 4000)) for m in models}
        others = [f"{models[0]}(A/A)"] * (seed % 2) + ["null_responder"] * (seed % 3 == 0)
        rates |= {name: {"null_responder": 1400}.get(name, rates[models[0]])
                  for name in others}
        lines = [self.line(chance, model, at, round_, rates[model], noise)
                 for round_ in range(rounds) for at in (0, 90) for model in rates
                 if chance.random() < .97]
        found = [claim(*chance.sample(models, 2), chance.choice(("rate", "cpu_ns", "p90_ns")),
                       chance.choice((None, None, 0, 90, 30)),
                       chance.choice((None, None, 1.02, 1.1))) for _ in range(8)]
        return write(self.folder / str(seed), lines, found,
                     chance.choice(("rate", "cpu_ns", "p90_ns")))

    def line(self, chance, model, at, round_, rate, noise):
        shaken = max(1, int(rate * math.exp(chance.gauss(0, noise))))
        verdict = "VALID" if chance.random() < .93 else chance.choice(
            ("CLIENT-BOUND", "NOISY", "UNSTEADY", "FAILED", "CORRUPT", "OVERLOADED"))
        reason = trial.NOBODY if verdict == "FAILED" and chance.random() < .7 else "x"
        return line(model, at, round_, 5e6 / max(1, int(rate * math.exp(chance.gauss(0, noise)))),
                    shaken, max(1, min(120, 60_000 // shaken)), verdict,
                    chance.choice((1, 5)) if chance.random() < .01 else 0, reason)

    def test_a_hundred_campaigns_are_judged_alike(self):
        folders = [self.campaign(seed) for seed in range(100)]
        seen = set()
        for folder, runner in zip(folders, judged(folders), strict=True):
            with self.subTest(folder.name):
                seen |= {found["word"] for found in runner["claims"]}
                seen |= {"ties" for level in runner["levels"] if level["ties"]}
                seen |= {"limit" for level in runner["levels"] if level["limited"]}
                self.agree(runner, folder)
        self.assertEqual(seen, {SAME, SHY, REVERSED, UNMEASURED, ALIKE, UNLIKE, "ties",
                                "limit"})


class Reference(RuleTest):
    def lines(self):
        """The committed trials, in a histogram that the runner reads: one bucket."""
        packed = report_campaigns.HERE.parent / "results" / "reference" / "catalogue"
        packed /= "trials.jsonl.gz"
        for text in gzip.decompress(packed.read_bytes()).splitlines():
            row = json.loads(text)
            row.setdefault("at", row["clients"])
            if row["latency_ns"]:
                row["histogram"] = [[50, 50, row["requests"]]]
                row["latency_ns"].update(sum=50 * row["requests"], min=50, max=50,
                                         overflow=0, p90=50)
            yield row

    def test_a_real_campaign_of_the_whole_catalogue_is_judged_alike(self):
        lines = list(self.lines())
        names = {at: f"{at} client{'s' * (at != 1)}" for at in
                 sorted({row["at"] for row in lines})}
        found = self.both(lines, *[
            claim(less, more, metric, at)
            for less, more in (("epoll_level", "thread_per_client"),
                               ("iterative", "fork_per_client"),
                               ("udp_iterative", "udp_per_request"))
            for metric in ("rate", "cpu_ns") for at in (None, 1)],
            experiment="scaling", names=names)
        self.assertEqual({o.word for o in found}, {SHY})       # of three rounds
        self.assertEqual({o.notes[-1] for o in found}, {"3 rounds only, too few to decide"})
        self.assertGreater(len(answer.ranked(self.campaign, 1)), 20)


if __name__ == "__main__":
    unittest.main()

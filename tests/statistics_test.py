#!/usr/bin/python3
"""The statistics hold, and scripts/compare and scripts/export say what the trials say.

Tests of laws are simulations with fixed seeds; the bounds are those that the promise has,
plus three standard deviations of the simulation where the promise is an exact 95 %.
"""

import csv
import io
import itertools
import json
import math
import os
import pathlib
import pty
import random
import re
import statistics
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
import warnings

import numpy
import scipy.stats

import schemas
from report_campaigns import campaign, failed, manifest, write

TOP = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(os.environ.get("ECHOLAB_BIN", "build/release")).resolve()
GOOGLE_COMPARE = pathlib.Path("/usr/share/benchmark/compare.py")
sys.path.insert(0, str(TOP / "scripts"))

from report import data, inference, likeness, sign_flips  # noqa: E402


class Paired(unittest.TestCase):
    def test_the_interval_of_the_median_is_that_of_the_tables(self):
        # Conover, Practical Nonparametric Statistics, 3.2: ranks for 95 %
        for n, ranks in ((6, (1, 6)), (8, (1, 8)), (9, (2, 8)), (10, (2, 9)),
                         (15, (4, 12)), (20, (6, 15)), (25, (8, 18))):
            values = random.Random(n).sample(range(1, n + 1), n)
            self.assertEqual(inference.median_interval(values), ranks, n)

    def test_the_runner_has_the_interval_of_the_report_and_of_scipy(self):
        chance = random.Random(13)
        samples = [[chance.lognormvariate(0, 1) for _ in range(n)] for n in range(1, 201)]
        lines = "".join(" ".join(map(repr, values)) + "\n" for values in samples)
        done = subprocess.run([BIN / "tests" / "median_interval"], input=lines, text=True,
                              stdout=subprocess.PIPE, check=True, timeout=60)
        found = [None if line == "none" else tuple(map(float, line.split()))
                 for line in done.stdout.splitlines()]
        self.assertEqual(found, [inference.median_interval(v) for v in samples])
        for values, interval in zip(samples, found, strict=True):
            rank, ordered = int(scipy.stats.binom.ppf(.025, len(values), .5)), sorted(values)
            self.assertEqual(interval, (ordered[rank - 1], ordered[-rank]) if rank else None)

    def test_the_runner_has_the_chances_of_the_report(self):
        chance = random.Random(17)
        families = [[[chance.choice((math.exp(chance.gauss(.1, .1)), 1.05, 1 / 1.05,
                                     0 if few else 1))
                      for _ in range(rounds)] for _ in range(chance.randint(1, 9))]
                    for rounds in range(1, 21) for few in (False, True) for _ in range(3)]
        lines = "".join(", ".join(" ".join(map(repr, row)) for row in family) + "\n"
                        for family in families)
        done = subprocess.run([BIN / "tests" / "median_interval", "flips"], input=lines,
                              text=True, stdout=subprocess.PIPE, check=True, timeout=60)
        for found, family in zip(done.stdout.splitlines(), families, strict=True):
            truth = sign_flips.p_values([{i: r for i, r in enumerate(row) if r}
                                         for row in family])
            for a, b in zip(map(float, found.split()), truth, strict=True):
                self.assertAlmostEqual(a, b, delta=1e-12)

    def test_the_runner_has_friedmans_p_of_the_report(self):
        chance = random.Random(19)
        samples = [[[chance.choice((chance.gauss(.3 * k, 1), chance.randint(0, 3)))
                     for k in range(columns)] for _ in range(rounds)]
                   for rounds in (1, 2, 3, 9, 20) for columns in (2, 3, 4, 10)
                   for _ in range(5)]
        samples += [[[1, 1, 1]] * 4, [[1, 1, 2]] * 4]
        lines = "".join(", ".join(" ".join(map(repr, row)) for row in rows) + "\n"
                        for rows in samples)
        done = subprocess.run([BIN / "tests" / "median_interval", "friedman"], input=lines,
                              text=True, stdout=subprocess.PIPE, check=True, timeout=60)
        found = done.stdout.split()
        self.assertEqual(found.count("none"), 5 * (4 + 4) + 1)  # one round, two columns
        for p, rows in zip(found, samples, strict=True):
            with warnings.catch_warnings():     # scipy divides by nothing where all tie
                warnings.simplefilter("ignore")
                truth = inference.friedman_p(rows)
            self.assertEqual(p == "none", truth is None, rows)
            if truth is not None:
                self.assertAlmostEqual(float(p), truth, delta=1e-12)

    def test_fewer_than_six_have_no_interval(self):
        for n in range(6):
            self.assertIsNone(inference.median_interval([1.5] * n))
        few = inference.paired([1.5, 1.6, 1.7, 1.5, 1.6], 0)
        self.assertEqual((few.evidence.low, few.evidence.ratio, few.word),
                         (None, 1.6, "n too small"))

    def test_the_interval_holds_for_a_skewed_law(self):
        chance, number = numpy.random.default_rng(3), 4000
        for n in range(6, 13):
            draws = chance.exponential(1, (number, n)).tolist()
            held = sum(low <= math.log(2) <= high for low, high
                       in map(inference.median_interval, draws))
            self.assertGreater(held / number, 0.95 - 3 * math.sqrt(.95 * .05 / number), n)

    def test_a_tie_has_1_in_its_interval_or_its_median_in_the_band_or_a_high_p(self):
        for ratios, p, band, word in (
                ([1.2, 1.21, 1.22, 1.23, 1.24, 1.25], .049, .02, "different"),
                ([1.2, 1.21, 1.22, 1.23, 1.24, 1.25], .05, .02, "tie"),
                ([1.2, 1.21, 1.22, 1.23, 1.24, 1.25], .01, .23, "tie"),
                ([.9, 1.21, 1.22, 1.23, 1.24, 1.25], .01, .02, "tie"),
                ([1 + i / 1000 for i in range(11, 19)], .01, .02, "tie"),
                ([1 + i / 1000 for i in range(11, 19)], .01, .01, "different"),
                ([1 / 1.1] * 9, .01, .02, "different")):
            with self.subTest(ratios=ratios, p=p, band=band):
                self.assertEqual(inference.paired(ratios, p, band).word, word)


def one_sidedness(logs):
    """By the definition: the sum over the length, of what is drawn nearer."""
    farthest = sign_flips.FARTHEST * statistics.median(map(abs, logs))
    drawn = [max(-farthest, min(farthest, log)) for log in logs]
    length = math.sqrt(sum(d * d for d in drawn))
    return abs(sum(drawn)) / length if length else 0.0


class SignFlips(unittest.TestCase):
    def one(self, *ratios):
        return sign_flips.p_values([dict(enumerate(ratios))])[0]

    def test_of_one_ratio_it_is_the_randomisation_test_of_scipy(self):
        chance = numpy.random.default_rng(5)
        for n in range(2, 12):
            logs = chance.normal(.3, .5, n)
            logs = numpy.sign(logs) * (.2 + numpy.abs(logs) % .2)   # none is far out
            truth = scipy.stats.permutation_test(
                (logs,), lambda x, axis: abs(x.sum(axis=axis)),
                permutation_type="samples", alternative="greater", n_resamples=numpy.inf)
            self.assertAlmostEqual(self.one(*numpy.exp(logs)), truth.pvalue, msg=n)

    def test_the_least_p_is_that_of_all_on_one_side(self):
        for n in range(1, 13):
            self.assertEqual(self.one(*[1.1] * n), 2.0 ** (1 - n))
        self.assertEqual(self.one(*[1.1] * 20), 1 / sign_flips.SOME)
        self.assertEqual(self.one(1, 1, 1, 1, 1, 1, 1), 1)
        self.assertEqual(sign_flips.p_values([{}, {}]), [1, 1])

    def test_of_a_family_it_is_that_of_the_definition(self):
        """Every ratio against the greatest of those that are no more one-sided."""
        chance = random.Random(6)
        for n in (3, 5, 7):
            family = [[chance.gauss(effect, 1) for _ in range(n)]
                      for effect in (0, 0, 1, 3, 5)]
            observed = [one_sidedness(logs) for logs in family]
            least = []
            for mine in observed:
                rest = [logs for logs, its in zip(family, observed) if its <= mine]
                reached = [max(one_sidedness([s * x for s, x in zip(signs, logs)])
                               for logs in rest) >= mine - 1e-12
                           for signs in itertools.product((1, -1), repeat=n)]
                least.append(sum(reached) / len(reached))
            truth = [max(p for p, its in zip(least, observed) if its >= mine)
                     for mine in observed]
            found = sign_flips.p_values([dict(enumerate(map(math.exp, logs)))
                                         for logs in family])
            for a, b in zip(found, truth, strict=True):
                self.assertAlmostEqual(a, b)
            self.assertGreater(len(set(found)), 1)

    def test_a_round_without_is_as_if_it_were_not(self):
        full = [1.1, 1.2, 1.05, 1.3, .97, 1.15]
        rounds = (0, 2, 3, 7, 8, 11)
        self.assertEqual(self.one(*full),
                         sign_flips.p_values([dict(zip(rounds, full))])[0])
        alone, = sign_flips.p_values([dict(enumerate(full))])
        both = sign_flips.p_values([dict(enumerate(full)), {0: 1.0, 7: 1.0}])
        self.assertEqual((both[0], both[1]), (alone, 1))

    def test_neither_over_which_nor_the_order_matters(self):
        chance = random.Random(8)
        family = [{r: math.exp(chance.gauss(.1, .2)) for r in range(9)} for _ in range(6)]
        p = sign_flips.p_values(family)
        self.assertEqual(sign_flips.p_values(family[::-1])[::-1], p)
        self.assertEqual(sign_flips.p_values([{r: 1 / x for r, x in ratios.items()}
                                              for ratios in family]), p)

    def test_one_round_that_is_far_out_does_not_hide_the_others(self):
        chance = random.Random(9)
        others = [{r: math.exp(chance.gauss(0, .1)) for r in range(9)} for _ in range(30)]
        calm = [1.1, 1.11, 1.12, 1.09, 1.1, 1.13, 1.08, 1.1, 9]
        self.assertLess(sign_flips.p_values([dict(enumerate(calm)), *others])[0], .05)
        with unittest.mock.patch.object(sign_flips, "FARTHEST", 1e9):
            self.assertGreater(sign_flips.p_values([dict(enumerate(calm)), *others])[0], .5)

    def test_of_many_rounds_the_drawn_ways_are_near_to_all(self):
        chance = random.Random(9)
        logs = [chance.gauss(.25, 1) for _ in range(16)]
        reached = [one_sidedness([s * x for s, x in zip(signs, logs)])
                   >= one_sidedness(logs) - 1e-12
                   for signs in itertools.product((1, -1), repeat=16)]
        truth = sum(reached) / len(reached)
        self.assertTrue(.05 < truth < .95, truth)
        self.assertAlmostEqual(self.one(*map(math.exp, logs)), truth,
                               delta=4 * math.sqrt(truth * (1 - truth) / sign_flips.SOME))


class Family(unittest.TestCase):
    def test_holm_is_the_textbooks(self):
        self.assertEqual([round(p, 9) for p in inference.holm([.01, .04, .03, .005])],
                         [.03, .06, .06, .02])

    def test_friedman_is_that_of_the_formula(self):
        rows = [[1, 2, 3, 4], [1, 3, 2, 4], [2, 1, 3, 4], [1, 2, 4, 3], [1, 2, 3, 4]]
        sums = [sum(column) for column in zip(*rows)]
        chi2 = 12 / (5 * 4 * 5) * sum(s * s for s in sums) - 3 * 5 * 5
        self.assertAlmostEqual(inference.friedman_p(rows), scipy.stats.chi2.sf(chi2, 3))
        self.assertIsNone(inference.friedman_p([[1, 2], [2, 1]]))
        self.assertIsNone(inference.friedman_p([]))
        with warnings.catch_warnings():  # scipy would divide by nothing, and say so
            warnings.simplefilter("error")
            self.assertIsNone(inference.friedman_p([[3, 3, 3], [1, 1, 1]]))


class Unpaired(unittest.TestCase):
    def test_the_ranks_are_those_of_the_tables(self):
        # Critical U, two-sided 5 %: 0, 5, 13, 23 for 4, 6, 8, 10 on each side; 3: none
        for n, critical in ((3, -1), (4, 0), (6, 5), (8, 13), (10, 23)):
            self.assertEqual(inference.shifts_outside(n, n), critical + 1, n)

    def test_the_rank_sum_test_is_scipys(self):
        chance = random.Random(6)
        for n, m in ((1, 4), (4, 4), (5, 9), (12, 8)):
            a = [chance.gauss(0, 1) for _ in range(n)]
            b = [chance.gauss(.7, 1) for _ in range(m)]
            self.assertAlmostEqual(inference.rank_sum_p(a, b), scipy.stats.mannwhitneyu(
                a, b, method="exact").pvalue)

    def test_equal_values_are_counted(self):
        a, b = [1, 2, 2, 3], [2, 3, 3, 4]
        ranks = scipy.stats.rankdata(a + b)
        sums = [sum(ranks[list(c)]) for c in itertools.combinations(range(8), 4)]
        tail = min(sum(s <= sum(ranks[:4]) for s in sums),
                   sum(s >= sum(ranks[:4]) for s in sums))
        self.assertAlmostEqual(inference.rank_sum_p(a, b), 2 * tail / len(sums))

    def test_the_interval_holds_and_the_estimate_is_the_ratio(self):
        chance, held, number = numpy.random.default_rng(4), 0, 2000
        for _ in range(number):
            old, new = numpy.exp(chance.normal(0, .05, (2, 6)))
            e = inference.unpaired(old.tolist(), (1.3 * new).tolist())
            held += e.low <= 1.3 <= e.high
        self.assertGreater(held / number, .95 - 3 * math.sqrt(.95 * .05 / number))
        self.assertAlmostEqual(inference.unpaired([1, 2, 3, 4], [2, 4, 6, 8]).ratio, 2)

    def test_few_have_no_interval(self):
        self.assertIsNone(inference.unpaired([1, 2, 3], [4, 5, 6]).low)
        self.assertIsNotNone(inference.unpaired([1, 2, 3, 4], [4, 5, 6, 7]).low)
        self.assertIsNone(inference.unpaired([], [1]))


# -- the scripts -----------------------------------------------------------------------

def noisy(seed, factor=1.0, **given):
    """What trial() is given: 1 % of noise in CPU and rate, CPU `factor` times."""
    def figures(level, round_):
        chance = random.Random(f"{seed} {level} {round_}")
        cpu = 5000 * factor * chance.gauss(1, .01)
        return {"cpu_ns": cpu, "rate": 20000 * chance.gauss(1, .01), **given}
    return figures


class Scripts(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.old, self.new = self.folder / "old", self.folder / "new"

    def campaigns(self, factor=1.0, rounds=8, **changes):
        """An old one, and a new one in which one model needs `factor` times the CPU."""
        campaign(self.old, {"epoll_level": noisy(1), "thread_pool": noisy(2)}, (1, 16),
                 rounds)
        campaign(self.new, {"epoll_level": noisy(3, factor), "thread_pool": noisy(4)},
                 (1, 16), rounds, **changes)

    def script(self, name, *arguments):
        return subprocess.run([TOP / "scripts" / name, *map(str, arguments)],
                              capture_output=True, text=True, timeout=60)

    def compare(self, code, *arguments):
        done = self.script("compare", self.old, self.new, *arguments)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def rows(self, code, *arguments):
        """{(clients, model, metric): row} of --json."""
        found = json.loads(self.compare(code, "--json", *arguments).stdout)
        return {(r["clients"], r["model"], r["metric"]): r for r in found["rows"]}

    def change(self, folder, edit):
        """Every trial of a folder, edited."""
        path = folder / "trials.jsonl"
        trials = [json.loads(line) for line in path.read_text().splitlines()]
        for line in trials:
            edit(line)
        path.write_text("".join(json.dumps(line) + "\n" for line in trials))


class Compare(Scripts):
    def test_two_of_the_same_are_ties(self):
        self.campaigns()
        rows = self.rows(0)
        self.assertEqual(len(rows), 2 * 2 * 3)
        self.assertEqual({r["verdict"] for r in rows.values()}, {"tie"})

    def test_what_became_dearer_is_a_regression_and_nothing_else_is(self):
        self.campaigns(1.2)
        rows = self.rows(8)
        for (_, model, metric), row in rows.items():
            slower = (model, metric) == ("epoll_level", "server_cpu_ns_per_request")
            self.assertEqual(row["verdict"], "regression" if slower else "tie", row)
        row = rows[16, "epoll_level", "server_cpu_ns_per_request"]
        self.assertAlmostEqual(row["ratio"], 1.2, delta=.02)
        self.assertTrue(row["ratio_low"] < 1.2 < row["ratio_high"], row)
        self.assertEqual((row["old_n"], row["new_n"]), (8, 8))
        self.assertLess(row["p_corrected"], .05)
        self.compare(0, "--band", "30%")

    def test_what_became_cheaper_or_faster_is_an_improvement(self):
        self.campaigns(0.8)
        self.change(self.new, lambda t: t.update(
            requests_per_second=t["requests_per_second"] * 1.5))
        words = {key[2]: r["verdict"] for key, r in self.rows(0).items()
                 if key[1] == "epoll_level"}
        self.assertEqual(words, {"server_cpu_ns_per_request": "improvement",
                                 "requests_per_second": "improvement", "p99_ns": "tie"})

    def test_fewer_requests_and_later_replies_are_regressions(self):
        self.campaigns()

        def edit(line):
            line["requests_per_second"] *= .8
            line["latency_ns"]["p99"] *= 1.5
        self.change(self.new, edit)
        words = {key[2]: r["verdict"] for key, r in self.rows(8).items()}
        self.assertEqual(words, {"server_cpu_ns_per_request": "tie",
                                 "requests_per_second": "regression",
                                 "p99_ns": "regression"})

    def test_what_changed_for_all_alike_is_divided_out_by_a_baseline(self):
        self.campaigns()

        def edit(line):
            line["server"]["cpu_ns_per_request"] *= 1.3
        self.change(self.new, edit)
        self.compare(8)
        rows = self.rows(0, "--baseline", "thread_pool")
        self.assertEqual({key[1] for key in rows}, {"epoll_level"})
        self.assertEqual({row["verdict"] for row in rows.values()}, {"tie"})
        row = rows[16, "epoll_level", "server_cpu_ns_per_request"]
        self.assertAlmostEqual(row["old_median"], 1, delta=.03)
        self.assertEqual(row["baseline"], "thread_pool")
        self.change(self.new, lambda t: t["model"] == "epoll_level" and edit(t))
        row = self.rows(8, "--baseline", "thread_pool")[
            16, "epoll_level", "server_cpu_ns_per_request"]
        self.assertAlmostEqual(row["ratio"], 1.3, delta=.03)
        shown = self.compare(8, "--baseline", "thread_pool").stdout
        self.assertIn("old, × thread_pool", shown)
        self.assertIn("Each figure is over that of thread_pool in the same round", shown)
        self.assertIn("'none' is not in", self.compare(2, "--baseline", "none").stderr)

    def test_identical_campaigns_give_a_false_alarm_in_five_percent_at_most(self):
        chance, wrong = numpy.random.default_rng(12), 0
        for _ in range(1000):
            old, new = numpy.exp(chance.normal(0, .1, (2, 8, 12))).tolist()
            family = {i: inference.unpaired(a, b) for i, (a, b) in
                      enumerate(zip(zip(*old), zip(*new)))}
            wrong += any(v.word == inference.DIFFERENT
                         for v in inference.judge(family).values())
        self.assertLessEqual(wrong, 50)

    def test_bounds_of_the_client_are_not_compared(self):
        self.campaigns(1.2)

        def edit(line):
            if line["model"] == "epoll_level":
                line.update(verdict="CLIENT-BOUND",
                            requests_per_second=line["requests_per_second"] / 2)
        self.change(self.new, edit)
        row = self.rows(8)[16, "epoll_level", "requests_per_second"]
        self.assertEqual((row["verdict"], row["reason"], row["ratio"]),
                         ("not compared", "client-bound", None))
        self.assertEqual((row["old_is_bound"], row["new_is_bound"]), (False, True))
        line = next(line for line in self.compare(8).stdout.splitlines()
                    if "epoll_level" in line and "requests/s" in line)
        self.assertRegex(line, r"20.000  ≥ 10.000 .*not compared \(client-bound\)$")

    def test_where_other_rates_were_offered_only_what_they_cost_is_compared(self):
        for factor, verdict, reason in (
                (1.01, "tie", ""), (1.1, "not compared", "another rate was offered")):
            self.campaigns()
            for folder, rate in ((self.old, 20000.0), (self.new, 20000.0 * factor)):
                path = folder / "manifest.json"
                about = json.loads(path.read_text())
                about["experiment"] = {"name": "scaling", "axis": "clients", "levels": [
                    {"at": at, "name": f"{at} clients", "rate": rate} for at in (1, 16)]}
                path.write_text(json.dumps(about))
            for (_, _, metric), row in self.rows(0).items():
                costs = metric == "server_cpu_ns_per_request"
                self.assertEqual((row["verdict"], row["reason"]),
                                 ("tie", "") if costs else (verdict, reason))
        self.assertIn("give --rate a number", " ".join(self.compare(0).stdout.split()))

    def test_points_that_others_disturbed_are_not_compared(self):
        self.campaigns(1.2)
        self.change(self.new, lambda t: t.update(verdict="NOISY" if t["round"] > 2
                                                 else "VALID"))
        done = self.compare(1)
        self.assertNotIn("  regression", done.stdout)
        self.assertIn("not compared (noisy)", done.stdout)
        self.assertIn("nothing could be judged", done.stderr)

    def test_a_model_that_fails_now_is_a_regression(self):
        self.campaigns()
        lines = [failed("epoll_level", 16, r, r) for r in range(8)]
        trials = [json.loads(line) for line in
                  (self.new / "trials.jsonl").read_text().splitlines()]
        kept = [t for t in trials if (t["model"], t["clients"]) != ("epoll_level", 16)]
        about = json.loads((self.new / "manifest.json").read_text())
        write(self.new, about, kept + lines)
        row = self.rows(8)[16, "epoll_level", "server_cpu_ns_per_request"]
        self.assertEqual((row["verdict"], row["reason"]), ("regression",
                                                           "every trial failed"))
        self.compare(8, "--fail-on", "regressed:99%")

    def test_only_a_regression_of_so_much_fails_when_asked(self):
        self.campaigns(1.2)
        self.compare(8, "--fail-on", "regressed")
        self.compare(8, "--fail-on", "regressed:15%")
        done = self.compare(0, "--fail-on", "regressed:25%")
        self.assertIn("none of the 2 regressions is worse by 25 %", done.stderr)
        self.assertIn("regression", done.stdout)
        for wrong in ("improved", "regressed:", "regressed:much"):
            self.assertIn("regressed", self.compare(2, "--fail-on", wrong).stderr)

    def test_fewer_requests_count_by_how_many_times_as_many_there_were(self):
        self.campaigns()
        self.change(self.new, lambda t: t.update(
            requests_per_second=t["requests_per_second"] / 1.5))
        self.compare(8, "--fail-on", "regressed:45%")
        self.compare(0, "--fail-on", "regressed:55%")

    def test_the_environments_of_two_campaigns_are_compared_without_their_figures(self):
        self.campaigns(1.2)
        self.assertEqual(self.compare(0, "--environment").stdout,
                         "no difference in machine or build\n")
        about = json.loads((self.new / "manifest.json").read_text())
        about["build"].update(flags="-O0")
        about["environment"].update(kernel="6.19")
        about["options"].update(payload_bytes=1024)
        (self.new / "manifest.json").write_text(json.dumps(about))
        self.assertEqual(self.compare(1, "--environment").stdout.splitlines(),
                         ["environment.kernel: 6.18.44 → 6.19", "build.flags: -O2 → -O0"])

    def test_so_few_rounds_decide_nothing(self):
        self.campaigns(2.0, rounds=3)
        done = self.compare(1)
        self.assertIn("n too small", done.stdout)
        self.assertIn("nothing could be judged", done.stderr)

    def test_unlike_manifests_are_refused_by_name(self):
        self.campaigns()
        about = json.loads((self.new / "manifest.json").read_text())
        about["build"].update(flags="-O0", commit="fff", dirty=True)
        about["environment"].update(kernel="6.19", load_average=[9, 9, 9])
        about["environment"]["sysctl"]["net.core.somaxconn"] = "128"
        about["environment"]["sysctl"]["fs.file-max"] = "7"     # of each boot: no difference
        about["options"].update(payload_bytes=1024, seed=8, rounds=9)
        about["options"]["added_later"] = 1
        about["started"] = "2027-01-01T00:00:00+00:00"
        (self.new / "manifest.json").write_text(json.dumps(about))
        done = self.compare(2)
        self.assertEqual(done.stdout, "")
        self.assertNotIn("file-max", done.stderr)
        named = re.findall(r"^compare: ([\w.]+): (.*) → (.*)$", done.stderr, re.M)
        self.assertEqual(named, [
            ("options.added_later", "not recorded", "1"),
            ("options.payload_bytes", "64", "1024"), ("build.flags", "-O2", "-O0"),
            ("environment.kernel", "6.18.44", "6.19"),
            ("environment.sysctl.net.core.somaxconn", "4096", "128")])
        forced = json.loads(self.compare(0, "--unlike", "--json").stdout)
        self.assertIn("Unlike in build.flags: -O2 → -O0.", forced["caveats"])

    def unlike(self, change):
        """The members in which two campaigns differ, of which `change` is told both."""
        self.campaigns()
        abouts = [json.loads((folder / "manifest.json").read_text())
                  for folder in (self.old, self.new)]
        change(*abouts)
        for folder, about in zip((self.old, self.new), abouts, strict=True):
            (folder / "manifest.json").write_text(json.dumps(about))
        old, new = (data.load(folder) for folder in (self.old, self.new))
        return [name for name, *_ in likeness.differences(old, new)]

    def test_what_an_older_program_did_not_record_makes_no_difference(self):
        def change(old, new):
            new["environment"].update(caches={"L2_bytes": 1 << 20}, microcode="0x1")
            new["build"]["libraries"] = {"glibc": "2.36"}
            old["environment"]["sysctl"]["net.core.busy_poll"] = "0"
        self.assertEqual(self.unlike(change), [])
        self.assertIn("recorded of one of the two alone: environment.caches, "
                      "environment.microcode, environment.sysctl.net.core.busy_poll, "
                      "build.libraries", self.compare(0, "--environment").stderr)

    def test_what_decides_speed_is_told_from_what_is_of_the_moment(self):
        def change(old, new):
            for about, n in ((old, 1), (new, 2)):
                about["build"]["libraries"] = {"fmt": f"{n}", "liburing": f"{n}"}
                about["environment"].update(
                    steal={"seconds_since_boot": n}, throttled=n,
                    kernel_command_line=f"root=/dev/vda{n}", governor=f"{n}",
                    clock={"now_mhz": n, "max_mhz": 9, "boost": n == 1},
                    smt={"active": n == 1}, limits={"nofile": 9, "nproc": n},
                    cgroup={"cpus": n, "tasks": n, "memory_bytes": n})
        self.assertEqual(self.unlike(change), [
            "build.libraries.liburing", "environment.cgroup.cpus",
            "environment.clock.boost", "environment.governor", "environment.smt.active"])

    def test_the_runner_lets_the_same_members_differ(self):
        source = (TOP / "bench/environment.cpp").read_text()
        listed = re.search(r"what_may_differ = \{(.*?)\};", source, re.S)[1]
        paths = {path.strip("/").replace("/", ".")
                 for path in re.findall(r'"(/[^"]+)"', listed)}
        free = {f"environment.{name}" for name in likeness.FREE["environment"]}
        self.assertEqual(paths, likeness.OF_THE_MOMENT | likeness.HARMLESS | free)

    def test_another_date_and_commit_may_be_compared_with_a_caveat(self):
        self.campaigns(build={**manifest([], [], 0)["build"], "commit": "fff"},
                       started="2027-01-01T00:00:00+00:00")
        self.assertIn("not paired by round", self.compare(0).stdout)

    def test_all_forms_say_the_same(self):
        self.campaigns(1.2)
        rows = list(self.rows(8).values())
        done = self.compare(8, "--csv")
        self.assertIn("not paired by round", done.stderr)
        lines = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
        self.assertEqual(
            [(r["model"], r["verdict"], str(r["ratio"])) for r in rows],
            [(r["model"], r["verdict"], r["ratio"]) for r in lines])
        cells = [line.split(" | ") for line in self.compare(8, "--markdown").stdout
                 .splitlines() if line.startswith("| ")][2:]
        self.assertEqual([(r["model"], f"{r['ratio']:.3f}", r["verdict"] + " |")
                          for r in rows], [(c[1], c[5], c[7]) for c in cells])

    def test_colour_is_for_terminals_without_no_color(self):
        self.campaigns(1.2)
        self.assertNotIn("\033", self.compare(8).stdout)
        self.assertIn("\033[31mregression\033[0m", self.on_a_terminal({}))
        self.assertNotIn("\033", self.on_a_terminal({"NO_COLOR": "1"}))
        self.assertNotIn("\033", self.on_a_terminal({"TERM": "dumb"}))
        self.assertNotIn("\033", self.on_a_terminal({}, "--no-color"))
        self.assertNotIn("\033", self.on_a_terminal({}, "--plain"))

    def on_a_terminal(self, changes, *options):
        ours, its = pty.openpty()
        environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        with subprocess.Popen([TOP / "scripts/compare", self.old, self.new, *options],
                              stdout=its, env={**environment, "TERM": "xterm", **changes}):
            os.close(its)
            shown = b""
            try:
                while more := os.read(ours, 65536):
                    shown += more
            except OSError:  # EIO: the other side is closed
                pass
        os.close(ours)
        return shown.decode()

    def test_what_cannot_be_read_is_wrong_usage(self):
        self.campaigns()
        for arguments, word in (((self.old,), "NEW"),
                                ((self.old, self.folder / "none"), "none"),
                                ((self.old, self.new, "--band", "2"), "'2'"),
                                ((self.old, self.new, "--json", "--csv"), "--csv")):
            done = self.script("compare", *arguments)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(word, done.stderr)

    def test_a_file_of_trials_stands_for_its_folder(self):
        self.campaigns(1.2)
        subprocess.run(["gzip", self.old / "trials.jsonl"], check=True)
        done = self.script("compare", self.old / "trials.jsonl.gz",
                           self.new / "trials.jsonl")
        self.assertEqual(done.stdout, self.compare(8).stdout)


class Export(Scripts):
    def test_csv_has_medians_intervals_and_ratios(self):
        self.campaigns(1.2)
        done = self.script("export", self.new, "--csv")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rows = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
        row = next(r for r in rows if (r["clients"], r["model"], r["metric"]) == (
            "16", "thread_pool", "server_cpu_ns_per_request"))
        trials = [json.loads(line) for line in
                  (self.new / "trials.jsonl").read_text().splitlines()]
        cpu = {m: [t["server"]["cpu_ns_per_request"] for t in trials
                   if (t["model"], t["clients"]) == (m, 16)]
               for m in ("thread_pool", "epoll_level")}
        ratios = [a / b for a, b in zip(cpu["thread_pool"], cpu["epoll_level"])]
        self.assertEqual(float(row["median"]), numpy.median(cpu["thread_pool"]))
        self.assertEqual(float(row["low_95"]), min(cpu["thread_pool"]))
        self.assertAlmostEqual(float(row["ratio"]), numpy.median(ratios))
        self.assertEqual((row["rounds"], row["baseline"], row["verdict"]),
                         ("8", "epoll_level", "different"))

    def test_json_says_what_the_csv_says(self):
        self.campaigns(1.2)
        told = schemas.parse(self.script("export", self.new, "--json").stdout)
        schemas.check(self, "summary", told)
        points = {(p["at"], p["model"]): p for p in told["points"]}
        rows = list(csv.DictReader(io.StringIO(self.script("export", self.new, "--csv")
                                               .stdout, newline="")))
        self.assertGreater(len(rows), 30)
        for row in rows:
            point = points[float(row["at"]), row["model"]]
            metric, ratio = (point[name].get(row["metric"]) for name in
                             ("metrics", "ratios"))
            self.assertEqual(
                [metric[name] for name in ("n", "median", "low_95", "high_95")],
                [float(row[name]) for name in ("rounds", "median", "low_95", "high_95")])
            self.assertEqual(bool(row["ratio"]), bool(ratio), row)
            if ratio:
                self.assertEqual(
                    [ratio[name] for name in ("to", "verdict", "ratio", "low_95")],
                    [row["baseline"], row["verdict"], *(float(row[name]) for name in
                                                        ("ratio", "ratio_low_95"))])

    def test_a_bound_has_no_ratio(self):
        self.campaigns()
        self.change(self.new, lambda t: t.update(verdict="CLIENT-BOUND"))
        text = self.script("export", self.new, "--csv").stdout
        rows = csv.DictReader(io.StringIO(text, newline=""))
        rates = [r for r in rows if r["metric"] == "requests_per_second"]
        self.assertEqual({(r["is_bound"], r["ratio"], r["verdict"]) for r in rates},
                         {("1", "", "")})
        self.assertIn("| ≥ ", self.script("export", self.new, "--markdown").stdout)
        named = json.loads(self.script("export", self.new, "--google-benchmark").stdout)
        self.assertEqual({b["name"].split("/")[0] for b in named["benchmarks"]},
                         {"server_cpu"})

    def test_markdown_keeps_its_cells_whatever_a_model_is_called(self):
        campaign(self.new, {"epoll_level": noisy(1), "a|b <img> [x](y) `": noisy(2),
                            "slow": noisy(3, 1.5)}, (4,), 8)
        text = self.script("export", self.new, "--markdown").stdout
        rows = [line for line in text.splitlines() if line.startswith("| ")]
        self.assertEqual({len(re.findall(r"(?<!\\)\|", row)) for row in rows}, {9})
        self.assertIn(r"a\|b \<img> \[x](y) \`", text)
        self.assertRegex(text, r"\| slow \|.*\| different \|")
        self.assertIn("Friedman", text)

    def test_google_benchmarks_own_tool_compares_them(self):
        if not GOOGLE_COMPARE.exists():
            self.skipTest(f"no {GOOGLE_COMPARE}: apt-get install libbenchmark-tools")
        self.campaigns(1.2, rounds=9)
        files = []
        for folder in (self.old, self.new):
            files.append(self.folder / f"{folder.name}.json")
            done = self.script("export", folder, "--google-benchmark")
            files[-1].write_text(done.stdout)
        done = subprocess.run(
            ["/usr/bin/python3", "-B", GOOGLE_COMPARE, "--no-color", "benchmarks",
             *files], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("U Test, Repetitions: 9 vs 9", done.stdout)
        changes = [float(c) for c in re.findall(
            r"^server_cpu/epoll_level/16 +([+-][\d.]+)", done.stdout, re.M)]
        self.assertEqual(len(changes), 9)
        self.assertAlmostEqual(numpy.median(changes), .2, delta=.03)

    def test_the_keys_are_those_of_our_own_benchmarks(self):
        self.campaigns()
        ours = json.loads(self.script("export", self.new, "--google-benchmark").stdout)
        done = subprocess.run(
            [BIN / "models_bench", "--benchmark_filter=^round_trip/epoll_level",
             "--benchmark_repetitions=2", "--benchmark_format=json"],
            capture_output=True, text=True, timeout=60)
        theirs = json.loads(done.stdout)
        self.assertLessEqual(set(ours["context"]), set(theirs["context"]))
        self.assertLessEqual(set(ours["benchmarks"][0]), set(theirs["benchmarks"][0]))
        for member, value in theirs["benchmarks"][0].items():
            if member in ours["benchmarks"][0] and isinstance(value, str):
                self.assertIsInstance(ours["benchmarks"][0][member], str, member)

    def test_what_is_not_a_campaign_is_wrong_usage(self):
        self.campaigns()
        for arguments in ((self.folder / "none", "--csv"), (self.new,)):
            done = self.script("export", *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""))


if __name__ == "__main__":
    unittest.main()

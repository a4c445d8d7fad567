"""Is a difference shown, or may it be chance? Exact answers for the few rounds there are.

Evidence is a ratio with its 95 % interval and the p of an exact test; `judge` makes
verdicts of a whole family of them. A pair is "different" only when the interval lies
beyond the tie band around 1 and the p, corrected after Holm for the whole family, is
below 0.05. Otherwise it is a "tie", or "n too small" where so few rounds could not have
shown any difference.

How often that errs and what it finds, from simulations with fixed seeds
(tests/statistics_test.py): four identical models, noise of 1 to 10 % in each trial and a
round effect of 10 %, 6 to 10 rounds: some pair called different in at most 5 % of the
campaigns. One of four models 10 % slower, noise of 3 % (4.2 % in a ratio): it is told
from another one in 73 % of the campaigns of 8 rounds, 96 % of 9, 94 % of 10, and never
with fewer than 8; of two models, in 79 % with 6 rounds. With noise of 2 %: in 96 % of
those of 8 rounds.
"""

import functools
import math
import statistics
from typing import NamedTuple

import numpy
import scipy.stats

CHANCE = 0.05                               # of an error in the whole family
TIE_BAND = 0.02                             # a ratio nearer to 1 than this is none
DIFFERENT, TIE, TOO_FEW = "different", "tie", "n too small"


class Evidence(NamedTuple):
    """A ratio, its interval (None, None where n is too small for one), and the p."""
    ratio: float
    low: float | None
    high: float | None
    n: int                                  # rounds, or trials of the smaller side
    p: float                                # two-sided, of "no difference"
    least_p: float                          # the smallest that so few could give


class Verdict(NamedTuple):
    evidence: Evidence
    p: float                                # corrected for the family
    word: str


# -- paired by round ---------------------------------------------------------------------

def paired(ratios):
    """Evidence of the ratios of the rounds (> 0): their median, an interval of order
    statistics, and Wilcoxon's signed-rank test of their logarithms. None without any."""
    if not ratios:
        return None
    low, high = median_interval(ratios) or (None, None)
    n, p = len(ratios), signed_rank_p([math.log(r) for r in ratios])
    return Evidence(statistics.median(ratios), low, high, n, p, 2.0 ** (1 - n))


def median_interval(values):
    """The interval of order statistics that holds the median of the law in at least 95 %,
    whatever the law; None for fewer than 6 values, which have none.

    Source: David and Nagaraja, Order Statistics, 7.1.
    """
    n, outside, k = len(values), 0.0, 0
    while 2 * (outside := outside + math.comb(n, k) / 2 ** n) <= CHANCE:
        k += 1
    ordered = sorted(values)
    return (ordered[k - 1], ordered[n - k]) if k else None


def signed_rank_p(differences):
    """Wilcoxon's signed-rank test, two-sided and exact: over all signs that these sizes
    could have had, so that equal sizes (times from buckets) are no trouble, as they are
    for tables and for scipy. Zeros are left out."""
    kept = [d for d in differences if d]
    if not kept:
        return 1.0
    twice = numpy.rint(2 * scipy.stats.rankdata(numpy.abs(kept))).astype(int)
    observed = sum(r for r, d in zip(twice.tolist(), kept) if d > 0)
    return two_sided(sign_sums(tuple(sorted(twice.tolist()))), observed)


@functools.lru_cache(maxsize=4096)
def sign_sums(ranks):
    """How many choices of signs give each sum of the positive ranks."""
    counts = numpy.zeros(sum(ranks) + 1)
    counts[0] = 1
    for rank in ranks:
        shifted = numpy.zeros_like(counts)
        shifted[rank:] = counts[:len(counts) - rank]
        counts += shifted
    return counts


def two_sided(counts, observed):
    """Twice the smaller tail, the observed sum included."""
    tail = min(counts[:observed + 1].sum(), counts[observed:].sum())
    return min(1.0, float(2 * tail / counts.sum()))


def friedman_p(rows):
    """Of "all models are alike": a row per round, a column per model, 3 or more of them;
    None where that cannot be said."""
    if len(rows) < 2 or len(rows[0]) < 3:
        return None
    p = scipy.stats.friedmanchisquare(*zip(*rows)).pvalue
    return None if math.isnan(p) else float(p)


# -- unpaired: two campaigns at different times ------------------------------------------

def unpaired(old, new):
    """Evidence of new over old (all > 0): the Hodges-Lehmann estimate on logarithms, its
    interval, and the Mann-Whitney test, all exact. None when a side is empty.

    Source: Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 4.1 to 4.3.
    """
    if not old or not new:
        return None
    shifts = sorted(math.log(b) - math.log(a) for a in old for b in new)
    k = shifts_outside(len(old), len(new))
    low, high = (shifts[k - 1], shifts[-k]) if k else (None, None)
    return Evidence(math.exp(statistics.median(shifts)), k and math.exp(low) or None,
                    k and math.exp(high) or None, min(len(old), len(new)),
                    rank_sum_p(old, new), 2 / math.comb(len(old) + len(new), len(old)))


@functools.lru_cache(maxsize=256)
def shifts_outside(n, m):
    """The k for which the k-th smallest and the k-th greatest of the n m shifts hold the
    true one in at least 95 %; 0: none do."""
    ranks = tuple(range(2, 2 * (n + m) + 1, 2))
    counts = subset_sums(ranks, n)[n * (n + 1)::2]      # of U = 0, 1, ...
    return int(numpy.searchsorted(2 * counts.cumsum() / counts.sum(), CHANCE, "right"))


def rank_sum_p(old, new):
    """The Mann-Whitney test, two-sided and exact: over all ways in which these values,
    equal ones included, could have fallen to the two sides."""
    twice = numpy.rint(2 * scipy.stats.rankdata([*old, *new])).astype(int).tolist()
    sums = subset_sums(tuple(sorted(twice)), len(old))
    return two_sided(sums, sum(twice[:len(old)]))


@functools.lru_cache(maxsize=256)
def subset_sums(ranks, size):
    """How many choices of `size` of the ranks give each sum."""
    counts = numpy.zeros((size + 1, sum(ranks) + 1))
    counts[0, 0] = 1
    for rank in ranks:
        counts[1:, rank:] += counts[:-1, :-rank].copy()
    return counts[size]


# -- a family of them --------------------------------------------------------------------

def judge(family, band=TIE_BAND):
    """{key: Verdict} of {key: Evidence}; band: of ratios that are ties, as a share."""
    corrected = holm([e.p for e in family.values()])
    return {key: Verdict(e, p, word(e, p, len(family), band))
            for (key, e), p in zip(family.items(), corrected)}


def word(evidence, p, family_size, band):
    if evidence.low is None:
        return TOO_FEW
    above, below = 1 + band, 1 / (1 + band)
    if p < CHANCE and (evidence.low > above or evidence.high < below):
        return DIFFERENT
    if below <= evidence.low and evidence.high <= above:
        return TIE
    return TOO_FEW if evidence.least_p * family_size >= CHANCE else TIE


def holm(p_values):
    """Each p corrected for all of them, in their order (Holm 1979)."""
    by_size = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected, greatest = [0.0] * len(p_values), 0.0
    for place, i in enumerate(by_size):
        greatest = max(greatest, min(1.0, (len(p_values) - place) * p_values[i]))
        corrected[i] = greatest
    return corrected


def rounds_needed(family_size):
    """The fewest rounds that can show a difference between two of so many pairs."""
    n = 6
    while 2.0 ** (1 - n) * family_size >= CHANCE:
        n += 1
    return n

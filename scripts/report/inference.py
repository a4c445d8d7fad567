"""Is a difference shown, or may it be chance? Exact answers for the few rounds there are.

Within a campaign ratios are paired by round. Two models are "different" when their ratio
is no tie and the p of the whole campaign's family (sign_flips.py, families.py) is below
0.05: every two models at every load together. A "tie" has 1 in its interval, or a median
inside the band around 1, or a p that chance would reach too often; of fewer than 6
rounds, which cannot show anything, it is "n too small".

Two campaigns are not paired: `judge` makes verdicts of a whole family of their ratios,
with the interval beyond the band and a p that is corrected after Holm.

How often that errs and what it finds: results/reading.md, "p and the family".
"""

import functools
import math
import statistics
from typing import NamedTuple

import numpy
import scipy.stats

CHANCE = 0.05                               # of an error in the whole family
FEWEST = 6                                  # rounds: 2 / 2**5 is above that, 2 / 2**6 below
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
    p: float | None                         # corrected for the family
    word: str


# -- paired by round ---------------------------------------------------------------------

def paired(ratios, p, band=TIE_BAND):
    """The Verdict of the ratios of the rounds (> 0), of which there is one at least: their
    median and its interval. p: of their family."""
    low, high = median_interval(ratios) or (None, None)
    median, n = statistics.median(ratios), len(ratios)
    evidence = Evidence(median, low, high, n, p, 2.0 ** (1 - n))
    if low is None:
        return Verdict(evidence, p, TOO_FEW)
    tie = is_tie(median, low, high, 1 + band)
    return Verdict(evidence, p, DIFFERENT if p < CHANCE and not tie else TIE)


def is_tie(median, low, high, factor):
    """1 is within the interval, or the median within the factor."""
    return low <= 1 <= high or 1 / factor <= median <= factor


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


def friedman_p(rows):
    """Of "all models are alike": a row per round, a column per model, 3 or more of them;
    None where that cannot be said: of fewer, or where no round ranks them."""
    if len(rows) < 2 or len(rows[0]) < 3 or all(len(set(row)) == 1 for row in rows):
        return None
    return float(scipy.stats.friedmanchisquare(*zip(*rows)).pvalue)


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


def two_sided(counts, observed):
    """Twice the smaller tail, the observed sum included."""
    tail = min(counts[:observed + 1].sum(), counts[observed:].sum())
    return min(1.0, float(2 * tail / counts.sum()))


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

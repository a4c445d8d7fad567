"""How often would chance make any of so many ratios as one-sided as this one?

Of two systems that are alike, A over B is in each round as likely as B over A. So the
rounds are turned over, each or not, in every way that there is: what the greatest
one-sidedness among all ratios is in each of these ways is what chance does, and p is the
share of the ways in which it reaches that of the ratio that is looked at. Whole rounds
are turned over, with all ratios in them, for these hang together: all that are divided by
one trial share its noise. That ratio which is shown to be no chance leaves the others, in
the order of their one-sidedness (step-down).

Sources: Fisher, The Design of Experiments, 21 (turning over); Westfall and Young,
Resampling-Based Multiple Testing, 1993, 2.6 (the greatest of all; step-down); Romano and
Wolf, Econometrica 73 (2005). The runner's numbers are the same (bench/sign_flips.cpp).
"""

import functools

import numpy

WHOLE = 12                                  # rounds: up to so many, every way
SOME = 2048                                 # ways that are drawn where there are more
FARTHEST = 2.5                              # times the median size: no round counts more
NEAR = 1e-9                                 # sums of other orders are equal


def p_values(family):
    """The p of each of these ratios (> 0), corrected for all of them; each a
    {round: ratio}."""
    rounds = {round_: i for i, round_ in enumerate(sorted(set().union(*family)))}
    if not rounds:
        return [1.0] * len(family)
    logs = numpy.full((len(family), len(rounds)), numpy.nan)
    for row, ratios in zip(logs, family):
        row[[rounds[round_] for round_ in ratios]] = numpy.log(list(ratios.values()))
    return corrected(scaled(logs)).tolist()


def scaled(logs):
    """Rows of logarithms, nan in a round without: one that is far out is drawn nearer, and
    each row is of length 1 (or 0), so that its sum is its one-sidedness: from 0 to the
    root of the number of rounds."""
    sizes = numpy.sort(numpy.abs(logs), axis=1)            # nan goes to the end
    n = numpy.maximum((~numpy.isnan(logs)).sum(axis=1), 1)
    each = numpy.arange(len(logs))
    median = numpy.nan_to_num(sizes[each, (n - 1) // 2] + sizes[each, n // 2]) / 2
    farthest = FARTHEST * median[:, None]
    logs = numpy.clip(numpy.nan_to_num(logs), -farthest, farthest)
    length = numpy.sqrt((logs ** 2).sum(axis=1, keepdims=True))
    return logs / numpy.where(length > 0, length, 1)


def corrected(sides):
    """The p of each row; a column per round, each row of length 1 or 0."""
    observed = numpy.abs(sides.sum(axis=1))
    order = numpy.argsort(observed, kind="stable")
    sides, observed = sides[order], observed[order]
    signs = ways(sides.shape[1])
    greatest = numpy.maximum.accumulate(numpy.abs(signs @ sides.T), axis=1)
    share = (greatest >= observed - NEAR).mean(axis=0)
    p = numpy.empty_like(share)
    p[order] = numpy.maximum.accumulate(share[::-1])[::-1]
    return p


@functools.lru_cache(maxsize=64)
def ways(rounds):
    """To turn rounds over: a row of +1 and -1 for each. To turn over all of them changes
    nothing, so the last one stays where every way is there; the first way turns none."""
    if rounds <= WHOLE:
        bits = numpy.arange(2 ** (rounds - 1))[:, None] >> numpy.arange(rounds) & 1
    else:
        number = numpy.arange(SOME, dtype=numpy.uint64)[:, None]
        bits = scrambled((number << numpy.uint64(32))
                         + numpy.arange(rounds, dtype=numpy.uint64)) >> numpy.uint64(63)
        bits[0] = 0
    return 1.0 - 2.0 * bits.astype(float)


def scrambled(x):
    """SplitMix64's finaliser: the same draws in every language."""
    x = (x + numpy.uint64(0x9E3779B97F4A7C15))
    x = (x ^ (x >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    return x ^ (x >> numpy.uint64(31))

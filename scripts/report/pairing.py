"""Two points side by side, round by round: what slows a whole round down does not count."""

from typing import NamedTuple

from . import inference
from .point import interval_of


class Ratio(NamedTuple):
    """A over B, computed round by round; a tie is a difference that is not shown.

    low and high: the 95 % interval of the median, and the range with less than 6 rounds.
    """
    median: float
    low: float
    high: float
    n: int
    tie: bool


def compare(a, b, metric):
    """The metric of point a over that of point b, paired by round, or None.

    A tie: the interval includes 1, or the median is nearer to 1 than by a factor of 1.02
    or by that of the A/A pair at the same load.
    """
    found = ratios(a, b, metric)
    if not found:
        return None
    median, low, high, _ = interval_of(found)
    factor = max(1 + inference.TIE_BAND, tie_factor(a.twins, metric))
    tie = inference.is_tie(median, low, high, factor)
    return Ratio(median, low, high, len(found), tie)


def ratios(a, b, metric):
    """Of each round in which both have some of it."""
    return list(by_round(a.values(metric), b.values(metric)).values())


def by_round(some, others):
    """{round: ratio} of two {round: value}, where both have some."""
    return {r: some[r] / others[r] for r in some if some[r] > 0 and others.get(r, 0) > 0}


def tie_factor(twins, metric):
    """How far from 1 the interval of a model's ratio to itself reaches (of fewer than 6
    rounds their range); 1 where that is not known."""
    found = ratios(*twins, metric) if twins else []
    if not found:
        return 1
    itself = interval_of(found)
    return max(itself.high, 1 / itself.low)

"""All trials of one model at one level: its figures round by round, and over all rounds."""

import collections
import math
import statistics
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from . import inference
from .trial import METRICS, NOBODY
from .units import clean

NEAR_CEILING = 0.85                         # of the client's: the client is the limit
SAMPLES_PER_TAIL = 3.68                     # p99 needs 368 samples, p99.9 needs 3 680


class Spread(NamedTuple):
    """A median over rounds and the range (smallest, largest), or interval, around it."""
    median: float
    low: float
    high: float
    n: int


@dataclass
class Point:
    """All trials of one model at one level of what the campaign varies."""
    model: str
    at: float
    trials: list = field(default_factory=list)
    twins: tuple = ()                       # of an A/A campaign: the two Points, if any
    ceiling: float | None = None            # requests/s of the null responder, closed loop

    @cached_property
    def by_round(self):
        """The usable trial of each round; of a repeated trial the last one counts."""
        return {t.round: t for t in self.trials if t.usable}

    @cached_property
    def unanswered(self):
        """The rounds in which nobody had an answer at all, so that there is no figure."""
        return {t.round for t in self.trials if t.verdict == "FAILED"
                and t.text("reason") == NOBODY} - self.by_round.keys()

    @property
    def answered_nobody(self):
        """It ran and left everybody without an answer, each time that is known of."""
        return bool(self.unanswered) and not self.by_round

    def values(self, metric):
        """{round: value} for the rounds that have one."""
        found = {r: METRICS[metric](t) for r, t in self.by_round.items()}
        return {r: value for r, value in found.items() if value is not None}

    def spread(self, metric):
        values = list(self.values(metric).values())
        if not values:
            return None
        return Spread(statistics.median(values), min(values), max(values), len(values))

    def interval(self, metric):
        """The median and its 95 % interval; of fewer than 6 rounds, their range."""
        return interval_of(list(self.values(metric).values()))

    @cached_property
    def merged(self):
        """One histogram of all rounds: the counts are added, nothing is averaged."""
        return merge(t.histogram for t in self.by_round.values())

    def percentile_ns(self, p):
        """Of the merged histogram; without one, the median of the rounds' figures."""
        if self.merged:
            return percentile(self.merged, p)
        spread = self.spread({0.5: "p50_ns", 0.9: "p90_ns", 0.99: "p99_ns",
                              0.999: "p999_ns"}[p])
        return spread and spread.median

    @cached_property
    def verdicts(self):
        return collections.Counter(t.verdict for t in self.trials)

    @cached_property
    def client_bound(self):
        """By its verdicts, or too near to what the client can ask for at all."""
        rate = self.spread("rate")
        return self.verdicts["CLIENT-BOUND"] > 0 or bool(
            rate and self.ceiling and rate.median > NEAR_CEILING * self.ceiling)

    @cached_property
    def clients(self):
        """The most that were active in any trial."""
        return max((t.clients for t in self.trials), default=0)

    @property
    def load(self):
        """What was asked of it, in words; "" where that is not recorded."""
        return next((clean(t.text("load")) for t in self.trials if t.text("load")), "")

    @property
    def starved(self):
        """The most clients left without a reply in any round."""
        spread = self.spread("starved")
        return int(spread.high) if spread else 0


def interval_of(values):
    """A Spread: the median and its 95 % interval; of fewer than 6 values their range."""
    if not values:
        return None
    low, high = inference.median_interval(values) or (min(values), max(values))
    return Spread(statistics.median(values), low, high, len(values))


def merge(histograms):
    """Adds the counts of equal buckets: [(lower_ns, upper_ns, count)], ascending."""
    counts = collections.Counter()
    for histogram in histograms:
        for lower, upper, count in histogram:
            counts[(lower, upper)] += count
    return [(low, high, n) for (low, high), n in sorted(counts.items())]


def percentile(histogram, p):
    """The upper end, in ns, of the bucket that holds the sample of rank ceil(p n).

    None when too few samples support it.
    """
    total = sum(count for _, _, count in histogram)
    if p > 0.5 and total * (1 - p) < SAMPLES_PER_TAIL - 1e-6:
        return None
    rank, seen = max(1, math.ceil(p * total - 1e-9)), 0
    for _, upper, count in histogram:
        seen += count
        if seen >= rank:
            return upper
    return None

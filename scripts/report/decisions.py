"""Which model when: for each need, the models that tie for best, by stated rules.

A need is looked at in one experiment, at one of its levels, in one figure. The candidates
are the models that served every client there. The best one and all that tie with it (see
families.py) are named, then those more than twice as dear with their whole interval, and
those that starved clients. Everything else is in between.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from . import families, metrics, pairing
from .campaign import Campaign
from .findings import alike

DEAR = 2                                    # times the best, from which on it is named
LEAST, GREATEST = "least", "greatest"
EXPERIMENTS = ("scaling", "process_control", "churn", "idle_crowd", "payload",
               "blocking_work", "cpu_work", "overload", "bad_company", "burst", "memory",
               "transports")
RULES = (
    "Candidates are the models that served every client at that level. The best has the "
    "lowest (of throughput the highest) median; those that tie with it are as good: no "
    "difference was shown, in the family of every two models at every load. With fewer "
    "than 6 rounds, which show nothing, a tie is where the range of the ratio includes 1, "
    "or the ratio is within 2 % of 1, or within the range of the A/A pair.",
    f"Dear are those whose ratio to the best, paired by round, is beyond {DEAR} with its "
    "whole 95 % interval (with fewer than 6 rounds: its range); the number is the end of "
    "it that is nearer to 1.",
    "Where the best has nothing to divide by (0 bytes), the next one is named, too, and "
    "the others are compared with that.",
    "Where the client was the limit of the best model's throughput, its figure is a lower "
    "bound: all models that the client limited are named with it, for they cannot be told "
    "apart.",
    "Of several campaigns of one experiment the latest counts.")


class Need(NamedTuple):
    text: str
    experiment: str
    end: str                                # which of its levels
    metric: str = ""                        # "": the experiment's headline


NEEDS = (
    Need("Few clients, cheap requests", "scaling", LEAST, "cpu_ns"),
    Need("Many clients, cheap requests", "scaling", GREATEST, "cpu_ns"),
    Need("Many silent clients", "idle_crowd", GREATEST),
    Need("Large messages", "payload", GREATEST),
    Need("Requests that block", "blocking_work", GREATEST),
    Need("Requests that compute", "cpu_work", GREATEST),
    Need("Bad company", "bad_company", GREATEST),
    Need("More than it can answer", "overload", GREATEST),
    Need("Least memory per connection", "memory", GREATEST, "pss_per_client"),
    Need("Short connections", "churn", LEAST),
    Need("Clients that are processes", "process_control", GREATEST),
    Need("Many connects at once", "burst", GREATEST))


@dataclass
class Decision:
    need: Need
    campaign: Campaign
    at: float
    metric: str
    best: list = field(default_factory=list)        # Points, the best first
    dear: list = field(default_factory=list)        # (Point, how many times at least)
    starving: list = field(default_factory=list)    # Points
    between: int = 0                                # models that are none of these
    bounded: bool = False                           # the best are at the client's limit

    @property
    def rounds(self):
        return min((p.spread(self.metric).n for p in self.best), default=0)


def decide(need, campaign):
    """The Decision; None where the campaign has no figure for it."""
    at = level(campaign, need.end)
    name = need.metric or campaign.experiment.metric
    points = alike(campaign, [p for p in campaign.at(at) if p.spread(name)]) \
        if at is not None else []
    serving = [p for p in points if not p.starved]
    if not points:
        return None
    found = Decision(need, campaign, at, name, starving=[p for p in points if p.starved])
    if serving:
        rank(found, sorted(serving, key=lambda p: better_first(p, name)))
    found.dear.sort(key=lambda row: (row[1], row[0].model))
    found.between = len(serving) - len(found.best) - len(found.dear)
    return found


def level(campaign, end):
    """The greatest or the least level at which two models have figures, or None."""
    if end == GREATEST:
        return campaign.top
    return min((at for at in campaign.levels if len(campaign.at(at)) > 1), default=None)


def better_first(point, name):
    sign = -1 if metrics.of(name).more_is_better else 1
    return sign * point.spread(name).median, point.model


def rank(found, points):
    """Puts each of the sorted points where it belongs."""
    name = found.metric
    limited = [p for p in points if families.bounded(name, p)
               and families.bounded(name, points[0])]
    nothing = [p for p in points if p.spread(name).median <= 0]
    first = limited or nothing
    rest = [p for p in points if p not in first]
    found.bounded, found.best = bool(limited), list(first)
    if nothing and rest:                    # nobody can be compared with 0
        found.best.append(rest[0])
    best = found.best[-1] if nothing and rest else (first or points)[0]
    if not first:
        found.best = [best]
    rest = [p for p in rest if p not in found.best]
    for point, ratio in compared(rest, best, name, found.bounded):
        if ratio and ratio.tie:
            found.best.append(point)
        elif ratio and times_worse(ratio, name) > DEAR:
            found.dear.append((point, times_worse(ratio, name)))


def compared(points, best, name, bounded):
    """Over a lower bound the ratio is at least what it is; no family can be judged."""
    if bounded:
        return [(p, pairing.compare(p, best, name)) for p in points]
    return families.compared(points, best, name)


def times_worse(ratio, name):
    """At least, by the end of its interval that is nearer to 1."""
    if metrics.of(name).more_is_better:
        return 1 / ratio.high if ratio.high > 0 else float("inf")
    return ratio.low

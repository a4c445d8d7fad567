"""Two campaigns, an old one and a new one: what became better, and what worse.

Each (level, model, metric) that both have is a row. Nothing is paired, for the two ran
at different times; all rows that can be judged are one family (see inference.py).
"""

import math
import statistics
from dataclasses import dataclass, field
from typing import NamedTuple

from . import inference, likeness
from .experiment import CLIENTS, Experiment
from .point import Spread
from .units import plain, plural

REGRESSION, IMPROVEMENT = "regression", "improvement"
NOT_COMPARED, FAILED = "not compared", "failed"
OTHER_RATE = "another rate was offered"
GO_BY_THE_RATE = ("rate", "p99_ns", "p90_ns", "p50_ns", "connect_p99_ns")


class Metric(NamedTuple):
    name: str                               # as trial.METRICS has it
    member: str                             # as exports call it, with its unit
    title: str
    more_is_better: bool


METRICS = (Metric("rate", "requests_per_second", "requests/s", True),
           Metric("p99_ns", "p99_ns", "p99", False),
           Metric("cpu_ns", "server_cpu_ns_per_request", "server CPU/request", False))
HEADLINES = {metric.name: metric for metric in (
    Metric("connect_p99_ns", "connect_p99_ns", "p99 to connect", False),
    Metric("cpu_ns_per_connection", "server_cpu_ns_per_connection",
           "server CPU/connection", False),
    Metric("pss_per_client", "server_pss_bytes_per_client", "memory/connection", False))}


@dataclass
class Row:
    """One metric of one point. Where it is a bound the client was the limit."""
    at: float                               # the level
    clients: int                            # that were active, at most
    model: str
    metric: Metric
    old: Spread | None
    new: Spread | None
    bound: tuple = (False, False)           # of old, of new
    evidence: inference.Evidence | None = None
    p: float | None = None
    verdict: str = NOT_COMPARED
    reason: str = ""

    @property
    def worse(self):
        """By which share the new one is, going by the ratio; of one that failed: all."""
        if not self.evidence:
            return math.inf
        ratio = self.evidence.ratio
        return (1 / ratio if self.metric.more_is_better else ratio) - 1


@dataclass
class Comparison:
    rows: list
    caveats: list = field(default_factory=list)
    experiment: Experiment = CLIENTS        # of the old one
    baseline: str | None = None             # what the figures are over: Relative

    @property
    def verdict(self):
        """The worst word of all rows; "undecided" where none could be judged."""
        words = {row.verdict for row in self.rows}
        return next((w for w in (REGRESSION, IMPROVEMENT, inference.TIE) if w in words),
                    "undecided")

    def count(self, verdict):
        return sum(row.verdict == verdict for row in self.rows)


class Relative:
    """A point, each of its figures over the baseline's in the same round: what changed
    for all servers alike is not in it."""

    def __init__(self, point, base):
        self.at, self.clients, self.model = point.at, point.clients, point.model
        self.client_bound = point.client_bound or base.client_bound
        self.by_round, self.point, self.base = point.by_round, point, base

    def values(self, metric):
        below = self.base.values(metric)
        return {r: value / below[r] for r, value in self.point.values(metric).items()
                if below.get(r, 0) > 0}

    def spread(self, metric):
        values = list(self.values(metric).values())
        return Spread(statistics.median(values), min(values), max(values),
                      len(values)) if values else None


def point_of(campaign, model, level, baseline):
    """What is compared of it, or None where it, or its baseline, was not tried."""
    point = campaign.points.get((model, level))
    if baseline is None or point is None:
        return point
    base = campaign.points.get((baseline, level))
    return Relative(point, base) if base and model != baseline else None


def compare(old, new, band=inference.TIE_BAND, baseline=None):
    """The Comparison of two Campaigns; band: what is a tie, as a share of 1."""
    headline = HEADLINES.get(old.experiment.metric)
    compared = METRICS + ((headline,) if headline else ())
    rows = [row for level in sorted({*old.levels, *new.levels})
            for model in old.models
            for row in rows_of(point_of(old, model, level, baseline),
                               point_of(new, model, level, baseline), compared,
                               offered_alike(old, new, level))]
    family = {i: row.evidence for i, row in enumerate(rows)
              if row.evidence and row.evidence.low is not None and not row.reason}
    for i, verdict in inference.judge(family, band).items():
        rows[i].p, rows[i].verdict = verdict.p, verdict.word
        if verdict.word == inference.DIFFERENT:
            better = (verdict.evidence.ratio > 1) == rows[i].metric.more_is_better
            rows[i].verdict = IMPROVEMENT if better else REGRESSION
    found = caveats(old, new, rows)
    if baseline:
        found.insert(1, f"Each figure is over that of {baseline} in the same round: what "
                     "changed for all alike is divided out, and with it whatever changed "
                     f"in {baseline}.")
    return Comparison(rows, found, old.experiment, baseline)


def offered_alike(old, new, level):
    """In closed loops nothing is; in open ones both have the same rate within 2 % or,
    where a folder does not tell it, what came of it within 5 %."""
    told = [campaign.experiment.rates.get(level) for campaign in (old, new)]
    if None not in told:
        return near(*told, 0.02)
    seen = [spread.median for campaign in (old, new) for point in campaign.at(level)[:1]
            if (spread := point.spread("offered"))]
    return len(seen) != 2 or near(*seen, 0.05)


def near(a, b, share):
    return abs(a - b) <= share * max(a, b)


def rows_of(old, new, metrics, alike):
    """The rows of one point, which both have tried; those without a figure left out.
    alike: both were offered the same."""
    if old is None or new is None:
        return
    for metric in metrics:
        a, b = old.spread(metric.name), new.spread(metric.name)
        row = Row(old.at, old.clients, old.model, metric, a, b)
        if metric.name == "rate":
            row.bound = (old.client_bound, new.client_bound)
        if a and not new.by_round:
            row.verdict = REGRESSION
            row.reason = f"every trial {FAILED}"
        elif any(row.bound):
            row.reason = "client-bound"
        elif not alike and metric.name in GO_BY_THE_RATE and a and b:
            row.reason = OTHER_RATE
        elif a and b:
            row.evidence = inference.unpaired(*(positive(p, metric) for p in (old, new)))
            if noisy(old) or noisy(new):
                row.reason = "noisy"
            elif row.evidence and row.evidence.low is None:
                row.verdict = inference.TOO_FEW
        if a or b:
            yield row


def noisy(point):
    """Others had the machine in most of its trials: their median is not the server's."""
    return 2 * sum(t.verdict == "NOISY" for t in point.by_round.values()) > len(
        point.by_round)


def positive(point, metric):
    """A ratio needs figures above 0: the CPU time of a server hardly asked may be 0."""
    return [value for value in point.values(metric.name).values() if value > 0]


def caveats(old, new, rows):
    """What the reader has to know, in sentences."""
    found = ["The two campaigns ran at different times (old: "
             f"{when(old)}, new: {when(new)}) and are not paired by round: what else "
             "changed on the machine meanwhile is in these ratios, and in no interval. "
             "Models are best compared within one campaign."]
    found += [f"Unlike in {name}: {a} → {b}." for name, a, b
              in likeness.differences(old, new)]
    found += [*doubtful("old", old), *doubtful("new", new), *alone("old", old, new),
              *alone("new", new, old), *unserved(old, new)]
    if together(rows):
        found.append("Server CPU per request changed the same way in every point: look "
                     "at the machine first, then at the programs.")
    if any(any(row.bound) for row in rows):
        found.append("≥: the client was the limit there, so throughput is a lower bound "
                     "and is not compared.")
    if any(row.reason == OTHER_RATE for row in rows):
        found.append("Where another rate was offered, throughput and response times are "
                     "not compared. A share of the capacity is another rate whenever that "
                     "is measured anew: to compare, give --rate a number.")
    if any(row.verdict == inference.TOO_FEW for row in rows):
        found.append("n too small: so few rounds cannot show a difference among so many "
                     "figures; take more rounds, or fewer models.")
    return found


def together(rows):
    """Every point, two at least, is dearer, or every one cheaper, beyond chance."""
    words = [r.verdict for r in rows if r.metric.name == "cpu_ns" and r.p is not None]
    return len(words) > 1 and set(words) in ({REGRESSION}, {IMPROVEMENT})


def doubtful(side, campaign):
    """Trials that count nowhere, and those that count though they are not VALID."""
    lost = sum(not t.usable for t in campaign.trials)
    if lost:
        yield (f"{plural(lost, 'trial')} of the {side} campaign failed and "
               f"{'counts' if lost == 1 else 'count'} nowhere.")
    if campaign.about("partial") or not campaign.about("finished"):
        yield f"The {side} campaign is a partial run."
    for verdict in ("NOISY", "UNSTEADY", "OVERLOADED"):
        n = sum(t.verdict == verdict for t in campaign.trials)
        if n:
            yield (f"{plural(n, 'trial')} of the {side} campaign "
                   f"{'was' if n == 1 else 'were'} {verdict}" + (
                       ": points with mostly such trials are not compared."
                       if verdict == "NOISY" else ", and counted."))


def alone(side, campaign, other):
    only = sorted({*campaign.points} - {*other.points})
    if only:
        yield f"Only in the {side} campaign: " + ", ".join(
            f"{model} at {plain(at)}" for model, at in only) + "."


def unserved(old, new):
    """Points that leave more clients, or fewer, without any reply than before."""
    found = []
    for key, before in sorted(old.points.items()):
        after = new.points.get(key)
        if after and before.by_round and after.by_round \
                and before.starved != after.starved:
            found.append(f"{key[0]} at {plain(key[1])}: {before.starved} → {after.starved}")
    if found:
        yield ("Clients without any reply, where their number changed (the figures are "
               f"those of the clients served): {', '.join(found)}.")


def when(campaign):
    return campaign.about("started") or "time not recorded"

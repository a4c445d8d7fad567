"""What others claimed, beside what was measured here, by a stated rule.

A claim says that `less` has less of a metric than `more`. The ratio more / less is paired
by round. Beyond the tie band with its whole interval (of few rounds: its range) above 1
it is the same order, below 1 it is reversed, and otherwise the order is not shown. A claim
that names a level is looked at there alone.
"""

from typing import NamedTuple

from . import data, families, metrics
from .experiment import Claim
from .units import clean, plural, short, sig

SAME, NOT_SHOWN, REVERSED = "same order", "not shown", "reversed"
UNMEASURED = "not measured"
RULE = ("Same order: the ratio, paired by round, is above 1 with its whole 95 % interval "
        "(with fewer than 6 rounds: its range), and is no tie; reversed: below 1; "
        "otherwise, and with fewer than 3 rounds, the order is not shown.")
FEWEST = 3                                  # rounds that may show an order


class Outcome(NamedTuple):
    claim: Claim
    word: str
    at: float | None = None                 # the level that was looked at
    ratio: data.Ratio | None = None         # more / less
    notes: tuple = ()                       # why to read it with care, in words
    bound: bool = False                     # the ratio is "at least"


def outcomes(campaign):
    return [outcome(campaign, claim) for claim in campaign.experiment.claims]


def outcome(campaign, claim):
    less, more = (usable(campaign, model, claim) for model in (claim.less, claim.more))
    both = sorted({*less} & {*more})
    if not both:
        where = "" if claim.at is None else f" at {campaign.level(claim.at)}"
        gone = [m for m, has in ((claim.less, less), (claim.more, more)) if not has]
        return Outcome(claim, UNMEASURED, claim.at, notes=(
            f"no figure of {' or of '.join(short(m, 60) for m in gone)}{where}"
            if gone else "the two share no level",))
    less, more = less[both[-1]], more[both[-1]]
    ratio = data.compare(more, less, claim.metric)
    if ratio is None:
        return Outcome(claim, UNMEASURED, both[-1], notes=("they share no round",))
    bound = families.bounded(claim.metric, more)
    return Outcome(claim, word(ratio, families.bounded(claim.metric, less), bound),
                   both[-1], ratio, tuple(notes(campaign, claim, less, more)), bound)


def usable(campaign, model, claim):
    """{level: its Point} with figures, at the claim's level where it has one."""
    at = campaign.levels if claim.at is None else [claim.at]
    points = {level: campaign.points.get((model, level)) for level in at}
    return {level: p for level, p in points.items() if p and p.spread(claim.metric)}


def word(ratio, less_is_bound, more_is_bound):
    """The client's limit makes throughput a lower bound: only `more` may be one."""
    if ratio.n < FEWEST or ratio.tie or less_is_bound or (more_is_bound and ratio.median < 1):
        return NOT_SHOWN
    return SAME if ratio.median > 1 else REVERSED


def notes(campaign, claim, less, more):
    """What else was so at that level."""
    for point in (less, more):
        if point.starved:
            yield (f"{short(point.model, 60)} left "
                   f"{plural(point.starved, 'client')} without any reply")
        if families.bounded(claim.metric, point):
            yield f"the client was the limit of {short(point.model, 60)}"
    n = len(data.ratios(more, less, claim.metric))
    if n < FEWEST:
        yield f"{plural(n, 'round')} only, too few to show an order"
    elif n < 6:
        yield f"{plural(n, 'round')} only, so the range and not an interval"


def measured(campaign, found):
    """In words: "select_loop / epoll_level at 1000 idle connections, server CPU per
    request: 3.90 (3.85 to 3.95, n = 8)"."""
    claim, ratio = found.claim, found.ratio
    if ratio is None:
        return "; ".join(found.notes)
    interval = f"{sig(ratio.low)} to {sig(ratio.high)}, " if ratio.n > 1 else ""
    text = (f"{short(claim.more, 60)} / {short(claim.less, 60)} at "
            f"{campaign.level(found.at)}, {metrics.of(claim.metric).noun}: "
            f"{'≥ ' * found.bound}{sig(ratio.median)} ({interval}n = {ratio.n})")
    return clean("; ".join([text, *found.notes]))


def tally(found):
    """In words: "2 of 4 claims in the same order, 1 reversed, 1 not shown"."""
    if not found:
        return ""
    counted = [(sum(o.word == w for o in found), w)
               for w in (SAME, REVERSED, NOT_SHOWN, UNMEASURED)]
    parts = [f"{n} {'in the same order' if w == SAME else w}" for n, w in counted if n]
    return f"Of {plural(len(found), 'claim')}: {', '.join(parts)}."

"""What others claimed, beside what was measured here, by a stated rule.

A claim says that `less` has less of a metric than `more`. The ratio more / less is paired
by round. Beyond the tie band with its whole interval (of few rounds: its range) above 1
it is the same order, below 1 it is reversed, and otherwise the order is not shown. A claim
that names a level is looked at there alone. Who answers nobody has no throughput, which
is less than any. The runner's rule is the same (bench/claims.cpp): tests/rule_test.py.
"""

from typing import NamedTuple

from . import families, metrics, pairing
from .experiment import Claim
from .units import clean, plain, plural, short, sig

SAME, NOT_SHOWN, REVERSED = "same order", "not shown", "reversed"
UNMEASURED = "not measured"
RULE = ("Same order: the ratio, paired by round, is above 1 with its whole 95 % interval "
        "(with fewer than 6 rounds: its range), and is no tie; reversed: below 1; "
        "otherwise, and with fewer than 3 rounds, the order is not shown. Who answers "
        "nobody in 3 rounds has less throughput than who does.")
FEWEST = 3                                  # rounds that may show an order


class Outcome(NamedTuple):
    claim: Claim
    word: str
    at: float | None = None                 # the level that was looked at
    ratio: pairing.Ratio | None = None      # more / less
    notes: tuple = ()                       # why to read it with care, in words
    bound: bool = False                     # the ratio is "at least"


def outcomes(campaign):
    return [outcome(campaign, claim) for claim in campaign.experiment.claims]


def outcome(campaign, claim):
    less, more = (usable(campaign, model, claim) for model in (claim.less, claim.more))
    both = sorted({*less} & {*more})
    if not both:
        return Outcome(claim, UNMEASURED, notes=tuple(
            why_not_measured(campaign, claim, less, more)))
    at = both[-1]
    less, more = less[at], more[at]
    if not (less.spread(claim.metric) and more.spread(claim.metric)):
        return unanswered(claim, less, more)
    ratio = pairing.compare(more, less, claim.metric)
    if ratio is None:
        return Outcome(claim, UNMEASURED, at, notes=("they share no round",))
    bound = families.bounded(claim.metric, more)
    few = [] if ratio.n >= 6 else [f"{plural(ratio.n, 'round')} only, " + (
        "too few to show an order" if ratio.n < FEWEST else
        "so the range and not an interval")]
    return Outcome(claim, word(ratio, families.bounded(claim.metric, less), bound), at,
                   ratio, (*notes(claim, less, more), *few), bound)


def unanswered(claim, less, more):
    """One of the two answered nobody, so that it has no throughput, or both."""
    quiet, heard = (more, less) if less.spread(claim.metric) else (less, more)
    shared = quiet.unanswered & heard.values(claim.metric).keys()
    found = NOT_SHOWN if len(shared) < FEWEST else SAME if quiet is less else REVERSED
    few = [f"{plural(len(shared), 'round')} only, too few to show an order"] if (
        heard.spread(claim.metric) and len(shared) < FEWEST) else []
    return Outcome(claim, found, less.at, notes=(*notes(claim, less, more), *few))


def asked(campaign, model, claim):
    """{level: its Point} at the claim's level where it has one."""
    at = campaign.levels if claim.at is None else [claim.at]
    points = {level: campaign.claimed.get((model, level)) for level in at}
    return {level: p for level, p in points.items() if p}


def usable(campaign, model, claim):
    """Those with figures. No answer at all is no throughput at all; of other metrics it
    says nothing."""
    return {level: p for level, p in asked(campaign, model, claim).items()
            if p.spread(claim.metric) or (claim.metric == "rate" and p.answered_nobody)}


def why_not_measured(campaign, claim, less, more):
    """Why the two share no level with figures."""
    if claim.at is not None and claim.at not in campaign.levels:
        yield f"the level {plain(claim.at)} of {campaign.experiment.axis} was not measured"
        return
    gone = [m for m, has in ((claim.less, less), (claim.more, more)) if not has]
    if not gone:
        yield "the two share no level"
    no_figure = []
    for model in gone:
        silent = [level for level, p in asked(campaign, model, claim).items()
                  if p.answered_nobody]
        if silent:
            yield f"{short(model, 60)} answered nobody at {campaign.level(max(silent))}"
        else:
            no_figure.append(short(model, 60))
    if no_figure:
        where = "" if claim.at is None else f" at {campaign.level(claim.at)}"
        yield f"no figure of {' or of '.join(no_figure)}{where}"


def word(ratio, less_is_bound, more_is_bound):
    """The client's limit makes throughput a lower bound: only `more` may be one."""
    if ratio.n < FEWEST or ratio.tie or less_is_bound or (more_is_bound and ratio.median < 1):
        return NOT_SHOWN
    return SAME if ratio.median > 1 else REVERSED


def notes(claim, less, more):
    """What else was so at that level."""
    for point in (less, more):
        name = short(point.model, 60)
        if point.answered_nobody:
            yield f"{name} answered nobody"
        elif point.unanswered:
            yield f"{name} answered nobody in {plural(len(point.unanswered), 'round')}"
        if point.starved:
            yield f"{name} left {plural(point.starved, 'client')} without any reply"
        if families.bounded(claim.metric, point):
            yield f"the client was the limit of {name}"


def measured(campaign, found):
    """In words: "select_loop / epoll_level at 1000 idle connections, server CPU per
    request: 3.90 (3.85 to 3.95, n = 8)"."""
    claim, ratio = found.claim, found.ratio
    if ratio is None:
        where = "" if found.at is None else f"at {campaign.level(found.at)}: "
        return clean(where + "; ".join(found.notes))
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

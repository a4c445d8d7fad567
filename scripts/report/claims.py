"""What others claimed, beside what was measured here, by a stated rule.

A claim says that `less` has less of a metric than `more`. The ratio more / less is paired
by round. Where it is "different" in the family of the campaign (families.py) and above 1 it
is the same order, below 1 it is reversed, and otherwise the order is not shown. A claim
that the two have about the same names a factor: it holds ("alike") where the whole interval
lies within it, or within the band of the A/A pair where that is wider; it does not
("unlike") where a difference beyond it is shown. A claim that names a level is looked at
there alone. Who answers nobody has no throughput, which is less than any. The runner's rule
is the same (bench/claims.cpp): tests/rule_test.py.
"""

from typing import NamedTuple

from . import families, inference, metrics, pairing
from .experiment import Claim
from .units import clean, plain, plural, short, sig

SAME, NOT_SHOWN, REVERSED = "same order", "not shown", "reversed"
ALIKE, UNLIKE = "alike", "unlike"           # of claims that two have about the same
UNMEASURED = "not measured"
HOLDS = SAME, ALIKE
FEWEST = inference.FEWEST
RULE = (f"Same order: the ratio, paired by round, is different in the family of the whole "
        "campaign, and above 1; reversed: below 1; otherwise, and with fewer than "
        f"{FEWEST} rounds, the order is not shown. A claim that two have about the same: "
        "alike where the whole 95 % interval of the ratio lies within the band that the "
        "claim names (or that of the A/A pair, if that is wider); unlike where a "
        "difference beyond it is shown. Who answers nobody in "
        f"{FEWEST} rounds has less throughput than who does.")


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
    ratio, shown = (compare(more, less, claim.metric)
                    for compare in (pairing.compare, families.verdict))
    if ratio is None:
        return Outcome(claim, UNMEASURED, at, notes=("they share no round",))
    bounds = [families.bounded(claim.metric, point) for point in (less, more)]
    factor = 1 + families.band(less, claim.metric)
    found = word(ratio, shown.p, factor, *bounds) if claim.within is None else (
        alike(ratio, shown.p, max(factor, claim.within), any(bounds)))
    return Outcome(claim, found, at, ratio, (
        *meant(claim, factor), *notes(claim, less, more), *too_few(ratio.n)), bounds[1])


def unanswered(claim, less, more):
    """One of the two answered nobody, so that it has no throughput, or both."""
    quiet, heard = (more, less) if less.spread(claim.metric) else (less, more)
    n = len(quiet.unanswered & heard.values(claim.metric).keys())
    found = NOT_SHOWN if n < FEWEST else UNLIKE if claim.within else (
        SAME if quiet is less else REVERSED)
    few = too_few(n) if heard.spread(claim.metric) else ()
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


def word(ratio, p, factor, less_is_bound, more_is_bound):
    """The client's limit makes throughput a lower bound: only `more` may be one."""
    if not is_shown(ratio, p, factor) or less_is_bound or (
            more_is_bound and ratio.median < 1):
        return NOT_SHOWN
    return SAME if ratio.median > 1 else REVERSED


def alike(ratio, p, factor, is_bound):
    """Of a lower bound nobody knows how near it is."""
    if ratio.n < FEWEST or is_bound:
        return NOT_SHOWN
    if 1 / factor <= ratio.low and ratio.high <= factor:
        return ALIKE
    return UNLIKE if is_shown(ratio, p, factor) else NOT_SHOWN


def is_shown(ratio, p, factor):
    """Whether a difference beyond the factor is; p: of the family."""
    return ratio.n >= FEWEST and p < inference.CHANCE and not inference.is_tie(
        ratio.median, ratio.low, ratio.high, factor)


def meant(claim, factor):
    """What about the same is."""
    if claim.within:
        percent = 100 * (max(factor, claim.within) - 1)
        yield f"about the same is a ratio within {percent:.0f} % of 1"


def too_few(rounds):
    return [f"{plural(rounds, 'round')} only, too few to decide"] if rounds < FEWEST else []


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
               for w in (SAME, ALIKE, REVERSED, UNLIKE, NOT_SHOWN, UNMEASURED)]
    parts = [f"{n} {'in the same order' if w == SAME else w}" for n, w in counted if n]
    return f"Of {plural(len(found), 'claim')}: {', '.join(parts)}."

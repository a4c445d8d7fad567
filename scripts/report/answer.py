"""The answer to the experiment's question, in few sentences, and as plain text.

It is about the headline figure at the greatest level at which models can be compared,
among the models that served every client there. Ties are those of families.py.
"""

import textwrap

from markupsafe import Markup

from . import claims, families, findings, inference, metrics, thresholds
from .units import count, plural, sig
from .words import LISTED_AT_MOST, code, codes, phrase

WIDTH = 88                                  # of a terminal's lines
WHOLE = 0.99                                # what a trial may lose: OVERLOADED beyond it


def sentences(campaign):
    """Markup; empty where the campaign has no experiment, or no headline figure."""
    points = ranked(campaign, campaign.top) if campaign.experiment.name else []
    if not points:
        return []
    name = campaign.experiment.metric
    if campaign.experiment.scale == "category":
        return [*by_level(campaign), *leading(campaign, points)]
    if all_keep_up(points, name):
        return [Markup("At {}, every model answered what was offered.").format(
            campaign.level(campaign.top)), *left_out(campaign, points)]
    limit = limited(points, name)
    found = at_the_limit(campaign, limit) if limit else leading(campaign, points)
    return [*unserved(campaign, points), *found, *left_out(campaign, points),
            *all_together(points, name)]


def ranked(campaign, level):
    """The points with a headline figure there, the best first: those that serve every
    client, or all where none does."""
    name = campaign.experiment.metric
    points = findings.alike(campaign, [p for p in campaign.at(level) if p.spread(name)])
    points = [p for p in points if not p.starved] or points
    sign = -1 if metrics.of(name).more_is_better else 1
    return sorted(points, key=lambda p: (sign * p.spread(name).median, p.model))


def limited(points, name):
    """Those whose figure is a bound: with any, which is the best is not known."""
    return [p for p in points if families.bounded(name, p)]


def all_keep_up(points, name):
    """Whoever keeps up with an open loop answers what is offered, and no more."""
    return name == "rate" and all(
        p.spread("offered") and not p.starved
        and p.spread(name).median >= WHOLE * p.spread("offered").median for p in points)


def tied(points, name):
    """With the first of them, the best."""
    return [p for p, ratio in families.compared(points[1:], points[0], name)
            if ratio and ratio.tie]


def unserved(campaign, points):
    """Where nobody served all, those who served some are ranked."""
    if points[0].starved:
        yield Markup("At {}, no model answered every client.").format(
            campaign.level(campaign.top))


def leading(campaign, points):
    """The best with its interval, beside the baseline; who ties with it; the worst."""
    name, best = campaign.experiment.metric, points[0]
    metric, value = metrics.of(name), best.interval(name)
    base = next((p for p in points if p.model == campaign.baseline), None)
    # A baseline that starves clients is not ranked, and nobody is told beside it.
    verdicts = families.of_level(campaign, campaign.top, name) if base else {}
    many = len(points) > 1
    yield Markup("At {}, {} had {} {}: <strong>{}</strong>{}{}.").format(
        campaign.level(campaign.top), code(best.model), "the" if many else "this",
        metric.best if many else metric.noun, metric.words(value.median),
        interval(value, metric.words), beside(verdicts.get(best.model), best, base, name))
    if not many:
        return
    yield from comparisons(campaign, campaign.top)
    ties = [p for p in tied(points, name) if p is not base]
    if ties:
        shown = codes(ties) if len(ties) <= LISTED_AT_MOST else f"{len(ties)} models"
        yield Markup("{} {} with it: no difference was shown.").format(
            shown, "tie" if len(ties) > 1 else "ties")
    worst = points[-1]
    if worst is not base and worst not in ties:
        value = worst.interval(name)
        yield Markup("{} had the {}: {}{}{}.").format(
            code(worst.model), metric.worst, metric.words(value.median),
            interval(value, metric.words),
            beside(verdicts.get(worst.model), worst, base, name))


def compared(campaign, at):
    """Those that serve every client against the campaign's baseline: how
    many of them are shown to differ from it, of how many, and in how many rounds at most.
    All 0 where it is not ranked or the client was the limit. So counts the runner
    (bench/campaign_words.cpp)."""
    name, points = campaign.experiment.metric, ranked(campaign, at)
    base = next((p for p in points if p.model == campaign.experiment.baseline), None)
    if base is None or limited(points, name):
        return 0, 0, 0
    family = families.against([p for p in campaign.at(at) if not p.starved], base, name)
    return (sum(v.word == inference.DIFFERENT for v in family.values()), len(family),
            max((v.evidence.n for v in family.values()), default=0))


def comparisons(campaign, at):
    """7 of 8 comparisons with epoll_level are shown (p < 0.05 in the whole campaign)."""
    shown, of, rounds = compared(campaign, at)
    if not of:
        return
    needed = inference.FEWEST
    yield Markup("{} of {} with {} {} shown (p &lt; {:g} in the whole campaign){}.").format(
        count(shown), plural(of, "comparison"), code(campaign.experiment.baseline),
        "is" if 1 in (shown, of) else "are", inference.CHANCE,
        "" if rounds >= needed else f"; to show any takes {needed} rounds")


def by_level(campaign):
    """What the baseline pays at each of levels that have no order, over the first."""
    name, metric = campaign.experiment.metric, metrics.of(campaign.experiment.metric)
    points = [p for level in campaign.levels
              if (p := campaign.points.get((campaign.baseline, level)))
              and p.spread(name) and not families.bounded(name, p)]
    if len(points) < 2:
        return
    first, value = points[0], points[0].interval(name)
    yield Markup("{} had a {} of <strong>{}</strong>{} at {}.").format(
        code(first.model), metric.noun, metric.words(value.median),
        interval(value, metric.words), campaign.level(first.at))
    verdicts = {p.at: families.verdict(p, first, name) for p in points[1:]}
    parts = [level_part(campaign, p, first, verdicts[p.at]) for p in points[1:]
             if verdicts[p.at]]
    if parts:
        yield Markup("Over that, it had {}.").format(phrase(parts))


def level_part(campaign, point, first, verdict):
    """0.60 times (0.59 to 0.61) at Unix stream sockets"""
    e = verdict.evidence
    low, high = (e.low, e.high) if e.low is not None else families.extent(
        point, first, campaign.experiment.metric)
    spread = f" ({sig(low)} to {sig(high)})" if e.n > 1 else ""
    word = "" if verdict.word == inference.DIFFERENT else f", {verdict.word}"
    return Markup("<strong>{} times</strong>{}{} at {}").format(
        sig(e.ratio), spread, word, campaign.level(point.at))


def interval(value, words):
    """(3.98 to 4.02, n = 8)"""
    return "" if value.n < 2 else (
        f" ({words(value.low)} to {words(value.high)}, n = {value.n})")


def beside(verdict, point, base, metric):
    """, 0.87 times that of the baseline (0.86 to 0.88), with the word of its family."""
    if verdict is None:
        return ""
    e = verdict.evidence
    low, high = (e.low, e.high) if e.low is not None else families.extent(
        point, base, metric)
    spread = f" ({sig(low)} to {sig(high)})" if e.n > 1 else ""
    if verdict.word == inference.TIE:
        return Markup(", a tie with {}: {} times{}").format(
            code(base.model), sig(e.ratio), spread)
    few = f"; n = {e.n} is too small to show a difference" if (
        verdict.word == inference.TOO_FEW) else ""
    return Markup(", <strong>{} times</strong> that of {}{}{}").format(
        sig(e.ratio), code(base.model), spread, few)


def at_the_limit(campaign, points):
    """Throughput that the client limits ranks nobody."""
    shown = codes(points) if len(points) <= LISTED_AT_MOST else f"{len(points)} models"
    rates = [p.spread("rate").median for p in points]
    yield Markup("At {}, the client was the limit for {}: at least <strong>{}</strong>, "
                 "and which is the best is not known.").format(
        campaign.level(campaign.top), shown, metrics.rate(min(rates)))


def left_out(campaign, points):
    """Who is in no ranking: had a figure and starved clients, or answered nobody."""
    def shown(gone):
        return codes(gone) if len(gone) <= LISTED_AT_MOST else f"{len(gone)} models"
    there = {p.model for p in points}
    gone = [p for p in campaign.at(campaign.top) if p.starved and p.model not in there
            and p.spread(campaign.experiment.metric)]
    if gone:
        yield Markup("{} left clients without any reply there, and {} not ranked."
                     ).format(shown(gone), "are" if len(gone) > 1 else "is")
    quiet = [p for m in campaign.models
             if (p := campaign.points.get((m, campaign.top))) and p.answered_nobody]
    if quiet:
        yield Markup("{} answered nobody there.").format(shown(quiet))


def all_together(points, metric):
    found = families.friedman(points, metric)
    if found is None:
        return
    verb = "differ" if found.p < inference.CHANCE else "were not shown to differ"
    yield Markup("The {} {} (Friedman, p = {:.2g}, {}).").format(
        plural(found.models, "model"), verb, found.p, plural(found.rounds, "round"))


# -- for a terminal ----------------------------------------------------------------------

def as_text(campaign):
    """Question, answer, thresholds and claims; of a folder without an experiment what was
    found."""
    said = sentences(campaign) or findings.sentences(campaign)
    parts = [campaign.experiment.question, plain(Markup(" ").join(said))]
    parts.append(" ".join([thresholds.sentence(campaign), *(
        f"Missed: {text}." for text in thresholds.missed(campaign))]))
    found = claims.outcomes(campaign)
    if found:
        parts.append("Claimed, and what was measured here:")
        parts += [claim_text(campaign, outcome) for outcome in found]
    return "\n\n".join(textwrap.fill(p, WIDTH) if "\n" not in p else p
                       for p in parts if p) + "\n"


def claim_text(campaign, outcome):
    """The outcome in a column of its own, the claim and its reasons beside it."""
    claim = outcome.claim
    source = f" ({claim.source})" if claim.source else ""
    lines = [claim.text + source, claims.measured(campaign, outcome)]
    if claim.why_not and outcome.word not in claims.HOLDS:
        lines.append(f"Why it may differ: {claim.why_not}")
    margin = " " * 16
    text = "\n".join(textwrap.fill(line, WIDTH, initial_indent=margin,
                                   subsequent_indent=margin) for line in lines)
    return f"  {outcome.word:<14}{text[len(margin):]}"


def plain(markup):
    """What a terminal shows: no tags, no narrow spaces."""
    return markup.striptags()

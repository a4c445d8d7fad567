"""All models of a level against one of them: one family of comparisons, one rule of words.

"different", "tie" or "n too small" is what inference.judge says, with the band of the A/A
pair where that is wider than 2 %.
"""

from typing import NamedTuple

from . import inference, pairing


STARVES = "starves clients"
RATES = ("rate", "connections_per_second")  # bounds where the client was the limit


class Friedman(NamedTuple):
    """The test of "all models are alike", over those measured in every round."""
    p: float
    models: int
    rounds: int


def against(points, base, metric):
    """{model: inference.Verdict} of each point's metric over that of base, paired by
    round; without those that share no round with it, and without bounds."""
    evidence = {}
    for point in points if base else []:
        ratios = [] if bounded(metric, point, base) else pairing.ratios(point, base,
                                                                        metric)
        if point.model != base.model and ratios and min(ratios) > 0:
            evidence[point.model] = inference.paired(ratios)
    return inference.judge(evidence, band(base, metric) if base else 0)


def bounded(metric, *points):
    """Where the client was the limit, throughput is a lower bound and no ratio."""
    return metric in RATES and any(point.client_bound for point in points)


def band(point, metric):
    """What is a tie at the point's level, as a share of 1."""
    return max(inference.TIE_BAND, pairing.tie_factor(point.twins, metric) - 1)


def of_level(campaign, at, metric):
    """Those against the campaign's baseline. Who starves clients does other work: it has
    a ratio, that word, and no place in the family."""
    base, points = campaign.points.get((campaign.baseline, at)), campaign.at(at)
    starving = [p for p in points if p.starved and p is not base]
    family = against([p for p in points if p not in starving], base, metric)
    return family | {model: inference.Verdict(verdict.evidence, None, STARVES)
                     for model, verdict in against(starving, base, metric).items()}


def pairs(campaign, at, metric="cpu_ns"):
    """{(a, b): inference.Verdict} of the campaign's pairs, one family at each level."""
    evidence, width = {}, inference.TIE_BAND
    for pair in campaign.pairs:
        a, b = (campaign.points.get((model, at)) for model in (pair.a, pair.b))
        ratios = pairing.ratios(a, b, metric) if a and b else []
        if ratios and min(ratios) > 0 and not (a.starved or b.starved):
            evidence[pair.a, pair.b] = inference.paired(ratios)
            width = max(width, band(a, metric))
    return inference.judge(evidence, width)


def friedman(points, metric):
    """Over all models with a figure in every round that any of them has, or None."""
    columns = [p.values(metric) for p in points if not bounded(metric, p)]
    everyone = {r for column in columns for r in column}
    whole = [column for column in columns if set(column) == everyone]
    rows = [[column[r] for column in whole] for r in sorted(everyone)]
    p = inference.friedman_p(rows) if rows and whole else None
    return None if p is None else Friedman(p, len(whole), len(rows))


def compared(points, best, metric):
    """[(point, pairing.Ratio to best or None)]: a tie is what the family calls so; where n
    is too small for the family to call anything different, what pairing.compare says of
    the pair alone."""
    verdicts = against(points, best, metric)
    found = []
    for point in points:
        verdict = verdicts.get(point.model)
        ratio = verdict and pairing.compare(point, best, metric)
        if ratio and verdict.word != inference.TOO_FEW:
            ratio = ratio._replace(tie=verdict.word == inference.TIE)
        found.append((point, ratio))
    return found


def extent(a, b, metric):
    """The smallest and the largest ratio of the rounds."""
    ratios = pairing.ratios(a, b, metric)
    return min(ratios), max(ratios)

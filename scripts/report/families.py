"""One family of comparisons in each campaign, and one rule of words.

The family of a metric is every two models at every load, and where the loads have no order
every two loads of a model as well: whatever a table, a figure or a sentence compares is in
it. "different", "tie" or "n too small" is what inference.paired says, with the band of the
A/A pair where that is wider than 2 %, and with the p that a ratio has among all of them
(sign_flips.py). So in a campaign of systems that are all alike some two are called
different in 5 % of the cases at most, in whatever metric one looks at. The runner's family
is the same (bench/campaign_family.cpp): tests/rule_test.py.
"""

import itertools
from typing import NamedTuple

from . import inference, pairing, sign_flips


STARVES = "starves clients"
RATES = ("rate", "connections_per_second")  # bounds where the client was the limit


class Friedman(NamedTuple):
    """The test of "all models are alike", over those measured in every round."""
    p: float
    models: int
    rounds: int


def chances(campaign, metric):
    """{frozenset of two (model, level): the p of their ratio in the family}."""
    if metric not in campaign.chances:
        values = {key: point.values(metric) for key, point in campaign.claimed.items()
                  if point.by_round}
        pairs = [pair for pair in itertools.combinations(values, 2)
                 if are_compared(campaign, *pair)]
        p_values = sign_flips.p_values(
            [pairing.by_round(values[a], values[b]) for a, b in pairs])
        campaign.chances[metric] = dict(zip(map(frozenset, pairs), p_values))
    return campaign.chances[metric]


def are_compared(campaign, a, b):
    """Of two (model, level). Who is asked in a closed loop is compared with itself in an
    open one, and nobody else."""
    closed = [name for name, _ in (a, b) if name in campaign.closed_names]
    if closed:
        originals = {campaign.original_of(name) for name in closed}
        return a[1] == b[1] and not originals.isdisjoint((a[0], b[0]))
    return a[1] == b[1] or (a[0] == b[0] and campaign.experiment.scale == "category")


def verdict(a, b, metric):
    """The inference.Verdict of point a's metric over that of b; None where they share no
    round. Points of no campaign are a family of their own."""
    ratios = pairing.by_round(a.values(metric), b.values(metric))
    if not ratios:
        return None
    if a.campaign is None:
        p, = sign_flips.p_values([ratios])
    else:
        key = frozenset(((a.model, a.at), (b.model, b.at)))
        p = chances(a.campaign, metric).get(key, 1.0)
    return inference.paired(list(ratios.values()), p, band(b, metric))


def against(points, base, metric):
    """{model: inference.Verdict} of each point's metric over that of base, without those
    that share no round with it, and without bounds."""
    found = {}
    for point in points if base else []:
        if point.model != base.model and not bounded(metric, point, base):
            found[point.model] = verdict(point, base, metric)
    return {model: one for model, one in found.items() if one}


def bounded(metric, *points):
    """Where the client was the limit, throughput is a lower bound and no ratio."""
    return metric in RATES and any(point.client_bound for point in points)


def band(point, metric):
    """What is a tie at the point's level, as a share of 1."""
    return max(inference.TIE_BAND, pairing.tie_factor(point.twins, metric) - 1)


def of_level(campaign, at, metric):
    """Those against the campaign's baseline. Who starves clients does other work: it has
    a ratio, and that word."""
    base, points = campaign.points.get((campaign.baseline, at)), campaign.at(at)
    starving = {p.model for p in points if p.starved and p is not base}
    return {model: inference.Verdict(found.evidence, None, STARVES)
            if model in starving else found
            for model, found in against(points, base, metric).items()}


def pairs(campaign, at, metric="cpu_ns"):
    """{(a, b): inference.Verdict} of the campaign's pairs at a level."""
    found = {}
    for pair in campaign.pairs:
        a, b = (campaign.points.get((model, at)) for model in (pair.a, pair.b))
        if a and b and not (a.starved or b.starved):
            found[pair.a, pair.b] = verdict(a, b, metric)
    return {names: one for names, one in found.items() if one}


def friedman(points, metric):
    """Over all models with a figure in every round that any of them has, or None."""
    columns = [p.values(metric) for p in points if not bounded(metric, p)]
    everyone = {r for column in columns for r in column}
    whole = [column for column in columns if set(column) == everyone]
    rows = [[column[r] for column in whole] for r in sorted(everyone)]
    p = inference.friedman_p(rows) if rows and whole else None
    return None if p is None else Friedman(p, len(whole), len(rows))


def compared(points, best, metric):
    """[(point, pairing.Ratio to best or None)]: a tie is what the family calls so; of too
    few rounds to call anything different, what pairing.compare says of the pair alone."""
    verdicts = against(points, best, metric)
    found = []
    for point in points:
        one = verdicts.get(point.model)
        ratio = one and pairing.compare(point, best, metric)
        if ratio and one.word != inference.TOO_FEW:
            ratio = ratio._replace(tie=one.word == inference.TIE)
        found.append((point, ratio))
    return found


def extent(a, b, metric):
    """The smallest and the largest ratio of the rounds."""
    ratios = pairing.ratios(a, b, metric)
    return min(ratios), max(ratios)

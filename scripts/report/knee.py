"""From how many clients on more of them do not help, by one stated rule."""

from .units import listed, plural, short
from .words import loop

NEAR = 0.95                                 # of the greatest throughput is as good
LEVELS = 3                                  # of fewer nobody can say
LISTED = 4                                  # models that are named
RULE = ("The fewest clients with which a model answers within 5 % of the most that it "
        "answers with any number of them, by medians; of closed loops, where it has "
        "figures with three numbers of clients or more, and never where the client was "
        "the limit at one of them. A model whose knee would be the last one still gains.")


def find(campaign):
    """{model: the Point of its knee}"""
    if not campaign.experiment.of_clients or loop(
            campaign, campaign.levels) != "Closed loop":
        return {}
    found = {model: of_model(campaign, model) for model in campaign.models}
    return {model: point for model, point in found.items() if point}


def of_model(campaign, model):
    """Its Point, or None: by figures of the client nothing is said of the server."""
    points = [campaign.points.get((model, at)) for at in campaign.levels]
    points = [p for p in points if p and p.spread("rate")]
    if len(points) < LEVELS or any(p.client_bound for p in points):
        return None
    most = max(p.spread("rate").median for p in points)
    first = next(p for p in points if p.spread("rate").median >= NEAR * most)
    return first if most > 0 and first is not points[-1] else None


def in_words(campaign, knees):
    """What the rings of a figure say, as sentences, or nothing."""
    if not knees:
        return ""
    at = {}
    for model, point in knees.items():
        at.setdefault(point.at, []).append(short(model))
    parts = [f"{campaign.level(level)} for " + (
        listed(models) if len(models) <= LISTED else plural(len(models), "model"))
        for level, models in sorted(at.items())]
    rest = len(campaign.models) - len(knees)
    others = (f" None for {plural(rest, 'model')}: still gaining, limited by the client, "
              "or with too few figures.") if rest else ""
    return (" Ring: the knee, the fewest clients that give 95 % of the model's greatest "
            f"throughput: {'; '.join(parts)}.{others}")

"""One campaign in numbers, as JSON for other programs: results/schema/summary.json.

The medians, intervals, ratios and words are those of the report and of the other exports,
under the same names.
"""

import json
import statistics

from . import exports, families, inference, samples

NO_INTERVAL = "fewer than 6 rounds: no interval"
PERCENTILES = {"p50_ns": samples.missing, "p90_ns": samples.missing,
               "p99_ns": samples.missing, "p999_ns": samples.missing,
               "connect_p50_ns": samples.missing_connect,
               "connect_p99_ns": samples.missing_connect}


def as_json(campaign):
    experiment = campaign.experiment
    return json.dumps({
        "schema_version": 1,
        "experiment": experiment.name or None,
        "preset": experiment.preset or None,
        "question": experiment.question or None,
        "axis": experiment.axis,
        "headline": exports.METRICS.get(experiment.metric),
        "baseline": campaign.baseline,
        "started": text(campaign.about("started")),
        "host": text(campaign.about("environment", "host")),
        "partial": bool(campaign.about("partial")),
        "rounds": campaign.rounds,
        "levels": [{"at": at, "name": campaign.level(at)} for at in campaign.levels],
        "units": {member: unit(member) for member in exports.METRICS.values()},
        "points": [row for at in campaign.levels for row in level_rows(campaign, at)],
    }, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def text(value):
    return value if isinstance(value, str) else None


def unit(member):
    """Of a name that says it."""
    for word, words in (("_ns", "ns"), ("bytes", "B"), ("clients", "clients"),
                        ("connections_per", "connections/s"), ("per_second", "requests/s"),
                        ("switches", "switches/request")):
        if word in member:
            return words
    return "1"


def level_rows(campaign, at):
    compared = {*exports.COMPARED, campaign.experiment.metric} & exports.METRICS.keys()
    verdicts = {metric: families.of_level(campaign, at, metric) for metric in compared}
    for model in campaign.models:
        point = campaign.points.get((model, at))
        if point:
            yield {
                "at": at, "model": model, "family": campaign.families[model],
                "clients": point.clients,
                "connections": max(t.connections for t in point.trials),
                "trials": dict(sorted(point.verdicts.items())),
                "reason": None if point.by_round else why_none(point),
                "metrics": metrics_of(point),
                "ratios": {exports.METRICS[metric]: ratio(campaign.baseline, found[model])
                           for metric, found in sorted(verdicts.items())
                           if model in found}}


def why_none(point):
    reasons = [t.text("reason") for t in point.trials if t.text("reason")]
    return reasons[-1] if reasons else "no trial has figures"


def metrics_of(point):
    found = {}
    for metric, member in exports.METRICS.items():
        values = list(point.values(metric).values())
        if values:
            found[member] = spread(values, families.bounded(metric, point))
        elif metric in PERCENTILES and PERCENTILES[metric](point) == samples.TOO_FEW:
            found[member] = spread([], False)
    return found


def spread(values, is_bound):
    low, high = inference.median_interval(values) or (None, None)
    return {"n": len(values), "median": statistics.median(values) if values else None,
            "low_95": low, "high_95": high, "least": min(values, default=None),
            "most": max(values, default=None), "is_bound": is_bound,
            "reason": samples.TOO_FEW if not values else
            NO_INTERVAL if low is None else None}


def ratio(baseline, verdict):
    e = verdict.evidence
    return {"to": baseline, "n": e.n, "ratio": e.ratio, "low_95": e.low, "high_95": e.high,
            "p_corrected": verdict.p, "verdict": verdict.word}

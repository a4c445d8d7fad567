"""What a campaign had to keep (`--assert`), and whether it did, of its manifest.

The runner judges (bench/threshold_outcome.cpp); here it is shown. The member is absent
where nothing was asserted; what is not of its form is overlooked.
"""

from . import metrics
from .experiment import is_number, whole
from .tables import Cell, Table, level_cell, name, number
from .tuned import figure, objects
from .units import NONE, clean, count, plural, short

KEPT, MISSED = "kept", "missed"


def outcomes(campaign):
    """The rows of the member."""
    return [row for row in objects(campaign.about("thresholds"))
            if row.get("state") in (KEPT, MISSED) and is_number(row.get("at"))
            and all(isinstance(row.get(member), str)
                    for member in ("model", "clause", "metric"))]


def sentence(campaign):
    """3 of 4 thresholds are kept (--assert)."""
    found = outcomes(campaign)
    if not found:
        return ""
    kept = sum(row["state"] == KEPT for row in found)
    return (f"{count(kept)} of {plural(len(found), 'threshold')} "
            f"{'is' if 1 in (kept, len(found)) else 'are'} kept (--assert).")


def missed(campaign):
    """In words: "p99<5ms by iterative at 64 clients: it left 63 clients without any
    reply"."""
    return [clean(f"{row['clause']} by {short(row['model'], 60)} at "
                  f"{campaign.level(whole(row['at']))}: {told(row)}")
            for row in outcomes(campaign) if row["state"] == MISSED]


def told(row):
    """The median, and why else it is missed."""
    median, why = figure(row.get("median")), row.get("why")
    value = [] if median is None else [metrics.of(row["metric"]).words(median)]
    return "; ".join(value + [str(why)] * bool(why)) or "no figure"


def table(campaign):
    """A line for each, those that are missed first."""
    shown = Table([("threshold", "of the median of the rounds"), ("model", ""),
                   (campaign.experiment.axis, ""), ("median", "and its interval"),
                   ("rounds", "that have a figure"), ("kept", ""), ("why", "")])
    for row in sorted(outcomes(campaign), key=lambda row: row["state"] == KEPT):
        at, rounds = whole(row["at"]), figure(row.get("n"))
        model, clause, why = (clean(row.get(member) or "")
                              for member in ("model", "clause", "why"))
        shown.rows.append((model, at, [
            Cell(clause, clause), name(model), level_cell(campaign, at), value_cell(row),
            number(rounds, count(rounds)), Cell(mark(row), row["state"]),
            Cell(why, why)]))
    return shown


def mark(row):
    return f"✓ {KEPT}" if row["state"] == KEPT else f"✗ {MISSED}"


def value_cell(row):
    """The median, and under it the interval."""
    words = metrics.of(row["metric"]).words
    median, low, high = (figure(row.get(member)) for member in ("median", "low", "high"))
    if median is None:
        return number(None, NONE)
    note = "" if None in (low, high) or low == high else f"{words(low)} – {words(high)}"
    return Cell(words(median), median, note, "number")

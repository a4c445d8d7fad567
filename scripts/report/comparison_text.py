"""A Comparison in words: for a terminal, as Markdown, CSV or JSON."""

import json

from . import inference, metrics
from .comparison import FAILED, IMPROVEMENT, NOT_COMPARED, REGRESSION
from .tabular import as_columns, as_csv, as_markdown
from .units import NONE, clean, duration, plural, sig

HEADERS = ("model", "figure", "old", "new", "new / old", "95 % interval",
           "verdict")
MEMBERS = ("experiment", "at", "clients", "model", "metric", "old_median", "old_n", "old_is_bound",
           "new_median", "new_n", "new_is_bound", "ratio", "ratio_low", "ratio_high",
           "p_corrected", "verdict", "reason", "baseline")
WORDS = (1, 2, 7)                           # columns that are words
COLOURS = {REGRESSION: "\033[31m", IMPROVEMENT: "\033[32m"}
RESET = "\033[0m"


def as_text(comparison, coloured):
    def paint(row, line):
        word = next((w for w in COLOURS if row[-1].startswith(w)), None)
        if not coloured or word is None:
            return line
        head = line[:len(line) - len(row[-1])]
        return f"{head}{COLOURS[word]}{row[-1]}{RESET}"
    table = as_columns(headers(comparison), printed(comparison), WORDS, paint)
    return "\n".join([table, summary(comparison), *comparison.caveats, ""])


def markdown(comparison):
    table = as_markdown(headers(comparison), printed(comparison), WORDS)
    notes = "".join(f"- {line}\n" for line in comparison.caveats)
    return f"{table}\n{summary(comparison)}\n\n{notes}"


def summary(comparison):
    """1 regression, 2 improvements, 3 ties, 4 with n too small, 5 not compared."""
    numbers = [(comparison.count(REGRESSION), REGRESSION),
               (comparison.count(IMPROVEMENT), IMPROVEMENT),
               (comparison.count(inference.TIE), inference.TIE)]
    words = [plural(n, word) for n, word in numbers]
    for word in (inference.TOO_FEW, NOT_COMPARED):
        if comparison.count(word):
            words.append(f"{comparison.count(word)} × {word}")
    return ", ".join(words) + "."


def headers(comparison):
    over = f", × {clean(comparison.baseline)}" if comparison.baseline else ""
    return comparison.experiment.axis, *(
        name + over if name in ("old", "new") else name for name in HEADERS)


def printed(comparison):
    return [(comparison.experiment.tick(r.at), clean(r.model), r.metric.title,
             figure(comparison, r, r.old, r.bound[0]),
             figure(comparison, r, r.new, r.bound[1]),
             *evidence(r), r.verdict + (f" ({r.reason})" if r.reason else ""))
            for r in comparison.rows]


def figure(comparison, row, spread, is_bound):
    if spread is None:
        return FAILED if row.reason.endswith(FAILED) else NONE
    if comparison.baseline:
        return f"{spread.median:.3f}"
    words = metrics.of(row.metric.name).words if "pss" in row.metric.name else (
        sig if row.metric.more_is_better else duration)
    return ("≥ " if is_bound else "") + words(spread.median)


def evidence(row):
    e = row.evidence
    if e is None:
        return NONE, NONE
    return f"{e.ratio:.3f}", NONE if e.low is None else f"{e.low:.3f} – {e.high:.3f}"


def csv(comparison):
    return as_csv(MEMBERS, (values(comparison, row) for row in comparison.rows))


def as_json(comparison, old, new):
    return json.dumps({
        "schema_version": 1, "old": str(old), "new": str(new),
        "verdict": comparison.verdict, "caveats": comparison.caveats,
        "rows": [dict(zip(MEMBERS, values(comparison, row))) for row in comparison.rows],
    }, indent=2, ensure_ascii=False) + "\n"


def values(comparison, row):
    e = row.evidence
    return [comparison.experiment.name, row.at, row.clients, row.model, row.metric.member,
            row.old and row.old.median, row.old.n if row.old else 0, row.bound[0],
            row.new and row.new.median, row.new.n if row.new else 0, row.bound[1],
            *((e.ratio, e.low, e.high) if e else (None,) * 3), row.p, row.verdict,
            row.reason, comparison.baseline]

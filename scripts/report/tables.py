"""Tables: the summary, and one for each figure as its alternative in words."""

import collections
from dataclasses import dataclass, field
from typing import NamedTuple

from . import families, inference, pairing, samples, sharing
from .point import interval_of, percentile
from .units import NONE, count, duration, memory, microseconds, plain, sig, times


class Cell(NamedTuple):
    """What is printed, what it is sorted by, and a smaller second line."""
    text: str
    value: float | str | None = None
    note: str = ""
    kind: str = ""                          # "model", "number", "verdict" or ""


@dataclass
class Table:
    headers: list                           # (text, explanation)
    rows: list = field(default_factory=list)   # (model, level, [Cell])
    more: tuple = ()                        # headers of columns that the page may hide


def number(value, text):
    return Cell(text, value, kind="number")


def name(model):
    return Cell(model, model, kind="model")


def level_cell(campaign, at):
    is_name = campaign.experiment.scale == "category"
    return Cell(campaign.experiment.tick(at), at, kind="" if is_name else "number")


def spread_cell(spread, words, prefix="", missing=NONE):
    """The median, and under it the range."""
    if spread is None:
        return number(None, missing)
    low, high = words(spread.low), words(spread.high)
    note = f"{low} – {high}" if low != high else ""
    return Cell(prefix + words(spread.median), spread.median, note, "number")


def verdict_cell(point):
    """VALID when all trials are; else each verdict with its number of trials."""
    verdicts = point.verdicts
    if set(verdicts) == {"VALID"}:
        return Cell("VALID", "0", kind="verdict")
    alone = len(verdicts) == 1
    text = ",\n".join(v if alone else f"{v} {n}" for v, n in sorted(verdicts.items()))
    reasons = dict.fromkeys(t.reason for t in point.trials if t.reason)
    return Cell(text, text, "; ".join(list(reasons)[:2]), "verdict")


def rate_prefix(point):
    """Throughput is a lower bound where the client was the limit, and doubtful where a
    trial was not steady."""
    if point.client_bound:
        return "≥ "
    doubtful = ("UNSTEADY", "NOISY", "OVERLOADED")
    return "≈ " if any(point.verdicts[v] for v in doubtful) else ""


SUMMARY = (
    ("{axis}", "{what}"), ("model", ""), ("verdict", "of the trials"),
    ("CPU/request, µs", "server CPU time, whole process tree"),
    ("× floor", "CPU/request over half a loopback round trip"),
    ("× {baseline}", "CPU/request over that of {baseline}, paired by round"),
    ("requests/s", "verified replies; ≥ lower bound, ≈ doubtful"),
    ("p50", "latency, all rounds merged"), ("p90", "latency, all rounds merged"),
    ("p99", "latency, all rounds merged"), ("p99.9", "latency, all rounds merged"),
    ("max", "the slowest reply of all rounds: one request"),
    ("switches /request", "context switches per request"),
    ("processes / threads", "of the server under load"),
    ("memory /client", "PSS that a client adds"),
    ("slowest / fastest", "requests of the slowest client over those of the fastest"),
    ("starved", "clients without a reply"),
    ("errors", "connections that failed, and requests without a reply, by kind: all "
     "trials, those that FAILED included"))
MORE = ("p90", "p99.9", "max", "errors")    # where there is no room for all
ERRORS = {"connect": "not connected", "timeout": "timed out", "reset": "reset",
          "closed_early": "closed early", "mismatch": "wrong bytes",
          "lost_replies": "lost replies"}


def summary(campaign):
    """A row per level and model, the greatest level first, the cheapest model first."""
    axis = campaign.experiment.axis
    named = {"baseline": campaign.baseline or "baseline", "axis": axis,
             "what": "clients at the same time" if axis == "clients" else
             "what the experiment varies"}
    table = Table([(filled(h, named), filled(e, named)) for h, e in SUMMARY], more=MORE)
    for level in reversed(campaign.levels):
        points = [campaign.points[m, level] for m in campaign.models
                  if (m, level) in campaign.points]
        points.sort(key=lambda p: (p.spread("cpu_ns") or (float("inf"),))[0])
        verdicts = families.of_level(campaign, level, "cpu_ns")
        for point in points:
            table.rows.append((point.model, level, summary_row(
                campaign, point, verdicts.get(point.model))))
    return table


def filled(text, named):
    """Braces in names stay what they are."""
    for name, value in named.items():
        text = text.replace("{" + name + "}", value)
    return text


def ratio_cell(verdict, a, b):
    """A ratio of cost; under it its interval (of few rounds their range, and no word),
    and the word where that is not "different"."""
    if verdict is None:
        return number(None, NONE)
    ratio = pairing.compare(a, b, "cpu_ns")
    silent = inference.TOO_FEW if ratio.n < 6 else inference.DIFFERENT
    notes = [] if verdict.word == silent else [verdict.word]
    if ratio.n > 1:
        notes.append(f"{sig(ratio.low)} – {sig(ratio.high)}")
    return Cell(sig(ratio.median), ratio.median, ", ".join(notes), "number")


def summary_row(campaign, point, verdict):
    cpu = point.spread("cpu_ns")
    floor = cpu and campaign.floor_ns and cpu.median / campaign.floor_ns
    base = campaign.points.get((campaign.baseline, point.at))
    ratio = ratio_cell(verdict, point, base) if point.model != campaign.baseline else (
        number(1, sig(1)) if cpu else number(None, NONE))
    processes, threads = point.spread("processes"), point.spread("threads")
    evenness, starved = point.spread("evenness"), point.spread("starved")
    return [
        level_cell(campaign, point.at),
        name(point.model)._replace(note=campaign.families.get(point.model, "")),
        verdict_cell(point), spread_cell(cpu, microseconds),
        number(floor, sig(floor)),
        ratio,
        spread_cell(point.spread("rate"), sig, rate_prefix(point)),
        *[percentile_cell(point, p) for p in (0.5, 0.9, 0.99, 0.999)],
        longest_cell(point),
        spread_cell(point.spread("switches"), sig),
        number(threads and threads.median,
               f"{count(processes and processes.median)} / "
               f"{count(threads and threads.median)}" if processes or threads else NONE),
        spread_cell(point.spread("pss_per_client"), memory),
        number(evenness and evenness.median, sig(evenness and evenness.median)),
        number(starved and starved.high, count(starved and starved.high)),
        errors_cell(point)]


def percentile_cell(point, p):
    ns = point.percentile_ns(p)
    return number(ns, samples.missing(point) if ns is None else duration(ns))


def longest_cell(point):
    known = [t.number("latency_ns", "max") for t in point.by_round.values()]
    longest = max((ns for ns in known if ns), default=None)
    return number(longest, duration(longest))


def errors_cell(point):
    """Of all trials, for a load with any of them is FAILED or CORRUPT; under their number
    which they were."""
    found, known = collections.Counter(), False
    for trial in point.trials:
        for kind in ERRORS:
            n = trial.number("errors", kind)
            known |= n is not None
            found[kind] += n or 0
    note = ", ".join(f"{count(found[kind])} {words}" for kind, words in ERRORS.items()
                     if found[kind])
    total = sum(found.values()) if known else None
    return Cell(count(total), total, note, "number")


MACHINE_CPU = ("whole machine /request", "busy time of all CPUs but the client's: with "
               "kernel work that is charged to nobody, and with what neighbours did")


def costs(campaign):
    """What each model pays at the largest load: processes, switches, memory. The CPU of
    the whole machine only where it was recorded."""
    points = campaign.at(campaign.top)
    has_machine = any(point.spread("machine_cpu_ns") for point in points)
    headers = [("model", ""), ("what it shows", ""), ("CPU/request", ""),
               *([MACHINE_CPU] if has_machine else []), ("switches/request", ""),
               ("processes", ""), ("threads", ""), ("descriptors", ""),
               ("memory idle → loaded", "")]
    table = Table(headers)
    for point in points:
        row = campaign.model_rows.get(point.model, {})
        shows = [str(row.get(k)) for k in ("shows", "source") if row.get(k)]
        cpu, switches = point.spread("cpu_ns"), point.spread("switches")
        machine = [spread_cell(point.spread("machine_cpu_ns"), duration)] * has_machine
        idle = [t.number("server", "pss_bytes_idle") for t in point.by_round.values()]
        idle = sorted(x for x in idle if x is not None)
        pss = point.spread("pss_bytes")
        whole = [point.spread(m) for m in ("processes", "threads", "descriptors")]
        table.rows.append((point.model, point.at, [
            name(point.model), Cell(shows[0] if shows else NONE, None,
                                    shows[1] if shows[1:] else ""),
            number(cpu and cpu.median, duration(cpu and cpu.median)), *machine,
            number(switches and switches.median, sig(switches and switches.median)),
            *[number(w and w.median, count(w and w.median)) for w in whole],
            number(pss and pss.median,
                   f"{memory(idle[len(idle) // 2] if idle else None)} → "
                   f"{memory(pss and pss.median)}")]))
    return table


def pairs(campaign):
    """What one idea costs: CPU per request of one model over that of another which
    differs from it in one axis."""
    table = Table([("axis", "in which the two differ"), ("model", ""),
                   ("compared with", "")]
                  + [(campaign.level(c), "CPU/request of the first over the second")
                     for c in campaign.levels])
    verdicts = {c: families.pairs(campaign, c) for c in campaign.levels}
    for pair in campaign.pairs:
        cells = [pair_cell(campaign.points.get((pair.a, c)),
                           campaign.points.get((pair.b, c)),
                           verdicts[c].get((pair.a, pair.b))) for c in campaign.levels]
        table.rows.append((pair.a, campaign.top, [
            Cell(pair.axis, pair.axis), name(pair.a)._replace(note=pair.of_a),
            name(pair.b)._replace(note=pair.of_b), *cells]))
    return table


def pair_cell(a, b, verdict):
    """The ratio with its interval; none where one of them serves fewer clients."""
    if a and b and a.by_round and b.by_round and (a.starved or b.starved):
        return Cell(NONE, None, "starves clients", "number")
    cell = ratio_cell(verdict, a, b)
    return cell._replace(text=times(cell.value))


# -- the alternatives of the figures ---------------------------------------------------

def of_metric(campaign, metric, label, scale=1, bounds=False, levels=None):
    """Median, range and rounds of one metric, in the unit that scale makes."""
    table = Table([(campaign.experiment.axis, ""), ("model", ""), (label, "median"), ("smallest", ""),
                   ("largest", ""), ("rounds", "")])
    for point in points_of(campaign, levels):
        spread = point.spread(metric)
        if spread:
            prefix = rate_prefix(point) if bounds else ""
            table.rows.append((point.model, point.at, [
                level_cell(campaign, point.at), name(point.model),
                number(spread.median, prefix + sig(spread.median / scale)),
                number(spread.low, sig(spread.low / scale)),
                number(spread.high, sig(spread.high / scale)),
                number(spread.n, count(spread.n))]))
    return table


def of_throughput(campaign, knees):
    """knees: {model: Point}"""
    table = of_metric(campaign, "rate", "requests/s", bounds=True)
    if knees:
        table.headers.append(("knee", "from here on more clients do not help"))
        for model, at, cells in table.rows:
            here = model in knees and knees[model].at == at
            cells.append(Cell("knee" if here else "", "knee" if here else ""))
    return table


def points_of(campaign, levels=None):
    return [p for level in (levels or campaign.levels) for p in campaign.at(level)]


def of_latency(campaign):
    table = Table([(h, "") for h in (campaign.experiment.axis, "model", "p50", "p50 of the rounds",
                                     "p99", "p99 of the rounds")])
    for point in points_of(campaign):
        cells = [level_cell(campaign, point.at), name(point.model)]
        for p, metric in ((0.5, "p50_ns"), (0.99, "p99_ns")):
            spread, missing = point.spread(metric), samples.missing(point)
            cells.append(percentile_cell(point, p))
            cells.append(number(spread and spread.low, missing if spread is None else
                                f"{duration(spread.low)} – {duration(spread.high)}"))
        table.rows.append((point.model, point.at, cells))
    return table


def of_trade(campaign):
    table = Table([(h, "") for h in (campaign.experiment.axis, "model", "requests/s",
                                     "p99")])
    for point in points_of(campaign):
        if point.spread("p99_ns"):
            table.rows.append((point.model, point.at, [
                level_cell(campaign, point.at), name(point.model),
                spread_cell(point.spread("rate"), sig, rate_prefix(point)),
                spread_cell(point.spread("p99_ns"), duration)]))
    return table


def of_percentiles(campaign, points):
    shares = (0.5, 0.9, 0.99, 0.999, 0.9999)
    table = Table([("model", ""), ("samples", "")]
                  + [(f"{round(100 * p, 5):g} %", "") for p in shares])
    for point in points:
        values = [percentile(point.merged, p) for p in shares]
        total = sum(n for _, _, n in point.merged)
        table.rows.append((point.model, point.at, [
            name(point.model), number(total, count(total)),
            *[number(v, samples.missing(point) if v is None else duration(v))
              for v in values]]))
    return table


def of_ratios(campaign, rows):
    """rows: (point, Ratio or None, word), as panels.forest has them."""
    table = Table([("model", ""), ("ratio", "median"), ("from", ""), ("to", ""),
                   ("rounds", ""), ("word", "in the family of the whole campaign")])
    for point, ratio, word in rows:
        low, high = (ratio.low, ratio.high) if ratio else (None, None)
        table.rows.append((point.model, point.at, [
            name(point.model), number(ratio.median if ratio else 1,
                                      sig(ratio.median if ratio else 1)),
            number(low, sig(low)), number(high, sig(high)),
            number(ratio and ratio.n, count(ratio and ratio.n)), Cell(word, word)]))
    return table


def of_offered(campaign, points):
    table = Table([(h, "") for h in (campaign.experiment.axis, "model", "offered/s",
                                     "answered/s", "p99")])
    for point in points:
        p99 = point.spread("p99_ns")
        table.rows.append((point.model, point.at, [
            level_cell(campaign, point.at), name(point.model),
            spread_cell(point.spread("offered"), sig),
            spread_cell(point.spread("rate"), sig, rate_prefix(point)),
            spread_cell(p99, duration, missing=samples.missing(point))]))
    return table


def of_connecting(campaign):
    table = Table([(h, "") for h in (campaign.experiment.axis, "model", "connect p50",
                                     "connect p99")])
    for point in points_of(campaign):
        table.rows.append((point.model, point.at, [
            level_cell(campaign, point.at), name(point.model),
            *[spread_cell(point.spread(m), duration,
                          missing=samples.missing_connect(point))
              for m in ("connect_p50_ns", "connect_p99_ns")]]))
    return table


def of_resources(campaign):
    whole = ("processes", "threads", "descriptors")
    table = Table([(h, "") for h in (campaign.experiment.axis, "model", *whole)])
    for point in points_of(campaign):
        table.rows.append((point.model, point.at, [
            level_cell(campaign, point.at), name(point.model),
            *[spread_cell(point.spread(metric), count) for metric in whole]]))
    return table


def of_slopes(campaign, points, parts):
    """parts: (label, {model: {round: bytes per connection}})"""
    table = Table([("model", "")] + [(label, "median") for label, _ in parts])
    for point in points:
        spreads = [interval_of(list(slopes[point.model].values()))
                   for _, slopes in parts]
        table.rows.append((point.model, point.at, [
            name(point.model), *[spread_cell(s, memory) for s in spreads]]))
    return table


def of_fairness(campaign):
    table = Table([(h, "") for h in (campaign.experiment.axis, "model", "slowest / fastest",
                                     "Jain's index", "starved clients (most)",
                                     "longest starvation")])
    for point in points_of(campaign):
        evenness, jain, starved = map(point.spread, ("evenness", "jain", "starved"))
        longest = point.spread("starvation_ns")
        table.rows.append((point.model, point.at, [
            level_cell(campaign, point.at), name(point.model), spread_cell(evenness, sig),
            spread_cell(jain, sig),
            number(starved and starved.high, count(starved and starved.high)),
            spread_cell(longest, duration)]))
    return table


def of_trials(campaign, trials):
    table = Table([(h, "") for h in ("trial", "round", campaign.experiment.axis, "model", "requests/s",
                                     "over its median", "verdict")])
    for t in trials:
        rate = t.number("requests_per_second")
        median = campaign.points[t.model, t.at].spread("rate").median
        table.rows.append((t.model, None, [
            number(t.order, count(t.order)), number(t.round, count(t.round)),
            level_cell(campaign, t.at), name(t.model), number(rate, sig(rate)),
            number(rate / median if median else None,
                   times(rate / median if median else None)),
            Cell(t.verdict, t.verdict, kind="verdict")]))
    return table


def of_moments(windows, measures):
    """A row per model and measure, a column per moment: medians over the rounds.
    measures: (label, what makes a Spread or None for each moment of a Window)."""
    longest = max(windows.values(), key=len)
    table = Table([("model", ""), ("what", "")] + [
        (f"{plain(round(edge, 3))} s", "from this moment of the window on")
        for edge in longest.edges[:-1]])
    for model, window in windows.items():
        for label, spreads in measures:
            cells = [exact(s and s.median) for s in spreads(window)]
            cells += [exact(None)] * (len(longest) - len(window))
            table.rows.append((model, None, [name(model), Cell(label, label), *cells]))
    return table


def exact(value):
    """In digits that a machine can read, so that they need not be said twice."""
    if value is not None and value >= 1e6:
        value = round(value)
    return number(value, NONE if value is None else
                  str(value) if isinstance(value, int) else f"{value:.6g}")


def of_clients(campaign, rows):
    """rows: (point, what each client got over an equal share, ascending)."""
    shares = (0.05, 0.25, 0.5, 0.75, 0.95)
    table = Table([("model", ""), ("clients", "of all rounds"), ("least", "")]
                  + [(f"{round(100 * p)} %", "of the clients got as much or less")
                     for p in shares]
                  + [("most", ""), ("without a reply", "in any round")])
    for point, values in rows:
        found = [values[0], *(sharing.quantile(values, p) for p in shares), values[-1]]
        starved = sharing.without_reply(point)
        table.rows.append((point.model, point.at, [
            name(point.model), number(len(values), count(len(values))),
            *[number(v, sig(v)) for v in found], number(starved, count(starved))]))
    return table


def of_work(rows):
    """rows: (point, Shares of the CPU, Shares of the connections or None)."""
    table = Table([("model", ""), ("threads at work", ""), ("threads", ""),
                   ("busiest", "of the CPU"), ("second", ""), ("third", ""),
                   ("if all were equal", ""), ("not listed", "the share of those"),
                   ("processes with clients", ""), ("most connections", "of one process"),
                   ("if all were equal", "")])
    for point, cpu, held in rows:
        parts = [*cpu.parts, 0, 0][:3]
        table.rows.append((point.model, point.at, [
            name(point.model), number(cpu.working, count(cpu.working)),
            number(cpu.known, count(cpu.known)), *map(share, parts), share(cpu.equal),
            share(cpu.rest), number(held and held.working, count(held and held.working)),
            share(held and held.parts[0]), share(held and held.equal)]))
    return table


def share(value):
    return number(value, NONE if value is None else f"{sig(100 * value)} %")

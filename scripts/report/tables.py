"""Tables: the summary, and one for each figure as its alternative in words."""

from dataclasses import dataclass, field
from typing import NamedTuple

from . import data
from .units import NONE, count, duration, memory, microseconds, plural, sig, times


class Cell(NamedTuple):
    """What is printed, what it is sorted by, and a smaller second line."""
    text: str
    value: float | str | None = None
    note: str = ""
    kind: str = ""                          # "model", "number", "verdict" or ""


@dataclass
class Table:
    headers: list                           # (text, explanation)
    rows: list = field(default_factory=list)   # (model, clients, [Cell])


def number(value, text):
    return Cell(text, value, kind="number")


def name(model):
    return Cell(model, model, kind="model")


def clients_cell(clients):
    return number(clients, count(clients))


def spread_cell(spread, words, prefix=""):
    """The median, and under it the range."""
    if spread is None:
        return number(None, NONE)
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
    reasons = dict.fromkeys(t.text("reason") for t in point.trials if t.text("reason"))
    return Cell(text, text, "; ".join(list(reasons)[:2]), "verdict")


def rate_prefix(point):
    """Throughput is a lower bound where the client was the limit, and doubtful where a
    trial was not steady."""
    if point.client_bound:
        return "≥ "
    doubtful = ("UNSTEADY", "NOISY", "OVERLOADED")
    return "≈ " if any(point.verdicts[v] for v in doubtful) else ""


SUMMARY = (
    ("clients", "clients at the same time"), ("model", ""), ("verdict", "of the trials"),
    ("CPU/request, µs", "server CPU time, whole process tree"),
    ("× floor", "CPU/request over half a loopback round trip"),
    ("× {baseline}", "CPU/request over that of {baseline}, paired by round"),
    ("requests/s", "verified replies; ≥ lower bound, ≈ doubtful"),
    ("p50", "latency, all rounds merged"), ("p99", "latency, all rounds merged"),
    ("switches /request", "context switches per request"),
    ("processes / threads", "of the server under load"),
    ("memory /client", "PSS that a client adds"),
    ("slowest / fastest", "requests of the slowest client over those of the fastest"),
    ("starved", "clients without a reply"))


def summary(campaign):
    """A row per number of clients and model, largest load first, cheapest first."""
    baseline = campaign.baseline or "baseline"
    table = Table([(h.format(baseline=baseline), e.format(baseline=baseline))
                   for h, e in SUMMARY])
    for clients in reversed(campaign.levels):
        points = [campaign.points[m, clients] for m in campaign.models
                  if (m, clients) in campaign.points]
        points.sort(key=lambda p: (p.spread("cpu_ns") or (float("inf"),))[0])
        for point in points:
            table.rows.append((point.model, clients, summary_row(campaign, point)))
    return table


def summary_row(campaign, point):
    cpu = point.spread("cpu_ns")
    floor = cpu and campaign.floor_ns and cpu.median / campaign.floor_ns
    base = campaign.points.get((campaign.baseline, point.clients))
    ratio = base and data.compare(point, base, "cpu_ns")
    p50, p99 = point.percentile_ns(0.5), point.percentile_ns(0.99)
    processes, threads = point.spread("processes"), point.spread("threads")
    evenness, starved = point.spread("evenness"), point.spread("starved")
    return [
        clients_cell(point.clients),
        name(point.model)._replace(note=campaign.families.get(point.model, "")),
        verdict_cell(point), spread_cell(cpu, microseconds),
        number(floor, sig(floor)),
        spread_cell(ratio, sig),
        spread_cell(point.spread("rate"), sig, rate_prefix(point)),
        number(p50, duration(p50)), number(p99, duration(p99)),
        spread_cell(point.spread("switches"), sig),
        number(threads and threads.median,
               f"{count(processes and processes.median)} / "
               f"{count(threads and threads.median)}" if processes or threads else NONE),
        spread_cell(point.spread("pss_per_client"), memory),
        number(evenness and evenness.median, sig(evenness and evenness.median)),
        number(starved and starved.high, count(starved and starved.high))]


def costs(campaign):
    """What each model pays at the largest load: processes, switches, memory."""
    headers = ["model", "what it shows", "CPU/request", "switches/request", "processes",
               "threads", "descriptors", "memory idle → loaded"]
    table = Table([(h, "") for h in headers])
    for point in campaign.at(campaign.top):
        row = campaign.model_rows.get(point.model, {})
        shows = [str(row.get(k)) for k in ("shows", "source") if row.get(k)]
        cpu, switches = point.spread("cpu_ns"), point.spread("switches")
        idle = [t.number("server", "pss_bytes_idle") for t in point.by_round.values()]
        idle = sorted(x for x in idle if x is not None)
        pss = point.spread("pss_bytes")
        whole = [point.spread(m) for m in ("processes", "threads", "descriptors")]
        table.rows.append((point.model, point.clients, [
            name(point.model), Cell(shows[0] if shows else NONE, None,
                                    shows[1] if shows[1:] else ""),
            number(cpu and cpu.median, duration(cpu and cpu.median)),
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
                  + [(plural(c, "client"), "CPU/request of the first over the second")
                     for c in campaign.levels])
    for pair in campaign.pairs:
        cells = [pair_cell(campaign.points.get((pair.a, c)),
                           campaign.points.get((pair.b, c))) for c in campaign.levels]
        table.rows.append((pair.a, campaign.top, [
            Cell(pair.axis, pair.axis), name(pair.a)._replace(note=pair.of_a),
            name(pair.b)._replace(note=pair.of_b), *cells]))
    return table


def pair_cell(a, b):
    """The ratio with its range; none where one of them serves fewer clients."""
    ratio = a and b and data.compare(a, b, "cpu_ns")
    if not ratio:
        return number(None, NONE)
    if a.starved or b.starved:
        return Cell(NONE, None, "starves clients", "number")
    spread = f"{sig(ratio.low)} – {sig(ratio.high)}" if ratio.n > 1 else ""
    return Cell(times(ratio.median), ratio.median,
                f"tie, {spread}".rstrip(", ") if ratio.tie else spread, "number")


# -- the alternatives of the figures ---------------------------------------------------

def of_metric(campaign, metric, label, scale=1, bounds=False, levels=None):
    """Median, range and rounds of one metric, in the unit that scale makes."""
    table = Table([("clients", ""), ("model", ""), (label, "median"), ("smallest", ""),
                   ("largest", ""), ("rounds", "")])
    for point in points_of(campaign, levels):
        spread = point.spread(metric)
        if spread:
            prefix = rate_prefix(point) if bounds else ""
            table.rows.append((point.model, point.clients, [
                clients_cell(point.clients), name(point.model),
                number(spread.median, prefix + sig(spread.median / scale)),
                number(spread.low, sig(spread.low / scale)),
                number(spread.high, sig(spread.high / scale)),
                number(spread.n, count(spread.n))]))
    return table


def points_of(campaign, levels=None):
    return [p for clients in (levels or campaign.levels) for p in campaign.at(clients)]


def of_latency(campaign):
    table = Table([(h, "") for h in ("clients", "model", "p50", "p50 of the rounds",
                                     "p99", "p99 of the rounds")])
    for point in points_of(campaign):
        cells = [clients_cell(point.clients), name(point.model)]
        for p, metric in ((0.5, "p50_ns"), (0.99, "p99_ns")):
            value, spread = point.percentile_ns(p), point.spread(metric)
            cells.append(number(value, duration(value)))
            cells.append(number(spread and spread.low, NONE if spread is None else
                                f"{duration(spread.low)} – {duration(spread.high)}"))
        table.rows.append((point.model, point.clients, cells))
    return table


def of_percentiles(campaign, points):
    shares = (0.5, 0.9, 0.99, 0.999, 0.9999)
    table = Table([("model", ""), ("samples", "")]
                  + [(f"{round(100 * p, 5):g} %", "") for p in shares])
    for point in points:
        values = [data.percentile(point.merged, p) for p in shares]
        total = sum(n for _, _, n in point.merged)
        table.rows.append((point.model, point.clients, [
            name(point.model), number(total, count(total)),
            *[number(v, duration(v)) for v in values]]))
    return table


def of_fairness(campaign):
    table = Table([(h, "") for h in ("clients", "model", "slowest / fastest",
                                     "Jain's index", "starved clients (most)")])
    for point in points_of(campaign):
        evenness, jain, starved = map(point.spread, ("evenness", "jain", "starved"))
        table.rows.append((point.model, point.clients, [
            clients_cell(point.clients), name(point.model), spread_cell(evenness, sig),
            spread_cell(jain, sig),
            number(starved and starved.high, count(starved and starved.high))]))
    return table


def of_trials(campaign, trials):
    table = Table([(h, "") for h in ("trial", "round", "clients", "model", "requests/s",
                                     "over its median", "verdict")])
    for t in trials:
        rate = t.number("requests_per_second")
        median = campaign.points[t.model, t.clients].spread("rate").median
        table.rows.append((t.model, t.clients, [
            number(t.order, count(t.order)), number(t.round, count(t.round)),
            clients_cell(t.clients), name(t.model), number(rate, sig(rate)),
            number(rate / median if median else None,
                   times(rate / median if median else None)),
            Cell(t.verdict, t.verdict, kind="verdict")]))
    return table

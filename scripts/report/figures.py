"""The figures: each answers one question, with the same mark for a model everywhere."""

import math

from . import (bar_panels, experiment_figures, families, knee, line_panels, metrics, panels,
               sharing_figures, sheets, tables, window_figures)
from .campaign import FEW
from .figure import (axis_of, bar_note, changing, finish, is_open, line_note,
                     loop_note, one, scaled)
from .pairing import compare
from .point import percentile
from .units import count, duration, memory, microseconds, short, sig, times


def draw_all(campaign):
    """All figures that the data allow, in the order of the page: that of the headline
    figure first."""
    if campaign.top is None:
        return []
    makers = [cpu_per_request, cpu_by_clients, throughput, latency, latency_by_throughput,
              percentiles, shares, *window_figures.MAKERS, memory_per_client,
              memory_by_clients, resources_by_clients, fairness,
              *sharing_figures.MAKERS, drift]
    if campaign.experiment.name:
        makers = [*experiment_figures.MAKERS, *makers]
        first = {"cpu_ns": cpu_by_clients, "rate": throughput, "p99_ns": latency}.get(
            campaign.experiment.metric, experiment_figures.headline)
        makers = [first, forest, *[make for make in makers if make is not first]]
    else:
        makers.insert(3, forest)
    return [figure for figure in (make(campaign) for make in makers) if figure]


def cpu_per_request(campaign):
    points = [p for p in campaign.at(campaign.top) if p.spread("cpu_ns")]
    if not points:
        return None
    points.sort(key=lambda p: p.spread("cpu_ns").median)
    sheet = sheets.bars(campaign, "cpu_per_request", points, 1,
                        "What does a request cost the server at "
                        f"{campaign.level(campaign.top)}?")
    floor = campaign.floor_ns
    bar_panels.bars(sheet, 0, "server CPU per request, µs", points,
                    lambda p: scaled(p, "cpu_ns"), lambda v: f"{sig(v)} µs" + (
                        f" · {times(v * 1000 / floor)} floor" if floor else ""))
    if floor:
        bar_panels.rule_across(sheet, 0, floor / 1000, f"floor {microseconds(floor)} µs")
    return finish(
        sheet, campaign, "Server CPU time per request in µs, the whole process tree"
        + (f"; dashed: half a loopback round trip, {duration(floor)}." if floor else "."),
        bar_note(campaign), "Shorter is cheaper. This is the headline: it holds even where the "
        "client was the limit, and it is steadier than throughput. The floor is what one "
        "side pays for one receive and one send over loopback, with nothing to wait for; "
        "no server that handles requests one by one gets below it.",
        tables.of_metric(campaign, "cpu_ns", "CPU/request, µs", scale=1000,
                         levels=[campaign.top]), [campaign.top])


def cpu_by_clients(campaign):
    if len(campaign.levels) < 2:
        return None
    sheet = sheets.lines(campaign, "cpu_by_clients",
                         f"How does the cost of a request change {changing(campaign)}?")
    many = len(campaign.models) > FEW       # the dearest would press the others flat
    drawn = line_panels.lines(sheet, 0, "server CPU per request, µs", campaign,
                              lambda p: scaled(p, "cpu_ns"), lambda v: f"{sig(v)} µs",
                              log=many)
    if not drawn:
        return None
    return finish(
        sheet, campaign, f"Server CPU time per request in µs{' (log scale)' * many} "
        f"against {axis_of(campaign)}.", line_note(campaign),
        "A flat line: a client more costs the others nothing. A rising line: the model "
        "looks at, wakes or switches between all its clients to serve one. A falling "
        "line: one wake-up serves several requests." if campaign.experiment.of_clients
        else "A flat line: what varies costs a request nothing. A rising line: it is "
        "paid for by every request.",
        tables.of_metric(campaign, "cpu_ns", "CPU/request, µs", scale=1000))


def throughput(campaign):
    where = changing(campaign) if len(campaign.levels) > 1 else (
        f"at {campaign.level(campaign.top)}")
    sheet = sheets.lines(campaign, "throughput",
                         f"How many requests per second are answered {where}?")
    line_panels.lines(sheet, 0, "requests per second, thousands", campaign,
                      lambda p: scaled(p, "rate"),
                      lambda v: f"{sig(v * 1000)} requests/s", bounds=True)
    line_panels.ceiling(sheet, 0, campaign, 1000)
    knees = knee.find(campaign)
    line_panels.knees(sheet, 0, knees, 1000)
    bound = knee.in_words(campaign, knees)
    if any(p.client_bound for p in campaign.points.values()):
        bound += " Hollow marks under a small triangle are lower bounds: the client was " \
            "the limit there."
    if campaign.ceiling:
        bound += " Dotted: what the client gets from a server that does nothing"
        bound += ", all that is offered." if is_open(campaign) else (
            "; in the shaded part below it the client is the limit.")
    return finish(
        sheet, campaign, "Verified replies per second, thousands, against "
        f"{axis_of(campaign)}.{bound}",
        line_note(campaign), "Higher is better, where the server is the limit. A hollow mark is "
        "CLIENT-BOUND: the server could have answered at least as many, so two hollow "
        "marks say nothing about which model is faster.",
        tables.of_throughput(campaign, knees))


def latency(campaign):
    sheet = sheets.lines(campaign, "latency", "How long does a client wait for its "
                                              "reply?", 2)

    def points(p):
        return lambda point: [v / 1000 for v in [point.percentile_ns(p)] if v]

    def rounds(metric):
        return lambda point: scaled(point, metric)
    drawn = line_panels.lines(
        sheet, 0, "latency, µs: half of the replies (p50)", campaign, rounds("p50_ns"),
        lambda v: f"p50 {duration(v * 1000)}", centre=points(0.5), log=True)
    drawn |= line_panels.lines(
        sheet, 1, "latency, µs: all but 1 in 100 (p99)", campaign, rounds("p99_ns"),
        lambda v: f"p99 {duration(v * 1000)}", centre=points(0.99), log=True)
    if not drawn:
        return None
    sheet.share_y()
    return finish(
        sheet, campaign, "Latency in µs (log scale) against "
        f"{axis_of(campaign)}; left p50, right p99, on the same scale.",
        "Line: percentile of all rounds' histograms added up; band and dashes: the "
        "rounds' own.", f"Lower is better. {loop_note(campaign)} Clients that got no reply at "
        "all are not in a latency figure; see fairness.", tables.of_latency(campaign))


def latency_by_throughput(campaign):
    """A curve per model; an open loop has its own (experiment_figures.offered)."""
    points = [p for p in campaign.points.values() if p.spread("rate")]
    if len(campaign.levels) < 2 or is_open(campaign) or not points:
        return None
    sheet = sheets.lines(campaign, "latency_by_throughput",
                         "What does more throughput cost in waiting?")
    most = max(p.spread("rate").median for p in points) / 1000
    drawn = line_panels.lines(
        sheet, 0, "latency, µs: all but 1 in 100 (p99)", campaign,
        lambda p: scaled(p, "p99_ns") if p.spread("rate") else [],
        lambda v: f"p99 {duration(v * 1000)}", log=True,
        across=lambda p: p.spread("rate").median / 1000)
    if not drawn:
        return None
    line_panels.rate_axis(sheet, 0, most, "answered, thousand requests/s")
    order = campaign.experiment.ticks(campaign.levels)
    return finish(
        sheet, campaign, "99th percentile of the latency in µs (log scale) against "
        f"requests per second that were answered; each line goes through {order}.",
        line_note(campaign).replace("band:", "band or stroke:"), "Down and to the right is better. A line that goes right "
        "answers more as more is asked; where it turns upwards it is full, and more "
        "clients only wait longer; where it turns left they cost it throughput.",
        tables.of_trade(campaign))


def percentiles(campaign):
    points = [p for p in campaign.at(campaign.common) if p.merged]
    if not points:
        return None
    sheet = sheets.lines(campaign, "percentiles",
                         "How bad are the worst waits at "
                         f"{campaign.level(campaign.common)}?")
    curves = {}
    for point in points:
        total = sum(n for _, _, n in point.merged)
        last = math.log10(max(total / 3.68, 2))
        steps = [1 - 10 ** -(last * i / 80) for i in range(80)] + [1 - 10 ** -last]
        values = [(p, percentile(point.merged, p)) for p in steps]
        curves[point.model] = [(p, v / 1000) for p, v in values if v]
    panels.percentiles(sheet, curves)
    return finish(
        sheet, campaign, "Latency in µs below which this share of the replies lies; the "
        "share is spread as 1/(1−p), so that each nine has the same width.",
        "All rounds' histograms added up; a curve ends where fewer than 4 samples "
        "remain.",
        "Read upwards at 99 %: one reply in a hundred took longer than this. A curve "
        "that stays flat and then jumps has a rare, large cause: a full queue, a lost "
        "time slice. A curve that rises evenly has many small ones.",
        tables.of_percentiles(campaign, points), [campaign.common])


def forest(campaign):
    """The headline figure of each model over that of the baseline."""
    name, at = campaign.experiment.metric, campaign.top
    base = campaign.points.get((campaign.baseline, at))
    verdicts = families.of_level(campaign, at, name)
    if not verdicts:
        return None
    points = [p for p in campaign.at(at) if p.model in verdicts] + [base]
    points.sort(key=lambda p: (ratio_of(verdicts, p), p.model))
    metric, sheet = metrics.of(name), sheets.bars(
        campaign, "ratios", points, 1,
        f"Who differs from {short(campaign.baseline)} at {campaign.level(at)}?")
    band = families.band(base, name)
    rows = [(p, compare(p, base, name), verdicts[p.model].word) if p is not base
            else (p, None, "baseline") for p in points]
    panels.forest(sheet, rows, band, f"{metric.noun}, over that of "
                                     f"{short(campaign.baseline)}")
    return finish(
        sheet, campaign, f"Ratio of the {metric.noun} of each model to that of "
        f"{short(campaign.baseline)}, paired by round (log scale); grey: ties, ratios up "
        f"to {1 + band:.2f} times, {'as the A/A pair has it' if base.twins else '2 %'}.",
        "Mark: median of the rounds' ratios (hollow: no difference shown); line: its "
        f"{'95 % interval' if campaign.rounds >= 6 else 'range'}.",
        f"Left of 1 is {'worse' if metric.more_is_better else 'better'}. A mark in the "
        "grey is no difference, nor is a line that reaches 1. The words are those of the "
        "whole family, every two models at every load: one that chance might have made is "
        "a tie, however far out it is.",
        tables.of_ratios(campaign, rows), [at])


def ratio_of(verdicts, point):
    return verdicts[point.model].evidence.ratio if point.model in verdicts else 1


def shares(campaign):
    points = [p for p in campaign.at(campaign.common) if p.merged]
    if not points:
        return None
    sheet = sheets.lines(campaign, "shares", "How are the waits spread at "
                                             f"{campaign.level(campaign.common)}?")
    curves = {p.model: [(share, value / 1000) for share in panels.SHARES
                        if (value := percentile(p.merged, share))] for p in points}
    panels.shares(sheet, curves)
    return finish(
        sheet, campaign, "Share of the replies that came within this time, in µs (log "
        "scale): the distribution function of the response.",
        "All rounds' histograms added up, drawn at every fortieth, 99 % and 99.5 %; "
        "marks: 50, 90 and 99 %.",
        "Further left is faster; a steep curve means that all wait alike, a step that "
        "there are two kinds of replies. Where curves cross, one model is faster for "
        "most and slower for some. The tail is better seen in the figure above.",
        tables.of_percentiles(campaign, points), [campaign.common])


def memory_per_client(campaign):
    points = [p for p in campaign.at(campaign.top) if p.spread("pss_per_client")]
    if not points:
        return None
    points.sort(key=lambda p: p.spread("pss_per_client").median)
    sheet = sheets.bars(campaign, "memory_per_client", points, 1,
                        f"What does one more {one(campaign)} cost in memory?")
    bar_panels.bars(sheet, 0, f"memory per {one(campaign)}, KiB", points,
                    lambda p: scaled(p, "pss_per_client", 1024),
                    lambda v: memory(v * 1024))
    return finish(
        sheet, campaign, "Proportional set size (PSS) under load less that before the "
        f"first client, over the number of {one(campaign)}s, in KiB.", bar_note(campaign),
        "Shorter is cheaper. PSS counts a shared page in equal parts, so processes are "
        "not charged twice for what they share. Memory in the kernel (sockets, process "
        "and thread records) is not in it.",
        tables.of_metric(campaign, "pss_per_client", f"PSS/{one(campaign)}, KiB",
                         scale=1024),
        [campaign.top])


def memory_by_clients(campaign):
    if len(campaign.levels) < 2:
        return None
    sheet = sheets.lines(campaign, "memory_by_clients", "How much memory does the server "
                                                        "hold?")
    drawn = line_panels.lines(sheet, 0, "memory (PSS), MiB", campaign,
                              lambda p: scaled(p, "pss_bytes", 2 ** 20),
                              lambda v: memory(v * 2 ** 20), log=True)
    if not drawn:
        return None
    return finish(
        sheet, campaign, "PSS of the whole process tree under load in MiB (log scale) "
        f"against {axis_of(campaign)}.", line_note(campaign),
        "A flat line: what the server holds is set up before the clients come. A line "
        "that rises: each client brings its own process, stack or buffer.",
        tables.of_metric(campaign, "pss_bytes", "PSS, MiB", scale=2 ** 20))


def resources_by_clients(campaign):
    """What the kernel has to keep of a server, beside its memory."""
    if len(campaign.levels) < 2:
        return None
    whole = ("threads", "processes", "descriptors")
    sheet = sheets.stack(campaign, "resources_by_clients", "How many threads, processes "
                         "and descriptors does the server hold?", len(whole))
    drawn = False
    for panel, metric in enumerate(whole):
        drawn |= line_panels.lines(
            sheet, panel, metric, campaign,
            lambda p, metric=metric: medians(campaign, p, metric),
            lambda v, metric=metric: f"{count(v)} {metric}", log=True)
        low, high = sheet.axes[panel].get_ylim()
        if high < 4 * low:                  # else a low panel has a tick for each tenth
            sheet.axes[panel].set_ylim(low / 2, high * 2)
        if panel < len(whole) - 1:
            sheet.axes[panel].tick_params(labelbottom=False)
            sheet.axes[panel].set_xlabel("")
    named = sheet.labels.get(sheet.named_panel, [])     # a list: of several panels
    sheet.labels[sheet.named_panel] = [(model, None, None) for model, *_ in named]
    if not drawn:
        return None
    return finish(
        sheet, campaign, "Threads of all processes, processes, and open descriptors of "
        f"them all, at the window's end (log scales), against {axis_of(campaign)}.",
        "Line: median over rounds; of many models those that are in colour at first.",
        "A flat line: what there is was made beforehand, as in a pool. A line through as "
        "many as there are clients: one for each of them. Of descriptors everybody has "
        "one for each client, and who has more (a pipe, an epoll set, a ring, a copy in "
        "each process) lies above.",
        tables.of_resources(campaign))


def medians(campaign, point, metric):
    """Of the models that are not grey: many lie upon one another here."""
    spread = point.spread(metric) if point.model in campaign.chosen else None
    return [spread.median] if spread else []


def fairness(campaign):
    points = [p for p in campaign.at(campaign.top) if p.spread("jain")]
    if not points:
        return None
    points.sort(key=lambda p: (p.starved, -p.spread("jain").median))
    told = any(p.spread("starvation_ns") for p in points)   # folders of before: no
    sheet = sheets.bars(campaign, "fairness", points, 4 if told else 3,
                        f"Are {count(campaign.top)} clients served alike?"
                        if campaign.experiment.of_clients else
                        "Are the clients served alike at "
                        f"{campaign.level(campaign.top)}?")
    bar_panels.bars(sheet, 0, "slowest / fastest client", points,
                    lambda p: list(p.values("evenness").values()), sig, top=1)
    bar_panels.bars(sheet, 1, "Jain's index", points,
                    lambda p: list(p.values("jain").values()), sig, top=1)
    bar_panels.bars(sheet, 2, "clients without a reply", points,
                    lambda p: list(p.values("starved").values()), count, top=1)
    if told:
        bar_panels.bars(sheet, 3, "longest starvation, ms", points,
                        lambda p: scaled(p, "starvation_ns", 1e6),
                        lambda ms: duration(ms * 1e6))
    return finish(
        sheet, campaign, "From the left: requests of the slowest client over those of the "
        "fastest; Jain's index; clients that got no reply in the window"
        f"{'; the longest that a client waited for one in it' * told}.",
        bar_note(campaign),
        "1 is even, for both ratios. Jain's index is (Σx)² / (n Σx²): 1/n when a single "
        "client gets everything. A model that starves clients may look cheap and fast: "
        "it serves fewer.", tables.of_fairness(campaign), [campaign.top])


def drift(campaign):
    trials = [t for t in campaign.trials if t.usable and t.order is not None]
    if len(trials) < 2:
        return None
    sheet = sheets.lines(campaign, "drift",
                         "Did the machine change while it was measured?")
    series = {}
    for trial in trials:
        median = campaign.points[trial.model, trial.at].spread("rate").median
        if median:
            series.setdefault(trial.model, []).append(
                (trial.order, trial.number("requests_per_second") / median,
                 f"{campaign.level(trial.at)}, round {trial.round}, "
                 f"trial {count(trial.order)}"))
    panels.drift(sheet, series)
    return finish(
        sheet, campaign, "Throughput of each trial over the median of its model at that "
        "load, in the order in which the trials ran.",
        "One mark per trial; grey: within 2 % of the median.",
        "A cloud around 1 without slope is good. A slope or a step: the machine changed "
        "(heat, neighbours), and only ratios inside one round are safe. Marks of one "
        "model far from 1: that model is unsteady.", tables.of_trials(campaign, trials))

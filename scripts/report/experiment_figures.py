"""The figures that an experiment adds, where its trials have what they show."""

from . import bar_panels, line_panels, metrics, sheets, tables
from .campaign import FEW
from .figure import axis_of, bar_note, changing, finish, line_note, scaled
from .point import interval_of
from .units import duration, memory, plain, sig

ABOUT_CONNECTING = ("connect_p99_ns", "connect_p50_ns", "cpu_ns_per_connection")


def headline(campaign):
    """The experiment's metric against what it varies."""
    name, metric = campaign.experiment.metric, metrics.of(campaign.experiment.metric)
    sheet = sheets.lines(campaign, "headline", campaign.experiment.question)
    log = len(campaign.models) > FEW or spans_decades(campaign, name)
    drawn = line_panels.lines(sheet, 0, metric.label, campaign,
                              lambda p: scaled(p, name, metric.scale),
                              lambda v: metric.words(v * metric.scale), log=log)
    if not drawn:
        return None
    return finish(
        sheet, campaign, f"{metric.noun[0].upper()}{metric.noun[1:]}"
        f"{', ' + metric.unit if metric.unit else ''}{' (log scale)' * log}, against "
        f"{axis_of(campaign)}.", line_note(campaign),
        f"{'Higher' if metric.more_is_better else 'Lower'} is better. This is the figure "
        "that the answer above is about.",
        tables.of_metric(campaign, name, metric.label, scale=metric.scale))


def spans_decades(campaign, metric):
    """Two of them: a linear axis would show the largest alone."""
    found = [spread.median for spread in
             (point.spread(metric) for point in campaign.points.values()) if spread]
    return bool(found) and min(found) > 0 and max(found) > 100 * min(found)


def offered(campaign):
    """What was answered, and how late, against what was asked for."""
    loads = [p for level in campaign.levels for p in campaign.at(level)
             if p.spread("offered")]
    if not loads:
        return None
    sheet = sheets.lines(campaign, "offered",
                         "What happens as more is asked for than can be answered?", 2)
    most = max(p.spread("offered").median for p in loads) / 1000

    def across(point):
        return point.spread("offered").median / 1000

    def where_open(metric):
        return lambda p: scaled(p, metric) if p.spread("offered") else []
    line_panels.lines(
        sheet, 0, "answered, thousand requests/s", campaign, where_open("rate"),
        lambda v: f"{sig(v * 1000)} requests/s answered", bounds=True, across=across)
    line_panels.lines(
        sheet, 1, "response, µs: all but 1 in 100 (p99)", campaign, where_open("p99_ns"),
        lambda v: f"p99 {duration(v * 1000)}", log=True, across=across)
    for panel in (0, 1):
        line_panels.rate_axis(sheet, panel, most, "offered, thousand requests/s")
    line_panels.diagonal(sheet, 0, most)
    return finish(
        sheet, campaign, "Left: requests per second that were answered; right: the 99th "
        "percentile of the response in µs (log scale); both against what was offered.",
        line_note(campaign),
        "On the dashed line everything is answered. Where a line leaves it the server is "
        "full: level is a plateau, falling is a collapse. A response counts from when "
        "its request was due, so the backlog is in it.",
        tables.of_offered(campaign, loads))


def memory_slopes(campaign):
    """What a connection adds, fitted over the levels of each round."""
    parts = [("memory of the server", "pss_added"), ("kernel memory", "kernel_bytes")]
    slopes = {label: {m: campaign.slopes(m, metric) for m in campaign.models}
              for label, metric in parts}
    parts = [(label, slopes[label]) for label, _ in parts
             if any(slopes[label].values())]
    points = [p for p in campaign.at(campaign.top)
              if any(found[p.model] for _, found in parts)]
    if not points:
        return None
    points.sort(key=lambda p: (sum(interval_of(list(found[p.model].values())).median
                                   for _, found in parts if found[p.model]), p.model))
    sheet = sheets.bars(campaign, "memory_slopes", points, len(parts),
                        "What does each further connection cost in memory?")
    for panel, (label, found) in enumerate(parts):
        bar_panels.bars(sheet, panel, f"{label} per connection, KiB", points,
                        lambda p, found=found: [v / 1024 for v in
                                                found[p.model].values()],
                        lambda v: memory(v * 1024))
    connections = sorted({t.connections for t in campaign.trials if t.usable})
    return finish(
        sheet, campaign, "Slope of a least-squares line through the levels of each "
        f"round, {plain(connections[0])} to {plain(connections[-1])} connections, in KiB "
        "per connection.", bar_note(campaign),
        "Shorter is cheaper. A slope leaves out what a server holds before anybody "
        "comes. The server's memory is PSS of its whole process tree; kernel memory is "
        "what the load's connections took in the whole system, both ends of each.",
        tables.of_slopes(campaign, points, parts))


def connecting(campaign):
    """How long it takes until a connection stands, where the experiment is about that."""
    if campaign.experiment.metric not in ABOUT_CONNECTING:
        return None
    sheet = sheets.lines(campaign, "connecting",
                         f"How long does it take to connect {changing(campaign)}?", 2)
    drawn = line_panels.lines(sheet, 0, "connect, µs: half of them (p50)", campaign,
                              lambda p: scaled(p, "connect_p50_ns"),
                              lambda v: f"p50 {duration(v * 1000)}", log=True)
    drawn |= line_panels.lines(sheet, 1, "connect, µs: all but 1 in 100 (p99)", campaign,
                               lambda p: scaled(p, "connect_p99_ns"),
                               lambda v: f"p99 {duration(v * 1000)}", log=True)
    if not drawn:
        return None
    sheet.share_y()
    return finish(
        sheet, campaign, "Time until a connection stands in µs (log scale) against "
        f"{axis_of(campaign)}; left p50, right p99, on the same scale.",
        line_note(campaign),
        "Lower is better. The kernel completes a connection before the server accepts "
        "it, as long as the listen queue has room: a low figure may only mean that the "
        "queue is long. A queue that overflows shows as a second or more.",
        tables.of_connecting(campaign))


def connection_rate(campaign):
    """How many connections are served each second, where the experiment is about them."""
    if campaign.experiment.metric not in ABOUT_CONNECTING:
        return None
    sheet = sheets.lines(campaign, "connection_rate",
                         "How many connections are served each second?")
    drawn = line_panels.lines(
        sheet, 0, "connections per second, thousands", campaign,
        lambda p: scaled(p, "connections_per_second"),
        lambda v: metrics.connections(v * 1000), bounds=True)
    if not drawn:
        return None
    bound = " Hollow marks under a small triangle are lower bounds: the client was the " \
        "limit there." if any(p.client_bound for p in campaign.points.values()) else ""
    return finish(
        sheet, campaign, "Connections per second that were made, served to their end and "
        f"closed, thousands, against {axis_of(campaign)}.{bound}", line_note(campaign),
        "Higher is better. It is the requests per second over the requests of one "
        "connection: with one each, every request pays for connecting, for accept and for "
        "what the model makes for a client. Where connections live long it falls, though "
        "more requests are answered.",
        tables.of_metric(campaign, "connections_per_second", "connections/s",
                         bounds=True))


MAKERS = (offered, memory_slopes, connection_rate, connecting)

"""The figures over the measured window: what clients saw and the server used, and how the
response times lay, moment by moment."""

from . import moments, sheets, tables, window_panels
from .campaign import FEW
from .figure import band, finish
from .point import interval_of
from .units import duration, memory, plain, sig
from .window_panels import Measure

REPLIES = Measure("requests", "replies per second, thousands", 1e3,
                  lambda v: f"{sig(v)} replies/s")
P99 = Measure("p99_ns", "response, µs: all but 1 in 100 (p99)", 1e3, duration, log=True)
P50 = Measure("p50_ns", "response, µs: half of the replies (p50)", 1e3, duration,
              log=True)
CORES = Measure("server_cores", "server CPU, cores", 1, lambda v: f"{sig(v)} cores")
RESIDENT = Measure("server_rss_bytes", "resident memory of the server, MiB", 2 ** 20,
                   memory, log=True)
THREADS = Measure("server_threads", "threads of the server", 1,
                  lambda v: f"{sig(v)} threads", log=True)
ERRORS = Measure("errors", "connections that failed, per second", 1,
                 lambda v: f"{sig(v)} failed/s")


def series(campaign):
    """Panels below one another, so that what happened at one moment lies on one line."""
    windows = moments.windows(campaign, campaign.common)
    if not windows:
        return None
    measures = [REPLIES, *slowest(windows)] + [
        m for m in (CORES, RESIDENT, THREADS) if known(windows, m)]
    if any(v for w in windows.values() for i in range(len(w))
           for v in w.values("errors", i)):
        measures.append(ERRORS)
    sheet = sheets.stack(campaign, "series", "Does it stay as it begins, at "
                         f"{campaign.level(campaign.common)}?", len(measures))
    for panel, measure in enumerate(measures):
        window_panels.lines(sheet, panel, windows, measure)
    drawn = [m for m in windows if m in campaign.chosen] or list(windows)
    few = "" if len(drawn) == len(windows) else (
        " Bands, marks and rows of the table: models in colour at first.")
    log = " (log scales do not begin at 0)" * any(m.log for m in measures)
    return finish(
        sheet, campaign, f"From the top: {'; '.join(m.label for m in measures)}{log}, "
        "against the time since the measured window began."
        f"{lacking(windows, measures)}",
        f"{of_moments(windows)} Line: median over rounds; band: {band(campaign)}; marks: "
        f"the least and the greatest moment.{few}",
        "Level lines are a steady state. A dip to nothing: the server stood still, and "
        "what waited then is in the peak of the response beside it. A step: something "
        "filled up or was given up. CPU at the number of its cores: the server is the "
        "limit; less: it waits, for the client or for a lock. What still rises at the end "
        "was not yet what it becomes: a longer window would show more.",
        tables.of_moments({m: windows[m] for m in drawn}, [
            (m.label, m.spreads) for m in measures]), [campaign.common])


def known(windows, measure):
    """The models that have a value in half of their moments or more."""
    return [model for model, window in windows.items() if 2 * sum(
        map(bool, window.spreads(measure.member))) >= len(window)]


def slowest(windows):
    """[P99] where most models have replies enough in a moment; else [P50], or nothing."""
    for measure, wanted in ((P99, len(windows) / 2), (P50, 0)):
        if len(known(windows, measure)) > wanted:
            return [measure]
    return []


def of_moments(windows):
    """20 moments of 0.05 s each."""
    window = max(windows.values(), key=len)
    return f"{len(window)} moments of {plain(round(window.edges[1], 6))} s."


def lacking(windows, measures):
    """Who has no line for want of replies."""
    few = [m for m in (P99, P50) if m in measures]
    absent = len(windows) - len(known(windows, few[0])) if few else 0
    return f" A line with gaps, or none ({absent} of {len(windows)} models): too few " \
        "replies in a moment for that percentile." if absent else ""


def heat_map(campaign):
    windows = moments.windows(campaign, campaign.common)
    windows = {model: window for model, window in windows.items()
               if any(map(window.replies, range(len(window))))}
    drawn = [m for m in windows if m in campaign.chosen][:FEW] or list(windows)[:FEW]
    if not drawn:
        return None
    sheet = sheets.grid(campaign, "heat_map", "When do the slow replies come, at "
                        f"{campaign.level(campaign.common)}?", len(drawn), foot=44)
    window_panels.maps(sheet, {model: windows[model] for model in drawn})
    rest = "" if len(drawn) == len(windows) else (
        f" {len(drawn)} models in colour at first; all are in the table.")
    shares = {"half within, µs": 0.5, "99 % within, µs": 0.99}
    rows = [(label, lambda w, p=p: [spread_of(w.replies(i), p) for i in range(len(w))])
            for label, p in shares.items()]
    return finish(
        sheet, campaign, "Response time (log scale, quarter octaves) against the time "
        "since the measured window began; the darker (in dark pages: the lighter), the "
        "larger a share of the replies of that moment.",
        f"{of_moments(windows)} All rounds added up.{rest}",
        "One level stripe: all replies wait alike, all the time. Two stripes: there are "
        "two kinds of replies. A blank column: no reply came; the column after it, high "
        "up, has those that waited meanwhile. Every map has the same axes and shades.",
        tables.of_moments(windows, rows), [campaign.common])


def spread_of(replies, p):
    """A percentile of a moment's replies as tables.of_moments takes it, in µs."""
    value = moments.percentile(replies, p)
    return value and interval_of([value / 1000])


MAKERS = (series, heat_map)

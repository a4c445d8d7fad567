"""Panels over the measured window: lines, and maps of response times."""

import bisect
import math
from collections.abc import Callable
from typing import NamedTuple

import matplotlib
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from matplotlib.transforms import ScaledTranslation

from . import marks
from .marks import INK, MUTED
from .moments import STEPS
from .point import Spread
from .sheets import CAPTION, STYLE
from .units import plain, short, sig_range

SHARES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)   # at which the next shade begins
UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1, "ns"))


class Measure(NamedTuple):
    """A member of a series, and how it is drawn and told."""
    member: str
    label: str                              # of the axis, with the unit
    scale: float                            # what one of these units is
    words: Callable                         # of a value, with its unit
    log: bool = False

    def spreads(self, window):
        """A Spread in this unit for each moment, or None."""
        return [s and Spread(s.median / self.scale, s.low / self.scale,
                             s.high / self.scale, s.n)
                for s in window.spreads(self.member)]


# -- lines -------------------------------------------------------------------------------

def lines(sheet, panel, windows, measure):
    """A line per model over the window; those in colour have a band, and marks where they
    are least and greatest. Returns whether there was anything to draw."""
    ax, seen = sheet.axes[panel], []
    if panel == sheet.named_panel:
        sheet.labels[panel] = [(model, None, None) for model in windows]
    with matplotlib.rc_context(STYLE):
        for model, window in windows.items():
            spreads = measure.spreads(window)
            known = [s for s in spreads if s]
            if known:
                line(sheet, panel, model, window, spreads, measure)
                seen += [value for s in known for value in (
                    (s.low, s.high) if model in sheet.chosen else (s.median,))]
        sheet.value_axis(ax, measure.label, seen, measure.log)
        low, high = ax.get_ylim()
        if measure.log and high < 6 * low:  # what hardly differs is to look like that
            ax.set_ylim(math.sqrt(low * high) / 2.5, math.sqrt(low * high) * 2.5)
        time_axis(ax, max(w.edges[-1] for w in windows.values()))
        if panel < len(sheet.axes) - 1:
            ax.tick_params(labelbottom=False)
            ax.set_xlabel("")
    return bool(seen)


def time_axis(ax, end):
    ax.set_xlim(0, end)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: plain(round(v, 9))))
    ax.grid(axis="x", visible=False)
    ax.set_xlabel("seconds since the window began", fontsize=9.5)


def line(sheet, panel, model, window, spreads, measure):
    ax, mark = sheet.axes[panel], marks.mark(model)
    xs = [(a + b) / 2 for a, b in zip(window.edges, window.edges[1:])]
    pieces = runs(xs, spreads, window.edges[1] / 4)
    chosen = model in sheet.chosen
    if chosen and len(window.rounds) > 1:
        for piece in pieces:
            ax.fill_between([x for x, _ in piece], [s.low for _, s in piece],
                            [s.high for _, s in piece], color=mark.light, alpha=0.13,
                            linewidth=0, **sheet.part(panel, model, "band"))
    path = [(x, y) for piece in pieces for x, y in
            [*((x, s.median) for x, s in piece), (math.nan, math.nan)]][:-1]
    known = [(x, s) for x, s in zip(xs, spreads) if s]
    least, most = (pick(known, key=lambda one: one[1].median) for pick in (min, max))
    ax.plot(*zip(*path), color=mark.light, linewidth=1.7 if chosen else 1.2,
            dashes=mark.dash or (None, None), **sheet.part(panel, model, "line", [
                f"{said(least[1].median, measure)} to {said(most[1].median, measure)}"]))
    if chosen:
        ends = [least] if least[1].median == most[1].median else [least, most]
        sheet.marks_at(panel, model, "median", [x for x, _ in ends],
                       [s.median for _, s in ends],
                       [tip(x, s, measure) for x, s in ends], size=5)


def said(value, measure):
    return measure.words(value * measure.scale)


def tip(x, spread, measure):
    def words(value):
        return said(value, measure)
    spans = f" ({sig_range(spread, words)})" if spread.n > 1 else ""
    return f"around {plain(round(x, 3))} s: {words(spread.median)}{spans}"


def runs(xs, spreads, half):
    """[[(x, Spread)]] of moments that follow one another; one that is alone becomes a
    stroke, `half` to each side, for a point of a line would not be seen."""
    found, last = [], None
    for place, (x, spread) in enumerate(zip(xs, spreads)):
        if spread:
            if last != place - 1:
                found.append([])
            found[-1].append((x, spread))
            last = place
    return [run if len(run) > 1 else [(x - half, s) for x, s in run] + [
        (x + half, s) for x, s in run] for run in found]


# -- maps --------------------------------------------------------------------------------

def maps(sheet, windows):
    """A panel per model: which share of the replies of a moment took how long."""
    ks = [k for window in windows.values() for s in window.rounds for row in s.buckets
          for k in row]
    low, high, columns = min(ks), max(ks) + 1, sheet.columns
    with matplotlib.rc_context(STYLE):
        for i, (model, window) in enumerate(windows.items()):
            ax = sheet.axes[i]
            time_axis(ax, max(w.edges[-1] for w in windows.values()))
            response_axis(ax, low, high)
            heat(sheet, i, model, window)
            panel_name(sheet, i, model)
            below = i + columns < len(windows)
            ax.tick_params(labelleft=i % columns == 0, labelbottom=not below)
            if below or i % columns:
                ax.set_xlabel("")
        scale_bar(sheet)


def response_axis(ax, low, high):
    """Of quarter octaves, at whose round times are the ticks."""
    ax.set_ylim(low, high)
    digits = (1,) if high - low > 8.2 * STEPS else (1, 2, 5)
    times = [d * 10 ** e for e in range(13) for d in digits
             if low <= STEPS * math.log2(d * 10 ** e) <= high]
    ax.yaxis.set_major_locator(FixedLocator([STEPS * math.log2(t) for t in times]))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda k, _: round_time(2 ** (k / STEPS))))
    ax.spines["left"].set_visible(False)


def round_time(ns):
    """20 µs, without the zeros of a measured one."""
    factor, unit = next((f, u) for f, u in UNITS if ns > f * 0.999 or f == 1)
    return f"{plain(round(ns / factor))} {unit}"


def shade(share):
    return bisect.bisect_right(SHARES, share)


def cells(window):
    """{shade: [(begin, end, k)]}, neighbours of one shade in one."""
    found = {}
    last = {}                               # {k: (shade, cell) of the moment before}
    for i in range(len(window)):
        replies, now = window.replies(i), {}
        total = sum(replies.values())
        for k, n in sorted(replies.items()):
            step, before = shade(n / total), last.get(k)
            if before and before[0] == step:
                cell = before[1]
                cell[1] = window.edges[i + 1]
            else:
                cell = [window.edges[i], window.edges[i + 1], k]
                found.setdefault(step, []).append(cell)
            now[k] = step, cell
        last = now
    return found


def heat(sheet, i, model, window):
    ax = sheet.axes[i]
    low, high = ax.get_ylim()
    box = ax.get_window_extent().height * 72 / sheet.figure.dpi
    for step, row in sorted(cells(window).items()):
        xs = [x for begin, end, _ in row for x in (begin, end, math.nan)]
        ys = [y for *_, k in row for y in (k + 0.5, k + 0.5, math.nan)]
        ax.plot(xs, ys, color=marks.HEAT[step].light, linewidth=box / (high - low) + 0.3,
                antialiased=False, clip_on=False,
                **sheet.part(0, model, f"cells step-{step}", [
                    f"{between(step)} of the replies of its moment"]))


def between(step):
    ends = [0, *SHARES, 1]
    return f"{percent(ends[step])} to {percent(ends[step + 1])} %"


def percent(share):
    return plain(round(100 * share, 6))


def panel_name(sheet, i, model):
    ax, mark = sheet.axes[i], marks.mark(model)

    def above(x):
        """So many points to the right of the upper left corner, and 9 above it."""
        return ax.transAxes + ScaledTranslation(x / 72, 9 / 72,
                                                sheet.figure.dpi_scale_trans)
    ax.add_artist(Line2D([0], [1], linestyle="none", marker=mark.marker, markersize=5.5,
                         color=mark.light, markeredgewidth=0, transform=above(4),
                         clip_on=False, **sheet.part(0, model, "name")))
    ax.text(0, 1, short(model, 22), va="center", fontsize=9.5, color=INK,
            transform=above(13), **sheet.part(0, model, "name"))


def scale_bar(sheet):
    """The shades with the shares between which each stands."""
    left, bottom, width = 58, CAPTION + 16, 50
    sheet.figure.text(left, bottom + 17, "share of the replies of a moment", fontsize=9,
                      color=MUTED, transform=sheet.points, gid="scale")
    for step, variable in enumerate(marks.HEAT):
        sheet.figure.add_artist(Rectangle(
            (left + step * width, bottom), width, 11, facecolor=variable.light,
            linewidth=0, transform=sheet.points, gid="scale"))
    for step, share in enumerate([0, *SHARES, 1]):
        sheet.figure.text(left + step * width, bottom - 4, f"{percent(share)} %",
                          va="top", ha="center", fontsize=8.5, color=MUTED,
                          transform=sheet.points, gid="scale")

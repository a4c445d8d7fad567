"""Panels that are not lines against the levels: a forest of ratios, shares of replies,
what was offered, and the ceiling of the client."""

import math

import matplotlib
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from . import marks
from .axes import STYLE
from .data import NEAR_CEILING
from .marks import INK, MUTED, SOFT
from .units import plain, short, sig

SHARES = [i / 40 for i in range(40)] + [0.99, 0.995]
NAMED_SHARES = (0.5, 0.9, 0.99)
TICKS = [d * 10.0 ** e for e in range(-6, 7) for d in (1, 1.2, 1.5, 2, 3, 5, 7)]


def forest(sheet, rows, band, label):
    """A row per (point, Ratio or None, word): ratios to the baseline on a log axis. band:
    the share of 1 inside which a ratio is a tie."""
    ax = sheet.axes[0]
    with matplotlib.rc_context(STYLE):
        ends = [x for _, ratio, _ in rows if ratio for x in (ratio.low, ratio.high)]
        low, high = min([*ends, 1 / 1.1]), max([*ends, 1.1])
        room = (high / low) ** 0.04
        ax.set_xscale("log")
        ax.set_xlim(low / room, high * room)
        ax.axvspan(1 / (1 + band), 1 + band, color=SOFT, zorder=1, gid="band")
        ax.axvline(1, color=MUTED, linewidth=1, zorder=1.5)
        for row, (point, ratio, word) in enumerate(rows):
            forest_row(sheet, row, point, ratio, word)
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.yaxis.set_major_locator(NullLocator())
        ax.xaxis.set_major_locator(FixedLocator(few_ticks(low, high)))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: plain(round(v, 9))))
        ax.set_xlabel(label, fontsize=9.5)
        for side in ("left", "bottom"):
            ax.spines[side].set_visible(False)


def few_ticks(low, high):
    """At most eight round ratios of this range, 1 among them."""
    ticks = [t for t in TICKS if low <= t <= high]
    while len(ticks) > 8:
        ticks = [t for t in ticks if t == 1 or ticks.index(t) % 2 == ticks.index(1) % 2]
    return ticks


def forest_row(sheet, row, point, ratio, word):
    ax, mark = sheet.axes[0], marks.mark(point.model)

    def part(name, tips=()):
        return sheet.part(0, point.model, name, tips)
    ax.text(0, row, short(point.model), ha="right", va="center", color=INK,
            transform=sheet.beside(ax, -8), **part("name"))
    end = ax.get_xlim()[1]
    place = {"va": "center", "fontsize": 9, "transform": sheet.to_the_right(ax, 8)}
    if ratio is None:
        ax.text(end, row, word, color=MUTED, **place, **part("value"))
        if word == "baseline":
            sheet.marks_at(0, point.model, "median", [1], [row], ["baseline"], size=8)
        return
    hollow = word != "different"
    ax.plot([ratio.low, ratio.high], [row, row], color=mark.light, linewidth=2.2,
            solid_capstyle="butt", **part("range"))
    sheet.marks_at(0, point.model, "hollow" if hollow else "median", [ratio.median],
                   [row], [f"{sheet.level(point.at)}: {sig(ratio.median)} times, "
                           f"{sig(ratio.low)} to {sig(ratio.high)}, n = {ratio.n}, {word}"],
                   hollow, size=8)
    ax.text(end, row, f"{sig(ratio.median)} · {word}", color=INK, **place,
            **part("value"))


def shares(sheet, curves):
    """{model: [(share, µs)]}: which share of the replies came within which time."""
    ax = sheet.axes[0]
    with matplotlib.rc_context(STYLE):
        for model, curve in curves.items():
            mark = marks.mark(model)
            ax.plot([v for _, v in curve], [p for p, _ in curve], color=mark.light,
                    linewidth=1.7, dashes=mark.dash or (None, None), drawstyle="steps",
                    **sheet.part(0, model, "line"))
            shown = [(p, v) for p, v in curve if p in NAMED_SHARES]
            sheet.marks_at(0, model, "median", [v for _, v in shown],
                           [p for p, _ in shown], [
                f"{round(100 * p)} % within {sig(v)} µs" for p, v in shown])
            sheet.labels.setdefault(0, []).append((model, None, None))
        ends = [v for curve in curves.values() for _, v in curve]
        ax.set_xscale("log")
        ax.set_xlim(min(ends) / 1.1, max(ends) * 1.1)
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_locator(FixedLocator(few_ticks_of_time(min(ends), max(ends))))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: plain(round(v, 9))))
        ax.set_xlabel("response time, µs", fontsize=9.5)
        ax.set_ylim(0, 1.02)
        ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{round(100 * v)} %"))
        ax.spines["left"].set_visible(False)
        ax.set_title("share of the replies", loc="left", fontsize=9.5, color=MUTED, pad=8)


def few_ticks_of_time(low, high):
    steps = (1, 2, 5) if high / low < 300 else (1,)
    return [d * 10.0 ** e for e in range(-4, 10) for d in steps
            if low / 1.1 <= d * 10.0 ** e <= high * 1.1]


def ceiling(sheet, panel, campaign, scale):
    """As much as the client can ask for, and the part below it where it is the limit."""
    ax, levels = sheet.axes[panel], [at for at in campaign.levels if at in campaign.ceiling]
    if not levels:
        return
    places = [sheet.place(campaign.ceiling[at]) for at in levels]
    tops = [campaign.ceiling[at].spread("rate").median / scale for at in levels]
    if len(places) == 1:                    # a short line says as much
        left, right = ax.get_xlim()
        places, tops = [left, right], tops * 2
    with matplotlib.rc_context(STYLE):
        if not any(campaign.ceiling[at].spread("offered") for at in levels):
            ax.fill_between(places, [NEAR_CEILING * top for top in tops], tops,
                            color=SOFT, linewidth=0, zorder=1, gid="limit")
        ax.plot(places, tops, color=MUTED, linewidth=1.4, dashes=(1.5, 2), zorder=2,
                gid="ceiling")
        ax.text(places[0], tops[0], "the client's ceiling", fontsize=8.5, color=MUTED,
                ha="left", va="bottom", gid="note")
        low, high = ax.get_ylim()
        ax.set_ylim(low, max(high, 1.08 * max(tops)))


def knees(sheet, panel, found, scale):
    """A ring around the mark from which on more clients do not help: {model: Point}."""
    for model, point in found.items():
        rate = point.spread("rate").median
        sheet.axes[panel].plot(
            [sheet.place(point)], [rate / scale], linestyle="none", marker="o",
            markersize=13, markerfacecolor="none", markeredgewidth=1.5,
            color=marks.mark(model).light, clip_on=False, **sheet.part(
                panel, model, "knee", [f"{sheet.level(point.at)}: the knee, from here on "
                                       "more clients do not help"]))


def rate_axis(sheet, panel, most, label):
    """From nothing to the greatest rate, in thousands per second."""
    ax = sheet.axes[panel]
    ax.set_xlim(0, 1.05 * most or 1)
    ax.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: plain(round(v, 9))))
    ax.set_xlabel(label, fontsize=9.5)
    ax.grid(axis="x", visible=False)


def diagonal(sheet, panel, most):
    """Where everything that is offered is answered."""
    ax = sheet.axes[panel]
    ax.plot([0, most], [0, most], color=MUTED, linewidth=1, dashes=(4, 3), zorder=1.5,
            gid="diagonal")
    ax.set_ylim(0, max(ax.get_ylim()[1], 1.05 * most))

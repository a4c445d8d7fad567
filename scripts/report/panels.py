"""Panels against other axes than the levels: a forest of ratios, shares of replies,
percentiles, and how the trials of a campaign drifted."""

import math

import matplotlib
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from . import marks
from .marks import INK, MUTED, SOFT
from .sheets import STYLE
from .units import plain, short, sig

SHARES = [i / 40 for i in range(40)] + [0.99, 0.995]
NAMED_SHARES = (0.5, 0.9, 0.99)
NAMED_PERCENTILES = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999)
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


def percentiles(sheet, curves):
    """Curves of (p, µs); x is log10 1/(1-p)."""
    ax = sheet.axes[0]
    with matplotlib.rc_context(STYLE):
        for model, curve in curves.items():
            mark = marks.mark(model)
            xs, ys = [-math.log10(1 - p) for p, _ in curve], [v for _, v in curve]
            ax.plot(xs, ys, color=mark.light, linewidth=1.7,
                    dashes=mark.dash or (None, None), **sheet.part(0, model, "line"))
            for_show = {}
            for p, v in curve:              # a mark near each named percentile
                named = min(NAMED_PERCENTILES,
                            key=lambda n: abs(math.log((1 - n) / (1 - p))))
                if abs(math.log((1 - named) / (1 - p))) < 0.15:
                    for_show[named] = (p, v)
            shown = list(for_show.values())
            sheet.marks_at(0, model, "median", [-math.log10(1 - p) for p, _ in shown],
                           [v for _, v in shown],
                           [f"{percent(p)} within {sig(v)} µs" for p, v in shown])
            sheet.labels.setdefault(0, []).append((model, xs[-1], ys[-1]))
        values = [v for curve in curves.values() for _, v in curve]
        sheet.value_axis(ax, "latency, µs", values, max(values) > 20 * min(values))
        end = max(-math.log10(1 - curve[-1][0]) for curve in curves.values())
        ax.set_xlim(0, end * 1.02)
        ticks = [n for n in NAMED_PERCENTILES if -math.log10(1 - n) <= end]
        ax.set_xticks([-math.log10(1 - n) for n in ticks],
                      [percent(n) for n in ticks])
        ax.set_xlabel("share of the replies that are at least this fast", fontsize=9.5)


def percent(p):
    return f"{round(100 * p, 5):g} %"


def drift(sheet, series):
    """{model: [(order, throughput over the model's median there, tip)]}"""
    ax = sheet.axes[0]
    with matplotlib.rc_context(STYLE):
        ax.axhspan(0.98, 1.02, color=SOFT, zorder=1, gid="around")
        ax.axhline(1, color=MUTED, linewidth=1, zorder=1.5, gid="around")
        for model, rows in series.items():
            xs, ys, tips = zip(*rows)
            sheet.marks_at(0, model, "mark", xs, ys,
                           [f"{tip}: {sig(y)} of its median" for y, tip in zip(ys, tips)],
                           size=5, alpha=0.85)
            sheet.labels.setdefault(0, []).append((model, None, None))
        ys = [y for rows in series.values() for _, y, _ in rows]
        sheet.value_axis(ax, "throughput / median of the model at that load", ys, False)
        low, high = min(ys + [0.9]), max(ys + [1.1])
        ax.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
        ax.set_xlabel("order in which the trials ran", fontsize=9.5)
        ax.xaxis.set_major_locator(MaxNLocator(10, integer=True))
        ax.grid(axis="x", visible=False)
        sheet.switches = False              # ratios: from zero they would all look alike

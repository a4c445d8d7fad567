"""Panels of shares: a strip per model of what its clients got, a bar of what its threads or
processes did."""

import itertools
import math

import matplotlib
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from . import marks, sharing
from .marks import INK, MUTED, PAPER, RULE, SOFT
from .panels import few_ticks
from .sheets import STYLE
from .units import count, plain, short, sig

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
CUT = 0.02                                  # of a bar: thinner parts are not told apart


# -- clients -----------------------------------------------------------------------------

def strips(sheet, rows):
    """rows: (point, what each client got over an equal share, ascending)."""
    ax = sheet.axes[0]
    with matplotlib.rc_context(STYLE):
        share_axis(ax, [v for _, values in rows for v in (
            values[0], next((x for x in values if x > 0), 1), values[-1])])
        ax.axvline(1, color=MUTED, linewidth=1, zorder=1.5)
        for row, (point, values) in enumerate(rows):
            strip(sheet, row, point, values)
        rows_axis(ax, len(rows))
        ax.set_xlabel("requests of a client, over an equal share", fontsize=9.5)
        for side in ("left", "bottom"):
            ax.spines[side].set_visible(False)


def share_axis(ax, values):
    """Logarithmic, with a place for those that got nothing."""
    positive = [v for v in values if v > 0]
    low, high = min([*positive, 0.7]), max([*positive, 1.5])
    ticks = few_ticks(low, high)
    if min(values) > 0:
        ax.set_xscale("log")
        ax.set_xlim(low / 1.05, high * 1.05)
    else:
        ax.set_xscale("symlog", linthresh=low / 1.05, linscale=0.3)
        ax.set_xlim(-0.15 * low, high * 1.05)
        ticks = [0, *(t for t in ticks if t > 1.1 * low)]
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: plain(round(v, 9))))


def rows_axis(ax, rows):
    ax.set_ylim(rows - 0.4, -0.6)
    ax.yaxis.set_major_locator(NullLocator())


def row_name(sheet, row, point):
    ax = sheet.axes[0]
    ax.text(0, row, short(point.model), ha="right", va="center", color=INK,
            transform=sheet.beside(ax, -8), **sheet.part(0, point.model, "name"))


def strip(sheet, row, point, values):
    ax, mark = sheet.axes[0], marks.mark(point.model)
    low, quarter, middle, most, high = (sharing.quantile(values, p) for p in QUANTILES)
    row_name(sheet, row, point)
    for name, ends, width in (("range", (values[0], values[-1]), 1.2),
                              ("span", (low, high), 4), ("bar", (quarter, most), 9)):
        ax.plot(ends, [row, row], color=mark.light, linewidth=width, clip_on=False,
                **sheet.part(0, point.model, name))
    starved = sharing.without_reply(point)
    said = (f"{sheet.level(point.at)}: half of the clients got {sig(quarter)} to "
            f"{sig(most)} of an equal share, 90 % {sig(low)} to {sig(high)}, all "
            f"{sig(values[0])} to {sig(values[-1])}")
    sheet.marks_at(0, point.model, "median", [middle], [row], [said], size=7)
    if starved:
        sheet.marks_at(0, point.model, "hollow", [0], [row], [
            f"{sheet.level(point.at)}: {count(starved)} got no reply at all"], True)
    text = f"{sig(low)} to {sig(high)}" + f" · {count(starved)} got none" * bool(starved)
    ax.text(ax.get_xlim()[1], row, text, va="center", color=INK, fontsize=9,
            transform=sheet.to_the_right(ax, 8), **sheet.part(0, point.model, "value"))


# -- threads and processes ---------------------------------------------------------------

def stacked(sheet, panel, label, rows):
    """rows: (point, Shares or None): the greatest part in full colour, then the others,
    then what is not listed; a stroke where the first would end if all were equal."""
    ax = sheet.axes[panel]
    with matplotlib.rc_context(STYLE):
        ax.set_xlim(0, 1)
        for row, (point, shares) in enumerate(rows):
            if panel == 0:
                row_name(sheet, row, point)
            if shares:
                bar(sheet, panel, row, point, shares)
        rows_axis(ax, len(rows))
        ax.xaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{round(100 * v)} %"))
        ax.set_xlabel(label, fontsize=9.5)
        ax.spines["left"].set_color(MUTED)
        ax.spines["bottom"].set_visible(False)


def bar(sheet, panel, row, point, shares):
    ax, mark = sheet.axes[panel], marks.mark(point.model)

    def part(name, tips=()):
        return sheet.part(panel, point.model, name, tips)
    first, others = shares.parts[0], sum(shares.parts[1:])
    for name, left, width, colours in (
            ("bar", 0, first, {"facecolor": mark.light}),
            ("others", first, others, {"facecolor": mark.light, "alpha": 0.4}),
            ("unlisted", first + others, shares.rest,
             {"facecolor": SOFT, "edgecolor": RULE, "linewidth": 0.8})):
        if width > sharing.UNLISTED / 10 or name == "bar":
            tips = [f"{sheet.level(point.at)}: {in_words(shares)}"]
            ax.barh(row, width, height=0.62, left=left)[0].set(
                **{"linewidth": 0, **colours}, **part(name, tips))
    cuts = cuts_of(shares)
    if cuts:
        ax.plot([x for cut in cuts for x in (cut, cut, math.nan)],
                [row - 0.31, row + 0.31, math.nan] * len(cuts), color=PAPER["light"],
                linewidth=0.6, **part("cuts"))
    ax.plot([shares.equal] * 2, [row - 0.45, row + 0.45], color=INK, linewidth=1.8,
            clip_on=False, **part("equal"))
    ax.text(1, row, f"{percent(first)} of {count(shares.working)}", va="center",
            color=INK, fontsize=9, transform=sheet.to_the_right(ax, 6), **part("value"))


def cuts_of(shares):
    """Where one part ends and the next one begins; nowhere if there are too many."""
    ends = itertools.accumulate(shares.parts[:shares.working - 1])
    return list(ends) if shares.equal >= CUT else []


def in_words(shares):
    listed = ", ".join(map(percent, shares.parts[:4]))
    more = " …" if len(shares.parts) > 4 else ""
    return (f"{listed}{more}; equal parts of the {count(shares.working)} that work would "
            f"be {percent(shares.equal)}")


def percent(share):
    return f"{sig(100 * share, 2)} %"

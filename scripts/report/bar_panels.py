"""Bars from zero, one for each point, and a rule across them."""

import matplotlib
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from . import marks
from .marks import INK, MUTED, PAPER, SOFT
from .point import interval_of
from .sheets import STYLE
from .units import count, plain, short, sig_range


def bars(sheet, panel, label, points, values, words, top=None):
    """One bar per point, from zero; words(value) is printed at its end."""
    ax = sheet.axes[panel]
    spreads = [interval_of(values(p)) for p in points]
    with matplotlib.rc_context(STYLE):
        highs = [s.high for s in spreads if s]
        lows = [s.low for s in spreads if s]
        ax.set_xlim(min(0, *lows, 0), max(highs + [top or 0]) * 1.02 or 1)
        for row, (point, spread) in enumerate(zip(points, spreads)):
            bar(sheet, panel, row, point, spread, values(point), words)
        ax.set_ylim(len(points) - 0.4, -0.6)
        ax.yaxis.set_major_locator(NullLocator())
        ax.xaxis.set_major_locator(MaxNLocator(
            {1: 8, 2: 4, 3: 4}.get(len(sheet.axes), 2), integer=max(highs, default=0) > 5))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: plain(v)))
        ax.set_xlabel(label, fontsize=9.5)
        ax.spines["left"].set_color(MUTED)
        ax.spines["bottom"].set_visible(False)


def bar(sheet, panel, row, point, spread, values, words):
    ax, mark = sheet.axes[panel], marks.mark(point.model)

    def part(name, tips=()):
        return sheet.part(panel, point.model, name, tips)
    if panel == 0:
        ax.text(0, row, short(point.model), ha="right", va="center", color=INK,
                transform=sheet.beside(ax, -8), **part("name"))
    if spread is None:
        ax.text(0, row, "no figure", va="center", color=MUTED, fontsize=9,
                transform=sheet.beside(ax, 6), **part("value"))
        return
    tip = f"{sheet.level(point.at)}: {words(spread.median)}" + (
        f" ({sig_range(spread, words)})" if spread.n > 1 else "")
    hollow = point.starved > 0
    ax.barh(row, spread.median, height=0.62, label="_")[0].set(
        facecolor=SOFT if hollow else mark.light, edgecolor=mark.light, linewidth=1.2,
        **part("bar", [tip]))
    if spread.n > 1:
        ax.plot([spread.low, spread.high], [row, row], color=INK, linewidth=1.1,
                solid_capstyle="butt", **part("range"))
        ax.plot(values, [row] * len(values), linestyle="none", marker="o",
                markersize=3.6, color=PAPER["light"], markeredgecolor=INK,
                markeredgewidth=0.8, clip_on=False, **part("raw"))
    text = words(spread.median)
    if hollow and len(sheet.axes) == 1:
        text += f" · starves {count(point.starved)}"
    ax.text(max(spread.high, 0), row, text, va="center", color=INK, fontsize=9,
            transform=sheet.to_the_right(ax, 8), **part("value"))


def rule_across(sheet, panel, value, label):
    """A dashed line over all bars, named at its upper end."""
    ax = sheet.axes[panel]
    ax.axvline(value, color=INK, linewidth=1, dashes=(4, 3), zorder=9)
    ax.text(value, 1, label, transform=ax.get_xaxis_transform(), fontsize=8.5,
            color=MUTED, ha="center", va="bottom")

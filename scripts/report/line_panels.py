"""Lines against the levels of a campaign, and what is put on them: the ceiling of the
client, knees, and what was offered."""

import math
import textwrap

import matplotlib
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator
from matplotlib.transforms import ScaledTranslation

from . import marks
from .marks import MUTED, SOFT
from .point import NEAR_CEILING, Point, Spread, interval_of
from .sheets import STYLE
from .units import plain, short, sig_range


def lines(sheet, panel, label, campaign, values, words, centre=None, log=False,
          bounds=False, across=None):
    """One line per model; values(point) are the rounds', centre(point) the middle;
    across(point), where it is not its level, is x (and the axis is for the caller).
    Returns whether there was anything to draw."""
    ax, seen = sheet.axes[panel], []
    sheet.place = across or places(campaign)
    with matplotlib.rc_context(STYLE):
        for model in campaign.models:
            points = [campaign.points.get((model, c)) for c in campaign.levels]
            points = [p for p in points if p and values(p)]
            rows = [(p, values(p), middle(p, values, centre)) for p in points]
            if rows:
                line(sheet, panel, model, rows, words, bounds, len(campaign.levels))
                seen += [v for _, vs, _ in rows for v in vs]
        if not across:
            level_axis(sheet, ax, campaign)
        sheet.value_axis(ax, label, seen, log)
    return bool(seen)


def places(campaign):
    """Where a point lies on the axis of the levels; categories lie side by side."""
    if campaign.experiment.scale == "category":
        return lambda point: campaign.levels.index(point.at)
    return lambda point: point.at


def middle(point, values, centre):
    """A Spread of the rounds' values, with the interval of their median (of few rounds
    their range); centre(point), if given, replaces the median."""
    found = interval_of(values(point))
    if not found or not centre:
        return found
    return Spread((centre(point) or [found.median])[0], *found[1:])


def line(sheet, panel, model, rows, words, bounds, levels):
    ax, mark = sheet.axes[panel], marks.mark(model)
    xs = [sheet.place(p) for p, _, _ in rows]
    if levels == 1:                     # side by side, else they hide one another
        shift = (sheet.models.index(model) + 0.5) / len(sheet.models) - 0.5
        xs = [x * 2 ** shift if x else shift for x in xs]
    ys = [m.median for _, _, m in rows]
    if any(m.n > 1 for _, _, m in rows):
        low, high = [m.low for _, _, m in rows], [m.high for _, _, m in rows]
        if len(xs) > 1 and xs == sorted(xs):        # else it would cover itself
            ax.fill_between(xs, low, high, color=mark.light, alpha=0.13, linewidth=0,
                            **sheet.part(panel, model, "band"))
        else:
            ax.vlines(xs, low, high, color=mark.light, linewidth=1.2,
                      **sheet.part(panel, model, "band"))
        raw = [(x, v) for x, (_, values, _) in zip(xs, rows) for v in values]
        ax.plot(*zip(*raw), linestyle="none", marker="_", markersize=11, alpha=0.6,
                color=mark.light, markeredgewidth=1, clip_on=False,
                **sheet.part(panel, model, "raw"))
    ax.plot(xs, ys, color=mark.light, linewidth=1.7, dashes=mark.dash or (None, None),
            **sheet.part(panel, model, "line"))
    medians(sheet, panel, model, xs, rows, words, bounds)
    sheet.labels.setdefault(panel, []).append((model, xs[-1], ys[-1]))


def medians(sheet, panel, model, xs, rows, words, bounds):
    for hollow in (False, True):
        chosen = [(x, p, m) for x, (p, _, m) in zip(xs, rows)
                  if (bounds and p.client_bound) == hollow]
        if not chosen:
            continue
        tips = [f"{sheet.level(p.at)}: {'≥ ' * hollow}{words(m.median)}"
                + f" ({sig_range(m, words)})" * (m.n > 1)
                + "; CLIENT-BOUND" * hollow for _, p, m in chosen]
        at, ys = [x for x, _, _ in chosen], [m.median for _, _, m in chosen]
        name = "hollow" if hollow else "median"
        sheet.marks_at(panel, model, name, at, ys, tips, hollow)
        if hollow:
            lower_bound(sheet, panel, model, at, ys)


def lower_bound(sheet, panel, model, xs, ys):
    """A small triangle above a mark: at least as much."""
    ax = sheet.axes[panel]
    lifted = ax.transData + ScaledTranslation(0, 10 / 72, sheet.figure.dpi_scale_trans)
    ax.plot(xs, ys, linestyle="none", marker="^", markersize=5, transform=lifted,
            color=marks.mark(model).light, markeredgewidth=0, clip_on=False,
            **sheet.part(panel, model, "bound"))


# -- the axis of the levels --------------------------------------------------------------

def level_axis(sheet, ax, campaign):
    levels, experiment = campaign.levels, campaign.experiment
    xs = [places(campaign)(Point("", level)) for level in levels]
    scale = "linear" if experiment.scale == "category" else experiment.scale
    if scale == "log" and xs[0] <= 0:
        least = min((x for x in xs if x > 0), default=1)
        ax.set_xscale("symlog", linthresh=least, linscale=0.6)
    else:
        ax.set_xscale(scale)
    ax.set_xlim(*limits(xs, ax.get_xscale()))
    ax.grid(axis="x", visible=False)
    if experiment.scale == "category":  # names take several lines, and need no axis
        names = [textwrap.fill(short(experiment.tick(at), 27), 9) for at in levels]
        ax.set_xlim(xs[0] - 0.4, xs[-1] + 0.4)
        ax.set_xticks(xs, names, fontsize=8)
        return
    ticks, last = [], -math.inf
    for x, level in zip(xs, levels):    # with room for each, in points
        at = ax.transData.transform((x, 0))[0] * 72 / sheet.figure.dpi
        if at - last >= max(26, 6.2 * len(experiment.tick(level))):
            ticks.append((x, experiment.tick(level)))
            last = at
    ax.set_xticks([x for x, _ in ticks], [text for _, text in ticks])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel(experiment.axis, fontsize=9.5)


def limits(xs, scale):
    """Of an axis, with room for the marks at its ends."""
    low, high = xs[0], xs[-1]
    if scale == "log":
        room = (high / low) ** 0.03 if high > low else 2
        return low / room, high * room
    if low == high:
        return low - 1, high + 1
    if scale == "symlog":
        return -0.2 * min(x for x in xs if x > 0), high * (1 + 0.25 * (high > 0))
    return low - 0.04 * (high - low), high + 0.04 * (high - low)


# -- on the lines ------------------------------------------------------------------------

def ceiling(sheet, panel, campaign, scale):
    """As much as the client can ask for, and the part below it where it is the limit."""
    ax, levels = sheet.axes[panel], [at for at in campaign.levels if at in campaign.ceiling]
    if not levels:
        return
    xs = [sheet.place(campaign.ceiling[at]) for at in levels]
    tops = [campaign.ceiling[at].spread("rate").median / scale for at in levels]
    if len(xs) == 1:                    # a short line says as much
        left, right = ax.get_xlim()
        xs, tops = [left, right], tops * 2
    with matplotlib.rc_context(STYLE):
        if not any(campaign.ceiling[at].spread("offered") for at in levels):
            ax.fill_between(xs, [NEAR_CEILING * top for top in tops], tops,
                            color=SOFT, linewidth=0, zorder=1, gid="limit")
        ax.plot(xs, tops, color=MUTED, linewidth=1.4, dashes=(1.5, 2), zorder=2,
                gid="ceiling")
        ax.text(xs[0], tops[0], "the client's ceiling", fontsize=8.5, color=MUTED,
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
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: plain(round(v, 9))))
    ax.set_xlabel(label, fontsize=9.5)
    ax.grid(axis="x", visible=False)


def diagonal(sheet, panel, most):
    """Where everything that is offered is answered."""
    ax = sheet.axes[panel]
    ax.plot([0, most], [0, most], color=MUTED, linewidth=1, dashes=(4, 3), zorder=1.5,
            gid="diagonal")
    ax.set_ylim(0, max(ax.get_ylim()[1], 1.05 * most))

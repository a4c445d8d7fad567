"""A sheet with panels: how lines, bars, percentile curves and drift are drawn.

All lengths are in points, and a point is a unit of the SVG.
"""

import io
import math
import textwrap
import warnings

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from matplotlib.transforms import Affine2D, ScaledTranslation

from . import marks, svg
from .data import Point, Spread, interval_of
from .marks import FAINT, INK, MUTED, PAPER, RULE, SOFT
from .units import count, plain, short, sig

WIDTH, HEADING, CAPTION = 720, 40, 46
NAME_GAP = 13                               # between two names beside the lines
STYLE = {
    "svg.fonttype": "none", "font.family": ["DejaVu Sans"], "font.size": 10,
    "text.color": INK, "axes.labelcolor": MUTED, "axes.edgecolor": RULE,
    "xtick.color": RULE, "ytick.color": RULE, "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED, "axes.grid": True, "grid.color": RULE,
    "grid.linewidth": 0.7, "axes.axisbelow": True, "axes.linewidth": 0.8,
    "axes.spines.top": False, "axes.spines.right": False, "text.parse_math": False,
    "path.simplify": False, "axes.unicode_minus": True, "lines.solid_capstyle": "butt",
}


def lines(campaign, name, question, panels=1):
    """A sheet with a column of model names at the right."""
    body = max(330, 13 * len(campaign.chosen) + 60)
    return Sheet(campaign, name, question, body, panels, left=58, right=168, gap=48,
                 fades=True)


def bars(campaign, name, points, panels, question, beside=56):
    """A sheet with a row for each point and the models' names at the left; so many points
    are beside each of several panels."""
    body = max(60, (26 if len(points) <= 14 else 17) * len(points)) + 52
    longest = max(len(short(p.model)) for p in points)
    return Sheet(campaign, name, question, body, panels, left=28 + 6.2 * longest,
                 gap=beside, right=170 if panels == 1 else beside)


def stack(campaign, name, question, panels):
    """A sheet of panels below one another, with one column of names for all of them."""
    body = 50 + max(102 * panels + 34 * (panels - 1), NAME_GAP * len(campaign.chosen))
    sheet = Sheet(campaign, name, question, body, panels, left=58, right=168, gap=0,
                  fades=True, columns=1)
    sheet.named_panel = 0
    return sheet


def grid(campaign, name, question, panels, foot):
    """A sheet of small panels, four beside one another at most, with room below them."""
    rows = math.ceil(panels / 4)
    body = 50 + foot + 118 * rows + 34 * (rows - 1)
    return Sheet(campaign, name, question, body, panels, left=58, right=20, gap=16,
                 columns=math.ceil(panels / rows), foot=foot)


class Sheet:
    """`fades`: lines lie on one another, so that those of models that are not chosen are
    thin and grey. Bars do not, and keep their colours. The panels fill rows of `columns`
    (all in one), 34 points apart; `foot` points below them are free."""

    def __init__(self, campaign, name, question, body, panels, left, right, gap,
                 fades=False, columns=None, foot=0):
        self.name, self.question, self.models = name, question, campaign.models
        self.chosen, self.fades = campaign.chosen, fades
        self.level = campaign.level
        self.height = HEADING + body + CAPTION
        self.tips, self.labels = {}, {}
        self.named_panel = panels - 1       # beside which the models' names stand
        self.zooms, self.switches = False, False    # whether the page may move its marks
        self.variables = {v.light: v.name for v in marks.variables(campaign.models)}
        with matplotlib.rc_context(STYLE):
            self.figure = Figure(figsize=(WIDTH / 72, self.height / 72))
            FigureCanvasAgg(self.figure)
            self.columns = columns = columns or panels
            rows = math.ceil(panels / columns)
            width = (WIDTH - left - right - gap * (columns - 1)) / columns
            high = (body - 50 - foot - 34 * (rows - 1)) / rows
            self.axes = [self.figure.add_axes([
                (left + i % columns * (width + gap)) / WIDTH,
                (CAPTION + 40 + foot + (rows - 1 - i // columns) * (high + 34))
                / self.height,
                width / WIDTH, high / self.height]) for i in range(panels)]
        self.points = Affine2D().scale(1 / 72) + self.figure.dpi_scale_trans
        for ax in self.axes:
            ax.tick_params(length=0, pad=6)

    # -- the parts of a series ---------------------------------------------------------

    def part(self, panel, model, name, tips=()):
        """What an artist needs to be found again: its group, and its marks' values."""
        index = self.models.index(model)
        gid = f"{panel}|{index}|{name}"
        if tips:
            self.tips[gid] = [svg.named(model) + tip for tip in tips]
        return {"gid": gid, "zorder": 3 + (model in self.chosen) + index / 100}

    def marks_at(self, panel, model, name, xs, ys, tips, hollow=False, size=6,
                 alpha=1):
        mark = marks.mark(model)
        self.axes[panel].plot(
            xs, ys, linestyle="none", marker=mark.marker, markersize=size,
            color=mark.light, alpha=alpha,
            markerfacecolor=PAPER["light"] if hollow else mark.light,
            markeredgecolor=mark.light if hollow else PAPER["light"],
            markeredgewidth=1.5 if hollow else 0.7, clip_on=False,
            **self.part(panel, model, name, tips))

    def lower_bound(self, panel, model, xs, ys):
        """A small triangle above a mark: at least as much."""
        ax = self.axes[panel]
        lifted = ax.transData + ScaledTranslation(0, 10 / 72, self.figure.dpi_scale_trans)
        ax.plot(xs, ys, linestyle="none", marker="^", markersize=5, transform=lifted,
                color=marks.mark(model).light, markeredgewidth=0, clip_on=False,
                **self.part(panel, model, "bound"))

    # -- lines against the levels ------------------------------------------------------

    def line_panel(self, panel, label, campaign, values, words, centre=None, log=False,
                   bounds=False, across=None):
        """One line per model; values(point) are the rounds', centre(point) the middle;
        across(point), where it is not its level, is x (and the axis is for the caller).
        Returns whether there was anything to draw."""
        ax, seen = self.axes[panel], []
        self.place = across or places(campaign)
        with matplotlib.rc_context(STYLE):
            for model in campaign.models:
                points = [campaign.points.get((model, c)) for c in campaign.levels]
                points = [p for p in points if p and values(p)]
                rows = [(p, values(p), middle(p, values, centre)) for p in points]
                if rows:
                    self.line(panel, model, rows, words, bounds, len(campaign.levels))
                    seen += [v for _, vs, _ in rows for v in vs]
            if not across:
                self.level_axis(ax, campaign)
            self.value_axis(ax, label, seen, log)
        return bool(seen)

    def line(self, panel, model, rows, words, bounds, levels):
        ax, mark = self.axes[panel], marks.mark(model)
        xs = [self.place(p) for p, _, _ in rows]
        if levels == 1:                     # side by side, else they hide one another
            shift = (self.models.index(model) + 0.5) / len(self.models) - 0.5
            xs = [x * 2 ** shift if x else shift for x in xs]
        ys = [m.median for _, _, m in rows]
        if any(m.n > 1 for _, _, m in rows):
            low, high = [m.low for _, _, m in rows], [m.high for _, _, m in rows]
            if len(xs) > 1 and xs == sorted(xs):        # else it would cover itself
                ax.fill_between(xs, low, high, color=mark.light, alpha=0.13, linewidth=0,
                                **self.part(panel, model, "band"))
            else:
                ax.vlines(xs, low, high, color=mark.light, linewidth=1.2,
                          **self.part(panel, model, "band"))
            raw = [(x, v) for x, (_, values, _) in zip(xs, rows) for v in values]
            ax.plot(*zip(*raw), linestyle="none", marker="_", markersize=11, alpha=0.6,
                    color=mark.light, markeredgewidth=1, clip_on=False,
                    **self.part(panel, model, "raw"))
        ax.plot(xs, ys, color=mark.light, linewidth=1.7, dashes=mark.dash or (None, None),
                **self.part(panel, model, "line"))
        self.medians(panel, model, xs, rows, words, bounds)
        self.labels.setdefault(panel, []).append((model, xs[-1], ys[-1]))

    def medians(self, panel, model, xs, rows, words, bounds):
        for hollow in (False, True):
            chosen = [(x, p, m) for x, (p, _, m) in zip(xs, rows)
                      if (bounds and p.client_bound) == hollow]
            if not chosen:
                continue
            tips = [f"{self.level(p.at)}: {'≥ ' * hollow}{words(m.median)}"
                    + f" ({sig_range(m, words)})" * (m.n > 1)
                    + "; CLIENT-BOUND" * hollow for _, p, m in chosen]
            at, ys = [x for x, _, _ in chosen], [m.median for _, _, m in chosen]
            name = "hollow" if hollow else "median"
            self.marks_at(panel, model, name, at, ys, tips, hollow)
            if hollow:
                self.lower_bound(panel, model, at, ys)

    def level_axis(self, ax, campaign):
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
            at = ax.transData.transform((x, 0))[0] * 72 / self.figure.dpi
            if at - last >= max(26, 6.2 * len(experiment.tick(level))):
                ticks.append((x, experiment.tick(level)))
                last = at
        ax.set_xticks([x for x, _ in ticks], [text for _, text in ticks])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xlabel(experiment.axis, fontsize=9.5)

    def value_axis(self, ax, label, values, log):
        positive = [v for v in values if v > 0]
        if log and positive:
            ax.set_yscale("log")
            ax.set_ylim(min(positive) / 1.25, max(positive) * 1.25)
            steps = (1, 2, 5) if max(positive) / min(positive) < 300 else (1,)
            ax.yaxis.set_major_locator(LogLocator(subs=steps, numticks=30))
            ax.yaxis.set_minor_locator(NullLocator())
            ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: plain(v)))
        else:
            ax.set_ylim(min(0, 1.05 * min(values, default=0)),
                        1.08 * max(values, default=1) or 1)
            ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: plain(v)))
        ax.spines["left"].set_visible(False)
        ax.set_title(label, loc="left", fontsize=9.5, color=MUTED, pad=8)
        self.zooms, self.switches = bool(values), bool(positive)

    def share_y(self):
        low = min(ax.get_ylim()[0] for ax in self.axes)
        high = max(ax.get_ylim()[1] for ax in self.axes)
        for ax in self.axes:
            ax.set_ylim(low, high)

    # -- other panels ------------------------------------------------------------------

    def bar_panel(self, panel, label, points, values, words, top=None):
        """One bar per point, from zero; words(value) is printed at its end."""
        ax = self.axes[panel]
        spreads = [middle(p, values, None) for p in points]
        with matplotlib.rc_context(STYLE):
            highs = [s.high for s in spreads if s]
            lows = [s.low for s in spreads if s]
            ax.set_xlim(min(0, *lows, 0), max(highs + [top or 0]) * 1.02 or 1)
            for row, (point, spread) in enumerate(zip(points, spreads)):
                self.bar(panel, row, point, spread, values(point), words)
            ax.set_ylim(len(points) - 0.4, -0.6)
            ax.yaxis.set_major_locator(NullLocator())
            ax.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(
                4 if len(self.axes) > 1 else 8, integer=max(highs, default=0) > 5))
            ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: plain(v)))
            ax.set_xlabel(label, fontsize=9.5)
            ax.spines["left"].set_color(MUTED)
            ax.spines["bottom"].set_visible(False)

    def bar(self, panel, row, point, spread, values, words):
        ax, mark = self.axes[panel], marks.mark(point.model)

        def part(name, tips=()):
            return self.part(panel, point.model, name, tips)
        if panel == 0:
            ax.text(0, row, short(point.model), ha="right", va="center", color=INK,
                    transform=self.beside(ax, -8), **part("name"))
        if spread is None:
            ax.text(0, row, "no figure", va="center", color=MUTED, fontsize=9,
                    transform=self.beside(ax, 6), **part("value"))
            return
        tip = f"{self.level(point.at)}: {words(spread.median)}" + (
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
        if hollow and len(self.axes) == 1:
            text += f" · starves {count(point.starved)}"
        ax.text(max(spread.high, 0), row, text, va="center", color=INK, fontsize=9,
                transform=self.to_the_right(ax, 8), **part("value"))

    def beside(self, ax, shift):
        """x: points from the left end of the axes; y: data."""
        return ax.get_yaxis_transform() + ScaledTranslation(
            shift / 72, 0, self.figure.dpi_scale_trans)

    def to_the_right(self, ax, shift):
        """x and y: data, moved by so many points."""
        return ax.transData + ScaledTranslation(shift / 72, 0,
                                                self.figure.dpi_scale_trans)

    def rule_across(self, panel, value, label):
        """A dashed line over all bars, named at its upper end."""
        ax = self.axes[panel]
        ax.axvline(value, color=INK, linewidth=1, dashes=(4, 3), zorder=9)
        ax.text(value, 1, label, transform=ax.get_xaxis_transform(), fontsize=8.5,
                color=MUTED, ha="center", va="bottom")

    def percentile_panel(self, campaign, curves):
        """Curves of (p, µs); x is log10 1/(1-p)."""
        ax = self.axes[0]
        with matplotlib.rc_context(STYLE):
            for model, curve in curves.items():
                mark = marks.mark(model)
                xs, ys = [-math.log10(1 - p) for p, _ in curve], [v for _, v in curve]
                ax.plot(xs, ys, color=mark.light, linewidth=1.7,
                        dashes=mark.dash or (None, None), **self.part(0, model, "line"))
                for_show = {}
                for p, v in curve:          # a mark near each named percentile
                    named = min(NAMED, key=lambda n: abs(math.log((1 - n) / (1 - p))))
                    if abs(math.log((1 - named) / (1 - p))) < 0.15:
                        for_show[named] = (p, v)
                shown = list(for_show.values())
                self.marks_at(0, model, "median", [-math.log10(1 - p) for p, _ in shown],
                              [v for _, v in shown],
                              [f"{percent(p)} within {sig(v)} µs" for p, v in shown])
                self.labels.setdefault(0, []).append((model, xs[-1], ys[-1]))
            values = [v for curve in curves.values() for _, v in curve]
            self.value_axis(ax, "latency, µs", values, max(values) > 20 * min(values))
            end = max(-math.log10(1 - curve[-1][0]) for curve in curves.values())
            ax.set_xlim(0, end * 1.02)
            ticks = [n for n in NAMED if -math.log10(1 - n) <= end]
            ax.set_xticks([-math.log10(1 - n) for n in ticks],
                          [percent(n) for n in ticks])
            ax.set_xlabel("share of the replies that are at least this "
                          "fast", fontsize=9.5)

    def drift_panel(self, campaign, series):
        ax = self.axes[0]
        with matplotlib.rc_context(STYLE):
            ax.axhspan(0.98, 1.02, color=SOFT, zorder=1, gid="around")
            ax.axhline(1, color=MUTED, linewidth=1, zorder=1.5, gid="around")
            for model, rows in series.items():
                xs, ys, tips = zip(*rows)
                self.marks_at(0, model, "mark", xs, ys,
                              [f"{tip}: {sig(y)} of its "
                               "median" for y, tip in zip(ys, tips)],
                              size=5, alpha=0.85)
                self.labels.setdefault(0, []).append((model, None, None))
            ys = [y for rows in series.values() for _, y, _ in rows]
            self.value_axis(ax, "throughput / median of the model at that "
                                "load", ys, False)
            low, high = min(ys + [0.9]), max(ys + [1.1])
            ax.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
            ax.set_xlabel("order in which the trials ran", fontsize=9.5)
            ax.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(10, integer=True))
            ax.grid(axis="x", visible=False)
            self.switches = False           # ratios: from zero they would all look alike

    # -- names beside the lines --------------------------------------------------------

    def name_lines(self):
        """Names at the right of the last panel, in the order of the lines' ends. Those of
        models that are not chosen wait where their lines end until they are."""
        panel = self.named_panel
        named = self.labels.get(panel, [])
        ax, scale = self.axes[panel], 72 / self.figure.dpi
        box = ax.get_window_extent()
        left, right, top = (x * scale for x in (box.x0, box.x1, box.y1))
        bottom = min(other.get_window_extent().y0 for other in self.axes) * scale
        named.sort(key=lambda one: one[0] not in self.chosen)   # these have the room
        ends = []
        for place, (model, x, y) in enumerate(named):
            if x is None:
                ends.append((top - 6 - NAME_GAP * place, left, None, model))
                continue
            at = ax.transData.transform((x, y)) * scale
            ends.append((float(at[1]), float(at[0]), float(at[1]), model))
        ends.sort(key=lambda end: (end[0], end[3]))
        shown = [end for end in ends if end[3] in self.chosen]
        heights = spread_out([end[0] for end in shown], NAME_GAP, bottom - 20, top + 8)
        self.name_room = (self.height - top - 8, self.height - bottom + 20)
        for height, (_, x, y, model) in zip(heights, shown):
            self.name_line(panel, model, height, x, y, right)
        for height, x, y, model in ends:
            if model not in self.chosen:
                self.name_line(panel, model, height, x, y, right)

    def fade(self):
        """On paper nobody can switch a model on: the others are thin and grey for good."""
        for artist in self.figure.findobj(lambda one: one.get_gid()):
            parts = artist.get_gid().split("|")
            if len(parts) != 3 or self.models[int(parts[1])] in self.chosen:
                continue
            artist.set_visible(parts[2] in svg.FADED)
            if parts[2] in svg.FADED:
                artist.set(color=FAINT, markerfacecolor=FAINT, linewidth=0.8)

    def name_line(self, panel, model, height, x, y, right):
        ax, mark = self.axes[panel], marks.mark(model)
        part = self.part(panel, model, "name")
        if y is not None:
            ax.add_artist(Line2D(
                [x + 4, right + 12, right + 22], [y, y, height], color=mark.light,
                linewidth=0.7, alpha=0.7, transform=self.points, clip_on=False,
                **self.part(panel, model, "leader")))
        ax.add_artist(Line2D(
            [right + 27], [height], linestyle="none", marker=mark.marker, markersize=5.5,
            color=mark.light, markeredgewidth=0, transform=self.points, clip_on=False,
            **part))
        ax.text(right + 35, height, short(model, 22), va="center", fontsize=9.5,
                color=INK, transform=self.points, **part)

    # -- output ------------------------------------------------------------------------

    def finish(self, caption):
        """The SVG to embed, the SVG file and the PNG file."""
        with matplotlib.rc_context({**STYLE, "svg.hashsalt": self.name}):
            self.name_lines()
            self.figure.text(14 / WIDTH, 1 - 22 / self.height, self.question, fontsize=13,
                             fontweight="bold", color=INK, gid="heading")
            lines = textwrap.wrap(caption, 128)[:3]
            self.figure.text(14 / WIDTH, (CAPTION - 12) / self.height, "\n".join(lines),
                             va="top", fontsize=8, color=MUTED, gid="caption")
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Glyph .* missing")
                png, vector = io.BytesIO(), io.BytesIO()
                self.figure.savefig(vector, format="svg", transparent=True, metadata={
                    "Date": None, "Creator": None, "Format": None, "Type": None})
                if self.fades:
                    self.fade()
                self.figure.savefig(png, format="png", dpi=144,
                                    metadata={"Software": None})
        off = [m for m in self.models if m not in self.chosen]
        root = svg.tidy(vector.getvalue(), self.name, svg.slugs(self.models), self.tips,
                        off)
        if self.zooms:
            root.set("data-panels", ";".join(map(self.place_of, self.axes)))
            root.set("data-switches", "yes" if self.switches else "no")
        top, bottom = self.name_room
        root.set("data-names", f"{top:.0f} {bottom:.0f}")
        return (svg.embedded(root, self.question, (HEADING - 8, CAPTION - 6),
                             self.variables),
                svg.standalone(root, self.question, self.fades), png.getvalue())


    def place_of(self, ax):
        """The panel's box from above left, its value axis' scale and its ends."""
        box, scale = ax.get_window_extent(), 72 / self.figure.dpi
        sides = (box.x0 * scale, self.height - box.y1 * scale, box.x1 * scale,
                 self.height - box.y0 * scale)
        low, high = ax.get_ylim()
        return " ".join([*(f"{side:.1f}" for side in sides), ax.get_yscale(),
                         f"{low:.6g}", f"{high:.6g}"])


NAMED = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999)


def places(campaign):
    """Where a point lies on the axis of the levels; categories lie side by side."""
    if campaign.experiment.scale == "category":
        return lambda point: campaign.levels.index(point.at)
    return lambda point: point.at


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


def percent(p):
    return f"{round(100 * p, 5):g} %"


def middle(point, values, centre):
    """A Spread of the rounds' values, with the interval of their median (of few rounds
    their range); centre(point), if given, replaces the median."""
    found = interval_of(values(point))
    if not found or not centre:
        return found
    return Spread((centre(point) or [found.median])[0], *found[1:])


def sig_range(spread, words):
    """16 200 to 18 100 requests/s, n = 3"""
    low, high = words(spread.low), words(spread.high)
    number, _, unit = low.rpartition(" ")
    if number and unit[:1].isalpha() and high.endswith(" " + unit):
        low = number                        # the unit is said once
    return f"{low} to {high}, n = {spread.n}"


def spread_out(heights, gap, low, high):
    """The ascending heights moved as little as needed to stand gap points apart."""
    if not heights:
        return []
    gap = min(gap, (high - low) / max(1, len(heights) - 1))
    placed = []
    for height in heights:
        placed.append(max(height, placed[-1] + gap if placed else low))
    if placed[-1] > high:
        placed[-1] = high
        for i in range(len(placed) - 2, -1, -1):
            placed[i] = min(placed[i], placed[i + 1] - gap)
    return placed

"""A sheet with panels: where they lie, how a model's parts are marked, and the files.

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
from .marks import FAINT, INK, MUTED, PAPER, RULE
from .units import plain, short

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
        self.place = None                   # where a point lies on x, once lines are drawn
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

    # -- axes --------------------------------------------------------------------------

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
        """One scale for all panels that have something to show."""
        drawn = [ax for ax in self.axes if ax.lines]
        low = min(ax.get_ylim()[0] for ax in drawn)
        high = max(ax.get_ylim()[1] for ax in drawn)
        for ax in drawn:
            ax.set_ylim(low, high)

    def beside(self, ax, shift):
        """x: points from the left end of the axes; y: data."""
        return ax.get_yaxis_transform() + ScaledTranslation(
            shift / 72, 0, self.figure.dpi_scale_trans)

    def to_the_right(self, ax, shift):
        """x and y: data, moved by so many points."""
        return ax.transData + ScaledTranslation(shift / 72, 0,
                                                self.figure.dpi_scale_trans)

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

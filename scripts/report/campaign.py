"""What a campaign measured: its models, levels and points, and what they are to each
other."""

import math
import statistics
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from . import experiment, metrics
from .point import Point
from .trial import METRICS
from .units import clean

DISTURBED = ("NOISY", "UNSTEADY")           # verdicts: by the machine
AXES = ("accepts", "unit", "readiness", "dispatch", "computes", "growth")
FEW = 12                                    # models that one figure shows side by side


class Pair(NamedTuple):
    """Two models whose rows differ in one axis, and what each has there."""
    a: str
    b: str
    axis: str
    of_a: str
    of_b: str


@dataclass
class Campaign:
    """A results folder, read."""
    manifest: dict
    trials: list
    notes: list                             # what the reader had to overlook, in words
    excluded: list = field(default_factory=list)    # trials that echo_compare repeated
    twins: list = field(default_factory=list)       # trials of a model's second name
    null_trials: list = field(default_factory=list)     # those of the client's ceiling
    closed: list = field(default_factory=list)  # trials of the baseline in a closed loop
    chances: dict = field(default_factory=dict, init=False)     # of families.py

    def about(self, *path):
        """The manifest's member at this path, or None."""
        value = self.manifest
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    @cached_property
    def model_rows(self):
        """{name: its row of the manifest}, in the manifest's order."""
        rows = self.about("models")
        rows = rows if isinstance(rows, list) else []
        return {clean(row["name"]): row for row in rows
                if isinstance(row, dict) and isinstance(row.get("name"), str)}

    @cached_property
    def models(self):
        """Those that were tried, in the order of the catalogue."""
        tried = dict.fromkeys(t.model for t in self.trials)
        return [m for m in self.model_rows if m in tried] + [
            m for m in tried if m not in self.model_rows]

    @cached_property
    def families(self):
        families = {t.model: t.text("family") for t in self.trials}
        for name, row in self.model_rows.items():
            families[name] = str(row.get("family") or families.get(name) or "")
        return {m: clean(f).replace("_", " ") for m, f in families.items()}

    @cached_property
    def datagrams(self):
        """Those that were asked in datagrams."""
        return {name for name, row in self.model_rows.items()
                if str(row.get("endpoint")).startswith(("udp://", "unixgram://"))}

    @cached_property
    def points(self):
        """{(model, level): Point}"""
        points = points_of(self.trials)
        for (name, at), twin in points_of(self.twins).items():
            original = points.get((self.twin_names[name], at))
            for point in points.values():
                if original and point.at == at:
                    point.twins = twin, original
        for point in points.values():
            point.campaign = self
            limit = self.ceiling.get(point.at)
            if limit and not limit.spread("offered") and self.is_limit_of(point):
                point.ceiling = limit.spread("rate").median     # of a closed loop
        return points

    @cached_property
    def claimed(self):
        """The points, and those that only claims are about: the baseline asked in a
        closed loop, NAME(closed), where all are asked in an open one."""
        closed = points_of(self.closed)
        for point in closed.values():
            point.campaign = self
        return {**self.points, **closed}

    def original_of(self, name):
        """The model that is asked in a closed loop under this name."""
        return clean(str(self.model_rows.get(name, {}).get("twin_of")))

    def is_limit_of(self, point):
        """A null responder of streams says nothing of datagrams; with a transport for
        each level it is of that level's."""
        return self.experiment.scale == "category" or not self.null_names or (
            (point.model in self.datagrams) == bool(self.null_names & self.datagrams))

    @cached_property
    def ceiling(self):
        """{level: Point} of the null responder: as much as the client can ask for."""
        calm = [t for t in self.null_trials if t.verdict not in DISTURBED]
        return {at: point for (_, at), point in points_of(calm).items()
                if point.by_round}

    @cached_property
    def null_names(self):
        """The null responder: no model, but what the client's ceiling is measured by."""
        return {name for name, row in self.model_rows.items()
                if row.get("role") == "ceiling"}

    @cached_property
    def twin_names(self):
        """{a second name: the model that it is} of an A/A pair."""
        return {name: clean(row["twin_of"]) for name, row in self.model_rows.items()
                if isinstance(row.get("twin_of"), str) and name not in self.closed_names}

    @cached_property
    def closed_names(self):
        return {name for name, row in self.model_rows.items()
                if row.get("role") == "closed"}

    @cached_property
    def levels(self):
        """Of what the campaign varies, ascending: numbers of clients, or those of its
        experiment."""
        return sorted({t.at for t in self.trials})

    @cached_property
    def experiment(self):
        return experiment.read(self.about("experiment"), METRICS)

    def slopes(self, model, metric):
        """{round: by how much the metric grows per connection}, a least-squares line over
        the levels of that round; empty where levels do not differ in connections."""
        found = {}
        for level in self.levels:
            point = self.points.get((model, level))
            for round_, trial in (point.by_round if point else {}).items():
                value = METRICS[metric](trial)
                if value is not None:
                    found.setdefault(round_, []).append((trial.connections, value))
        return {round_: statistics.linear_regression(*zip(*pairs)).slope
                for round_, pairs in found.items() if len({x for x, _ in pairs}) > 1}

    def level(self, at):
        """A level in words: "16 clients"."""
        return self.experiment.level(at)

    def at(self, level):
        """The points with figures at this level, in the models' order."""
        points = [self.points.get((m, level)) for m in self.models]
        return [p for p in points if p and p.by_round]

    @cached_property
    def top(self):
        """The greatest level at which models can be compared, or None; of levels that
        have no order, one that most models have."""
        if self.experiment.scale == "category":
            return self.common
        sizes = {level: len(self.at(level)) for level in self.levels}
        enough = min(2, max(sizes.values(), default=0))
        return max((c for c, n in sizes.items() if n >= enough > 0), default=None)

    @cached_property
    def common(self):
        """The greatest level that most models have figures for, or None."""
        sizes = {level: len(self.at(level)) for level in self.levels}
        most = max(sizes.values(), default=0)
        return max((c for c, n in sizes.items() if n == most > 0), default=None)

    @cached_property
    def chosen(self):
        """The models that figures show in colour at first: all where they are few, else
        the best of each family (in the headline figure) that serves everybody, the
        baseline, and servers that are not ours."""
        if len(self.models) <= FEW:
            return set(self.models)
        best = {}
        name = self.experiment.metric
        sign = -1 if metrics.of(name).more_is_better else 1
        for p in self.at(self.top):
            figure = p.spread(name)
            cost = (p.starved > 0, sign * figure.median if figure else math.inf)
            best.setdefault(self.families[p.model], []).append((cost, p.model))
        return {min(models)[1] for models in best.values()} | {self.baseline} | {
            m for m in self.models if self.families[m] == "external"}

    @cached_property
    def absent(self):
        """{name: why it could not run there}"""
        return {name: clean(row["unavailable_because"])
                for name, row in self.model_rows.items()
                if isinstance(row.get("unavailable_because"), str)}

    @cached_property
    def pairs(self):
        """The Pairs of the models that were tried, by axis, then as in the catalogue. Of
        many models that differ in the same axis alone, each is paired with the one before
        it, those that have the same there, and the baseline."""
        rows = [row for row in map(self.model_rows.get, self.models)
                if row and isinstance(row.get("axes"), dict)]
        found = []
        for i, row in enumerate(rows):
            pairs = [p for p in (one_axis_apart(a, row) for a in rows[:i]) if p]
            nearest = {pair.axis: pair.of_a for pair in pairs}      # the last one stays
            found += [pair for pair in pairs if pair.of_a == nearest[pair.axis]
                      or self.baseline in (pair.a, pair.b)]
        return sorted(found, key=lambda pair: (
            AXES.index(pair.axis), self.models.index(pair.a), self.models.index(pair.b)))

    @property
    def rounds(self):
        """The largest number of rounds that any point has."""
        return max((len(p.by_round) for p in self.points.values()), default=0)

    @property
    def floor_ns(self):
        """What one side of a loopback round trip pays at the very least, in ns."""
        value = self.about("floor", "half_round_trip_ns")
        good = isinstance(value, (int, float)) and not isinstance(value, bool)
        return value if good and value > 0 else None

    @cached_property
    def baseline(self):
        """The model that the others are divided by: the experiment's, else epoll_level,
        else the cheapest."""
        present = {p.model for p in self.at(self.top)}
        for model in (self.experiment.baseline, "epoll_level"):
            if model in present:
                return model
        priced = [p for p in self.at(self.top) if p.spread("cpu_ns")]
        serving = [p for p in priced if not p.starved] or priced
        best = min(serving, key=lambda p: p.spread("cpu_ns").median, default=None)
        return best and best.model


def points_of(trials):
    points = {}
    for trial in trials:
        key = trial.model, trial.at
        points.setdefault(key, Point(*key)).trials.append(trial)
    return points


def one_axis_apart(a, b):
    """The Pair of two rows of the manifest, or None."""
    of_a, of_b = a["axes"], b["axes"]
    differ = [axis for axis in AXES if of_a.get(axis) != of_b.get(axis)]
    if len(differ) != 1 or a.get("transports") != b.get("transports"):
        return None
    axis = differ[0]
    return Pair(clean(a["name"]), clean(b["name"]), axis, clean(of_a.get(axis)),
                clean(of_b.get(axis)))

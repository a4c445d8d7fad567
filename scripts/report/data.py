"""What a campaign measured: reads manifest.json and trials.jsonl, groups the trials.

The members are those of results/README.md; unknown ones are ignored and a null is
"no figure", here None. Times are in ns, memory in bytes, rates per second.
"""

import collections
import gzip
import json
import math
import statistics
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from . import experiment, inference, metrics
from .units import clean, plural

SCHEMA_VERSION = 1
UNMEASURED = ("FAILED", "CORRUPT")          # verdicts whose figures are null
DISTURBED = ("NOISY", "UNSTEADY")           # by the machine
NOBODY = "not one reply came inside the measured window"    # clients/judgement.hpp
AXES = ("accepts", "unit", "readiness", "dispatch", "computes", "growth")
FEW = 12                                    # models that one figure shows side by side
NEAR_CEILING = 0.85                         # of the client's: the client is the limit
SAMPLES_PER_TAIL = 3.68                     # p99 needs 368 samples, p99.9 needs 3 680


class BadInput(Exception):
    """The folder cannot be read; the message names file, line and remedy."""


class Spread(NamedTuple):
    """A median over rounds and the range (smallest, largest), or interval, around it."""
    median: float
    low: float
    high: float
    n: int


class Pair(NamedTuple):
    """Two models whose rows differ in one axis, and what each has there."""
    a: str
    b: str
    axis: str
    of_a: str
    of_b: str


class Ratio(NamedTuple):
    """A over B, computed round by round; a tie is a difference that is not shown.

    low and high: the 95 % interval of the median, and the range with less than 6 rounds.
    """
    median: float
    low: float
    high: float
    n: int
    tie: bool


@dataclass(frozen=True)
class Trial:
    """One fresh server under one load: a line of trials.jsonl."""
    raw: dict

    model = property(lambda self: self.raw["model"])
    clients = property(lambda self: self.raw["clients"])    # that are active
    round = property(lambda self: self.raw["round"])
    verdict = property(lambda self: self.raw["verdict"])

    @property
    def at(self):
        """Its level of what the campaign varies; folders without one vary clients."""
        at = self.number("at")
        return self.clients if at is None else experiment.whole(at)

    @property
    def connections(self):
        """All that the load held, those that were silent or bad included."""
        return self.number("connections") or self.clients

    @property
    def order(self):
        return self.number("order")

    @property
    def usable(self):
        return (self.verdict not in UNMEASURED
                and self.number("requests_per_second") is not None)

    def number(self, *path):
        """The finite number at this path of members, or None."""
        value = self.raw
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        return value if abs(value) < 1e300 else None

    def text(self, name):
        value = self.raw.get(name)
        return value if isinstance(value, str) else ""

    @property
    def warnings(self):
        value = self.raw.get("warnings")
        return [str(text) for text in value] if isinstance(value, list) else []

    @property
    def histogram(self):
        """The buckets [lower_ns, upper_ns, count]; those that are not are left out."""
        buckets = self.raw.get("histogram")
        return [b for b in buckets if is_bucket(b)] if isinstance(buckets, list) else []


def is_bucket(bucket):
    return (isinstance(bucket, list) and len(bucket) == 3
            and all(isinstance(x, (int, float)) for x in bucket) and bucket[2] > 0)


def sum_of(*numbers):
    return None if None in numbers else sum(numbers)


def quotient(a, b):
    return None if a is None or not b else a / b


def product(a, b):
    return None if None in (a, b) else a * b


def pss_added(trial):
    """PSS that the connections added, in bytes."""
    busy = trial.number("server", "pss_bytes")
    idle = trial.number("server", "pss_bytes_idle")
    return None if None in (busy, idle) else busy - idle


def starved_clients(trial):
    """None in an open loop: a client without a reply may have had no arrival."""
    return None if trial.number("offered_per_second") else trial.number("fairness",
                                                                        "starved")


METRICS = {
    "rate": lambda t: t.number("requests_per_second"),
    "cpu_ns": lambda t: t.number("server", "cpu_ns_per_request"),
    "p50_ns": lambda t: t.number("latency_ns", "p50"),
    "p90_ns": lambda t: t.number("latency_ns", "p90"),
    "p99_ns": lambda t: t.number("latency_ns", "p99"),
    "switches": lambda t: sum_of(
        t.number("server", "voluntary_switches_per_request"),
        t.number("server", "involuntary_switches_per_request")),
    "processes": lambda t: t.number("server", "processes"),
    "threads": lambda t: t.number("server", "threads"),
    "descriptors": lambda t: t.number("server", "descriptors"),
    "pss_bytes": lambda t: t.number("server", "pss_bytes"),
    "pss_added": pss_added,
    "pss_per_client": lambda t: quotient(pss_added(t), t.connections),
    "kernel_bytes": lambda t: t.number("server", "kernel_bytes"),
    "kernel_per_client": lambda t: quotient(t.number("server", "kernel_bytes"),
                                            t.connections),
    "connect_p50_ns": lambda t: t.number("connect_ns", "p50"),
    "connect_p99_ns": lambda t: t.number("connect_ns", "p99"),
    "cpu_ns_per_connection": lambda t: product(
        t.number("server", "cpu_ns_per_request"), t.number("requests_per_connection")),
    "offered": lambda t: t.number("offered_per_second"),
    "evenness": lambda t: quotient(t.number("fairness", "slowest_requests"),
                                   t.number("fairness", "fastest_requests")),
    "jain": lambda t: t.number("fairness", "jain"),
    "starved": starved_clients,
    "starvation_ns": lambda t: t.number("fairness", "longest_starvation_ns"),
}


@dataclass
class Point:
    """All trials of one model at one level of what the campaign varies."""
    model: str
    at: float
    trials: list = field(default_factory=list)
    twins: tuple = ()                       # of an A/A campaign: the two Points, if any
    ceiling: float | None = None            # requests/s of the null responder, closed loop
    campaign: object = field(default=None, repr=False, compare=False)   # whose it is

    @cached_property
    def by_round(self):
        """The usable trial of each round; of a repeated trial the last one counts."""
        return {t.round: t for t in self.trials if t.usable}

    @cached_property
    def unanswered(self):
        """The rounds in which nobody had an answer at all, so that there is no figure."""
        return {t.round for t in self.trials if t.verdict == "FAILED"
                and t.text("reason") == NOBODY} - self.by_round.keys()

    @property
    def answered_nobody(self):
        """It ran and left everybody without an answer, each time that is known of."""
        return bool(self.unanswered) and not self.by_round

    def values(self, metric):
        """{round: value} for the rounds that have one."""
        found = {r: METRICS[metric](t) for r, t in self.by_round.items()}
        return {r: value for r, value in found.items() if value is not None}

    def spread(self, metric):
        values = list(self.values(metric).values())
        if not values:
            return None
        return Spread(statistics.median(values), min(values), max(values), len(values))

    def interval(self, metric):
        """The median and its 95 % interval; of fewer than 6 rounds, their range."""
        return interval_of(list(self.values(metric).values()))

    @cached_property
    def merged(self):
        """One histogram of all rounds: the counts are added, nothing is averaged."""
        return merge(t.histogram for t in self.by_round.values())

    def percentile_ns(self, p):
        """Of the merged histogram; without one, the median of the rounds' figures."""
        if self.merged:
            return percentile(self.merged, p)
        spread = self.spread({0.5: "p50_ns", 0.99: "p99_ns"}[p])
        return spread and spread.median

    @cached_property
    def verdicts(self):
        return collections.Counter(t.verdict for t in self.trials)

    @cached_property
    def client_bound(self):
        """By its verdicts, or too near to what the client can ask for at all."""
        rate = self.spread("rate")
        return self.verdicts["CLIENT-BOUND"] > 0 or bool(
            rate and self.ceiling and rate.median > NEAR_CEILING * self.ceiling)

    @cached_property
    def clients(self):
        """The most that were active in any trial."""
        return max((t.clients for t in self.trials), default=0)

    @property
    def load(self):
        """What was asked of it, in words; "" where that is not recorded."""
        return next((clean(t.text("load")) for t in self.trials if t.text("load")), "")

    @property
    def starved(self):
        """The most clients left without a reply in any round."""
        spread = self.spread("starved")
        return int(spread.high) if spread else 0


def interval_of(values):
    """A Spread: the median and its 95 % interval; of fewer than 6 values their range."""
    if not values:
        return None
    low, high = inference.median_interval(values) or (min(values), max(values))
    return Spread(statistics.median(values), low, high, len(values))


def merge(histograms):
    """Adds the counts of equal buckets: [(lower_ns, upper_ns, count)], ascending."""
    counts = collections.Counter()
    for histogram in histograms:
        for lower, upper, count in histogram:
            counts[(lower, upper)] += count
    return [(low, high, n) for (low, high), n in sorted(counts.items())]


def percentile(histogram, p):
    """The upper end, in ns, of the bucket that holds the sample of rank ceil(p n).

    None when too few samples support it.
    """
    total = sum(count for _, _, count in histogram)
    if p > 0.5 and total * (1 - p) < SAMPLES_PER_TAIL - 1e-6:
        return None
    rank, seen = max(1, math.ceil(p * total - 1e-9)), 0
    for _, upper, count in histogram:
        seen += count
        if seen >= rank:
            return upper
    return None


def tie_factor(twins, metric):
    """How far from 1 the interval of a model's ratio to itself reaches (of fewer than 6
    rounds their range); 1 where that is not known."""
    found = ratios(*twins, metric) if twins else []
    if not found:
        return 1
    itself = interval_of(found)
    return max(itself.high, 1 / itself.low)


def compare(a, b, metric):
    """The metric of point a over that of point b, paired by round, or None.

    A tie: the interval includes 1, or the median is nearer to 1 than by a factor of 1.02
    or by that of the A/A pair at the same load.
    """
    found = ratios(a, b, metric)
    if not found:
        return None
    median, low, high, _ = interval_of(found)
    factor = max(1 + inference.TIE_BAND, tie_factor(a.twins, metric))
    tie = inference.is_tie(median, low, high, factor)
    return Ratio(median, low, high, len(found), tie)


def ratios(a, b, metric):
    """Of each round in which both have some of it."""
    return list(by_round(a.values(metric), b.values(metric)).values())


def by_round(some, others):
    """{round: ratio} of two {round: value}, where both have some."""
    return {r: some[r] / others[r] for r in some if some[r] > 0 and others.get(r, 0) > 0}


@dataclass
class Campaign:
    """A results folder, read."""
    manifest: dict
    trials: list
    notes: list                             # what the reader had to overlook, in words
    excluded: list = field(default_factory=list)    # trials that echo_compare repeated
    twins: list = field(default_factory=list)       # trials of a model's second name
    null_trials: list = field(default_factory=list)     # those of the client's ceiling
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
                if isinstance(row.get("twin_of"), str)}

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


def load(folder):
    """Reads a results folder; throws BadInput."""
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder; give a folder that echo_compare wrote")
    packed = folder / "trials.jsonl.gz"  # as a committed campaign may be kept
    return load_file(packed if packed.exists() else folder / "trials.jsonl")


def load_file(path):
    """Reads trials.jsonl[.gz], and manifest.json beside it; throws BadInput."""
    manifest = load_manifest(path.parent / "manifest.json")
    trials, notes = load_trials(path)
    excluded = [t for t in trials if t.text("excluded")]
    trials = [t for t in trials if not t.text("excluded")]
    repeated = len(trials) - len({(t.model, t.at, t.round) for t in trials})
    if repeated:
        notes.append(f"{plural(repeated, 'trial')} {'was' if repeated == 1 else 'were'} "
                     "repeated; the last usable one of each round counts.")
    campaign = Campaign(manifest, trials, notes, excluded)
    campaign.twins = [t for t in trials if t.model in campaign.twin_names]
    campaign.null_trials = [t for t in trials if t.model in campaign.null_names]
    campaign.trials = [t for t in trials if t.model not in campaign.twin_names
                       and t.model not in campaign.null_names]
    return campaign


def load_manifest(path):
    manifest = parse(read(path), path, 1)
    if not isinstance(manifest, dict):
        raise BadInput(f"{path}:1: not a JSON object; run echo_compare again")
    check_version(manifest, path, 1)
    return manifest


def load_trials(path):
    """The trials and notes; an unfinished last line is what a killed run leaves."""
    if not path.exists():
        return [], ["trials.jsonl does not exist: no trial was finished."]
    lines = read(path).split(b"\n")
    trials, notes = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            trials.append(check_trial(parse(line, path, number), path, number))
        except BadInput:
            if number < len(lines):
                raise
            notes.append(f"Line {number} of trials.jsonl is cut off, as a killed run "
                         "leaves it, and was ignored.")
    return trials, notes


def read(path):
    try:
        packed = path.suffix == ".gz"
        return gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}; a results folder holds manifest.json "
                       "and trials.jsonl, both readable") from error


def parse(text, path, line):
    def refuse(constant):
        raise BadInput(f"{path}:{line}: {constant} is not JSON; write null instead")
    try:
        return json.loads(text.decode("utf-8"), parse_constant=refuse)
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}:{line}: not UTF-8 at byte {error.start}; restore the "
                       "file or delete the line") from error
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}:{line + error.lineno - 1}: broken JSON at column "
                       f"{error.colno} ({error.msg}); restore the file or delete the "
                       "line") from error
    except RecursionError as error:
        raise BadInput(f"{path}:{line}: nested too deeply; restore the file") from error


def check_trial(raw, path, line):
    wanted = {"model": str, "clients": int, "round": int, "verdict": str}
    raw = raw if isinstance(raw, dict) else {}
    for name, kind in wanted.items():
        value = raw.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise BadInput(f"{path}:{line}: \"{name}\" is missing or not a "
                           f"{kind.__name__}; see results/README.md, then mend or delete "
                           "the line")
    if raw["clients"] < (0 if experiment.is_number(raw.get("at")) else 1):
        raise BadInput(f"{path}:{line}: \"clients\" is {raw['clients']}; at least 1 is "
                       "meant, mend or delete the line")
    check_version(raw, path, line)
    return Trial({**raw, "model": clean(raw["model"])})


def check_version(raw, path, line):
    version = raw.get("schema_version", SCHEMA_VERSION)
    if version != SCHEMA_VERSION:
        raise BadInput(f"{path}:{line}: schema_version is {version}, this report reads "
                       f"{SCHEMA_VERSION}; use the report.py that came with the run")

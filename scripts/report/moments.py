"""What happened inside the measured window, moment by moment: the `series` of a trial.

Members of the wrong kind are as if absent. A long window is told in fewer moments than it
has intervals: neighbours are joined.
"""

import collections
import math
from dataclasses import dataclass

from .campaign import FEW
from .experiment import is_number
from .point import SAMPLES_PER_TAIL, interval_of

MOMENTS, FEWER_MOMENTS = 60, 20             # at most; fewer where there are many models
STEPS = 4                                   # buckets per octave
PERCENTILES = {"p50_ns": 0.5, "p99_ns": 0.99}
SUMS = ("requests", "errors")
MEMBERS = (*SUMS, *PERCENTILES, "max_ns", "server_cores", "server_threads",
           "server_rss_bytes")


@dataclass
class Series:
    """Of one trial."""
    edges: list                             # s since the window's begin: one more than
    members: dict                           # {name: a number or None per interval}
    buckets: list                           # {k: replies that took 2^(k/4) ns or more}

    def __len__(self):
        return len(self.buckets)

    def seconds(self, i):
        return self.edges[i + 1] - self.edges[i]


@dataclass
class Window:
    """The rounds of a point, whose moments are the same."""
    edges: list
    rounds: list                            # of Series

    def __len__(self):
        return len(self.edges) - 1

    def values(self, name, i):
        """Those of the rounds at one moment; what is counted is per second."""
        pairs = [(s.members[name][i], s.seconds(i) if name in SUMS else 1)
                 for s in self.rounds]
        return [value / seconds for value, seconds in pairs if value is not None]

    def spreads(self, name):
        """A Spread for each moment, or None."""
        return [interval_of(self.values(name, i)) for i in range(len(self))]

    def replies(self, i):
        """{k: n} of a moment, all rounds added up."""
        return sum((s.buckets[i] for s in self.rounds), collections.Counter())


# -- reading ---------------------------------------------------------------------------

def of_trial(trial):
    """The Series, or None."""
    length = trial.number("series", "interval_seconds")
    if not length or length < 0:
        return None
    raw = trial.raw["series"]
    count = len(raw["requests"]) if isinstance(raw.get("requests"), list) else 0
    members = {name: numbers(raw.get(name), count) for name in MEMBERS}
    if not count or None in members["requests"]:
        return None
    rows = raw.get("buckets")
    if not isinstance(rows, list) or len(rows) != count:
        rows = [[]] * count
    return Series(edges_of(length, count, trial.number("seconds")), members,
                  [counts(row) for row in rows])


def edges_of(length, count, seconds):
    """The last interval ends with the window, if that is inside of it."""
    end = count * length
    if seconds is not None and end - length < seconds < end:
        end = seconds
    return [i * length for i in range(count)] + [end]


def numbers(value, count):
    if not isinstance(value, list) or len(value) != count:
        return [None] * count
    return [x if is_number(x) and x >= 0 else None for x in value]


def counts(row):
    """{k: n} of the pairs of an interval."""
    found = collections.Counter()
    for pair in row if isinstance(row, list) else ():
        if (isinstance(pair, list) and len(pair) == 2 and all(map(is_number, pair))
                and abs(pair[0]) < 400 and pair[1] > 0):
            found[int(pair[0])] += pair[1]
    return found


# -- fewer moments -----------------------------------------------------------------------

def windows(campaign, level):
    """{model: its Window at this level}, of those that have one."""
    most = MOMENTS if len(campaign.models) <= FEW else FEWER_MOMENTS
    found = {p.model: window(p, most) for p in campaign.at(level)}
    return {model: one for model, one in found.items() if one}


def window(point, most):
    """The Window of a point with at most so many moments, or None. Rounds whose intervals
    are of another length than the first one's are left out."""
    found = [s for s in map(of_trial, point.by_round.values()) if s]
    found = [s for s in found if math.isclose(s.edges[1], found[0].edges[1], rel_tol=0.01)
             or len(s) == len(found[0]) == 1]
    if not found:
        return None
    size = math.ceil(max(map(len, found)) / most)
    rounds = sorted((joined(s, size) for s in found), key=len)
    return Window(rounds[0].edges, rounds)


def joined(series, size):
    """The same in moments of so many intervals. A rest that is shorter than half of one
    belongs to the last."""
    count = len(series)
    starts = list(range(0, count, size))
    rest = series.edges[-1] - series.edges[starts[-1]]
    if len(starts) > 1 and rest < 0.5 * size * series.seconds(0):
        starts.pop()
    groups = [range(a, b) for a, b in zip(starts, [*starts[1:], count])]
    buckets = [sum((series.buckets[i] for i in group), collections.Counter())
               for group in groups]
    members = {name: [join(series, name, group, replies)
                      for group, replies in zip(groups, buckets)] for name in MEMBERS}
    edges = [series.edges[i] for i in starts] + [series.edges[-1]]
    return Series(edges, members, buckets)


def join(series, name, group, replies):
    """One number of several intervals: counts are added, a percentile is that of all the
    replies, cores are averaged, what is held is that at the end."""
    if name in PERCENTILES:
        longest = max(group, key=series.seconds)
        alone = series.seconds(longest) > 0.6 * sum(map(series.seconds, group))
        return series.members[name][longest] if alone else percentile(
            replies, PERCENTILES[name])
    known = [(series.members[name][i], series.seconds(i)) for i in group
             if series.members[name][i] is not None]
    if not known:
        return None
    values, total = [value for value, _ in known], sum(s for _, s in known)
    if name in SUMS:
        return sum(values)
    if name == "max_ns":
        return max(values)
    if name == "server_cores":
        return sum(value * seconds for value, seconds in known) / total
    return values[-1]


def percentile(replies, p):
    """Of {k: n}, in ns: its place between the bounds of the bucket that holds it, or None
    when too few replies support it."""
    total, seen = sum(replies.values()), 0
    if not total or p > 0.5 and total * (1 - p) < SAMPLES_PER_TAIL - 1e-6:
        return None
    for k, n in sorted(replies.items()):
        seen += n
        if seen >= p * total - 1e-9:
            share = 1 - (seen - p * total) / n
            return 2 ** ((k + min(1, max(0, share))) / STEPS)
    return None

"""How the clients share the server, and its threads and processes share the work."""

import math
import statistics
from typing import NamedTuple

from .experiment import is_number

KEPT = 64                                   # that a row lists at most, greatest first
WORKS = 0.01                                # of what the busiest one does: it works
UNLISTED = 0.05                             # a smaller part of all is noise of the clock


class Shares(NamedTuple):
    """Of a whole that threads or processes share, means of the rounds; greatest first."""
    parts: list                             # of those that a row lists
    rest: float                             # of those that it does not
    working: int                            # those that have some of it
    known: int                              # all that there are, as far as is known

    @property
    def equal(self):
        """What each of those that work had if all had the same."""
        return 1 / self.working

    @property
    def imbalance(self):
        return self.parts[0] * self.working


# -- clients -----------------------------------------------------------------------------

def of_clients(point):
    """What each client of each round got over an equal share of its round, ascending."""
    found = []
    for trial in point.by_round.values():
        counts = positive(trial.raw.get("fairness"), "requests_per_client")
        if len(counts) > 1 and sum(counts) > 0:
            found += [n * len(counts) / sum(counts) for n in counts]
    return sorted(found)


def without_reply(point):
    """The most clients of a round that got none."""
    return max((positive(t.raw.get("fairness"), "requests_per_client").count(0)
                for t in point.by_round.values()), default=0)


def quantile(values, p):
    """Of ascending values, the one of rank ceil(p n)."""
    return values[max(0, math.ceil(p * len(values) - 1e-9) - 1)]


# -- threads and processes ---------------------------------------------------------------

def of_threads(point):
    """CPU time by thread; None where that is not recorded."""
    return shares([(positive(t.raw.get("server"), "thread_cpu_seconds"),
                    t.number("server", "cpu_seconds") or 0,
                    t.number("server", "threads") or 0)
                   for t in point.by_round.values()])


def of_processes(point):
    """Connections by process; None where that is not recorded, or there is one."""
    return shares([(positive(t.raw.get("server"), "process_connections"), t.connections,
                    t.number("server", "processes") or 0)
                   for t in point.by_round.values()])


def shares(rounds):
    """The Shares of (numbers, what they are parts of, how many there are) of each round:
    the greatest of each round together, then the next ones."""
    rounds = [(sorted(parts, reverse=True), whole, known)
              for parts, whole, known in rounds if sum(parts) > 0]
    if not rounds:
        return None
    scaled = []
    for parts, whole, _ in rounds:
        whole = whole if whole * (1 - UNLISTED) > sum(parts) else sum(parts)
        scaled.append([part / whole for part in parts])
    length = max(map(len, scaled))
    means = [sum(parts[i] for parts in scaled if i < len(parts)) / len(scaled)
             for i in range(length)]
    working = statistics.median_high(
        sum(part >= WORKS * parts[0] for part in parts) for parts in scaled)
    known = max(int(number) if len(parts) >= KEPT else len(parts)
                for parts, _, number in rounds)
    return Shares(means, max(0.0, 1 - sum(means)), working, max(known, length))


def positive(member, name):
    """The numbers, none below 0, of a member's list; of anything else none."""
    value = member.get(name) if isinstance(member, dict) else None
    value = value if isinstance(value, list) else []
    return [x for x in value if is_number(x) and x >= 0]

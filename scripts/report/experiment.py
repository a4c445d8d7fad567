"""The experiment of a campaign: its question, what it varies, its levels and its claims.

A folder without one varies the number of clients, as `CLIENTS` does.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from .units import clean, listed, plain, plural

SCALES = ("log", "linear", "category")


class Claim(NamedTuple):
    """That `less` has less of a metric than `more`, or that both have about the same, and
    who said so."""
    text: str
    source: str
    metric: str                             # of trial.METRICS
    less: str
    more: str
    at: float | None                        # None: the greatest level that both have
    why_not: str
    within: float | None = None             # about the same: a ratio up to this factor


@dataclass(frozen=True)
class Experiment:
    name: str = ""                          # "": the folder has none
    preset: str = ""
    question: str = ""
    axis: str = "clients"                   # with its unit: "payload, B"
    scale: str = "log"
    metric: str = "cpu_ns"                  # the headline, of trial.METRICS
    baseline: str = ""
    names: dict = field(default_factory=dict)   # {at: "1000 idle connections"}
    claims: tuple = ()
    arrivals: dict = field(default_factory=dict)    # {at: "poisson, 4.17k requests/s"}
    rates: dict = field(default_factory=dict)       # {at: what is offered, requests/s}

    @property
    def title(self):
        return self.name.replace("_", " ")

    @property
    def of_clients(self):
        """Whether it varies the clients: words may speak of them."""
        return self.axis == "clients"

    def level(self, at):
        """A level in a sentence: "16 clients", "1000 idle connections"."""
        if at in self.names:
            return self.names[at]
        if self.of_clients:
            return plural(at, "client")
        name, _, unit = self.axis.rpartition(", ")
        return f"{name} {plain(at)} {unit}" if name else f"{plain(at)} {unit}"

    def tick(self, at):
        """A level where its axis is named already: 16."""
        return self.level(at) if self.scale == "category" else plain(at)

    def ticks(self, levels):
        """Several in a sentence: "1, 16 and 256 clients", "payload, B: 1 and 64"."""
        words = listed(map(self.tick, levels))
        if self.of_clients:
            return f"{words or 'no'} clients"
        return words if self.scale == "category" else f"{self.axis}: {words or 'none'}"


CLIENTS = Experiment()


def read(member, metrics):
    """The Experiment that a manifest has; members of the wrong kind are as if absent.
    metrics: the names that are known."""
    if not isinstance(member, dict):
        return CLIENTS
    metric = text(member, "metric")
    return Experiment(
        text(member, "name") or "unnamed", text(member, "preset"),
        text(member, "question"), text(member, "axis") or "level",
        text(member, "scale") if text(member, "scale") in SCALES else "linear",
        metric if metric in metrics else "cpu_ns", text(member, "baseline"),
        {whole(level["at"]): text(level, "name") for level in rows(member, "levels")
         if is_number(level.get("at")) and text(level, "name")},
        tuple(claim(row, metrics) for row in rows(member, "claims")
              if text(row, "less") and text(row, "more")),
        {whole(level["at"]): text(level, "arrivals") for level in rows(member, "levels")
         if is_number(level.get("at")) and text(level, "arrivals")},
        {whole(level["at"]): level["rate"] for level in rows(member, "levels")
         if is_number(level.get("at")) and is_number(level.get("rate"))})


def claim(row, metrics):
    metric, at, within = text(row, "metric"), row.get("at"), row.get("within")
    return Claim(text(row, "text"), text(row, "source"),
                 metric if metric in metrics else "cpu_ns", text(row, "less"),
                 text(row, "more"), whole(at) if is_number(at) else None, text(row, "why_not"),
                 within if is_number(within) and within > 1 else None)


def text(member, name):
    value = member.get(name)
    return clean(value) if isinstance(value, str) else ""


def rows(member, name):
    value = member.get(name)
    return [row for row in value if isinstance(row, dict)] \
        if isinstance(value, list) else []


def whole(at):
    """1000.0 is the level 1000."""
    return int(at) if at == int(at) else at


def is_number(value):
    """A finite one, as levels are."""
    return (isinstance(value, (int, float)) and not isinstance(value, bool)
            and abs(value) < 1e300)

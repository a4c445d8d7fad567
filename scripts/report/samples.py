"""Whether there are values enough for a percentile, and what is said where there are not."""

from . import inference
from .units import NONE

TOO_FEW = inference.TOO_FEW                 # "n too small"


def missing(point):
    """What stands in place of a percentile of the response that has none."""
    return TOO_FEW if any(map(replies, point.by_round.values())) else NONE


def missing_connect(point):
    """The same of the time to connect."""
    return TOO_FEW if any(trial.number("connect_ns", "n")
                          for trial in point.by_round.values()) else NONE


def replies(trial):
    """How many responses were counted."""
    counted = trial.number("latency_ns", "n")
    return sum(n for _, _, n in trial.histogram) if counted is None else counted

"""How a metric of trial.METRICS is called, printed and drawn, and which way is better."""

from collections.abc import Callable
from typing import NamedTuple

from .units import duration, memory, microseconds, sig, unbroken


class Metric(NamedTuple):
    noun: str                               # "server CPU per request"
    unit: str                               # of the axis
    scale: float                            # what one of these units is
    words: Callable                         # of a value, with its unit
    more_is_better: bool = False

    @property
    def label(self):
        """Of an axis: "server CPU per request, µs"."""
        return f"{self.noun}, {self.unit}" if self.unit else self.noun

    @property
    def best(self):
        return f"{'highest' if self.more_is_better else 'lowest'} {self.noun}"

    @property
    def worst(self):
        return f"{'lowest' if self.more_is_better else 'highest'} {self.noun}"


def cpu_time(ns):
    return unbroken(microseconds(ns), "µs")


def rate(per_second):
    return unbroken(sig(per_second), "requests/s")


KNOWN = {
    "cpu_ns": Metric("server CPU per request", "µs", 1e3, cpu_time),
    "cpu_ns_per_connection": Metric("server CPU per connection", "µs", 1e3, cpu_time),
    "rate": Metric("throughput", "thousand requests/s", 1e3, rate, True),
    "p50_ns": Metric("median response time", "µs", 1e3, duration),
    "p90_ns": Metric("90th percentile of the response time", "µs", 1e3, duration),
    "p99_ns": Metric("99th percentile of the response time", "µs", 1e3, duration),
    "p999_ns": Metric("99.9th percentile of the response time", "µs", 1e3, duration),
    "max_ns": Metric("longest response time", "µs", 1e3, duration),
    "connect_p50_ns": Metric("median time to connect", "µs", 1e3, duration),
    "connect_p99_ns": Metric("99th percentile of the time to connect", "µs", 1e3,
                             duration),
    "pss_per_client": Metric("memory per connection", "KiB", 1024, memory),
    "kernel_per_client": Metric("kernel memory per connection", "KiB", 1024, memory),
    "pss_bytes": Metric("memory", "MiB", 2 ** 20, memory),
    "switches": Metric("context switches per request", "", 1, sig),
    "evenness": Metric("slowest over fastest client", "", 1, sig, True),
    "jain": Metric("Jain's index", "", 1, sig, True),
}


def of(name):
    """The Metric of this name; one without a row here is called by its name."""
    return KNOWN.get(name) or Metric(name.replace("_", " "), "", 1, sig)

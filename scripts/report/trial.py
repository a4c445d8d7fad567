"""One fresh server under one load: a line of trials.jsonl, and the figures that are in it.

The members are those of results/README.md; unknown ones are ignored and a null is
"no figure", here None. Times are in ns, memory in bytes, rates per second.
"""

from dataclasses import dataclass

from . import experiment

UNMEASURED = ("FAILED", "CORRUPT")          # verdicts whose figures are null
NUMBER = (int, float)
NOBODY = "not one reply came inside the measured window"    # clients/judgement.hpp


@dataclass(frozen=True)
class Trial:
    """One fresh server under one load: a line of trials.jsonl."""
    raw: dict

    model = property(lambda self: self.raw["model"])
    clients = property(lambda self: self.raw["clients"])    # that are active
    round = property(lambda self: self.raw["round"])

    @property
    def verdict(self):
        return "FAILED" if self.deserted else self.raw["verdict"]

    @property
    def reason(self):
        return self.deserted or self.text("reason")

    @property
    def deserted(self):
        """Why it does not count, of a row of before echo_compare saw to it itself: the
        silent did not stay, so that the load was less than its level says. Else ""."""
        gone = self.number("company_failed")
        silent = self.raw["verdict"] not in UNMEASURED and " idle" in self.text("load")
        return f"{gone:.0f} of the silent connections were not held" if (
            silent and gone) else ""

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
    if not isinstance(bucket, list) or len(bucket) != 3:
        return False
    low, high, n = bucket                   # there are a million of them: no generator
    return (isinstance(low, NUMBER) and isinstance(high, NUMBER)
            and isinstance(n, NUMBER) and n > 0)


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
    "p999_ns": lambda t: t.number("latency_ns", "p999"),
    "max_ns": lambda t: t.number("latency_ns", "max"),
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
    "machine_cpu_ns": lambda t: t.number("machine", "cpu_ns_per_request"),
    "connections_per_second": lambda t: quotient(
        t.number("requests_per_second"), t.number("requests_per_connection")),
    "offered": lambda t: t.number("offered_per_second"),
    "evenness": lambda t: quotient(t.number("fairness", "slowest_requests"),
                                   t.number("fairness", "fastest_requests")),
    "jain": lambda t: t.number("fairness", "jain"),
    "starved": starved_clients,
    "starvation_ns": lambda t: t.number("fairness", "longest_starvation_ns"),
}

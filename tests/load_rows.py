"""What tests of echo_load's results share: running it, and rows that it could print."""

import json
import os
import pathlib
import re
import subprocess

BIN = pathlib.Path(os.environ.get("ECHOLAB_BIN", "build/release")).resolve()
PATIENCE = 60  # seconds that nothing here takes, but for a program that hangs
RANGE_END = 2 ** 37
ENOUGH = {"p50": 6, "p90": 36, "p99": 368, "p999": 3688}  # values that support them
PER_MILLE = {"p50": 500, "p90": 900, "p99": 990, "p999": 999}


def run(*arguments):
    return subprocess.run([BIN / "echo_load", *map(str, arguments)], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE)


def serve(test, model="epoll_level"):
    """The endpoint of a server that ends with the test."""
    at = "udp://127.0.0.1:0" if model.startswith("udp") else "tcp://127.0.0.1:0"
    server = subprocess.Popen([BIN / "echo_server", "--model", model, "--listen", at,
                               "--ready-fd", "1"], stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.DEVNULL)
    test.addCleanup(server.stdout.close)
    test.addCleanup(server.wait)
    test.addCleanup(server.terminate)
    return re.search(r"endpoint=(\S+)", server.stdout.readline()).group(1)


def bucket_of(value):
    """[lower, upper] of the bucket of a value: its 11 leading bits."""
    shift = max(0, value.bit_length() - 11)
    return value >> shift << shift, ((value >> shift) + 1 << shift) - 1


def ranked(buckets, overflow, greatest, rank):
    """The bound that so many of the values do not exceed, never more than the greatest."""
    for _, upper, count in [*buckets, (greatest, greatest, overflow)]:
        rank -= count
        if rank <= 0:
            return min(upper, greatest)
    raise AssertionError("fewer values than that")


def quantiles(latency, buckets, name):
    """What the quantile may be. Its rank, the share of n rounded up, is found with doubles,
    and may be one more than it is exactly."""
    rank = -(-PER_MILLE[name] * latency["n"] // 1000)
    return {ranked(buckets, latency["overflow"], latency["max"],
                   min(rank + more, latency["n"])) for more in (0, 1)}


def row_of(counts, seed=1, per_client=None, **plan):
    """The row of a load with such latencies: {ns: how many}."""
    buckets = {}
    for value, count in counts.items():
        if value < RANGE_END:
            buckets[bucket_of(value)] = buckets.get(bucket_of(value), 0) + count
    n = sum(counts.values())
    per_client = per_client or [n // 2, n - n // 2]
    return {
        "schema_version": 1, "started_unix_seconds": 1764075600.5, "partial": False,
        "verdict": "VALID", "reason": "", "seconds": 2.0, "requests": n,
        "requests_per_second": n / 2, "connected": len(per_client),
        "errors": dict.fromkeys(("connect", "timeout", "reset", "closed_early", "mismatch",
                                 "lost_replies"), 0),
        "latency_ns": {"n": n, "sum": sum(v * c for v, c in counts.items()),
                       "min": min(counts, default=0), "max": max(counts, default=0),
                       "overflow": sum(c for v, c in counts.items() if v >= RANGE_END)},
        "histogram": [[*bounds, buckets[bounds]] for bounds in sorted(buckets)],
        "fairness": {"requests_per_client": per_client},
        "client": {"cpu_cores_used": 0.25},
        "plan": {"server": "tcp://127.0.0.1:7007", "workload": "closed",
                 "connections": len(per_client), "threads": 1, "cpus": [],
                 "warm_up_seconds": 0.5, "duration_seconds": 2.0, "requests": 0,
                 "payload_bytes": 64, "pipeline": 1, "protocol": "echo", "work": None,
                 "http": None,
                 "timeout_seconds": 10.0, "datagram_timeout_seconds": 0.2,
                 "seed": seed} | plan}


def random_counts(random, distinct, most_bits=37, most_count=50):
    """All magnitudes alike often, as durations are."""
    counts = {}
    for _ in range(distinct):
        value = random.getrandbits(random.randint(1, most_bits))
        counts[value] = counts.get(value, 0) + random.randint(1, most_count)
    return counts


def put(path, row):
    path.write_text(json.dumps(row), encoding="utf-8")
    return path

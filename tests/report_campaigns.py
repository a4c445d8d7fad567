#!/usr/bin/python3
"""Campaigns whose truth is known, as echo_compare writes them, and the report of them.

    tests/report_campaigns.py --example FOLDER   writes a realistic results folder to look at
    tests/report_campaigns.py --catalogue FOLDER the same with a whole catalogue of models
"""

import base64
import gzip
import html
import json
import math
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
REPORT = HERE.parent / "scripts" / "report.py"
sys.path.insert(0, str(REPORT.parent))

from report.campaign import AXES  # noqa: E402

# -- campaigns with known truths -------------------------------------------------------

FIGURES = 17                                    # of a page that has all there are
WITH_WORKERS = ("fork_per_client", "thread_per_client", "thread_pool")
FAMILY = {"iterative": "sequential", "fork_per_client": "process",
          "thread_per_client": "thread", "thread_pool": "thread",
          "select_loop": "readiness", "epoll_level": "readiness"}


def manifest(models, clients, rounds, **changes):
    """The manifest of a finished run on one core each."""
    return {
        "schema_version": 1, "tool": "echo_compare", "version": "0.1.0",
        "started": "2026-11-20T21:45:03+00:00", "finished": "2026-11-20T21:47:44+00:00",
        "partial": False, "command_line": ["echo_compare", "--quick", "--seed", "7"],
        "options": {"models": models, "clients": clients, "rounds": rounds, "seed": 7,
                    "duration_seconds": 1.0, "warm_up_seconds": 0.3, "payload_bytes": 64,
                    "pipeline": 1, "endpoint": "tcp://127.0.0.1:0", "server_cpus": [0],
                    "client_cpus": [1], "load_threads": 1, "server_arguments": []},
        "build": {"type": "release", "compiler": "g++ 12.2.0", "flags": "-O2",
                  "commit": "abc123", "dirty": False},
        "environment": {
            "host": "vm", "kernel": "6.18.44", "os": "Debian GNU/Linux 12 (bookworm)",
            "cpu_model": "AMD EPYC", "cpus_online": 2, "cpus_allowed": [0, 1],
            "memory_bytes": 25000000000, "hypervisor": "kvm", "governor": None,
            "clock_source": "tsc", "load_average": [0.1, 0.2, 0.1],
            "mitigations": {"spectre_v2": "Mitigation: Retpolines"},
            "sysctl": {"net.core.somaxconn": "4096"}, "limits": {"nofile": 20000}},
        "models": [{"name": m, "family": FAMILY.get(m, "external"),
                    "shows": "how it waits",
                    "source": "UNP 30.2"} for m in models],
        "floor": {"round_trip_ns": 5200.0, "half_round_trip_ns": 2600.0, "samples": 5},
        "planned_trials": len(models) * len(clients) * rounds, **changes}


def trial(model, clients, round_, order, **given):
    """One line of trials.jsonl; given: cpu_ns, rate, p50_ns, verdict, starved, threads,
    processes, client_bytes, idle_bytes, switches, spread, requests."""
    cpu, rate = given.get("cpu_ns", 5000.0), given.get("rate", 100000.0)
    buckets = histogram(given.get("p50_ns", clients * 1e9 / rate), int(rate),
                        given.get("spread", 0.25), seed=hash_of(model, clients, round_))
    starved = given.get("starved", 0)
    served = max(1, clients - starved)
    each = int(rate / served)
    lowest = 0 if starved else int(each * given.get("evenness", 0.93))
    counts = [0] * starved + [each] * (served - 1) + [each]
    if not starved and served > 1:
        counts[0] = lowest
    jain = sum(counts) ** 2 / (len(counts) * sum(c * c for c in counts))
    idle = given.get("idle_bytes", 2500000)
    verdict = given.get("verdict", "VALID")
    return {
        "schema_version": 1, "model": model,
        "family": given.get("family", FAMILY.get(model, "external")), "clients": clients, "round": round_, "order": order,
        "ended": "2026-11-20T21:45:40+00:00", "verdict": verdict,
        "reason": given.get("reason", "" if verdict == "VALID" else
                            "the client used 97 % of its core"),
        "warnings": given.get("warnings", []), "seconds": 1.0003, "requests": int(rate),
        "requests_per_second": rate,
        "errors": {"connect": 0, "reset": 0, "closed_early": 0, "mismatch": 0,
                   "timeout": 0, "lost_replies": 0},
        "latency_ns": {"n": int(rate), "mean": 0.0, "min": buckets[0][0],
                       **{name: exact(buckets, p) for name, p in (
                           ("p50", .5), ("p90", .9), ("p99", .99), ("p999", .999))},
                       "max": buckets[-1][1]},
        "histogram": buckets,
        "fairness": {"jain": jain, "slowest_requests": lowest if clients > 1 else each,
                     "fastest_requests": each, "starved": starved,
                     "requests_per_client": counts},
        "server": {"cpu_ns_per_request": cpu, "cpu_seconds": cpu * rate / 1e9,
                   "cpu_cores_used": min(1, cpu * rate / 1e9),
                   "voluntary_switches_per_request": given.get("switches", 0.02),
                   "involuntary_switches_per_request": 0.001,
                   "processes": given.get("processes", 1),
                   "threads": given.get("threads", 1), "descriptors": clients + 6,
                   "pss_bytes": idle + clients * given.get("client_bytes", 1200),
                   "pss_bytes_idle": idle},
        "client": {"cpu_ns_per_request": 3500.1, "cpu_cores_used": 0.6, "threads": 1}}


INTERVALS, INTERVAL = 20, 0.05                  # of a window of one second


def watched(line, stall=(), threads=None, connections=None):
    """The line with what newer rows have: its window in intervals, even but for those in
    `stall`, in which no reply comes; CPU seconds of the threads and connections of the
    processes, if they are not alike."""
    seed, server = hash_of(line["model"], line["round"]), line["server"]
    waves = [1 + 0.04 * math.sin(seed + 2.3 * i) for i in range(INTERVALS)]
    weights = [0 if i in stall else wave for i, wave in enumerate(waves)]
    rows = shared_out(line["histogram"], [w / sum(weights) for w in weights])
    if stall:                                   # one in 50 of the next ones has waited
        waited = math.floor(4 * math.log2(len(stall) * INTERVAL * 1e9))
        after = rows[max(stall) + 1]
        after[waited] = sum(after.values()) // 50
    requests = [sum(row.values()) for row in rows]
    p50, p99 = line["latency_ns"]["p50"], line["latency_ns"]["p99"]
    line["series"] = {
        "interval_seconds": INTERVAL, "requests": requests, "errors": [0] * INTERVALS,
        "p50_ns": [int(p50 * w) if n else None for n, w in zip(requests, waves)],
        "p99_ns": [int(p99 * w) if n > 367 else None for n, w in zip(requests, waves)],
        "max_ns": [int(2 ** ((max(row) + 1) / 4)) if row else None for row in rows],
        "buckets": [[list(pair) for pair in sorted(row.items())] for row in rows],
        "server_cores": [round(server["cpu_cores_used"] * w, 4) for w in weights],
        "server_threads": [server["threads"]] * INTERVALS,
        "server_rss_bytes": [server["pss_bytes"] + 4096 * i for i in range(INTERVALS)]}
    if threads is None:
        parts = [1 / (1 + 0.02 * i) for i in range(min(64, server["threads"]))]
        threads = [round(server["cpu_seconds"] * part / sum(parts), 6) for part in parts]
    if connections is None and server["processes"] > 1:
        holders = server["processes"] - 1
        connections = [-(-line["clients"] // holders)] * min(64, holders)
    server.update(thread_cpu_seconds=threads, process_connections=connections)
    return line


def shared_out(buckets, shares):
    """[{quarter octave: replies}] for each share of all."""
    quarters = {}
    for lower, upper, n in buckets:
        k = math.floor(4 * math.log2((lower + upper) / 2))
        quarters[k] = quarters.get(k, 0) + n
    return [{k: round(n * share) for k, n in quarters.items() if round(n * share)}
            for share in shares]


def hash_of(*parts):
    return sum((i + 1) * ord(c) for i, c in enumerate(" ".join(map(str, parts))))


def failed(model, clients, round_, order, verdict="FAILED"):
    """A trial whose measured members are null."""
    line = trial(model, clients, round_, order, verdict=verdict,
                 reason="the server ended with signal 11")
    for name in ("seconds", "requests", "requests_per_second", "latency_ns", "histogram",
                 "fairness", "server", "client"):
        line[name] = None
    return line


def histogram(p50_ns, samples, spread, seed):
    """A log-normal body with a thin slow tail, in buckets 1.5 % wide."""
    chance, counts = random.Random(seed), {}
    draws = 3000
    for _ in range(draws):
        value = p50_ns * math.exp(chance.gauss(0, spread))
        if chance.random() < 0.004:
            value *= chance.uniform(3, 12)
        bucket = int(math.log(max(value, 2)) / math.log(1.015))
        counts[bucket] = counts.get(bucket, 0) + max(1, samples // draws)
    return [[int(1.015 ** b), int(1.015 ** (b + 1)), n]
            for b, n in sorted(counts.items())]


def exact(buckets, p):
    rank, seen = math.ceil(p * sum(n for _, _, n in buckets)), 0
    for _, upper, n in buckets:
        seen += n
        if seen >= rank:
            return upper
    return None


def write(folder, about, trials):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(about), "utf-8")
    (folder / "trials.jsonl").write_text("".join(json.dumps(t) + "\n" for t in trials),
                                         "utf-8")
    return folder


def campaign(folder, truths, clients=(1, 16), rounds=3, **changes):
    """truths: {model: what trial() is given, or a function of clients and round}."""
    clients, trials = list(clients), []
    for round_ in range(rounds):
        for level in clients:
            for model, given in truths.items():
                given = given(level, round_) if callable(given) else given
                trials.append(trial(model, level, round_, len(trials), **given))
    return write(folder, manifest(list(truths), clients, rounds, **changes), trials)


def realistic(folder, rounds=3):
    """Six models whose figures look like those of a machine with two cores."""
    chance = random.Random(7)
    shapes = {  # CPU ns at one client; its growth per client; bytes per client; switches
        "iterative": (3300, 0, 0, 0.01), "fork_per_client": (4300, 9, 176000, 1.0),
        "thread_per_client": (4200, 4.5, 21000, 1.0),
        "thread_pool": (4400, 1.0, 900, 1.2),
        "select_loop": (4900, 24, 300, 0.3), "epoll_level": (4600, -1.2, 420, 0.25)}
    trials, clients = [], [1, 16, 256]
    for round_ in range(rounds):
        block = [(m, c) for m in shapes for c in clients]
        chance.shuffle(block)
        for model, level in block:
            base, growth, size, switches = shapes[model]
            cpu = (base + growth * level) * chance.gauss(1, 0.015)
            limit = 1e9 / (3500 + 5200 / level)
            rate = min(1e9 / (cpu + 8000 / level), limit)
            starved = level - 1 if model == "iterative" else 0
            pool = model == "thread_pool" and level > 64
            starved = level - 64 if pool else starved
            bound = rate > 0.97 * limit
            trials.append(watched(trial(
                model, level, round_, len(trials), cpu_ns=cpu,
                rate=rate * chance.gauss(1, 0.012), starved=starved, client_bytes=size,
                switches=switches, verdict="CLIENT-BOUND" if bound else "VALID",
                p50_ns=max(1, level - starved) * 1e9 / rate,
                spread={"iterative": 0.08, "select_loop": 0.12}.get(model, 0.28),
                evenness=0.97 - 0.3 * ("per_client" in model),
                processes=level + 1 if model == "fork_per_client" else 1,
                threads={"thread_per_client": level + 1, "fork_per_client": level + 1,
                         "thread_pool": 65}.get(model, 1),
                warnings=["the client was disturbed"] * (chance.random() < .2))))
    return write(folder, manifest(list(shapes), clients, rounds), trials)


# A whole catalogue: name, family, axes; CPU in ns alone and in a crowd, and its growth per
# client; bytes per client; threads or processes ("+": and one per client).
CATALOGUE = """
iterative sequential one none blocking none loop none 26000 26000 0 0 1
fork_per_client process one process blocking none worker per_client 31000 6700 3.6 41000 1+
exec_per_client process one process blocking none worker per_client 33000 7100 4.4 150000 1+
prefork process each process blocking none worker fixed 27500 6300 0.2 300 64
prefork_file_lock process each process blocking turns worker fixed 28000 6350 0.3 300 64
prefork_mutex process each process blocking turns worker fixed 27800 6300 0.25 300 64
prefork_fd_passing process passed process blocking queue worker fixed 28500 6500 0.3 400 64
prefork_adaptive process each process blocking none worker adaptive 28700 6600 1.0 9000 64
thread_per_client thread one thread blocking none worker per_client 27000 5700 1.3 13000 1+
prethread thread each thread blocking turns worker fixed 27100 5750 0.1 200 64
thread_pool thread one thread blocking queue worker fixed 26800 5780 0.1 200 65
prefork_threads thread each thread blocking none worker fixed 27300 5900 0.1 250 64
busy_poll readiness one none busy none loop none 26100 2900 28 400 1
select_loop readiness one none select none loop none 29100 3700 -0.3 4000 1
poll_loop readiness one none poll none loop none 29000 3690 2.2 4000 1
signal_driven readiness one none signal none loop none 33000 6100 0.4 4100 1
epoll_level readiness one none epoll_level none loop none 30900 3800 -0.4 4100 1
epoll_edge readiness one none epoll_edge none loop none 30800 4100 -0.5 4100 1
epoll_sharded many_loops sharded thread epoll_level kernel_hash loop fixed 31000 3850 -0.4 4200 2
epoll_prefork many_loops each process epoll_level none loop fixed 31200 3900 -0.4 4400 2
acceptor_reactors many_loops passed thread epoll_level round_robin loop fixed 31400 3870 -0.4 4200 3
epoll_shared many_loops each thread epoll_oneshot queue worker fixed 32000 4900 0.3 4300 2
leader_followers many_loops each thread epoll_oneshot turns worker fixed 33500 6400 0.5 4300 2
half_sync_half_async staged one thread epoll_level queue stage fixed 37000 8100 0.2 4800 3
amped staged one process epoll_level queue stage fixed 39000 9000 0.3 5600 3
seda staged one thread epoll_level queue stage adaptive 43000 10400 0.3 6100 6
uring completion one none completion none loop none 29900 3500 -0.2 4200 1
uring_multishot completion one none completion none loop none 29500 3100 -0.3 1600 1
uring_sharded completion sharded thread completion kernel_hash loop fixed 29900 3400 -0.2 4400 2
coroutine user_level_threads one coroutine epoll_edge none loop none 30900 3950 -0.4 4600 1
fiber user_level_threads one fiber epoll_edge none loop per_client 31500 4300 0.1 21000 2
asio_loop libraries one none epoll_edge none loop none 31300 3950 -0.3 5200 1
libevent_loop libraries one none epoll_level none loop none 32500 5700 0.4 9300 1
libuv_loop libraries one none epoll_level none loop none 31800 4700 0.1 6100 1
udp_iterative datagram one none blocking none loop none 25000 3300 0 0 1
udp_batched datagram one none blocking none loop none 25500 2500 0 0 1
udp_per_request datagram one thread blocking none worker per_client 52000 31000 0 0 2
udp_sharded datagram sharded thread blocking kernel_hash loop fixed 25200 3300 0 0 2
"""


def catalogue(folder, clients=(1, 10, 100, 1000), rounds=3):
    """Every model of a whole catalogue, and one that could not run."""
    chance, trials, rows = random.Random(11), [], []
    for line in CATALOGUE.strip().split("\n"):
        name, family, *rest = line.split()
        rows.append((name, family, dict(zip(AXES, rest)), *map(float, rest[6:10]),
                     rest[10]))
    block = [(row, level) for row in rows for level in clients]
    for round_ in range(rounds):
        chance.shuffle(block)
        for (name, family, axes, alone, crowd, growth, size, tasks), level in block:
            cpu = crowd + growth * level + (alone - crowd) * math.exp(-(level - 1) / 3)
            cpu *= chance.gauss(1, 0.015)
            limit = 1e9 / (3400 + 60000 / level)
            rate = min(1e9 / (cpu + 8000 / level), limit)
            held = {"iterative": 1}.get(name, 64 if tasks in ("64", "65") else level)
            starved = max(0, level - held)
            bound = rate > 0.97 * limit
            tasks = int(tasks.rstrip("+")) + level * tasks.endswith("+")
            trials.append(watched(trial(
                name, level, round_, len(trials), cpu_ns=cpu,
                rate=rate * chance.gauss(1, 0.012), starved=starved, client_bytes=size,
                switches=1.0 if axes["readiness"] == "blocking" else 0.3,
                verdict="CLIENT-BOUND" if bound else "VALID",
                p50_ns=max(1, level - starved) * 1e9 / rate, evenness=0.9,
                processes=tasks if axes["unit"] == "process" else 1, threads=tasks,
                family=family)))
    about = manifest([row[0] for row in rows], list(clients), rounds)
    for row, (name, family, axes, *_) in zip(about["models"], rows):
        row.update(family=family, axes=axes, unavailable_because=None, transports=(
            "datagram" if family == "datagram" else "stream"))
    about["models"].append({**about["models"][-1], "name": "uring_of_tomorrow",
                            "unavailable_because": "needs Linux 9.1, this is 6.18"})
    return write(folder, about, trials)


HOSTILE = ("<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>",
           "\u202eخادم\u0000 عربي", "x" * 200, "a $\\frac{1}{2}$ & 'b' \"c\" {{ 7*7 }}")


def hostile(folder):
    """Every text that comes from users is an attack."""
    clients, rounds, trials = [1, 8], 2, []
    about = manifest(list(HOSTILE), clients, rounds)
    about["command_line"] = ["echo_compare", *HOSTILE]
    about["environment"]["host"] = HOSTILE[0]
    about["environment"]["sysctl"] = {HOSTILE[1]: HOSTILE[0]}
    about["environment"]["hypervisor"] = HOSTILE[1]
    for row in about["models"]:
        row.update(family=HOSTILE[0], shows=HOSTILE[1], source=HOSTILE[4])
    for round_ in range(rounds):
        for level in clients:
            for i, model in enumerate(HOSTILE):
                trials.append(watched(trial(
                    model, level, round_, len(trials), cpu_ns=3000 + 900 * i, threads=2,
                    verdict="CLIENT-BOUND", reason=HOSTILE[1],
                    warnings=[HOSTILE[0], HOSTILE[2]])))
    return write(folder, about, trials)


# -- running the report ----------------------------------------------------------------

def run(folder, *arguments):
    return subprocess.run(["/usr/bin/python3", REPORT, folder, *arguments],
                          capture_output=True, text=True, timeout=300, check=False)


def text_of(page, identity):
    """The words of the element with this id."""
    inside = re.search(rf'<(\w+) id="{identity}">(.*?)</\1>', page, re.S)[2]
    return html.unescape(re.sub(r"\s+", " ", re.sub("<[^>]+>", "", inside)))


def raw_of(page):
    """The data that are embedded in the page."""
    packed = re.search(r'id="raw">(.*?)</script>', page, re.S)[1]
    return json.loads(gzip.decompress(base64.b64decode(packed)))


class ReportTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name) / "results"

    def page(self, *arguments):
        """The page of self.folder, which must be written without a word on stderr."""
        done = run(self.folder, *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return (self.folder / "report.html").read_text("utf-8")

    def refused(self, code, *words):
        """The report ends with this code and one line that has these words."""
        done = run(self.folder)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--example"]:
        print(realistic(sys.argv[2]))
    elif sys.argv[1:2] == ["--catalogue"]:
        print(catalogue(sys.argv[2]))

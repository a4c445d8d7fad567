#!/usr/bin/python3
"""Promises of scripts/report.py, kept on campaigns whose truth is known.

    tests/report_test.py                    runs the tests
    tests/report_test.py --example FOLDER   writes a realistic results folder to look at
    tests/report_test.py --catalogue FOLDER the same with a whole catalogue of models
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

from report import data, marks, units  # noqa: E402

# -- campaigns with known truths -------------------------------------------------------

FIGURES = 16                                    # of a page that has all there are
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
        "started": "2026-11-20T21:45:40+00:00", "verdict": verdict,
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
    line["fairness"]["longest_starvation_ns"] = (
        10 ** 9 if line["fairness"]["starved"] else line["latency_ns"]["max"])
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
                 "fairness", "server", "client", "errors"):
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
        rows.append((name, family, dict(zip(data.AXES, rest)), *map(float, rest[6:10]),
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


class Words(ReportTest):
    def found(self, truths, **changes):
        campaign(self.folder, truths, **changes)
        page = self.page()
        return text_of(page, "findings"), text_of(page, "cautions")

    def test_a_factor_of_two_is_called_about_two(self):
        found, _ = self.found({
            "epoll_level": lambda c, r: {"cpu_ns": 3000 + 40 * r},
            "select_loop": lambda c, r: {"cpu_ns": 6000 + 80 * r}})
        self.assertIn("epoll_level used the least server CPU per request: 3.04 µs", found)
        self.assertIn("select_loop used about 2.00 times as much (2.00 to 2.00)", found)
        self.assertIn("1.17 times the loopback floor", found)

    def test_ratios_are_paired_by_round(self):
        found, _ = self.found({                 # the machine slows; the ratio does not
            "epoll_level": lambda c, r: {"cpu_ns": 2000 * (1 + r)},
            "select_loop": lambda c, r: {"cpu_ns": 3000 * (1 + r)}})
        self.assertIn("about 1.50 times as much (1.50 to 1.50)", found)

    def test_one_odd_round_of_nine_makes_no_tie_and_one_of_five_does(self):
        for rounds, tie in ((9, False), (5, True)):
            campaign(self.folder, {
                "epoll_level": {"cpu_ns": 5000},
                "poll_loop": lambda level, r: {"cpu_ns": 4000 if r == 2 else 6000 + 9 * r}},
                (16,), rounds)
            found = data.load(self.folder)
            a, b = (found.points[m, 16] for m in ("poll_loop", "epoll_level"))
            ratio = data.compare(a, b, "cpu_ns")
            self.assertEqual(ratio.tie, tie, ratio)
            self.assertEqual(ratio.low < 1, tie, ratio)

    def test_ties_are_called_ties(self):
        found, _ = self.found({
            "epoll_level": {"cpu_ns": 3000}, "poll_loop": {"cpu_ns": 3050},
            "select_loop": lambda c, r: {"cpu_ns": (2900, 3200, 3300)[r]},
            "thread_pool": {"cpu_ns": 3300}})
        self.assertIn("poll_loop and select_loop tie with it: no difference was shown",
                      found)
        self.assertIn("thread_pool used about 1.10 times", found)

    def test_client_bound_is_said_and_drawn_as_a_lower_bound(self):
        found, cautions = self.found({
            "epoll_level": {"cpu_ns": 3000, "verdict": "CLIENT-BOUND"},
            "select_loop": {"cpu_ns": 4000}})
        self.assertIn("client-bound for epoll_level (at 1 and 16)", cautions)
        self.assertNotIn("answered the most", found)
        page = (self.folder / "report.html").read_text("utf-8")
        self.assertIn("≥ 100", page)
        series = re.search(r'<g id="throughput-epoll_level".*?<g id="throughput-sel',
                           page, re.S)[0]
        self.assertIn('class="hollow"', series)
        self.assertIn('class="bound"', series)
        self.assertNotIn('class="median"', series)

    def test_waking_the_other_core_is_said_where_it_is_the_price(self):
        floor = 2600  # what campaign() writes as half a round trip, in ns
        dear = {"cpu_ns": 5 * floor}
        cheap = {"cpu_ns": 2 * floor}
        _, cautions = self.found({"epoll_level": dear, "select_loop": dear})
        self.assertIn("With 1 client every model pays at least 5", cautions)
        _, cautions = self.found({"epoll_level": dear, "select_loop": cheap})
        self.assertNotIn("With 1 client every model", cautions)

    def test_starved_is_said_and_not_ranked_first(self):
        found, _ = self.found({
            "iterative": lambda c, r: {"cpu_ns": 2000, "starved": c - 1},
            "epoll_level": {"cpu_ns": 3000}, "select_loop": {"cpu_ns": 4000}})
        self.assertIn("epoll_level used the least server CPU per request of the models "
                      "that served every client", found)
        self.assertIn("Clients were starved, left without any reply, by iterative up to "
                      "15 of 16", found)

    def test_a_workload_on_which_iterative_ties_does_not_discriminate(self):
        truths = {"iterative": {"cpu_ns": 3000}, "epoll_level": {"cpu_ns": 3000},
                  "thread_pool": {"cpu_ns": 3000}}
        self.assertIn("does not discriminate", self.found(truths)[0])
        truths["thread_pool"] = {"cpu_ns": 3300}
        self.assertNotIn("does not discriminate", self.found(truths)[0])

    def test_the_machine_is_part_of_the_caution(self):
        _, cautions = self.found({"epoll_level": {}, "select_loop": {}})
        for words in ("one core", "virtual machine (kvm)", "3 rounds are few",
                      "closed loop"):
            self.assertIn(words, cautions)

    def test_many_models_are_not_all_listed(self):
        found, _ = self.found({f"m{i}": {"cpu_ns": 3000 + 500 * i} for i in range(12)},
                              clients=[4], rounds=2)
        self.assertIn("6 more up to 2.83 times (m11)", found)


class Catalogue(ReportTest):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.whole = catalogue(pathlib.Path(temporary.name) / "results")
        done = run(cls.whole)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        cls.text = (cls.whole / "report.html").read_text("utf-8")

    def test_is_one_page_of_two_megabytes_at_most(self):
        self.assertLess(len(self.text.encode()), 2_000_000)

    def test_the_data_that_are_embedded_are_all_but_the_long_members(self):
        lines = [json.loads(line) for line in
                 (self.whole / "trials.jsonl").read_text("utf-8").splitlines()]
        embedded = raw_of(self.text)
        self.assertEqual(embedded["manifest"],
                         json.loads((self.whole / "manifest.json").read_text("utf-8")))
        for line in lines:
            del line["histogram"], line["series"], line["fairness"]["requests_per_client"]
            del line["server"]["thread_cpu_seconds"]
            del line["server"]["process_connections"]
        self.assertEqual(embedded["trials"], lines)

    def test_the_legend_has_each_family_with_its_models(self):
        legend = re.search(r'<details id="legend".*?</details>', self.text, re.S)[0]
        found = [(family, re.findall(r'data-model="(\w+)"', models)) for family, models in
                 re.findall(r'<span data-family="([\w ]+)">(.*?)</div>', legend, re.S)]
        wanted = {}
        for line in CATALOGUE.strip().split("\n"):
            name, family, *_ = line.split()
            wanted.setdefault(family.replace("_", " "), []).append(name)
        self.assertEqual(found, list(wanted.items()))

    def test_files_on_disk_are_as_clear_as_the_page(self):
        text = (self.whole / "figures" / "throughput.svg").read_text("utf-8")
        faint = re.search(r'<g id="throughput-seda".*?</g></g>', text, re.S)[0]
        self.assertIn(marks.FAINT, faint)
        self.assertNotIn(marks.mark("seda").light, text)
        self.assertIn(marks.mark("epoll_level").light, text)
        self.assertNotIn(">seda<", text)
        self.assertIn(">epoll_level<", text)

    def test_what_could_not_run_is_named_with_its_reason(self):
        self.assertIn("Not available there: uring_of_tomorrow (needs Linux 9.1, this is "
                      "6.18).", text_of(self.text, "cautions"))
        self.assertNotIn('data-model="uring_of_tomorrow"', self.text)

    def rows(self):
        """[axis, a, what it has, b, what it has, ratio at each load] of the pairs."""
        body = re.search(r'id="pairs-table".*?<tbody>(.*?)</tbody>', self.text, re.S)[1]
        return [[html.unescape(re.sub("<[^>]+>", "|", cell)).strip("|") for cell in
                 re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)]
                for row in re.findall(r"<tr.*?</tr>", body, re.S)]

    def test_pairs_differ_in_one_axis_and_name_it(self):
        of = {line.split()[0]: dict(zip(data.AXES, line.split()[2:]))
              for line in CATALOGUE.strip().split("\n")}
        rows = self.rows()
        self.assertTrue(20 < len(rows) < 80, len(rows))
        for axis, a, b, *_ in rows:
            (a, has_a), (b, has_b) = (re.split(r"\|+", cell) for cell in (a, b))
            self.assertEqual([x for x in data.AXES if of[a][x] != of[b][x]], [axis])
            self.assertEqual((has_a, has_b), (of[a][axis], of[b][axis]))
        named = {tuple(re.split(r"\|+", c)[0] for c in row[1:3]) for row in rows}
        for pair in (("fork_per_client", "thread_per_client"),
                     ("select_loop", "poll_loop"), ("select_loop", "epoll_level"),
                     ("epoll_level", "uring")):
            self.assertIn(pair, named)
        for a, b in named:              # not the same thing: one is no stream
            self.assertEqual(a.startswith("udp"), b.startswith("udp"))

    def test_pairs_have_the_ratio_of_each_load_and_none_where_clients_starve(self):
        for axis, a, b, *ratios in self.rows():
            self.assertEqual(len(ratios), 4)
            if a.startswith("epoll_level|") and b.startswith("uring|"):
                for ratio in ratios:
                    value, low, high = map(float, re.findall(r"\d\.\d+", ratio))
                    self.assertTrue(low <= value <= high and 1.0 < value < 1.15, ratio)
            if a.startswith("iterative|"):
                self.assertEqual([r for r in ratios if "starves" in r], ratios[1:])


class OddCampaigns(ReportTest):
    def test_a_folder_without_axes_has_no_pairs(self):
        campaign(self.folder, {"epoll_level": {}, "select_loop": {}})
        self.assertNotIn("One idea apart", self.page())

    def test_axes_of_the_wrong_kind_are_no_axes(self):
        about = manifest(["a", "b"], [1], 1)
        about["models"][0].update(axes=[1], unavailable_because=7)
        about["models"][1].update(axes={"unit": {"x": 1}})
        write(self.folder, about, [trial("a", 1, 0, 0), trial("b", 1, 0, 1)])
        self.assertNotIn("One idea apart", self.page())

    def test_a_reference_loses_nothing_but_the_fineness_of_histograms(self):
        fine = [[lower, lower + 15, 2] for lower in range(16384, 32768, 16)]
        trials = [{**trial(m, 4, 0, i), "histogram": fine} for i, m in enumerate("ab")]
        write(self.folder, manifest(["a", "b"], [4], 1), trials)
        references = self.folder / "reference"
        subprocess.run([REPORT.parent / "reference", self.folder, "--to", references],
                       check=True, capture_output=True, timeout=120)
        made = references / "catalogue"         # as of before there were experiments
        old, new = data.load(self.folder), data.load(made)
        self.assertEqual([len(t.raw["histogram"]) for t in new.trials], [128, 128])
        for a, b in zip(old.trials, new.trials, strict=True):
            count = [sum(n for _, _, n in t.raw["histogram"]) for t in (a, b)]
            self.assertEqual(*count)
            for low, high, _ in b.raw["histogram"]:
                self.assertLessEqual(high - low, low / 128)
            self.assertEqual({**a.raw, "histogram": 0}, {**b.raw, "histogram": 0})
        self.assertTrue((made / "report.html").is_file())
        self.assertFalse((made / "figures").exists(), "README shows none of them")
        self.assertIn("catalogue/report.html", (references / "index.html").read_text())

    def test_a_packed_campaign_gives_the_same_page(self):
        campaign(self.folder, {"epoll_level": {"cpu_ns": 3000},
                               "select_loop": {"cpu_ns": 4000}})
        page = self.page()
        plain = self.folder / "trials.jsonl"
        packed = self.folder / "trials.jsonl.gz"
        packed.write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
        self.assertEqual(self.page(), page)

    def test_empty_says_so(self):
        write(self.folder, manifest([], [], 0), [])
        self.assertIn("No trial was recorded", text_of(self.page(), "findings"))

    def test_one_model_one_load_one_round(self):
        campaign(self.folder, {"epoll_level": {}}, clients=[1], rounds=1)
        page = self.page()
        self.assertIn("nothing is compared", text_of(page, "findings"))
        self.assertIn("One round shows no spread", text_of(page, "cautions"))

    def test_partial_run_with_a_cut_last_line(self):
        campaign(self.folder, {"epoll_level": {}, "select_loop": {}}, finished=None,
                 partial=True)
        with open(self.folder / "trials.jsonl", "ab") as file:
            file.write('{"model": "é'.encode()[:-1])
        cautions = text_of(self.page(), "cautions")
        self.assertIn("partial run: 12 of 12", cautions)
        self.assertIn("Line 13 of trials.jsonl is cut off", cautions)

    def test_failed_trials_are_counted_and_shown_without_figures(self):
        lines = [trial("epoll_level", c, r, c + r) for c in (1, 16) for r in (0, 1)]
        lines += [failed("select_loop", 16, r, 30 + r) for r in (0, 1)]
        lines += [trial("select_loop", 1, 0, 40),
                  failed("select_loop", 1, 1, 41, "CORRUPT")]
        write(self.folder, manifest(["epoll_level", "select_loop"], [1, 16], 2), lines)
        page = self.page()
        self.assertIn("3 of 8 trials failed and count nowhere: select_loop (3)",
                      text_of(page, "cautions"))
        self.assertIn("FAILED: the server ended with signal 11", page)
        self.assertIn("At 1 client", text_of(page, "findings"))

    def test_all_failed(self):
        write(self.folder, manifest(["a"], [4], 1), [failed("a", 4, 0, 0)])
        self.assertIn("all of them failed", text_of(self.page(), "findings"))

    def test_without_floor_and_with_every_optional_member_missing(self):
        line = {"model": "a", "clients": 2, "round": 0, "verdict": "VALID",
                "requests_per_second": 10.5}
        write(self.folder, {"floor": None}, [line, {**line, "model": "b"}])
        self.assertIn("floor was not measured", text_of(self.page(), "cautions"))

    def test_members_of_the_wrong_kind_are_no_figure(self):
        line = trial("a", 2, 0, 0)
        line.update(server="x", latency_ns=[1], histogram=[[1, 2], "y", [1, 2, 0]],
                    fairness={"jain": "z", "starved": True}, warnings="no")
        write(self.folder, manifest(["a"], [2], 1), [line, {**line, "model": "b"}])
        self.page()

    def test_zero_requests_and_zero_clients_served(self):
        line = trial("a", 4, 0, 0)
        line.update(requests_per_second=0, histogram=[], latency_ns=None, fairness={
            "jain": 0, "slowest_requests": 0, "fastest_requests": 0, "starved": 4})
        line["server"].update(cpu_ns_per_request=None, pss_bytes=0)
        write(self.folder, manifest(["a"], [4], 1), [line])
        self.assertIn("up to 4 of 4", text_of(self.page(), "findings"))

    def test_the_work_that_was_asked_for_is_named_everywhere(self):
        campaign(self.folder, {"loop": {"rate": 480}, "pool": {"rate": 7000}})
        about = json.loads((self.folder / "manifest.json").read_text("utf-8"))
        about["options"].update(protocol="work", work={
            "compute_ns": 50_000, "block_ns": 2_000_000, "heavy_share": 0.01,
            "heavy_compute_ns": 1_000_000})
        (self.folder / "manifest.json").write_text(json.dumps(about), "utf-8")
        page = self.page()
        asked = "computes 50.0 µs, blocks 2.00 ms, 1.00 % compute 1.00 ms more"
        found = text_of(page, "findings")
        self.assertTrue(found.startswith(f"Each request {asked}"), found)
        self.assertLess(found.index("pool answered the most requests at 16 clients"),
                        found.index("server CPU per request:"))
        self.assertIn(f"16 clients, each request {asked}, payload",
                      page.replace("\u202f", " "))

    def test_datagrams_are_not_what_streams_are_measured_by(self):
        campaign(self.folder, {"udp": {"cpu_ns": 1000, "rate": 300000},
                               "tcp": {"cpu_ns": 3000, "rate": 90000},
                               "slow": {"cpu_ns": 9000, "rate": 30000}})
        about = json.loads((self.folder / "manifest.json").read_text("utf-8"))
        about["models"][0]["endpoint"] = "udp://127.0.0.1:0"
        (self.folder / "manifest.json").write_text(json.dumps(about), "utf-8")
        page = self.page()
        found = text_of(page, "findings")
        self.assertIn("tcp used the least server CPU per request", found)
        self.assertIn("tcp answered the most requests", found)
        self.assertNotIn("udp", found)
        self.assertIn("udp answers in datagrams", text_of(page, "cautions"))

    def test_a_repeated_trial_counts_once(self):
        lines = [trial("a", 1, 0, 0, cpu_ns=9000), trial("a", 1, 0, 1, cpu_ns=3000)]
        write(self.folder, manifest(["a"], [1], 1), lines)
        page = self.page()
        self.assertIn("3.00 µs", text_of(page, "findings"))
        self.assertIn("1 trial was repeated", text_of(page, "cautions"))

    def test_an_excluded_trial_is_in_no_figure_and_is_counted_in_words(self):
        lines = [trial("a", 1, 0, 0, cpu_ns=3000), trial("a", 1, 1, 1, cpu_ns=3000)]
        write(self.folder, manifest(["a"], [1], 2), lines)
        figures = data.load(self.folder).points["a", 1].spread("cpu_ns")
        self.assertNotIn("excluded", text_of(self.page(), "cautions"))
        for round_, verdict in ((0, "NOISY"), (1, "UNSTEADY"), (1, "NOISY")):
            lines.append(trial("a", 1, round_, len(lines), cpu_ns=9e9, verdict=verdict)
                         | {"excluded": f"repeated because {verdict}"})
        write(self.folder, manifest(["a"], [1], 2), lines)
        campaign_ = data.load(self.folder)
        self.assertEqual(campaign_.points["a", 1].spread("cpu_ns"), figures)
        self.assertEqual(len(campaign_.trials), 2)
        said = text_of(self.page(), "cautions")
        self.assertIn("3 trials are excluded and in no figure: 2 repeated because NOISY "
                      "and 1 repeated because UNSTEADY", said)
        self.assertNotIn("partial run", said)
        self.assertNotIn("disturbed by other work", said)

    def test_an_aa_pair_is_no_model_and_makes_ties(self):
        def ran(twin_ns):
            names = ["a", "b", "a(A/A)"]
            costs = {"a": [3000, 3000], "b": [3600, 3700], "a(A/A)": twin_ns}
            lines = [trial(name, 4, round_, 0, cpu_ns=costs[name][round_])
                     for round_ in (0, 1) for name in names]
            about = manifest(names, [4], 2)
            about["models"][2]["twin_of"] = "a"
            write(self.folder, about, lines)
            read = data.load(self.folder)
            self.assertEqual(read.models, ["a", "b"])
            self.assertEqual(set(read.points), {("a", 4), ("b", 4)})
            page = self.page()
            self.assertNotIn("partial run", text_of(page, "cautions"))
            self.assertNotIn("a(A/A)", text_of(page, "findings"))
            tie = data.compare(read.points["b", 4], read.points["a", 4], "cpu_ns").tie
            return tie, text_of(page, "cautions")

        tie, said = ran([3000, 3060])
        self.assertFalse(tie)
        self.assertIn("At 4 clients, a against itself (A/A) used 1.01 times the CPU per "
                      "request (1.00 to 1.02): differences up to 1.02 times are ties", said)
        for twin in ([3000, 3900], [2300, 3000]):
            tie, said = ran(twin)
            self.assertTrue(tie)
            self.assertIn("differences up to 1.30 times are ties", said)

    def test_a_company_that_did_not_stay_is_said(self):
        def page(ended):
            lines = [trial(m, 4, r, 0) | {"company_failed": n if m == "select_loop" else 0}
                     for m in ("epoll_level", "select_loop") for r, n in enumerate(ended)]
            write(self.folder, manifest(["epoll_level", "select_loop"], [4], 3), lines)
            return text_of(self.page(), "cautions")
        self.assertIn("not all of the other connections stayed with select_loop "
                      "(41 ended)", page([40, 41, 50]))
        self.assertNotIn("other connections", page([0, 0, 50]))

    def test_warnings_that_differ_in_numbers_are_one(self):
        lines = [trial("a", 1, r, r, warnings=[f"a stall of {r + 1.5} ms"])
                 for r in range(3)]
        write(self.folder, manifest(["a"], [1], 3), lines)
        said = text_of(self.page(), "warnings")
        self.assertRegex(said, r"3a stall of 1\.5 ms \(and 2 more with other numbers\)")

    def test_what_was_excluded_does_not_stand_in_for_its_repeat(self):
        lines = [trial("a", 1, 0, 0), trial("a", 1, 1, 1, verdict="NOISY")
                 | {"excluded": "repeated because NOISY"}]
        write(self.folder, manifest(["a"], [1], 2), lines)
        self.assertEqual(list(data.load(self.folder).points["a", 1].by_round), [0])
        self.assertIn("partial run: 1 of 2", text_of(self.page(), "cautions"))

    def test_forty_models_twelve_levels_ten_rounds(self):
        names = [*marks.PLACES, "my_server", "reference"]
        truths = {m: {"cpu_ns": 3000 + 77 * i, "rate": 90000 - 900 * i}
                  for i, m in enumerate(names)}
        campaign(self.folder, truths, clients=[2 ** i for i in range(12)], rounds=10)
        self.assertLess(len(self.page("--quiet").encode()), 12_000_000)


class BadInput(ReportTest):
    def test_missing_folder(self):
        self.refused(2, "no such folder")

    def test_missing_manifest(self):
        self.folder.mkdir()
        self.refused(2, "manifest.json", "No such file")

    def test_broken_line_is_named(self):
        campaign(self.folder, {"a": {}}, clients=[1], rounds=1)
        path = self.folder / "trials.jsonl"
        path.write_text('{"model": 1,,}\n' + path.read_text("utf-8"), "utf-8")
        self.refused(2, "trials.jsonl:1: broken JSON at column 13", "delete the line")

    def test_broken_manifest_nan_missing_member_and_newer_schema(self):
        campaign(self.folder, {"a": {}}, clients=[1], rounds=1)
        good = (self.folder / "trials.jsonl").read_text("utf-8")
        for line, word in (('{"x": NaN}', "NaN"), ('{"model": "a"}', '"clients"'), ("[1]",
                           '"model"'), (good.replace('"schema_version": 1',
                                                     '"schema_version": 2'), "is 2"),
                           (good.replace('"clients": 1,', '"clients": 0,'), "at least")):
            (self.folder / "trials.jsonl").write_text(line.strip() + "\n", "utf-8")
            self.refused(2, "trials.jsonl:1", word)
        (self.folder / "manifest.json").write_text('{\n"a":\n}', "utf-8")
        self.refused(2, "manifest.json:3: broken JSON")

    def test_wrong_usage(self):
        self.assertEqual(run(self.folder, "--colour").returncode, 2)

    def test_unwritable_output(self):
        campaign(self.folder, {"a": {}}, clients=[1], rounds=1)
        done = run(self.folder, "--output", self.folder / "no" / "page.html")
        self.assertEqual(done.returncode, 1)
        self.assertIn("--output", done.stderr)


class Page(ReportTest):
    def test_hostile_text_stays_text(self):
        hostile(self.folder)
        page_text = self.page()
        self.assertNotIn("<img", page_text)
        self.assertNotRegex(page_text, r"<script>alert")
        self.assertEqual(page_text.count("</script>"), 2)
        for mark in "\u202e\0":
            self.assertNotIn(mark, page_text)
        self.assertIn("{{ 7*7 }}", page_text)
        self.assertIn(HOSTILE[0], [t["model"] for t in raw_of(page_text)["trials"]])

    def test_same_input_same_bytes(self):
        realistic(self.folder, rounds=2)
        self.page()
        before = {p: p.read_bytes() for p in self.folder.rglob("*") if p.is_file()}
        self.assertEqual(len(before), 2 + 1 + 2 * FIGURES)
        self.page()
        self.assertEqual(before, {p: p.read_bytes() for p in before})

    def test_self_contained(self):
        realistic(self.folder)
        page = self.page()
        markup = re.sub(r' xmlns(:\w+)?="[^"]*"', "", page)
        self.assertNotRegex(markup, r"(?i)https?://|@import")
        self.assertEqual(markup.count("<link"), 1)
        for value in re.findall(r'(?:src|href|action|data)="([^"]*)"', markup):
            self.assertTrue(value.startswith(("#", "data:")), value)
        for value in re.findall(r"url\(([^)]*)\)", markup):
            self.assertTrue(value.startswith("#"), value)
        self.assertIn("default-src 'none'; style-src 'unsafe-inline'", page)
        self.assertLess(len(page.encode()), 2_000_000)

    def test_ids_are_unique_and_references_resolve(self):
        realistic(self.folder)
        page = self.page()
        ids = re.findall(r'[<\s]id="([^"]*)"', page)
        self.assertEqual(len(ids), len(set(ids)))
        wanted = re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', page)
        self.assertLessEqual({a or b for a, b in wanted}, set(ids))

    def test_every_figure_has_a_group_per_model_and_a_table(self):
        realistic(self.folder)
        page = self.page()
        figures = re.findall(r'<figure id="fig-(\w+)".*?</figure>', page, re.S)
        self.assertEqual(len(figures), FIGURES)
        for name in figures:
            for model in FAMILY if name != "work_shares" else WITH_WORKERS:
                self.assertIn(f'id="{name}-{model}"', page)
            self.assertIn(f"(results/reading.md#{name.replace('_', '-')})", page)
            png = self.folder / "figures" / f"{name}.png"
            self.assertGreater(png.stat().st_size, 5000)
        self.assertEqual(page.count("<summary>The same as a table</summary>"), FIGURES)

    def test_output_elsewhere(self):
        campaign(self.folder, {"a": {}}, clients=[1], rounds=1)
        done = run(self.folder, "--output", self.folder / "else.html")
        self.assertEqual(done.stdout.strip(), str(self.folder / "else.html"))
        self.assertFalse((self.folder / "report.html").exists())


class Numbers(unittest.TestCase):
    def test_merged_percentiles_equal_brute_force(self):
        chance = random.Random(3)
        for _ in range(50):
            rounds, everything = [], []
            for _ in range(chance.randint(1, 5)):
                values = [int(chance.lognormvariate(8, 1)) // 16 for _ in range(500)]
                counts = {v: values.count(v) for v in values}
                rounds.append([[16 * v, 16 * v + 16, n]
                               for v, n in sorted(counts.items())])
                everything += values
            everything.sort()
            merged = data.merge(rounds)
            for p in (0.5, 0.9, 0.99):
                brute = everything[math.ceil(p * len(everything) - 1e-9) - 1]
                self.assertEqual(data.percentile(merged, p), 16 * brute + 16)

    def test_unsupported_percentiles_are_not_given(self):
        self.assertIsNone(data.percentile([(1, 2, 367)], 0.99))
        self.assertEqual(data.percentile([(1, 2, 368)], 0.99), 2)
        self.assertIsNone(data.percentile([(1, 2, 3000)], 0.999))

    def test_three_significant_digits(self):
        for value, text in ((0, "0"), (3.1, "3.10"), (9.996, "10.0"), (99.96, "100"),
                            (123421, "123\u202f000"), (0.00123, "0.00123"),
                            (-2.5, "−2.50"), (999.6, "1\u202f000"), (None, "–")):
            self.assertEqual(units.sig(value), text)
        self.assertEqual(units.duration(999.9), "1.00\u202fµs")
        self.assertEqual(units.memory(1536), "1.50\u202fKiB")

    def test_every_mark_is_its_own_and_has_contrast(self):
        seen = {marks.mark(name) for name in marks.PLACES}
        self.assertEqual(len(seen), len(marks.PLACES))
        without_colour = {(mark.marker, mark.dash) for mark in seen}
        self.assertEqual(len(without_colour), len(marks.PLACES))
        for name in [*marks.PLACES, *map(str, range(200))]:
            mark = marks.mark(name)
            self.assertGreater(marks.contrast(mark.light, marks.PAPER["light"]), 3, name)
            self.assertGreater(marks.contrast(mark.dark, marks.PAPER["dark"]), 3, name)

    def test_marks_do_not_depend_on_who_else_is_there(self):
        self.assertEqual(marks.mark("epoll_level"),
                         marks.Mark(*FIXED["epoll_level"]))

    def test_text_has_contrast_in_both_themes(self):
        page = {v.name: v for v in marks.PAGE}
        for name in ("ink", "muted", "accent", "warn"):
            for paper in ("paper", "desk", "soft"):
                for theme in ("light", "dark"):
                    ratio = marks.contrast(getattr(page[name], theme),
                                           getattr(page[paper], theme))
                    self.assertGreater(ratio, 4.5, (name, paper, theme))


FIXED = {"epoll_level": ("#0a654c", "#42b992", "o", (9, 2))}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--example"]:
        print(realistic(sys.argv[2]))
    elif sys.argv[1:2] == ["--catalogue"]:
        print(catalogue(sys.argv[2]))
    else:
        unittest.main()

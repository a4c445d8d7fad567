"""One campaign for other people's tools: CSV, Markdown, and Google Benchmark's JSON.

Ratios are those to the baseline at the same level (number of clients, or what the
experiment varies), paired by round; all models there are one family (see families.py).
"""

import json
import statistics

from . import families, inference
from .tabular import as_csv, as_markdown, cell
from .trial import quotient
from .units import NONE, count, duration, plural, sig

METRICS = {  # trial.METRICS: as exported, with its unit
    "rate": "requests_per_second", "p50_ns": "latency_p50_ns", "p90_ns": "latency_p90_ns",
    "p99_ns": "latency_p99_ns", "p999_ns": "latency_p999_ns", "max_ns": "latency_max_ns",
    "cpu_ns": "server_cpu_ns_per_request", "switches": "switches_per_request",
    "pss_per_client": "server_pss_bytes_per_client", "jain": "fairness_jain",
    "starved": "clients_starved", "processes": "server_processes",
    "threads": "server_threads", "kernel_per_client": "kernel_bytes_per_connection",
    "connect_p50_ns": "connect_p50_ns", "connect_p99_ns": "connect_p99_ns",
    "cpu_ns_per_connection": "server_cpu_ns_per_connection",
    "offered": "offered_per_second"}
COMPARED = ("rate", "p99_ns", "cpu_ns")
MEMBERS = ("experiment", "at", "clients", "model", "family", "metric", "rounds", "median", "low_95",
           "high_95", "is_bound", "baseline", "ratio", "ratio_low_95", "ratio_high_95",
           "p_corrected", "verdict")


def csv(campaign):
    """A line for each level, model and metric. Throughput of a point where the client
    was the limit is a bound, and has no ratio."""
    lines = []
    compared_too = {*COMPARED, campaign.experiment.metric}
    for level in campaign.levels:
        for metric, member in METRICS.items():
            verdicts = (families.of_level(campaign, level, metric)
                        if metric in compared_too else {})
            for point in campaign.at(level):
                values = list(point.values(metric).values())
                if values:
                    low, high = inference.median_interval(values) or (None, None)
                    lines.append([
                        campaign.experiment.name, level, point.clients, point.model,
                        campaign.families[point.model], member, len(values),
                        statistics.median(values), low, high,
                        int(metric == "rate" and point.client_bound),
                        *compared(campaign.baseline, verdicts.get(point.model))])
    return as_csv(MEMBERS, lines)


def compared(baseline, verdict):
    if verdict is None:
        return [None] * 6
    e = verdict.evidence
    return [baseline, e.ratio, e.low, e.high, verdict.p, verdict.word]


def markdown(campaign):
    """A table for each level, cheapest model first."""
    parts = []
    for level in campaign.levels:
        verdicts = families.of_level(campaign, level, "cpu_ns")
        points = sorted(campaign.at(level), key=lambda p: (
            getattr(p.spread("cpu_ns"), "median", float("inf")), p.model))
        rows = [markdown_row(campaign, p, verdicts.get(p.model)) for p in points]
        headers = ("model", "server CPU/request", f"× {campaign.baseline or 'baseline'}",
                   "95 % interval", "verdict", "requests/s", "p99", "starved")
        parts += [f"### {cell(campaign.level(level))}\n",
                  as_markdown(headers, rows, (0, 4)), all_together(campaign, points)]
    return "\n".join(parts)


def markdown_row(campaign, point, verdict):
    cpu, rate = point.spread("cpu_ns"), point.spread("rate")
    e = verdict and verdict.evidence
    interval = f"{e.low:.3f} – {e.high:.3f}" if e and e.low is not None else NONE
    word = "baseline" if point.model == campaign.baseline else NONE
    return (point.model, duration(cpu and cpu.median), sig(e and e.ratio), interval,
            verdict.word if verdict else word,
            ("≥ " if point.client_bound else "") + sig(rate and rate.median),
            duration(point.percentile_ns(0.99)), count(point.starved))


def all_together(campaign, points):
    """What the table's figures are, and Friedman's test over all of its models."""
    found = families.friedman(points, "cpu_ns")
    friedman = "" if found is None else (
        f" Friedman's test of server CPU over {found.models} models: p = {found.p:.2g}.")
    needed = inference.rounds_needed(max(1, len(points) - 1))
    few = "" if campaign.rounds >= needed else (
        f" So many models need {needed} rounds before one of them can be told apart.")
    return (f"Medians of {plural(campaign.rounds, 'round')}; ratios within a round, "
            "Holm's correction over the table; ≥: the client was the limit."
            f"{friedman}{few}\n")


# -- Google Benchmark --------------------------------------------------------------------

def google_benchmark(campaign):
    """What `--benchmark_format=json` writes, a repetition per round.

    server_cpu/MODEL/LEVEL is server CPU time per request, request/MODEL/LEVEL wall time
    per request, left out where the client was the limit: there it says nothing of
    the server.
    """
    runs = []
    for level in campaign.levels:
        for point in campaign.at(level):
            runs.append(repetitions(f"server_cpu/{point.model}/{level}", point, cpu_ns))
            if not point.client_bound:
                name = f"request/{point.model}/{level}"
                runs.append(repetitions(name, point, wall_ns))
    runs = [run for run in runs if run]
    for family, run in enumerate(runs):
        for repetition in run:
            repetition["family_index"] = family
    return json.dumps({"context": benchmark_context(campaign),
                       "benchmarks": [line for run in runs for line in run]},
                      indent=2, ensure_ascii=False) + "\n"


def cpu_ns(trial):
    return trial.number("server", "cpu_ns_per_request")


def wall_ns(trial):
    return quotient(1e9, trial.number("requests_per_second"))


def repetitions(name, point, time_ns):
    trials = [t for _, t in sorted(point.by_round.items())
              if time_ns(t) is not None and cpu_ns(t) is not None]
    return [{
        "name": name, "family_index": 0, "per_family_instance_index": 0, "run_name": name,
        "run_type": "iteration", "repetitions": len(trials), "repetition_index": i,
        "threads": 1, "iterations": int(t.number("requests") or 0),
        "real_time": time_ns(t), "cpu_time": cpu_ns(t), "time_unit": "ns",
        "items_per_second": t.number("requests_per_second"),
        **{f"{member}_ns": value for member in ("p50", "p99")
           if (value := t.number("latency_ns", member)) is not None},
    } for i, t in enumerate(trials)]


def benchmark_context(campaign):
    kind = campaign.about("build", "type")
    return {
        "date": campaign.about("started") or "",
        "host_name": campaign.about("environment", "host") or "",
        "executable": " ".join(map(str, campaign.about("command_line") or [])),
        "num_cpus": campaign.about("environment", "cpus_online") or 0,
        "mhz_per_cpu": 0, "cpu_scaling_enabled": False, "caches": [],
        "load_avg": campaign.about("environment", "load_average") or [],
        "library_build_type": "release" if kind == "release" else "debug",
    }

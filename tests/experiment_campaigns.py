#!/usr/bin/python3
"""Campaigns of every experiment whose truth is known, as echo_compare writes them.

    tests/experiment_campaigns.py FOLDER [NAME ...]    writes FOLDER/NAME for each
"""

import pathlib
import random
import sys
from typing import NamedTuple

import report_campaigns
from report.campaign import AXES

ROUNDS = 8
CEILING = 300_000.0                         # requests/s that the client can ask for


class Model(NamedTuple):
    """CPU in ns per request, and what is added per watched connection; memory per
    connection in bytes; CPU to accept one; how many clients it can hold."""
    cpu_ns: float
    growth_ns: float
    bytes_each: int
    accept_ns: float
    holds: int


ANY = 10 ** 9
MODELS = {
    "iterative": Model(3300, 0, 0, 9000, 1),
    "fork_per_client": Model(4700, .9, 176_000, 95_000, ANY),
    "thread_per_client": Model(4400, .45, 21_000, 31_000, ANY),
    "thread_pool": Model(4400, .1, 900, 12_000, 64),
    "select_loop": Model(4900, 14, 300, 11_500, 1000),
    "poll_loop": Model(4800, 18, 320, 11_500, ANY),
    "epoll_level": Model(4600, 0, 420, 12_500, ANY),
    "uring": Model(4000, 0, 600, 11_000, ANY)}


class Plan(NamedTuple):
    """An experiment, and figures(model, Model, level): what trial() is given and the new
    members, for one model at one level."""
    question: str
    axis: str
    scale: str
    metric: str
    levels: dict                            # {at: name}
    figures: object
    claims: tuple = ()


def claim(text, source, less, more, metric="cpu_ns", at=None):
    return {"text": text, "source": source, "metric": metric, "less": less, "more": more,
            "at": at, "why_not": "today's kernel wakes one waiter, not all of them"}


# -- the laws --------------------------------------------------------------------------

def closed(model, cpu_ns, active, **given):
    """One core's worth of a closed loop."""
    served = min(active, model.holds)
    rate = min(1e9 / (cpu_ns + 3000 / served), .97 * CEILING)
    return {"cpu_ns": cpu_ns, "rate": rate, "clients": active, "connections": active,
            "load": f"{active} active", "starved": active - served,
            "p50_ns": served * 1e9 / rate, "idle_bytes": 2_500_000,
            "client_bytes": model.bytes_each,
            "verdict": "CLIENT-BOUND" if rate > .85 * CEILING else "VALID", **given}


def scaling(_, model, at):
    return closed(model, model.cpu_ns + model.growth_ns * at, at)


def process_control(_, model, at):
    return closed(model, model.cpu_ns + model.accept_ns / at, 5, requests_per_connection=at,
                  load=f"5 processes, {at} requests per connection")


def churn(_, model, at):
    return closed(model, model.cpu_ns + model.accept_ns / at, 16, load="16 in turn",
                  requests_per_connection=at, connect_p50_ns=model.accept_ns * 1.4)


def idle_crowd(_, model, at):
    return closed(model, model.cpu_ns + model.growth_ns * (at + 16), 16,
                  connections=at + 16, load=f"16 active, {at} idle")


def payload(_, model, at):
    return closed(model, model.cpu_ns + .35 * at, 16, load=f"16 active, {at} B each")


def blocking_work(name, model, at):
    width = {"epoll_level": 1, "select_loop": 1, "poll_loop": 1, "uring": 1,
             "iterative": 1}.get(name, 64)
    rate = min(width / (at / 1e3 + 1e-5), 1e9 / model.cpu_ns)
    return closed(model, model.cpu_ns, 64, rate=rate, p50_ns=64e9 / rate)


def cpu_work(_, model, at):
    return closed(model, model.cpu_ns + at * 1000, 16)


def overload(name, model, at):
    capacity = 1e9 / model.cpu_ns
    offered = capacity * at / 100
    collapse = .45 if name == "fork_per_client" and at > 100 else 1
    late = 60_000 if at < 100 else 60_000 * (at - 80) ** 2
    return closed(model, model.cpu_ns, 256, rate=min(offered, capacity) * collapse,
                  offered_per_second=offered, p50_ns=late, load=f"{at} % of capacity",
                  verdict="OVERLOADED" if at > 100 else "VALID")


def bad_company(_, model, at):
    bad = round(64 * at / 100)
    good = 64 - bad
    given = closed(model._replace(holds=max(1, model.holds - bad)),
                   model.cpu_ns * (1 + at / 300), good, connections=64)
    return {**given, "load": f"{good} good, {bad} slow readers"}


def burst(_, model, at):
    return closed(model, model.cpu_ns + 2000, min(at, 64), connections=at,
                  connect_p50_ns=model.accept_ns * (1 + at / 40), load=f"{at} at once")


def memory(_, model, at):
    return closed(model, model.cpu_ns, 1, connections=at, load=f"{at} held, 1 active",
                  kernel_bytes=at * (4200 + (9000 if model.bytes_each > 20_000 else 0)))


def transports(_, model, at):
    return closed(model, model.cpu_ns * (1, 1.02, .6)[at], 16)


def levels(text, *ats):
    return {at: text.format(at) for at in ats}


PLANS = {
    "scaling": Plan("How does it do as clients grow?", "clients", "log", "cpu_ns",
                    levels("{} clients", 4, 16, 256, 1024), scaling, (claim(
                        "event-driven beats thread-per-connection", "Pariag 2007",
                        "epoll_level", "thread_per_client", "cpu_ns"),)),
    "process_control": Plan("What does a client cost before a byte is served?",
                            "requests per connection", "log", "cpu_ns_per_connection",
                            levels("{} requests per connection", 1, 10), process_control,
                            (claim("fork per client costs more than any pool", "UNP 30.1",
                                   "thread_pool", "fork_per_client",
                                   "cpu_ns_per_connection"),)),
    "churn": Plan("What does a connection cost?", "requests per connection", "log",
                  "cpu_ns_per_connection", levels("{} requests per connection", 1, 10, 100),
                  churn, (claim("a pool accepts cheaper than fork", "Apache prefork",
                                "thread_pool", "fork_per_client", "cpu_ns_per_connection",
                                1),)),
    "idle_crowd": Plan(
        "What do the silent cost the others?", "idle connections", "log", "cpu_ns",
        {0: "no idle connections", **levels("{} idle connections", 10, 100, 1000)},
        idle_crowd, (
            claim("select looks at everybody, epoll does not", "Kerrisk, LCA 2006",
                  "epoll_level", "select_loop", at=1000),
            claim("poll costs less than select", "Banga 1999", "poll_loop", "select_loop",
                  at=1000),
            claim("without idle ones epoll costs less than threads", "Gammo 2004",
                  "epoll_level", "twin_like", at=0),
            claim("fork is cheaper than threads", "nobody", "fork_per_client",
                  "thread_per_client"))),
    "payload": Plan("Bytes instead of messages?", "payload, B", "log", "cpu_ns",
                    levels("payloads of {} B", 1, 1024, 65536), payload),
    "blocking_work": Plan("What if a request waits?", "time blocked per request, ms",
                          "linear", "rate", {0: "no waiting", 0.5: "0.5 ms blocked",
                                             2: "2 ms blocked", 10: "10 ms blocked"},
                          blocking_work, (claim(
                              "an event loop stalls, a pool is as wide as its workers",
                              "SEDA", "epoll_level", "thread_pool", "rate"),)),
    "cpu_work": Plan("What if a request computes?", "time computed per request, µs",
                     "log", "p99_ns", levels("{} µs computed", 0, 50, 1000), cpu_work),
    "overload": Plan("Beyond capacity: collapse or plateau?", "share of capacity, %",
                     "linear", "rate", levels("{} % of capacity", 50, 90, 110, 150),
                     overload),
    "bad_company": Plan("What do the bad do to the good?", "share of bad clients, %",
                        "linear", "p99_ns", levels("{} % bad clients", 0, 25, 50),
                        bad_company),
    "burst": Plan("What does the listen queue hide?", "connects at once", "log",
                  "connect_p99_ns", levels("{} connects at once", 16, 128, 1024), burst),
    "memory": Plan("How many bytes does a connection cost?", "held connections", "log",
                   "pss_per_client", levels("{} held connections", 10, 100, 1000), memory),
    "transports": Plan("Which transport?", "transport", "category", "cpu_ns",
                       {0: "TCP over IPv4", 1: "TCP over IPv6", 2: "Unix sockets"},
                       transports),
}


# -- writing them ----------------------------------------------------------------------

def row(name, level, round_, order, given, chance):
    """A line of trials.jsonl with 1 % of noise."""
    given = dict(given)
    extra = {key: given.pop(key, None) for key in (
        "connections", "load", "offered_per_second", "requests_per_connection",
        "connect_p50_ns", "kernel_bytes")}
    clients = given.pop("clients")
    for figure in ("cpu_ns", "rate", "p50_ns"):
        given[figure] *= chance.gauss(1, .01)
    idle, each = given["idle_bytes"], given["client_bytes"]
    line = report_campaigns.trial(name, clients, round_, order, **given)
    line["server"]["pss_bytes"] = idle + int(
        each * extra["connections"] * chance.gauss(1, .005))
    line["server"]["kernel_bytes"] = extra["kernel_bytes"]
    connect = extra["connect_p50_ns"]
    return {**line, "at": level, "load": extra["load"],
            "connections": extra["connections"],
            "offered_per_second": extra["offered_per_second"],
            "requests_per_connection": extra["requests_per_connection"],
            "client_ceiling": None, "connect_ns": connect and {
                "n": 4000, "p50": connect, "p99": connect * 3 * chance.gauss(1, .02),
                "max": connect * 9}}



def write(folder, name, models=MODELS, rounds=ROUNDS, plan=None, names=(), watch=False,
          **changes):
    """A campaign of the experiment; names: {model: another name for it}; watch: with what
    newer rows have; changes: of the manifest's experiment."""
    plan, names = plan or PLANS[name], dict(names)
    chance, trials = random.Random(name), []
    null = closed(Model(2000, 0, 0, 0, ANY), 2000, 16, rate=CEILING)
    for round_ in range(rounds):
        block = [(model, at) for model in (*models, "epoll_level(A/A)", "null_responder")
                 for at in plan.levels]
        chance.shuffle(block)
        for model, at in block:
            truth = model.removesuffix("(A/A)")
            given = plan.figures(truth, models[truth], at) if truth in models else {
                **null, "offered_per_second": None}
            trials.append(row(names.get(model, model), at, round_, len(trials), given,
                              chance))
    if watch:
        trials = list(map(report_campaigns.watched, trials))
    return report_campaigns.write(
        folder, about(name, plan, models, rounds, names, changes), trials)


def about(name, plan, models, rounds, names, changes):
    lines = [line.split() for line in report_campaigns.CATALOGUE.split("\n") if line]
    axes = {line[0]: line for line in lines}
    everyone = [*(names.get(m, m) for m in models), "epoll_level(A/A)", "null_responder"]
    found = report_campaigns.manifest(everyone, [16], rounds)
    found["options"]["levels"] = list(plan.levels)
    found["planned_trials"] = len(everyone) * len(plan.levels) * rounds
    for line, model in zip(found["models"], models):
        line.update(family=axes[model][1], transports="stream",
                    axes=dict(zip(AXES, axes[model][2:])))
    found["models"][-2].update(twin_of="epoll_level")
    found["models"][-1].update(family="ceiling", role="ceiling")
    found["experiment"] = {
        "name": name, "preset": "quick", "question": plan.question, "axis": plan.axis,
        "scale": plan.scale, "metric": plan.metric, "baseline": "epoll_level",
        "levels": [{"at": at, "name": text} for at, text in plan.levels.items()],
        "claims": list(plan.claims), **changes}
    return found


def hostile(folder):
    """Every text that comes from users or servers is an attack."""
    attack = report_campaigns.HOSTILE
    plan = PLANS["idle_crowd"]._replace(
        question=attack[1], axis=attack[0], scale="category",
        levels={at: attack[at % 5] + str(at) for at in (0, 1, 2, 3)},
        claims=tuple({"text": a, "source": b, "metric": "cpu_ns", "less": "epoll_level",
                      "more": attack[0], "at": None, "why_not": c}
                     for a, b, c in zip(attack, attack[1:], attack[2:])))
    models = {m: MODELS[m] for m in ("select_loop", "poll_loop", "uring", "epoll_level")}
    return write(folder, "idle_crowd", models, 2, plan,
                 dict(zip(models, attack[:3])))


def write_all(folder, names=PLANS):
    for name in names:
        print(write(pathlib.Path(folder) / name, name, watch=True))


if __name__ == "__main__":
    write_all(sys.argv[1], sys.argv[2:] or PLANS)

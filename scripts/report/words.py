"""What the figures mean, in words, by stated rules; everything from users is escaped.

The rules are printed in the page under "Method". Ratios are paired by round.
"""

import collections
import re
import statistics

from markupsafe import Markup

from . import data, families
from .units import clean, count, duration, listed, microseconds, plural, short, sig

WAKING = 4  # times the floor, from which on waking is said to be most of the cost
LISTED_AT_MOST = 6


def code(model):
    return Markup("<code>{}</code>").format(short(model, 60))


def codes(points):
    return phrase(code(p.model) for p in points)


def phrase(parts):
    """a, b and c, each escaped unless it is Markup."""
    return Markup(listed(str(Markup.escape(part)) for part in parts))


def cores(cpus):
    """1 core (CPU 0)"""
    if not isinstance(cpus, list) or not cpus:
        return "cores not recorded"
    return f"{plural(len(cpus), 'core')} (CPU {', '.join(str(c) for c in cpus)})"


def caption(campaign, note, levels=None):
    """What every figure states: loop, clients, payload, cores, rounds, interval."""
    levels = levels or campaign.levels
    size = campaign.about("options", "payload_bytes")
    pipeline = campaign.about("options", "pipeline")
    rounds = campaign.rounds
    work = asked_work(campaign)
    return clean(
        f"{loop(campaign, levels)}, {asked_of(campaign, levels)}, "
        f"{law(campaign, levels)}"
        f"{'each request ' + work + ', ' if work else ''}"
        f"payload {size if size is not None else '?'} B"
        f"{f', pipeline {pipeline}' if pipeline not in (None, 1) else ''}; server on "
        f"{cores(campaign.about('options', 'server_cpus'))}, client on "
        f"{cores(campaign.about('options', 'client_cpus'))}; "
        f"n = {plural(rounds, 'round')}"
        f"{kind_of_interval(rounds)}. {note}")


def kind_of_interval(rounds):
    if rounds == 1:
        return " (no range)"
    return ", interval: range min to max" if rounds < 6 else (
        ", interval: 95 % of the median (order statistics)")


def loop(campaign, levels):
    """Open: requests come when they come; closed: each client waits for its reply."""
    is_open = [any(p.spread("offered") for p in campaign.at(level)) for level in levels]
    return "Open loop" if all(is_open) else (
        "Open and closed loop" if any(is_open) else "Closed loop")


def law(campaign, levels):
    """Of the arrivals of open loops, where that is recorded: "poisson arrivals, "."""
    recorded = campaign.experiment.arrivals
    laws = dict.fromkeys(recorded[at].partition(",")[0] for at in levels if at in recorded)
    return f"{listed(laws)} arrivals, " if laws else ""


def asked_of(campaign, levels):
    """The load of these levels: "1 to 256 clients"."""
    first, last = levels[0], levels[-1]
    if campaign.experiment.of_clients:
        return campaign.level(first) if first == last else (
            f"{count(first)} to {count(last)} clients")
    loads = dict.fromkeys(p.load for level in (first, last) for p in campaign.at(level))
    words = " up to ".join(filter(None, loads)) if len(loads) < 3 else ""
    names = campaign.level(first) if first == last else (
        f"{campaign.level(first)} to {campaign.level(last)}")
    return f"{names} ({words})" if words else names


def asked_work(campaign):
    """What the work protocol asks for: "computes 50.0 µs, blocks 2.00 ms"; echo: ""."""
    work = campaign.about("options", "work")
    if campaign.about("options", "protocol") != "work" or not isinstance(work, dict):
        return ""
    time = {name: value for name, value in work.items()
            if isinstance(value, (int, float)) and value > 0}
    parts = [f"{verb} {duration(time[name])}" for verb, name in (
        ("computes", "compute_ns"), ("blocks", "block_ns")) if name in time]
    if "heavy_share" in time and "heavy_compute_ns" in time:
        parts.append(f"{sig(time['heavy_share'] * 100)} % compute "
                     f"{duration(time['heavy_compute_ns'])} more")
    return ", ".join(parts) or "asks for no work"


# -- what was found ----------------------------------------------------------------------

def findings(campaign):
    """Sentences, the most important one first."""
    if not campaign.trials:
        return [Markup("No trial was recorded, so there is nothing to report. Run "
                       "<code>echo_compare</code> again, or give another folder.")]
    if campaign.top is None:
        return [Markup("No trial gave a figure: all of them failed. The warnings below "
                       "say why.")]
    points = alike(campaign, [p for p in campaign.at(campaign.top) if p.spread("cpu_ns")])
    sentences = []
    if points:
        served = [p for p in points if not p.starved]
        best = min(served or points, key=lambda p: p.spread("cpu_ns").median)
        sentences += price(campaign, best, points, served)
        sentences += ratios(best, [p for p in served or points if p is not best])
        sentences += no_discrimination(campaign.level(campaign.top), points)
    first = capacity(campaign)
    if asked_work(campaign):
        return [*worked(campaign), *busiest(campaign), *sentences, *starving(campaign),
                *first]
    return [*sentences, *busiest(campaign), *starving(campaign), *first]


def alike(campaign, points):
    """Without those in datagrams, which promise less, where there are streams, too."""
    streams = [p for p in points if p.model not in campaign.datagrams]
    return streams or points


def capacity(campaign):
    """How it was measured, where a share of it was offered."""
    sentence = campaign.about("capacity", "sentence")
    if isinstance(sentence, str):
        yield Markup.escape(clean(sentence))


def worked(campaign):
    """Where requests ask for work, how many are answered counts before what each costs."""
    yield Markup("Each request {}: its CPU per request contains what it was asked to "
                 "compute, and a server that waits for one request serves no other "
                 "meanwhile.").format(asked_work(campaign))


def price(campaign, best, points, served):
    cpu = best.spread("cpu_ns")
    among = " of the models that served every client" if (
        served and len(served) < len(points)) else ""
    least = "used the least server CPU per request" if len(points) > 1 else (
        "used this much server CPU per request")
    spread = f" ({microseconds(cpu.low)} to {microseconds(cpu.high)} over " \
        f"{plural(cpu.n, 'round')})" if cpu.n > 1 else " (one round)"
    floor = campaign.floor_ns
    floor = f", {sig(cpu.median / floor)} times the loopback floor" if floor else ""
    yield Markup("At {}, {} {}{}: <strong>{} µs</strong>{}{}.").format(
        campaign.level(campaign.top), code(best.model), least, among,
        microseconds(cpu.median), spread, floor)
    if len(points) == 1:
        yield Markup("Only one model has figures there, so nothing is compared.")


def ratios(best, others):
    """Who ties with the best, and how much more the others used."""
    compared = families.compared(others, best, "cpu_ns")
    ties = [p for p, ratio in compared if ratio and ratio.tie]
    worse = sorted(((r, p) for p, r in compared if r and not r.tie),
                   key=lambda pair: (pair[0].median, pair[1].model))
    alone = [p for p, ratio in compared if ratio is None]
    if ties:
        yield Markup("{} {} with it: no difference was shown.").format(
            codes(ties), "ties" if len(ties) == 1 else "tie")
    if worse:
        shown = worse if len(worse) <= LISTED_AT_MOST else worse[:LISTED_AT_MOST - 1]
        parts = [Markup("{}{} about <strong>{} times</strong>{}{}").format(
            code(p.model), "" if i else " used", sig(r.median), "" if i else " as much",
            f" ({sig(r.low)} to {sig(r.high)})" if r.n > 1 else "")
            for i, (r, p) in enumerate(shown)]
        rest = worse[len(shown):]
        if rest:
            parts.append(Markup("{} more up to {} times ({})").format(
                count(len(rest)), sig(rest[-1][0].median), code(rest[-1][1].model)))
        yield Markup("Compared with it, {}.").format(phrase(parts))
    if alone:
        yield Markup("{} shared no round with it, so there is no "
                     "ratio.").format(codes(alone))


def no_discrimination(level, points):
    """The iterative server is the control: if it ties with all, the workload is idle."""
    control = [p for p in points if p.model == "iterative" and not p.starved]
    others = [p for p in points if p.model != "iterative"]
    found = [data.compare(p, control[0], "cpu_ns") for p in others] if control else []
    if found and all(r and r.tie for r in found):
        yield Markup("<strong>This workload does not discriminate</strong>: even {} ties "
                     "with all the others at {}.").format(
                         code("iterative"), level)


def busiest(campaign):
    """The highest throughput, where the server and not the client was the limit."""
    everyone = alike(campaign,
                     [p for p in campaign.at(campaign.top) if p.spread("rate")])
    points = [p for p in everyone if not p.starved]
    if len(points) < 2 or any(p.client_bound for p in points):
        return
    best = max(points, key=lambda p: p.spread("rate").median)
    others = [p for p in points if p is not best]
    ties = [p for p, ratio in families.compared(others, best, "rate")
            if ratio and ratio.tie]
    if len(ties) == len(points) - 1:
        yield Markup("In throughput no difference was shown.")
        return
    yield Markup("{}{} answered the most requests at {}, <strong>{} per "
                 "second</strong>{}.").format(
        "Of the models that served every client, " if len(points) < len(everyone) else "",
        code(best.model), campaign.level(campaign.top),
        sig(best.spread("rate").median),
        Markup(", tied with {}").format(codes(ties)) if ties else "")


def starving(campaign):
    """Models that left clients without a reply: the worst point of each."""
    worst = []
    for model in campaign.models:
        points = [campaign.points.get((model, c)) for c in campaign.levels]
        points = [p for p in points if p and p.starved]
        if points:
            worst.append(max(points, key=lambda p: (p.starved, p.at)))
    if not worst:
        return
    worst.sort(key=lambda p: (-p.starved / max(1, p.clients), p.model))
    parts = [Markup("{} up to {} of {}").format(code(p.model), count(p.starved),
                                                count(p.clients))
             for p in worst[:LISTED_AT_MOST]]
    if len(worst) > LISTED_AT_MOST:
        parts.append(f"{len(worst) - LISTED_AT_MOST} models more")
    yield Markup("<strong>Clients were starved</strong>, left without any reply, by "
                 "{}: {} figures are those of the clients served.").format(
                     phrase(parts), "its" if len(worst) == 1 else "their")


# -- what may be wrong with it -----------------------------------------------------------

def cautions(campaign):
    """Sentences on why the figures may mislead."""
    rules = (incomplete, failed, deserted, excluded, against_itself, client_bound, waking,
             less_promised, doubtful, missing, absent, few_rounds, one_core, machine,
             build, no_floor)
    return [Markup(text) for rule in rules for text in rule(campaign)] + [
        Markup.escape(note) for note in campaign.notes]


def incomplete(campaign):
    planned = campaign.about("planned_trials")
    done = sum(map(len, (campaign.trials, campaign.twins, campaign.null_trials,
                         campaign.closed)))
    partial = campaign.about("partial") or not campaign.about("finished")
    if partial or (isinstance(planned, int) and done < planned):
        yield Markup("This is a <strong>partial run</strong>: {} of {} planned trials."
                     ).format(count(done), planned if planned is not None else "?")


def failed(campaign):
    bad = [t for t in campaign.trials if not t.usable]
    if bad:
        by_model = collections.Counter(t.model for t in bad)
        names = phrase(Markup("{} ({})").format(code(m), n)
                       for m, n in by_model.most_common(LISTED_AT_MOST))
        yield Markup("<strong>{} of {} trials failed</strong> and count nowhere: {}{}."
                     ).format(count(len(bad)), count(len(campaign.trials)), names,
                              " and others" if len(by_model) > LISTED_AT_MOST else "")


def deserted(campaign):
    """Where the company did not stay, so that it was less than the level says."""
    for level in campaign.levels:
        lost = {}
        for point in campaign.at(level):
            failed_ones = [n for t in point.by_round.values()
                           if (n := t.number("company_failed")) is not None]
            if failed_ones and statistics.median(failed_ones) > 0:
                lost[point.model] = statistics.median(failed_ones)
        if lost:
            yield Markup("At {}, not all of the other connections stayed with {}: its "
                         "figures there are those of fewer.").format(
                campaign.level(level), phrase(
                    Markup("{} ({} ended)").format(code(m), count(n))
                    for m, n in sorted(lost.items())))


def excluded(campaign):
    reasons = collections.Counter(t.text("excluded") for t in campaign.excluded)
    if not reasons:
        return
    yield Markup("<strong>{} {} excluded</strong> and in no figure: {}. The last trial of "
                 "each round counts.").format(
        plural(len(campaign.excluded), "trial"),
        "is" if len(campaign.excluded) == 1 else "are",
        phrase(f"{count(n)} {reason}" for reason, n in reasons.most_common()))


def against_itself(campaign):
    """What the A/A pair says at each load; of many loads in one sentence."""
    twins = {level: next((p.twins for p in campaign.points.values()
                          if p.at == level and p.twins), None)
             for level in (campaign.levels if campaign.twins else [])}
    found = {level: (pair, data.compare(*pair, "cpu_ns")) for level, pair in
             twins.items() if pair and data.ratios(*pair, "cpu_ns")}
    for level in [at for at in twins if at not in found]:
        yield Markup("The A/A pair has no figure at {}.").format(campaign.level(level))
    bands = {level: max(1.02, data.tie_factor(pair, "cpu_ns"))
             for level, (pair, _) in found.items()}
    if len(found) > 2:
        yield Markup("{} against itself (A/A) used {:.2f} to {:.2f} times the CPU per "
                     "request at the {} levels: there differences up to {:.2f} to {:.2f} "
                     "times are ties.").format(
            code(campaign.twin_names[campaign.twins[0].model]),
            min(r.median for _, r in found.values()),
            max(r.median for _, r in found.values()), len(found), min(bands.values()),
            max(bands.values()))
        return
    for level, (pair, ratio) in found.items():
        yield Markup("At {}, {} against itself (A/A) used {:.2f} times the CPU per "
                     "request ({:.2f} to {:.2f}): differences up to {:.2f} times are "
                     "ties.").format(campaign.level(level), code(pair[1].model),
                                     ratio.median, ratio.low, ratio.high, bands[level])


def client_bound(campaign):
    points = [p for p in campaign.points.values() if p.client_bound]
    if not points:
        return
    by_model = {}
    for p in sorted(points, key=lambda p: p.at):
        by_model.setdefault(p.model, []).append(campaign.experiment.tick(p.at))
    if len(by_model) > LISTED_AT_MOST:
        names = plural(len(by_model), "model")
    else:
        names = phrase(Markup("{} (at {})").format(code(m), listed(levels))
                       for m, levels in by_model.items())
    yield Markup("Throughput is <strong>client-bound</strong> for {}: there the client "
                 "was the limit, so requests/s is a lower bound and no ranking. CPU per "
                 "request still holds.").format(names)


def waking(campaign):
    """One client, and even the cheapest model far above the floor: the server sleeps
    between requests, and being woken on another core is what is paid for."""
    first = [p.spread("cpu_ns") for p in campaign.at(1)
             if campaign.experiment.of_clients]
    costs = [cost.median for cost in first if cost]
    if not costs or not campaign.floor_ns or min(costs) < WAKING * campaign.floor_ns:
        return
    yield Markup("With 1 client every model pays at least {} times the floor: server and "
                 "client sleep in turn on two cores, and waking the other is what this "
                 "machine charges for (most of all in a virtual machine). It says little "
                 "about the models.").format(sig(min(costs) / campaign.floor_ns))


def less_promised(campaign):
    """Why the cheapest may not be named first."""
    names = [m for m in campaign.models if m in campaign.datagrams]
    if names and len(names) < len(campaign.models):
        yield Markup("{} {} in datagrams, which may be lost, doubled and out of order: "
                     "cheap for that reason, and left out of the sentences above.").format(
            phrase(map(code, names)), "answers" if len(names) == 1 else "answer")


def doubtful(campaign):
    meaning = {"UNSTEADY": "never settled", "NOISY": "were disturbed by other work",
               "OVERLOADED": "could not keep up with the load that was asked for"}
    verdicts = collections.Counter(t.verdict for t in campaign.trials)
    for verdict, what in meaning.items():
        if verdicts[verdict]:
            yield Markup("{} {} ({}); they are counted, and marked ≈ in the "
                         "table.").format(
                plural(verdicts[verdict], "trial"), what, verdict)


def missing(campaign):
    """Models without a figure at the load that the first sentence is about."""
    if campaign.top is None:
        return
    present = {p.model for p in campaign.at(campaign.top)}
    names = [code(m) for m in campaign.models if m not in present]
    if names:
        yield Markup("No figure at {} for {}.").format(
            campaign.level(campaign.top),
            phrase(names) if len(names) <= LISTED_AT_MOST else f"{len(names)} models")


def absent(campaign):
    """Models that were asked for and could not run there, with those of one reason
    together."""
    by_reason = {}
    for model, reason in campaign.absent.items():
        by_reason.setdefault(reason, []).append(code(model))
    for reason, names in by_reason.items():
        yield Markup("Not available there: {} ({}).").format(phrase(names), reason)


def few_rounds(campaign):
    n = campaign.rounds
    if n == 1:
        yield "One round shows no spread: a difference may be chance."
    elif 1 < n < 6:
        yield (f"{n} rounds are few: the range is the smallest and the largest of them, "
               "not a confidence interval, and n is too small for the tables to call a "
               "pair different.")


def one_core(campaign):
    server = campaign.about("options", "server_cpus") or []
    client = campaign.about("options", "client_cpus") or []
    if len(server) == 1:
        yield ("The server had one core: this compares single-core efficiency, and says "
               "nothing about how a model uses many cores.")
    if set(map(str, server)) & set(map(str, client)):
        yield "Server and client shared a core, so each took time from the other."


def machine(campaign):
    hypervisor = campaign.about("environment", "hypervisor")
    if hypervisor:
        yield Markup("It ran in a virtual machine ({}), whose neighbours may take time "
                     "from it unseen.").format(clean(hypervisor))
    governor = campaign.about("environment", "governor")
    if governor and governor != "performance":
        yield Markup("The CPU governor was {}: the clock may have changed during the run."
                     ).format(clean(governor))
    load = campaign.about("environment", "load_average")
    cpus = campaign.about("environment", "cpus_online")
    try:
        busy = float(load[0]) > 0.5 * int(cpus)
    except (TypeError, ValueError, IndexError):
        busy = False
    if busy:
        yield Markup("The machine was busy at the start: load average {} on {} CPUs."
                     ).format(sig(float(load[0])), int(cpus))
    if campaign.top is not None:
        yield "Loopback has no network." if loop(
            campaign, campaign.levels) == "Open loop" else (
            "Loopback has no network, and in a closed loop a slow server slows its "
               "own clients: high percentiles are flattered.")


def build(campaign):
    kind = campaign.about("build", "type")
    if kind and str(kind).lower() not in ("release", "relwithdebinfo"):
        yield Markup("It is a {} build: figures of an optimised one differ.").format(
            clean(kind))
    if campaign.about("build", "dirty"):
        yield ("The source had changes that are in no commit, so it cannot be rebuilt "
               "exactly.")


def no_floor(campaign):
    if campaign.top is not None and campaign.floor_ns is None:
        yield "The loopback floor was not measured, so CPU is not given as its multiple."


# -- warnings of the trials --------------------------------------------------------------

def warnings(campaign):
    """[(text, number of trials, where)], the most frequent first; texts that differ in
    their numbers alone are one."""
    found = {}
    for trial in campaign.trials:
        texts = list(trial.warnings)
        if trial.verdict != "VALID":
            texts.append(f"{trial.verdict}: {trial.text('reason') or 'no reason given'}")
        for text in texts:
            text = clean(text)
            found.setdefault(re.sub(r"\d[\d.,]*", "#", text), []).append((text, trial))
    rows = []
    for _, hits in sorted(found.items(), key=lambda row: (-len(row[1]), row[0])):
        texts, trials = collections.Counter(text for text, _ in hits), [t for _, t in hits]
        text = texts.most_common(1)[0][0]
        if len(texts) > 1:
            text += f" (and {len(texts) - 1} more with other numbers)"
        where = collections.Counter(f"{t.model} at {campaign.experiment.tick(t.at)}"
                                    for t in trials)
        names = [f"{at} ({n}×)" if n > 1 else at for at, n in where.items()]
        rest = f" and {len(names) - 12} more" if len(names) > 12 else ""
        rows.append((text, len(trials), ", ".join(names[:12]) + rest))
    return rows

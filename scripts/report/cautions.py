"""What may be wrong with the figures, in words, by stated rules; everything from users is
escaped."""

import collections
import re
import statistics

from markupsafe import Markup

from . import pairing
from .units import clean, count, listed, plural, sig
from .words import LISTED_AT_MOST, code, core_count, loop, phrase, replies

WAKING = 4  # times the floor, from which on waking is said to be most of the cost


def sentences(campaign):
    """Sentences on why the figures may mislead."""
    rules = (incomplete, failed, deserted, excluded, against_itself, client_bound, waking,
             less_promised, unlike_replies, doubtful, missing, absent, few_rounds,
             one_core, machine, build, no_floor)
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
    found = {level: (pair, pairing.compare(*pair, "cpu_ns")) for level, pair in
             twins.items() if pair and pairing.ratios(*pair, "cpu_ns")}
    for level in [at for at in twins if at not in found]:
        yield Markup("The A/A pair has no figure at {}.").format(campaign.level(level))
    bands = {level: max(1.02, pairing.tie_factor(pair, "cpu_ns"))
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


def unlike_replies(campaign):
    """Whose GETs brought more bytes than others': not the servers alone differ then."""
    found = replies(campaign)
    if len(found) > 1:
        yield Markup("<strong>The replies are not equally long</strong>: {}. Who sends "
                     "more does more, so between them it is not the servers alone that "
                     "differ.").format(phrase(
                         Markup("{} B from {}").format(count(size), phrase(
                             map(code, models)) if len(models) <= LISTED_AT_MOST
                             else f"{len(models)} models")
                         for size, models in sorted(found.items())))


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
    if core_count(campaign, "server") == 1:
        yield ("The server had one core: this compares single-core efficiency, and says "
               "nothing about how a model uses many cores.")
    if set(map(str, server)) & set(map(str, client)):
        yield "Server and client shared a core, so each took time from the other."
    elif campaign.about("environment", "placement", "siblings_shared") is True:
        yield ("Server and client ran on siblings of one core (SMT): they shared its units "
               "and caches, and what one did slowed the other.")


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

"""What was found, in words, by stated rules; everything from users is escaped.

The rules are printed in the page under "Method". Ratios are paired by round.
"""

from markupsafe import Markup

from . import families, pairing
from .units import clean, count, microseconds, plural, sig
from .words import LISTED_AT_MOST, asked_work, code, codes, phrase


def sentences(campaign):
    """Sentences, the most important one first."""
    if not campaign.trials:
        return [Markup("No trial was recorded, so there is nothing to report. Run "
                       "<code>echo_compare</code> again, or give another folder.")]
    if campaign.top is None:
        return [Markup("No trial gave a figure: all of them failed. The warnings below "
                       "say why.")]
    points = alike(campaign, [p for p in campaign.at(campaign.top) if p.spread("cpu_ns")])
    found = []
    if points:
        served = [p for p in points if not p.starved]
        best = min(served or points, key=lambda p: p.spread("cpu_ns").median)
        found += price(campaign, best, points, served)
        found += ratios(best, [p for p in served or points if p is not best])
        found += no_discrimination(campaign.level(campaign.top), points)
    first = capacity(campaign)
    if asked_work(campaign):
        return [*worked(campaign), *busiest(campaign), *found, *starving(campaign), *first]
    return [*found, *busiest(campaign), *starving(campaign), *first]


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
    found = [pairing.compare(p, control[0], "cpu_ns") for p in others] if control else []
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

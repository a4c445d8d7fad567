"""The words that findings, cautions and figures share; everything from users is escaped."""

from markupsafe import Markup

from .units import clean, count, duration, listed, plural, short, sig

LISTED_AT_MOST = 6


def code(model):
    return Markup("<code>{}</code>").format(short(model, 60))


def codes(points):
    return phrase(code(p.model) for p in points)


def phrase(parts):
    """a, b and c, each escaped unless it is Markup."""
    return Markup(listed(str(Markup.escape(part)) for part in parts))


def core_count(campaign, end):
    """Of the "server" or the "client". Folders of before say nothing of siblings: a CPU
    counts as a core there."""
    number = campaign.about("environment", "placement", end, "cores")
    cpus = campaign.about("options", f"{end}_cpus")
    return number if isinstance(number, int) else len(cpus) if isinstance(
        cpus, list) else 0


def cores(campaign, end):
    """1 core (CPU 0)"""
    cpus = campaign.about("options", f"{end}_cpus")
    if not isinstance(cpus, list) or not cpus:
        return "cores not recorded"
    number = core_count(campaign, end)
    return f"{plural(number, 'core')} (CPU {', '.join(str(c) for c in cpus)})"


def caption(campaign, note, levels=None):
    """What every figure states: loop, clients, payload, cores, rounds, interval."""
    levels = levels or campaign.levels
    size = campaign.about("options", "payload_bytes")
    size = "?" if size is None else size
    pipeline = campaign.about("options", "pipeline")
    rounds = campaign.rounds
    work = asked_work(campaign)
    return clean(
        f"{loop(campaign, levels)}, {asked_of(campaign, levels)}, "
        f"{arrivals(campaign, levels)}"
        f"{'each request ' + work + ', ' if work else ''}"
        f"{gets(campaign) or f'payload {size} B'}"
        f"{f', pipeline {pipeline}' if pipeline not in (None, 1) else ''}; server on "
        f"{cores(campaign, 'server')}, client on {cores(campaign, 'client')}; "
        f"n = {plural(rounds, 'round')}"
        f"{kind_of_interval(rounds)}. {note}")


def gets(campaign):
    """What is asked over HTTP: "GETs of / over HTTP/1.1, 74 B each"; else ""."""
    path = campaign.about("options", "http", "get")
    if not isinstance(path, str):
        return ""
    sizes = sorted(replies(campaign))
    sizes = sizes if len(sizes) < 3 else [sizes[0], sizes[-1]]
    each = f", {' to '.join(map(count, sizes))} B each" if sizes else ""
    return f"GETs of {short(path, 60)} over HTTP/1.1{each}"


def replies(campaign):
    """{how many bytes the body of a GET had: the models that brought so many}"""
    found = {}
    for trial in campaign.trials:
        size = trial.number("reply_body_bytes") if trial.usable else None
        if size is not None:
            found.setdefault(size, {})[trial.model] = None
    return found


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


def arrivals(campaign, levels):
    """Of open loops, where it is recorded: "poisson, 10.0k requests/s offered, " or, of
    several rates, their law: "poisson arrivals, "."""
    recorded = campaign.experiment.arrivals
    texts = list(dict.fromkeys(recorded[at] for at in levels if at in recorded))
    if len(texts) == 1:
        return f"{texts[0]} offered, "
    laws = dict.fromkeys(text.partition(",")[0] for text in texts)
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

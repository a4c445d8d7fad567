"""The figures of who gets what: clients of the server, threads and processes of work."""

from . import sharing, sharing_panels, sheets, tables
from .figure import finish, is_open


def clients(campaign):
    rows = [(p, sharing.of_clients(p)) for p in campaign.at(campaign.top)]
    rows = [(p, values) for p, values in rows if values]
    if not rows:
        return None
    rows.sort(key=lambda row: (sharing.without_reply(row[0]), unevenness(row[1]),
                               row[0].model))
    sheet = sheets.bars(campaign, "clients", [p for p, _ in rows], 1,
                        "How much of an equal share does each client get at "
                        f"{campaign.level(campaign.top)}?")
    sharing_panels.strips(sheet, rows)
    loop = (" Nobody waits in an open loop: a client gets what was meant for it."
            if is_open(campaign) else "")
    return finish(
        sheet, campaign, "Requests of each client over an equal share of its round's "
        "(log scale, with a place for 0); numbers: the middle 90 % of the clients.",
        "Mark: median client; thick: the middle half; thinner: the middle 90 %; line: "
        "all, of all rounds together. Hollow: clients without any reply.",
        "A short strip at 1 is fair. A long one: some are served again and again while "
        "others wait. Two clusters: a pool has its favourites. A median far below 1: a "
        f"few take most.{loop}",
        tables.of_clients(campaign, rows), [campaign.top])


def unevenness(values):
    """How far the middle 90 % are from equal."""
    low, high = (sharing.quantile(values, p) for p in (0.05, 0.95))
    return high - low


def work_shares(campaign):
    """Of the models that have more than one thread at work."""
    rows = [(p, sharing.of_threads(p), sharing.of_processes(p))
            for p in campaign.at(campaign.top)]
    rows = [row for row in rows if row[1] and row[1].working > 1]
    if not rows:
        return None
    rows.sort(key=lambda row: (row[1].imbalance, row[0].model))
    parts = [("share of the CPU, by thread", 1),
             ("share of the connections, by process", 2)]
    parts = [(label, i) for label, i in parts if any(row[i] for row in rows)]
    sheet = sheets.bars(campaign, "work_shares", [p for p, *_ in rows], len(parts),
                        f"Do all workers work alike at {campaign.level(campaign.top)}?",
                        beside=76)
    for panel, (label, i) in enumerate(parts):
        sharing_panels.stacked(sheet, panel, label, [(row[0], row[i]) for row in rows])
    by_process = " Right: connections that each process held at the end of the window." \
        if len(parts) > 1 else ""
    return finish(
        sheet, campaign, "Server CPU time inside the window, by thread, the busiest first"
        f"{' (left)' * (len(parts) > 1)}.{by_process} Models with one thread at work are "
        "not here.",
        "Full colour: the busiest; paler: the others; grey: more than 64, not listed; "
        "stroke: an equal share of those that work; means of the rounds.",
        "The full colour that ends at the stroke is even work. Beyond the stroke one "
        "does more than its share, and cores idle when there are more of them. A pool "
        "that wakes the last sleeper first is uneven by intent: its caches are warm.",
        tables.of_work(rows), [campaign.top])


MAKERS = (clients, work_shares)

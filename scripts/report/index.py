"""The page of several campaigns: each experiment's answer, and which model when."""

import pathlib
from dataclasses import dataclass
from urllib.parse import quote

from markupsafe import Markup

from . import (answer, cautions, claims, data, decisions, findings, likeness, marks,
               metrics, page, units)
from .campaign import Campaign

HERE = pathlib.Path(__file__).parent


@dataclass
class Entry:
    """A campaign's folder, read."""
    folder: pathlib.Path
    campaign: Campaign

    @property
    def name(self):
        return self.campaign.experiment.name

    @property
    def started(self):
        return str(self.campaign.about("started") or "")

    @property
    def link(self):
        """Of its page, relative to the index; None where it was not written."""
        there = (self.folder / "report.html").exists()
        return f"{quote(self.folder.name)}/report.html" if there else None


def read(folder):
    """(entries, notes) of the campaigns in the folder; throws BadInput without any."""
    if not folder.is_dir():
        raise data.BadInput(f"{folder}: no such folder; give one that holds campaigns")
    entries, notes = [], []
    for place in sorted(folder.iterdir()):
        if not (place / "manifest.json").is_file():
            continue
        try:
            entries.append(Entry(place, data.load(place)))
        except data.BadInput as error:
            notes.append(f"{place.name} is left out: {error}")
    if not entries:
        raise data.BadInput("; ".join(notes) or f"{folder}: holds no campaign; each is a "
                            "folder with manifest.json and trials.jsonl")
    known = list(decisions.EXPERIMENTS)
    entries.sort(key=lambda e: (known.index(e.name) if e.name in known else len(known),
                                e.name, e.started, e.folder.name))
    return entries, notes + unlike(entries)


def unlike(entries):
    """What differs between the first campaign and any other, in one sentence."""
    first, found = entries[0].campaign, {}
    for entry in entries[1:]:
        for section in ("build", "environment"):
            free = likeness.FREE[section] - {"commit"}
            for member, a, b in likeness.between(
                    first.about(section), entry.campaign.about(section), section, free):
                found.setdefault(member, dict.fromkeys([a]))[b] = None
    return [f"The campaigns are unlike in {member}: {', '.join(values)}."
            for member, values in sorted(found.items())]


def render(entries, notes):
    latest = {e.name: e for e in entries if e.name}     # of several the last one
    models = list(dict.fromkeys(m for e in entries for m in e.campaign.models))
    return page.template("index.html.j2").render(
        entries=[shown(e) for e in entries], notes=notes, units=units,
        table=[row(need, latest.get(need.experiment)) for need in decisions.NEEDS],
        rules=decisions.RULES, rule=claims.RULE, colours=[],
        missing=[n for n in decisions.EXPERIMENTS if n not in latest],
        title="Which server model when?", variables=marks.variables([]),
        subtitle=subtitle(entries, models), css=page.style(), dear=decisions.DEAR,
        machines=machines(entries))


def subtitle(entries, models):
    trials = sum(len(e.campaign.trials) for e in entries)
    return (f"echolab: {units.plural(len(entries), 'campaign')}, "
            f"{units.plural(len(models), 'model')}, {units.plural(trials, 'trial')}")


def machines(entries):
    """Where they ran: each host with its CPU and kernel once."""
    found = dict.fromkeys(
        f"{e.campaign.about('environment', 'host') or 'an unknown host'} "
        f"({e.campaign.about('environment', 'cpu_model') or 'CPU not recorded'}, Linux "
        f"{e.campaign.about('environment', 'kernel') or 'not recorded'})"
        for e in entries)
    return units.listed(found)


def shown(entry):
    """What the page says of one campaign."""
    campaign, experiment = entry.campaign, entry.campaign.experiment
    outcomes = claims.outcomes(campaign)
    title = experiment.title or "no experiment"
    preset = f", {experiment.preset}" if experiment.preset else ""
    return {
        "id": entry.folder.name, "link": entry.link, "folder": entry.folder.name,
        "question": experiment.question or page.title(campaign),
        "about": f"{title}{preset}, {entry.started.replace('T', ' ')[:16]}, "
        f"{experiment.ticks(campaign.levels)}, "
        f"{units.plural(len(campaign.models), 'model')}, "
        f"{units.plural(campaign.rounds, 'round')}",
        "answer": answer.sentences(campaign) or findings.sentences(campaign)[:2],
        "partial": list(cautions.incomplete(campaign)), "claims": outcomes,
        "tally": claims.tally(outcomes),
        "measured": [claims.measured(campaign, o) for o in outcomes]}


def row(need, entry):
    """A row of the table, in words; without "best" where nothing was measured."""
    found = entry and decisions.decide(need, entry.campaign)
    if not found:
        why = "has no figure for it" if entry else "was not measured"
        return {"need": need.text, "experiment": need.experiment,
                "missing": f"{need.experiment.replace('_', ' ')} {why}"}
    campaign, metric = found.campaign, metrics.of(found.metric)
    few = "" if found.rounds >= 6 or not found.best else (
        f", {units.plural(found.rounds, 'round')} only")
    return {
        "need": need.text, "experiment": need.experiment, "link": entry.link,
        "best": names(found.best), "value": value(found, metric),
        "dear": [(name(p), units.sig(times)) for p, times in found.dear],
        "starving": [(name(p), f"{units.count(p.starved)} of {units.count(p.clients)}")
                     for p in found.starving],
        "between": found.between, "title": campaign.experiment.title,
        "where": f"{metric.noun} at {campaign.level(found.at)}{few}"}


def value(found, metric):
    """The best median."""
    if not found.best:
        return "every model starved clients"
    bound = "at least " if found.bounded else ""
    values = [p.spread(found.metric).median for p in found.best]
    pick = min(values) if found.bounded or not metric.more_is_better else max(values)
    return bound + metric.words(pick)


def names(points):
    return [name(p) for p in points]


def name(point):
    return Markup("<code>{}</code>").format(units.short(point.model, 60))

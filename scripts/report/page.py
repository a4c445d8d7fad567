"""The page: one file with its style, its script, its figures and its data."""

import base64
import gzip
import json
import pathlib
import shlex

import jinja2
from markupsafe import Markup
from matplotlib.markers import MarkerStyle

from . import (answer, cautions, claims, environment, findings, knee, marks, rows, tables,
               thresholds, tuned, units, words)

HERE = pathlib.Path(__file__).parent
SCRIPTS = ("view.js", "exports.js", "report.js")
EMBEDDED_AT_MOST = 300_000                  # bytes of raw trials, packed
LONG = {"histogram", "series", "requests_per_client", "thread_cpu_seconds",
        "process_connections"}              # members that are left out beyond that


def render(campaign, figures):
    raw, whole = raw_data(campaign)
    outcomes = claims.outcomes(campaign)
    return template("report.html.j2").render(
        campaign=campaign, figures=figures, raw=raw, whole=whole, units=units,
        rows=rows.html, title=title(campaign), subtitle=subtitle(campaign),
        closed=words.loop(campaign, campaign.levels) != "Open loop",
        answer=answer.sentences(campaign), claims=outcomes, rule=claims.RULE,
        knee=knee.RULE,
        tally=claims.tally(outcomes),
        measured=[claims.measured(campaign, o) for o in outcomes],
        findings=findings.sentences(campaign), cautions=cautions.sentences(campaign),
        warnings=cautions.warnings(campaign), legend=legend(campaign),
        summary=tables.summary(campaign), costs=tables.costs(campaign),
        thresholds=thresholds.table(campaign), asserted=thresholds.sentence(campaign),
        tuned=tuned.table(campaign), how_tuned=tuned.sentences(campaign),
        pairs=tables.pairs(campaign), variables=marks.variables(campaign.models),
        colours=marks.variables(campaign.models)[len(marks.PAGE):],
        facts=environment.facts(campaign), told=environment.warnings(campaign),
        levels=level_names(campaign), command=command(campaign), css=style(),
        js=Markup("\n".join((HERE / name).read_text("utf-8") for name in SCRIPTS)))


def style():
    return Markup((HERE / "report.css").read_text("utf-8"))


def template(name):
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, trim_blocks=True,
        lstrip_blocks=True, undefined=jinja2.StrictUndefined,
        finalize=finalize).get_template(name)


def level_names(campaign):
    """[[level, its name]] for the page's script."""
    return json.dumps([[str(level), campaign.level(level)]
                       for level in reversed(campaign.levels)])


def finalize(value):
    """No control or bidi mark reaches the page, whoever wrote the text."""
    return units.clean(value) if isinstance(value, str) and not isinstance(
        value, Markup) else value


def title(campaign):
    number = len(campaign.models)
    if campaign.experiment.question:
        return campaign.experiment.question
    return f"{units.plural(number, 'server model')} compared" if number != 1 else (
        f"{units.short(campaign.models[0], 60)}, measured")


def subtitle(campaign):
    host, started = campaign.about("environment", "host"), campaign.about("started")
    when = str(started or "at an unknown time").replace("T", " ")[:16]
    experiment = campaign.experiment
    named = ""
    if experiment.name:
        preset = f" ({experiment.preset})" if experiment.preset else ""
        models = units.plural(len(campaign.models), "model")
        named = f"experiment {experiment.title}{preset}, {models}, "
    return (f"echolab, {named}{when} on {host or 'an unknown host'}: "
            f"{units.plural(len(campaign.trials), 'trial')}, "
            f"{experiment.ticks(campaign.levels)}, "
            f"{units.plural(campaign.rounds, 'round')}")


def legend(campaign):
    """{family: [(model, whether it is on at first, its swatch as SVG)]}"""
    names = {v.light: v.name for v in marks.variables(campaign.models)}
    families = {}
    for model in campaign.models:
        mark = marks.mark(model)
        dash = " ".join(f"{1.7 * x:g}" for x in mark.dash)
        family = families.setdefault(campaign.families.get(model, ""), [])
        family.append((model, model in campaign.chosen, Markup(
            '<svg viewBox="-15 -7 30 14" aria-hidden="true"><g style="stroke:var(--{0});'
            'fill:var(--{0})"><path d="M-14 0H14" stroke-width="1.7" fill="none" '
            'stroke-dasharray="{1}"/><path d="{2}" stroke="none"/></g></svg>').format(
                names[mark.light], dash or "none", marker_path(mark.marker))))
    return families


def marker_path(marker):
    """The outline of a matplotlib marker, 10 units wide, as SVG path data."""
    style = MarkerStyle(marker)
    path = style.get_path().transformed(style.get_transform())
    letters = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}
    parts = []
    for points, kind in path.iter_segments(simplify=False):
        at = "" if kind == 79 else " ".join(
            f"{x * (10 if i % 2 == 0 else -10):.2f}" for i, x in enumerate(points))
        parts.append(letters[int(kind)] + at)
    return "".join(parts)


def command(campaign):
    line = campaign.about("command_line")
    return shlex.join(map(str, line)) if isinstance(line, list) and line else ""


def raw_data(campaign):
    """The data as JSON, packed (gzip, base64), and whether it is the whole."""
    trials = (campaign.trials + campaign.twins + campaign.null_trials + campaign.closed
              + campaign.excluded)
    if len(packed(campaign.manifest, [t.raw for t in trials], 1)) <= 2 * EMBEDDED_AT_MOST:
        text = packed(campaign.manifest, [t.raw for t in trials])
        if len(text) <= EMBEDDED_AT_MOST:
            return Markup(text), True       # to know it of a large one takes seconds
    return Markup(packed(campaign.manifest, [slim(t.raw) for t in trials])), False


def slim(raw):
    """Without its long members."""
    def kept(value):
        return {k: v for k, v in value.items() if k not in LONG} \
            if isinstance(value, dict) else value
    return kept({k: kept(v) if k in ("fairness", "server") else v
                 for k, v in raw.items()})


def packed(manifest, trials, level=9):
    text = json.dumps({"manifest": manifest, "trials": trials}, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), level, mtime=0)).decode()

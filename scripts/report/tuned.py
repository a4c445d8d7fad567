"""What `--tune` tried and chose for each model before the campaign, of its manifest.

The member is absent where nothing was tuned; what is not of its form is overlooked.
"""

from . import metrics
from .tables import Cell, Table, name, number
from .units import NONE, clean, count, sig, times

DEFAULT = "default"


def models(campaign):
    """The rows of models that were tuned."""
    return [row for row in objects(campaign.about("tuned", "models"))
            if isinstance(row.get("model"), str)]


def settings(campaign):
    """{model: what it was told beside the campaign's own, in words}; twins as they are."""
    return {clean(row["model"]): " ".join(words(row.get("arguments"))) or DEFAULT
            for row in models(campaign)}


def sentences(campaign):
    """How it was done, and who was not tuned."""
    rounds, seconds = (campaign.about("tuned", name) for name in ("rounds", "seconds"))
    found = [f"Each model's own knobs were swept before the campaign at the greatest load "
             f"that it serves, one at a time, {count(figure(rounds))} rounds in random "
             f"order on the same CPUs, {count(figure(seconds))} s in all, by "
             f"{metrics.of(str(campaign.about('tuned', 'metric'))).noun}. The best median is "
             "used, for the whole campaign; the default, where that is not better by more "
             "than 2 % and in every round. A setting that left clients without a reply, or "
             "failed, is not taken while another did not."]
    return found + [f"Not tuned: {row['model']}, {row.get('why')}."
                    for row in objects(campaign.about("tuned", "untuned"))
                    if isinstance(row.get("model"), str)]


def table(campaign):
    """A line for each knob of each model."""
    found = Table([("model", ""), ("knob", "option of echo_server"), ("default", ""),
                   ("used", "what the whole campaign ran with"),
                   ("best / default", "by the metric, paired by round"),
                   ("all settings", "the median of each"), ("why", "")])
    metric = metrics.of(str(campaign.about("tuned", "metric")))
    for row in models(campaign):
        for knob in objects(row.get("knobs")):
            found.rows.append((row["model"], "", [
                name(row["model"]), *(Cell(str(knob.get(member))) for member in
                                      ("option", "default", "chosen")),
                ratio_cell(knob.get("ratio")), Cell(tried(knob, metric)),
                Cell(str(knob.get("why")))]))
    return found


def tried(knob, metric):
    """"4 KiB: 3.10 µs, 16 KiB: 3.05 µs, 1 client starved"."""
    return "; ".join(tried_one(one, metric) for one in objects(knob.get("settings")))


def tried_one(setting, metric):
    median = figure(setting.get("median"))
    text = f"{setting.get('setting')}: {NONE if median is None else metric.words(median)}"
    for member, what in (("starved", "without a reply"), ("failed", "trials failed")):
        if figure(setting.get(member)):
            text += f", {count(figure(setting[member]))} {what}"
    return text


def ratio_cell(ratio):
    """The median, and under it the range."""
    found = [figure(ratio.get(member)) if isinstance(ratio, dict) else None
             for member in ("median", "least", "most")]
    if None in found:
        return number(None, NONE)
    return Cell(times(found[0]), found[0], f"{sig(found[1])} – {sig(found[2])}", "number")


def objects(value):
    return [row for row in value if isinstance(row, dict)] if isinstance(
        value, list) else []


def words(value):
    return [clean(word) for word in value if isinstance(word, str)] if isinstance(
        value, list) else []


def figure(value):
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number and abs(value) < 1e300 else None

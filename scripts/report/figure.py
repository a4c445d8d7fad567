"""A figure in all its forms, and the words that figures share."""

from dataclasses import dataclass

from . import tables, words


@dataclass
class Figure:
    """A figure in all its forms; the texts are plain."""
    name: str
    label: str                              # of the link to it
    question: str
    answer: str                             # what is drawn, with units
    caption: str                            # loop, clients, payload, cores, rounds
    how_to_read: str
    svg: str                                # to embed in the page
    svg_file: str
    png: bytes
    table: tables.Table
    fades: bool                             # switched off means thin and grey, not gone


def finish(sheet, campaign, answer, note, how_to_read, table, levels=None):
    """note: of what is drawn; levels: those that are in it, if not all."""
    caption = words.caption(campaign, note, levels)
    svg, svg_file, png = sheet.finish(caption)
    how_to_read += f" ({place_in_the_documentation(sheet.name)})"
    return Figure(sheet.name, label(sheet.name, campaign), sheet.question, answer,
                  caption, how_to_read, svg, svg_file, png, table, sheet.fades)


def place_in_the_documentation(name):
    return f"results/reading.md#{name.replace('_', '-')}"


def label(name, campaign):
    """cpu_by_clients: "CPU by clients", "CPU by level"."""
    text = name.replace("_", " ").replace("cpu", "CPU")
    return text if campaign.experiment.of_clients else text.replace(
        "by clients", "by level").replace("per client", "per connection")


def band(campaign):
    """What a band, or a whisker, is."""
    return "95 % interval of the median" if campaign.rounds >= 6 else (
        "smallest to largest round")


def line_note(campaign):
    return f"Line: median over rounds; band: {band(campaign)}; dashes: every round."


def bar_note(campaign):
    return ("Bar: median over rounds (hollow: clients were starved); whisker: "
            f"{band(campaign)}; dots: every round.")


def one(campaign):
    """Whose memory it is: of an experiment's connections some may be idle."""
    return "client" if campaign.experiment.of_clients else "connection"


def changing(campaign):
    """as clients are added; from no idle connections to 1000 idle connections"""
    first, last = campaign.levels[0], campaign.levels[-1]
    return "as clients are added" if campaign.experiment.of_clients else (
        f"from {campaign.level(first)} to {campaign.level(last)}")


def axis_of(campaign):
    """the number of clients (log scale)"""
    experiment = campaign.experiment
    name = "the number of clients" if experiment.of_clients else experiment.axis
    return name if experiment.scale == "category" else (
        f"{name} ({'log' if experiment.scale == 'log' else 'linear'} scale)")


def is_open(campaign):
    return words.loop(campaign, campaign.levels) == "Open loop"


def loop_note(campaign):
    if is_open(campaign):
        return ("The loop is open: a reply is as late as it is after the moment that its "
                "request was meant for, so a server that stalls pays for all that came "
                "meanwhile.")
    return ("In a closed loop latency and throughput are two views of one thing: clients "
            "= throughput × mean latency. A server that stalls also stops its clients "
            "from asking, so p99 is flattered.")


def scaled(point, metric, factor=1000):
    return [value / factor for value in point.values(metric).values()]

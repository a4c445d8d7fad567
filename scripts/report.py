#!/usr/bin/python3
"""Turns a results folder into one web page and its figures.

    scripts/report.py RESULTS_FOLDER [--output FILE] [--quiet]
    scripts/report.py RESULTS_FOLDER --answer

Reads manifest.json and trials.jsonl (see results/README.md), writes report.html beside
them and figures/*.svg and figures/*.png. The same input gives the same bytes. --answer
writes nothing: it prints the experiment's question, its answer and its claims.
Exit codes: 0 written, 2 wrong usage or bad input, 1 anything else.
"""

import argparse
import os
import pathlib
import sys

from report import answer, data, figures, page


def main():
    options = parse_command_line()
    try:
        campaign = data.load(options.folder)
        if options.answer:
            print(answer.as_text(campaign), end="")
            return 0
        drawn = figures.draw_all(campaign)
        html = page.render(campaign, drawn)
        written = write_all(options, drawn, html)
    except data.BadInput as error:
        print(f"report.py: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"report.py: cannot write {error.filename}: {error.strerror}; "
              "give another place with --output", file=sys.stderr)
        return 1
    if not options.quiet:
        print(written)
    return 0


def parse_command_line():
    parser = argparse.ArgumentParser(
        description="Turns a results folder of echo_compare into one self-contained "
        "web page (report.html) and its figures (figures/*.svg, figures/*.png).")
    parser.add_argument("folder", metavar="RESULTS_FOLDER", type=pathlib.Path,
                        help="holds manifest.json and trials.jsonl")
    parser.add_argument("--output", metavar="FILE", type=pathlib.Path,
                        help="the page (default: RESULTS_FOLDER/report.html)")
    parser.add_argument("--answer", action="store_true",
                        help="print question, answer and claims, and write nothing")
    parser.add_argument("--quiet", action="store_true",
                        help="do not print the path of the page")
    return parser.parse_args()


def write_all(options, drawn, html):
    """Writes the figures, then the page; returns the path of the page."""
    folder = options.folder / "figures"
    folder.mkdir(exist_ok=True)
    for figure in drawn:
        write(folder / f"{figure.name}.svg", figure.svg_file.encode("utf-8"))
        write(folder / f"{figure.name}.png", figure.png)
    path = options.output or options.folder / "report.html"
    write(path, html.encode("utf-8"))
    return path


def write(path, content):
    """Writes beside the target and renames: a reader never sees half a file."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""Turns a results folder into one web page and its figures.

    scripts/report.py RESULTS_FOLDER [--output FILE] [--quiet]
    scripts/report.py RESULTS_FOLDER --answer
    scripts/report.py --index FOLDER [--output FILE] [--quiet]

Reads manifest.json and trials.jsonl (see results/README.md), writes report.html beside
them and figures/*.svg and figures/*.png. The same input gives the same bytes. --answer
writes nothing: it prints the experiment's question, its answer and its claims. --index
writes one page, FOLDER/index.html, about all campaigns whose folders FOLDER holds.
Exit codes: 0 written, 2 wrong usage or bad input, 1 anything else.
"""

import argparse
import os
import pathlib
import sys

from report import answer, data, figures, index, page


def main():
    options = parse_command_line()
    try:
        if options.answer:
            print(answer.as_text(data.load(options.folder)), end="")
            return 0
        written = write_index(options) if options.index else write_report(options)
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
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--answer", action="store_true",
                       help="print question, answer and claims, and write nothing")
    other.add_argument("--index", action="store_true",
                       help="the folder holds those of several campaigns: write one page "
                       "about all of them (index.html)")
    parser.add_argument("--quiet", action="store_true",
                        help="do not print the path of the page")
    return parser.parse_args()


def write_report(options):
    """Writes the figures, then the page; returns the path of the page."""
    campaign = data.load(options.folder)
    drawn = figures.draw_all(campaign)
    html = page.render(campaign, drawn)
    folder = options.folder / "figures"
    folder.mkdir(exist_ok=True)
    for figure in drawn:
        write(folder / f"{figure.name}.svg", figure.svg_file.encode("utf-8"))
        write(folder / f"{figure.name}.png", figure.png)
    path = options.output or options.folder / "report.html"
    write(path, html.encode("utf-8"))
    return path


def write_index(options):
    """Returns the path of the page; what could not be read is on it, and on stderr."""
    entries, notes = index.read(options.folder)
    for note in notes:
        print(f"report.py: {note}", file=sys.stderr)
    path = options.output or options.folder / "index.html"
    write(path, index.render(entries, notes).encode("utf-8"))
    return path


def write(path, content):
    """Writes beside the target and renames: a reader never sees half a file."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)


if __name__ == "__main__":
    sys.exit(main())

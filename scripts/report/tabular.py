"""Rows of text as CSV (RFC 4180), as a Markdown table, or in columns for a terminal."""

import csv
import io

from .units import clean


def as_csv(headers, rows):
    """Numbers in full, None as an empty field."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([headers, *rows])
    return text.getvalue()


def as_markdown(headers, rows, words):
    """words: the places of columns of words; the others are set to the right."""
    marks = ["---" if i in words else "---:" for i in range(len(headers))]
    lines = [" | ".join(map(cell, row)) for row in [headers, marks, *rows]]
    return "".join(f"| {line} |\n" for line in lines)


def cell(text):
    """What a model's name may contain must not end a cell, nor begin a tag or a link."""
    text = clean(text)
    for special in "\\|<[*`":
        text = text.replace(special, "\\" + special)
    return text


def as_columns(headers, rows, words, paint):
    """Aligned, words to the left; paint(row, line) may colour a row's line."""
    widths = [max(len(str(text)) for text in column) for column in zip(headers, *rows)]

    def line(row):
        return "  ".join(str(text).ljust(w) if i in words else str(text).rjust(w)
                         for i, (text, w) in enumerate(zip(row, widths))).rstrip()
    return "\n".join([line(headers), *(paint(row, line(row)) for row in rows)]) + "\n"

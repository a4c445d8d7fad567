"""The rows of a table as HTML, in as few bytes as they need: a page has thousands.

A cell has data-v where it is not sorted by its text. In tables that are filtered a
row says its model and level, and values have all their digits; elsewhere six.
"""

from markupsafe import Markup, escape

from .tables import Table
from .units import clean

CLASSES = {"": "words", "number": "", "verdict": "verdict"}


def html(table: Table, filtered):
    """filtered: whether the page's script looks into the rows."""
    parts, last = [], None
    for model, at, cells in table.rows:
        about = f' data-model="{safe(model)}" data-at="{at}"' if filtered else ""
        step = ' class="level"' if last not in (None, at) else ""
        inside = "".join(cell(c, filtered) for c in cells)
        parts.append(f"<tr{about}{step}>{inside}</tr>")
        last = at
    return Markup("\n".join(parts))


def safe(text):
    return escape(clean(text))


def cell(c, exact):
    note = f"<small>{safe(c.note)}</small>" if c.note else ""
    if c.kind == "model":
        return f'<th scope="row"><bdi>{safe(c.text)}</bdi>{note}</th>'
    title = ""
    if c.kind == "verdict":
        title, note = f' title="{safe(c.note)}"' if c.note else "", ""
    words = CLASSES[c.kind] + (" doubt" if c.kind == "verdict" and c.text != "VALID"
                               else "")
    kind = f' class="{words}"' if words else ""
    return f"<td{kind}{title}{value(c, exact)}>{safe(c.text)}{note}</td>"


def value(c, exact):
    """What the cell is sorted by; "": after all others."""
    if c.value is None:
        return ' data-v=""'
    number = isinstance(c.value, float) and not exact
    text = f"{c.value:.6g}" if number else str(c.value)
    return "" if text == c.text and not c.note else f' data-v="{safe(text)}"'

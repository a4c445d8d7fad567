"""How numbers and names are printed: three significant digits, one unit beside them."""

import math
import unicodedata

THIN = "\u202f"                             # narrow no-break space
NONE = "–"


def sig(value, digits=3):
    """Three significant digits without exponent: 3.10, 12.3, 123 000."""
    if value is None:
        return NONE
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    if rounded and abs(rounded) >= 10 ** (digits - places):   # 9.996 became 10.00
        places -= 1
    if places > 8:
        return f"{value:.2e}"
    return f"{rounded:,.{max(0, places)}f}".replace(",", THIN).replace("-", "−")


def count(value):
    """A whole number with all its digits."""
    return NONE if value is None else f"{int(value):,}".replace(",", THIN)


def plain(value):
    """A tick: no more digits than it has."""
    return f"{value:,.10g}".replace(",", THIN).replace("-", "−")


def unbroken(number, unit):
    """A number with its unit, where there is a number."""
    return number if number == NONE else f"{number}{THIN}{unit}"


def scaled(value, steps):
    if value is None:
        return NONE
    for factor, unit in steps:
        if abs(value) >= factor * 0.9995:
            break
    return f"{sig(value / factor)}{THIN}{unit}"


def duration(ns):
    return scaled(ns, ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1, "ns")))


def memory(size_bytes):
    return scaled(size_bytes, ((2 ** 30, "GiB"), (2 ** 20, "MiB"), (2 ** 10, "KiB"),
                               (1, "B")))


def microseconds(ns):
    return sig(None if ns is None else ns / 1000)


def times(ratio):
    return NONE if ratio is None else f"{sig(ratio)}{THIN}×"


def sig_range(spread, words):
    """16 200 to 18 100 requests/s, n = 3"""
    low, high = words(spread.low), words(spread.high)
    number, _, unit = low.rpartition(" ")
    if number and unit[:1].isalpha() and high.endswith(" " + unit):
        low = number                        # the unit is said once
    return f"{low} to {high}, n = {spread.n}"


def listed(words):
    """a, b and c"""
    words = list(words)
    return ", ".join(words[:-1]) + " and " + words[-1] if words[1:] else "".join(words)


def plural(number, noun):
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def clean(text):
    """Text that cannot break out of a line: control and bidi marks made visible."""
    def safe(c):
        if c in "\n\t":
            return " "
        # Cc control, Cs half a surrogate pair, Cn and U+FFFE: not allowed in XML.
        bad = unicodedata.category(c) in ("Cc", "Cs", "Cn") or c in BIDI
        return "\ufffd" if bad else c
    return "".join(map(safe, str(text)))


BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"


def short(text, length=24):
    """Keeps the beginning and the end, where names differ."""
    text = clean(text)
    if len(text) <= length:
        return text
    tail = length // 3
    return text[:length - tail - 1] + "…" + text[-tail:]

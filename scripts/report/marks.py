"""A model's colour, marker and dash: fixed by its name, the same in every report.

A family shares a hue (those of Okabe and Ito, extended); inside it lightness, marker and
dash differ, so that colour never carries a model alone. A known model has the place that
the catalogue gives it: append new ones at the end of their family. A model that is not in
the catalogue gets a muted colour, marker and dash from a hash of its name. Every colour
has a contrast of at least 3:1 on its theme's paper.
"""

import hashlib
import math
from typing import NamedTuple

PAPER = {"light": "#ffffff", "dark": "#171b21"}

FAMILIES = {                                # hue in degrees and chroma, in OKLCH
    "sequential": (250, 0.0, "iterative"),
    "process": (46, 0.15, "fork_per_client exec_per_client prefork prefork_file_lock "
                "prefork_mutex prefork_fd_passing prefork_adaptive"),
    "thread": (248, 0.13, "thread_per_client prethread thread_pool prefork_threads"),
    "readiness": (160, 0.12, "busy_poll select_loop poll_loop signal_driven epoll_level "
                  "epoll_edge"),
    "many loops": (345, 0.13, "epoll_sharded epoll_prefork acceptor_reactors "
                   "epoll_shared leader_followers"),
    "staged": (80, 0.12, "half_sync_half_async amped seda"),
    "completion": (300, 0.14, "uring uring_multishot uring_sharded"),
    "user-level threads": (210, 0.11, "coroutine fiber"),
    "libraries": (20, 0.12, "asio_loop libevent_loop libuv_loop"),
    "datagram": (118, 0.12, "udp_iterative udp_batched udp_per_request udp_sharded"),
}
SHADES = (0.52, 0.63, 0.38, 0.57, 0.45, 0.65, 0.34, 0.60)      # lightness, light theme
TURNS = (0, 12, -12, -6, 8, -14, 14, 4)                        # of the hue, in degrees
MARKERS = "os^DvPX<>hp8d"
DASHES = ((), (5, 1.6), (1.4, 1.4), (5, 1.4, 1.4, 1.4), (9, 2))   # in line widths


class Mark(NamedTuple):
    light: str                              # colour on white paper
    dark: str                               # colour on dark paper
    marker: str                             # a matplotlib marker
    dash: tuple


def mark(name):
    if name not in PLACES:
        return unlisted(name)
    family, place = PLACES[name]
    hue, chroma, _ = FAMILIES[family]
    first = list(FAMILIES).index(family)
    lightness = SHADES[place % len(SHADES)]
    hue += TURNS[place % len(TURNS)]
    return Mark(light=oklch(lightness, chroma, hue),
                dark=oklch(on_dark(lightness), chroma, hue),
                marker=MARKERS[(first * 3 + place) % len(MARKERS)],
                dash=DASHES[(place + 1 * (place // len(DASHES))) % len(DASHES)])


PLACES = {name: (family, place) for family, (_, _, names) in FAMILIES.items()
          for place, name in enumerate(names.split())}


def unlisted(name):
    """The mark of a server that is not ours, from the bytes of a hash."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    hue, lightness = digest[0] * 360 / 256, SHADES[digest[1] % len(SHADES)]
    return Mark(light=oklch(lightness, 0.08, hue),
                dark=oklch(on_dark(lightness), 0.08, hue),
                marker=MARKERS[digest[2] % len(MARKERS)],
                dash=DASHES[digest[3] % len(DASHES)])


def on_dark(lightness):
    """The lightness on dark paper of a shade: keeps the order of the shades."""
    return 0.62 + (lightness - 0.34) * 0.8


def oklch(lightness, chroma, hue):
    """The sRGB colour '#rrggbb' nearest to this one, with less chroma where needed.

    Source: Ottosson, A perceptual color space for image processing (2020).
    """
    while True:
        a = chroma * math.cos(math.radians(hue))
        b = chroma * math.sin(math.radians(hue))
        l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
        m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
        s = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
        linear = (4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
                  -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
                  -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s)
        if all(-1e-4 <= x <= 1.0001 for x in linear):
            return "#" + "".join(f"{round(255 * gamma(x)):02x}" for x in linear)
        chroma = max(0.0, chroma - 0.004)


def gamma(x):
    x = min(1.0, max(0.0, x))
    return 12.92 * x if x <= 0.0031308 else 1.055 * x ** (1 / 2.4) - 0.055


def luminance(colour):
    """Relative luminance of '#rrggbb', as WCAG defines it."""
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


class Variable(NamedTuple):
    """A CSS variable with its colour on each paper."""
    name: str
    light: str
    dark: str


PAGE = (Variable("paper", PAPER["light"], PAPER["dark"]),
        Variable("ink", "#1b2026", "#e7eaee"),
        Variable("muted", "#5a6470", "#a0aab6"),
        Variable("rule", "#dfe3e8", "#313842"),
        Variable("faint", "#c3c9d1", "#4a535e"),
        Variable("soft", "#f1f3f6", "#20262e"),
        Variable("desk", "#f6f7f9", "#101318"),
        Variable("accent", "#0a5fa8", "#6db7f2"),
        Variable("warn", "#8a4b00", "#f0b45c"))


SHADES_OF_HEAT = 7


def heat(step):
    """A shade of the maps, from little (0) to much: even steps of lightness away from the
    paper, in one hue, so that they are in order for every eye and in grey."""
    share = step / (SHADES_OF_HEAT - 1)
    return Variable(f"heat{step}", oklch(0.90 - 0.63 * share, 0.06 + 0.06 * share, 265),
                    oklch(0.33 + 0.62 * share, 0.12 - 0.06 * share, 265))


HEAT = tuple(map(heat, range(SHADES_OF_HEAT)))
PAGE += HEAT


def variables(models):
    """Those of the page, then one for each colour that the models use."""
    colours = dict.fromkeys((mark(m).light, mark(m).dark) for m in models)
    return PAGE + tuple(Variable(f"m{i}", *pair) for i, pair in enumerate(colours))


INK, MUTED, RULE, FAINT, SOFT = (v.light for v in PAGE[1:6])

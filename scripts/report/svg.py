"""From matplotlib's SVG to ours: one group per model, values as <title>, unique ids.

A drawn artist says what it is in its gid, "panel|model index|part". Neighbours of one
panel and model become <g class="series" data-model="..."> with a readable id.
"""

import collections
import re
import xml.etree.ElementTree as ET

from .marks import FAINT
from .units import short

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
ET.register_namespace("", SVG)
ET.register_namespace("xlink", XLINK)
HREF = f"{{{XLINK}}}href"


NAMED = ("heading", "caption", "ceiling", "limit", "band", "diagonal", "around", "note",
         "scale")
FONT = re.compile(r"font: ?[^;]+")
FADED = ("line", "mark")                    # what is left of a series that is switched off


def tag(name):
    return f"{{{SVG}}}{name}"


def tidy(source, figure, models, tips, off=()):
    """The root element: tips are {gid: one text per drawn mark}, models [(name, id)], off
    the names of those that are switched off at first."""
    root = ET.fromstring(source)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == tag("metadata"):
                parent.remove(child)
        parent.text = parent.text if parent.tag == tag("text") else None
        parent.tail = None
    shapes = {path.get("id"): path for path in root.iter(tag("path")) if path.get("id")}
    for element in list(root.iter(tag("g"))):
        add_titles(element, tips.get(element.get("id"), ()))
        share_style(element)
        join_dashes(element, shapes)
        join_cells(element)
        inline_area(element)
    share_shapes(root)
    for parent in list(root.iter(tag("g"))):
        group_models(parent, figure, models, off)
    shorten_numbers(root)
    shorten_styles(root)
    rename_ids(root, figure)
    return root


def named(model):
    """What the value of a mark begins with."""
    return f"{short(model, 60)}, "


def slugs(models):
    """[(name, the part of an id that stands for it)]; a plain name stands for itself."""
    return [(m, m if re.fullmatch(r"[A-Za-z]\w{0,60}", m, re.ASCII) else f"model-{i}")
            for i, m in enumerate(models)]


def add_titles(group, texts):
    """Gives each mark of the group its value, for the reader's pointer."""
    marks = list(group.iter(tag("use"))) or [
        path for path in group.iter(tag("path")) if path.get("id") is None]
    for mark, text in zip(marks, texts):
        ET.SubElement(mark, tag("title")).text = text


def share_style(group):
    """Says once on the group what each of its marks repeats."""
    marks = [child for child in group if child.tag == tag("use")]
    styles = {mark.get("style") for mark in marks}
    if len(styles) == 1 and None not in styles:
        group.set("style", styles.pop())
        for mark in marks:
            del mark.attrib["style"]


def join_dashes(group, shapes):
    """The dashes of a model's rounds as one path: they are many, and have no value.
    shapes: {id: path}, for panels share them."""
    uses = list(group.iter(tag("use")))
    if not (group.get("id") or "").endswith("|raw") or not uses:
        return
    dash = shapes[uses[0].get(HREF)[1:]]
    ends = re.fullmatch(r"M (\S+) -?0 L -(\S+) -?0", " ".join(dash.get("d").split()))
    if not ends or ends[1] != ends[2]:
        return
    half = float(ends[1])
    joined = " ".join(f"M {float(use.get('x')) - half} {use.get('y')} h {2 * half}"
                      for use in uses)
    for child in list(group):
        group.remove(child)
    ET.SubElement(group, tag("path"), {"d": joined, "style": dash.get("style")})


def join_cells(group):
    """The cells of a map lie beside and above one another: without seams, and a stroke in
    few bytes."""
    for path in group.findall(tag("path")):
        if "|cells" in (group.get("id") or ""):
            strokes = " ".join(path.get("d").split())
            path.set("d", re.sub(r"L (\S+) \S+", r"H \1", strokes))
            path.set("shape-rendering", "crispEdges")


def share_shapes(root):
    """Equal shapes of marks become one, at the root: each mark says its style itself."""
    shared, ids = {}, {}
    for parent in list(root.iter()):
        for defs in parent.findall(tag("defs")):
            for shape in defs.findall(tag("path")):
                style = shape.attrib.pop("style", "")
                join = re.search(r"stroke-linejoin: ?\w+", style)
                if join:                    # a rule for all elements says another one
                    shape.set("style", join[0])
                first = shared.setdefault((shape.get("d"), join and join[0]), shape)
                ids[shape.get("id")] = first.get("id")
                defs.remove(shape)
            if not len(defs):
                parent.remove(defs)
    place = ET.Element(tag("defs"))
    place.extend(shared.values())
    root.insert(0, place)
    for mark in root.iter(tag("use")):
        mark.set(HREF, "#" + ids[mark.get(HREF)[1:]])


def inline_area(group):
    """An area is drawn once: as a path in its place, not as a shape that is used."""
    if not (group.get("id") or "").endswith(("|band", "limit")):
        return
    defs, uses = group.find(tag("defs")), list(group.iter(tag("use")))
    if defs is None or len(uses) != 1 or len(defs) != 1:
        return
    x, y = (float(uses[0].get(name)) for name in "xy")
    place = next(g for g in group.iter(tag("g")) if uses[0] in list(g))
    moved = re.sub(r"(-?[\d.]+) (-?[\d.]+)", lambda m: (
        f"{float(m[1]) + x} {float(m[2]) + y}"), " ".join(defs[0].get("d").split()))
    place.remove(uses[0])
    group.remove(defs)
    ET.SubElement(place, tag("path"), {"d": moved, "style": uses[0].get("style", "")})


def group_models(parent, figure, models, off):
    series, last = None, None
    for child in list(parent):
        parts = (child.get("id") or "").split("|")
        if len(parts) != 3:
            last = None
            continue
        panel, model = int(parts[0]), int(parts[1])
        name, slug = models[model]
        if (panel, model) != last:
            identity = f"{figure}-{slug}" + (f"-{panel + 1}" if panel else "")
            series = ET.Element(tag("g"), {
                "id": identity, "class": "series off" if name in off else "series",
                "data-model": name})
            parent.insert(list(parent).index(child), series)
            last = panel, model
        parent.remove(child)
        child.attrib.pop("id")
        child.set("class", parts[2])
        series.append(child)


def shorten_numbers(root):
    """A tenth of a point is enough for a place, a hundredth for the shape of a mark. A
    turn by 0 degrees is none."""
    small = {path for defs in root.iter(tag("defs")) for path in defs.iter(tag("path"))
             if len(path.get("d", "")) < 600}
    for element in root.iter():
        places = 2 if element in small else 1
        if element.get("transform", "").startswith("rotate(-0 "):
            del element.attrib["transform"]
        for name in ("d", "x", "y", "transform", "width", "height"):
            text = element.get(name)
            if text:
                element.set(name, " ".join(re.sub(
                    r"-?\d+\.\d+", lambda m: shorter(m[0], places), text).split()))


    for line in root.iter(tag("g")):
        for path in line.iter(tag("path")) if line.get("class") == "line" else ():
            path.set("d", without_middles(path.get("d")))


def without_middles(path):
    """A straight part along an axis needs its two ends only, and what follows a point needs
    no letter."""
    points = re.findall(r"([ML]) (\S+) (\S+)", path)
    if " ".join(f"{letter} {x} {y}" for letter, x, y in points) != path:
        return path
    kept = points[:1]
    for (_, x0, y0), (letter, x, y), after in zip(points, points[1:], points[2:]):
        level = any(a == b == c for a, b, c in ((x0, x, after[1]), (y0, y, after[2])))
        if letter == "M" or after[0] == "M" or not level:
            kept.append((letter, x, y))
    kept += points[1:][-1:]
    few = len(kept) < 3                     # as the lines of an axis
    return " ".join(f"{letter} {x} {y}" if few or letter == "M" else f"{x} {y}"
                    for letter, x, y in kept)


def shorten_styles(root):
    """Without spaces, without what goes without saying, and the font that most texts have
    said once."""
    fonts = collections.Counter(FONT.search(text.get("style"))[0]
                                for text in root.iter(tag("text")))
    common = min(fonts, key=lambda font: (-fonts[font], font), default="")
    for element in root.iter():
        style = re.sub(r"([:;]) ", r"\1", element.get("style", ""))
        style = re.sub(r";?(stroke-dashoffset:0|text-anchor:start)(?=;|$)", "", style)
        if element.find(tag("use")) is not None:    # the shape has its own
            style = re.sub(r";?stroke-linejoin:\w+", "", style)
        if element.tag == tag("text"):
            style = style.replace(common, "").strip(";").replace(";;", ";")
        if element.get("style"):
            element.set("style", style)
    if common:
        root.set("style", common)


def shorter(number, places):
    text = f"{float(number):.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def rename_ids(root, figure):
    """Keeps the ids that are referred to, short, and those of the series; unique in the
    page."""
    text = ET.tostring(root, encoding="unicode")
    wanted = [one or other for one, other in
              re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', text)]
    wanted = {identity: f"{figure}.{i}" for i, identity in
              enumerate(dict.fromkeys(wanted))}
    for element in root.iter():
        identity = element.get("id")
        if identity in wanted:
            element.set("id", wanted[identity])
        elif identity and not element.get("class", "").startswith("series"):
            del element.attrib["id"]
            if known := class_of(identity):
                element.set("class", known)
        for name in ("clip-path", HREF):
            if element.get(name):
                element.set(name, re.sub(r"(?<=#)[^)]+", lambda m: wanted[m[0]],
                                         element.get(name)))


def class_of(identity):
    """What the page's script and style look for: matplotlib numbers axes from 1, and has
    one x and one y axis for each."""
    if identity in NAMED:
        return identity
    if re.fullmatch(r"axes_\d+", identity):
        return "panel"
    axis = re.fullmatch(r"matplotlib\.axis_(\d+)", identity)
    return axis and ("xs" if int(axis[1]) % 2 else "ys")


def standalone(root, title, fades):
    """A file of its own, on white paper; what is switched off is thin and grey there."""
    root = ET.fromstring(ET.tostring(root))
    for series in root.iter(tag("g")) if fades else ():
        if series.get("class") == "series off":
            fade(series)
    box = root.get("viewBox").split()
    paper = ET.Element(tag("rect"), {"width": box[2], "height": box[3], "fill": "#fff"})
    root.insert(0, paper)
    heading = ET.Element(tag("title"))
    heading.text = title
    root.insert(0, heading)
    text = ET.tostring(root, encoding="unicode")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + text + "\n"


def fade(series):
    for part in list(series):
        if part.get("class") not in FADED:
            series.remove(part)
    for element in series.iter():
        style = re.sub(r"#(?!ffffff)[0-9a-f]{6}", FAINT, element.get("style", ""))
        if style:
            element.set("style", re.sub(r"stroke-width: ?[\d.]+", "stroke-width: 0.8",
                                        style))


def embedded(root, label, crop, variables):
    """For the page: without heading and caption (crop: points at top and bottom), with
    the colours as variables ({'#rrggbb': name}) so that the theme can change them. Its
    script says the model's name beside each value."""
    root = ET.fromstring(ET.tostring(root))
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == tag("style") or child.get("class") in ("heading", "caption"):
                parent.remove(child)
    for series in root.iter(tag("g")):
        for title in series.iter(tag("title")) if series.get("data-model") else ():
            title.text = title.text.removeprefix(named(series.get("data-model")))
    _, _, width, height = map(float, root.get("viewBox").split())
    top, bottom = crop
    root.set("viewBox", f"0 {top} {width:g} {height - top - bottom:g}")
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-label", label)
    text = ET.tostring(root, encoding="unicode").replace("xlink:href=", "href=")
    text = text.replace(f' xmlns:xlink="{XLINK}"', "")

    def variable(match):
        colour = match[0].lower()
        return f"var(--{variables[colour]})" if colour in variables else colour
    return re.sub(r"(?<=[:\s])#[0-9a-fA-F]{6}(?=[;\"])", variable, text)

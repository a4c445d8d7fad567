#!/usr/bin/python3
"""What a reader can do with a figure: another scale, a part of it, a link, files."""

import base64
import csv
import io
import math
import struct
import unittest
import urllib.parse
import xml.etree.ElementTree as ET

from selenium.webdriver.common.action_chains import ActionChains

import report_campaigns
from report_browser_test import Browser

MARKS = ("return [...document.querySelectorAll(`#fig-${arguments[0]} .panel`)].map(p =>"
         " [...p.querySelectorAll('.series')].map(s => [s.dataset.model,"
         " [...s.querySelectorAll('.median use, .hollow use')].filter(u =>"
         "  u.style.display !== 'none').map(u => Number(u.getAttribute('y')))]))")
TICKS = ("return [...document.querySelectorAll(`#fig-${arguments[0]} .panel`)].map(p =>"
         " [...p.querySelectorAll('.ys > g')].filter(t => t.querySelector('text')).map(t =>"
         "  [Number(t.querySelector('text').textContent.replaceAll('\\u202f', '')),"
         "   Number(t.querySelector('path').getAttribute('d').split(' ')[2])]))")
DRAWING = "return document.querySelector(`#fig-${arguments[0]} svg`).outerHTML"


class Figures(Browser):
    first = "realistic"

    @classmethod
    def write_pages(cls, root):
        return {"realistic": report_campaigns.realistic(root / "realistic")}

    def press(self, figure, text):
        self.js("[...document.querySelectorAll(`#fig-${arguments[0]} .tools button`)]"
                ".find(b => b.textContent === arguments[1]).click()", figure, text)

    def hash(self):
        return urllib.parse.unquote(self.js("return location.hash"))

    # -- scales --------------------------------------------------------------------------

    def values(self, figure, panel=1):
        """{model: its marks' values}, read off the axis as a reader would."""
        ticks = self.js(TICKS, figure)[panel]
        (v0, y0), (v1, y1) = ticks[0], ticks[-1]
        marks = dict(self.js(MARKS, figure)[panel])
        return {m: [v0 + (y - y0) / (y1 - y0) * (v1 - v0) for y in ys]
                for m, ys in marks.items()}

    def test_on_a_linear_scale_the_marks_lie_where_the_axis_says(self):
        self.press("latency", "linear scale from 0")
        ticks = self.js(TICKS, "latency")
        self.assertEqual([panel[0][0] for panel in ticks], [0, 0])
        self.assertEqual(ticks[0], ticks[1], "small multiples have one scale")
        steps = [b[1] - a[1] for a, b in zip(ticks[0], ticks[0][1:])]
        self.assertLess(max(steps) - min(steps), .2)
        shown = self.values("latency")
        tables = self.js(
            "return [...document.querySelectorAll('#fig-latency tbody tr')].map(r =>"
            " [r.cells[1].textContent, Number(r.cells[4].dataset.v)])")
        for model, ys in shown.items():
            wanted = sorted(v / 1000 for m, v in tables if m == model)
            for value, true in zip(sorted(ys), wanted, strict=True):
                self.assertAlmostEqual(value, true, delta=.01 * ticks[0][-1][0])

    def test_on_a_log_scale_equal_ratios_are_equally_high(self):
        self.press("throughput", "log scale")
        (ticks,) = self.js(TICKS, "throughput")
        self.assertGreater(len(ticks), 2)
        (v0, y0), (v1, y1) = ticks[0], ticks[-1]
        for value, y in ticks:
            share = math.log(value / v0) / math.log(v1 / v0)
            self.assertAlmostEqual(y0 - y, share * (y0 - y1), delta=.3)

    def test_there_and_back_is_the_same_drawing(self):
        for figure in ("latency", "throughput", "percentiles", "latency_by_throughput"):
            before, marks = self.js(DRAWING, figure), self.js(MARKS, figure)
            text = self.js("return document.querySelector(`#fig-${arguments[0]} .tools"
                           " button`).textContent", figure)
            self.press(figure, text)
            self.assertNotEqual(self.js(MARKS, figure), marks, figure)
            self.press(figure, "log scale" if text.startswith("linear") else
                       "linear scale from 0")
            self.assertEqual(self.js(MARKS, figure), marks, figure)
            self.assertLess(abs(len(self.js(DRAWING, figure)) / len(before) - 1), .02)

    def test_the_caption_says_what_was_made_of_it(self):
        caption = "return document.querySelector('#fig-latency .caption').textContent"
        self.assertNotIn("Shown", self.js(caption))
        self.press("latency", "linear scale from 0")
        self.assertIn("Shown on a linear scale, from 0.", self.js(caption))
        self.press("latency", "fit")
        self.assertIn("Shown: a part.", self.js(caption))

    # -- a part --------------------------------------------------------------------------

    def drag(self, figure, across, up):
        """Draws a rectangle over these shares of the last panel."""
        box = self.js(
            "const svg = document.querySelector(`#fig-${arguments[0]} svg`);"
            "svg.scrollIntoView({block: 'center'});"
            "const [l, t, r, b] = svg.dataset.panels.split(';').at(-1).split(' ')"
            ".map(Number), m = svg.getScreenCTM();"
            "const at = (x, y) => new DOMPoint(x, y).matrixTransform(m);"
            "const [p, q] = [at(l, t), at(r, b)]; return [p.x, p.y, q.x, q.y]", figure)
        xs = [box[0] + share * (box[2] - box[0]) for share in across]
        ys = [box[3] - share * (box[3] - box[1]) for share in up]
        chain = ActionChains(self.browser, duration=20)
        mouse = chain.w3c_actions.pointer_action
        mouse.move_to_location(round(xs[0]), round(ys[0])).pointer_down()
        mouse.move_to_location(round(xs[1]), round(ys[1])).pointer_up()
        chain.perform()

    def test_a_rectangle_becomes_the_whole_panel_and_is_kept_in_the_link(self):
        before = self.js(TICKS, "throughput")[0]
        self.drag("throughput", (.5, 1), (.5, 1))
        after = self.js(TICKS, "throughput")[0]
        self.assertAlmostEqual(after[-1][0], before[-1][0], delta=.3 * before[-1][0])
        self.assertGreater(after[0][0], .4 * before[-1][0])
        marks = [y for _, ys in self.js(MARKS, "throughput")[0] for y in ys]
        self.assertTrue(marks)
        self.assertRegex(self.hash(), r"view=throughput:linear:0\.(5|49)")
        self.assertEqual(self.js("return document.querySelectorAll('.frame').length"), 0)
        self.open("realistic", self.js("return location.hash"))
        self.assertEqual(self.js(TICKS, "throughput")[0], after)
        self.press("throughput", "whole")
        self.assertEqual(self.js(TICKS, "throughput")[0], before)
        self.assertEqual(self.hash(), "")

    def test_nothing_is_drawn_outside_of_a_part(self):
        self.drag("latency", (.2, .7), (.3, .8))
        outside = self.js(
            "const svg = document.querySelector('#fig-latency svg');"
            "const panels = svg.dataset.panels.split(';').map(p => p.split(' ').map(Number));"
            "return [...svg.querySelectorAll('.panel')].flatMap((g, i) =>"
            " [...g.querySelectorAll(':is(.median, .raw) :is(use, path)')].filter(e => {"
            "  if (e.closest('defs') || e.style.display === 'none') return false;"
            "  const b = e.getBBox(), [l, t, r, d] = panels[i];"
            "  return b.width && (b.x < l - 13 || b.y < t - 9 || b.x + b.width > r + 13"
            "   || b.y + b.height > d + 9); })).length")
        self.assertEqual(outside, 0)

    def test_fit_leaves_out_what_is_switched_off(self):
        self.js("document.querySelector('#legend button[data-model=iterative]').click()")
        self.press("throughput", "fit")
        for model, ys in self.js(MARKS, "throughput")[0]:
            if model != "iterative":
                self.assertEqual(len(ys), 3, model)
        self.assertTrue(self.find("#fig-throughput .tools").text.count("whole"))

    # -- over the window -----------------------------------------------------------------

    def panels(self, figure):
        """[(top, bottom, scale)]"""
        text = self.js("return document.querySelector(`#fig-${arguments[0]} svg`)"
                       ".dataset.panels", figure)
        return [(float(p[1]), float(p[3]), p[4]) for p in map(str.split, text.split(";"))]

    def moved(self, before, after, panels, low):
        """Each mark lies where its own axis, from this share of it on, says."""
        for (top, bottom, _), was, now in zip(panels, before, after, strict=True):
            for (model, ys), (same, zs) in zip(was, now, strict=True):
                self.assertEqual((model, len(ys)), (same, len(zs)))
                for y, z in zip(ys, zs):
                    share = ((bottom - y) / (bottom - top) - low) / (1 - low)
                    self.assertAlmostEqual((bottom - z) / (bottom - top), share,
                                           delta=.01)

    def test_panels_of_two_scales_keep_theirs_where_a_part_is_shown(self):
        panels, before = self.panels("series"), self.js(MARKS, "series")
        self.assertEqual([scale for *_, scale in panels],
                         ["linear", "log", "linear", "log", "log"])
        self.assertEqual({len(ys) for panel in before[:2] for _, ys in panel}, {2})
        self.press("series", "log scale")
        after = self.js(MARKS, "series")
        self.assertNotEqual(after[0], before[0])
        self.moved(before[3:], after[3:], panels[3:], 0)
        self.press("series", "as drawn")
        self.assertEqual(self.js(MARKS, "series"), before)
        self.drag("series", (.005, 1), (.02, 1))
        self.assertRegex(self.hash(), r"view=series:linear:0(\.\d+)?,0\.0[12]")
        self.moved(before, self.js(MARKS, "series"), panels, .02)

    def test_names_in_a_list_close_up_when_one_is_switched_off(self):
        tops = ("return [...document.querySelectorAll('#fig-series .series:not(.off)"
                " .name text')].map(t => t.getBoundingClientRect().top -"
                " t.ownerSVGElement.getBoundingClientRect().top)")
        before = sorted(self.js(tops))
        self.find("#legend button[data-model=select_loop]").click()
        after = sorted(self.js(tops))
        self.assertEqual(len(after), len(before) - 1)
        for new, old in zip(after, before):
            self.assertAlmostEqual(new, old, delta=1)

    def test_a_cell_of_a_map_says_its_share_and_has_the_colours_of_the_theme(self):
        self.js("document.querySelector('#fig-heat_map svg')"
                ".scrollIntoView({block: 'center'})")
        for model in ("epoll_level", "thread_pool"):
            tip, model_there = self.js(
                "const path = document.querySelector("
                "`#heat_map-${arguments[0]} .cells path`);"
                "const [x, y, end] = path.getAttribute('d').match(/[\\d.]+/g)"
                ".map(Number);"
                "const at = new DOMPoint((x + end) / 2, y).matrixTransform("
                "path.getScreenCTM());"
                "const there = document.elementFromPoint(at.x, at.y);"
                "return [there.dataset.tip, there.closest('.series')?.dataset.model]",
                model)
            self.assertEqual(model_there, model)
            self.assertRegex(tip, rf"^{model}, [\d.]+ to [\d.]+ % of the replies of its ")
        colours = ("return [...document.querySelectorAll('#fig-heat_map .cells path')]"
                   ".map(p => getComputedStyle(p).stroke)")
        light = set(self.js(colours))
        self.emulate(1280, "dark")
        self.assertGreater(len(light), 4)
        self.assertEqual(light & set(self.js(colours)), set())

    # -- links ---------------------------------------------------------------------------

    def test_a_link_written_by_hand_says_who_is_on(self):
        self.open("realistic", "#fig=fairness&models=epoll_level,thread_pool")
        on = self.js("return [...document.querySelectorAll('#legend button[data-model]')]"
                     ".filter(b => b.ariaPressed === 'true').map(b => b.dataset.model)")
        self.assertEqual(on, ["thread_pool", "epoll_level"])
        top, room = self.js(
            "return [document.querySelector('#title-fairness').getBoundingClientRect().top,"
            "document.querySelector('#legend').getBoundingClientRect().bottom]")
        self.assertGreaterEqual(top, room - 1, "the legend lies over the title")
        self.assertLess(top, 500)

    def test_a_broken_link_is_the_page_as_it_is(self):
        before = self.js(DRAWING, "latency")
        for state in ("#view=latency:cubic:1,1,0,0", "#view=latency", "#view=;:;nobody:log",
                      "#view=latency:log:NaN,0,1,1", "#off=%E0%A4%A", "#fig=%22%5D"):
            self.open("realistic", state)
            self.assertEqual(self.js(DRAWING, "latency"), before, state)
            self.assertEqual(self.browser.get_log("browser"), [], state)

    def test_the_link_of_a_figure_leads_to_it(self):
        self.press("latency", "linear scale from 0")
        self.press("latency", "link")
        self.assertEqual(self.hash(), "#fig=latency&view=latency:linear")

    # -- files ---------------------------------------------------------------------------

    def saved(self, figure, kind):
        """The bytes and the type of what a button saves."""
        text = self.browser.execute_async_script(
            "const [figure, kind, done] = arguments; URL.createObjectURL = blob => {"
            " const reader = new FileReader(); reader.onload = () => done(reader.result);"
            " reader.readAsDataURL(blob); return '#'; };"
            "HTMLAnchorElement.prototype.click = () => {};"
            "[...document.querySelectorAll(`#fig-${figure} .tools button`)]"
            ".find(b => b.textContent === kind).click()", figure, kind)
        head, _, body = text.partition(",")
        return base64.b64decode(body), head

    def test_svg_is_what_is_shown_with_question_and_caption(self):
        self.js("document.querySelector('#legend button[data-model=select_loop]').click()")
        for theme in ("light", "dark"):
            self.emulate(1280, theme)
            content, head = self.saved("throughput", "SVG")
            self.assertIn("image/svg+xml", head)
            root, text = ET.fromstring(content), content.decode()
            self.assertNotIn("var(", text)
            models = {g.get("data-model") for g in root.iter() if g.get("data-model")}
            self.assertIn("epoll_level", models)
            self.assertNotIn("select_loop", models, theme)
            self.assertIn("How many requests per second", text)
            self.assertIn("Closed loop, 1 to 256 clients, payload 64 B", text)

    def test_png_is_as_large_as_the_drawing_and_not_blank(self):
        content, head = self.saved("throughput", "PNG")
        self.assertIn("image/png", head)
        width, height = struct.unpack(">II", content[16:24])
        self.assertEqual(width, 1440)
        self.assertGreater(height, 700)
        colours = self.browser.execute_async_script(
            "const done = arguments[1], i = new Image(); i.onload = () => {"
            "const c = document.createElement('canvas'); c.width = i.width; c.height ="
            " i.height; const p = c.getContext('2d'); p.drawImage(i, 0, 0);"
            "const d = new Uint32Array(p.getImageData(0, 0, c.width, c.height).data.buffer);"
            "done(new Set(d).size); }; i.src = 'data:image/png;base64,' + arguments[0]",
            base64.b64encode(content).decode())
        self.assertGreater(colours, 100)

    def test_the_new_drawings_are_saved_with_their_colours(self):
        for figure in ("series", "heat_map", "clients", "work_shares"):
            for theme in ("light", "dark"):
                self.emulate(1280, theme)
                content, _ = self.saved(figure, "SVG")
                root = ET.fromstring(content)
                self.assertNotIn("var(", content.decode(), figure)
                models = {g.get("data-model") for g in root.iter() if g.get("data-model")}
                self.assertIn("thread_pool", models, figure)
            content, _ = self.saved(figure, "PNG")
            self.assertGreater(len(content), 10_000, figure)

    def test_csv_of_every_figure_is_its_table(self):
        figures = self.js("return [...document.querySelectorAll('figure')].map(f => "
                          "[f.id.slice(4), f.querySelectorAll('tbody tr').length])")
        for figure, rows in figures:
            content, head = self.saved(figure, "CSV")
            self.assertIn("text/csv", head)
            table = list(csv.reader(io.StringIO(content.decode())))
            self.assertEqual(len(table), rows + 1, figure)
            self.assertEqual({len(row) for row in table}, {len(table[0])}, figure)
            self.assertIn("model", table[0])
        trials = {t["model"]: t for t in self.raw()["trials"] if t["clients"] == 256}
        found = {row[0]: row for row in table}
        self.assertLessEqual(set(trials), {row[table[0].index("model")] for row in table},
                             found)

    def test_values_in_a_csv_are_in_full(self):
        content, _ = self.saved("cpu_by_clients", "CSV")
        for row in csv.DictReader(io.StringIO(content.decode())):
            mine = sorted(t["server"]["cpu_ns_per_request"] for t in self.raw()["trials"]
                          if (t["model"], t["clients"]) == (row["model"],
                                                            int(row["clients"])))
            self.assertAlmostEqual(float(row["CPU/request, µs"]) / mine[1], 1, places=4)


if __name__ == "__main__":
    unittest.main()

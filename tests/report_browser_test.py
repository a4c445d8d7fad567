#!/usr/bin/python3
"""The report in a real browser: Debian's chromium, on file://.

A browser that cannot be started is a failure, never a skip.
"""

import base64
import json
import os
import pathlib
import struct
import tempfile
import unittest

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

import report_campaigns

SCREENSHOTS = pathlib.Path(os.environ.get("ECHOLAB_BIN", "build/release")) / "screenshots"
HIGHEST = 6000                              # of a screenshot, in pixels: the page's begin
FLAGS = ("--headless=new --no-sandbox --disable-gpu --no-first-run "
         "--disable-background-networking --disable-component-update --disable-sync "
         "--disable-quic").split()


def start_browser(profile):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    try:
        return webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    except Exception as error:
        raise AssertionError("chromium does not start; apt-get install chromium "
                             f"chromium-driver: {error}") from error


class Browser(unittest.TestCase):
    """One browser for the pages that write_pages makes; first: the one that is open."""
    first = ""

    @classmethod
    def write_pages(cls, root):
        """{name: results folder} or {name: page}"""
        return {}

    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        cls.addClassCleanup(temporary.cleanup)
        root = pathlib.Path(temporary.name)
        cls.pages = {}
        for name, place in cls.write_pages(root).items():
            if place.is_dir():
                done = report_campaigns.run(place)
                assert done.returncode == 0, done.stderr
                place = place / "report.html"
            cls.pages[name] = place.as_uri()
        cls.browser = start_browser(root / "profile")
        cls.addClassCleanup(cls.browser.quit)

    def setUp(self):
        self.emulate(1280, "light")
        self.open(self.first)

    def open(self, name, state="", script=True):
        self.browser.get("about:blank")
        self.browser.get_log("performance")
        self.browser.get_log("browser")
        self.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled",
                                     {"value": not script})
        self.browser.get(self.pages[name] + state)
        self.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled",
                                     {"value": False})

    def emulate(self, width, theme="light", media=""):
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600})
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "media": media,
            "features": [{"name": "prefers-color-scheme", "value": theme}]})

    def js(self, code, *arguments):
        return self.browser.execute_script(code, *arguments)

    def find(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def raw(self):
        return report_campaigns.raw_of(self.browser.page_source)

    def screenshot(self, width):
        """The page from its begin, as a PNG."""
        height = self.js("return document.documentElement.scrollHeight")
        found = self.browser.execute_cdp_cmd("Page.captureScreenshot", {
            "captureBeyondViewport": True, "clip": {
                "x": 0, "y": 0, "width": width, "height": min(height, HIGHEST), "scale": 1}})
        return base64.b64decode(found["data"])

    def boxes(self):
        """[figure, width, height] of what each figure has drawn."""
        return self.js("return [...document.querySelectorAll('figure')].map(f => {"
                       "const b = f.querySelector('svg .series').getBoundingClientRect();"
                       "return [f.id, b.width, b.height]; })")


class Everywhere:
    """What holds on every page; of those that are to be looked at by eye there are
    pictures afterwards, in the build folder."""
    pictured = ()

    def test_pictures_are_kept_in_both_themes_wide_and_narrow(self):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        for name in self.pictured:
            for width in (1280, 400):
                taken = {}
                for theme in ("light", "dark"):
                    self.emulate(width, theme)
                    self.open(name)
                    taken[theme] = self.screenshot(width)
                    path = SCREENSHOTS / f"{name}-{width}-{theme}.png"
                    path.write_bytes(taken[theme])
                    self.assertEqual(struct.unpack(">I", taken[theme][16:20]), (width,))
                    self.assertGreater(len(taken[theme]), 20_000, path)
                self.assertNotEqual(*taken.values())

    def test_no_error_on_the_console_and_nothing_fetched(self):
        for name, page in self.pages.items():
            with self.subTest(page=name):
                self.open(name)
                self.assertEqual(self.browser.get_log("browser"), [])
                wanted = [json.loads(entry["message"])["message"]
                          for entry in self.browser.get_log("performance")]
                urls = {m["params"]["request"]["url"] for m in wanted
                        if m["method"] == "Network.requestWillBeSent"}
                self.assertLessEqual(urls, {page, "data:,"})

    def test_no_horizontal_scroll(self):
        for name in self.pages:
            for width in (320, 375, 768, 1280, 2560):
                with self.subTest(page=name, width=width):
                    self.emulate(width)
                    self.open(name)
                    self.assertLessEqual(
                        self.js("return document.documentElement.scrollWidth"), width)


def partial(folder):
    """A campaign whose runner was killed in its second round, in the midst of a line."""
    models = ["epoll_level", "select_loop"]
    lines = [report_campaigns.watched(report_campaigns.trial(m, c, r, 0)) for r in (0, 1)
             for c in (1, 16) for m in models if (r, c) != (1, 16)]
    about = report_campaigns.manifest(models, [1, 16], 9, finished=None, partial=True)
    report_campaigns.write(folder, about, lines)
    with open(folder / "trials.jsonl", "ab") as file:
        file.write(b'{"schema_version": 1, "mod')
    return folder


def single_point(folder):
    return report_campaigns.campaign(folder, {"epoll_level": {}}, clients=[1], rounds=1)


def one_failed(folder):
    """One of three servers had no trial that gave a figure."""
    models = ["epoll_level", "select_loop", "mine"]
    lines = [report_campaigns.failed(m, c, r, 0) if m == "mine" else
             report_campaigns.watched(report_campaigns.trial(m, c, r, 0))
             for r in (0, 1) for c in (1, 16) for m in models]
    about = report_campaigns.manifest(models, [1, 16], 2)
    return report_campaigns.write(folder, about, lines)


class BrowserTest(Everywhere, Browser):
    first = "realistic"
    pictured = ("realistic", "one_failed")

    @classmethod
    def write_pages(cls, root):
        empty = report_campaigns.write(root / "empty",
                                       report_campaigns.manifest([], [], 0), [])
        makers = (report_campaigns.realistic, report_campaigns.catalogue,
                  report_campaigns.hostile, partial, single_point, one_failed)
        return {"empty": empty, **{make.__name__: make(root / make.__name__)
                                   for make in makers}}

    def test_little_data_has_its_figures_and_says_what_is_missing(self):
        for name, words in (("partial", "partial run: 6 of 36"),
                            ("single_point", "nothing is compared"),
                            ("one_failed", "4 of 12 trials failed")):
            self.open(name)
            self.assertIn(words, self.find("section.lead").text)
            boxes = self.boxes()
            self.assertGreater(len(boxes), 4, name)
            for figure, width, height in boxes:
                self.assertTrue(width > 3 and height > 3, (name, figure, width, height))
        self.assertEqual(self.js("return document.querySelectorAll("
                                 "'.series[data-model=mine]').length"), 0)
        self.assertIn("signal 11", self.js("return document.querySelector("
                                           "'#summary-table td.doubt').title"))

    def test_every_figure_is_drawn(self):
        boxes = self.boxes()
        self.assertEqual(len(boxes), report_campaigns.FIGURES)
        for name, width, height in boxes:
            self.assertTrue(width > 50 and height > 5, (name, width, height))
        sizes = self.js("return [...document.querySelectorAll('figure svg .series')]"
                        ".map(s => s.getBoundingClientRect()).map(b => b.width + "
                        "b.height)")
        self.assertGreater(min(sizes), 4)

    def test_a_switch_hides_a_model_in_all_figures_and_is_kept_in_the_link(self):
        hidden = ("return [...document.querySelectorAll('.series')].filter(s =>"
                  " getComputedStyle(s).display === 'none').map(s => s.dataset.model)")
        drawn = self.js("return document.querySelectorAll("
                        "'.series[data-model=select_loop]').length")
        self.assertGreaterEqual(drawn, 12)
        self.find("#legend button[data-model=select_loop]").click()
        self.assertEqual(self.js(hidden), ["select_loop"] * drawn)
        self.assertIn("off=select_loop", self.js("return location.hash"))
        state = self.js("return location.hash")
        self.open("realistic", state)
        self.assertEqual(self.js(hidden), ["select_loop"] * drawn)
        self.assertEqual(self.find("#legend button[data-model=select_loop]")
                         .get_attribute("aria-pressed"), "false")
        self.find("#legend button[data-model=select_loop]").click()
        self.assertEqual(self.js(hidden), [])

    # -- many models -------------------------------------------------------------------

    HOW = ("const s = document.getElementById(arguments[0]);"
           "const line = s.querySelector('.line path'), name = s.querySelector('.name');"
           "const style = getComputedStyle(line);"
           "return [getComputedStyle(s).display !== 'none', style.stroke,"
           " parseFloat(style.strokeWidth), getComputedStyle(name).display !== 'none']")

    def drawn_as(self, model, figure="cpu_by_clients"):
        """(is it there, colour, width, is it named) of a line."""
        return self.js(self.HOW, f"{figure}-{model}")

    def on(self):
        return self.js("return [...document.querySelectorAll('#legend button[data-model]')]"
                       ".filter(b => b.ariaPressed === 'true').map(b => b.dataset.model)")

    def preset(self, text):
        self.js("[...document.querySelectorAll('#legend .presets button')].find("
                "b => b.textContent === arguments[0]).click()", text)

    def test_of_many_the_best_of_each_family_are_in_colour_and_named(self):
        for script in (True, False):
            with self.subTest(script=script):
                self.open("catalogue", script=script)
                on = self.on()
                self.assertIn("epoll_level", on)
                self.assertTrue(10 <= len(on) <= 12, on)
                _, colour, width, named = self.drawn_as("epoll_level")
                self.assertTrue(named)
                for faint in ("select_loop", "seda", "prefork"):
                    there, its_colour, its_width, named = self.drawn_as(faint)
                    self.assertTrue(there)
                    self.assertFalse(named)
                    self.assertNotEqual(its_colour, colour)
                    self.assertLess(its_width, width)
                self.assertEqual(self.drawn_as("seda")[1], self.drawn_as("prefork")[1])

    def test_of_many_each_can_be_switched_on_and_the_others_hidden(self):
        self.open("catalogue")
        before = self.on()
        self.find("#legend button[data-model=seda]").click()
        there, colour, width, named = self.drawn_as("seda")
        self.assertTrue(there and named and width > 1)
        self.assertNotEqual(colour, self.drawn_as("prefork")[1])
        self.preset("others in grey")
        self.assertFalse(self.drawn_as("prefork")[0])
        state = self.js("return location.hash")
        self.open("catalogue", state)
        self.assertEqual(set(self.on()), {*before, "seda"})
        self.assertFalse(self.drawn_as("prefork")[0])
        self.preset("others in grey")
        self.preset("best of each family")
        self.assertEqual(self.on(), before)
        self.assertEqual(self.js("return location.hash"), "")

    def test_of_many_all_have_a_line_over_the_window_and_a_few_have_maps(self):
        self.open("catalogue")
        there, _, width, named = self.drawn_as("seda", "series")
        self.assertTrue(there and not named)
        self.assertLess(width, self.drawn_as("epoll_level", "series")[2])
        self.assertIn("replies/s", self.js("return document.querySelector("
                                           "'#series-seda .line path').dataset.tip"))
        self.find("#legend button[data-model=seda]").click()
        self.assertTrue(self.drawn_as("seda", "series")[3])
        maps = self.js("return [...document.querySelectorAll('#fig-heat_map .series')]"
                       ".map(s => s.dataset.model)")
        self.assertTrue(8 < len(maps) <= 12, maps)

    def test_a_family_is_switched_as_one(self):
        self.open("catalogue")
        button = self.find("#legend button[data-family='many loops']")
        members = {"epoll_sharded", "epoll_prefork", "acceptor_reactors", "epoll_shared",
                   "leader_followers"}
        self.assertEqual(button.get_attribute("aria-pressed"), "mixed")
        button.click()
        self.assertLessEqual(members, set(self.on()))
        self.assertEqual(button.get_attribute("aria-pressed"), "true")
        button.click()
        self.assertFalse(members & set(self.on()))
        self.assertEqual(button.get_attribute("aria-pressed"), "false")

    def test_names_beside_the_lines_never_overlap(self):
        self.open("catalogue")
        tops = ("return [...document.querySelectorAll("
                "'#fig-throughput .series:not(.off) .name text')]"
                ".map(t => t.getBoundingClientRect().top).sort((a, b) => a - b)")
        for more in ((), ("prefork", "seda", "poll_loop", "uring"), "all"):
            if more == "all":
                self.preset("all")
            for model in more if more != "all" else ():
                self.find(f"#legend button[data-model={model}]").click()
            found = self.js(tops)
            self.assertEqual(len(found), len(self.on()))
            gaps = [b - a for a, b in zip(found, found[1:])]
            self.assertGreater(min(gaps), 6 if more == "all" else 11, more)

    def test_all_and_none(self):
        self.open("catalogue")
        self.preset("all")
        self.assertEqual(len(self.on()), 38)
        self.preset("none")
        self.assertEqual(self.on(), [])
        self.assertEqual(self.find("#shown").text, "(0 of 38 in colour)")

    def test_a_faint_line_is_named_under_the_pointer(self):
        self.open("catalogue")
        mark = self.find("#cpu_by_clients-udp_per_request .median use")
        self.js("arguments[0].scrollIntoView({block: 'center'})", mark)
        ActionChains(self.browser).move_to_element(mark).perform()
        self.assertIn("udp_per_request, 1 client: ", self.find("#tip").text)
        self.assertGreater(self.drawn_as("udp_per_request")[2], 1)

    def test_the_summary_is_filtered_by_model_and_by_family(self):
        self.open("catalogue")
        shown = ("return [...document.querySelectorAll('#summary-table tbody tr')]"
                 ".filter(r => r.offsetHeight).map(r => r.dataset.model)")
        for words, models in (("staged", {"half_sync_half_async", "amped", "seda"}),
                              ("many loops prefork", {"epoll_prefork"}),
                              ("nobody", set())):
            field = self.find("#levels input")
            field.clear()
            field.send_keys(words)
            self.assertEqual(set(self.js(shown)), models)
        field.clear()
        field.send_keys("uring_sh")
        self.find("#levels button[value='100']").click()
        self.assertEqual(self.js(shown), ["uring_sharded"])
        self.open("catalogue", self.js("return location.hash"))
        self.assertEqual(self.js(shown), ["uring_sharded"])

    def test_the_pairs_can_be_sorted_and_filtered(self):
        self.open("catalogue")
        shown = ("return [...document.querySelectorAll('#pairs-table tbody tr')]"
                 ".filter(r => r.offsetHeight).map(r => r.cells[0].textContent)")
        self.assertGreater(len(set(self.js(shown))), 3)
        self.find("#pairs-filter input").send_keys("dispatch")
        self.assertEqual(set(self.js(shown)), {"dispatch"})
        self.find("#pairs-table thead th:last-child button").click()
        values = self.js("return [...document.querySelectorAll('#pairs-table tbody tr')]"
                         ".map(r => r.lastElementChild.dataset.v).filter(v => v)"
                         ".map(Number)")
        self.assertEqual(values, sorted(values))

    def test_hostile_names_survive_the_link(self):
        self.open("hostile")
        for button in self.browser.find_elements(By.CSS_SELECTOR,
                                                 "#legend button[data-model]"):
            button.click()
        self.open("hostile", self.js("return location.hash"))
        self.assertEqual(self.js("return [...document.querySelectorAll('.series')].filter"
                                 "(s => getComputedStyle(s).display !== 'none').length"),
                         0)
        self.assertEqual(self.js("return document.images.length"), 0)

    def test_the_pointer_shows_the_value(self):
        mark = self.find("#throughput-epoll_level .median use:last-of-type")
        self.js("arguments[0].scrollIntoView({block: 'center'})", mark)
        ActionChains(self.browser).move_to_element(mark).perform()
        tip = self.find("#tip")
        self.assertTrue(tip.is_displayed())
        self.assertIn("epoll_level, ", tip.text)
        self.assertIn("requests/s (", tip.text)
        cell = self.js("return [...document.querySelectorAll('#fig-throughput tbody tr')]"
                       ".find(r => r.cells[0].textContent === '256' && "
                       "r.cells[1].textContent === 'epoll_level').cells[2].textContent")
        self.assertIn(cell, self.js("return [...document.querySelectorAll("
                                    "'#throughput-epoll_level .median use')]"
                                    ".map(u => u.dataset.tip).join()"))

    def test_a_click_on_a_heading_sorts(self):
        self.js("document.querySelector('#summary-table').scrollIntoView()")
        column = 6                          # requests/s
        values = (f"return [...document.querySelectorAll('#summary-table tbody tr')]"
                  f".map(r => Number(r.cells[{column}].dataset.v))")
        button = f"#summary-table thead th:nth-child({column + 1}) button"
        self.find(button).click()
        self.assertEqual(self.js(values), sorted(self.js(values)))
        self.find(button).click()
        self.assertEqual(self.js(values), sorted(self.js(values), reverse=True))
        self.assertEqual(self.find(f"#summary-table thead th:nth-child({column + 1})")
                         .get_attribute("aria-sort"), "descending")

    COLUMNS = ("return [...document.querySelectorAll('#summary-table thead th')]"
               ".filter(h => h.offsetWidth).map(h => h.textContent)")
    CELLS = ("return [...document.querySelectorAll('#summary-table tbody tr')].map(r =>"
             " r.cells[arguments[0]].dataset.v)")

    def test_more_columns_are_there_when_they_are_asked_for_and_kept_in_the_link(self):
        few = self.js(self.COLUMNS)
        self.assertFalse({"p90", "p99.9", "max", "errors"} & set(few))
        self.find("#columns button").click()
        every = self.js(self.COLUMNS)
        self.assertLessEqual({"p90", "p99.9", "max", "errors"}, set(every))
        self.assertEqual(len(every), len(few) + 4)
        state = self.js("return location.hash")
        self.assertEqual(state, "#columns=all")
        self.emulate(320)
        self.open("realistic", state)
        self.assertEqual(self.js(self.COLUMNS), every)
        self.assertLessEqual(self.js("return document.documentElement.scrollWidth"), 320)
        self.emulate(1280)
        self.find("#columns button").click()
        self.assertEqual(self.js(self.COLUMNS), few)
        self.assertEqual(self.js("return location.hash"), "")

    def test_every_column_is_sorted_by_its_values(self):
        self.find("#columns button").click()
        heads = self.js(self.COLUMNS)
        for name in ("p90", "p99.9", "max", "errors"):
            place = heads.index(name)
            button = f"#summary-table thead th:nth-child({place + 1}) button"
            self.js("document.querySelector(arguments[0]).click()", button)
            values = [float(v) for v in self.js(self.CELLS, place) if v]
            self.assertEqual(values, sorted(values), name)
        place = heads.index("max")
        trials = self.raw()["trials"]
        shown = self.js("return [...document.querySelectorAll('#summary-table tbody tr')]"
                        ".map(r => [r.dataset.model, Number(r.dataset.at),"
                        " Number(r.cells[arguments[0]].dataset.v)])", place)
        self.assertEqual(len(shown), 18)
        for model, clients, longest in shown:
            self.assertEqual(longest, max(t["latency_ns"]["max"] for t in trials
                                          if (t["model"], t["clients"]) == (model, clients)))

    def test_one_load_at_a_time(self):
        self.find("#levels button[value='16']").click()
        shown = self.js("return [...document.querySelectorAll('#summary-table tbody tr')]"
                        ".filter(r => r.offsetHeight).map(r => r.dataset.at)")
        self.assertEqual(shown, ["16"] * 6)

    def test_numbers_in_the_page_are_those_of_the_data(self):
        trials = self.raw()["trials"]
        rows = self.js("return [...document.querySelectorAll('#summary-table tbody tr')]"
                       ".map(r => [r.dataset.model, Number(r.dataset.at),"
                       " ...[3, 6].map(i => [r.cells[i].dataset.v,"
                       " r.cells[i].firstChild.textContent])])")
        self.assertEqual(len(rows), 18)
        for model, clients, cpu, rate in rows:
            mine = [t for t in trials if (t["model"], t["clients"]) == (model, clients)]
            for (value, text), wanted, scale in (
                    (cpu, [t["server"]["cpu_ns_per_request"] for t in mine], 1000),
                    (rate, [t["requests_per_second"] for t in mine], 1)):
                median = sorted(wanted)[1]
                self.assertEqual(float(value), median)
                shown = float(text.replace("\u202f", "").lstrip("≥≈ "))
                self.assertAlmostEqual(shown / (median / scale), 1, delta=0.005)

    def test_downloads_are_the_data(self):
        whole, csv = self.browser.execute_async_script(
            "const done = arguments[0], texts = {}; URL.createObjectURL = b => {"
            "b.text().then(text => { texts[b.type] = text;"
            "if (Object.keys(texts).length === 2)"
            "  done([texts['application/json'], texts['text/csv']]); }); return '#'; };"
            "document.querySelectorAll('#downloads button').forEach(b => b.click())")
        self.assertEqual(len(json.loads(whole)["trials"]), 54)
        lines = csv.strip().split("\r\n")
        self.assertEqual(len(lines), 55)
        self.assertIn("server.cpu_ns_per_request", lines[0])

    def test_dark_and_print(self):
        paper = ("const style = s => getComputedStyle(document.querySelector(s));"
                 "return style('figure').backgroundColor +"
                 "style('#cpu_per_request-epoll_level path').fill")
        light = self.js(paper)
        self.emulate(1280, "dark")
        self.assertNotEqual(self.js(paper), light)
        self.emulate(1280, "dark", "print")
        self.assertEqual(self.js(paper), light)
        self.assertFalse(self.find("#legend").is_displayed())

    def test_whole_without_script(self):
        self.open("realistic", script=False)
        self.assertEqual(self.js("return document.querySelectorAll('#levels "
                                 "button').length"),
                         0, "the page's script ran")
        self.assertEqual(len([b for b in self.boxes() if b[1] > 50 and b[2] > 5]),
                         report_campaigns.FIGURES)
        self.assertEqual(len(self.browser.find_elements(
            By.CSS_SELECTOR, "#summary-table tbody tr")), 18)
        self.assertIn("p99.9", self.js(self.COLUMNS), "nothing could ask for it")
        self.assertGreater(self.js("return document.querySelectorAll('svg "
                                   "title').length"),
                           100)

    def test_keyboard_and_names_for_all(self):
        nameless = self.js(
            "return [...document.querySelectorAll('button, svg[role=img], [role=region],"
            " [role=group]')].filter(e => !(e.getAttribute('aria-label') ||"
            " e.textContent.trim())).length")
        self.assertEqual(nameless, 0)
        button = self.find("#legend button[data-model]")
        button.send_keys(" ")
        self.assertEqual(button.get_attribute("aria-pressed"), "false")
        self.assertEqual(self.js("return document.querySelectorAll("
                                 "'th:not([scope])').length"), 0)


if __name__ == "__main__":
    unittest.main()

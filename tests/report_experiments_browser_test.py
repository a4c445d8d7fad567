#!/usr/bin/python3
"""The reports of experiments, and the page about all of them, in a real browser."""

import statistics
import unittest
import urllib.parse

from selenium.webdriver.common.by import By

import experiment_campaigns as campaigns
import report_campaigns
from report_browser_test import Browser, Everywhere

EXPERIMENTS = ("idle_crowd", "overload", "memory", "burst", "transports")


class ExperimentsInBrowser(Everywhere, Browser):
    first = "idle_crowd"
    pictured = ("idle_crowd", "index")

    @classmethod
    def write_pages(cls, root):
        folders = {name: campaigns.write(root / name, name, watch=True)
                   for name in EXPERIMENTS}
        folders["hostile"] = campaigns.hostile(root / HOSTILE_FOLDER)
        for folder in folders.values():
            done = report_campaigns.run(folder)
            assert done.returncode == 0, done.stderr
        done = report_campaigns.run("--index", root)
        assert done.returncode == 0, done.stderr
        return {**{name: folder / "report.html" for name, folder in folders.items()},
                "index": root / "index.html"}

    def medians(self, metric, at):
        """{model: {round: value}} of the data that the page carries."""
        found = {}
        for trial in self.raw()["trials"]:
            if trial["at"] == at:
                found.setdefault(trial["model"], {})[trial["round"]] = metric(trial)
        return found

    def ratios(self, at, base="epoll_level"):
        """{model: median of the rounds' ratios of CPU to the baseline}"""
        cpu = self.medians(lambda t: t["server"]["cpu_ns_per_request"], at)
        return {model: statistics.median(v / cpu[base][r] for r, v in values.items())
                for model, values in cpu.items()}

    # -- the report of one ---------------------------------------------------------------

    def test_every_figure_is_drawn(self):
        for name in EXPERIMENTS:
            self.open(name)
            boxes = self.boxes()
            self.assertGreater(len(boxes), 9, name)
            window = {"fig-series", "fig-heat_map", "fig-clients"}
            self.assertEqual(window & {figure for figure, *_ in boxes},
                             window - {"fig-clients"} if name == "memory" else window,
                             f"{name}; a lone client shares with nobody")
            for figure, width, height in boxes:
                self.assertTrue(width > 3 and height > 3, (name, figure, width, height))
            sizes = self.js("return [...document.querySelectorAll('figure svg .series')]"
                            ".map(s => s.getBoundingClientRect())"
                            ".map(b => b.width + b.height)")
            self.assertGreater(min(sizes), 4, name)

    def test_ratios_and_claims_in_the_page_are_those_of_the_data(self):
        ratios = self.ratios(1000)
        shown = self.js(
            "return [...document.querySelectorAll('#fig-ratios tbody tr')].map(r =>"
            " [r.cells[0].textContent, Number(r.cells[1].dataset.v)])")
        self.assertEqual(len(shown), 8)
        for model, value in shown:
            self.assertAlmostEqual(value / ratios[model], 1, places=5)
        claim = self.find("#claims [data-outcome='same order']")
        self.assertAlmostEqual(float(claim.get_attribute("data-ratio")),
                               ratios["select_loop"], places=9)
        self.assertIn(f"{ratios['select_loop']:.2f} (", claim.text)
        self.assertIn(f"{ratios['uring']:.3f} times that of epoll_level",
                      self.find("#answer").text)

    def test_the_ceiling_is_drawn_as_high_as_it_was_measured(self):
        rates = self.medians(lambda t: t["requests_per_second"], 0)
        ceiling = statistics.median(rates["null_responder"].values())
        uring = statistics.median(rates["uring"].values())
        place = ("const svg = document.querySelector('#fig-throughput svg');"
                 "const y = s => Number(svg.querySelector(s).getAttribute('d')"
                 ".match(/-?[\\d.]+/g)[1]);")
        high, low, zero = self.js(
            place + "return [y('.ceiling path'), y('#throughput-uring .line path'),"
            "Math.max(...[...svg.querySelectorAll('path')].map(p => p.getAttribute('d')"
            ".match(/^M [\\d.]+ ([\\d.]+) L [\\d.]+ \\1$/)).filter(m => m)"
            ".map(m => Number(m[1])))]")
        self.assertAlmostEqual((zero - high) / (zero - low), ceiling / uring, delta=.01)

    def test_a_level_has_its_name_on_its_button_and_is_kept_in_the_link(self):
        names = [b.text for b in self.browser.find_elements(By.CSS_SELECTOR,
                                                            "#levels button")]
        self.assertEqual(names, ["all loads", "1000 idle connections",
                                 "100 idle connections", "10 idle connections",
                                 "no idle connections"])
        self.find("#levels button[value='0']").click()
        shown = ("return [...document.querySelectorAll('#summary-table tbody tr')]"
                 ".filter(r => r.offsetHeight).map(r => r.dataset.at)")
        self.assertEqual(self.js(shown), ["0"] * 8)
        state = self.js("return location.hash")
        self.assertEqual(state, "#at=0")
        self.open("idle_crowd", state)
        self.assertEqual(self.js(shown), ["0"] * 8)

    def test_dark_and_print(self):
        paper = ("const style = s => getComputedStyle(document.querySelector(s));"
                 "return [style('.lead').backgroundColor, style('.claims .outcome').color,"
                 "style('.ceiling path').stroke, style('#fig-ratios .band path').fill]")
        light = self.js(paper)
        self.emulate(1280, "dark")
        for a, b in zip(light, self.js(paper)):
            self.assertNotEqual(a, b)
        self.emulate(1280, "dark", "print")
        self.assertEqual(self.js(paper), light)
        self.assertTrue(self.find("#claims").is_displayed())

    def test_whole_without_script(self):
        for name in (*EXPERIMENTS, "index"):
            self.open(name, script=False)
            if name == "index":
                self.assertEqual(len(self.browser.find_elements(
                    By.CSS_SELECTOR, "#decision-table tbody tr")), 12)
                continue
            self.assertEqual(self.js("return document.querySelectorAll("
                                     "'#levels button').length"), 0, "the script ran")
            self.assertTrue(self.find("#answer").is_displayed())
            self.assertGreater(min(b[1] for b in self.boxes()), 3, name)

    def test_hostile_words_stay_words(self):
        for name in ("hostile", "index"):
            self.open(name)
            self.assertEqual(self.js("return document.images.length"), 0)
            self.assertEqual(self.js("return document.scripts.length"),
                             0 if name == "index" else 2)
            text = self.js("return document.body.textContent")
            self.assertIn("<img src=x onerror=alert(1)>", text)
            self.assertIn("</script><script>alert(2)</script>", text)
            self.assertIn("{{ 7*7 }}", text)
            self.assertNotIn("\u202e", text)
        self.open("hostile")
        for button in self.browser.find_elements(By.CSS_SELECTOR, "#levels button"):
            button.click()
            self.assertEqual(button.get_attribute("aria-pressed"), "true")

    # -- the page about all of them ------------------------------------------------------

    def test_every_link_leads_to_its_report(self):
        self.open("index")
        links = self.js("return [...document.querySelectorAll('article h3 a')].map(a =>"
                        " [a.textContent, a.href])")
        self.assertEqual(len(links), len(EXPERIMENTS) + 1)
        self.assertIn(urllib.parse.quote(HOSTILE_FOLDER), " ".join(l for _, l in links))
        for text, link in links:
            self.browser.get(link)
            self.assertEqual(self.find("h1").get_attribute("textContent"), text)

    def test_numbers_of_the_table_are_those_of_the_data(self):
        ratios = self.ratios(1000)
        cpu = self.medians(lambda t: t["server"]["cpu_ns_per_request"], 1000)
        over = {m: [v / cpu["uring"][r] for r, v in values.items()]
                for m, values in cpu.items()}
        least = {m: sorted(values)[0] for m, values in over.items()}   # of 8: the interval
        self.assertLess(ratios["uring"], 1)
        self.open("index")
        row = self.find("#decision-table tr[data-experiment=idle_crowd]")
        self.assertEqual(row.find_element(By.CSS_SELECTOR, ".best code").text, "uring")
        median = statistics.median(cpu["uring"].values()) / 1000
        self.assertIn(f"{median:.2f}", row.find_element(By.CSS_SELECTOR, ".best").text)
        dear = row.find_element(By.CSS_SELECTOR, ".dear").text
        for model in ("select_loop", "poll_loop"):
            self.assertIn(f"{model} {least[model]:.2f}", dear)

    def test_the_table_is_a_list_on_a_small_screen(self):
        self.emulate(375)
        self.open("index")
        self.assertEqual(self.js("return getComputedStyle(document.querySelector("
                                 "'#decision-table td')).display"), "block")
        self.assertFalse(self.find("#decision-table thead").is_displayed())

    def test_everything_that_can_be_pressed_has_a_name(self):
        for name in self.pages:
            self.open(name)
            nameless = self.js(
                "return [...document.querySelectorAll('button, a, svg[role=img],"
                " [role=region], [role=group]')].filter(e => !("
                "e.getAttribute('aria-label') || e.textContent.trim()))"
                ".map(e => e.outerHTML.slice(0, 200))")
            self.assertEqual(nameless, [], name)


HOSTILE_FOLDER = "a folder & 'more' #1"

if __name__ == "__main__":
    unittest.main()

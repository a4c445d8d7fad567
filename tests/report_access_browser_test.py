#!/usr/bin/python3
"""Every kind of page is accessible, as far as that can be computed, at every width and in
both themes. The rules are those of access_scan.js, named after WCAG 2.2."""

import pathlib
import re
import unittest

import experiment_campaigns as campaigns
import report_campaigns
from report_browser_test import Browser

SCAN = (pathlib.Path(__file__).parent / "access_scan.js").read_text("utf-8")
WIDTHS = (320, 375, 400, 768, 1280, 2560)
EXPERIMENTS = ("idle_crowd", "overload")

# For each rule what breaks it, in a page that is whole.
BROKEN = {
    "1.4.3 contrast": "document.querySelector('.note').style.color = '#999'",
    "1.4.11 marks": "document.querySelector('.line path').style.stroke = '#ccc'",
    "1.4.11 fields": "document.querySelector('input').style.borderColor = '#ddd'",
    "1.1.1 images": "document.querySelector('svg[role=img]').ariaLabel = ''",
    "4.1.2 names": "document.querySelector('#legend button').textContent = ''",
    "4.1.2 states": "document.querySelector('#legend button').ariaPressed = 'perhaps'",
    "1.3.1 headings": "document.querySelector('h2').outerHTML = '<h4>What</h4>'",
    "1.3.1 tables": "document.querySelector('th').scope = ''",
    "1.3.1 landmarks": "document.body.append(document.querySelector('#data'))",
    "3.1.1 language": "document.documentElement.lang = ''",
    "2.4.2 title": "document.title = ''",
    "2.4.1 skip link": "document.querySelector('.skip').remove()",
    "2.4.4 links": "document.querySelector('nav a').href = '#nowhere'",
    "4.1.1 ids": "document.querySelector('#data').id = 'method'",
    "2.4.3 order": "document.querySelector('.drawing').tabIndex = 3",
    "2.1.1 scrolling": "document.querySelector('.scroll').removeAttribute('tabindex')",
    "2.4.7 focus": "document.querySelector('.drawing').style.outline = 'none'",
    "2.5.8 target size": "const style = document.querySelector('.tools button').style;"
                         "style.minHeight = style.height = '12px'",
    "1.4.10 reflow": "document.querySelector('h1').style.minWidth = '3000px'",
    "1.4.12 overlap": "document.querySelector('figcaption p').style.marginBottom = '-2em'",
}


class Access(Browser):
    first = "realistic"

    @classmethod
    def write_pages(cls, root):
        empty = report_campaigns.write(root / "empty",
                                       report_campaigns.manifest([], [], 0), [])
        found = {"realistic": report_campaigns.realistic(root / "realistic"),
                 "empty": empty}
        for name in EXPERIMENTS:
            found[name] = campaigns.write(root / "all" / name, name, rounds=3,
                                          watch=True)
        for folder in found.values():
            done = report_campaigns.run(folder)
            assert done.returncode == 0, done.stderr
        done = report_campaigns.run("--index", root / "all")
        assert done.returncode == 0, done.stderr
        return {**{name: folder / "report.html" for name, folder in found.items()},
                "index": root / "all" / "index.html"}

    def test_every_page_at_every_width_in_both_themes(self):
        for name in self.pages:
            self.open(name)
            for width in WIDTHS:
                for theme in ("light", "dark"):
                    with self.subTest(page=name, width=width, theme=theme):
                        self.emulate(width, theme)
                        self.assertEqual(self.js(SCAN), [])

    def test_each_rule_finds_what_breaks_it(self):
        self.assertEqual(set(re.findall(r'"(\d\.\d\.\d+ [a-z ]+)"', SCAN)), set(BROKEN))
        for rule, mischief in BROKEN.items():
            with self.subTest(rule=rule):
                self.open("realistic")
                self.js(mischief)
                self.assertIn(rule, {found for found, _ in self.js(SCAN)})


if __name__ == "__main__":
    unittest.main()

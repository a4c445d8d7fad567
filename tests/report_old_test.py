#!/usr/bin/python3
"""A campaign as the first version of echo_compare wrote it (tests/old_campaign: some rows
of 2026-11-21, their histograms joined to 3 % of their values) still has its report, with
the words that it had: report.txt is what the page says outside of its drawings, but for
what is the same in every report (how to read a figure, the method).

    tests/report_old_test.py            compares
    tests/report_old_test.py --renew    writes report.txt anew: look at what git diff says
"""

import difflib
import html.parser
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import report_campaigns
import schemas

HERE = pathlib.Path(__file__).resolve().parent
OLD, SCRIPTS = HERE / "old_campaign", HERE.parent / "scripts"
SNAPSHOT = OLD / "report.txt"
LINES = {"p", "li", "h1", "h2", "h3", "tr", "figure", "section", "summary", "dl", "div",
         "pre", "header", "footer", "details", "button"}


class Words(html.parser.HTMLParser):
    """What a page says, a line for each paragraph, heading and row; #name where a part of
    the page begins that can be linked to."""
    SILENT = {"script", "style", "svg", "noscript", "title"}

    def __init__(self, page):
        super().__init__()
        self.silent, self.text = 0, []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.silent += tag in self.SILENT
        if tag in LINES:
            self.text.append("\n")
        if not self.silent:
            self.text.append({"th": " | ", "td": " | ", "dd": ": ", "small": " "}.get(tag, ""))
        name = dict(attributes).get("id")
        if name and tag in ("section", "figure"):
            self.text.append(f"#{name}\n")

    def handle_endtag(self, tag):
        self.silent -= tag in self.SILENT
        if tag in LINES:
            self.text.append("\n")

    def handle_data(self, data):
        if not self.silent:
            self.text.append(re.sub(r"[ \n]+", " ", data))

    def lines(self):
        text = re.sub(r"\n#method\n.*?(?=\n#)", "", "".join(self.text), flags=re.S)
        found = [re.sub(r" +", " ", line).strip() for line in text.split("\n")]
        return [line + "\n" for line in found
                if line.strip("| ") and not line.startswith("How to read it.")]


def reported(folder):
    """The lines of the page that is made of a copy of the campaign there."""
    for name in ("manifest.json", "trials.jsonl"):
        shutil.copy(OLD / name, folder)
    done = report_campaigns.run(folder)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return Words((folder / "report.html").read_text("utf-8")).lines()


class OldCampaign(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        cls.lines = reported(cls.folder)

    def test_its_report_says_what_it_said(self):
        changed = list(difflib.unified_diff(SNAPSHOT.read_text("utf-8").splitlines(True),
                                            self.lines, "report.txt", "the page", n=1))
        self.assertEqual(changed, [], "\n" + "".join(changed) + "\nif that is meant: "
                         "tests/report_old_test.py --renew")

    def test_it_has_the_figures_for_which_it_has_data(self):
        figures = {line.strip() for line in self.lines if line.startswith("#fig-")}
        self.assertLessEqual({"#fig-cpu_per_request", "#fig-throughput", "#fig-latency",
                              "#fig-percentiles", "#fig-fairness", "#fig-drift"}, figures)
        self.assertFalse({"#fig-series", "#fig-heat_map"} & figures, "nobody recorded them")
        for name in figures:
            self.assertTrue((self.folder / "figures" /
                             f"{name.removeprefix('#fig-')}.png").is_file())

    def test_its_rows_have_members_that_are_described(self):
        rows = (OLD / "trials.jsonl").read_text("utf-8").splitlines()
        self.assertEqual(len(rows), 12)
        for row in rows:
            schemas.check(self, "trial", schemas.parse(row), whole=False)
            self.assertNotIn("excluded", json.loads(row), "it was written before")
        schemas.check(self, "manifest", schemas.parse(
            (OLD / "manifest.json").read_text("utf-8")), whole=False)

    def test_it_can_be_exported_and_compared(self):
        told = subprocess.run([SCRIPTS / "export", OLD, "--json"], capture_output=True,
                              text=True, timeout=60)
        self.assertEqual((told.returncode, told.stderr), (0, ""))
        schemas.check(self, "summary", schemas.parse(told.stdout))
        done = subprocess.run([SCRIPTS / "compare", OLD, OLD], capture_output=True,
                              text=True, timeout=60)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("nothing could be judged", done.stderr, "of two rounds")
        self.assertIn("n too small", done.stdout)


def renew():
    with tempfile.TemporaryDirectory() as folder:
        SNAPSHOT.write_text("".join(reported(pathlib.Path(folder))), "utf-8")
    print(SNAPSHOT)


if __name__ == "__main__":
    if sys.argv[1:] == ["--renew"]:
        renew()
    else:
        unittest.main()

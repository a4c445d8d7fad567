#!/usr/bin/python3
"""The report shows what was asserted of a campaign, and what became of it."""

import json
import unittest

import report_campaigns
import statistics_test
from report_campaigns import HOSTILE, text_of


def held(model="epoll_level", state="kept", **changes):
    """A row of the manifest's member."""
    return {"assert": "p99<5ms@16", "clause": "p99<5ms", "model": model, "at": 16.0,
            "metric": "p99_ns", "sign": "<", "limit": 5e6, "median": 1.21e6, "low": 1.1e6,
            "high": 1.31e6, "n": 9, "rounds": 9, "state": state, "why": "", **changes}


MISSED = held("thread_pool", "missed", median=7.2e6, low=7e6, high=7.5e6)
SILENT = held("iterative", "missed", median=None, low=None, high=None, n=0,
              why="it left 15 clients without any reply")


class Page(report_campaigns.ReportTest):
    def written(self, member, model="thread_pool"):
        report_campaigns.campaign(self.folder, {model: {}, "epoll_level": {}},
                                  thresholds=member)
        return self.page()

    def test_each_is_shown_with_its_figure_and_whether_it_is_kept(self):
        page = self.written([held(), MISSED, SILENT])
        words = " ".join(text_of(page, "thresholds").split())
        self.assertIn("1 of 3 thresholds is kept (--assert).", words)
        for text in ("p99<5ms", "1.21 ms", "1.10 ms – 1.31 ms", "✓ kept", "✗ missed",
                     "it left 15 clients without any reply"):
            self.assertIn(text, words)
        self.assertLess(words.index("✗ missed"), words.index("✓ kept"))
        self.assertIn('<a href="#thresholds">Thresholds</a>', page)

    def test_the_answer_names_what_is_missed(self):
        report_campaigns.campaign(self.folder, {"epoll_level": {}},
                                  thresholds=[held(), MISSED, SILENT])
        done = report_campaigns.run(self.folder, "--answer")
        said = " ".join(done.stdout.split())
        self.assertIn("Missed: p99<5ms by thread_pool at 16 clients: 7.20 ms.", said)
        self.assertIn("Missed: p99<5ms by iterative at 16 clients: it left 15 clients "
                      "without any reply.", said)
        self.assertNotIn("by epoll_level", said)

    def test_where_nothing_was_asserted_there_is_no_such_section(self):
        for member in (None, {}, []):
            self.assertNotIn('id="thresholds"', self.written(member))

    def test_what_is_not_of_its_form_is_overlooked(self):
        from report import data, thresholds
        for name in held():
            for odd in (None, 7, "x", [3], {"a": []}, True):
                with self.subTest(member=name, odd=odd):
                    report_campaigns.campaign(self.folder, {"epoll_level": {}}, (1,), 1,
                                              thresholds=[{**SILENT, name: odd}, odd])
                    found = data.load(self.folder)
                    self.assertLessEqual(len(thresholds.table(found).rows), 1)
                    self.assertIsInstance(thresholds.sentence(found), str)
                    self.assertLessEqual(len(thresholds.missed(found)), 1)

    def test_no_text_of_it_is_markup(self):
        page = self.written([held(HOSTILE[0], clause=HOSTILE[1], why=HOSTILE[2],
                                  metric=HOSTILE[0])], HOSTILE[0])
        self.assertIn('id="thresholds"', page)
        self.assertNotIn("<img", page)
        self.assertNotIn("<script>alert", page)


class Compare(statistics_test.Scripts):
    def test_campaigns_that_asserted_differently_may_be_compared(self):
        self.campaigns()
        manifest = json.loads((self.new / "manifest.json").read_text())
        manifest["options"]["assert"] = ["p99<5ms"]
        (self.new / "manifest.json").write_text(json.dumps(manifest))
        done = self.compare(0)
        self.assertNotIn("assert", done.stderr)


if __name__ == "__main__":
    unittest.main()

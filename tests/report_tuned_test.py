#!/usr/bin/python3
"""The report shows what --tune chose, and two campaigns tuned differently are unlike."""

import json
import re
import unittest

import report_campaigns
import statistics_test
from report_campaigns import HOSTILE, text_of


def tuned(model, arguments, **changes):
    """The manifest's member, of a model whose workers were swept."""
    knob = {"option": "--workers", "default": "1", "chosen": "16", "why": "much better",
            "ratio": {"median": 6.5, "least": 6.25, "most": 7.0, "n": 3},
            "settings": [
                {"setting": "1", "arguments": [], "by_round": [380.0, 390.0, None],
                 "median": 385.0, "starved": 2.0, "failed": 1},
                {"setting": "16", "arguments": ["--workers", "16"],
                 "by_round": [2400.0, 2400.0, 2500.0], "median": 2400.0, "starved": 0.0,
                 "failed": 0}], **changes}
    return {"metric": "rate", "rounds": 3, "seconds": 21.4,
            "models": [{"model": model, "level": {"at": 16.0, "name": "16 clients"},
                        "arguments": arguments, "knobs": [knob]}],
            "untuned": [{"model": "mine", "why": "whose options are not known here"}],
            "sentences": []}


class Page(report_campaigns.ReportTest):
    def tuned(self, member, model="thread_pool"):
        report_campaigns.campaign(self.folder, {model: {}, "epoll_level": {}},
                                  tuned=member)
        return self.page()

    def test_each_setting_and_the_one_that_was_used_are_shown(self):
        found = text_of(self.tuned(tuned("thread_pool", ["--workers", "16"])), "tuned")
        self.assertIn("3 rounds in random order on the same CPUs, 21 s in all, by throughput",
                      found)
        self.assertIn("Not tuned: mine, whose options are not known here.", found)
        plain = re.sub(r"\s", " ", found)
        for text in ("--workers", "6.50 ×", "6.25 – 7.00", "16: 2 400 requests/s",
                     "1: 385 requests/s, 2 without a reply, 1 trials failed",
                     "much better"):
            self.assertIn(text, plain)

    def test_a_campaign_that_was_not_tuned_has_no_such_table(self):
        for member in (None, {}, {"models": []}):
            self.assertNotIn('id="tuned"', self.tuned(member))

    def test_what_is_not_of_its_form_is_overlooked(self):
        whole = tuned("thread_pool", ["--workers"])
        for path in (("models",), ("models", 0), ("models", 0, "model"),
                     ("models", 0, "knobs"), ("models", 0, "knobs", 0),
                     ("models", 0, "knobs", 0, "ratio"), ("untuned",), ("untuned", 0),
                     ("models", 0, "knobs", 0, "settings"), ("metric",), ("rounds",),
                     ("models", 0, "knobs", 0, "settings", 0, "median"),
                     ("models", 0, "arguments"), ("seconds",)):
            for odd in (None, 7, "x", [3], {"a": []}, True):
                broken = json.loads(json.dumps(whole))
                place = broken
                for step in path[:-1]:
                    place = place[step]
                place[path[-1]] = odd
                with self.subTest(path=path, odd=odd):
                    self.rendered(broken)

    def rendered(self, member):
        """As the page does it, without the rest of the page."""
        from report import data, likeness, tuned as module
        report_campaigns.campaign(self.folder, {"thread_pool": {}}, (1,), 1, tuned=member)
        found = data.load(self.folder)
        return module.table(found), module.sentences(found), likeness.differences(
            found, found)

    def test_no_text_of_it_is_markup(self):
        bad = tuned(HOSTILE[0], list(HOSTILE), why=HOSTILE[1], option=HOSTILE[0],
                    chosen=HOSTILE[2], default=HOSTILE[4])
        bad["metric"] = HOSTILE[1]
        bad["untuned"] = [{"model": HOSTILE[1], "why": HOSTILE[0]}]
        bad["models"][0]["knobs"][0]["settings"][0]["setting"] = HOSTILE[0]
        page = self.tuned(bad, HOSTILE[0])
        self.assertIn('id="tuned"', page)
        self.assertNotIn("<img", page)
        self.assertNotIn("<script>alert", page)
        self.assertNotIn("\u202e", page)


class Compare(statistics_test.Scripts):
    def differing(self, old, new, code):
        self.campaigns()
        for folder, member in ((self.old, old), (self.new, new)):
            about = json.loads((folder / "manifest.json").read_text())
            if member:
                about["tuned"] = member
                about["options"]["tune"] = True
            (folder / "manifest.json").write_text(json.dumps(about))
        return re.findall(r"^compare: ([\w.]+): (.*) → (.*)$", self.compare(code).stderr,
                          re.M)

    def test_campaigns_that_were_tuned_differently_are_unlike(self):
        some, more = (tuned("thread_pool", ["--workers", n]) for n in ("16", "64"))
        self.assertEqual(self.differing(some, more, 2), [
            ("thread_pool.tuned", "--workers 16", "--workers 64")])
        self.assertEqual(self.differing(None, some, 2), [
            ("thread_pool.tuned", "default", "--workers 16")])

    def test_campaigns_that_ran_alike_may_be_compared(self):
        some = tuned("thread_pool", ["--workers", "16"])
        self.assertEqual(self.differing(some, some, 0), [])
        self.assertEqual(self.differing(None, tuned("thread_pool", []), 0), [])



if __name__ == "__main__":
    unittest.main()

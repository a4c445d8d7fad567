#!/usr/bin/python3
"""The report says where a campaign ran, in lists that can be read, and what the runner said
of the machine."""

import html
import re
import unittest

from report_campaigns import ReportTest, campaign, manifest, text_of

PLACEMENT = {"server": {"cpus": [0, 1, 4, 5], "cores": 2, "nodes": [0]},
             "client": {"cpus": [2, 3, 6, 7], "cores": 2, "nodes": [1]},
             "shared_cpus": [], "siblings_shared": False}
MACHINE = {
    "placement": PLACEMENT, "topology": {"cores": 4, "threads_per_core": 2},
    "smt": {"active": True, "control": "on"},
    "caches": {"L1d_bytes": 48 << 10, "L3_bytes": 32 << 20},
    "clock": {"max_mhz": 3500, "now_mhz": 2300, "boost": None},
    "steal": {"seconds_since_boot": 12.5, "share_since_boot": .0234},
    "kernel_options": ["isolcpus=2-3"], "sysctl": {"net.ipv4.tcp_max_syn_backlog": "512"},
    "cgroup": {"cpus": 1.5, "memory_bytes": "unlimited"},
    "limits": {"nofile": 20000, "stack_bytes": 8 << 20}}


class Environment(ReportTest):
    def shown(self, machine, **changes):
        """{heading: {name: value}} of the report's section."""
        environment = {**manifest([], [], 0)["environment"], **machine}
        campaign(self.folder, {"a": {}}, clients=[1], rounds=1, environment=environment,
                 **changes)
        self.text = self.page()
        section = re.search(r'<section id="environment">.*?</section>', self.text, re.S)[0]
        return {
            heading: {html.unescape(name): html.unescape(value) for name, value in
                      re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", rows, re.S)}
            for heading, rows in re.findall(
                r"<summary>(.*?)</summary>(.*?)</details>", section, re.S)}

    def test_members_stand_in_groups_with_names_and_units(self):
        shown = self.shown(MACHINE)
        self.assertEqual(list(shown), [
            "Machine", "Processors", "Mitigations", "Kernel settings", "Limits", "Build",
            "Options", "Loopback floor"])
        processors = {
            "server on CPUs": "0–1, 4–5", "client on CPUs": "2–3, 6–7",
            "both on siblings of one core": "no", "cores": "4", "threads of a core": "2",
            "SMT": "yes", "L1d": "48.0\u202fKiB", "L3": "32.0\u202fMiB",
            "clock at most": "3\u202f500\u202fMHz", "turbo": "not known",
            "stolen since boot": "12.5\u202fs", "stolen of what was wanted": "2.34\u202f%"}
        self.assertEqual({**shown["Processors"], **processors}, shown["Processors"])
        self.assertEqual(shown["Kernel settings"], {
            "kernel options": "isolcpus=2-3", "net.ipv4.tcp_max_syn_backlog": "512"})
        self.assertEqual(shown["Limits"], {
            "nofile": "20000", "stack": "8.00\u202fMiB",
            "CPU quota of the control group": "1.5",
            "memory of the control group": "unlimited"})
        self.assertEqual(shown["Machine"]["memory"], "23.3\u202fGiB")

    def test_folders_of_before_lack_rows_and_no_more(self):
        shown = self.shown({})
        self.assertEqual(shown["Processors"]["CPU model"], "AMD EPYC")
        self.assertNotIn("turbo", shown["Processors"])
        self.assertEqual(shown["Mitigations"], {"spectre_v2": "Mitigation: Retpolines"})
        self.assertNotIn("Before the first trial", self.text)

    def test_members_of_the_wrong_kind_are_no_error(self):
        self.shown({"placement": 7, "caches": [1], "sysctl": None, "limits": "none",
                    "cpus_allowed": ["x"], "clock": {"max_mhz": "many"}}, warnings=7)

    def test_what_the_runner_said_stands_among_the_warnings(self):
        self.shown({}, warnings=["turbo is on: the clock depends on <heat>", None])
        self.assertIn("Before the first trial, of machine and build: turbo is on: the clock "
                      "depends on <heat>", text_of(self.text, "warnings"))

    def test_two_threads_of_a_core_are_one_core(self):
        lone = {**PLACEMENT["server"], "cpus": [0, 4], "cores": 1}
        self.shown({"placement": {**PLACEMENT, "server": lone}})
        self.assertIn("The server had one core", text_of(self.text, "cautions"))
        self.shown(MACHINE)
        self.assertNotIn("The server had one core", text_of(self.text, "cautions"))
        self.assertIn("server on 2 cores (CPU 0)", self.text)   # as options.server_cpus is

    def test_siblings_on_both_sides_are_a_caution(self):
        words = "Server and client ran on siblings of one core"
        self.shown(MACHINE)
        self.assertNotIn(words, text_of(self.text, "cautions"))
        self.shown({"placement": {**PLACEMENT, "siblings_shared": True}})
        self.assertIn(words, text_of(self.text, "cautions"))


if __name__ == "__main__":
    unittest.main()

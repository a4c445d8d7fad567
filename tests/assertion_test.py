#!/usr/bin/python3
"""echo_load --assert: a promise of response times decides how the program ends."""

import json
import os
import pathlib
import re
import socket
import subprocess
import threading
import time
import unittest

LOAD = pathlib.Path(os.environ["ECHOLAB_BIN"]) / "echo_load"
BROKEN, CORRUPT, UNREACHABLE, USAGE = 9, 4, 3, 2
BRIEF = ["-q", "-c", "2", "-d", "300ms", "-w", "0ms"]


class Echo:
    """A thread per client; `change` is done to the bytes, `pause_s` before each reply."""

    def __init__(self, change=bytes, pause_s=0.0):
        self.change, self.pause_s = change, pause_s
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=[client], daemon=True).start()

    def serve(self, client):
        with client:
            try:
                while got := client.recv(65536):
                    time.sleep(self.pause_s)
                    client.sendall(self.change(got))
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


def load(*arguments, locale="C.UTF-8"):
    return subprocess.run([LOAD, *BRIEF, *arguments], capture_output=True, text=True,
                          timeout=60, env=os.environ | {"LC_ALL": locale})


class Asserted(unittest.TestCase):
    def held(self, *arguments, **server):
        """Its exit code, and what its JSON says of each clause."""
        with Echo(**server) as echo:
            done = load(*arguments, "--json", echo.endpoint)
        row = json.loads(done.stdout)
        return done.returncode, row["assertions"], row

    def test_what_is_kept_leaves_the_verdicts_own_code(self):
        code, (median, most), row = self.held("--assert", "p50<1min,max<1min")
        self.assertEqual((median["state"], most["state"]), ("kept", "kept"))
        self.assertEqual((median["promise"], median["limit_ns"]), ("p50<1min", 60 * 10**9))
        self.assertEqual(median["figure_ns"], row["latency_ns"]["p50"])
        self.assertNotEqual(code, BROKEN)

    def test_what_is_broken_ends_with_9_whatever_else_is_kept(self):
        code, (median, most), _ = self.held("--assert", "p50<1us,max<1min")
        self.assertEqual((median["state"], most["state"]), ("broken", "kept"))
        self.assertEqual(code, BROKEN)

    def test_too_few_replies_do_not_keep_a_promise(self):
        code, (tail,), _ = self.held("-n", "100", "--assert", "p99<1min")
        self.assertEqual((tail["state"], tail["figure_ns"]), ("too few", None))
        self.assertEqual(code, BROKEN)

    def test_a_request_without_a_reply_is_slower_than_any(self):
        code, (median,), row = self.held(
            "-R", "1k", "--on-busy", "drop", "--assert", "p50<1min", pause_s=0.05)
        self.assertGreater(row["offered"]["dropped"], row["requests"])
        self.assertEqual((median["state"], median["figure_ns"]), ("broken", None))
        self.assertEqual(code, BROKEN)

    def test_the_table_has_a_mark_for_each(self):
        for locale, kept, broken in (("C.UTF-8", "✓", "✗"), ("de_DE.utf8", "✓", "✗"),
                                     ("C", "ok", "NO"), ("de_DE@euro", "ok", "NO")):
            with self.subTest(locale), Echo() as echo:
                done = load("--assert", "p50<1us,max<1min", echo.endpoint, locale=locale)
                self.assertRegex(done.stdout, rf"(?m)^  asserted +{broken} p50<1us +\(\d")
                self.assertRegex(done.stdout, rf"(?m)^ +{kept} max<1min +\(\d")
                self.assertEqual(len(re.findall(rf" ({kept}|{broken}) ", done.stdout)), 2)

    def test_wrong_bytes_and_no_server_come_first(self):
        code, _, _ = self.held("--assert", "p50<1us",
                               change=lambda got: bytes(b ^ 1 for b in got))
        self.assertEqual(code, CORRUPT)
        done = load("--timeout", "300ms", "--assert", "p50<1us", "tcp://127.0.0.1:1")
        self.assertEqual(done.returncode, UNREACHABLE, done.stderr)

    def test_says_what_is_wrong_with_it(self):
        for given in (["--assert", "p42<1ms"], ["--assert", "p99"], ["--assert", ""],
                      ["--assert", "p99<1ms", "--csv"],
                      ["--assert", "p99<1ms", "--search", "p99<2ms"],
                      ["--assert", "p99<1ms", "--calibrate"]):
            with self.subTest(given):
                done = load(*given)
                self.assertEqual(done.returncode, USAGE)
                self.assertIn("--assert", done.stderr)
                self.assertEqual(len(done.stderr.splitlines()), 1)


if __name__ == "__main__":
    unittest.main()

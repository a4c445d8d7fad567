#!/usr/bin/python3
"""echo_load --search against servers whose limit is known, and against wrong ones.

    ECHOLAB_BIN=build/release tests/search_test.py
"""

import csv
import io
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import schemas

BIN = pathlib.Path(os.environ.get("ECHOLAB_BIN", "build/release")).resolve()
PATIENCE = 120  # seconds that nothing here takes, but for a program that hangs
OK, UNREACHABLE, CORRUPT, CLIENT_BOUND, UNSTEADY = 0, 3, 4, 5, 6
CODE = {"interval": OK, "at least": CLIENT_BOUND, "noisy": UNSTEADY,
        "spent": UNSTEADY}
WORK = ["--protocol", "work", "--block", "1ms"]
# Brief: what is searched is far from subtle.
SHORT = ["-c", "4", "-d", "500ms", "-w", "50ms", "--arrivals", "fixed", "-R", "200",
         "--timeout", "5s"]


def load(*arguments):
    return subprocess.run([BIN / "echo_load", *arguments], capture_output=True, text=True,
                          timeout=PATIENCE, check=False)


def serve(test):
    """The endpoint of one loop that sleeps when it is told to."""
    server = subprocess.Popen([BIN / "echo_server", "--model", "epoll_level", "--protocol",
                               "work", "--listen", "tcp://127.0.0.1:0", "--ready-fd", "1"],
                              stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL)
    test.addCleanup(server.stdout.close)
    test.addCleanup(server.wait)
    test.addCleanup(server.terminate)
    return re.search(r"endpoint=(\S+)", server.stdout.readline()).group(1)


class LyingServer(threading.Thread):
    """An echo that sends back wrong bytes when `after_s` have passed."""

    def __init__(self, after_s):
        super().__init__(daemon=True)
        self.wrong_from = time.monotonic() + after_s
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = "tcp://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.converse, args=(client,), daemon=True).start()

    def converse(self, client):
        with client:
            try:
                while data := client.recv(65536):
                    if time.monotonic() > self.wrong_from:
                        data = bytes(byte ^ 1 for byte in data)
                    client.sendall(data)
            except ConnectionError:
                pass


class Search(unittest.TestCase):
    def test_never_finds_more_than_the_server_can_do(self):
        """A loop that sleeps 1 ms for each request answers fewer than 1 000 a second."""
        server = serve(self)
        done = load("-q", "--json", *SHORT, *WORK, "--search", "p90<50ms",
                    "--search-precision", "20%", server)
        self.assertEqual(done.stderr, "")
        found = json.loads(done.stdout)
        schemas.check(self, "search", found)
        answer = found["answer"]
        # A machine that stalls makes it noisy, or the client late; not more.
        self.assertIn(answer["kind"], CODE, answer["text"])
        self.assertEqual(done.returncode, CODE[answer["kind"]], answer["text"])
        confirmed = [trial for trial in found["trials"] if trial["purpose"] == "confirm"]
        for end in ("kept", "not_kept"):
            if not answer[end]:
                continue
            trial = found["trials"][answer[end]["trial"] - 1]
            self.assertEqual(trial["requests_per_second"],
                             answer[end]["requests_per_second"])
            self.assertEqual(trial["outcome"], answer[end]["outcome"])
            self.assertIn(trial, confirmed)
        if answer["kept"]:
            # In half a second, 1 % of the arrivals and one for each connection may be
            # left over before a load is OVERLOADED: (rate - 1000) / 2 < rate / 200 + 4.
            kept = answer["kept"]
            self.assertLess(kept["requests_per_second"], 1019)
            self.assertLess(kept["figures_ns"]["p90"], 50e6)
        if answer["kind"] == "interval":
            low, high = (answer[end]["requests_per_second"] for end in ("kept", "not_kept"))
            self.assertLess(low, high)
            if not answer["doubts"]:
                self.assertLessEqual(high, 1.2 * low * 1.0001)
            self.assertEqual(answer["not_kept"]["outcome"] == "OVERLOADED",
                             answer["not_kept"]["verdict"] == "OVERLOADED")
        for trial in found["trials"]:
            row = trial["row"]
            self.assertEqual(row["plan"]["workload"], "open")
            self.assertAlmostEqual(row["plan"]["duration_seconds"], trial["seconds"])
            self.assertGreaterEqual(trial["requests_per_second"] * trial["seconds"], 100)

    def test_explains_itself_below_the_table_and_in_json(self):
        given = [*SHORT, *WORK, "--search", "p90<50ms", "--search-precision", "50%",
                 "--explain", serve(self)]
        table, words = load("-q", *given).stdout.split("\nIn words\n")
        self.assertRegex(table, r"(?m)^ +answer +p90<50ms ")
        self.assertRegex(words, r"\A  - You sought the highest rate .* p90<50ms")
        found = json.loads(load("-q", "--json", *given).stdout)
        schemas.check(self, "search", found)
        said = found["explanation"]
        self.assertTrue(said[0].startswith("You sought the highest rate"), said)
        self.assertIn("evenly spaced", " ".join(said))  # --arrivals fixed
        self.assertTrue(said[-1].startswith("Next: "), said)

    def test_csv_has_a_line_for_each_trial(self):
        done = load("-q", "--csv", *SHORT, *WORK, "--search", "p90<50ms", "--search-precision",
                    "50%", serve(self))
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        self.assertEqual([row["trial"] for row in rows],
                         [str(n + 1) for n in range(len(rows))])
        self.assertEqual(rows[0]["purpose"], "grow")
        self.assertEqual(float(rows[0]["offered_per_second"]), 200)
        for row in rows:
            self.assertGreater(float(row["latency_p50_ns"]), 1_000_000)
            if row["outcome"] == "kept":
                self.assertLess(float(row["latency_p90_ns"]), 50e6)

    def test_wrong_bytes_end_it(self):
        server = LyingServer(after_s=2)  # the first trials are right
        self.addCleanup(server.listener.close)
        done = load("-q", *SHORT, "--search", "p50<1m", server.endpoint)
        self.assertEqual(done.returncode, CORRUPT, done.stdout)
        self.assertRegex(done.stdout, r"answer +the search ended with trial \d+: \d+ conn")

    def test_nobody_there_is_unreachable(self):
        done = load("-q", *SHORT, "--search", "p50<1ms", "tcp://127.0.0.1:1")
        self.assertEqual((done.returncode, done.stdout), (UNREACHABLE, ""))

    def test_ctrl_c_ends_it_and_tells_what_is_known(self):
        with subprocess.Popen([BIN / "echo_load", *SHORT, *WORK, "--search", "p90<50ms",
                               serve(self)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as process:
            for line in process.stderr:
                self.assertRegex(line, r"\Aecho_load: trial \d+: \S+ requests/s for ")
                if "trial 3:" in line:
                    break
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=PATIENCE)
            self.assertEqual(process.returncode, 130)
        self.assertRegex(said, r"(?m)^ +2 +\w+ ")
        self.assertRegex(said, r"(?m)^ +answer +interrupted: 2 trials, and no answer yet")


if __name__ == "__main__":
    unittest.main()

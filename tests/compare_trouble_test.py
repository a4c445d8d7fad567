#!/usr/bin/python3
"""echo_compare in trouble: killed, interrupted, out of disk, with servers that die, hang or
never come. Nothing is left running, what was measured is kept, and it says what happened.

ECHOLAB_BIN names the build folder.
"""

import errno
import json
import os
import pathlib
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import compare_test
from compare_test import COMPARE, eventually, processes

LONG = ["--duration", "300ms", "--warm-up", "20ms", "--rounds", "100", "--clients", "8",
        "--repeats", "0"]
BRIEF = ["--duration", "50ms", "--warm-up", "0", "--rounds", "2", "--clients", "4",
         "--repeats", "0"]

# Serves from children: one as usual, one in a session of its own. They and the parent
# leave SIGTERM alone. All have the mark on their command lines.
STUBBORN = """
import os, signal, socket, sys, threading, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
def serve(c):
    while data := c.recv(65536):
        c.sendall(data)
    c.close()
for leaves in (False, True):
    if os.fork() == 0:
        if leaves:
            os.setsid()
        while True:
            threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
while True:
    time.sleep(1)
"""

# Accepts everybody and says nothing.
SILENT = """
import socket, sys, time
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(1000)
"""


def alive(pid):
    """Not a zombie, which has ended and waits for its parent."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1][1] != "Z"
    except OSError:
        return False


def ticks(pid):
    """Of CPU time that it has used; 0 when it is gone."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return int(stat[11]) + int(stat[12])


class Trouble(unittest.TestCase):
    setUp = compare_test.Comparing.setUp
    command = compare_test.Comparing.command
    compare = compare_test.Comparing.compare
    campaign = compare_test.Comparing.campaign
    started = compare_test.Comparing.started
    resume = compare_test.Comparing.resume
    assert_no_server_left = compare_test.Comparing.assert_no_server_left

    def script(self, text):
        """A server of that text, and how to find its processes."""
        path = pathlib.Path(self.folder.name) / "server.py"
        path.write_text(text)
        return f"/usr/bin/python3 {shlex.quote(str(path))} {{port}}", f"python3 {path}"

    def loading_a_stubborn_server_beside(self, model):
        """The runner, and how to find the server's three processes, which are there."""
        command, pattern = self.script(STUBBORN)
        running = subprocess.Popen(self.command(
            "--models", model, "--server", f"mine={command}", *LONG),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(running.communicate)
        self.addCleanup(running.kill)
        self.assertTrue(eventually(lambda: len(processes(pattern)) == 3, 60))
        return running, pattern

    def rows_kept(self):
        """Whole lines of trials.jsonl, each of them JSON."""
        (folder,) = self.results.iterdir()
        text = (folder / "trials.jsonl").read_text()
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]

    def assert_gone(self, pattern):
        self.assertTrue(eventually(lambda: not list(filter(alive, processes(pattern)))),
                        f"left running: {processes(pattern)}")

    # -- the runner ends -------------------------------------------------------------

    def test_nothing_outlives_a_killed_runner_whatever_the_server_forked(self):
        running, pattern = self.loading_a_stubborn_server_beside("prefork")
        running.kill()
        self.assert_gone(pattern)
        self.assert_no_server_left()

    def test_nothing_outlives_its_trial_whatever_the_server_forked(self):
        command, pattern = self.script(STUBBORN)
        done = self.compare("--models", "iterative", "--server", f"mine={command}", *BRIEF)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.campaign()[2]), 4)
        self.assertEqual(processes(pattern), [])

    def test_a_killed_runner_can_be_gone_on_with_at_once(self):
        running = self.started("--models", "epoll_level", "--duration", "300ms",
                               "--rounds", "4", "--clients", "8", "--repeats", "0")
        running.kill()
        running.wait()
        before = len(self.rows_kept())
        done = self.resume()
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = self.campaign()[2]
        self.assertGreaterEqual(before, 2)
        self.assertEqual(sorted(r["round"] for r in rows), sorted(set(range(len(rows)))))

    def test_a_second_ctrl_c_ends_it_at_once_and_nothing_is_left(self):
        running, pattern = self.loading_a_stubborn_server_beside("iterative")
        running.send_signal(signal.SIGINT)
        time.sleep(0.3)  # two that come at once are one
        running.send_signal(signal.SIGINT)
        self.assertEqual(running.wait(timeout=2), 130)
        self.assert_gone(pattern)

    def under_load(self, *arguments):
        """A campaign whose server has work to do."""
        running = subprocess.Popen(self.command("--models", "epoll_level", *arguments),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        self.addCleanup(running.communicate)
        self.addCleanup(running.kill)
        self.assertTrue(eventually(lambda: sum(map(
            ticks, processes(f"echo_server.*{self.mark}"))) >= 10, 60))
        return running

    def test_the_first_ctrl_c_lets_the_trial_under_way_end_and_keeps_it(self):
        running = self.under_load("--duration", "2s", *LONG[2:])
        self.assertEqual(self.rows_kept(), [])
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
        self.assertEqual(running.returncode, 130, err)
        self.assertIn("interrupted: this trial is the last one; Ctrl-C once more", err)
        self.assertIn("to go on: echo_compare --resume", err)
        _, manifest, (row,) = self.campaign()
        self.assertGreaterEqual(row["seconds"], 1.99)
        self.assertNotIn(row["verdict"], ("FAILED", "CORRUPT"))
        self.assertTrue(manifest["partial"])
        self.assertRegex(out, r"(?m)^  epoll_level ")
        self.assert_no_server_left()

    def test_ctrl_c_in_the_last_trial_leaves_nothing_to_go_on_with(self):
        running = self.under_load("--duration", "2s", "--warm-up", "0", "--rounds", "1",
                                  "--clients", "4", "--repeats", "0")
        running.send_signal(signal.SIGINT)
        err = running.communicate(timeout=60)[1]
        self.assertEqual(running.returncode, 130, err)
        self.assertFalse(self.campaign()[1]["partial"])
        self.assertNotIn("to go on", err)

    def test_a_second_ctrl_c_does_not_wait_for_the_trial(self):
        running = self.under_load("--duration", "60s", *LONG[2:])
        running.send_signal(signal.SIGINT)
        time.sleep(0.5)
        self.assertIsNone(running.poll(), "the first one waits for it")
        running.send_signal(signal.SIGINT)
        self.assertEqual(running.wait(timeout=20), 130)
        self.assertEqual(self.rows_kept(), [])
        self.assert_no_server_left()

    def test_a_closed_terminal_leaves_what_was_measured_and_no_server(self):
        running = self.started("--models", "epoll_level,prefork", *LONG)
        running.send_signal(signal.SIGHUP)
        running.wait(timeout=30)
        self.assert_no_server_left()
        self.assertGreaterEqual(len(self.rows_kept()), 2)

    # -- a server ends, or never comes -----------------------------------------------

    def kill_one(self, pick):
        """Kills one process of a server under load; the rows of the campaign then."""
        running = self.started("--models", "epoll_level,prefork", "--duration", "1s",
                               "--warm-up", "20ms", "--rounds", "3", "--clients", "8",
                               "--repeats", "0")
        killed = None
        while running.poll() is None and killed is None:
            pids = processes(f"echo_server --model epoll_level.*{self.mark}")
            if len(pids) == 2:  # the supervisor and the model
                killed = pick(pids)
                time.sleep(0.4)  # it serves by now
                os.kill(killed, signal.SIGKILL)
            time.sleep(0.01)
        out, err = running.communicate(timeout=60)
        self.assertIsNotNone(killed)
        return running.returncode, out, err, self.campaign()[2]

    def assert_one_failed(self, code, out, err, rows):
        self.assertEqual(code, 1, err)
        failed = [r for r in rows if r["verdict"] == "FAILED"]
        self.assertEqual([r["model"] for r in failed], ["epoll_level"], rows)
        self.assertIsNone(failed[0]["server"])
        self.assertEqual(len(rows), 6)
        self.assertRegex(out, "1 FAILED")
        self.assert_no_server_left()
        return failed[0]["reason"]

    def test_a_model_killed_in_its_trial_fails_alone(self):
        reason = self.assert_one_failed(*self.kill_one(max))
        self.assertRegex(reason, "the server ended: .*killed by signal 9")

    def test_a_supervisor_killed_in_its_trial_fails_alone(self):
        reason = self.assert_one_failed(*self.kill_one(min))
        self.assertRegex(reason, "the server ended: .*it was killed by signal 9")

    def test_a_server_that_accepts_and_is_silent_fails_with_the_reason(self):
        command, pattern = self.script(SILENT)
        done = self.compare("--models", "iterative", "--server", f"mute={command}",
                            *BRIEF[:4], "--rounds", "1", "--clients", "1")
        self.assertEqual(done.returncode, 1)
        reasons = {r["model"]: r["reason"] for r in self.campaign()[2]}
        self.assertRegex(reasons["mute"], "not ready in 10 s: no reply in time")
        self.assertIn("FAILED in 1 round: not ready in 10 s", " ".join(done.stdout.split()))
        self.assert_gone(pattern)

    def test_ctrl_c_does_not_wait_for_a_server_that_never_gets_ready(self):
        running = subprocess.Popen(self.command(
            "--models", "iterative", "--server", "never=sleep 98765 # {port}", *LONG),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(running.communicate)
        self.addCleanup(running.kill)
        self.assertTrue(eventually(lambda: processes("^sleep 98765"), 30))
        running.send_signal(signal.SIGINT)
        self.assertEqual(running.wait(timeout=5), 130)
        self.assert_gone("^sleep 98765")
        self.assertEqual({r["verdict"] for r in self.rows_kept()} & {"FAILED"}, set())

    # -- no room ---------------------------------------------------------------------

    def limited(self, size, command):
        """With no file longer than that: it fails as a full disk does, with EFBIG."""
        return subprocess.run(command, capture_output=True, text=True, timeout=120,
                              preexec_fn=lambda: resource.setrlimit(
                                  resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY)))

    def test_a_full_disk_is_said_and_what_was_measured_goes_on(self):
        many = [word if word != "2" else "10" for word in BRIEF]    # rounds: 20 trials
        campaign = ["--models", "iterative,epoll_level", *many, "--seed", "3"]
        whole = self.compare(*campaign)
        self.assertEqual(whole.returncode, 0, whole.stderr)
        folder = self.campaign()[0]
        # How long a trial's line is differs from run to run: for some, not for all.
        longest = max(map(len, (folder / "trials.jsonl").read_bytes().splitlines()))
        room = max((folder / "manifest.json").stat().st_size + 2000, 3 * longest)
        self.assertGreater((folder / "trials.jsonl").stat().st_size, 1.5 * room)
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        full = self.limited(room, self.command(*campaign))
        self.assertEqual(full.returncode, 1, full.stderr)
        self.assertIn(os.strerror(errno.EFBIG), full.stderr)
        self.assertIn("echo_compare --resume", full.stderr)
        self.assert_no_server_left()
        folder, manifest, rows = self.campaign()
        self.assertTrue(manifest["partial"])
        self.assertTrue(1 <= len(rows) < 20, rows)
        self.assertTrue((folder / "trials.jsonl").read_text().endswith("\n"))
        done = self.resume()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.campaign()[2][:len(rows)], rows)
        self.assertEqual(len(self.campaign()[2]), 20)

    def test_a_disk_that_is_full_at_the_start_is_said_before_anything_is_measured(self):
        begin = time.monotonic()
        full = self.limited(100, self.command("--models", "iterative", *LONG))
        self.assertEqual(full.returncode, 1, full.stderr)
        self.assertIn("cannot write", full.stderr)
        self.assertLess(time.monotonic() - begin, 10)
        (folder,) = self.results.iterdir()
        self.assertEqual((folder / "trials.jsonl").read_text(), "")
        self.assertFalse((folder / "manifest.json.new").exists())


if __name__ == "__main__":
    unittest.main()

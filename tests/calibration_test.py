#!/usr/bin/python3
"""The null responder loses nothing and ends; a ceiling is kept, found, and judged by.

    ECHOLAB_BIN=build/release tests/calibration_test.py
"""

import contextlib
import hashlib
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

import schemas

BIN = pathlib.Path(os.environ.get("ECHOLAB_BIN", "build/release")).resolve()
LOAD = str(BIN / "echo_load")
PATIENCE = 60  # seconds that nothing here takes, but for a program that hangs
SHORT = ["-q", "-d", "200ms", "-w", "50ms", "--datagram-timeout", "5s"]


def eventually(condition):
    limit = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(0.01)
    return True


def is_gone(pid):
    """Ended: one that nobody has waited for yet is a zombie."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"


def children_of(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(child) for child in text.split()]


class WithFolder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="echolab-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.temporary = os.path.join(self.folder, "tmp")
        os.mkdir(self.temporary)
        self.cache = pathlib.Path(self.folder) / "echolab/calibration.json"
        self.env = os.environ | {"XDG_CACHE_HOME": self.folder, "TMPDIR": self.temporary}

    def load(self, *arguments, **options):
        options = {"env": self.env} | options
        return subprocess.run([LOAD, *arguments], capture_output=True, text=True,
                              timeout=PATIENCE, check=False, **options)

    def row(self, *arguments, verdicts=("VALID", "CLIENT-BOUND")):
        done = self.load(*SHORT, "--json", *arguments)
        row = json.loads(done.stdout)
        schemas.check(self, "load", row)
        self.assertIn(row["verdict"], verdicts, row["reason"])
        return row, done

    @contextlib.contextmanager
    def responder(self, endpoint, *flags, **options):
        """One that is ready; ended at the end of the `with`, when it must say 0."""
        reader, writer = os.pipe()
        with subprocess.Popen([LOAD, "--null-responder", "--ready-fd", str(writer),
                               *flags, endpoint], pass_fds=[writer], stderr=subprocess.PIPE,
                              text=True, env=self.env, **options) as server:
            os.close(writer)
            with os.fdopen(reader) as ready:
                line = ready.readline()
            try:
                pids = rf"pid={server.pid} model_pid={server.pid}"
                found = re.fullmatch(rf"READY endpoint=(\S+) {pids}\n", line)
                self.assertTrue(found, line)
                server.endpoint = found.group(1)
                yield server
                server.terminate()
                self.assertEqual(server.wait(timeout=PATIENCE), 0)
            finally:
                server.kill()

    def endpoints(self):
        return ["tcp://127.0.0.1:0", "tcp://[::1]:0", f"unix://{self.folder}/s",
                "udp://127.0.0.1:0", "udp://[::1]:0", f"unixgram://{self.folder}/d"]


def connect(server):
    host, port = re.fullmatch(r"tcp://(.*):(\d+)", server.endpoint).groups()
    client = socket.create_connection((host, int(port)), timeout=PATIENCE)
    return client


def take(client, size):
    taken = bytearray()
    while len(taken) < size:
        more = client.recv(65536)
        if not more:
            break
        taken += more
    return bytes(taken)


def says_back(server):
    with connect(server) as client:
        client.sendall(b"hello")
        return take(client, 5) == b"hello"


class NullResponder(WithFolder):
    def test_every_byte_comes_back_over_every_transport(self):
        for endpoint in self.endpoints():
            with self.responder(endpoint) as server:
                for load in (["-c", "1"], ["-c", "200"], ["-c", "3", "-p", "16", "-s", "9000"],
                             ["-c", "5", "--protocol", "work"]):
                    with self.subTest(endpoint=endpoint, load=load):
                        row, _ = self.row(*load, server.endpoint)
                        self.assertEqual(set(row["errors"].values()), {0})
                        self.assertGreater(row["requests"], 0)
                        self.assertEqual(row["connected"], int(load[1]))

    def test_with_http_every_body_and_every_get_is_answered(self):
        for endpoint in self.endpoints()[:3]:
            with self.responder(endpoint, "--protocol", "http") as server:
                for load in (["-c", "1"], ["-c", "200"], ["-c", "3", "-p", "16", "-s", "9000"],
                             ["-c", "2", "-s", "2MiB"], ["-c", "5", "--http-get", "/"]):
                    with self.subTest(endpoint=endpoint, load=load):
                        row, _ = self.row("--protocol", "http", *load, server.endpoint)
                        self.assertEqual(set(row["errors"].values()), {0})
                        self.assertGreater(row["requests"], 0)

    def test_a_client_that_does_not_read_holds_up_itself_alone_and_loses_nothing(self):
        sent = os.urandom(1 << 20) * 32
        with self.responder("tcp://127.0.0.1:0") as server, connect(server) as client:
            client.setblocking(False)
            given = 0
            silent_since = time.monotonic()
            while time.monotonic() - silent_since < 0.3:  # until nobody takes more
                try:
                    given += client.send(sent[given:given + 65536])
                    silent_since = time.monotonic()
                except BlockingIOError:
                    time.sleep(0.01)
            self.assertLess(given, len(sent), "it was read without bound")
            self.assertTrue(says_back(server))
            client.settimeout(PATIENCE)
            writer = threading.Thread(target=client.sendall, args=(sent[given:],))
            writer.start()
            back = take(client, len(sent))
            writer.join()
            self.assertEqual(hashlib.sha256(back).digest(), hashlib.sha256(sent).digest())

    def test_who_says_no_more_still_gets_the_rest_and_then_the_end(self):
        sent = os.urandom(1 << 20)
        with self.responder("tcp://127.0.0.1:0") as server, connect(server) as client:
            writer = threading.Thread(
                target=lambda: (client.sendall(sent), client.shutdown(socket.SHUT_WR)))
            writer.start()
            self.assertEqual(take(client, len(sent) + 1), sent)
            writer.join()

    def test_clients_that_reset_with_replies_under_way_leave_nothing_behind(self):
        with self.responder("tcp://127.0.0.1:0") as server:
            def held():
                return len(os.listdir(f"/proc/{server.pid}/fd"))

            # Ready is said before all is made that it serves with.
            self.assertTrue(says_back(server))
            before = held()
            for _ in range(50):
                with connect(server) as client:
                    client.setblocking(False)
                    with contextlib.suppress(BlockingIOError):
                        while True:
                            client.send(bytes(1 << 20))
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                      struct.pack("ii", 1, 0))
            self.assertTrue(eventually(lambda: held() <= before))
            self.assertTrue(says_back(server))

    def test_without_descriptors_one_client_is_turned_away_and_the_others_are_served(self):
        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))

        with self.responder("tcp://127.0.0.1:0", preexec_fn=few) as server:
            clients = [connect(server) for _ in range(40)]
            served = 0
            for client in clients:
                with contextlib.suppress(ConnectionError), client:
                    client.sendall(b"hello")
                    served += take(client, 5) == b"hello"
            self.assertGreater(served, 5)
            self.assertTrue(says_back(server))
            server.terminate()
            self.assertIn("echo_load: turned away", server.stderr.read())

    def test_it_ends_in_order_on_sigterm_and_on_sigint(self):
        for endpoint in self.endpoints():
            for number in (signal.SIGTERM, signal.SIGINT):
                with self.subTest(endpoint=endpoint, number=number), \
                     self.responder(endpoint) as server:
                    server.send_signal(number)
                    self.assertEqual(server.wait(timeout=PATIENCE), 0)
        self.assertEqual(os.listdir(self.folder), ["tmp"])

    def test_its_flags_go_with_it_alone(self):
        for arguments in (["--ready-fd", "1"], ["--null-responder", "--calibrate"]):
            done = self.load(*arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertRegex(done.stderr, r"\Aecho_load: [^\n]*--null-responder[^\n]*\n\Z")


class Calibration(WithFolder):
    SHAPE = ["-c", "4", "tcp://127.0.0.1:1"]

    def calibrate(self, *arguments, code=0, **options):
        done = self.load("-q", "--calibrate", *(arguments or self.SHAPE), **options)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def test_is_kept_and_found_by_a_run_of_the_same_shape_alone(self):
        told = json.loads(self.calibrate("--json", *self.SHAPE).stdout)
        schemas.check(self, "calibration", told)
        made = told["client_ceiling"]
        self.assertEqual(made["n"], 3)
        self.assertGreater(made["least"], 0)
        self.assertLessEqual(made["least"], made["requests_per_second"])
        self.assertLessEqual(made["requests_per_second"], made["most"])
        with self.responder("tcp://127.0.0.1:0") as server:
            row, _ = self.row("-c", "4", server.endpoint)
            share = row["requests_per_second"] / made["requests_per_second"]
            self.assertEqual(row["client_ceiling"], made | {"share": share})
            for other in (["-c", "4", "-s", "65"], ["-c", "5"], ["-c", "4", "-p", "2"],
                          ["-c", "4", "--protocol", "work"]):
                with self.subTest(other=other):
                    row, _ = self.row(*other, server.endpoint)
                    self.assertIsNone(row["client_ceiling"])
            table = self.load(*SHORT, "-c", "4", server.endpoint).stdout
            self.assertRegex(table, r"client ceiling +\S+ requests/s +\(this run: \d+ %\)")
            table = self.load(*SHORT, "-c", "5", server.endpoint).stdout
            self.assertRegex(table, r"client ceiling +unknown: --calibrate")

    def test_works_for_every_transport_and_leaves_no_path(self):
        for endpoint in self.endpoints():
            with self.subTest(endpoint=endpoint):
                # A machine that stands still for 0.2 s must not lose a datagram by it.
                said = self.calibrate("-c", "20", "--datagram-timeout", "10s",
                                      endpoint).stdout
                self.assertIn("null responder over " + endpoint.split(":")[0], said)
                self.assertIn(f"kept in        {self.cache}", said)
                self.assertEqual(os.listdir(self.temporary), [])
        entries = json.loads(self.cache.read_text())["entries"]
        self.assertEqual(len(entries), len(self.endpoints()))

    def test_each_protocol_has_its_own(self):
        with self.responder("tcp://127.0.0.1:0", "--protocol", "http") as server:
            said = self.calibrate("--protocol", "http", *self.SHAPE).stdout
            self.assertIn("null responder over tcp, HTTP: ", said)
            row, _ = self.row("-c", "4", "--protocol", "http", server.endpoint)
            self.assertIsNotNone(row["client_ceiling"])
            get = ["-c", "4", "--protocol", "http", "--http-get", "/", server.endpoint]
            self.assertIsNone(self.row(*get)[0]["client_ceiling"])
            self.assertRegex(self.load(*SHORT, *get).stdout,
                             "client ceiling +unknown: a GET's depends on what it brings")
        with self.responder("tcp://127.0.0.1:0") as server:
            self.assertIsNone(self.row("-c", "4", server.endpoint)[0]["client_ceiling"])

    def test_a_run_far_above_its_ceiling_is_client_bound(self):
        self.calibrate()
        kept = json.loads(self.cache.read_text())
        kept["entries"][0]["ceiling"].update(requests_per_second=1.0, least=1.0, most=1.0)
        self.cache.write_text(json.dumps(kept))
        with self.responder("tcp://127.0.0.1:0") as server:
            row, done = self.row("-c", "4", server.endpoint, verdicts=["CLIENT-BOUND"])
            self.assertEqual(done.returncode, 5)
            self.assertIn("ceiling", row["reason"])

    def test_a_broken_file_is_said_and_mended_by_the_next_calibration(self):
        self.cache.parent.mkdir()
        self.cache.write_text('{"schema_version": 1, "entr')
        with self.responder("tcp://127.0.0.1:0") as server:
            row, done = self.row("-c", "4", server.endpoint)
            self.assertIsNone(row["client_ceiling"])
            self.assertRegex(done.stderr, rf"\Aecho_load: {self.cache}: ignored: .+\n\Z")
            self.calibrate()
            row, done = self.row("-c", "4", server.endpoint)
            self.assertIsNotNone(row["client_ceiling"])
            self.assertEqual(done.stderr, "")

    def test_without_a_home_it_is_told_and_not_kept(self):
        for name in ("XDG_CACHE_HOME", "HOME"):
            self.env.pop(name, None)
        done = self.calibrate(code=1)
        self.assertIn("client ceiling", done.stdout)
        self.assertRegex(done.stderr, r"\Aecho_load: [^\n]+ not kept: [^\n]+ HOME [^\n]+\n\Z")
        with self.responder("tcp://127.0.0.1:0") as server:
            row, done = self.row("-c", "4", server.endpoint)
            self.assertEqual((row["client_ceiling"], done.stderr), (None, ""))

    @contextlib.contextmanager
    def under_way(self, **options):
        """A calibration that has its responder: (the process, the responder's pid)."""
        with subprocess.Popen([LOAD, "-q", "--calibrate", "-c", "4", "unix:///x"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=self.env, start_new_session=True, **options) as parent:
            try:
                self.assertTrue(eventually(lambda: len(children_of(parent.pid)) == 1 and
                                           len(os.listdir(f"/proc/{parent.pid}/task")) > 2))
                yield parent, children_of(parent.pid)[0]
            finally:
                parent.kill()

    def test_its_responder_is_gone_when_it_has_ended(self):
        with self.under_way() as (parent, responder):
            self.assertEqual(parent.wait(timeout=PATIENCE), 0)
            self.assertTrue(is_gone(responder))

    def test_its_responder_is_gone_after_ctrl_c(self):
        with self.under_way() as (parent, responder):
            os.killpg(parent.pid, signal.SIGINT)
            self.assertEqual(parent.wait(timeout=PATIENCE), 130)
            self.assertTrue(is_gone(responder))
            self.assertEqual(parent.stderr.read(), "")
        self.assertFalse(self.cache.exists())
        self.assertEqual(os.listdir(self.temporary), [])

    def test_its_responder_is_gone_after_a_kill(self):
        with self.under_way() as (parent, responder):
            parent.kill()
            parent.wait(timeout=PATIENCE)
            self.assertTrue(eventually(lambda: is_gone(responder)))
        self.assertTrue(eventually(lambda: os.listdir(self.temporary) == []))

    def test_a_responder_that_dies_ends_it_with_an_error(self):
        with self.under_way() as (parent, responder):
            os.kill(responder, signal.SIGKILL)
            self.assertNotIn(parent.wait(timeout=PATIENCE), (0, 5, 130))
            self.assertRegex(parent.stderr.read(), r"\Aecho_load: [^\n]+\n\Z")
        self.assertFalse(self.cache.exists())
        self.assertEqual(os.listdir(self.temporary), [])

    def test_client_and_responder_are_apart_where_there_are_two_cpus(self):
        allowed = os.sched_getaffinity(0)
        if len(allowed) < 2:
            self.skipTest("there is one CPU")
        with self.under_way() as (parent, responder):
            self.assertTrue(eventually(
                lambda: os.sched_getaffinity(responder) == {max(allowed)}))
            self.assertTrue(eventually(lambda: any(
                os.sched_getaffinity(int(thread)) == allowed - {max(allowed)}
                for thread in os.listdir(f"/proc/{parent.pid}/task"))))
            self.assertNotIn("shared", parent.communicate(timeout=PATIENCE)[0])

    def test_on_one_cpu_it_says_that_it_is_shared(self):
        one = {min(os.sched_getaffinity(0))}
        said = self.calibrate(preexec_fn=lambda: os.sched_setaffinity(0, one)).stdout
        self.assertIn("shared", said)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/python3
"""Other people's HTTP clients find every model of streams to be an HTTP server.

    ECHOLAB_BIN=build/release tests/http_tools_test.py

curl, ab and a bare socket talk to all of them, wrk to one of each family, for it takes a
second each time. A tool that is missing is a failure.
"""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import unittest

from command_line_test import PATIENCE, Server, models

PACKAGES = {"curl": "curl", "wrk": "wrk", "ab": "apache2-utils"}
BODY = os.urandom(100 * 1024)


def tool(name, *arguments, **options):
    """What it says on stdout."""
    done = subprocess.run([name, *map(str, arguments)], capture_output=True, text=True,
                          timeout=PATIENCE, check=False, **options)
    assert done.returncode == 0, f"{name}: {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


class Http(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        missing = [package for name, package in PACKAGES.items() if not shutil.which(name)]
        assert not missing, f"missing: apt install {' '.join(missing)}"
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.body = cls.folder / "body"
        cls.body.write_bytes(BODY)

    def each(self, rows, talk, *flags):
        """Calls talk(url) with a server of each model, which then stops at once."""
        self.assertTrue(rows)
        for row in rows:
            with self.subTest(model=row["name"]), \
                    Server(row["name"], "tcp://127.0.0.1:0", "--protocol", "http",
                           *flags) as server:
                self.assertTrue(server.endpoint, "it did not start")
                talk(server.endpoint.replace("tcp://", "http://"))
                code, seconds, said = server.stop()
                self.assertEqual(code, 0, said)
                self.assertLess(seconds, 2, f"nobody is there, and it drains: {said}")


class Curl(Http):
    def requests(self, url):
        """Of one run: what to ask, the status that is right, and the reply's body."""
        greeting = (b"This is echolab, a server that echoes: POST something, and it comes "
                    b"back.\n")
        binary = ["-H", "Content-Type: image/png", "--data-binary", f"@{self.body}"]
        chunked = ["-H", "Transfer-Encoding: chunked"]
        return [([], "200 text/plain", greeting),
                (binary, "200 image/png", BODY),
                ([*chunked, *binary], "200 image/png", BODY),
                (["-H", "Expect: 100-continue", *binary], "200 image/png", BODY),
                (["--head"], "200 text/plain", None),
                (["-X", "DELETE"], "405 ", b""),
                (["--http1.0", *binary], "200 image/png", BODY)]

    def talk(self, url):
        """All over one connection, which HTTP/1.0 ends."""
        requests = self.requests(url)
        arguments = []
        for i, (what, _, _) in enumerate(requests):
            arguments += ["-sS", "--max-time", PATIENCE, "-o", self.folder / f"out{i}", "-D",
                          self.folder / f"head{i}", "-w",
                          "%{http_code} %{content_type} %{num_connects}\n", *what, url,
                          "--next"]
        said = tool("curl", *arguments[:-1]).splitlines()
        self.assertEqual(said, [f"{status} {1 if i == 0 else 0}"
                                for i, (_, status, _) in enumerate(requests)])
        for i, (what, _, body) in enumerate(requests):
            if body is not None:
                self.assertTrue((self.folder / f"out{i}").read_bytes() == body, what)
        heads = [(self.folder / f"head{i}").read_text() for i in range(len(requests))]
        self.assertIn("\nTransfer-Encoding: chunked\n", heads[2])
        self.assertTrue(heads[3].startswith("HTTP/1.1 100 Continue\n"), heads[3])
        self.assertIn("\nContent-Length: 74\n", heads[4])
        self.assertIn("\nAllow: GET, HEAD, POST\n", heads[5])
        self.assertIn("\nConnection: close\n", heads[6])

    def test_gets_every_byte_of_its_bodies_back_from_every_model(self):
        self.each(models(), self.talk)

    def test_is_told_that_a_body_is_too_long_before_it_sends_it(self):
        def talk(url):
            said = tool("curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{size_upload}",
                        "-H", "Expect: 100-continue", "--data-binary", f"@{self.body}", url)
            self.assertEqual(said, "413 0")
        some = [row for row in models()
                if row["name"] in ("epoll_level", "exec_per_client")]
        self.each(some, talk, "--max-body", "99KiB")


class BareSocket(Http):
    """What was asked in one breath is answered, though the peer says no more."""

    GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    def ask(self, url, words):
        host, _, port = url.removeprefix("http://").rpartition(":")
        with socket.create_connection((host, int(port)), PATIENCE) as client:
            client.sendall(words)
            client.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: client.recv(65536), b""))

    def talk(self, url):
        post = (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n"
                + BODY[:50000])
        one = self.ask(url, self.GET)
        self.assertTrue(one.startswith(b"HTTP/1.1 200 OK\r\n"), one)
        back = self.ask(url, self.GET * 500 + post + self.GET)
        self.assertTrue(back.startswith(500 * one) and back.endswith(BODY[:50000] + one))
        self.assertEqual(len(back), len(501 * one) + len(self.ask(url, post)))
        back = self.ask(url, self.GET * 3 + b"hello\r\n\r\n")
        self.assertTrue(back.startswith(3 * one + b"HTTP/1.1 400 Bad Request\r\n"), back)

    def test_gets_all_answers_from_every_model(self):
        self.each(models(), self.talk)
        self.each([row for row in models() if row["name"] in ("libevent_loop", "seda")],
                  self.talk, "--buffer", "2KiB")


class Ab(Http):
    def talk(self, url, clients=4):
        for what in ([], ["-p", self.body, "-T", "image/png"]):
            said = tool("ab", "-q", "-k", "-n", 200, "-c", clients, "-s", PATIENCE, *what,
                        f"{url}/")
            for line in (r"Complete requests: +200", r"Failed requests: +0",
                         r"Keep-Alive requests: +200"):
                self.assertRegex(said, rf"(?m)^{line}$")
            self.assertNotIn("Non-2xx", said)

    def test_has_no_failed_request_with_any_model(self):
        """It waits for all of its clients, so who serves one at a time gets one."""
        one = [row for row in models() if row["serves_at_once"] == "1"]
        self.each(one, lambda url: self.talk(url, 1))
        self.each([row for row in models() if row not in one], self.talk)


class Wrk(Http):
    def talk(self, url):
        said = tool("wrk", "-t", 1, "-c", 4, "-d", 1, f"{url}/")
        self.assertRegex(said, r"\n +[1-9]\d* requests in ")
        self.assertNotRegex(said, r"Non-2xx|Socket errors")

    def test_has_no_error_with_a_model_of_each_family(self):
        self.each(list({row["family"]: row for row in models()}.values()), self.talk)


if __name__ == "__main__":
    unittest.main()

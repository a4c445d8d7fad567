#!/usr/bin/python3
"""echo_load is a client of other people's HTTP servers: nginx and Python's own.

    ECHOLAB_BIN=build/release tests/http_load_test.py

nginx runs from a folder of its own, as one process on a port that the kernel chose, and
is ended by its pid. A tool that is missing is a failure.
"""

import contextlib
import http.server
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import schemas

BIN = pathlib.Path(os.environ.get("ECHOLAB_BIN", "build/release")).resolve()
PATIENCE = 60  # seconds that nothing here takes, but for a program that hangs
SHORT = ["-q", "-w", "50ms"]
PAGES = {"index.html": b"<h1>hello</h1>\n", "big": os.urandom(100_000), "empty": b""}
CONFIGURATION = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; root {folder}/pages; keepalive_requests {requests};
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen {listen};
    location /busy {{ return 503; }}
  }}
}}
"""


def load(*arguments, seconds=0.3):
    done = subprocess.run([BIN / "echo_load", *SHORT, "-d", f"{seconds}s", "--json",
                           "--protocol", "http", *map(str, arguments)],
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    row = json.loads(done.stdout) if done.stdout else None
    if row:
        schemas.check(unittest.TestCase(), "load", row)
    return row, done


def a_free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Nginx(unittest.TestCase):
    def setUp(self):
        path = os.environ.get("PATH", "") + ":/usr/sbin"
        self.nginx = shutil.which("nginx", path=path)
        self.assertTrue(self.nginx, "missing: apt install nginx-light")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        pages = self.folder / "pages"
        pages.mkdir()
        for name, page in PAGES.items():
            (pages / name).write_bytes(page)

    def serving(self, listen, requests=10_000_000):
        configuration = self.folder / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(folder=self.folder, listen=listen,
                                                      requests=requests))
        log = self.folder / "error.log"
        log.touch()
        server = subprocess.Popen([self.nginx, "-p", self.folder, "-e", log, "-c",
                                   configuration], stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        limit = time.monotonic() + PATIENCE
        while not (self.folder / "pid").exists() and time.monotonic() < limit:
            self.assertIsNone(server.poll(), log.read_text())
            time.sleep(0.01)
        return server

    def at_a_port(self, **options):
        """A port that is free may be taken a moment later: then another one."""
        for _ in range(5):
            port = a_free_port()
            with contextlib.suppress(AssertionError):
                self.serving(f"127.0.0.1:{port}", **options)
                return f"tcp://127.0.0.1:{port}"
        return self.fail((self.folder / "error.log").read_text())

    def assert_all_right(self, row, page):
        self.assertIn(row["verdict"], ("VALID", "CLIENT-BOUND"), row["reason"])
        self.assertEqual(set(row["errors"].values()), {0})
        self.assertGreater(row["requests"], 0)
        self.assertEqual(row["reply_body_bytes"], len(PAGES[page]))
        self.assertEqual((row["plan"]["protocol"], row["plan"]["http"]),
                         ("http", {"get": f"/{page}"}))

    def test_every_page_comes_right_through_any_number_of_connections(self):
        endpoint = self.at_a_port()
        for page in PAGES:
            for shape in (["-c", 1], ["-c", 50], ["-c", 4, "-p", 8], ["-c", 4, "-t", 2],
                          ["-c", 20, "-R", 500]):
                with self.subTest(page=page, shape=shape):
                    row, _ = load("--http-get", f"/{page}", *shape, endpoint)
                    self.assert_all_right(row, page)

    def test_a_unix_socket_is_asked_for_localhost(self):
        self.serving(f"unix:{self.folder}/socket")
        row, _ = load("--http-get", "/big", f"unix://{self.folder}/socket")
        self.assert_all_right(row, "big")

    def test_the_end_of_a_connection_after_so_many_requests_is_named(self):
        row, done = load("--http-get", "/index.html", "-c", 3, self.at_a_port(requests=100))
        self.assertEqual(done.returncode, 1)
        self.assertEqual(row["errors"]["closed_early"], 3)
        self.assertEqual(row["errors"]["lost_replies"], 0)
        self.assertIn("after 100 requests (Connection: close; nginx: keepalive_requests)",
                      row["reason"])

    def test_what_it_refuses_is_named_by_its_status_before_any_load(self):
        endpoint = self.at_a_port()
        for path, status in (("/none", 404), ("/busy", 503)):
            row, done = load("--http-get", path, endpoint)
            self.assertIsNone(row)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stderr, f"echo_load: {endpoint}: GET {path}: the server "
                                          f"answered {status}\n")

    def test_a_post_that_it_does_not_take_is_named_as_well(self):
        row, done = load("-c", 2, self.at_a_port())
        self.assertEqual((row["verdict"], done.returncode), ("CORRUPT", 4))
        self.assertIn("the server answered 405", row["reason"])

    def test_a_page_that_changes_under_the_load_is_corrupt(self):
        endpoint = self.at_a_port()
        page = self.folder / "pages" / "index.html"
        other = self.folder / "other"
        other.write_bytes(PAGES["index.html"].replace(b"hello", b"hallo"))
        change = threading.Timer(0.4, lambda: other.rename(page))
        change.start()
        row, _ = load("--http-get", "/index.html", endpoint, seconds=1.5)
        change.join()
        self.assertEqual(row["verdict"], "CORRUPT")
        self.assertIn("its body is not that of the first GET", row["reason"])


class Python(unittest.TestCase):
    """It speaks HTTP/1.0, which closes each connection, unless told otherwise."""

    def serving(self, version):
        class Page(http.server.BaseHTTPRequestHandler):
            protocol_version = version

            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", "5")
                self.end_headers()
                self.wfile.write(b"hello")

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(target=server.serve_forever).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"tcp://127.0.0.1:{server.server_port}"

    def test_its_replies_are_verified(self):
        row, _ = load("--http-get", "/", "-c", 4, self.serving("HTTP/1.1"))
        self.assertEqual(set(row["errors"].values()), {0})
        self.assertEqual(row["reply_body_bytes"], 5)

    def test_http_1_0_is_named(self):
        row, done = load("--http-get", "/", "-c", 4, self.serving("HTTP/1.0"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("after 1 request (HTTP/1.0 without keep-alive)", row["reason"])


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/python3
"""echo_compare asks web servers, too: nginx, Python's and wrong ones beside the models.

ECHOLAB_BIN names the build folder. nginx is started by the script of bench/examples,
below a TMPDIR of the test. A tool that is missing is a failure.
"""

import os
import pathlib
import shlex
import socket
import subprocess
import unittest
import urllib.request

import compare_test
from compare_test import REPORT, eventually, processes

TOP = pathlib.Path(__file__).resolve().parent.parent
NGINX = TOP / "bench/examples/nginx.sh"
PYTHON = TOP / "bench/examples/http_server.py"
PAGE_BYTES = 74                             # of every model, and of both examples
MEASURED = ("VALID", "CLIENT-BOUND", "NOISY", "UNSTEADY")
BRIEF = ["--protocol", "http", "--duration", "200ms", "--warm-up", "20ms", "--repeats", "0"]

# Keeps to HTTP but for what its first argument says.
WRONG = r"""
import itertools, socket, sys, threading
kind, port = sys.argv[1], int(sys.argv[2])
def is_cut(n):
    return kind == "cut" and n > 20
def reply(n):
    status = "404 Not Found" if kind == "status" else "200 OK"
    body = "%08d" % n if kind == "changing" else "unva" if is_cut(n) else "unvaried"
    fields = "Connection: close\r\n" if kind == "closing" else ""
    return f"HTTP/1.1 {status}\r\n{fields}Content-Length: 8\r\n\r\n{body}".encode()
count = itertools.count()
def serve(client):
    heard = b""
    while news := client.recv(65536):
        heard += news
        while b"\r\n\r\n" in heard:
            heard = heard.partition(b"\r\n\r\n")[2]
            n = next(count)
            client.sendall(reply(n))
            if kind == "closing" or is_cut(n):
                return client.close()
    client.close()
s = socket.create_server(("127.0.0.1", port))
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
"""


class Http(unittest.TestCase):
    command = compare_test.Comparing.command
    compare = compare_test.Comparing.compare
    campaign = compare_test.Comparing.campaign
    resume = compare_test.Comparing.resume
    assert_no_server_left = compare_test.Comparing.assert_no_server_left

    def setUp(self):
        compare_test.Comparing.setUp(self)
        self.place = pathlib.Path(self.folder.name) / "tmp"
        self.place.mkdir()
        before = os.environ.get("TMPDIR")
        os.environ["TMPDIR"] = str(self.place)
        self.addCleanup(lambda: os.environ.pop("TMPDIR") if before is None else
                        os.environ.update(TMPDIR=before))

    def wrong(self, kind):
        path = pathlib.Path(self.folder.name) / "wrong.py"
        path.write_text(WRONG)
        command = f"/usr/bin/python3 {shlex.quote(str(path))} {kind} {{port}}"
        return ["--server", f"{kind}={command}"]

    def rows_of(self, model):
        rows = [row for row in self.campaign()[2] if row["model"] == model]
        self.assertTrue(rows, f"no trial of {model}")
        return rows


class Beside(Http):
    def test_nginx_and_pythons_server_stand_beside_the_models(self):
        done = self.compare("--models", "thread_per_client,epoll_level", *BRIEF,
                            "--ceiling", "--rounds", "1", "--clients", "1,8",
                            "--server", f"nginx={NGINX} {{port}}",
                            "--server", f"python=/usr/bin/python3 {PYTHON} {{port}}")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("GETs of / over HTTP/1.1, closed loop", done.stderr)
        self.assertIn(f"Each GET of / brought {PAGE_BYTES} B.", done.stdout)
        folder, manifest, rows = self.campaign()
        self.assertEqual((manifest["options"]["protocol"], manifest["options"]["http"]),
                         ("http", {"get": "/"}))
        self.assertEqual(len(rows), 2 * 5)
        for row in rows:
            self.assertIn(row["verdict"], MEASURED, row["reason"])
            self.assertEqual(row["reply_body_bytes"], PAGE_BYTES, row["model"])
            self.assertGreater(row["server"]["cpu_ns_per_request"], 0)
        for row in self.rows_of("nginx"):
            self.assertGreaterEqual(row["server"]["processes"], 3)  # script, master, worker
            self.assertGreaterEqual(row["server"]["descriptors"], row["clients"])
        self.assert_gone()
        subprocess.run([REPORT, folder], check=True, timeout=200, capture_output=True)
        self.assertIn(f"GETs of / over HTTP/1.1, {PAGE_BYTES} B each",
                      (folder / "report.html").read_text())

    def assert_gone(self):
        """No process of nginx, none of its folders."""
        self.assertTrue(eventually(lambda: not processes(f"nginx.*{self.place}")))
        self.assertEqual([*self.place.glob("nginx*")], [])

    def test_who_closes_each_connection_can_be_asked_once_on_each(self):
        (self.place / "index.html").write_text("once\n")
        done = self.compare("churn", "--at", "1", "--models", "epoll_level", *BRIEF,
                            "--rounds", "1", "--clients", "4", "--http-get",
                            "/index.html", "--server",
                            "old=/usr/bin/python3 -m http.server --bind 127.0.0.1 "
                            f"--directory {self.place} {{port}}")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        (old,) = self.rows_of("old")
        self.assertEqual((old["reply_body_bytes"], old["requests_per_connection"]), (5, 1))
        self.assertIn("A GET of /index.html brought 5 B from old; 74 B from epoll_level",
                      " ".join(done.stdout.split()))

    def test_unix_sockets_are_asked_and_datagrams_left_out(self):
        done = self.compare("transports", "--at", "unix,udp", "--ceiling", *BRIEF,
                            "--models", "udp_iterative,epoll_level", "--rounds", "1",
                            "--clients", "2")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("left out, as HTTP needs a stream: UDP", done.stderr)
        self.assertIn("udp_iterative is unavailable: HTTP needs a stream", done.stdout)
        _, manifest, rows = self.campaign()
        self.assertEqual({row["model"] for row in rows}, {"epoll_level", "null_responder"})
        self.assertTrue(any("UDP" in text for text in manifest["warnings"]))

    def test_it_goes_on_as_what_it_was_and_is_unlike_an_echo(self):
        plan = ["--models", "iterative,epoll_level", "--rounds", "2", "--clients", "1",
                "--seed", "3"]
        whole = self.compare(*plan, *BRIEF, "--http-get", "/x")
        self.assertEqual(whole.returncode, 0, whole.stderr)
        folder, _, rows = self.campaign()
        trials = folder / "trials.jsonl"
        lines = trials.read_text().splitlines(keepends=True)
        trials.write_text("".join(lines[:2]))
        again = self.resume()
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("Each GET of /x brought 74 B.", again.stdout)
        resumed = self.campaign()[2]
        self.assertEqual([(r["model"], r["round"]) for r in resumed],
                         [(r["model"], r["round"]) for r in rows])
        self.assertEqual({r["reply_body_bytes"] for r in resumed}, {PAGE_BYTES})
        other = pathlib.Path(self.folder.name) / "echo"
        self.compare(*plan, *BRIEF[2:], "--results", str(other))
        (echo,) = other.iterdir()
        done = subprocess.run([TOP / "scripts/compare", folder, echo], text=True,
                              capture_output=True, timeout=100, check=False)
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn("options.protocol: http → echo", done.stderr)


class Wrong(Http):
    def test_each_is_named_and_in_no_ranking(self):
        kinds = ("status", "changing", "closing", "cut")
        done = self.compare("--models", "epoll_level", *BRIEF, "--rounds", "3", "--clients",
                            "4", *(word for kind in kinds for word in self.wrong(kind)))
        self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
        for kind, verdict, why in (
                ("status", "FAILED", "not ready in 10 s: tcp://127.0.0.1:"),
                ("status", "FAILED", "GET /: the server answered 404"),
                ("changing", "CORRUPT", "its body is not that of the first GET"),
                ("closing", "FAILED", "closed the connection after 1 request (Connection: "
                                      "close"),
                ("cut", "CORRUPT", "replies were lost")):
            with self.subTest(kind):
                for row in self.rows_of(kind):
                    self.assertEqual(row["verdict"], verdict, row["reason"])
                    self.assertIn(why, row["reason"])
                    self.assertIsNone(row["reply_body_bytes"])
                self.assertRegex(done.stdout, rf"(?m)^  {kind} +FAILED in 3 rounds: ")
        self.assertEqual([row["reason"].split(": ")[0] for row in self.rows_of("status")],
                         ["not ready in 10 s"] * 2 + ["not started again"])
        self.assertIn(self.rows_of("epoll_level")[0]["verdict"], MEASURED)
        self.assertIn("At 4 clients, epoll_level needs", " ".join(done.stdout.split()))
        self.assertIn("Each GET of / brought 74 B.", done.stdout)


class Script(Http):
    """nginx.sh by itself."""

    def started(self, *arguments):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        server = subprocess.Popen([NGINX, str(port), *arguments], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(server.communicate)
        self.addCleanup(server.kill)
        return server, f"http://127.0.0.1:{port}/"

    def page(self, url):
        found = []

        def fetched():
            try:
                with urllib.request.urlopen(url, timeout=60) as reply:
                    found.append(reply.read())
            except OSError:
                return False
            return True
        self.assertTrue(eventually(fetched, 60))
        return found[0]

    def test_it_serves_a_file_and_takes_all_away_when_it_ends(self):
        file = self.place / "file"
        file.write_bytes(bytes(range(256)) * 400)
        for given, page in (([str(file)], file.read_bytes()), ([], None)):
            with self.subTest(given=given):
                server, url = self.started(*given)
                got = self.page(url)
                self.assertTrue(got == page or page is None and len(got) == PAGE_BYTES)
                self.assertEqual(len([*self.place.glob("nginx*")]), 1)
                server.terminate()
                self.assertEqual(server.wait(60), 0)
                self.assertEqual([*self.place.glob("nginx*")], [])
                self.assertTrue(eventually(lambda: not processes(f"nginx.*{self.place}")))

    def test_what_is_wrong_is_said_and_nothing_is_left(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            for arguments, code, words in (
                    ([], 2, "usage: nginx.sh PORT [FILE]"), (["x"], 2, "usage"),
                    ([port, "/no/file"], 1, "/no/file"),
                    ([port], 1, "Address already in use")):
                with self.subTest(arguments):
                    done = subprocess.run([NGINX, *arguments], capture_output=True, text=True,
                                          timeout=100, check=False)
                    self.assertEqual(done.returncode, code, done.stderr)
                    self.assertIn(words, done.stderr)
                    self.assertEqual([*self.place.glob("nginx*")], [])


if __name__ == "__main__":
    unittest.main()

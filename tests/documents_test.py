#!/usr/bin/python3
"""The documents are so: links and anchors exist, figures are explained, commands run, and
the exchanges of common/protocols.md are what a server does.

ECHOLAB_BIN names the build folder. Commands run as they stand, but shortened: a load for
so many replies that the slowest machine has some, a comparison as a dry run.
"""

import ast
import collections
import itertools
import os
import pathlib
import random
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(os.environ.get("ECHOLAB_BIN", "build/release")).resolve()
READING, PROTOCOLS = TOP / "results/reading.md", TOP / "common/protocols.md"
RECIPES, TUTORIAL = TOP / "bench/recipes.md", TOP / "lab/tutorial.md"
# VALID, CLIENT-BOUND, NOISY, OVERLOADED, a promise that does not hold: of a busy machine.
RUN = (0, 5, 6, 7, 9)
CORRUPT = 4
PATIENCE = 150  # seconds that nothing here takes, but for a program that hangs

CACHE = tempfile.TemporaryDirectory(prefix="echolab-test-")


def setUpModule():
    """Whoever runs this keeps the ceilings that are theirs."""
    os.environ["XDG_CACHE_HOME"] = CACHE.name
    unittest.addModuleCleanup(CACHE.cleanup)


def documents():
    """All of the project's, tracked or new."""
    out = subprocess.run(["git", "-C", TOP, "ls-files", "--cached", "--others",
                          "--exclude-standard", "*.md"], check=True, text=True,
                         stdout=subprocess.PIPE).stdout
    return [TOP / name for name in sorted(out.split("\n")) if name]


def blocks(path, kind=""):
    """The fenced blocks of that kind, in their order; commands stand in those of none."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", path.read_text("utf-8"), re.S | re.M)
    return [content for its_kind, content in found if its_kind == kind]


def without_blocks(text):
    return re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M)


def links_of(text):
    """But for those inside of code."""
    prose = re.sub(r"`[^`\n]*`", "", without_blocks(text))
    return re.findall(r"\]\(([^)\s]+)\)", prose)


# --- links ------------------------------------------------------------------------------
def slug(heading):
    """The anchor that GitHub gives a heading."""
    heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def slugs(text):
    """Of all headings, in their order."""
    return [slug(heading) for heading in
            re.findall(r"^#{1,6} (.*)$", without_blocks(text), re.M)]


def anchors(text):
    """All of a document: of equal headings the second one has -1, and so on."""
    before, found = collections.Counter(), []
    for one in slugs(text):
        found.append(f"{one}-{before[one]}" if before[one] else one)
        before[one] += 1
    return found


def broken(path, text):
    """The relative links of a document that lead nowhere."""
    wrong = []
    for link in links_of(text):
        if re.match(r"\w+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (path.parent / place).resolve() if place else path
        if target != path and not target.exists():
            wrong.append(link)
        elif anchor:
            there = text if target == path else target.read_text("utf-8")
            wrong += [link] if anchor not in anchors(there) else []
    return wrong


class Links(unittest.TestCase):
    def test_each_leads_to_a_file_and_an_anchor(self):
        self.assertGreaterEqual(len(documents()), 8)
        for path in documents():
            with self.subTest(path.relative_to(TOP)):
                self.assertEqual(broken(path, path.read_text("utf-8")), [])

    def test_a_broken_one_is_found(self):
        text = ("# One `two`, three's\n[a](#one-two-threes) [b](README.md#licence)\n"
                "```\n# [no](none)\n```\n`[no](none)` [w](https://example.org/x)\n")
        path = TOP / "invented.md"
        self.assertEqual(broken(path, text), [])
        for link in ("none.md", "#one", "README.md#none", "#no"):
            self.assertEqual(broken(path, f"{text}[x]({link})\n"), [link])

    def test_equal_headings_have_a_number(self):
        self.assertEqual(anchors("# A b\n## A b\n### A-b\n"), ["a-b", "a-b-1", "a-b-2"])

    def test_each_document_is_reached_from_the_first_one(self):
        readme = TOP / "README.md"
        linked = {(TOP / link.partition("#")[0]).resolve()
                  for link in links_of(readme.read_text("utf-8"))}
        self.assertEqual([path for path in documents()
                          if path != readme and path not in linked], [])


class Figures(unittest.TestCase):
    def test_each_is_explained(self):
        """A figure's anchor is its name with - in place of _."""
        sources = "".join(path.read_text("utf-8") for path in
                          sorted((TOP / "scripts/report").glob("*.py")))
        names = set(re.findall(r'sheets\.\w+\(\s*campaign,\s*"(\w+)"', sources))
        self.assertLessEqual({"cpu_by_clients", "ratios", "headline", "drift"}, names)
        for report in (TOP / "results/reference").glob("*/report.html"):
            names |= {*re.findall(r'<figure id="fig-(\w+)"', report.read_text("utf-8"))}
        text = READING.read_text("utf-8")
        section = text.partition("\n## The figures\n")[2].partition("\n## ")[0]
        wanted = {name.replace("_", "-") for name in names}
        self.assertEqual(wanted - {*slugs(section)}, set())
        often = collections.Counter(slugs(text))    # or the anchor leads elsewhere
        self.assertEqual([one for one in slugs(section) if often[one] > 1], [])


class ExitCodes(unittest.TestCase):
    def test_the_table_is_that_of_the_programs(self):
        done = subprocess.run([BIN / "echo_load", "--help"], check=True, text=True,
                              stdout=subprocess.PIPE, timeout=PATIENCE)
        codes = re.search(r"Exit codes: (.*interrupted)\.", done.stdout, re.S).group(1)
        section = READING.read_text("utf-8").partition("\n### Exit codes\n")[2]
        rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", section.partition("\n## ")[0], re.M)
        self.assertEqual([f"{code} {meaning}" for code, meaning in rows],
                         " ".join(codes.split()).split(", "))


# --- exchanges --------------------------------------------------------------------------
def bytes_of(line):
    """"ELW1" 00 0a: texts with C's escapes, and pairs of hexadecimal digits."""
    parts = re.findall(r'"(?:\\.|[^"\\])*"|\S+', line)
    return b"".join(ast.literal_eval("b" + part) if part[0] == '"' else
                    bytes.fromhex(part) for part in parts)


def serve(test, words, scheme="tcp"):
    """The port of a server of ours that ends with the test."""
    server = subprocess.Popen(
        [*words, "--listen", f"{scheme}://127.0.0.1:0", "--ready-fd", "1"], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    test.addCleanup(server.stdout.close)
    test.addCleanup(server.wait, 20)
    test.addCleanup(server.terminate)
    ready = re.search(r"endpoint=\S+:(\d+)", server.stdout.readline())
    return int(ready.group(1))


class Exchanges(unittest.TestCase):
    def test_a_server_does_what_is_written(self):
        played = [block for block in blocks(PROTOCOLS) if block.startswith("$ ")]
        self.assertGreaterEqual(len(played), 9)
        for block, model in itertools.product(played, ("thread_per_client", "epoll_level")):
            command, *lines = block.splitlines()
            command = command.replace("thread_per_client", model)   # whichever it is
            with self.subTest(command, lines=lines):
                self.play(shlex.split(command.replace("$ ", f"{BIN}/")), lines)

    def play(self, words, lines):
        is_datagram = "udp" in " ".join(words)
        port = serve(self, words, "udp" if is_datagram else "tcp")
        kind = socket.SOCK_DGRAM if is_datagram else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, kind) as client:
            client.settimeout(PATIENCE)
            client.connect(("127.0.0.1", port))
            for line in lines:
                self.step(client, line, is_datagram)

    def step(self, client, line, is_datagram):
        sign, content = line[0], line[2:]
        if sign == ">":
            client.sendall(bytes_of(content))
        elif sign == "<" and is_datagram:
            self.assertEqual(client.recv(65536), bytes_of(content))
        elif sign == "<":
            self.assertEqual(exactly(client, len(bytes_of(content))), bytes_of(content))
        elif sign == "!":
            client.shutdown(socket.SHUT_WR)
        else:
            self.assertEqual((sign, client.recv(1)), (".", b""))

    def test_every_exchange_has_replies_and_most_an_end(self):
        played = [block for block in blocks(PROTOCOLS) if block.startswith("$ ")]
        self.assertTrue(all(re.search(r"^[<.]", block, re.M) for block in played))
        self.assertTrue(all(re.search(r"^\.$", block, re.M) or "udp" in block
                            for block in played))


def exactly(client, size):
    """So many bytes, or what came before the end."""
    got = bytearray()
    while len(got) < size and (news := client.recv(min(size - len(got), 1 << 20))):
        got += news
    return bytes(got)


# --- commands ---------------------------------------------------------------------------
def ours(line):
    """A command of the documents as it is run here, without its comment."""
    line = re.sub(r"  #.*", "", line).strip()
    line = re.sub(r"\b(bench|clients)/examples/", rf"{TOP}/\1/examples/", line)
    return line.replace("build/release/", f"{BIN}/")


def shortened(line):
    """A load of echo_load that ends after 100 replies, however long they take."""
    if "--calibrate" in line:
        return line
    line = re.sub(r"-d \d+m?s\b", "-n 100", line)
    return f"{line} -w 100ms --timeout 60s{'' if ' -n ' in line else ' -n 100'}"


class Commands(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_here(self, line):
        return subprocess.run(line, shell=True, cwd=self.folder, text=True,
                              capture_output=True, timeout=PATIENCE, check=False)

    def test_comparisons_can_be_planned(self):
        for path in (RECIPES, TUTORIAL, READING):
            lines = [line for block in blocks(path) for line in block.splitlines()
                     if "build/release/echo_compare" in line]
            self.assertTrue(lines or path == READING)
            for line in lines:
                with self.subTest(line):
                    dry = "" if "--dry-run" in line else " --dry-run"
                    done = self.run_here(ours(line) + dry)
                    # The doctor finds something where a sanitizer is built in.
                    self.assertIn(done.returncode, (0, 1) if "--doctor" in line else (0,),
                                  done.stderr)

    def test_loads_run_against_the_server_beside_them(self):
        for block in [*blocks(RECIPES), *blocks(TUTORIAL)]:
            lines = block.splitlines()
            servers = [line for line in lines if "build/release/echo_server" in line]
            loads = [line for line in lines if "build/release/echo_load" in line]
            if not loads or "python3" in block:     # those have a test of their own
                continue
            endpoint = ""
            if servers:
                words = shlex.split(ours(servers[0]).rstrip(" &"))
                scheme = "udp" if "udp" in " ".join(words) else "tcp"
                endpoint = f"{scheme}://127.0.0.1:{serve(self, words, scheme)}"
            for line in loads:
                with self.subTest(line):
                    self.assertTrue(endpoint or "--calibrate" in line)
                    self.load(re.sub(r"(tcp|udp)://127.0.0.1:7007", endpoint, line))

    def load(self, line, fine=RUN):
        line = shortened(ours(line))
        if "--search" in line:  # many loads
            line, fine = f"{line} --print-config".replace("-n 100", "-d 10s"), (0,)
        done = self.run_here(f"{line} -q")
        self.assertIn(done.returncode, fine, done.stdout + done.stderr)

    def test_the_servers_of_the_tutorial_echo_and_its_wrong_one_is_found(self):
        sources = {source.split("\n")[0].removeprefix("# "): source
                   for source in blocks(TUTORIAL, "python")}
        self.assertEqual({*sources}, {"my_server.py", "better_server.py"})
        for name, source in sources.items():
            (self.folder / name).write_text(source, "utf-8")
        edit = [line for block in blocks(TUTORIAL) for line in block.splitlines()
                if line.startswith("sed ")]
        self.assertEqual(self.run_here(edit[0]).returncode, 0)
        loads = [line for block in blocks(TUTORIAL) for line in block.splitlines()
                 if "build/release/echo_load" in line and ":7008" in line]
        self.assertEqual(len(loads), 2)
        for name, clients, fine in (("my_server.py", "-c 1 ", RUN),
                                    ("better_server.py", "-c 8 -p 4 ", RUN),
                                    ("wrong_server.py", "-c 1 ", (CORRUPT,))):
            port = self.start(name)
            endpoint = f"tcp://127.0.0.1:{port}"
            if fine == RUN:
                self.assert_whole(name, port)
            for line in loads:
                with self.subTest(name, line=line):
                    line = line.replace("-c 1 ", clients)
                    self.load(line.replace("tcp://127.0.0.1:7008", endpoint), fine)

    def assert_whole(self, name, port):
        """All comes back that is said by somebody who does not read at first, so that a
        send of the server's takes but a part."""
        said = random.Random(1).randbytes(16 << 20)

        def say(client):
            client.sendall(said)
            client.shutdown(socket.SHUT_WR)
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
            sender = threading.Thread(target=say, args=[client])
            sender.start()
            time.sleep(0.3)
            heard = exactly(client, len(said))
            sender.join()
        self.assertTrue(heard == said, f"{name}: {len(heard)} of {len(said)} bytes")

    def start(self, name):
        """The port of a server in Python, once it accepts."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        server = subprocess.Popen([sys.executable, name, str(port)], cwd=self.folder)
        self.addCleanup(server.wait, 20)
        self.addCleanup(server.kill)
        limit = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return port
            except ConnectionRefusedError:
                self.assertLess(time.monotonic(), limit, f"{name} does not listen")
                time.sleep(0.02)

    def test_the_scripts_are_there_and_can_be_run(self):
        for path in (RECIPES, TUTORIAL, READING):
            commands = "\n".join(blocks(path))
            for script in re.findall(r"^(?:\./)?(scripts/[\w.]+)", commands, re.M):
                self.assertTrue(os.access(TOP / script, os.X_OK), script)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/python3
"""What README.md says is so: its links exist, its models are all of them, its commands run.

Commands run as they stand, but shortened: a load for 200 ms, a comparison as a dry run.
"""

import os
import pathlib
import re
import shlex
import subprocess
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(os.environ.get("ECHOLAB_BIN", "build/release")).resolve()
README = (TOP / "README.md").read_text("utf-8")
SHORTER = {
    "echo_compare": ["--dry-run"],
    "models_bench": ["--benchmark_list_tests"],
    "primitives": ["--benchmark_list_tests"],
}


CACHE = tempfile.TemporaryDirectory(prefix="echolab-test-")


def setUpModule():
    """Whoever runs this keeps the ceilings that are theirs."""
    os.environ["XDG_CACHE_HOME"] = CACHE.name
    unittest.addModuleCleanup(CACHE.cleanup)


def commands(program):
    """The command lines of a program of ours, or curl, in the fenced blocks, without
    comments."""
    blocks = re.findall(r"^```\n(.*?)^```", README, re.S | re.M)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines
            if f"build/release/{program}" in line or line.split(" ")[0] == program]


def protocol(line):
    return (re.findall(r"--protocol (\w+)", line) or ["echo"])[0]


def ours(line):
    return line.replace("build/release/", f"{BIN}/")


class Readme(unittest.TestCase):
    def test_links_lead_somewhere(self):
        links = re.findall(r"\]\(([^)#:]+)\)", README)
        self.assertGreater(len(links), 10)
        for link in links:
            self.assertTrue((TOP / link).exists(), link)

    def test_the_catalogue_is_that_of_the_table(self):
        done = self.catalogue("--check")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = re.findall(r"^MODEL\((\w+),", (TOP / "servers/models.def").read_text(), re.M)
        self.assertEqual(re.findall(r"\(servers/(\w+)\.cpp\)", README), rows)

    def test_an_old_catalogue_is_found_and_mended(self):
        with tempfile.TemporaryDirectory() as folder:
            readme = pathlib.Path(folder) / "README.md"
            readme.write_text(README.replace("one client at a time", "one or two"), "utf-8")
            old = self.catalogue("--check", "--readme", readme)
            self.assertEqual(old.returncode, 1)
            self.assertIn("scripts/catalogue --update", old.stderr)
            self.assertEqual(self.catalogue("--update", "--readme", readme).returncode, 0)
            self.assertEqual(readme.read_text("utf-8"), README)
            readme.write_text("no marker\n", "utf-8")
            self.assertEqual(self.catalogue("--check", "--readme", readme).returncode, 2)

    def test_a_row_of_any_shape_becomes_one_line(self):
        with tempfile.TemporaryDirectory() as folder:
            rows = pathlib.Path(folder) / "models.def"
            rows.write_text('// MODEL(name, family)\nMODEL(a, many_loops, stream,\n'
                            '      1 + min(clients, workers), 1,\n      "recvfrom",\n'
                            '      "UNP 1, 2",\n      "so (it, shows) "\n      "a | b")\n')
            line = self.catalogue("--models", rows).stdout.split("\n")[2]
            self.assertEqual(line, "| many loops | [`a`](servers/a.cpp) | so (it, shows) "
                                   "a \\| b | UNP 1, 2 |")

    def catalogue(self, *arguments):
        return subprocess.run([TOP / "scripts/catalogue", *map(str, arguments)],
                              capture_output=True, text=True, timeout=60)

    def test_the_scripts_are_there_and_can_be_run(self):
        for script in set(re.findall(r"(?:\./)?(scripts/[\w.]+)", README)):
            self.assertTrue(os.access(TOP / script, os.X_OK), script)

    def test_the_file_of_options_is_one(self):
        files = re.findall(r"^```toml\n(.*?)^```", README, re.S | re.M)
        self.assertEqual(len(files), 1)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "load.toml"
            path.write_text(files[0], "utf-8")
            done = subprocess.run([BIN / "echo_load", "--config", path, "--print-config"],
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("\nconnections = 1000\n", done.stdout)

    def test_the_programs_take_these_options(self):
        for program, shorter in SHORTER.items():
            self.assertTrue(commands(program), program)
            for line in commands(program):
                with self.subTest(line=line):
                    done = subprocess.run(shlex.split(ours(line)) + shorter,
                                          capture_output=True, text=True, timeout=60)
                    # The doctor finds something where a sanitizer is built in.
                    fine = (0, 1) if "--doctor" in line else (0,)
                    self.assertIn(done.returncode, fine, done.stderr)

    def test_the_committed_campaign_can_be_exported(self):
        self.assertTrue(commands("scripts/export"))
        for line in commands("scripts/export"):
            with self.subTest(line=line):
                done = subprocess.run(shlex.split(line), cwd=TOP, capture_output=True,
                                      text=True, timeout=60)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("epoll_level", done.stdout)

    def test_a_campaign_can_be_compared_with_the_committed_one(self):
        self.assertTrue(commands("scripts/compare"))
        for line in commands("scripts/compare"):
            line = line.replace("results/2026-…", "results/reference/scaling")  # its own twin
            done = subprocess.run(shlex.split(line), cwd=TOP, capture_output=True,
                                  text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, "^no difference|0 regressions, 0 improvements")

    def test_servers_serve_and_clients_are_answered(self):
        for line in commands("echo_server"):
            if "--model" not in line:
                continue
            with self.subTest(line=line):
                words = [w for w in shlex.split(ours(line))]
                if "--listen" in words:
                    where = words.index("--listen")
                    del words[where:where + 2]
                self.with_server(words)

    def with_server(self, words):
        """All clients' commands that speak the server's protocol."""
        spoken = protocol(" ".join(words))
        server = subprocess.Popen([*words, "--listen", "tcp://127.0.0.1:0", "--ready-fd",
                                   "1"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  text=True)
        try:
            endpoint = re.search(r"endpoint=(\S+)", server.stdout.readline()).group(1)
            for line in commands("echo_load"):
                if protocol(line) != spoken:
                    continue
                line = line.replace("tcp://127.0.0.1:7007", endpoint)
                line = line.replace("-d 10s", "-d 200ms")
                if "--search" in line:  # many loads
                    line += " --print-config"
                done = subprocess.run(shlex.split(ours(line)) + ["-q"], timeout=60,
                                      stdout=subprocess.PIPE, text=True)
                # VALID, CLIENT-BOUND or, where a sanitizer serves, OVERLOADED.
                self.assertIn(done.returncode, (0, 5, 7), done.stdout)
            for line in commands("echo_client") if spoken == "echo" else []:
                done = subprocess.run(["sh", "-c", f"{ours(line)} {endpoint}"], timeout=60,
                                      capture_output=True, text=True)
                self.assertEqual((done.returncode, done.stdout), (0, "hello\n"))
            for line in commands("curl") if spoken == "http" else []:
                line = line.replace("127.0.0.1:7007", endpoint.removeprefix("tcp://"))
                done = subprocess.run(shlex.split(line), timeout=60, cwd=TOP,
                                      capture_output=True)
                self.assertEqual((done.returncode, done.stdout.decode()), (0, README))
        finally:
            server.terminate()
            server.wait(timeout=20)
            server.stdout.close()


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/python3
"""echo_compare as a person uses it: what it prints, keeps, refuses and leaves behind.

ECHOLAB_BIN names the build folder. Windows are short: what is tested is the runner, not
the numbers.
"""

import csv
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import unittest

import schemas
from command_line_test import on_a_terminal

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "scripts"))

from report import inference  # noqa: E402

BIN = pathlib.Path(os.environ.get("ECHOLAB_BIN", "build/release")).resolve()
COMPARE = BIN / "echo_compare"
if not COMPARE.exists():
    sys.exit(f"{COMPARE} is not there: build it, or set ECHOLAB_BIN")
REPORT = pathlib.Path(__file__).resolve().parent.parent / "scripts" / "report.py"
# TSan has a thread of its own in every process.
TSAN = "+thread" in subprocess.run([COMPARE, "--version"], stdout=subprocess.PIPE,
                                   text=True).stdout
SHORT = ["--duration", "200ms", "--warm-up", "20ms", "--rounds", "2", "--clients", "1,8",
         "--repeats", "0"]
TIMES = r"p50 [\d.]+ [num]?s(?:, p99 [\d.]+ [num]?s)?"  # of few replies no p99 is told
MODELS = ["iterative", "fork_per_client", "epoll_level"]
MEASURED = ("VALID", "CLIENT-BOUND", "NOISY", "UNSTEADY")  # brief windows, others at work

PYTHON_ECHO = """
import socket, sys, threading
def serve(c):
    while data := c.recv(65536):
        c.sendall(data)
    c.close()
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
"""


def processes(pattern):
    """The pids whose command line matches."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if re.search(pattern, command):
            found.append(int(entry.name))
    return found


def eventually(condition, seconds=10):
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if condition():
            return True
        time.sleep(0.02)
    return False


class Comparing(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.results = pathlib.Path(self.folder.name) / "results"
        # A flag that only the servers of this test are started with.
        self.mark = f"--workers {1000 + os.getpid() % 3000}"

    def command(self, *arguments):
        own = [] if "--results" in arguments else ["--results", str(self.results)]
        own += [] if "--aa" in arguments else ["--no-aa"]
        own += [] if "--ceiling" in arguments else ["--no-ceiling"]
        return [str(COMPARE), *own, *self.mark.split(), *arguments]

    def compare(self, *arguments):
        return subprocess.run(self.command(*arguments), capture_output=True, text=True,
                              timeout=120)

    def campaign(self):
        (folder,) = self.results.iterdir()
        text = (folder / "manifest.json").read_text()
        lines = (folder / "trials.jsonl").read_text().splitlines()
        schemas.check_lines(self, "manifest", [text])
        schemas.check_lines(self, "trial", lines)
        return folder, json.loads(text), [json.loads(line) for line in lines]

    def assert_no_server_left(self):
        self.assertTrue(eventually(lambda: not processes(f"echo_server.*{self.mark}")))

    def test_every_point_is_measured_once_a_round_and_kept(self):
        done = self.compare("--models", ",".join(MODELS), *SHORT)
        self.assertIn(done.returncode, (0,), done.stderr)
        _, manifest, rows = self.campaign()
        points = sorted((r["round"], r["model"], r["clients"]) for r in rows)
        self.assertEqual(points, sorted((r, m, c) for r in (0, 1) for m in MODELS
                                        for c in (1, 8)))
        self.assertEqual([r["order"] for r in rows], list(range(12)))
        self.assertFalse(manifest["partial"])
        self.assertEqual(manifest["planned_trials"], 12)
        self.assertEqual(manifest["options"]["precision"], 0)
        precision = manifest["precision"]
        self.assertEqual((precision["wanted"], precision["ratios"]), (.03, 4))
        self.assertEqual({miss["half_width"] for miss in precision["missed"]}, {None})
        self.assert_no_server_left()

    def test_rows_are_whole_and_agree_with_themselves(self):
        self.compare("--models", "epoll_level", *SHORT)
        for row in self.campaign()[2]:
            self.assertIn(row["verdict"], MEASURED)
            self.assertEqual(sum(row["fairness"]["requests_per_client"]), row["requests"])
            self.assertEqual(sum(b[2] for b in row["histogram"]), row["latency_ns"]["n"])
            self.assertGreater(row["server"]["cpu_ns_per_request"], 0)
            self.assertGreater(row["client"]["cpu_ns_per_request"], 0)
            self.assertGreater(row["machine"]["client_cores"], 0)
            self.assertEqual(row["server"]["threads"], 2 if TSAN else 1)
            self.assertGreaterEqual(row["server"]["descriptors"], row["clients"])
            self.assertEqual(set(row["errors"].values()), {0})
            self.assert_series(row)

    def assert_series(self, row):
        """It is whole, and sums up to the trial."""
        series = row["series"]
        number = len(series["requests"])
        self.assertIn(number, (4, 5), "200 ms in parts of 50")
        for member in ("errors", "p50_ns", "p99_ns", "max_ns", "buckets"):
            self.assertEqual(len(series[member]), number, member)
        self.assertEqual([sum(n for _, n in part) for part in series["buckets"]],
                         series["requests"])
        self.assertLessEqual(sum(series["requests"]), row["latency_ns"]["n"])
        self.assertGreaterEqual(sum(series["requests"]), .9 * row["latency_ns"]["n"])
        self.assertLessEqual(max(x for x in series["max_ns"] if x),
                             row["latency_ns"]["max"])
        if series["server_cores"]:              # null: a look took too long
            self.assertEqual(len(series["server_threads"]), number)
            self.assertGreater(min(series["server_rss_bytes"]), 100_000)
            used = sum(series["server_cores"]) / number * row["seconds"]
            self.assertLess(used, 1.5 * row["server"]["cpu_seconds"] + .05)
        self.assertLessEqual(abs(sum(row["server"]["thread_cpu_seconds"])
                                 - row["server"]["cpu_seconds"]),
                             .5 * row["server"]["cpu_seconds"] + .02)
        self.assertIsNone(row["server"]["process_connections"])

    def test_clients_of_several_processes_are_counted_by_process(self):
        self.compare("--models", "fork_per_client", "--clients", "8", *SHORT[:-4])
        for row in self.campaign()[2]:
            self.assertEqual(row["server"]["process_connections"], [1] * 8)
            self.assertIn(len(row["server"]["thread_cpu_seconds"]), (7, 8, 9))

    def test_the_order_follows_from_the_seed(self):
        orders = []
        for _ in range(2):
            done = self.compare("--models", "iterative,epoll_level", "--seed", "7",
                                "--json", *SHORT)
            self.assertIn("\nratios precise to 3 %: none of 2, for fewer", done.stderr)
            rows = [json.loads(line) for line in done.stdout.splitlines()]
            orders.append([(r["model"], r["clients"]) for r in rows])
        self.assertEqual(*orders)
        self.assertEqual(len(orders[0]), 8)

    def test_the_table_lines_up_and_words_follow(self):
        done = self.compare("--models", "fork_per_client,epoll_level", *SHORT)
        lines = done.stdout.splitlines()
        header = next(line for line in lines if "CPU/req" in line)
        rows = [line for line in lines if re.match("  (fork_per_client|epoll_level) ", line)]
        self.assertEqual(len(rows), 4)
        self.assertEqual({len(row) for row in rows}, {len(header)})
        self.assertRegex(done.stdout, r"At 8 clients, (\w+ needs the least|no\s+server)")
        self.assertIn("Ratios precise to 3 %: none of 2, for fewer than 6 rounds have no "
                      "interval.", " ".join(done.stdout.split()))
        self.assertNotIn("\033", done.stdout + done.stderr)

    def test_no_variable_of_ours_reaches_a_server(self):
        os.environ["ECHOLAB_BACKLOG"] = "none"  # no server would start
        self.addCleanup(os.environ.pop, "ECHOLAB_BACKLOG")
        done = self.compare("--models", "epoll_level", *SHORT)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_others_are_divided_by_the_baseline_that_is_named(self):
        done = self.compare("--models", "fork_per_client,epoll_level", "--aa", "--baseline",
                            "fork_per_client", *SHORT)
        self.assertEqual(done.returncode, 0, done.stderr)
        folder, manifest, _ = self.campaign()
        self.assertEqual(manifest["experiment"]["baseline"], "fork_per_client")
        self.assertEqual(manifest["models"][-1]["twin_of"], "fork_per_client")
        self.assertIn("over fork_per_client's in the same round",
                      " ".join(done.stdout.split()))
        rows = re.findall(r"(?m)^  fork_per_client .*$", done.stdout)
        self.assertEqual(["1.00x" in row for row in rows], [True, True])
        self.assertEqual([one["name"] for one in manifest["precision"]["missed"]],
                         ["epoll_level at 1 client", "epoll_level at 8 clients"])
        self.assertEqual(self.resume().stdout, done.stdout)
        exported = subprocess.run([REPORT.parent / "export", folder, "--csv"], check=True,
                                  capture_output=True, text=True, timeout=120).stdout
        self.assertEqual({row["baseline"] for row in csv.DictReader(exported.splitlines())
                          if row["model"] == "epoll_level" and row["ratio"]},
                         {"fork_per_client"})

    def test_a_row_is_whole_in_a_pipe_before_the_next_trial_ends(self):
        """That of a server that never gets ready takes 10 s."""
        running = subprocess.Popen(self.command(
            "--models", "iterative", "--server", "never=sleep 98764 # {port}", "--json",
            "--order", "listed", "--clients", "2", *SHORT[:-4]), stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(running.communicate)
        self.addCleanup(running.kill)
        line = running.stdout.readline()
        (kept,) = self.campaign()[2]
        self.assertEqual(json.loads(line), kept)

    def on_a_terminal(self, columns, *arguments, **environment):
        """What a brief campaign of two trials shows."""
        command = self.command("--models", "iterative,epoll_level", "--order", "listed",
                               "--rounds", "1", "--clients", "4", "--repeats", "0",
                               "--warm-up", "50ms", "--json", *arguments)
        shown = on_a_terminal(columns, "echo_compare", *command[1:], **environment)
        shutil.rmtree(self.results)
        return shown

    def test_the_live_line_tells_how_it_goes_and_never_wraps(self):
        for columns in (30, 160):
            shown = self.on_a_terminal(columns, "--duration", "800ms")
            lines = [line for line in re.findall(r"\r\033\[K([^\r\n\033]*)", shown)
                     if re.search(r"\d/2  \d", line)]
            self.assertLess(max(map(len, lines)), columns, lines)
            self.assertTrue(lines[-1].strip("#").lstrip().startswith("2/2  0:00 left"),
                            lines[-1])
        self.assertRegex(lines[0], r"^\.{20}  0/2  0:0\d left  iterative at 4 clients  \w+")
        self.assertRegex("\n".join(lines), r"  measuring  [\d.]+[kM]? req/s(  |\n)")
        self.assertRegex(lines[-2], r"^#{10}\.{10}  1/2  0:0\d left  epoll_level at 4 clients"
                         rf"  .*  last [A-Z-]+  {TIMES}$")

    def test_there_is_no_live_line_where_it_is_not_wanted(self):
        for arguments, environment in ((["--plain"], {}), ([], {"TERM": "dumb"})):
            shown = self.on_a_terminal(100, "--duration", "50ms", *arguments, **environment)
            self.assertNotIn("\033", shown)
            self.assertRegex(shown, r"(?m)^\[ +1/2\] iterative .* left$")

    def test_more_is_told_of_each_trial_when_asked(self):
        head = r"(?m)^\[ +2/2\] epoll_level .*\n"
        outcome = (rf" {{11}}{TIMES}; cores used: server [\d.]+, client [\d.]+"
                   r"(?:; [A-Z-]+: .*)?\n")
        set_up = r" {11}CPU [\d,]+: (.*); client on CPU [\d,]+\n"
        shown = self.on_a_terminal(200, "--duration", "200ms", "-v")
        self.assertRegex(shown.replace("\r\033[K", "\n"), head + r"\n*" + outcome)
        self.assertNotRegex(shown, set_up)
        shown = self.on_a_terminal(200, "--duration", "200ms", "-vv", "--plain")
        command = re.search(head + outcome + set_up, shown)[1]
        self.assertTrue(command.startswith(f"{BIN}/echo_server --model epoll_level "
                                           "--listen tcp://127.0.0.1:0 "), command)
        self.assertIn(self.mark, command)
        self.assertNotIn("--ready-fd", command)

    def test_all_servers_are_offered_the_same_at_the_same_moments(self):
        done = self.compare("--models", "epoll_level,thread_per_client", *SHORT[:6],
                            "--repeats", "0", "--clients", "4", "--rate", "300", "--seed", "11")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("open loop, poisson arrivals", done.stderr)
        _, manifest, rows = self.campaign()
        self.assertEqual(manifest["options"]["rate_per_second"], 300)
        (level,) = manifest["experiment"]["levels"]
        self.assertEqual(level["name"], "4 clients (300 requests/s offered)")
        self.assertEqual((level["arrivals"], level["rate"]),
                         ("poisson, 300 requests/s", 300))
        self.assertIn(f"At {level['name']}, ", " ".join(done.stdout.split()))
        for row in rows:
            self.assertEqual(row["load_seed"], 11 + row["round"])
            self.assertGreater(row["offered"]["arrivals"], 0)
        # The moments are the same; where the window begins among them, nearly so.
        for round_ in (0, 1):
            a, b = (r["offered"]["arrivals"] for r in rows if r["round"] == round_)
            self.assertLess(abs(a - b), 20, "of about 60, with a deviation of 8")

    def test_a_foreign_server_stands_beside_the_models(self):
        script = pathlib.Path(self.folder.name) / "echo.py"
        script.write_text(PYTHON_ECHO)
        done = self.compare("--models", "epoll_level", "--server",
                            f"python=/usr/bin/python3 {script} {{port}}", *SHORT)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [r for r in self.campaign()[2] if r["model"] == "python"]
        self.assertEqual(len(rows), 4)
        self.assertTrue(all(r["server"]["cpu_ns_per_request"] > 0 for r in rows))
        self.assertFalse(processes(re.escape(str(script))))

    def test_a_server_that_never_gets_ready_fails_and_the_others_go_on(self):
        done = self.compare("--models", "epoll_level", "--server", "broken=false {port}",
                            *SHORT)
        self.assertEqual(done.returncode, 1)
        rows = self.campaign()[2]
        verdicts = {r["model"]: r["verdict"] for r in rows}
        self.assertEqual(verdicts["broken"], "FAILED")
        self.assertIn(verdicts["epoll_level"], MEASURED)
        failed = next(r for r in rows if r["model"] == "broken")
        self.assertIsNone(failed["server"])
        self.assertIn("it ended", failed["reason"])

    def test_a_server_that_answers_wrong_bytes_is_not_measured(self):
        script = pathlib.Path(self.folder.name) / "liar.py"
        script.write_text(PYTHON_ECHO.replace("c.sendall(data)", "c.sendall(data.upper())"))
        done = self.compare("--models", "epoll_level", "--server",
                            f"liar=/usr/bin/python3 {script} {{port}}", "--duration", "50ms",
                            "--warm-up", "0", "--rounds", "1", "--clients", "1")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("the reply is not what was sent", done.stdout)

    def started(self, *arguments):
        """A campaign that has two trials done, and a server under test."""
        running = subprocess.Popen(self.command(*arguments), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(running.communicate)
        self.addCleanup(running.kill)
        trials = lambda: list(self.results.glob("*/trials.jsonl"))
        self.assertTrue(eventually(lambda: trials() and
                                   trials()[0].read_text().count("\n") >= 2, 30))
        self.assertTrue(eventually(lambda: processes(f"echo_server.*{self.mark}")))
        return running

    def interrupted(self, how, *arguments):
        running = self.started(*(arguments or (
            "--models", "fork_per_client,epoll_level", "--duration", "300ms",
            "--rounds", "100", "--clients", "8")))
        running.send_signal(how)
        out, err = running.communicate(timeout=30)
        return running.returncode, out, err

    def resume(self, *arguments):
        (folder,) = self.results.iterdir()
        return subprocess.run([COMPARE, "--resume", folder, *arguments],
                              capture_output=True, text=True, timeout=120)

    def places(self):
        return [(r["round"], r["model"], r["clients"]) for r in self.campaign()[2]]

    def test_a_killed_campaign_goes_on_as_if_nothing_had_been(self):
        plan = ["--models", ",".join(MODELS), *SHORT, "--seed", "7"]
        self.compare(*plan)
        whole = self.places()
        shutil.rmtree(self.results)
        self.interrupted(signal.SIGKILL, *plan)
        folder, before, _ = self.campaign()
        kept = (folder / "trials.jsonl").read_bytes()
        self.assertLess(kept.count(b"\n"), 12)
        with (folder / "trials.jsonl").open("ab") as file:
            file.write(b'{"schema_version": 1, "mod')
        done = self.resume()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("the last line of trials.jsonl was cut off (26 bytes)", done.stderr)
        self.assertTrue((folder / "trials.jsonl").read_bytes().startswith(kept))
        self.assertEqual(self.places(), whole)
        _, manifest, rows = self.campaign()
        self.assertEqual([r["order"] for r in rows], list(range(12)))
        self.assertFalse(manifest["partial"])
        self.assertEqual(manifest["resumed"][0]["trials_before"], kept.count(b"\n"))
        for member in ("options", "models", "started", "command_line", "planned_trials"):
            self.assertEqual(manifest[member], before[member])
        self.assertIn("At 8 clients", done.stdout)
        subprocess.run([str(REPORT), str(folder)], check=True, timeout=120,
                       capture_output=True)
        self.assertNotIn("partial run", (folder / "report.html").read_text())

    def test_the_table_of_a_finished_campaign_can_be_had_again(self):
        first = self.compare("--models", "iterative,epoll_level", "--server",
                             "broken=false {port}", *SHORT)
        folder, manifest, rows = self.campaign()
        again = self.resume()
        self.assertEqual(again.stdout, first.stdout)
        self.assertEqual(again.returncode, first.returncode)
        self.assertIn("0 are missing", again.stderr)
        self.assertEqual(self.campaign()[1:], (manifest, rows))
        listed = [json.loads(line) for line in self.resume("--json").stdout.splitlines()]
        self.assertEqual(listed, rows)

    def test_an_aa_pair_is_measured_told_and_in_no_ranking(self):
        done = self.compare("--models", "iterative,epoll_level", "--aa", *SHORT)
        self.assertEqual(done.returncode, 0, done.stderr)
        folder, manifest, rows = self.campaign()
        twins = [r for r in rows if r["model"] == "epoll_level(A/A)"]
        self.assertEqual(sorted((r["round"], r["clients"]) for r in twins),
                         [(0, 1), (0, 8), (1, 1), (1, 8)])
        self.assertTrue(all(r["server"]["cpu_ns_per_request"] > 0 for r in twins))
        self.assertEqual(manifest["models"][2]["twin_of"], "epoll_level")
        self.assertEqual(len(re.findall(r"epoll_level against itself \(A/A\): ",
                                        done.stdout.replace("\n", " "))), 2)
        self.assertNotIn("\n  epoll_level(A/A)", done.stdout)
        self.assertEqual(self.resume().stdout, done.stdout)
        subprocess.run([str(REPORT), str(folder)], check=True, timeout=120,
                       capture_output=True)
        self.assertIn("against itself (A/A)", (folder / "report.html").read_text())

    def test_a_null_responder_is_measured_first_and_in_no_ranking(self):
        done = self.compare("--models", "iterative,epoll_level", "--ceiling", *SHORT)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("2 servers and a null responder x 2 loads", done.stderr)
        folder, manifest, rows = self.campaign()
        self.assertEqual([r["model"] for r in rows[:2]], ["null_responder"] * 2)
        self.assertEqual(sorted((r["round"], r["clients"]) for r in rows
                                if r["model"] == "null_responder"),
                         [(0, 1), (0, 8), (1, 1), (1, 8)])
        roles = {model["name"]: model["role"] for model in manifest["models"]}
        self.assertEqual(roles, {"iterative": None, "epoll_level": None,
                                 "null_responder": "ceiling"})
        for row in rows:
            at_its_level = [r["requests_per_second"] for r in rows[:row["order"]]
                            if (r["model"], r["at"]) == ("null_responder", row["at"])
                            and r["verdict"] not in ("NOISY", "UNSTEADY")]
            if row["model"] == "null_responder" or not at_its_level:
                self.assertIsNone(row["client_ceiling"])
            else:
                self.assertAlmostEqual(row["client_ceiling"]["requests_per_second"],
                                       statistics.median(at_its_level), delta=1)
        self.assertNotIn("null_responder", done.stdout)
        self.assertEqual(self.resume().stdout, done.stdout)

    def rounds_needed(self, rows, precision):
        """After how many the interval of the ratio is narrow for the second time in a row,
        as the report's own statistics say; None: never."""
        cost = {(r["model"], r["round"]): r["server"]["cpu_ns_per_request"]
                for r in rows if r["server"]}
        ratios, before = [], False
        for number in range(1 + max(r["round"] for r in rows)):
            pair = [cost.get((model, number)) for model in ("iterative", "epoll_level")]
            if all(pair):
                ratios.append(pair[0] / pair[1])
            low, high = inference.median_interval(ratios) or (0, 1)
            middle = statistics.median(ratios) if ratios else 1
            narrow = low > 0 and max(high / middle, middle / low) - 1 <= precision
            if narrow and before:
                return number + 1
            before = narrow
        return None

    def test_it_ends_once_the_ratios_are_precise_enough_and_not_before(self):
        done = self.compare("--models", "iterative,epoll_level", "--duration", "100ms",
                            "--warm-up", "20ms", "--clients", "4", "--repeats", "0",
                            "--precision", "50%", "--rounds", "25")
        self.assertIn("ends before that once all ratios are precise to 50 %", done.stderr)
        folder, manifest, rows = self.campaign()
        rounds = max(r["round"] for r in rows) + 1
        self.assertEqual(len(rows), 2 * rounds)
        self.assertGreaterEqual(rounds, 7)
        self.assertFalse(manifest["partial"])
        needed = self.rounds_needed(rows, .5)
        if needed is None or needed == 25:  # a machine as loud as that
            self.assertEqual((rounds, manifest["ended_because"]), (25, None))
            return
        self.assertEqual(rounds, needed)
        self.assertEqual(manifest["ended_because"],
                         f"precise to 50 %: 1 of 1 ratio, after {rounds} of 25 rounds")
        self.assertEqual(manifest["precision"], {"wanted": .5, "ratios": 1, "missed": []})
        self.assertIn("Ratios precise to 50 %: 1 of 1 ratio.", done.stdout)
        self.assertIn(f"median of {rounds} rounds", " ".join(done.stdout.split()))
        again = self.resume()
        self.assertEqual(again.stdout, done.stdout)
        self.assertEqual(self.campaign()[2], rows)

    def test_what_was_missed_of_the_precision_is_named(self):
        done = self.compare("--models", "iterative,epoll_level", "--duration", "200ms",
                            "--warm-up", "0", "--clients", "4", "--repeats", "0",
                            "--precision", "0.1%", "--rounds", "7")
        manifest = self.campaign()[1]
        self.assertIsNone(manifest["ended_because"])
        (missed,) = manifest["precision"]["missed"]
        self.assertEqual(missed["name"], "iterative at 4 clients")
        self.assertRegex(" ".join(done.stdout.split()), r"Ratios precise to 0.1 %: 0 of 1 "
                         r"ratio; missed: iterative at 4 clients "
                         r"\((± [\d.]+ %|fewer than 6 rounds)\)\.")

    def busy(self, cpu):
        """Somebody else who computes on this CPU."""
        work = subprocess.Popen([sys.executable, "-c", "while True: pass"],
                                preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
        self.addCleanup(work.wait)
        self.addCleanup(work.kill)

    def test_a_disturbed_trial_is_repeated_twice_and_the_last_one_counts(self):
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) < 2:
            self.skipTest("server and client share the only CPU: nothing is NOISY")
        for _ in range(2):
            self.busy(cpus[-1])
        done = self.compare("--models", "iterative,epoll_level", "--duration", "200ms",
                            "--warm-up", "20ms", "--rounds", "1", "--clients", "1",
                            "--repeats", "2", "--server-cpus", str(cpus[0]), "--client-cpus", str(cpus[-1]))
        self.assertEqual(done.returncode, 0, done.stderr)
        folder, manifest, rows = self.campaign()
        self.assertEqual([r["excluded"] for r in rows],
                         ["repeated because NOISY"] * 4 + [None] * 2)
        self.assertEqual({r["verdict"] for r in rows}, {"NOISY"})
        models = [r["model"] for r in rows]
        self.assertEqual(models, models[:2] * 3)
        self.assertEqual(manifest["planned_trials"], 2)
        self.assertIn("Excluded: 4 of 6 trials (4 repeated because NOISY)", done.stdout)
        self.assertEqual(self.resume().stdout, done.stdout)
        self.assertEqual(self.campaign()[2], rows)
        subprocess.run([str(REPORT), str(folder)], check=True, timeout=120,
                       capture_output=True)
        self.assertIn("<strong>4 trials are excluded</strong>",
                      (folder / "report.html").read_text())

    def test_what_ctrl_c_says_goes_on(self):
        err = self.interrupted(signal.SIGINT, "--models", "iterative,epoll_level",
                               *SHORT)[2]
        command = re.search(r"to go on: echo_compare (--resume '.*')", err)[1]
        done = subprocess.run(f"{COMPARE} {command}", shell=True, capture_output=True,
                              text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(set(self.places())), 8)

    def test_a_campaign_that_still_runs_is_not_resumed(self):
        running = self.started("--models", "epoll_level", "--duration", "300ms",
                               "--rounds", "100", "--clients", "8")
        done = self.resume()
        self.assertEqual(done.returncode, 2)
        self.assertIn("still runs", done.stderr)
        self.assertIsNone(running.poll())

    def test_a_campaign_of_another_build_or_machine_is_resumed_only_when_asked(self):
        self.interrupted(signal.SIGKILL, "--models", "iterative,epoll_level", *SHORT)
        folder, manifest, _ = self.campaign()
        kept = (folder / "trials.jsonl").read_bytes()
        manifest["build"]["commit"] = "of another day"
        (folder / "manifest.json").write_text(json.dumps(manifest))
        done = self.resume()
        self.assertEqual(done.returncode, 2)
        self.assertIn("build.commit was of another day, is ", done.stderr)
        self.assertIn("--resume-unlike", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertEqual((folder / "trials.jsonl").read_bytes(), kept)
        done = self.resume("--resume-unlike")
        self.assertEqual(done.returncode, 0, done.stderr)
        manifest = self.campaign()[1]
        self.assertEqual(len(manifest["resumed"][0]["unlike"]), 1)
        self.assertTrue(any("another build" in text for text in manifest["warnings"]))

    def test_what_cannot_be_resumed_is_refused_and_left_as_it_is(self):
        self.interrupted(signal.SIGKILL, "--models", "iterative,epoll_level", *SHORT)
        folder = self.campaign()[0]
        trials, manifest = folder / "trials.jsonl", folder / "manifest.json"
        good = trials.read_text()
        cases = [
            (["--clients", "3"], good, "--clients: --resume goes on with the plan"),
            (["--seed", "3"], good, "--seed: --resume"),
            (["--preset", "standard"], good, "--preset: --resume"),
            (["--results", "elsewhere"], good, "--results: --resume"),
            ([], "no JSON\n" + good, "trials.jsonl:1: "),
            ([], re.sub(r'"model":"\w+"', '"model":"select_loop"', good),
             "not in the manifest's plan"),
        ]
        for arguments, text, words in cases:
            with self.subTest(words):
                trials.write_text(text)
                done = self.resume(*arguments)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(words, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
                self.assertEqual(trials.read_text(), text)
        manifest.write_text("{")
        self.assertIn("manifest.json", self.resume().stderr)
        alone = self.compare("--resume-unlike", "--models", "iterative")
        self.assertIn("--resume-unlike: goes with --resume", alone.stderr)
        gone = subprocess.run([COMPARE, "--resume", folder / "nowhere"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(gone.returncode, 2)
        self.assertIn("No such file", gone.stderr)

    def test_ctrl_c_keeps_what_was_measured_and_says_so(self):
        code, out, err = self.interrupted(signal.SIGINT)
        self.assertEqual(code, 130, err)
        _, manifest, rows = self.campaign()
        self.assertTrue(manifest["partial"])
        self.assertGreaterEqual(len(rows), 2)
        self.assertIn("interrupted", err)
        self.assertIn("epoll_level", out)
        self.assert_no_server_left()

    def test_a_killed_runner_leaves_no_server(self):
        self.interrupted(signal.SIGKILL)
        self.assert_no_server_left()
        _, manifest, rows = self.campaign()
        self.assertTrue(manifest["partial"])
        self.assertGreaterEqual(len(rows), 2)

    def test_a_report_can_be_made_of_it(self):
        self.compare("--models", "iterative,epoll_level", *SHORT)
        folder = self.campaign()[0]
        subprocess.run([str(REPORT), str(folder)], check=True, timeout=120,
                       capture_output=True)
        self.assertIn("epoll_level", (folder / "report.html").read_text())

    def listed(self):
        """The rows of the catalogue that are available."""
        out = subprocess.run([BIN / "echo_server", "--list", "--json"], check=True,
                             stdout=subprocess.PIPE).stdout
        return [model for model in json.loads(out)
                if model["available"]]

    def test_models_are_chosen_by_name_by_family_or_all(self):
        every = [model["name"] for model in self.listed()]
        for words, chosen in (
                ("all", every), ("iterative,all", every),
                ("epoll_level,iterative,iterative", ["iterative", "epoll_level"]),
                ("classic", ["iterative", "fork_per_client", "thread_per_client",
                             "thread_pool", "select_loop", "epoll_level"]),
                *((spelled, [m["name"] for m in self.listed() if m["family"] == family])
                  for family in {model["family"] for model in self.listed()}
                  for spelled in (family, family.replace("_", "-")))):
            with self.subTest(words):
                done = self.compare("--models", words, "--dry-run")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(f"echo_compare: {len(chosen)} servers x", done.stdout)

    def test_the_whole_catalogue_meets_every_experiment_as_far_as_it_can(self):
        """scripts/run all --all: who has no connections is left out, with the reason."""
        datagrams = [m["name"] for m in self.listed() if m["transports"] == "datagram"]
        self.assertTrue(datagrams)
        left_out = {"bad_company", "burst", "churn", "idle_crowd", "memory", "payload",
                    "process_control"}
        listed = subprocess.run([COMPARE, "--list-experiments", "--json"], check=True,
                                capture_output=True, text=True).stdout
        for experiment in json.loads(listed):
            name = experiment["name"]
            with self.subTest(name):
                planned = self.compare(name, "--models", "all", "--dry-run")
                self.assertEqual(planned.returncode, 0, planned.stderr)
                without = re.findall(r"without (\w+): ", planned.stdout)
                self.assertEqual(without, datagrams if name in left_out else [])

    def test_every_quick_campaign_takes_less_than_four_minutes(self):
        listed = subprocess.run([COMPARE, "--list-experiments", "--json"], check=True,
                                capture_output=True, text=True).stdout
        for experiment in json.loads(listed):
            with self.subTest(experiment["name"]):
                planned = subprocess.run([COMPARE, experiment["name"], "--dry-run"],
                                         check=True, capture_output=True,
                                         text=True).stdout
                self.assertIn(experiment["question"], planned)
                self.assertRegex(planned, r"\d+ servers and a null responder x \d loads x 9 ro")
                minutes, seconds = re.search(r"about (\d+):(\d\d) in all",
                                             planned).groups()
                self.assertLess(60 * int(minutes) + int(seconds), 230)

    def test_what_is_unavailable_is_named_with_the_reason_and_is_no_failure(self):
        old_kernel = ["setarch", "--uname-2.6"]  # as it looks to the program
        out = subprocess.run([*old_kernel, BIN / "echo_server", "--list", "--json"],
                             check=True, stdout=subprocess.PIPE).stdout
        missing = [m["name"] for m in json.loads(out) if not m["available"]]
        if not missing:
            self.skipTest("the catalogue has no model that needs a newer kernel")
        done = subprocess.run([*old_kernel, *self.command(
            "--models", f"epoll_level,{missing[0]}", *SHORT)], capture_output=True,
            text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"{missing[0]} is unavailable: needs Linux", done.stdout)
        _, manifest, rows = self.campaign()
        self.assertEqual({row["model"] for row in rows}, {"epoll_level"})
        reasons = {m["name"]: m["unavailable_because"] for m in manifest["models"]}
        self.assertIsNone(reasons["epoll_level"])
        self.assertIn("needs Linux", reasons[missing[0]])
        alone = subprocess.run([*old_kernel, *self.command("--models", missing[0])],
                               capture_output=True, text=True, timeout=60)
        self.assertEqual(alone.returncode, 69, alone.stderr)
        self.assertIn("needs Linux", alone.stderr)

    def test_the_manifest_has_the_row_of_each_model(self):
        self.compare("--models", "iterative,epoll_level", *SHORT)
        rows = {model["name"]: model for model in self.campaign()[1]["models"]}
        self.assertEqual(list(rows), ["iterative", "epoll_level"])
        for model in self.listed():
            if model["name"] in rows:
                for member in ("axes", "family", "shows", "source", "transports"):
                    self.assertEqual(rows[model["name"]][member], model[member])

    def test_nothing_is_wider_than_the_terminal(self):
        for columns in (80, 140, 220):
            with self.subTest(columns):
                shown = on_a_terminal(columns, "echo_compare", "--results",
                                      str(self.results), "--models", "classic", "-q",
                                      "--server", "broken=false {port}", "--duration",
                                      "20ms", "--warm-up", "0", "--rounds", "1",
                                      "--clients", "1,4")
                lines = re.sub(r"\033\[\d*m", "", shown).split("\n")
                self.assertLessEqual(max(map(len, lines[:-2])), columns)
                self.assertEqual("Left out here" in shown, columns < 220)
                self.assertIn("  broken             FAILED in 1 round: it ended", shown)

    def test_a_file_has_lines_of_110_columns_and_all_columns_when_asked(self):
        done = self.compare("--models", "fork_per_client,epoll_level", *SHORT)
        lines = done.stdout.splitlines()
        self.assertLessEqual(max(map(len, lines)), 110)
        self.assertIn("Left out here", done.stdout)
        wide = self.resume("--wide", "--sort", "rate").stdout
        self.assertNotIn("Left out here", wide)
        for head in ("p90", "p99.9", "max", "req/s range", "errors", "procs", "verdict"):
            self.assertRegex(wide, rf"(?m)^  model .* {re.escape(head)}( |$)")
        self.assertIn("Sorted by requests per second, the best first.", wide)

    def test_a_threshold_that_is_missed_is_told_everywhere_and_ends_with_9(self):
        done = self.compare("--models", "iterative,epoll_level", "--assert",
                            "epoll_level:p50<1min@1, p50<1us@c=8", *SHORT)
        self.assertEqual(done.returncode, 9, done.stderr)
        self.assertIn("\nThresholds: 1 of 3 kept\n", done.stdout)
        self.assertRegex(done.stdout, r"\n  (✓|ok) kept    p50<1min  epoll_level at 1 client: "
                                      r"[\d.]+ [mun]s \[.* to .*\], 2 rounds\n")
        self.assertRegex(done.stdout, r"\n  (✗|NO) missed  p50<1us   epoll_level at 8 cli")
        self.assertRegex(done.stdout, r"\n  epoll_level .* [\d.]+ [mun]s (✓|ok) ")
        folder, manifest, rows = self.campaign()
        self.assertEqual(manifest["options"]["assert"],
                         ["epoll_level:p50<1min@1", "p50<1us@c=8"])
        told = {(one["model"], one["at"]): one for one in manifest["thresholds"]}
        self.assertEqual({place: one["state"] for place, one in told.items()},
                         {("epoll_level", 1): "kept", ("iterative", 8): "missed",
                          ("epoll_level", 8): "missed"})
        median = statistics.median(r["latency_ns"]["p50"] for r in rows
                                   if (r["model"], r["clients"]) == ("epoll_level", 1))
        self.assertEqual(told["epoll_level", 1]["median"], median)
        self.assertEqual(told["epoll_level", 1]["limit"], 60 * 10 ** 9)
        again = self.resume()
        self.assertEqual((again.stdout, again.returncode), (done.stdout, 9))
        as_json = self.resume("--json")
        lines = [json.loads(line) for line in as_json.stdout.splitlines()]
        self.assertEqual(lines[:-1], rows)
        self.assertEqual(lines[-1]["thresholds"], manifest["thresholds"])
        self.assertIn("missed: p50<1us by epoll_level at 8 clients: ", as_json.stderr)
        self.assertEqual(as_json.returncode, 9)
        subprocess.run([str(REPORT), str(folder)], check=True, timeout=120,
                       capture_output=True)
        page = (folder / "report.html").read_text()
        self.assertIn("1 of 3 thresholds is kept (--assert).", page)
        self.assertIn("✗ missed", page)

    def test_a_table_in_one_unit_lines_up(self):
        done = self.compare("--models", "fork_per_client,epoll_level", "--time-unit", "ns",
                            *SHORT)
        lines = done.stdout.splitlines()
        header = next(line for line in lines if "CPU/req" in line)
        rows = [line for line in lines if re.match("  (fork_per_client|epoll_level) ", line)]
        self.assertEqual({len(row) for row in [header, *rows]}, {len(header)})
        for row in rows:
            self.assertEqual(set(re.findall(r" [\d.]+ (ns|us|ms|s)\b", row)), {"ns"}, row)

    def test_an_order_that_is_that_of_the_list(self):
        done = self.compare("--models", "iterative,epoll_level", "--order", "listed",
                            "--json", *SHORT)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([(r["model"], r["clients"]) for r in rows],
                         [(m, c) for m in ("iterative", "epoll_level") for c in (1, 8)] * 2)
        folder, manifest, _ = self.campaign()
        self.assertEqual(manifest["options"]["order"], "listed")
        self.assertIn("in the order of the list", done.stderr)
        again = subprocess.run([COMPARE, "--resume", folder], capture_output=True, text=True,
                               timeout=60)
        self.assertEqual(again.returncode, 0, again.stderr)
        page = subprocess.run([REPORT, folder, "--quiet"], timeout=120)
        self.assertEqual(page.returncode, 0)
        self.assertIn("always in the order of the list",
                      (folder / "report.html").read_text())

    def test_a_dry_run_says_how_long_and_measures_nothing(self):
        done = self.compare("--dry-run")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"trials of .* about \d+:\d\d in all")
        self.assertFalse(self.results.exists())

    def test_bad_input_is_refused_with_one_line(self):
        blocker = pathlib.Path(self.folder.name) / "file"
        blocker.write_text("")
        cases = [
            (["--models", "epol_level"], 2, "did you mean 'epoll_level'"),
            (["--clients", "0"], 2, "--clients: '0' is no number from 1 to 100000 (clients)"),
            (["--clients", "ten"], 2, "'ten'"),
            (["--clients", ","], 2, "--clients: nothing given"),
            (["--clients", "1", "--at", "2"], 2, "leave out one"),
            (["payload", "--clients", "1,2"], 2, "'1,2' is no number of active"),
            (["payload", "--at", "4KiX"], 2, "'4KiX' is no number of bytes"),
            (["payload", "--size", "4KiB"], 2, "--size: payload sets it itself"),
            (["blocking_work", "--block", "1ms"], 2, "--block: blocking_work sets it"),
            (["blocking_work", "--at", "10"], 2, "'10' is no time such as 10ms"),
            (["--rate", "50 %"], 2, "--rate: '50 %' is neither a rate such as 10k"),
            (["--rate", "2000%"], 2, "such as 50%, from 1% to 1000%"),
            (["overload", "--rate", "1k"], 2, "--rate: overload says itself when"),
            (["cpu_work", "--rate", "1k"], 2, "--rate: cpu_work says itself when"),
            (["burst", "--rate", "1k"], 2, "--rate: burst says itself when"),
            (["overload", "--budget", "1s"], 2, "1.00 s: measuring the capacity and three"),
            (["transports", "--at", "tcp5"], 2, "tcp4, tcp6, unix, udp or unixgram"),
            (["transports", "--listen", "tcp://127.0.0.1:0"], 2, "--listen: transports"),
            (["churn", "--models", "udp_iterative"], 2, "churn is for streams"),
            (["payload", "--models", "udp_iterative"], 2, "udp_iterative: --size"),
            (["transports", "--at", "tcp4,udp", "--ceiling", "--size", "100000",
              "--dry-run"], 2, "--size 100000: a datagram's"),
            (["idle_crow"], 2, "did you mean 'idle_crowd'"),
            (["--aa", "--no-aa"], 2, "contradicts"),
            (["--ceiling", "--no-ceiling"], 2, "--ceiling: contradicts"),
            (["--precision", "3"], 2, "--precision: '3' is no percentage such as 3%"),
            (["--precision", "60%"], 2, "from 0.1% to 50%"),
            (["--precision", "3%", "--rounds", "6"], 2, "--rounds 6 are fewer"),
            (["--sort", "p98"], 2, "--sort: 'p98' is no metric, did you mean 'p90'?"),
            (["--assert", "p98<1s"], 2, "--assert: 'p98' is no metric, did you mean 'p90'?"),
            (["--assert", "p99<5"], 2, "'5' is no time such as 5ms"),
            (["--assert", "p99<5ms@65"], 2, "no load '65'; the nearest is 16 clients"),
            (["--assert", "epol_level:p99<5ms"], 2, "did you mean 'epoll_level'"),
            (["--assert", ","], 2, "asserts nothing"),
            (["--rounds", "0"], 2, "--rounds"),
            (["--budget", "1s"], 2, "three rounds of this plan take"),
            (["--server", "x=cmd"], 2, "{port}"),
            (["--server", "a=x {port}", "--server", "a=y {port}"], 2, "named twice"),
            (["--models", "readines"], 2, "did you mean 'readiness'"),
            (["--models", "clasic"], 2, "did you mean 'classic'"),
            (["--server-cpus", "999"], 2, "CPU 999"),
            (["--client-cpus", "a-b"], 2, "'a-b'"),
            (["--client-cpus", "0-"], 2, "'0-'"),
            (["--models", ","], 2, "names no model"),
            (["--rounds", "5", "--budget", "5m"], 2, "leave out --rounds"),
            (["--preset", "fast"], 2, "--preset"),
            (["--repeats", "3"], 2, "--repeats"),
            (["--presett", "quick"], 2, "did you mean '--preset'"),
            (["--results", str(blocker / "below"), "-q"], 1, "cannot write"),
        ]
        for arguments, code, words in cases:
            with self.subTest(arguments=arguments):
                done = self.compare(*arguments)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(words, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)


if __name__ == "__main__":
    unittest.main()

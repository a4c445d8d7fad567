#!/usr/bin/python3
"""A model makes the system calls that its row names: what strace(1) sees of one request.

    ECHOLAB_BIN=build/release tests/system_calls_test.py              the test
    ECHOLAB_BIN=build/release tests/system_calls_test.py --table      the table, anew
    ECHOLAB_BIN=build/release tests/system_calls_test.py MODEL...     look at some models

A lone client makes requests, each when everybody has come to rest after the one before,
and strace is attached to all processes and threads of the model meanwhile. The rule:

  - A call counts as k per request when there are k - 1/4 of it or more, on average, all
    processes and threads together. So what happens now and then is no part of it.
  - These are the words of the column `calls` in models.def, as often as they stand there.
  - Each thread makes its calls in the column's order, starting anywhere. Between threads
    there is no order.
  - A futex is how a lock or a queue waits and wakes, and how often depends on who comes
    first: it stands in the column or not, but is not counted, and has no order.
  - A model that waits busily makes uncounted calls: each stands in its column once.

Beside the column, what the axes say: which call asks for readiness, that completions come
without recv and send, that turns mean one waiting thread, that sequential is one task.

Exit code 77: strace cannot attach here.
"""

import argparse
import collections
import contextlib
import faulthandler
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(os.environ.get("ECHOLAB_BIN", "build/release")).resolve()
TABLE = TOP / "results/reference/system_calls.md"
REQUESTS = 200
WARM_UP = 10
HANGING = 380  # seconds that all of it never takes
PATIENCE = 30  # seconds for what takes none, unless something hangs
SKIPPED = 77
NOT_THE_MODELS = {"restart_syscall"}  # how a call goes on that strace interrupted
UNCOUNTED = {"futex"}
WORKERS = 4

# How readiness is learned: what must be called, by whichever of its names.
ASKS = {
    "select": {"select", "pselect6"},
    "poll": {"poll", "ppoll"},
    "signal": {"rt_sigtimedwait"},
    "epoll": {"epoll_wait", "epoll_pwait", "epoll_pwait2"},
    "completion": {"io_uring_enter"},
}
MOVES_BYTES = {"recvfrom", "recvmsg", "recvmmsg", "sendto", "sendmsg", "sendmmsg"}

HEADING = """# System calls per request

What strace(1) sees of one request of a lone client, all processes and threads of a model
together: averages over {requests} requests, and what they come to when rare ones are left
out; a futex is left uncounted. `tests/system_calls_test.py --table` writes this file; the test of that name compares
its last column with `servers/models.def` and with the running servers.

| model | calls per request | signature |
| --- | --- | --- |
"""


class Forbidden(Exception):
    """strace cannot attach here."""


class Unavailable(Exception):
    """The model says that it cannot run here."""


def rows():
    out = subprocess.run([BIN / "echo_server", "--list", "--json"], check=True,
                         capture_output=True, text=True).stdout
    return [row for row in json.loads(out) if row.get("available", True)]


@contextlib.contextmanager
def patience_with(process):
    """Kills it, so that reading from it ends, when the block takes too long."""
    timer = threading.Timer(PATIENCE, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


# --- a server and its client ------------------------------------------------------------
class Server:
    def __init__(self, row):
        scheme = "tcp" if "stream" in row["transports"] else "udp"
        self.process = subprocess.Popen(
            [BIN / "echo_server", "--model", row["name"], "--workers", str(WORKERS),
             "--listen", f"{scheme}://127.0.0.1:0", "--ready-fd", "1"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        with patience_with(self.process):
            line = self.process.stdout.readline()
        ready = re.search(r"endpoint=\w+://([\d.]+):(\d+) ", line)
        if not ready:
            said = self.process.communicate(timeout=PATIENCE)[1]
            if self.process.returncode == -signal.SIGKILL:
                raise RuntimeError(f"not ready within {PATIENCE} s: {said}")
            raise Unavailable(said)
        self.address = (ready.group(1), int(ready.group(2)))
        self.kind = socket.SOCK_STREAM if scheme == "tcp" else socket.SOCK_DGRAM

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()  # and its model with it
        self.process.communicate(timeout=PATIENCE)

    def processes(self):
        """The model and all that it started, without the supervisor."""
        parents = {}
        for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                state, parent = entry.read_text().rsplit(")", 1)[1].split()[:2]
            except OSError:
                continue
            if state != "Z":
                parents[int(entry.parent.name)] = int(parent)
        tree = [self.process.pid]
        for above in tree:
            tree += [pid for pid, parent in parents.items() if parent == above]
        return tree[1:]


class Client:
    def __init__(self, server):
        self.socket = socket.socket(socket.AF_INET, server.kind)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(server.address)
        if server.kind == socket.SOCK_STREAM:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, number):
        request = b"%063d\n" % number
        self.socket.sendall(request)
        reply = b""
        while len(reply) < len(request):
            part = self.socket.recv(len(request) - len(reply))
            if not part:
                raise RuntimeError("the server has ended the connection")
            reply += part
        if reply != request:
            raise RuntimeError(f"{reply!r} for {request!r}")


# --- what strace sees -------------------------------------------------------------------
class Strace:
    """Attached to `processes` and what they start, until the end of the with block."""

    def __init__(self, processes, log):
        attach = [word for pid in processes for word in ("-p", str(pid))]
        self.process = subprocess.Popen(["strace", "-f", "-o", log, *attach],
                                        stderr=subprocess.PIPE, text=True)
        said = ""
        with patience_with(self.process):
            while said.count(" attached") < len(processes):
                line = self.process.stderr.readline()
                said += line
                if not line or "not permitted" in line:
                    self.__exit__()
                    raise Forbidden(said or f"it said nothing within {PATIENCE} s")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE)


def calls_of(log):
    """(task, call) of each call that was begun, in this order."""
    begun = re.findall(r"(?m)^(\d+) +(\w+)\(", log)
    return [(task, call) for task, call in begun if call not in NOT_THE_MODELS]


def threads_in_epoll_wait(server):
    """How many threads of the model wait for an epoll set now (proc(5): wchan: ep_poll or
    do_epoll_wait, and 0 where the kernel does not tell). None: unknown."""
    where = [path.read_text() for pid in server.processes()
             for path in pathlib.Path(f"/proc/{pid}/task").glob("*/wchan")]
    if set(where) <= {"0", ""}:
        return None
    return sum(re.search("epoll_wait|ep_poll", place) is not None for place in where)


def trace(row):
    """The calls of `row`'s model during REQUESTS requests, and how many of its threads
    wait in epoll_wait when it has come to rest after them."""
    with Server(row) as server, Client(server) as client, \
            tempfile.NamedTemporaryFile(mode="r") as log:
        for number in range(WARM_UP):
            client.ask(number)
        with Strace(server.processes(), log.name):
            for number in range(REQUESTS):
                client.ask(number)
                time.sleep(0.002)
        time.sleep(0.05)
        return calls_of(log.read()), threads_in_epoll_wait(server)


def averages(calls, requests):
    counts = collections.Counter(call for _, call in calls)
    return {call: count / requests for call, count in counts.most_common()}


def per_request(average):
    return int(average + 0.25)


def rounds(calls, column):
    """How often `column` is gone through when one looks for `calls` along it, in turn."""
    at, wraps = -1, 0
    for call in calls:
        steps = next(step for step in range(1, len(column) + 1)
                     if column[(at + step) % len(column)] == call)
        wraps += (at + steps) // len(column)
        at = (at + steps) % len(column)
    return wraps + 1


def out_of_order(calls, column):
    """What a thread does in another order than `column` has; "": nothing."""
    by_task = collections.defaultdict(list)
    for task, call in calls:
        if call in column and call not in UNCOUNTED:
            by_task[task].append(call)
    column = [call for call in column if call not in UNCOUNTED]
    wanted = collections.Counter(column)
    for task, made in by_task.items():
        times = collections.Counter(made)
        share = wanted if len(by_task) == 1 else collections.Counter(set(made))
        cycles = max(times[call] / share[call] for call in times)
        if rounds(made, column) > 1.25 * cycles + 3:
            return f"thread {task}: {' '.join(made[:3 * len(column)])} ..."
    return ""


def differences(row, calls, requests=REQUESTS):
    """Why `calls` are not what `row` says; none: they are."""
    column = row["calls"].split()
    often = {call: per_request(average)
             for call, average in averages(calls, requests).items()
             if per_request(average) > 0}
    if row["axes"]["readiness"] == "busy":
        if set(often) != set(column):
            yield f"it calls {' '.join(often)}, the row says {row['calls']}"
        return
    wanted = collections.Counter(column)
    if any(often.get(call) != wanted[call] and
           not (call in UNCOUNTED and {call} <= often.keys() & wanted.keys())
           for call in {*often, *wanted}):
        yield (f"it calls {often}, the row says {row['calls']!r}; "
               f"in turn: {' '.join(f'{task}:{call}' for task, call in calls[40:70])}")
    elif wrong := out_of_order(calls, column):
        yield f"the row says {row['calls']}, but {wrong}"


def broken_facts(row, calls, waiting=1):
    """What `calls`, and so many threads `waiting` in epoll_wait, say against the axes and
    the family of `row`."""
    made = {call for _, call in calls}
    readiness = row["axes"]["readiness"].split("_")[0]
    if readiness in ASKS and not made & ASKS[readiness]:
        yield f"readiness is {readiness}, but it never calls one of {ASKS[readiness]}"
    if readiness in ("blocking", "busy"):
        for other in ("select", "poll", "signal", "epoll"):
            if made & ASKS[other]:
                yield f"readiness is {readiness}, but it calls {made & ASKS[other]}"
    if readiness == "completion" and made & MOVES_BYTES:
        yield f"the kernel completes its operations, but it calls {made & MOVES_BYTES}"
    if readiness == "epoll" and row["axes"].get("dispatch") == "turns" and \
            waiting not in (1, None):
        yield f"its threads take turns at waiting, but {waiting} wait in epoll_wait"
    if row["family"] == "sequential" and len({task for task, _ in calls}) != 1:
        yield "it is sequential, and more than one task serves a client"


# --- the table --------------------------------------------------------------------------
def table_row(row, calls):
    """The averages in the column's order; the signature as it was seen."""
    means = averages(calls, REQUESTS)
    column = row["calls"].split()
    order = [*dict.fromkeys(column), *(call for call in means if call not in column)]
    busy = row["axes"]["readiness"] == "busy"
    told = [f"`{call}` again and again" if busy and means[call] > 1.5
            else f"`{call}` {means[call]:.1f}"
            for call in order if means.get(call, 0) >= 0.05]
    seen = column if not list(differences(row, calls)) else \
        [call for call in order for _ in range(per_request(means.get(call, 0)))]
    return f"| `{row['name']}` | {', '.join(told)} | {' '.join(seen)} |"


def table(lines):
    return HEADING.format(requests=REQUESTS) + "\n".join(lines) + "\n"


def signatures(text):
    return {name: signature for name, signature in
            re.findall(r"(?m)^\| `(\w+)` \|.*\| ([^|]+) \|$", text)}


# --- tests ------------------------------------------------------------------------------
class Rule(unittest.TestCase):
    """That the comparison can fail."""

    ROW = {"name": "x", "family": "sequential", "calls": "epoll_wait recvfrom sendto",
           "axes": {"readiness": "epoll_level"}}

    @staticmethod
    def made(*cycles, times=50):
        return [tuple(word.split(":")) for _ in range(times) for cycle in cycles
                for word in cycle.split()]

    def wrong(self, calls, row=None):
        return list(differences(row or self.ROW, calls, 50))

    def test_the_same_calls_are_no_difference(self):
        self.assertEqual(self.wrong(self.made("1:epoll_wait 1:recvfrom 1:sendto")), [])
        self.assertEqual(self.wrong(self.made("1:sendto 1:epoll_wait 1:recvfrom")), [])

    def test_a_rare_call_is_no_difference(self):
        rare = self.made("1:mmap", times=30)
        self.assertEqual(
            self.wrong(self.made("1:epoll_wait 1:recvfrom 1:sendto") + rare), [])

    def test_one_more_or_less_is_a_difference(self):
        for cycle in ("1:epoll_wait 1:recvfrom 1:recvfrom 1:sendto",
                      "1:epoll_wait 1:sendto", "1:epoll_wait 1:recvfrom 1:sendto 1:futex"):
            self.assertTrue(self.wrong(self.made(cycle)), cycle)

    def test_another_order_is_a_difference(self):
        self.assertTrue(self.wrong(self.made("1:epoll_wait 1:sendto 1:recvfrom")))

    def test_each_thread_keeps_to_the_order(self):
        row = self.ROW | {
            "calls": "epoll_wait recvfrom futex futex write epoll_wait read sendto"}
        loop = "1:epoll_wait 1:recvfrom 1:futex 1:epoll_wait 1:read 1:sendto"
        self.assertEqual(self.wrong(self.made(loop, "2:futex 2:write"), row), [])
        loop = "1:epoll_wait 1:recvfrom 1:sendto 1:futex 1:read 1:epoll_wait"
        self.assertTrue(self.wrong(self.made(loop, "2:futex 2:write"), row))

    def test_a_futex_is_there_or_not(self):
        row = self.ROW | {"calls": "epoll_wait futex recvfrom sendto"}
        once = "1:epoll_wait 1:recvfrom 1:sendto"
        self.assertTrue(self.wrong(self.made(once), row))
        self.assertEqual(self.wrong(self.made(once, "2:futex 1:futex 2:futex"), row), [])

    def test_turns_mean_that_one_thread_waits(self):
        row = {"family": "x", "axes": {"readiness": "epoll_oneshot", "dispatch": "turns"}}
        calls = self.made("1:epoll_wait")
        self.assertFalse(list(broken_facts(row, calls, 1)))
        self.assertTrue(list(broken_facts(row, calls, 4)))

    def test_threads_may_take_turns(self):
        cycles = [f"{n}:epoll_wait {n}:recvfrom {n}:sendto" for n in range(5)]
        self.assertEqual(self.wrong(self.made(*cycles, times=10)), [])

    def test_facts_can_be_broken(self):
        row = {"family": "sequential", "axes": {"readiness": "blocking"}}
        two = self.made("1:recvfrom 2:sendto")
        self.assertTrue(list(broken_facts(row, two)))
        self.assertTrue(list(broken_facts(row, self.made("1:poll"))))
        self.assertFalse(list(broken_facts(row, self.made("1:recvfrom"))))
        for readiness in ("completion", "epoll_edge", "select", "poll", "signal"):
            row = {"family": "other", "axes": {"readiness": readiness}}
            self.assertTrue(list(broken_facts(row, two)), readiness)


class Models(unittest.TestCase):
    """One test per model is made from this below."""

    def check(self, row):
        try:
            calls, waiting = trace(row)
        except Unavailable as said:
            self.skipTest(str(said))
        self.assertEqual(list(broken_facts(row, calls, waiting)), [])
        self.assertEqual(list(differences(row, calls)), [])
        self.assertEqual(signatures(TABLE.read_text("utf-8")).get(row["name"]),
                         row["calls"], f"{TABLE.name} is old: run {sys.argv[0]} --table")


class Table(unittest.TestCase):
    def test_it_has_no_other_models(self):
        def_rows = re.findall(r"(?m)^MODEL\((\w+),",
                              (TOP / "servers/models.def").read_text("utf-8"))
        listed = list(signatures(TABLE.read_text("utf-8")))
        self.assertEqual(listed, [name for name in def_rows if name in listed])


def may_attach():
    victim = subprocess.Popen(["sleep", "60"])
    try:
        with Strace([victim.pid], os.devnull):
            return True
    except (Forbidden, FileNotFoundError) as error:
        print(f"Skipped: strace cannot attach here: {error}")
        return False
    finally:
        victim.kill()
        victim.wait()


def look_at(names, write):
    lines, wrong = [], 0
    for row in rows():
        if names and row["name"] not in names:
            continue
        try:
            calls, waiting = trace(row)
        except Unavailable as said:
            print(f"{row['name']}: {said}", file=sys.stderr)
            continue
        lines.append(table_row(row, calls))
        print(lines[-1], flush=True)
        for what in [*broken_facts(row, calls, waiting), *differences(row, calls)]:
            print(f"  WRONG: {what}", flush=True)
            wrong += 1
    if write:
        TABLE.write_text(table(lines), "utf-8")
        print(f"written: {TABLE}")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--table", action="store_true", help=f"write {TABLE.name}")
    parser.add_argument("models", nargs="*")
    options = parser.parse_args()
    faulthandler.dump_traceback_later(HANGING, exit=True)  # where, before ctest ends it
    if not may_attach():
        return SKIPPED
    if options.table or options.models:
        return look_at(options.models, write=options.table)
    for row in rows():
        setattr(Models, f"test_{row['name']}", lambda self, row=row: self.check(row))
    return 0 if unittest.main(argv=sys.argv[:1], exit=False).result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())

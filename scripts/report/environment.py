"""Where a campaign ran, how its programs were built and what was asked, as lists to read.

Folders of before have fewer members: what is not there has no row.
"""

from . import units

# Of the manifest's environment; what is in none of them is the machine's.
GROUPS = (
    ("Processors", ("cpu_model", "cpus_online", "cpus_allowed", "placement", "topology",
                    "smt", "caches", "clock", "governor", "clock_source", "microcode",
                    "throttled", "steal", "load_average")),
    ("Mitigations", ("mitigations",)),
    ("Kernel settings", ("kernel_command_line", "kernel_options", "sysctl")),
    ("Limits", ("limits", "cgroup")),
)
NAMES = {
    "placement.server.cpus": "server on CPUs",
    "placement.server.cores": "cores of the server",
    "placement.server.nodes": "memory nodes of the server",
    "placement.client.cpus": "client on CPUs",
    "placement.client.cores": "cores of the client",
    "placement.client.nodes": "memory nodes of the client",
    "placement.shared_cpus": "CPUs of both",
    "placement.siblings_shared": "both on siblings of one core",
    "topology.packages": "packages",
    "topology.nodes": "memory nodes",
    "topology.cores": "cores",
    "topology.threads_per_core": "threads of a core",
    "smt.active": "SMT",
    "smt.control": "SMT control",
    "clock.boost": "turbo",
    "clock.driver": "clock driver",
    "clock.max_mhz": "clock at most",
    "clock.now_mhz": "clock at the start",
    "cpu_model": "CPU model",
    "cpus_allowed": "CPUs allowed",
    "cpus_online": "CPUs online",
    "throttled": "throttled since boot",
    "steal.seconds_since_boot": "stolen since boot",
    "steal.share_since_boot": "stolen of what was wanted",
    "cgroup.cpus": "CPU quota of the control group",
    "cgroup.tasks": "tasks of the control group",
    "cgroup.memory_bytes": "memory of the control group",
    "cgroup.version": "version of control groups",
}
WITHOUT_HEAD = {"mitigations", "sysctl", "limits", "caches"}   # whose group says it …
AS_WRITTEN = {"mitigations", "sysctl"}      # … and whose names are the kernel's
CPU_LISTS = {"cpus", "shared_cpus", "cpus_allowed", "nodes"}


def facts(campaign):
    """[(heading, [(name, value)])]: the environment, the build and the options."""
    groups, found = [], campaign.about("environment")
    if isinstance(found, dict):
        rest = dict(found)
        parts = [(heading, {name: rest.pop(name) for name in names if name in rest})
                 for heading, names in GROUPS]
        groups = [(heading, list(rows(members))) for heading, members in
                  [("Machine", rest), *parts]]
    groups += [(heading, list(plain_rows(campaign.about(member))))
               for heading, member in (("Build", "build"), ("Options", "options"),
                                       ("Loopback floor", "floor"))
               if isinstance(campaign.about(member), dict)]
    return [(heading, members) for heading, members in groups if members]


def warnings(campaign):
    """What the runner said of machine and build before the first trial."""
    said = campaign.about("warnings")
    return [text for text in said if isinstance(text, str)] \
        if isinstance(said, list) else []


def rows(members, path=()):
    """(name, value) of each, and of all below it."""
    for name, member in members.items():
        here = (*path, name)
        if isinstance(member, dict):
            yield from rows(member, here)
        else:
            yield label(here), worded(here, member)


def label(path):
    known = NAMES.get(".".join(path))
    if known:
        return known
    if path[0] in AS_WRITTEN:
        return path[-1]
    if path[0] in WITHOUT_HEAD and len(path) > 1:
        path = path[1:]
    return " ".join(path).replace("_bytes", "").replace("_", " ")


def worded(path, value):
    name = path[-1]
    if isinstance(value, int) and not isinstance(value, bool):
        if name.endswith("_bytes"):
            return units.memory(value)
        if name.endswith("_mhz"):
            return units.unbroken(units.count(value), "MHz")
    if isinstance(value, (int, float)) and name.startswith("seconds_"):
        return units.unbroken(units.sig(value), "s")
    if isinstance(value, (int, float)) and name.startswith("share_"):
        return units.unbroken(units.sig(100 * value), "%")
    if name in CPU_LISTS and isinstance(value, list):
        return ranges(value)
    return fact(value)


def ranges(numbers):
    """0–2, 8"""
    if not all(isinstance(n, int) for n in numbers):
        return fact(numbers)
    runs = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{a}" if a == b else f"{a}–{b}" for a, b in runs) or "none"


def plain_rows(members, prefix=""):
    for name, member in members.items():
        if isinstance(member, dict):
            yield from plain_rows(member, f"{prefix}{name} ")
        else:
            yield (prefix + name).replace("_", " "), fact(member)


def fact(value):
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(fact(x) for x in value) or "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)

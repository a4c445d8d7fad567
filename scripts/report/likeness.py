"""What two campaigns have to have in common before their figures may be compared.

Commit, date, rounds, seed and choice of models may differ; machine, kernel, compiler,
flags and every option of the load may not, nor what a model was tuned to. A member that
this file does not know has to be the same. A member of machine or build that only one of
the two has was not recorded by the older program, and makes no difference.
"""

from . import tuned
from .units import clean

FREE = {
    "options": {"models", "clients", "levels", "rounds", "seed", "tune", "assert"},
    "build": {"commit", "dirty", "version"},
    "environment": {"load_average"},
}
# Of the moment, or of each boot: the kernel makes some more or less by the memory that it
# found. bench/environment.cpp has the same two, for who goes on with a campaign.
OF_THE_MOMENT = {
    "environment.clock.now_mhz", "environment.limits.nproc",
    "environment.limits.nproc_hard", "environment.steal",
    "environment.sysctl.fs.file-max", "environment.sysctl.kernel.threads-max",
    "environment.sysctl.net.ipv4.tcp_mem", "environment.throttled"}
# These decide nothing that is measured: what of the command line does is in kernel_options,
# a group's limits end a trial or leave it alone, and what parses options does so before it.
HARMLESS = {
    "build.libraries.CLI11", "build.libraries.fmt", "build.libraries.nlohmann_json",
    "build.libraries.tomlplusplus", "environment.cgroup.memory_bytes",
    "environment.cgroup.tasks", "environment.kernel_command_line"}
RECORDED = ("build", "environment")
ABSENT = "not recorded"


def differences(old, new):
    """[(member, of old, of new)] of two Campaigns, in words."""
    found = []
    for member in ("name", "axis", "metric"):   # unlike questions have unlike answers
        found += between(old.about("experiment", member),
                         new.about("experiment", member), f"experiment.{member}")
    for section, free in FREE.items():
        if old.experiment.name and section == "options":
            free = free - {"clients"}       # they are the load, not the levels
        found += between(old.about(section), new.about(section), section, free)
    tuned_of_old, tuned_of_new = tuned.settings(old), tuned.settings(new)
    for model in old.models:
        if model in new.models:
            found += between(tuned_of_old.get(model, tuned.DEFAULT),
                             tuned_of_new.get(model, tuned.DEFAULT), f"{model}.tuned")
            a, b = old.model_rows.get(model, {}), new.model_rows.get(model, {})
            for member in ("command", "endpoint"):
                found += between(a.get(member), b.get(member), f"{model}.{member}")
    return found


def environments(old, new):
    """[(member, of old, of new)] of machine and build, all that both recorded."""
    return [found for section in reversed(RECORDED) for found in
            between(old.about(section), new.about(section), section,
                    hidden=OF_THE_MOMENT)]


def in_one_alone(old, new):
    """The members of machine and build that only one of the two recorded."""
    return [path for section in reversed(RECORDED) for path in
            lonely(old.about(section), new.about(section), section)]


def between(a, b, path, free=(), hidden=OF_THE_MOMENT | HARMLESS):
    """Those of one member and all below it."""
    if path in hidden:
        return []
    if isinstance(a, dict) and isinstance(b, dict):
        is_recorded = path.startswith(RECORDED)
        names = {*a} & {*b} if is_recorded else {*a, *b}
        return [found for name in sorted(names - set(free)) for found in between(
            a.get(name), b.get(name), f"{path}.{clean(name)}", hidden=hidden)]
    return [] if a == b else [(path, worded(a), worded(b))]


def lonely(a, b, path):
    """The paths of members that one of two dictionaries lacks."""
    if not isinstance(a, dict) or not isinstance(b, dict):
        return []
    return [found for name in sorted({*a, *b}) for found in (
        lonely(a[name], b[name], f"{path}.{clean(name)}") if name in a and name in b
        else [f"{path}.{clean(name)}"])]


def worded(value):
    return ABSENT if value is None or value == "" else clean(value)

"""What two campaigns have to have in common before their figures may be compared.

Commit, date, rounds, seed and choice of models may differ; machine, kernel, compiler,
flags and every option of the load may not, nor what a model was tuned to. A member that
this file does not know has to be the same.
"""

from . import tuned
from .units import clean

FREE = {
    "options": {"models", "clients", "levels", "rounds", "seed", "tune", "assert"},
    "build": {"commit", "dirty"},
    "environment": {"load_average"},
}
# Of these the kernel makes more or less by the memory that it found, at each boot anew.
OF_EACH_BOOT = {"environment.sysctl.fs.file-max", "environment.sysctl.kernel.threads-max"}
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
    """[(member, of old, of new)] of machine and build, all that was recorded."""
    return [found for section in ("environment", "build") for found in
            between(old.about(section), new.about(section), section)]


def between(a, b, path, free=()):
    """Those of one member and all below it."""
    if isinstance(a, dict) and isinstance(b, dict):
        return [found for name in sorted({*a, *b} - set(free)) for found in between(
            a.get(name), b.get(name), f"{path}.{clean(name)}")]
    return [] if a == b or path in OF_EACH_BOOT else [(path, worded(a), worded(b))]


def worded(value):
    return ABSENT if value is None or value == "" else clean(value)

"""Reads a results folder: manifest.json and trials.jsonl (results/README.md)."""

import gzip
import json

from . import experiment
from .campaign import Campaign
from .trial import Trial
from .units import clean, plural

SCHEMA_VERSION = 1


class BadInput(Exception):
    """The folder cannot be read; the message names file, line and remedy."""


def load(folder):
    """Reads a results folder; throws BadInput."""
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder; give a folder that echo_compare wrote")
    packed = folder / "trials.jsonl.gz"  # as a committed campaign may be kept
    return load_file(packed if packed.exists() else folder / "trials.jsonl")


def load_file(path):
    """Reads trials.jsonl[.gz], and manifest.json beside it; throws BadInput."""
    manifest = load_manifest(path.parent / "manifest.json")
    trials, notes = load_trials(path)
    excluded = [t for t in trials if t.text("excluded")]
    trials = [t for t in trials if not t.text("excluded")]
    repeated = len(trials) - len({(t.model, t.at, t.round) for t in trials})
    if repeated:
        notes.append(f"{plural(repeated, 'trial')} {'was' if repeated == 1 else 'were'} "
                     "repeated; the last usable one of each round counts.")
    campaign = Campaign(manifest, trials, notes, excluded)
    campaign.twins = [t for t in trials if t.model in campaign.twin_names]
    campaign.null_trials = [t for t in trials if t.model in campaign.null_names]
    campaign.closed = [t for t in trials if t.model in campaign.closed_names]
    campaign.trials = [t for t in trials if t.model not in campaign.twin_names
                       and t.model not in campaign.null_names
                       and t.model not in campaign.closed_names]
    return campaign


def load_manifest(path):
    manifest = parse(read(path), path, 1)
    if not isinstance(manifest, dict):
        raise BadInput(f"{path}:1: not a JSON object; run echo_compare again")
    check_version(manifest, path, 1)
    return manifest


def load_trials(path):
    """The trials and notes; an unfinished last line is what a killed run leaves."""
    if not path.exists():
        return [], ["trials.jsonl does not exist: no trial was finished."]
    lines = read(path).split(b"\n")
    trials, notes = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            trials.append(check_trial(parse(line, path, number), path, number))
        except BadInput:
            if number < len(lines):
                raise
            notes.append(f"Line {number} of trials.jsonl is cut off, as a killed run "
                         "leaves it, and was ignored.")
    return trials, notes


def read(path):
    try:
        packed = path.suffix == ".gz"
        return gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}; a results folder holds manifest.json "
                       "and trials.jsonl, both readable") from error


def parse(text, path, line):
    def refuse(constant):
        raise BadInput(f"{path}:{line}: {constant} is not JSON; write null instead")
    try:
        return json.loads(text.decode("utf-8"), parse_constant=refuse)
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}:{line}: not UTF-8 at byte {error.start}; restore the "
                       "file or delete the line") from error
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}:{line + error.lineno - 1}: broken JSON at column "
                       f"{error.colno} ({error.msg}); restore the file or delete the "
                       "line") from error
    except RecursionError as error:
        raise BadInput(f"{path}:{line}: nested too deeply; restore the file") from error


def check_trial(raw, path, line):
    wanted = {"model": str, "clients": int, "round": int, "verdict": str}
    raw = raw if isinstance(raw, dict) else {}
    for name, kind in wanted.items():
        value = raw.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise BadInput(f"{path}:{line}: \"{name}\" is missing or not a "
                           f"{kind.__name__}; see results/README.md, then mend or delete "
                           "the line")
    if raw["clients"] < (0 if experiment.is_number(raw.get("at")) else 1):
        raise BadInput(f"{path}:{line}: \"clients\" is {raw['clients']}; at least 1 is "
                       "meant, mend or delete the line")
    check_version(raw, path, line)
    return Trial({**raw, "model": clean(raw["model"])})


def check_version(raw, path, line):
    version = raw.get("schema_version", SCHEMA_VERSION)
    if version != SCHEMA_VERSION:
        raise BadInput(f"{path}:{line}: schema_version is {version}, this report reads "
                       f"{SCHEMA_VERSION}; use the report.py that came with the run")

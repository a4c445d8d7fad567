"""What is published of the results' members, results/schema/*.json, for tests to hold
results to."""

import functools
import json
import pathlib

import jsonschema

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "results" / "schema"
ENOUGH = 66     # elements of a list: more than any list may have that has a limit


@functools.cache
def documents(whole):
    """{address: schema}; without `required`, unless whole."""
    found = {}
    for path in sorted(FOLDER.glob("*.json")):
        schema = json.loads(path.read_text("utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
        found[path.as_uri()] = schema if whole else without_required(schema)
    return found


def without_required(schema):
    if isinstance(schema, list):
        return [without_required(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: without_required(value) for name, value in schema.items()
            if not (name == "required" and isinstance(value, list))}


@functools.cache
def validator(name, whole=True):
    address, known = (FOLDER / f"{name}.json").as_uri(), documents(whole)
    resolver = jsonschema.RefResolver(address, known[address], store=known)
    return jsonschema.Draft202012Validator(known[address], resolver=resolver)


def thinned(value):
    """With a part of each long list, whose elements are of one kind: to look at all takes
    too long."""
    if isinstance(value, dict):
        return {name: thinned(member) for name, member in value.items()}
    if not isinstance(value, list):
        return value
    if len(value) > ENOUGH:
        value = value[:ENOUGH // 2] + value[-ENOUGH // 2:]
    return [thinned(element) for element in value]


def faults(name, value, whole=True):
    """What is wrong with it by the schema of that name, each by its place. whole: every
    member has to be there that this version writes, not those alone that older ones did."""
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:300]}"
            for error in validator(name, whole).iter_errors(thinned(value))]


def check(test, name, value, whole=True):
    test.assertEqual(faults(name, value, whole), [], f"results/schema/{name}.json")


SEEN = set()


def check_lines(test, name, lines):
    """Of JSON, each once."""
    for line in lines:
        if (name, line) not in SEEN:
            SEEN.add((name, line))
            check(test, name, parse(line))


def parse(text):
    """JSON as it is meant: NaN and infinities are none."""
    def refuse(constant):
        raise ValueError(f"{constant} is no JSON")
    return json.loads(text, parse_constant=refuse)
